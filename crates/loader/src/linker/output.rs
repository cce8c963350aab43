//! The output as it grows: sections put behind each other (`linker_append_sec_data`).

use std::borrow::Cow;
use std::collections::HashMap;

use object::elf;
use object::write::StringTable;
use object::write::elf::{SectionHeader, Sym};
use skep_btf::{BtfBuilder, CoreRelo, FuncInfo, LineInfo, SecVar};

use super::LinkError;
use super::budget::{Budget, Comparisons};
use super::input::{Input, Section};
use super::symbols::Global;

/// What was linked so far.
pub(super) struct Output<'a> {
    pub(super) budget: Budget,
    pub(super) comparisons: Comparisons,
    /// In the order in which they were met; 0 is none.
    pub(super) sections: Vec<OutSection>,
    by_name: HashMap<String, usize>,
    /// The sections that the file will have, by index in it, 0 being none: `.strtab` and `.symtab` come first.
    pub(super) file_order: Vec<usize>,
    pub(super) strings: StringTable<'a>,
    pub(super) symbols: Vec<Sym>,
    pub(super) globals: Vec<Global<'a>>,
    pub(super) global_named: HashMap<&'a str, usize>,
    pub(super) btf: BtfBuilder,
    /// Types of all inputs.
    pub(super) types_in: usize,
}

/// Section `.strtab` of the output: index in the file, and id.
pub(super) const STRTAB: u32 = 1;
/// Section `.symtab` of the output: index in the file, and id.
pub(super) const SYMTAB: u32 = 2;

/// A section of the output.
#[derive(Default)]
pub(super) struct OutSection {
    pub(super) name: String,
    /// `None` while only BTF knows of it.
    pub(super) header: Option<SectionHeader>,
    /// Its index in the file; 0 while it has none.
    pub(super) index: u32,
    pub(super) data: Vec<u8>,
    pub(super) size: u64,
    /// The symbol of the section itself; 0 if there is none yet.
    pub(super) symbol: u32,
    /// Whether BTF describes it, and the variables that it says are there.
    pub(super) has_btf: bool,
    pub(super) vars: Vec<SecVar>,
    pub(super) funcs: Vec<FuncInfo>,
    pub(super) lines: Vec<LineInfo>,
    pub(super) relos: Vec<CoreRelo>,
}

