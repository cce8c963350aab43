//! `.BTF.ext`: what belongs to instructions. Function info, C lines and CO-RE relocations.

use std::collections::HashMap;

use crate::header::Header;
use crate::reader::Reader;
use crate::{Btf, Error, Reason, StrOff, TypeId};

/// The records of a `.BTF.ext` section, by the ELF section whose instructions they describe.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BtfExt {
    funcs: Vec<ExtSection<FuncInfo>>,
    lines: Vec<ExtSection<LineInfo>>,
    core_relos: Vec<ExtSection<CoreRelo>>,
}

/// The records for one ELF section.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExtSection<T> {
    /// The ELF section's name.
    pub name: String,
    /// The same in the BTF's string table.
    pub name_off: StrOff,
    /// The records, in file order (compilers write them by ascending instruction).
    pub records: Vec<T>,
}

/// Which function starts at an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FuncInfo {
    /// Bytes from the start of the ELF section.
    pub insn_off: u32,
    /// The function, a [`Def::Func`](crate::Def::Func).
    pub type_id: TypeId,
}

/// Which C line an instruction is from. It holds until the next record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LineInfo {
    /// Bytes from the start of the ELF section.
    pub insn_off: u32,
    /// The file's name.
    pub file: StrOff,
    /// The text of the line; may be empty.
    pub line_text: StrOff,
    /// The line, from 1; 0 if the compiler made the instruction up.
    pub line: u32,
    /// The column, from 1; 0 if not known.
    pub column: u32,
}

/// A CO-RE relocation: a number in an instruction that depends on the target's types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CoreRelo {
    /// Bytes from the start of the ELF section.
    pub insn_off: u32,
    /// The type as this object knows it.
    pub type_id: TypeId,
    /// The access as text: member, element and value indices as `"0:1:2"`.
    pub access: StrOff,
    /// What of the type is wanted (`enum bpf_core_relo_kind`), as recorded.
    pub kind: u32,
}

impl BtfExt {
    /// Parses the bytes of a `.BTF.ext` section; strings and types are those of `btf`.
    ///
    /// # Errors
    /// The offset of what is wrong, and what it is.
    pub fn parse(bytes: &[u8], btf: &Btf) -> Result<BtfExt, Error> {
        let mut header = Header::parse(bytes, 16)?;
        let funcs = header.part("func_info", 4)?;
        let lines = header.part("line_info", 4)?;
        // Headers of before Linux 5.4 end here.
        let core_relos = if header.fields.is_empty() { None } else { Some(header.part("core_relo", 4)?) };
        header.finish()?;
        Ok(BtfExt {
            funcs: sections(funcs, btf, 8, func_info)?,
            lines: sections(lines, btf, 16, line_info)?,
            core_relos: core_relos.map_or(Ok(Vec::new()), |part| sections(part, btf, 16, core_relo))?,
        })
    }

    /// Records that a program made. Strings and types are those of the [`Btf`] that goes with them; nothing is checked.
    pub fn from_sections(
        funcs: Vec<ExtSection<FuncInfo>>,
        lines: Vec<ExtSection<LineInfo>>,
        core_relos: Vec<ExtSection<CoreRelo>>,
    ) -> BtfExt {
        BtfExt { funcs, lines, core_relos }
    }

    /// Whether there is no record at all.
    pub fn is_empty(&self) -> bool {
        self.funcs.is_empty() && self.lines.is_empty() && self.core_relos.is_empty()
    }

    /// Lets `change` change every string that it refers to, in the order in which the bytes have them.
    pub(crate) fn for_each_string(&mut self, change: &mut impl FnMut(&mut StrOff)) {
        self.funcs.iter_mut().for_each(|section| change(&mut section.name_off));
        for section in &mut self.lines {
            change(&mut section.name_off);
            for line in &mut section.records {
                change(&mut line.file);
                change(&mut line.line_text);
            }
        }
        for section in &mut self.core_relos {
            change(&mut section.name_off);
            section.records.iter_mut().for_each(|relo| change(&mut relo.access));
        }
    }

    /// Lets `change` change every type that it refers to.
    pub(crate) fn for_each_id(&mut self, change: &mut impl FnMut(&mut TypeId)) {
        self.funcs.iter_mut().flat_map(|it| &mut it.records).for_each(|it| change(&mut it.type_id));
        self.core_relos.iter_mut().flat_map(|it| &mut it.records).for_each(|it| change(&mut it.type_id));
    }

    /// The functions of the ELF section called `section`.
    pub fn funcs(&self, section: &str) -> &[FuncInfo] {
        records(&self.funcs, section)
    }

    /// The C lines of the ELF section called `section`.
    pub fn lines(&self, section: &str) -> &[LineInfo] {
        records(&self.lines, section)
    }

