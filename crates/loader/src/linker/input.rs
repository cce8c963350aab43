//! One input file: its sections, symbols and types, checked (`linker_load_obj_file`, `linker_sanity_check_*`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use object::LittleEndian;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader as _, SectionHeader as _, SectionTable};
use object::write::elf::{Rel, SectionHeader, Sym};
use skep_btf::{Btf, BtfExt, Def, Linkage, SecVar, TypeId};

use super::LinkError;
use super::budget::{Budget, RECORD};

type Header = FileHeader64<LittleEndian>;
const ENDIAN: LittleEndian = LittleEndian;

/// `SHT_LLVM_ADDRSIG`: which symbols' addresses matter; nobody asks.
const SHT_LLVM_ADDRSIG: elf::SectionType = elf::SectionType(0x6fff_4c03);

/// Bytes of the longest name, as in `skep-object`.
const MAX_NAME: usize = 4096;

/// The section of variables that are to be found in other files.
pub(super) const EXTERN: &str = ".extern";

/// A file to link.
pub(super) struct Input<'a> {
    /// By index in the file; 0 is none. Behind them are those that only BTF knows of.
    pub(super) sections: Vec<Section<'a>>,
    /// By index in the file; 0 is none.
    pub(super) symbols: Vec<Symbol<'a>>,
    pub(super) btf: Option<Rc<Btf>>,
    pub(super) ext: Option<BtfExt>,
    by_name: HashMap<String, usize>,
    symtab: usize,
}

/// A section of an input.
pub(super) struct Section<'a> {
    pub(super) name: Cow<'a, str>,
    /// Its header; `None` for one that only BTF knows of: `.ksyms`, `.kconfig`, `.maps` with nothing but externs.
    pub(super) header: Option<SectionHeader>,
    pub(super) data: &'a [u8],
    /// It does not go into the output.
    pub(super) skipped: bool,
    /// Which section of the output it goes into, 0 for none, and where in it.
    pub(super) output: usize,
    pub(super) offset: u64,
    /// The variables in it, with offsets, if BTF has a data section of its name.
    pub(super) vars: Option<Vec<SecVar>>,
}

/// A symbol of an input.
pub(super) struct Symbol<'a> {
    pub(super) name: &'a str,
    pub(super) raw: Sym,
}

impl Symbol<'_> {
    pub(super) fn is_extern(&self) -> bool {
        self.raw.st_shndx == elf::SHN_UNDEF
    }

    pub(super) fn is_local(&self) -> bool {
        self.raw.st_info.st_bind() == elf::STB_LOCAL
    }

    pub(super) fn is_section(&self) -> bool {
        self.raw.st_info.st_type() == elf::STT_SECTION
    }

    /// The index of its section, if it is in one.
    pub(super) fn section(&self) -> Option<usize> {
        self.raw.st_shndx.index().map(usize::from)
    }
}

impl Section<'_> {
    fn kind(&self) -> Option<elf::SectionType> {
        self.header.as_ref().map(|header| header.sh_type)
    }

    /// Whether programs are in it.
    pub(super) fn is_code(&self) -> bool {
        self.header.as_ref().is_some_and(|it| it.sh_flags.0 & elf::SHF_EXECINSTR.0 != 0)
    }

    /// Whether it is of data or programs; variables that only BTF knows of are data.
    pub(super) fn is_data(&self) -> bool {
        !self.skipped && matches!(self.kind(), None | Some(elf::SHT_PROGBITS | elf::SHT_NOBITS))
    }

    /// Whether it holds relocations.
    pub(super) fn is_relocations(&self) -> bool {
        !self.skipped && self.kind() == Some(elf::SHT_REL)
    }
}