impl<'a> Output<'a> {
    pub(super) fn new() -> Output<'a> {
        let mut strings = StringTable::new_in_order(1);
        let table = |name: &str, header| OutSection {
            name: name.to_owned(),
            header: Some(header),
            ..OutSection::default()
        };
        let mut header = |name: &'static str, sh_type, sh_addralign, sh_entsize| {
            let id = strings.add(name.as_bytes());
            SectionHeader {
                sh_name: strings.get_offset(id),
                sh_type,
                sh_addralign,
                sh_entsize,
                ..SectionHeader::default()
            }
        };
        let strtab = SectionHeader { sh_flags: elf::SHF_STRINGS, ..header(".strtab", elf::SHT_STRTAB, 1, 0) };
        let symtab = SectionHeader { sh_link: STRTAB, ..header(".symtab", elf::SHT_SYMTAB, 8, 24) };
        let sections = vec![OutSection::default(), table(".strtab", strtab), table(".symtab", symtab)];
        let null = Sym {
            section: None,
            st_name: 0,
            st_info: elf::SymbolInfo(0),
            st_other: elf::SymbolOther(0),
            st_shndx: elf::SHN_UNDEF,
            st_value: 0,
            st_size: 0,
        };
        Output {
            budget: Budget::new(),
            comparisons: Comparisons::new(),
            by_name: [(".strtab", 1), (".symtab", 2)].map(|(name, id)| (name.to_owned(), id)).into(),
            sections,
            file_order: vec![0, 1, 2],
            strings,
            symbols: vec![null],
            globals: Vec::new(),
            global_named: HashMap::new(),
            btf: BtfBuilder::new(),
            types_in: 0,
        }
    }

    /// Adds the code and data of a file, and notes in its sections where they went.
    pub(super) fn add_sections(&mut self, input: &mut Input<'a>) -> Result<(), LinkError> {
        for section in input.sections.iter_mut().skip(1).filter(|it| it.is_data()) {
            let (id, is_new) = self.section_for(section)?;
            section.output = id;
            // These are the same for the whole object.
            if !is_new && matches!(&*section.name, "license" | "version") {
                let out = &self.sections[id];
                if out.header.is_none() || out.data != section.data {
                    let message = "the files before it have another one, and there can be only one";
                    return Err(LinkError::section(&section.name, message));
                }
                section.skipped = true;
                continue;
            }
            self.extend(id, section)?;
        }
        Ok(())
    }

    /// The section of the output that one of an input goes into, and whether it is new.
    pub(super) fn section_for(&mut self, section: &Section<'a>) -> Result<(usize, bool), LinkError> {
        match self.by_name.get(&*section.name).copied() {
            Some(id) => self.check_match(id, section).map(|()| (id, false)),
            None => {
                let id = self.sections.len();
                self.sections.push(OutSection { name: section.name.to_string(), ..OutSection::default() });
                self.by_name.insert(section.name.to_string(), id);
                self.start(id, section)?;
                Ok((id, true))
            }
        }
    }

    /// `secs_match`.
    fn check_match(&self, id: usize, section: &Section<'_>) -> Result<(), LinkError> {
        let (Some(out), Some(header)) = (&self.sections[id].header, &section.header) else { return Ok(()) };
        let what = if out.sh_type != header.sh_type {
            "type"
        } else if out.sh_flags != header.sh_flags {
            "flags"
        } else if out.sh_entsize != header.sh_entsize {
            "size of entries"
        } else {
            return Ok(());
        };
        let message = format!("its {what} differs from the one that the files before it have");
        Err(LinkError::section(&section.name, message))
    }

    /// Gives a section its place in the file, unless only BTF knows of it (`init_sec`).
    fn start(&mut self, id: usize, section: &Section<'a>) -> Result<(), LinkError> {
        let (Some(header), Cow::Borrowed(name)) = (&section.header, &section.name) else { return Ok(()) };
        let index = self.file_order.len() as u32;
        if index >= u32::from(elf::SHN_LORESERVE) - 2 {
            return Err(LinkError::new("there are too many sections"));
        }
        let sh_name = self.name(name);
        let out = &mut self.sections[id];
        out.index = index;
        out.header = Some(SectionHeader {
            sh_name,
            sh_type: header.sh_type,
            sh_flags: header.sh_flags,
            sh_addralign: header.sh_addralign,
            sh_entsize: header.sh_entsize,
            ..SectionHeader::default()
        });
        self.file_order.push(id);
        Ok(())
    }

    /// The place of a name in `.strtab`.
    pub(super) fn name(&mut self, name: &'a str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let id = self.strings.add(name.as_bytes());
        self.strings.get_offset(id)
    }

    /// Puts the bytes of an input's section behind what is there (`extend_sec`).
    pub(super) fn extend(&mut self, id: usize, section: &mut Section<'a>) -> Result<(), LinkError> {
        let Some(header) = &section.header else { return Ok(()) };
        // `.maps` may have had nothing but externs so far.
        if self.sections[id].header.is_none() {
            self.start(id, section)?;
        }
        let out = &mut self.sections[id];
        let Some(out_header) = &mut out.header else { return Ok(()) };
        let align = out_header.sh_addralign.max(1).max(header.sh_addralign);
        let too_large = || LinkError::section(&section.name, "it is larger than 4 GiB");
        let start = out.size.checked_next_multiple_of(align).ok_or_else(too_large)?;
        let end = start
            .checked_add(header.sh_size)
            .filter(|end| *end <= u64::from(u32::MAX))
            .ok_or_else(too_large)?;
        if header.sh_type != elf::SHT_NOBITS {
            self.budget.pay(end - out.size).map_err(|error| error.in_section(&section.name))?;
            out.data.resize(start as usize, 0);
            out.data.extend_from_slice(section.data);
        }
        out.size = end;
        out_header.sh_addralign = align;
        section.offset = start;
        Ok(())
    }
}
