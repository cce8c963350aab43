//! Where global variables lie. Clang leaves a `DataSec`'s size and the places of global variables zero; the symbol
//! table knows them (libbpf's `btf_fixup_datasec`).

use std::collections::HashMap;

use goblin::elf::sym::{STT_OBJECT, STV_HIDDEN, STV_INTERNAL};
use skep_btf::{Btf, DataSec, Def, Linkage, TypeId};

use crate::elf::{Elf, Section};
use crate::error::Error;

/// Fills in the sizes and places of every `DataSec` that belongs to a section and has none yet (a static linker has filled
/// them in), and makes hidden variables static.
pub(crate) fn place_all(elf: &Elf<'_>, btf: &mut Btf) -> Result<(), Error> {
    let globals = globals(elf)?;
    let mut sections: HashMap<&str, &Section<'_>> = HashMap::new();
    for section in &elf.sections {
        sections.entry(section.name).or_insert(section);
    }
    let mut hidden = Vec::new();
    let mut place = |(id, ty): (TypeId, &skep_btf::Type)| {
        let Def::DataSec(list) = &ty.def else { return None };
        let section = sections.get(btf.str(ty.name))?;
        let is_hidden = |id: &TypeId| {
            is_global(btf, *id)
                && globals.get(&(section.index, btf.name(*id))).is_some_and(|symbol| symbol.hidden)
        };
        hidden.extend(list.vars.iter().map(|it| it.type_id).filter(is_hidden));
        let size = u32::try_from(section.size).ok().filter(|_| list.size == 0)?;
        Some((id, size, offsets(btf, list, section, &globals)))
    };
    let placed: Vec<_> = btf.own_types().filter_map(&mut place).collect();
    for (id, size, offsets) in placed {
        btf.place_datasec(id, size, &offsets);
    }
    for id in hidden {
        btf.set_linkage(id, Linkage::Static);
    }
    Ok(())
}

/// The symbols of global variables, by section and name.
type Globals<'a> = HashMap<(usize, &'a str), Global>;

/// The symbol of a global variable.
struct Global {
    place: u64,
    hidden: bool,
}

fn globals<'a>(elf: &Elf<'a>) -> Result<Globals<'a>, Error> {
    let mut globals = HashMap::new();
    for symbol in elf.symbols.iter().filter(|it| it.is_global() && it.kind == STT_OBJECT) {
        let hidden = matches!(symbol.visibility, STV_HIDDEN | STV_INTERNAL);
        globals.insert((symbol.section, elf.symbol_name(symbol)?), Global { place: symbol.value, hidden });
    }
    Ok(globals)
}

/// The places of a section's variables in the recorded order. Those of static ones are there already.
fn offsets(btf: &Btf, list: &DataSec, section: &Section<'_>, globals: &Globals<'_>) -> Vec<u32> {
    let offset = |it: &skep_btf::SecVar| {
        let global = is_global(btf, it.type_id).then(|| globals.get(&(section.index, btf.name(it.type_id))));
        let place = global.flatten().and_then(|it| u32::try_from(it.place).ok());
        place.unwrap_or(it.offset)
    };
    list.vars.iter().map(offset).collect()
}

fn is_global(btf: &Btf, id: TypeId) -> bool {
    matches!(btf.type_by_id(id).map(|ty| &ty.def), Some(Def::Var(var)) if var.linkage == Linkage::Global)
}

/// A variable of a `DataSec`.
pub(crate) struct Variable<'a> {
    pub(crate) name: &'a str,
    pub(crate) offset: u64,
    pub(crate) size: u64,
    pub(crate) type_id: TypeId,
    pub(crate) linkage: Linkage,
}

/// The variables of a `DataSec`, by offset.
pub(crate) fn of_datasec(btf: &Btf, datasec: TypeId) -> Vec<Variable<'_>> {
    let Some(Def::DataSec(list)) = btf.type_by_id(datasec).map(|it| &it.def) else { return Vec::new() };
    let variable = |it: &skep_btf::SecVar| {
        let ty = btf.type_by_id(it.type_id)?;
        let Def::Var(var) = &ty.def else { return None };
        Some(Variable {
            name: btf.str(ty.name),
            offset: it.offset.into(),
            size: it.size.into(),
            type_id: var.type_id,
            linkage: var.linkage,
        })
    };
    let mut variables: Vec<_> = list.vars.iter().filter_map(variable).collect();
    variables.sort_by_key(|it| it.offset);
    variables
}
