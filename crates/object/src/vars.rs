//! Where global variables lie. Clang leaves a `DataSec`'s size and the places of global variables zero; the symbol
//! table knows them (libbpf's `btf_fixup_datasec`).

use std::collections::HashMap;

use goblin::elf::sym::STT_OBJECT;
use skep_btf::{Btf, Def, Linkage, TypeId};

use crate::elf::{Elf, Section, Symbol};
use crate::error::Error;

/// The symbols of global variables, by section and name.
pub(crate) struct Globals<'a> {
    by_name: HashMap<(usize, &'a str), Symbol>,
}

impl<'a> Globals<'a> {
    /// Collects them.
    pub(crate) fn new(elf: &Elf<'a>) -> Result<Globals<'a>, Error> {
        let mut by_name = HashMap::new();
        for symbol in elf.symbols.iter().filter(|it| it.is_global() && it.kind == STT_OBJECT) {
            by_name.insert((symbol.section, elf.symbol_name(symbol)?), *symbol);
        }
        Ok(Globals { by_name })
    }
}

/// A variable of a `DataSec`, at its true place.
pub(crate) struct Placed<'a> {
    pub(crate) name: &'a str,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) type_id: TypeId,
    pub(crate) linkage: Linkage,
}

/// The variables of a `DataSec`, in its order.
pub(crate) fn place<'a>(
    btf: &'a Btf,
    datasec: TypeId,
    section: &Section<'_>,
    globals: &Globals<'_>,
) -> Vec<Placed<'a>> {
    let Some(Def::DataSec(list)) = btf.type_by_id(datasec).map(|it| &it.def) else { return Vec::new() };
    let place = |var: &skep_btf::SecVar| {
        let ty = btf.type_by_id(var.type_id)?;
        let Def::Var(it) = &ty.def else { return None };
        let name = btf.str(ty.name);
        let symbol = globals.by_name.get(&(section.index, name));
        let offset = match symbol {
            // A static linker has filled the places in; clang has not, but the symbol is always right.
            Some(symbol) if it.linkage == Linkage::Global => symbol.value,
            _ => var.offset.into(),
        };
        Some(Placed { name, offset, size: var.size.into(), type_id: it.type_id, linkage: it.linkage })
    };
    list.vars.iter().filter_map(place).collect()
}
