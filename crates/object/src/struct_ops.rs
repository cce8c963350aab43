//! Variables of struct_ops sections, each a map (libbpf's `init_struct_ops_maps`).

use skep_abi::MapType;
use skep_abi::flags::BPF_F_LINK;
use skep_btf::{Btf, Def, Kind, TypeId};

use crate::budget::Budget;
use crate::elf::{Elf, Section};
use crate::error::{At, Error, ErrorKind};
use crate::map::{MapDef, Slots, StructOps};
use crate::vars::{self, Variable};

/// Whether a section holds struct_ops variables.
pub(crate) fn is_struct_ops(section: &Section<'_>) -> bool {
    matches!(section.name.trim_start_matches('?'), ".struct_ops" | ".struct_ops.link") && section.size > 0
}

/// Reads the variables of every such section.
pub(crate) fn collect(
    elf: &Elf<'_>,
    btf: Option<&Btf>,
    budget: &Budget,
) -> Result<Vec<(MapDef, Slots)>, Error> {
    let mut maps = Vec::new();
    for section in elf.sections.iter().filter(|it| is_struct_ops(it)) {
        let btf = btf.ok_or(ErrorKind::NoBtf).at(section.name, 0)?;
        let datasec =
            btf.find(Kind::DataSec, section.name).ok_or(ErrorKind::NoDatasec).at(section.name, 0)?;
        let data = elf.data(section)?;
        for var in vars::of_datasec(btf, datasec) {
            maps.push(map(btf, section, data, &var, budget).at(section.name, var.offset)?);
        }
    }
    Ok(maps)
}

fn map(
    btf: &Btf,
    section: &Section<'_>,
    data: &[u8],
    var: &Variable<'_>,
    budget: &Budget,
) -> Result<(MapDef, Slots), ErrorKind> {
    let wrong = |reason| ErrorKind::StructOps { name: var.name.to_string(), reason };
    let type_id = btf.resolve(var.type_id);
    let ty = btf.type_by_id(type_id).ok_or(wrong("its type does not exist"))?;
    let Def::Struct(composite) = &ty.def else { return Err(wrong("it is not a structure")) };
    if btf.str(ty.name).is_empty() {
        return Err(wrong("its structure has no name"));
    }
    let bytes = usize::try_from(var.offset)
        .ok()
        .and_then(|start| data.get(start..start.checked_add(composite.size as usize)?))
        .ok_or(wrong("it lies outside its section"))?;
    budget.copy(bytes.len())?;
    let link = section.name.ends_with(".link");
    let pointers = composite.members.iter().filter(|it| is_function_pointer(btf, it.type_id));
    let slots = Slots::Functions(pointers.map(|it| it.bit_offset / 8).collect());
    let map = MapDef {
        name: budget.name(var.name)?,
        kind: MapType::StructOps.to_u32(),
        key_size: 4,
        value_size: composite.size,
        max_entries: 1,
        map_flags: if link { BPF_F_LINK } else { 0 },
        value_type: Some(type_id),
        struct_ops: Some(StructOps {
            type_id,
            bytes: bytes.to_vec(),
            funcs: Vec::new(),
            link,
            autocreate: !section.name.starts_with('?'),
        }),
        section_index: section.index,
        section_offset: var.offset,
        ..MapDef::default()
    };
    Ok((map, slots))
}

fn is_function_pointer(btf: &Btf, id: TypeId) -> bool {
    let pointed = match btf.resolved(id).map(|it| &it.def) {
        Some(Def::Ptr(target)) => btf.resolved(*target),
        _ => None,
    };
    matches!(pointed.map(|it| &it.def), Some(Def::FuncProto(_)))
}
