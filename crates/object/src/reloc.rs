//! Relocations: what instructions, map elements and pointers refer to (libbpf's `bpf_program__record_reloc` and
//! `bpf_object__collect_map_relos`).
//!
//! BPF relocations have their addends in place: a 64-bit load's is its immediate in bytes; a call's is its immediate
//! plus one, in instructions. A reference to a static function or variable is one to its section plus an addend.

use std::collections::HashMap;

use goblin::elf::section_header::{SHT_REL, SHT_RELA};
use goblin::elf::sym::STT_SECTION;
use skep_abi::MapType;
use skep_isa::Insn;

use crate::budget::Budget;
use crate::data::DataReloc;
use crate::data_sections::DataSections;
use crate::elf::{Elf, Rel, Section, Symbol};
use crate::error::{At, Error, ErrorKind};
use crate::functions::Functions;
use crate::map::{MapDef, Slots, ValueRef};
use crate::program::{Program, Reloc, Target};

/// Relocation types of BPF, from LLVM's `llvm/BinaryFormat/ELFRelocs/BPF.def`.
mod r_bpf {
    /// A 64-bit load's immediate.
    pub(super) const R_BPF_64_64: u32 = 1;
    /// Eight bytes of data.
    pub(super) const R_BPF_64_ABS64: u32 = 2;
    /// Four bytes of data.
    pub(super) const R_BPF_64_ABS32: u32 = 3;
    /// Four bytes of `.BTF` and `.BTF.ext`, which a linker leaves alone.
    pub(super) const R_BPF_64_NODYLD32: u32 = 4;
    /// A call's immediate.
    pub(super) const R_BPF_64_32: u32 = 10;

    /// Whether BPF has this relocation type.
    pub(super) fn is_known(kind: u32) -> bool {
        matches!(kind, R_BPF_64_64 | R_BPF_64_ABS64 | R_BPF_64_ABS32 | R_BPF_64_NODYLD32 | R_BPF_64_32)
    }
}

/// First of the section indices that do not name a section (`SHN_LORESERVE`).
const SHN_LORESERVE: usize = 0xff00;
/// `BPF_LD | BPF_IMM | BPF_DW`.
const LOAD64: u8 = 0x18;
/// `BPF_JMP | BPF_CALL`.
const CALL: u8 = 0x85;
/// `BPF_PSEUDO_CALL` in a call's source register.
const PSEUDO_CALL: u8 = 1;
/// `BPF_PSEUDO_FUNC` in a 64-bit load's source register.
const PSEUDO_FUNC: u8 = 4;

/// What symbols can resolve to.
pub(crate) struct Resolver<'e, 'a> {
    pub(crate) elf: &'e Elf<'a>,
    pub(crate) functions: &'e Functions,
    /// Section index and byte to the index of the map that starts there.
    pub(crate) maps: HashMap<(usize, u64), usize>,
    pub(crate) data: &'e DataSections,
    pub(crate) extern_of_symbol: &'e HashMap<usize, usize>,
    pub(crate) budget: &'e Budget,
}

impl<'e, 'a> Resolver<'e, 'a> {
    /// The relocations of the section with this index, by offset. A section may have several tables.
    fn of_section(&self, tables: &[&Section<'a>]) -> Result<Vec<Rel>, Error> {
        let mut rels = Vec::new();
        for table in tables {
            if table.kind == SHT_RELA && table.size > 0 {
                return Err(ErrorKind::Rela).at(table.name, 0);
            }
            // Several tables may lie at the same bytes.
            self.budget.copy(table.size as usize).at(table.name, 0)?;
            rels.extend(self.elf.relocations(table)?);
        }
        rels.sort_by_key(|it| it.offset);
        Ok(rels)
    }

    fn symbol(&self, rel: &Rel) -> Result<&'e Symbol, ErrorKind> {
        self.elf.symbols.get(rel.symbol).ok_or(ErrorKind::RelocSymbol { symbol: rel.symbol as u64 })
    }

