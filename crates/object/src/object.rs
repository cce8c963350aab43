//! The whole object.

use goblin::elf::section_header::{SHT_NOBITS, SHT_PROGBITS};
use skep_abi::MapType;
use skep_btf::{Btf, BtfExt, Linkage};

use crate::btf_maps;
use crate::budget::Budget;
use crate::data::{DataKind, DataSection};
use crate::data_sections::{self, DataSections};
use crate::elf::Elf;
use crate::error::{At, Error, ErrorKind};
use crate::externs::{self, Extern, Externs};
use crate::functions::{self, Functions};
use crate::legacy_maps;
use crate::map::{MapDef, Slots};
use crate::program::{Program, SourceLine};
use crate::reloc;
use crate::struct_ops;
use crate::vars;

/// Bytes of the license that a loader takes, as libbpf has it.
const MAX_LICENSE: usize = 64;

/// A BPF object file, as data.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Object {
    /// The license, or nothing; at most 63 bytes.
    pub license: String,
    /// The kernel version (`LINUX_VERSION_CODE`) that kprobes of before Linux 5.0 had to give.
    pub version: Option<u32>,
    /// Programs and subprograms, by section and offset.
    pub programs: Vec<Program>,
    /// Maps: those of `.maps`, then struct_ops variables, then legacy ones.
    pub maps: Vec<MapDef>,
    /// Sections of global variables in the file's order; `.kconfig` is last.
    pub data: Vec<DataSection>,
    /// What the kernel has to supply.
    pub externs: Vec<Extern>,
    /// The types. Unlike in the file, data sections have their sizes and their variables' places.
    pub btf: Option<Btf>,
    /// Source lines, function types and CO-RE relocations by section. [`Program`] has them by program.
    pub btf_ext: Option<BtfExt>,
    /// What is odd, but no reason to refuse the object.
    pub warnings: Vec<String>,
}

impl Object {
    /// Reads an object file.
    ///
    /// What it allocates is bounded by the size of `bytes`, but for zero-initialised data, for which
    /// [`MAX_ZEROED`](crate::MAX_ZEROED) is the bound.
    ///
    /// # Errors
    /// The file is not a little-endian 64-bit relocatable BPF object, or something in it contradicts itself: see
    /// [`ErrorKind`].
    pub fn parse(bytes: &[u8]) -> Result<Object, Error> {
        Object::parse_by(bytes, Budget::new(bytes.len()))
    }

    /// Reads an object file and passes over what its map definitions say that nobody knows (`relaxed_maps` of libbpf): it
    /// becomes a warning.
    ///
    /// # Errors
    /// As for [`Object::parse`].
    pub fn parse_relaxed(bytes: &[u8]) -> Result<Object, Error> {
        let mut budget = Budget::new(bytes.len());
        budget.relaxed_maps = true;
        Object::parse_by(bytes, budget)
    }

    fn parse_by(bytes: &[u8], budget: Budget) -> Result<Object, Error> {
        let elf = Elf::parse(bytes)?;
        let mut object = Object { version: version(&elf)?, license: license(&elf)?, ..Object::default() };
        object.read_btf(&elf, &budget)?;
        let (btf, ext) = (object.btf.as_ref(), object.btf_ext.as_ref());

        let with_slots = btf_maps::collect(&elf, btf, &budget)?;
        let struct_ops = struct_ops::collect(&elf, btf, &budget)?;
        let (mut maps, slots): (Vec<_>, Vec<_>) = with_slots.into_iter().chain(struct_ops).unzip();
        maps.extend(legacy_maps::collect(&elf, &budget)?);
        let mut parts = Parts {
            functions: functions::collect(&elf, ext, &budget)?,
            maps,
            slots,
            data: data_sections::collect(&elf, btf, &budget)?,
            externs: externs::collect(&elf, btf, &budget)?,
        };
        check_arena(&parts.maps, &parts.data.list)?;
        let kconfig = externs::kconfig_section(&mut parts.externs.list, btf, &budget)?;
        parts.relocate(&elf, &budget)?;

        if let (Some(btf), Some(kconfig)) = (&mut object.btf, &kconfig) {
            externs::place_kconfig(btf, kconfig, &parts.externs.list);
        }
        object.programs = parts.functions.programs;
        object.hide_functions();
        object.maps = parts.maps;
        object.data = parts.data.list.into_iter().chain(kconfig).collect();
        object.externs = parts.externs.list;
        object.warnings = budget.into_warnings();
        Ok(object)
    }

    /// The program or subprogram with this name.
    pub fn program(&self, name: &str) -> Option<&Program> {
        self.programs.iter().find(|it| it.name == name)
    }

    /// The programs that can be loaded: all but the subprograms.
    pub fn entry_programs(&self) -> impl Iterator<Item = &Program> {
        self.programs.iter().filter(|it| !it.is_subprogram)
    }

    /// The map with this name.
    pub fn map(&self, name: &str) -> Option<&MapDef> {
        self.maps.iter().find(|it| it.name == name)
    }

    /// The data section with this name.
    pub fn data_section(&self, name: &str) -> Option<&DataSection> {
        self.data.iter().find(|it| it.name == name)
    }