    /// The CO-RE relocations of the ELF section called `section`.
    pub fn core_relos(&self, section: &str) -> &[CoreRelo] {
        records(&self.core_relos, section)
    }

    /// Functions of all sections.
    pub fn func_sections(&self) -> &[ExtSection<FuncInfo>] {
        &self.funcs
    }

    /// C lines of all sections.
    pub fn line_sections(&self) -> &[ExtSection<LineInfo>] {
        &self.lines
    }

    /// CO-RE relocations of all sections.
    pub fn core_relo_sections(&self) -> &[ExtSection<CoreRelo>] {
        &self.core_relos
    }
}

fn records<'a, T>(sections: &'a [ExtSection<T>], name: &str) -> &'a [T] {
    let found = sections.iter().find(|section| section.name == name);
    found.map_or(&[], |section| &section.records)
}

/// Bytes of all section names together. Real objects have a few hundred.
const MAX_NAMES: usize = 1 << 20;

type Parse<T> = fn(&mut Reader<'_>, &Btf) -> Result<T, Error>;

/// One part: the record size, then for each ELF section its name, a count and the records. Sections of the same
/// name are put together.
fn sections<T>(
    mut part: Reader<'_>,
    btf: &Btf,
    min: u32,
    parse: Parse<T>,
) -> Result<Vec<ExtSection<T>>, Error> {
    let mut sections: Vec<ExtSection<T>> = Vec::new();
    let mut by_name = HashMap::new();
    if part.is_empty() {
        return Ok(sections);
    }
    let here = part.clone();
    let size = part.u32()?;
    if size < min || size % 4 != 0 {
        return Err(here.error(Reason::RecordSize(size)));
    }
    if part.is_empty() {
        return Err(here.error(Reason::NoRecords));
    }
    let mut name_bytes = 0;
    while !part.is_empty() {
        let here = part.clone();
        let name_off = btf.check_name(StrOff(part.u32()?)).map_err(|reason| here.error(reason))?;
        let name = btf.str(name_off);
        let count = part.u32()?;
        if count == 0 {
            return Err(here.error(Reason::NoRecords));
        }
        let index = *by_name.entry(name).or_insert_with(|| {
            name_bytes += name.len();
            sections.push(ExtSection { name: name.to_owned(), name_off, records: Vec::new() });
            sections.len() - 1
        });
        // Names that overlap in the string table could multiply it.
        if name_bytes > MAX_NAMES {
            return Err(here.error(Reason::NameTooLong));
        }
        for _ in 0..count {
            let mut record = part.sub(size as usize)?;
            sections[index].records.push(parse(&mut record, btf)?);
            zero_tail(record)?;
        }
    }
    Ok(sections)
}

/// What a longer record has beyond what is known must be zero.
fn zero_tail(mut record: Reader<'_>) -> Result<(), Error> {
    let here = record.clone();
    match record.take(record.left())?.iter().all(|byte| *byte == 0) {
        true => Ok(()),
        false => Err(here.error(Reason::UnknownRecordTail)),
    }
}

fn func_info(record: &mut Reader<'_>, btf: &Btf) -> Result<FuncInfo, Error> {
    Ok(FuncInfo { insn_off: insn_off(record)?, type_id: type_id(record, btf)? })
}

fn line_info(record: &mut Reader<'_>, btf: &Btf) -> Result<LineInfo, Error> {
    let (insn_off, file, line_text) = (insn_off(record)?, string(record, btf)?, string(record, btf)?);
    let word = record.u32()?;
    Ok(LineInfo { insn_off, file, line_text, line: word >> 10, column: word & 0x3ff })
}

fn core_relo(record: &mut Reader<'_>, btf: &Btf) -> Result<CoreRelo, Error> {
    let (insn_off, type_id) = (insn_off(record)?, type_id(record, btf)?);
    Ok(CoreRelo { insn_off, type_id, access: string(record, btf)?, kind: record.u32()? })
}

fn insn_off(record: &mut Reader<'_>) -> Result<u32, Error> {
    let here = record.clone();
    match record.u32()? {
        offset if offset % 8 == 0 => Ok(offset),
        offset => Err(here.error(Reason::InsnOffset(offset))),
    }
}

fn type_id(record: &mut Reader<'_>, btf: &Btf) -> Result<TypeId, Error> {
    let here = record.clone();
    let id = TypeId(record.u32()?);
    if btf.type_by_id(id).is_some() { Ok(id) } else { Err(here.error(Reason::NoSuchType(id))) }
}

fn string(record: &mut Reader<'_>, btf: &Btf) -> Result<StrOff, Error> {
    let here = record.clone();
    btf.check_string(StrOff(record.u32()?)).map_err(|reason| here.error(reason))
}