    fn name(&self, symbol: &Symbol) -> String {
        self.elf.symbol_name(symbol).unwrap_or("").to_string()
    }

    /// What the instruction at a relocation refers to.
    fn code_target(&self, rel: &Rel, insn: &Insn) -> Result<Target, ErrorKind> {
        let symbol = self.symbol(rel)?;
        if !r_bpf::is_known(rel.kind) {
            return Err(ErrorKind::RelocType { kind: rel.kind, symbol: self.name(symbol) });
        }
        let call = insn.code == CALL;
        if !call && insn.code != LOAD64 {
            return Err(ErrorKind::RelocInsn { code: insn.code, symbol: self.name(symbol) });
        }
        if symbol.is_extern() {
            let of_symbol = self.extern_of_symbol.get(&rel.symbol);
            return of_symbol
                .map(|&it| Target::Extern(it))
                .ok_or_else(|| ErrorKind::Undefined { symbol: self.name(symbol) });
        }
        let section = self.defining_section(symbol)?;
        match (call, section.is_code()) {
            // A call's immediate counts instructions from the next one; that of a global function is -1.
            (true, true) => {
                let offset = (symbol.value as i64).wrapping_add((i64::from(insn.imm) + 1) * 8);
                self.function(section, offset, false)
            }
            (false, true) => {
                self.function(section, (symbol.value as i64).wrapping_add(insn.imm.into()), true)
            }
            (true, false) => Err(self.unreachable(symbol, section)),
            (false, false) => self.object(symbol, section, i64::from(insn.imm)),
        }
    }

    fn defining_section(&self, symbol: &Symbol) -> Result<&'e Section<'a>, ErrorKind> {
        let index = symbol.section;
        let special = index == 0 || index >= SHN_LORESERVE;
        let section = if special { None } else { self.elf.section(index) };
        section.ok_or_else(|| ErrorKind::Undefined { symbol: self.name(symbol) })
    }

    fn function(&self, section: &Section<'_>, offset: i64, pointer: bool) -> Result<Target, ErrorKind> {
        let found = u64::try_from(offset).ok().and_then(|it| self.functions.starts.get(&(section.index, it)));
        let none = || ErrorKind::NoFunction { target: section.name.to_string(), offset };
        found.map(|&program| Target::Subprog { program, pointer }).ok_or_else(none)
    }

    /// A map or a variable.
    fn object(&self, symbol: &Symbol, section: &Section<'_>, addend: i64) -> Result<Target, ErrorKind> {
        if let Some(&at) = self.data.of_section.get(&section.index) {
            let offset = (symbol.value as u32).wrapping_add(addend as u32);
            return Ok(Target::Data { section: at, offset: offset.into() });
        }
        let is_maps = section.name == crate::btf_maps::MAPS || crate::legacy_maps::is_legacy(section);
        if !is_maps {
            return Err(self.unreachable(symbol, section));
        }
        let addend = if symbol.kind == STT_SECTION { addend } else { 0 };
        let offset = symbol.value.wrapping_add(addend as u64);
        let none = || {
            let (symbol, target) = (self.name(symbol), section.name.to_string());
            ErrorKind::NoMap { symbol, target, offset }
        };
        self.maps.get(&(section.index, offset)).map(|&it| Target::Map(it)).ok_or_else(none)
    }

    fn unreachable(&self, symbol: &Symbol, section: &Section<'_>) -> ErrorKind {
        ErrorKind::RelocSection { symbol: self.name(symbol), target: section.name.to_string() }
    }

    /// What a pointer in data refers to: the addend is what lies there.
    fn data_target(&self, rel: &Rel, bytes: &[u8]) -> Option<Target> {
        let symbol = self.symbol(rel).ok()?;
        if symbol.is_extern() {
            return self.extern_of_symbol.get(&rel.symbol).map(|&it| Target::Extern(it));
        }
        let section = self.defining_section(symbol).ok()?;
        let at = usize::try_from(rel.offset).ok()?;
        let addend = i64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?);
        match section.is_code() {
            true => self.function(section, (symbol.value as i64).wrapping_add(addend), true).ok(),
            false => self.object(symbol, section, addend).ok(),
        }
    }
}