impl<'a> Input<'a> {
    /// Reads and checks a file.
    pub(super) fn read(bytes: &'a [u8], budget: &mut Budget) -> Result<Input<'a>, LinkError> {
        let table = section_table(bytes)?;
        let mut input = Input {
            sections: vec![Section::none()],
            symbols: Vec::new(),
            btf: None,
            ext: None,
            by_name: HashMap::new(),
            symtab: 0,
        };
        for (index, header) in table.iter().enumerate().skip(1) {
            input.read_section(bytes, &table, index, header, budget)?;
        }
        input.read_symbols(budget)?;
        for index in 1..input.sections.len() {
            let section = &input.sections[index];
            input.check_section(index, section).map_err(|error| error.in_section(&section.name))?;
        }
        if input.btf.is_none() && input.ext.is_some() {
            return Err(LinkError::section(".BTF.ext", "there is no .BTF section for it"));
        }
        input.place_variables(budget)?;
        Ok(input)
    }

    /// The first section with this name.
    pub(super) fn section_named(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    fn read_section(
        &mut self,
        bytes: &'a [u8],
        table: &SectionTable<'a, Header>,
        index: usize,
        header: &elf::SectionHeader64<LittleEndian>,
        budget: &mut Budget,
    ) -> Result<(), LinkError> {
        let numbered = |what: &str| LinkError::new(format!("section #{index} has {what}"));
        let name = table.section_name(ENDIAN, header).map_err(|_| numbered("no name"))?;
        let name = text(name).ok_or_else(|| numbered("a name that is too long, or no text"))?;
        let data = header.data(ENDIAN, bytes);
        let data = data.map_err(|_| LinkError::section(name, "its bytes lie outside of the file"))?;
        budget.name(name)?;
        if name.is_empty() {
            return Err(numbered("an empty name"));
        }
        let mut section = Section {
            name: Cow::Borrowed(name),
            header: Some(SectionHeader::from_raw::<elf::SectionHeader64<LittleEndian>>(ENDIAN, header)),
            data,
            ..Section::none()
        };
        let raw = header.sh_type(ENDIAN);
        section.skipped = is_ignored(name, raw, data);
        match raw {
            _ if section.skipped => {}
            elf::SHT_SYMTAB if self.symtab != 0 => {
                return Err(LinkError::section(name, "it is a second symbol table"));
            }
            elf::SHT_SYMTAB => self.symtab = index,
            elf::SHT_PROGBITS if name == ".BTF" => {
                budget.pay(data.len() as u64)?;
                let btf = Btf::parse(data).map_err(|error| LinkError::section(name, error.to_string()))?;
                self.btf = Some(Rc::new(btf));
                section.skipped = true;
            }
            elf::SHT_PROGBITS if name == ".BTF.ext" => section.skipped = true,
            elf::SHT_REL => budget.pay(data.len() as u64)?,
            elf::SHT_PROGBITS | elf::SHT_NOBITS => {}
            other => return Err(LinkError::section(name, format!("its type {:#x} is not known", other.0))),
        }
        self.by_name.entry(name.to_owned()).or_insert(index);
        self.sections.push(section);
        Ok(())
    }

    fn read_symbols(&mut self, budget: &mut Budget) -> Result<(), LinkError> {
        if let (Some(btf), Some(ext)) = (&self.btf, self.section_named(".BTF.ext")) {
            let ext = BtfExt::parse(self.sections[ext].data, btf);
            self.ext = Some(ext.map_err(|error| LinkError::section(".BTF.ext", error.to_string()))?);
        }
        let Some(header) = self.sections[self.symtab].header.clone() else {
            return Err(LinkError::new("there is no symbol table"));
        };
        let table = &self.sections[self.symtab];
        let wrong = |what: String| LinkError::section(&table.name, what);
        if header.sh_entsize != 24 || !table.data.len().is_multiple_of(24) {
            return Err(wrong(format!("symbols of {} bytes, not 24", header.sh_entsize)));
        }
        let names =
            self.sections.get(header.sh_link as usize).filter(|it| it.kind() == Some(elf::SHT_STRTAB));
        let names =
            names.ok_or_else(|| wrong(format!("section #{} is no string table", header.sh_link)))?.data;
        let (raw, _) =
            object::pod::slice_from_bytes::<elf::Sym64<LittleEndian>>(table.data, table.data.len() / 24)
                .map_err(|()| wrong("it cannot be read".to_owned()))?;
        let mut symbols = Vec::with_capacity(raw.len());
        for (index, sym) in raw.iter().enumerate() {
            let raw = Sym::from_raw(ENDIAN, sym, None);
            let name = string(names, raw.st_name);
            let name = name.ok_or_else(|| wrong(format!("symbol #{index} has no name that can be read")))?;
            budget.name(name)?;
            let symbol = Symbol { name, raw };
            self.check_symbol(index, &symbol).map_err(|what| {
                let error = LinkError::symbol(name, format!("symbol #{index} {what}"));
                error.in_section(&table.name)
            })?;
            symbols.push(symbol);
        }
        self.symbols = symbols;
        Ok(())
    }

    /// `linker_sanity_check_elf_symtab`.
    fn check_symbol(&self, index: usize, symbol: &Symbol<'_>) -> Result<(), String> {
        let raw = &symbol.raw;
        let (bind, kind) = (raw.st_info.st_bind(), raw.st_info.st_type());
        let no_value = raw.st_value == 0 && raw.st_size == 0;
        if index == 0 {
            let is_null = (raw.st_name, raw.st_info.0, raw.st_other.0) == (0, 0, 0);
            return if is_null && no_value && symbol.is_extern() {
                Ok(())
            } else {
                Err("is not empty".to_owned())
            };
        }
        if !matches!(bind, elf::STB_LOCAL | elf::STB_GLOBAL | elf::STB_WEAK) {
            return Err(format!("has unsupported binding {}", bind.0));
        }
        if !matches!(raw.st_other.visibility(), elf::STV_DEFAULT | elf::STV_HIDDEN) {
            return Err(format!("has unsupported visibility {}", raw.st_other.visibility().0));
        }
        if symbol.is_extern() {
            let is_valid = kind == elf::STT_NOTYPE && bind != elf::STB_LOCAL && no_value;
            return if is_valid { Ok(()) } else { Err("is an invalid extern".to_owned()) };
        }
        match symbol.section() {
            Some(section) if section >= self.sections.len() => {
                Err(format!("is in missing section #{section}"))
            }
            Some(_) if kind == elf::STT_SECTION && raw.st_value != 0 => {
                Err("is a section's but not its start".to_owned())
            }
            None if kind == elf::STT_SECTION => Err("is a section's but in none".to_owned()),
            _ => Ok(()),
        }
    }

    /// `linker_sanity_check_elf`.
    fn check_section(&self, index: usize, section: &Section<'_>) -> Result<(), LinkError> {
        let Some(header) = &section.header else { return Ok(()) };
        if is_dwarf(&section.name) {
            return Ok(());
        }
        if header.sh_addralign != 0 && !header.sh_addralign.is_power_of_two() {
            let message = format!("its alignment of {} is no power of two", header.sh_addralign);
            return Err(LinkError::new(message));
        }
        match header.sh_type {
            elf::SHT_PROGBITS if section.is_code() && !section.data.len().is_multiple_of(8) => {
                Err(LinkError::new(format!("its {} bytes are no whole instructions", section.data.len())))
            }
            elf::SHT_REL => self.check_relocations(index, section, header),
            _ => Ok(()),
        }
    }

    /// `linker_sanity_check_elf_relos`.
    fn check_relocations(
        &self,
        index: usize,
        section: &Section<'_>,
        header: &SectionHeader,
    ) -> Result<(), LinkError> {
        if header.sh_entsize != 16 || !section.data.len().is_multiple_of(16) {
            return Err(LinkError::new(format!("relocations of {} bytes, not 16", header.sh_entsize)));
        }
        if header.sh_link as usize != self.symtab {
            return Err(LinkError::new(format!("section #{} is not its symbol table", header.sh_link)));
        }
        let target = self.sections.get(header.sh_info as usize).filter(|_| header.sh_info != 0);
        let target = target
            .ok_or_else(|| LinkError::new(format!("it is about missing section #{}", header.sh_info)))?;
        if section.name.strip_prefix(".rel") != Some(&*target.name) {
            return Err(LinkError::new(format!(
                "section #{index} is about '{}', but is not called so",
                target.name
            )));
        }
        if target.skipped {
            return Ok(());
        }
        if !matches!(target.kind(), Some(elf::SHT_PROGBITS | elf::SHT_NOBITS)) {
            return Err(LinkError::new(format!(
                "it is about '{}', which is neither code nor data",
                target.name
            )));
        }
        for (nth, rel) in relocations(section)?.iter().enumerate() {
            if !matches!(rel.r_type.0, 1 | 2 | 3 | 10) {
                return Err(LinkError::new(format!(
                    "relocation #{nth} has unexpected type {}",
                    rel.r_type.0
                )));
            }
            if rel.r_sym == 0 || rel.r_sym as usize >= self.symbols.len() {
                return Err(LinkError::new(format!(
                    "relocation #{nth} is against missing symbol #{}",
                    rel.r_sym
                )));
            }
            if target.is_code() && rel.r_offset % 8 != 0 {
                return Err(LinkError::new(format!(
                    "relocation #{nth} is at {:#x}, amid an instruction",
                    rel.r_offset
                )));
            }
        }
        Ok(())
    }

    /// Gives global variables the offsets that their symbols have, and adds the sections that only BTF knows of
    /// (`linker_fixup_btf`).
    fn place_variables(&mut self, budget: &mut Budget) -> Result<(), LinkError> {
        let Some(btf) = self.btf.clone() else { return Ok(()) };
        let mut places = HashMap::new();
        for symbol in self.symbols.iter().skip(1).filter(|it| it.raw.st_info.st_type() == elf::STT_OBJECT) {
            places.entry((symbol.section(), symbol.name)).or_insert(symbol.raw.st_value);
        }
        for (id, ty) in btf.types() {
            let name = btf.str(ty.name);
            let Def::DataSec(datasec) = &ty.def else {
                // Globals are looked up by name, and names may lie in each other.
                let is_global = matches!(ty.def, Def::Var(_) | Def::Func(_));
                budget.pay(if is_global { name.len() as u64 } else { 0 })?;
                continue;
            };
            let known = self.section_named(name);
            if known.is_none() && name == EXTERN {
                continue;
            }
            let names: usize = datasec.vars.iter().map(|var| btf.name(var.type_id).len()).sum();
            budget.pay((names + datasec.vars.len() * 12 + RECORD) as u64)?;
            let in_elf = known.filter(|index| self.sections[*index].header.is_some());
            let mut vars = datasec.vars.to_vec();
            for var in &mut vars {
                if let Some(offset) = place(&btf, var.type_id, in_elf, &places) {
                    var.offset = offset.ok_or_else(|| {
                        let message = format!("there is no symbol for this variable of section '{name}'");
                        LinkError::symbol(btf.name(var.type_id), message)
                    })?;
                }
            }
            let index = match known {
                Some(index) => index,
                None => self.add_btf_section(name, id, budget)?,
            };
            self.sections[index].vars = Some(vars);
        }
        Ok(())
    }

    fn add_btf_section(&mut self, name: &str, id: TypeId, budget: &mut Budget) -> Result<usize, LinkError> {
        if name.is_empty() {
            return Err(LinkError::section(".BTF", format!("data section {id} has an empty name")));
        }
        budget.name(name)?;
        let index = self.sections.len();
        self.by_name.insert(name.to_owned(), index);
        self.sections.push(Section { name: Cow::Owned(name.to_owned()), ..Section::none() });
        Ok(index)
    }
}

impl Section<'_> {
    fn none() -> Self {
        let (name, data) = (Cow::Borrowed(""), &[][..]);
        Section { name, header: None, data, skipped: false, output: 0, offset: 0, vars: None }
    }
}

/// Where a global variable is; `None` for what keeps its place, `Some(None)` if nobody knows.
fn place(
    btf: &Btf,
    id: TypeId,
    section: Option<usize>,
    places: &HashMap<(Option<usize>, &str), u64>,
) -> Option<Option<u32>> {
    match btf.type_by_id(id).map(|ty| &ty.def) {
        Some(Def::Var(var)) if var.linkage == Linkage::Global => {
            // What BTF alone knows of has no symbols.
            let place = section.and_then(|index| places.get(&(Some(index), btf.name(id))));
            Some(place.and_then(|offset| u32::try_from(*offset).ok()))
        }
        _ => None,
    }
}

/// The relocations of a section.
pub(super) fn relocations(section: &Section<'_>) -> Result<Vec<Rel>, LinkError> {
    let count = section.data.len() / 16;
    let raw = object::pod::slice_from_bytes::<elf::Rel64<LittleEndian>>(section.data, count);
    let (raw, _) = raw.map_err(|()| LinkError::section(&section.name, "it cannot be read"))?;
    Ok(raw.iter().map(|rel| Rel::from_rel(ENDIAN, rel)).collect())
}

fn section_table(bytes: &[u8]) -> Result<SectionTable<'_, Header>, LinkError> {
    match bytes.get(..6) {
        Some([0x7f, b'E', b'L', b'F', 2, 1]) => {}
        Some([0x7f, b'E', b'L', b'F', 2, 2]) => {
            return Err(LinkError::new("big-endian objects are not supported; compile with --target=bpfel"));
        }
        Some([0x7f, b'E', b'L', b'F', ..]) => return Err(LinkError::new("it is no 64-bit ELF file")),
        _ => return Err(LinkError::new("it is no ELF file")),
    }
    let elf_error = |error: object::read::Error| LinkError::new(error.to_string());
    let header = Header::parse(bytes).map_err(elf_error)?;
    if header.e_type(ENDIAN) != elf::ET_REL || header.e_machine(ENDIAN) != elf::EM_BPF {
        return Err(LinkError::new("it is no relocatable object for BPF"));
    }
    header.sections(ENDIAN, bytes).map_err(elf_error)
}

fn is_dwarf(name: &str) -> bool {
    name.starts_with(".debug_")
}

/// What never comes into the output (`is_ignored_sec`).
fn is_ignored(name: &str, kind: elf::SectionType, data: &[u8]) -> bool {
    let is_empty_text = kind == elf::SHT_PROGBITS && data.is_empty() && name == ".text";
    let of_ignored =
        name.strip_prefix(".rel").is_some_and(|it| is_dwarf(it) || matches!(it, ".BTF" | ".BTF.ext"));
    matches!(kind, elf::SHT_STRTAB | SHT_LLVM_ADDRSIG) || is_empty_text || is_dwarf(name) || of_ignored
}

/// The NUL-terminated string at this offset of a table.
fn string(table: &[u8], offset: u32) -> Option<&str> {
    let rest = table.get(offset as usize..)?;
    let rest = &rest[..rest.len().min(MAX_NAME + 1)];
    rest.iter().position(|byte| *byte == 0).and_then(|end| text(&rest[..end]))
}

fn text(name: &[u8]) -> Option<&str> {
    std::str::from_utf8(name).ok().filter(|name| name.len() <= MAX_NAME)
}
