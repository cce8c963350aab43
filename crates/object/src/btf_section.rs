//! The BTF of a file that need not be a BPF object: a kernel's `vmlinux`, a module, or BTF alone.

use crate::elf::{self, Elf};
use crate::error::Error;

/// The first bytes of BTF, in little-endian order (`BTF_MAGIC`).
const MAGIC: [u8; 2] = [0x9f, 0xeb];

/// The bytes of BTF in a file: all of it if it is BTF, the `.BTF` section if it is a 64-bit little-endian ELF file of
/// any machine and type. `None` when such a file has no `.BTF`.
///
/// Nothing is copied, and of an ELF file only the section table is read, so a kernel of any size costs nothing.
///
/// ```
/// let object = include_bytes!("../tests/data/counter.bpf.o");
/// let btf = skep_object::btf_section(object)?.ok_or("no BTF")?;
/// assert_eq!(skep_object::btf_section(btf)?, Some(btf));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// It is neither, or the ELF file is not well-formed.
pub fn btf_section(bytes: &[u8]) -> Result<Option<&[u8]>, Error> {
    if bytes.starts_with(&MAGIC) {
        return Ok(Some(bytes));
    }
    let sections = elf::section_table(bytes)?;
    match sections.iter().find(|it| it.name == ".BTF") {
        None => Ok(None),
        Some(section) => Elf::data_of(bytes, section).map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::btf_section;
    use crate::ErrorKind;

    const OBJECT: &[u8] = include_bytes!("../tests/data/counter.bpf.o");

    #[test]
    fn any_machine_will_do() {
        let mut kernel = OBJECT.to_vec();
        // ET_EXEC, EM_X86_64
        kernel[16..20].copy_from_slice(&[2, 0, 62, 0]);
        assert_eq!(btf_section(&kernel).unwrap(), btf_section(OBJECT).unwrap());
    }

    #[test]
    fn what_is_neither_is_refused() {
        assert_eq!(btf_section(b"hello").unwrap_err().kind, ErrorKind::NotElf);
        assert_eq!(btf_section(b"").unwrap_err().kind, ErrorKind::NotElf);
    }

    #[test]
    fn every_cut_is_an_answer() {
        for len in (0..OBJECT.len()).step_by(7) {
            let _ = btf_section(&OBJECT[..len]);
        }
    }
}