/// The relocation tables of each section.
pub(crate) fn tables<'e, 'a>(elf: &'e Elf<'a>) -> HashMap<usize, Vec<&'e Section<'a>>> {
    let mut tables: HashMap<usize, Vec<&Section<'_>>> = HashMap::new();
    for section in elf.sections.iter().filter(|it| matches!(it.kind, SHT_REL | SHT_RELA)) {
        tables.entry(section.info).or_default().push(section);
    }
    tables
}

type Tables<'e, 'a> = HashMap<usize, Vec<&'e Section<'a>>>;

/// The relocations of every program, in the order of the programs.
pub(crate) fn programs(
    resolver: &Resolver<'_, '_>,
    tables: &Tables<'_, '_>,
) -> Result<Vec<Vec<Reloc>>, Error> {
    let functions = resolver.functions;
    let mut relocs = vec![Vec::new(); functions.programs.len()];
    for section in resolver.elf.sections.iter().filter(|it| it.is_code()) {
        let rels = resolver.of_section(tables.get(&section.index).map_or(&[], Vec::as_slice))?;
        if let Some(bad) = rels.iter().find(|it| it.offset % 8 != 0 || it.offset >= section.size) {
            return Err(ErrorKind::RelocPlace).at(section.name, bad.offset);
        }
        for index in functions.of_section.get(&section.index).cloned().unwrap_or(0..0) {
            let (Some(program), Some(out)) = (functions.programs.get(index), relocs.get_mut(index)) else {
                continue;
            };
            *out = one_program(resolver, section, program, &rels)?;
        }
    }
    Ok(relocs)
}

fn one_program(
    resolver: &Resolver<'_, '_>,
    section: &Section<'_>,
    program: &Program,
    rels: &[Rel],
) -> Result<Vec<Reloc>, Error> {
    let start = program.section_offset as u64;
    let end = start + program.size() as u64;
    let from = rels.partition_point(|it| it.offset < start);
    let mut rels = rels[from..].iter().take_while(|it| it.offset < end).peekable();
    let mut relocs: Vec<Reloc> = Vec::new();
    let mut slot = 0;
    // By slot, not by relocation, so that a call without one is seen, and the second half of a load is not.
    while let Some(insn) = program.insns.get(slot) {
        let place = start + slot as u64 * 8;
        let slots = if insn.code == LOAD64 { 2 } else { 1 };
        if slot + slots > program.insns.len() {
            return Err(ErrorKind::SplitLoad).at(section.name, place);
        }
        let target = match rels.next_if(|it| it.offset == place) {
            Some(rel) => Some(resolver.code_target(rel, insn).at(section.name, place)?),
            None => local_target(resolver, section, program, slot, insn).at(section.name, place)?,
        };
        relocs.extend(target.map(|target| Reloc { insn: slot, target }));
        slot += slots;
        let next = place + slots as u64 * 8;
        if let Some(rel) = rels.next_if(|it| it.offset < next) {
            let symbol = resolver.symbol(rel).map(|it| resolver.name(it)).unwrap_or_default();
            return Err(ErrorKind::RelocTwice { symbol }).at(section.name, rel.offset);
        }
    }
    Ok(relocs)
}

/// A call without a relocation goes to a function of the same section; inside its own function it stays as it is.
fn local_target(
    resolver: &Resolver<'_, '_>,
    section: &Section<'_>,
    program: &Program,
    slot: usize,
    insn: &Insn,
) -> Result<Option<Target>, ErrorKind> {
    match (insn.code, insn.src) {
        (CALL, PSEUDO_CALL) => {
            let target = slot as i64 + 1 + i64::from(insn.imm);
            if (0..program.insns.len() as i64).contains(&target) {
                return Ok(None);
            }
            let offset = program.section_offset as i64 + target * 8;
            resolver.function(section, offset, false).map(Some)
        }
        (LOAD64, PSEUDO_FUNC) => Err(ErrorKind::FunctionPointer),
        _ => Ok(None),
    }
}

