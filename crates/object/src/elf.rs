//! The ELF container: header, sections, symbols and relocations, each offset checked before it is used.

use goblin::container::{Container, Ctx};
use goblin::elf::header::{EM_BPF, EM_NONE, ET_REL, Header};
use goblin::elf::reloc::RelocSection;
use goblin::elf::section_header::{
    SHF_COMPRESSED, SHF_EXECINSTR, SHT_NOBITS, SHT_PROGBITS, SHT_SYMTAB, SectionHeader,
};
use goblin::elf::sym::{STB_GLOBAL, STB_WEAK, STT_NOTYPE, Symtab};

use crate::error::{At, Error, ErrorKind};

/// Bytes of the longest name. Nothing in the field comes near; a bound keeps overlapping names from costing more
/// than the file justifies.
const MAX_NAME: usize = 4096;

/// 64-bit, little-endian: what BPF objects are here.
fn ctx() -> Ctx {
    Ctx::new(Container::Big, goblin::container::Endian::Little)
}

/// An ELF file with its section and symbol tables.
pub(crate) struct Elf<'a> {
    bytes: &'a [u8],
    /// The sections, by index.
    pub(crate) sections: Vec<Section<'a>>,
    /// The symbols, by index.
    pub(crate) symbols: Vec<Symbol>,
    symbol_names: &'a [u8],
    symbol_section: &'a str,
}

/// One section.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    pub(crate) index: usize,
    pub(crate) name: &'a str,
    pub(crate) kind: u32,
    pub(crate) flags: u64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) link: usize,
    pub(crate) info: usize,
    pub(crate) entry_size: u64,
}

