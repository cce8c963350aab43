//! Finds the sections of global variables.

use std::collections::BTreeMap;

use goblin::elf::section_header::{SHT_NOBITS, SHT_PROGBITS};
use goblin::elf::sym::STT_OBJECT;
use skep_btf::{Btf, Kind, Linkage, TypeId};

use crate::budget::Budget;
use crate::data::{DataKind, DataSection, Var};
use crate::elf::{Elf, Section, Symbol};
use crate::error::{At, Error};
use crate::vars;

/// The data sections, and the one of each section index.
#[derive(Default)]
pub(crate) struct DataSections {
    pub(crate) list: Vec<DataSection>,
    pub(crate) of_section: BTreeMap<usize, usize>,
}

/// What a section is for, if it holds global variables (libbpf's `bpf_object__elf_collect`).
fn kind(section: &Section<'_>) -> Option<DataKind> {
    match section.kind {
        _ if section.size == 0 || section.is_code() => None,
        SHT_PROGBITS if section.is_or_is_under(".data") => Some(DataKind::Data),
        SHT_PROGBITS if section.is_or_is_under(".rodata") => Some(DataKind::RoData),
        SHT_PROGBITS if section.name == ".addr_space.1" => Some(DataKind::Arena),
        SHT_NOBITS if section.is_or_is_under(".bss") => Some(DataKind::Bss),
        _ => None,
    }
}

/// Reads every data section.
pub(crate) fn collect(elf: &Elf<'_>, btf: Option<&Btf>, budget: &Budget) -> Result<DataSections, Error> {
    let mut data = DataSections::default();
    for section in &elf.sections {
        let Some(kind) = kind(section) else { continue };
        let bytes = match kind {
            DataKind::Bss => budget.zeroes(section.size).at(section.name, 0)?,
            _ => {
                let bytes = elf.data(section)?;
                budget.copy(bytes.len() + section.name.len()).at(section.name, 0)?;
                bytes.to_vec()
            }
        };
        data.of_section.insert(section.index, data.list.len());
        let btf_datasec = btf.and_then(|btf| btf.find(Kind::DataSec, section.name));
        let name = section.name.to_string();
        data.list.push(DataSection { name, kind, bytes, vars: Vec::new(), btf_datasec, relocs: Vec::new() });
    }
    name_vars(elf, btf, &mut data, budget)?;
    for it in &mut data.list {
        sort_vars(it, budget);
    }
    Ok(data)
}

/// Names the variables: by BTF where it describes a section, else by the symbol table.
fn name_vars(
    elf: &Elf<'_>,
    btf: Option<&Btf>,
    data: &mut DataSections,
    budget: &Budget,
) -> Result<(), Error> {
    for (&index, &at) in &data.of_section {
        let (Some(section), Some(it)) = (elf.section(index), data.list.get_mut(at)) else { continue };
        if let (Some(btf), Some(datasec)) = (btf, it.btf_datasec) {
            it.vars = btf_vars(btf, datasec, section, budget)?;
        }
    }
    for symbol in elf.symbols.iter().filter(|it| it.kind == STT_OBJECT) {
        let at = data.of_section.get(&symbol.section);
        let Some(it) = at.and_then(|&at| data.list.get_mut(at)) else { continue };
        if it.btf_datasec.is_none() {
            it.vars.push(symbol_var(elf, symbol, budget)?);
        }
    }
    Ok(())
}

/// By offset, and without those that do not lie in their section.
fn sort_vars(section: &mut DataSection, budget: &Budget) {
    let (count, size) = (section.vars.len(), section.bytes.len() as u64);
    section.vars.retain(|it| it.offset.checked_add(it.size).is_some_and(|end| end <= size));
    section.vars.sort_by_key(|it| it.offset);
    if section.vars.len() < count {
        budget.warn(format!("section '{}': variables that do not lie in it are ignored", section.name));
    }
}

fn btf_vars(btf: &Btf, datasec: TypeId, section: &Section<'_>, budget: &Budget) -> Result<Vec<Var>, Error> {
    let mut vars = Vec::new();
    for var in vars::of_datasec(btf, datasec) {
        let name = budget.name(var.name).at(section.name, var.offset)?;
        let is_static = var.linkage == Linkage::Static;
        vars.push(Var { name, offset: var.offset, size: var.size, type_id: Some(var.type_id), is_static });
    }
    Ok(vars)
}

fn symbol_var(elf: &Elf<'_>, symbol: &Symbol, budget: &Budget) -> Result<Var, Error> {
    let name = budget.name(elf.symbol_name(symbol)?).at("", 0)?;
    Ok(Var { name, offset: symbol.value, size: symbol.size, type_id: None, is_static: !symbol.is_global() })
}
