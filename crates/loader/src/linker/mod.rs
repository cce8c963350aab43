//! Static linking: several objects made one, as `bpftool gen object` does it (libbpf's `bpf_linker`).
//!
//! Sections of one name are put behind each other; functions, variables and maps that one file declares `extern` are
//! found in the others; a weak definition gives way to a strong one; maps that several files define or declare must
//! agree; types are merged, one of each. What is refused, and in which order things come, is as in libbpf 1.5: for
//! inputs that it links, the result is the same file, byte for byte, but for this: variables that are declared, or weak,
//! before they are defined get their offsets at once (libbpf leaves those of the declarations, cannot load that, and puts
//! it right when the result is linked once more), and maps that nobody defines stay undefined beside those that are, so
//! that a later linking finds them.
//!
//! Refused, though libbpf does something: big-endian objects; names that are no UTF-8; relocations against what is left
//! out because it is there once (a license); weak and strong definitions in different sections.

mod budget;
mod compare;
mod error;
mod ext;
mod input;
mod maps;
mod output;
mod relocs;
mod symbols;
mod types;
mod write;

pub use error::LinkError;

use input::Input;
use output::Output;

/// The linked object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The object file.
    pub bytes: Vec<u8>,
    /// Its sections in file order: name, and size in bytes.
    pub sections: Vec<(String, u64)>,
    /// What no file defines, in the order in which it was met: left to a later linking, to the loader, or to the kernel.
    pub externs: Vec<String>,
    /// BTF types of all inputs together, and of the output.
    pub types: (usize, usize),
}

/// Links objects in this order: for each the name that errors shall have, and its bytes.
///
/// # Errors
/// The first thing that is wrong with an input, or that does not fit what the ones before it have.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/");
/// # let read = |name: &str| std::fs::read(format!("{folder}{name}"));
/// let (firewall, cidr) = (read("xdp_firewall.bpf.o")?, read("cidr_block.bpf.o")?);
/// let linked = skep_loader::linker::link(&[("firewall", &firewall), ("cidr", &cidr)])?;
/// let object = skep_object::Object::parse(&linked.bytes)?;
/// assert_eq!(object.programs.len(), 2);
/// # Ok(())
/// # }
/// ```
pub fn link(inputs: &[(&str, &[u8])]) -> Result<Linked, LinkError> {
    let mut output = Output::new();
    for (name, bytes) in inputs {
        add(&mut output, bytes).map_err(|error| error.in_file(name))?;
    }
    write::finish(output)
}

fn add<'a>(output: &mut Output<'a>, bytes: &'a [u8]) -> Result<(), LinkError> {
    output.budget.add_file(bytes.len());
    let mut input = Input::read(bytes, &mut output.budget)?;
    output.add_sections(&mut input)?;
    let symbols = output.add_symbols(&input)?;
    output.add_relocations(&mut input, &symbols)?;
    let types = output.add_types(&input)?;
    output.add_ext(&input, &types)
}