impl Section<'_> {
    /// Whether programs may be in it.
    pub(crate) fn is_code(&self) -> bool {
        self.kind == SHT_PROGBITS && self.flags & u64::from(SHF_EXECINSTR) != 0 && self.size > 0
    }

    /// Whether it is called `name`, or `name.` and more.
    pub(crate) fn is_or_is_under(&self, name: &str) -> bool {
        self.name.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// One symbol.
#[derive(Clone, Copy)]
pub(crate) struct Symbol {
    pub(crate) name: u32,
    pub(crate) value: u64,
    pub(crate) size: u64,
    /// Index of its section, or one of the special `SHN_*` values.
    pub(crate) section: usize,
    pub(crate) bind: u8,
    pub(crate) kind: u8,
    pub(crate) visibility: u8,
}

impl Symbol {
    /// Whether other files could see it.
    pub(crate) fn is_global(&self) -> bool {
        self.bind == STB_GLOBAL || self.bind == STB_WEAK
    }

    /// Whether somebody else has to define it.
    pub(crate) fn is_extern(&self) -> bool {
        self.section == 0 && self.kind == STT_NOTYPE && self.is_global()
    }
}

/// One relocation.
#[derive(Clone, Copy)]
pub(crate) struct Rel {
    pub(crate) offset: u64,
    pub(crate) symbol: usize,
    pub(crate) kind: u32,
}

impl<'a> Elf<'a> {
    /// Reads the tables of a BPF object.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Elf<'a>, Error> {
        check_ident(bytes)?;
        let truncated = |what| move |_| Error::file(bytes.len() as u64, ErrorKind::Truncated { what });
        let header = goblin::elf::Elf::parse_header(bytes).map_err(truncated("ELF header"))?;
        check_header(&header)?;
        let mut elf = Elf {
            bytes,
            sections: sections(bytes, &header)?,
            symbols: Vec::new(),
            symbol_names: &[],
            symbol_section: "",
        };
        elf.read_symbols()?;
        Ok(elf)
    }

    /// The section with this index.
    pub(crate) fn section(&self, index: usize) -> Option<&Section<'a>> {
        self.sections.get(index)
    }

    /// The first section with this name that has bytes or symbols of its own.
    pub(crate) fn section_named(&self, name: &str) -> Option<&Section<'a>> {
        self.sections.iter().find(|it| it.name == name)
    }

    /// The bytes of a section; none for one that has only a size.
    pub(crate) fn data(&self, section: &Section<'a>) -> Result<&'a [u8], Error> {
        Elf::data_of(self.bytes, section)
    }

    /// The same, of a file of which only the section table was read.
    pub(crate) fn data_of(bytes: &'a [u8], section: &Section<'_>) -> Result<&'a [u8], Error> {
        if section.flags & u64::from(SHF_COMPRESSED) != 0 {
            return Err(ErrorKind::Compressed).at(section.name, 0);
        }
        match section.kind {
            SHT_NOBITS => Ok(&[]),
            _ => slice(bytes, section.offset, section.size).at(section.name, 0),
        }
    }

    /// The name of a symbol; of a section's own symbol, the section's.
    pub(crate) fn symbol_name(&self, symbol: &Symbol) -> Result<&'a str, Error> {
        if symbol.name == 0 {
            return Ok(self.section(symbol.section).map_or("", |section| section.name));
        }
        name(self.symbol_names, symbol.name, "symbol").at(self.symbol_section, u64::from(symbol.name))
    }

    /// The relocations in a `SHT_REL` section.
    pub(crate) fn relocations(&self, section: &Section<'a>) -> Result<Vec<Rel>, Error> {
        let data = self.data(section)?;
        if data.is_empty() {
            return Ok(Vec::new());
        }
        if section.entry_size != 16 {
            let kind = ErrorKind::EntrySize { what: "relocation", size: section.entry_size };
            return Err(kind).at(section.name, 0);
        }
        let table = RelocSection::parse(data, 0, data.len(), false, ctx())
            .map_err(|_| ErrorKind::Truncated { what: "relocation table" })
            .at(section.name, 0)?;
        let rel = |it: goblin::elf::Reloc| Rel { offset: it.r_offset, symbol: it.r_sym, kind: it.r_type };
        Ok(table.iter().map(rel).collect())
    }

    fn read_symbols(&mut self) -> Result<(), Error> {
        let mut tables = self.sections.iter().filter(|it| it.kind == SHT_SYMTAB).copied();
        let table = tables.next().ok_or(Error::file(0, ErrorKind::NoSymbols))?;
        if let Some(second) = tables.next() {
            return Err(ErrorKind::TwoSymbolTables).at(second.name, 0);
        }
        if table.entry_size != 24 {
            let kind = ErrorKind::EntrySize { what: "symbol", size: table.entry_size };
            return Err(kind).at(table.name, 0);
        }
        let no_names = ErrorKind::NoSection { what: "symbol table", index: table.link as u64 };
        let names = *self.section(table.link).ok_or(no_names).at(table.name, 0)?;
        let data = self.data(&table)?;
        self.symbol_names = self.data(&names)?;
        self.symbol_section = names.name;
        if data.len() >= 24 {
            let symbols = Symtab::parse(data, 0, data.len() / 24, ctx())
                .map_err(|_| ErrorKind::Truncated { what: "symbol table" })
                .at(table.name, 0)?;
            self.symbols = symbols.iter().map(symbol).collect();
        }
        Ok(())
    }
}

fn symbol(sym: goblin::elf::Sym) -> Symbol {
    Symbol {
        // The table is 64-bit, whose names are 32-bit offsets.
        name: sym.st_name as u32,
        value: sym.st_value,
        size: sym.st_size,
        section: sym.st_shndx,
        bind: sym.st_bind(),
        kind: sym.st_type(),
        visibility: sym.st_visibility(),
    }
}

/// The first 16 bytes, before anything else is believed.
fn check_ident(bytes: &[u8]) -> Result<(), Error> {
    if bytes.starts_with(b"BC\xc0\xde") {
        return Err(Error::file(0, ErrorKind::Bitcode));
    }
    if !bytes.starts_with(b"\x7fELF") {
        return Err(Error::file(0, ErrorKind::NotElf));
    }
    match (bytes.get(4), bytes.get(5)) {
        (Some(2), Some(1)) => Ok(()),
        (Some(2), Some(&data)) => Err(Error::file(5, ErrorKind::Endian { data })),
        (Some(&class), Some(_)) => Err(Error::file(4, ErrorKind::Class { class })),
        _ => Err(Error::file(bytes.len() as u64, ErrorKind::Truncated { what: "ELF header" })),
    }
}

