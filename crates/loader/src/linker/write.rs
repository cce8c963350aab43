//! The file: types without doubles, and everything in its place (`bpf_linker__finalize`).

use object::elf;
use object::write::elf::{FileHeader, FileHeaderLayout, SectionHeader};
use skep_btf::{DataSec, Def};

use super::output::{OutSection, Output, STRTAB, SYMTAB};
use super::relocs::encoder;
use super::{LinkError, Linked};

/// Bytes of the file's header.
const FILE_HEADER: u64 = 64;

/// Finishes the output.
pub(super) fn finish(mut output: Output<'_>) -> Result<Linked, LinkError> {
    let externs = output.globals.iter().filter(|it| it.is_extern).map(|it| it.name.to_owned()).collect();
    let types = (output.types_in, finish_types(&mut output)?);
    let (strtab, symtab) = tables(&mut output)?;
    let mut sections: Vec<(SectionHeader, &[u8])> = Vec::new();
    for id in output.file_order.iter().skip(1) {
        let section = &output.sections[*id];
        let Some(header) = &section.header else { continue };
        let data = match *id as u32 {
            STRTAB => &strtab,
            SYMTAB => &symtab,
            _ => &section.data,
        };
        let size = if header.sh_type == elf::SHT_NOBITS { section.size } else { data.len() as u64 };
        sections.push((SectionHeader { sh_size: size, ..header.clone() }, data));
    }
    let table = place(&mut sections, output.budget.left())?;
    let bytes = write(&sections, table)?;
    let sizes = output.file_order.iter().skip(1).zip(&sections);
    let sections =
        sizes.map(|(id, (header, _))| (output.sections[*id].name.clone(), header.sh_size)).collect();
    Ok(Linked { bytes, sections, externs, types })
}

/// Makes `.BTF` and `.BTF.ext`; answers how many types there are.
fn finish_types(output: &mut Output<'_>) -> Result<usize, LinkError> {
    if output.btf.next_id().0 == 1 {
        return Ok(0);
    }
    for section in output.sections.iter_mut().filter(|it| it.has_btf) {
        let vars = std::mem::take(&mut section.vars).into_boxed_slice();
        output.btf.add(&section.name, Def::DataSec(DataSec { size: section.size as u32, vars }));
    }
    let ext = output.take_ext();
    let merged =
        |error: &dyn std::fmt::Display| LinkError::section(".BTF", format!("the merged types: {error}"));
    let btf = std::mem::take(&mut output.btf).build().map_err(|error| merged(&error))?;
    let unique = btf.dedup(Some(&ext)).map_err(|error| merged(&error))?;
    output.add_table(".BTF", unique.btf.to_bytes());
    if let Some(ext) = unique.ext.filter(|it| !it.is_empty()) {
        output.add_table(".BTF.ext", ext.to_bytes());
    }
    Ok(unique.btf.own_types().len())
}

impl Output<'_> {
    fn add_table(&mut self, name: &'static str, data: Vec<u8>) {
        let header = SectionHeader {
            sh_name: self.name(name),
            sh_type: elf::SHT_PROGBITS,
            sh_addralign: 8,
            ..SectionHeader::default()
        };
        self.file_order.push(self.sections.len());
        let (name, size) = (name.to_owned(), data.len() as u64);
        self.sections.push(OutSection { name, size, data, header: Some(header), ..OutSection::default() });
    }
}

/// The bytes of `.strtab` and `.symtab`. Local symbols are not put first: libbpf leaves them where they are, and
/// numbers in relocations count on it.
fn tables(output: &mut Output<'_>) -> Result<(Vec<u8>, Vec<u8>), LinkError> {
    let (mut strtab, mut symtab) = (Vec::new(), Vec::new());
    let written = encoder().strtab(&mut strtab, &mut output.strings);
    written.map_err(|error| LinkError::section(".strtab", error.to_string()))?;
    for symbol in &output.symbols {
        encoder().symbol(&mut symtab, symbol);
    }
    Ok((strtab, symtab))
}

/// Gives each section its place in the file, one behind the other; answers where their headers go.
fn place(sections: &mut [(SectionHeader, &[u8])], limit: u64) -> Result<u64, LinkError> {
    let mut end = FILE_HEADER;
    let mut padding = 0_u64;
    for (header, data) in sections {
        let start = end.checked_next_multiple_of(header.sh_addralign.max(1));
        padding = padding.saturating_add(start.map_or(u64::MAX, |start| start - end));
        let start = start.filter(|_| padding <= limit);
        header.sh_offset =
            start.ok_or_else(|| LinkError::new("alignments would make the file far too large"))?;
        end = header.sh_offset + data.len() as u64;
    }
    Ok(end.next_multiple_of(8))
}

fn write(sections: &[(SectionHeader, &[u8])], table: u64) -> Result<Vec<u8>, LinkError> {
    let mut out: Vec<u8> = Vec::new();
    let header = FileHeader { e_type: elf::ET_REL, e_machine: elf::EM_BPF, ..FileHeader::default() };
    let layout = FileHeaderLayout {
        e_shoff: table,
        section_num: sections.len() as u32 + 1,
        shstrtab_index: STRTAB,
        ..FileHeaderLayout::default()
    };
    let written = encoder().file_header(&mut out, &header, &layout);
    written.map_err(|error| LinkError::new(error.to_string()))?;
    for (header, data) in sections {
        pad(&mut out, header.sh_offset);
        out.extend_from_slice(data);
    }
    pad(&mut out, table);
    encoder().null_section_header(&mut out, &layout);
    for (header, _) in sections {
        encoder().section_header(&mut out, header);
    }
    Ok(out)
}

fn pad(out: &mut Vec<u8>, end: u64) {
    // `place` saw to it that it is in proportion.
    out.resize(end as usize, 0);
}