    /// A program's source lines with their texts, by slot.
    pub fn source_lines<'a>(&'a self, program: &'a Program) -> impl Iterator<Item = SourceLine<'a>> {
        let btf = self.btf.as_ref();
        program.lines.iter().filter_map(move |it| {
            let btf = btf?;
            let (file, text) = (btf.str(it.file), btf.str(it.text));
            Some(SourceLine { slot: it.slot, file, text, line: it.line, column: it.column })
        })
    }

    /// Makes hidden subprograms static in BTF (`mark_btf_static`): the verifier takes global ones by their types alone.
    fn hide_functions(&mut self) {
        let Some(btf) = &mut self.btf else { return };
        for program in self.programs.iter().filter(|it| it.hidden && it.is_subprogram) {
            if let Some(id) = program.btf_func {
                btf.set_linkage(id, Linkage::Static);
            }
        }
    }

    /// Reads `.BTF` and `.BTF.ext`. What is not needed to understand the maps may be wrong: libbpf goes on without.
    fn read_btf(&mut self, elf: &Elf<'_>, budget: &Budget) -> Result<(), Error> {
        let Some(section) = elf.section_named(".BTF").filter(|it| it.kind == SHT_PROGBITS) else {
            return Ok(());
        };
        match Btf::parse(elf.data(section)?) {
            Ok(mut btf) => {
                vars::place_all(elf, &mut btf)?;
                self.btf = Some(btf);
            }
            Err(error) => {
                let needed = elf.section_named(btf_maps::MAPS).is_some();
                let kind = ErrorKind::Btf { reason: error.reason.to_string() };
                if needed {
                    return Err(kind).at(section.name, error.offset as u64);
                }
                budget.warn(format!(".BTF is ignored: {kind}"));
            }
        }
        let ext = elf.section_named(".BTF.ext").filter(|it| it.kind == SHT_PROGBITS);
        let (Some(ext), Some(btf)) = (ext, &self.btf) else { return Ok(()) };
        match BtfExt::parse(elf.data(ext)?, btf) {
            Ok(ext) => self.btf_ext = Some(ext),
            Err(error) => budget.warn(format!(".BTF.ext is ignored: {error}")),
        }
        Ok(())
    }
}

/// What is in the sections, before and while it is put together.
struct Parts {
    functions: Functions,
    maps: Vec<MapDef>,
    /// Of the first maps, where their variables hold pointers.
    slots: Vec<Slots>,
    data: DataSections,
    externs: Externs,
}

impl Parts {
    /// Finds out what instructions, map elements and pointers refer to.
    fn relocate(&mut self, elf: &Elf<'_>, budget: &Budget) -> Result<(), Error> {
        let starts = self.maps.iter().map(|it| (it.section_index, it.section_offset));
        let resolver = reloc::Resolver {
            elf,
            functions: &self.functions,
            maps: starts.zip(0..).collect(),
            data: &self.data,
            extern_of_symbol: &self.externs.of_symbol,
            budget,
        };
        let tables = reloc::tables(elf);
        let relocs = reloc::programs(&resolver, &tables)?;
        reloc::maps(&resolver, &tables, &mut self.maps, &self.slots)?;
        let pointers = reloc::data(&resolver, &tables);
        for (program, relocs) in self.functions.programs.iter_mut().zip(relocs) {
            program.relocs = relocs;
        }
        for (section, pointers) in self.data.list.iter_mut().zip(pointers) {
            section.relocs = pointers;
            warn_of_pointers(section, budget);
        }
        Ok(())
    }
}

fn license(elf: &Elf<'_>) -> Result<String, Error> {
    let Some(section) = elf.section_named("license").filter(|it| it.kind != SHT_NOBITS) else {
        return Ok(String::new());
    };
    let text = elf.data(section)?.split(|&byte| byte == 0).next().unwrap_or(&[]);
    Ok(String::from_utf8_lossy(&text[..text.len().min(MAX_LICENSE - 1)]).into_owned())
}

fn version(elf: &Elf<'_>) -> Result<Option<u32>, Error> {
    let Some(section) = elf.section_named("version") else { return Ok(None) };
    let size = ErrorKind::Version { size: section.size };
    let bytes = elf.data(section)?.try_into().map_err(|_| size).at("version", 0)?;
    Ok(Some(u32::from_le_bytes(bytes)))
}

/// One arena at most, and one if there are variables in it.
fn check_arena(maps: &[MapDef], data: &[DataSection]) -> Result<(), Error> {
    let mut arenas = maps.iter().filter(|it| it.map_type() == Some(MapType::Arena));
    let variables = data.iter().find(|it| it.kind == DataKind::Arena);
    match (arenas.next(), arenas.next(), variables) {
        (_, Some(second), _) => {
            Err(ErrorKind::TwoArenas { name: second.name.clone() }).at(btf_maps::MAPS, second.section_offset)
        }
        (None, _, Some(section)) => Err(ErrorKind::NoArena).at(&section.name, 0),
        _ => Ok(()),
    }
}

fn warn_of_pointers(section: &DataSection, budget: &Budget) {
    let count = section.relocs.len();
    if count > 0 {
        budget.warn(format!("section '{}': {count} initialised pointers stay as they are", section.name));
    }
}