/// Fills in the elements that maps are initialised with, and the function pointers of struct_ops. `slots` says where
/// each map's variable holds pointers.
pub(crate) fn maps(
    resolver: &Resolver<'_, '_>,
    tables: &Tables<'_, '_>,
    maps: &mut [MapDef],
    slots: &[Slots],
) -> Result<(), Error> {
    // By section and offset, to find the map that a relocation is in.
    let mut order: Vec<usize> = (0..maps.len()).collect();
    order.sort_by_key(|&at| (maps[at].section_index, maps[at].section_offset));
    let mut sections: Vec<usize> = maps.iter().map(|it| it.section_index).collect();
    sections.sort_unstable();
    sections.dedup();
    for index in sections {
        let Some(section) = resolver.elf.section(index) else { continue };
        let bytes = resolver.elf.data(section)?;
        for rel in resolver.of_section(tables.get(&index).map_or(&[], Vec::as_slice))? {
            let place = (index, rel.offset);
            let after =
                order.partition_point(|&at| (maps[at].section_index, maps[at].section_offset) <= place);
            let at = after.checked_sub(1).and_then(|it| order.get(it).copied());
            let map = at.and_then(|at| maps.get_mut(at)).filter(|it| it.section_index == index);
            let map = map.ok_or(ErrorKind::RelocPlace).at(section.name, rel.offset)?;
            let slots = at.and_then(|at| slots.get(at)).unwrap_or(&Slots::None);
            element(resolver, map, slots, &rel, bytes).at(section.name, rel.offset)?;
        }
    }
    for map in maps {
        map.values.sort_by_key(|&(index, _)| index);
    }
    Ok(())
}

fn element(
    resolver: &Resolver<'_, '_>,
    map: &mut MapDef,
    slots: &Slots,
    rel: &Rel,
    bytes: &[u8],
) -> Result<(), ErrorKind> {
    let symbol = resolver.symbol(rel)?;
    let wrong = || ErrorKind::Slot { map: map.name.clone(), symbol: resolver.name(symbol) };
    let target = resolver.data_target(rel, bytes);
    let into = rel.offset - map.section_offset;
    let is_entry = |at: usize| resolver.functions.programs.get(at).is_some_and(|it| !it.is_subprogram);
    let value = match (map.map_type(), target) {
        (Some(MapType::ArrayOfMaps | MapType::HashOfMaps), Some(Target::Map(it))) => ValueRef::Map(it),
        (Some(MapType::ProgArray | MapType::StructOps), Some(Target::Subprog { program, .. }))
            if is_entry(program) =>
        {
            ValueRef::Program(program)
        }
        _ => return Err(wrong()),
    };
    match (slots, value, &mut map.struct_ops) {
        (Slots::Values(start), value, _) if into >= *start && (into - start).is_multiple_of(8) => {
            let index = u32::try_from((into - start) / 8).map_err(|_| wrong())?;
            map.values.push((index, value));
        }
        (Slots::Functions(places), ValueRef::Program(program), Some(ops)) => {
            let place = places.iter().find(|&&it| u64::from(it) == into).ok_or_else(wrong)?;
            ops.funcs.push((*place, program));
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

/// Finds what the pointers in data sections refer to. A loader ignores them, so what is not understood is no error.
pub(crate) fn data(resolver: &Resolver<'_, '_>, tables: &Tables<'_, '_>) -> Vec<Vec<DataReloc>> {
    let mut found = vec![Vec::new(); resolver.data.list.len()];
    for (index, &at) in &resolver.data.of_section {
        let (Some(section), Some(out)) = (resolver.data.list.get(at), found.get_mut(at)) else { continue };
        let rels = resolver.of_section(tables.get(index).map_or(&[], Vec::as_slice)).unwrap_or_default();
        let target = |rel: &Rel| resolver.data_target(rel, &section.bytes);
        *out = rels.iter().map(|rel| DataReloc { offset: rel.offset, target: target(rel) }).collect();
    }
    found
}