/// The section table of any 64-bit little-endian ELF file.
pub(crate) fn section_table(bytes: &[u8]) -> Result<Vec<Section<'_>>, Error> {
    check_ident(bytes)?;
    let truncated = Error::file(bytes.len() as u64, ErrorKind::Truncated { what: "ELF header" });
    let header = goblin::elf::Elf::parse_header(bytes).map_err(|_| truncated)?;
    sections(bytes, &header)
}

/// libbpf's `bpf_object__elf_init`: a relocatable file for BPF; old LLVM left the machine zero.
fn check_header(header: &Header) -> Result<(), Error> {
    if header.e_type != ET_REL {
        return Err(Error::file(16, ErrorKind::FileType { kind: header.e_type }));
    }
    if header.e_machine != EM_BPF && header.e_machine != EM_NONE {
        return Err(Error::file(18, ErrorKind::Machine { machine: header.e_machine }));
    }
    Ok(())
}

fn sections<'a>(bytes: &'a [u8], header: &Header) -> Result<Vec<Section<'a>>, Error> {
    if header.e_shoff == 0 {
        return Err(Error::file(40, ErrorKind::NoSymbols));
    }
    if header.e_shentsize != 64 {
        let kind = ErrorKind::EntrySize { what: "section", size: header.e_shentsize.into() };
        return Err(Error::file(58, kind));
    }
    let truncated = Error::file(bytes.len() as u64, ErrorKind::Truncated { what: "section table" });
    let start = usize::try_from(header.e_shoff).map_err(|_| truncated.clone())?;
    let table = bytes.get(start..).ok_or(truncated.clone())?;
    // A count of 0 stands for the first section's size; `parse_from` knows, and bounds it by the bytes.
    let headers = SectionHeader::parse_from(table, 0, header.e_shnum.into(), ctx()).map_err(|_| truncated)?;
    let names = section_names(bytes, header, &headers)?;
    let place = |index: usize| header.e_shoff + index as u64 * 64;
    let named = |(index, it)| section(names, index, it).map_err(|kind| Error::file(place(index), kind));
    headers.iter().enumerate().map(named).collect()
}

fn section_names<'a>(bytes: &'a [u8], header: &Header, headers: &[SectionHeader]) -> Result<&'a [u8], Error> {
    // `SHN_XINDEX`: the index is in the first section's link.
    let index = match header.e_shstrndx {
        0xffff => headers.first().map_or(0, |first| first.sh_link as usize),
        index => index.into(),
    };
    let missing = ErrorKind::NoSection { what: "ELF header", index: index as u64 };
    let names = headers.get(index).ok_or(Error::file(62, missing))?;
    slice(bytes, names.sh_offset, names.sh_size).map_err(|kind| Error::file(names.sh_offset, kind))
}

fn section<'a>(names: &'a [u8], index: usize, header: &SectionHeader) -> Result<Section<'a>, ErrorKind> {
    // 64-bit section names are 32-bit offsets.
    let name = name(names, header.sh_name as u32, "section")?;
    Ok(Section {
        index,
        name,
        kind: header.sh_type,
        flags: header.sh_flags,
        offset: header.sh_offset,
        size: header.sh_size,
        link: header.sh_link as usize,
        info: header.sh_info as usize,
        entry_size: header.sh_entsize,
    })
}

fn slice(bytes: &[u8], start: u64, size: u64) -> Result<&[u8], ErrorKind> {
    let range = usize::try_from(start).ok().zip(start.checked_add(size).and_then(|end| end.try_into().ok()));
    let outside = ErrorKind::OutsideFile { start, size, file: bytes.len() as u64 };
    range.and_then(|(start, end): (usize, usize)| bytes.get(start..end)).ok_or(outside)
}

/// The NUL-terminated name at this offset of a string table.
fn name<'a>(table: &'a [u8], offset: u32, what: &'static str) -> Result<&'a str, ErrorKind> {
    let rest = table.get(offset as usize..).unwrap_or(&[]);
    let rest = &rest[..rest.len().min(MAX_NAME)];
    let end = rest.iter().position(|&byte| byte == 0);
    let text = end.and_then(|end| std::str::from_utf8(&rest[..end]).ok());
    match text {
        Some(text) => Ok(text),
        None if offset == 0 && table.is_empty() => Ok(""),
        None => Err(ErrorKind::Name { what }),
    }
}
