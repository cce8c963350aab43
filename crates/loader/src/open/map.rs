//! What a map is going to be.

use skep_abi::{MapType, flags};
use skep_btf::{Def, Linkage};
use skep_maps::MapSpec;
use skep_object::{DataKind, DataSection, MapDef, Object};

/// What a map is going to be.
#[derive(Clone, Debug)]
pub struct MapPlan {
    /// The variable's name; of a data section, the section's.
    pub name: String,
    /// What is created.
    pub spec: MapSpec,
    /// The map type's number in the object, if it is none that Linux 6.18 knows: then there is no such map, unless
    /// this is cleared and `spec` set to something that exists.
    pub unknown_kind: Option<u32>,
    /// Where it comes from.
    pub source: MapSource,
    /// Whether it is created.
    pub autocreate: bool,
    /// The first value: what a data section starts with.
    pub(crate) initial: Option<Vec<u8>>,
}

/// Where a map comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapSource {
    /// The definition with this index in [`Object::maps`].
    Definition(usize),
    /// The section with this index in [`Object::data`].
    Section(usize),
}

impl MapPlan {
    pub(crate) fn of_definition(object: &Object, index: usize, def: &MapDef) -> MapPlan {
        let spec = spec_of(object, def);
        MapPlan {
            name: def.name.clone(),
            unknown_kind: def.map_type().is_none().then_some(def.kind),
            spec,
            source: MapSource::Definition(index),
            autocreate: def.struct_ops.as_ref().is_none_or(|ops| ops.autocreate),
            initial: None,
        }
    }

    /// The map of a data section (`bpf_object__init_internal_map`).
    pub(crate) fn of_section(object: &Object, index: usize, data: &DataSection) -> MapPlan {
        let mut flags = match data.kind {
            DataKind::RoData | DataKind::Kconfig => flags::BPF_F_RDONLY_PROG,
            _ => 0,
        };
        if is_seen(object, data) {
            flags |= flags::BPF_F_MMAPABLE;
        }
        // A section is at most MAX_ZEROED or the file's size long: both fit.
        let spec = MapSpec::new(MapType::Array, 4, data.bytes.len() as u32, 1)
            .with_flags(flags)
            .with_name(&data.name);
        let emulated =
            matches!(data.kind, DataKind::Data | DataKind::RoData | DataKind::Bss | DataKind::Kconfig);
        MapPlan {
            name: data.name.clone(),
            unknown_kind: None,
            spec,
            source: MapSource::Section(index),
            autocreate: emulated && !data.bytes.is_empty(),
            initial: Some(data.bytes.clone()),
        }
    }
}

/// What is created for a definition, and for the template in it.
fn spec_of(object: &Object, def: &MapDef) -> MapSpec {
    MapSpec {
        kind: def.map_type().unwrap_or(MapType::Hash),
        key_size: def.key_size,
        value_size: def.value_size,
        max_entries: def.max_entries,
        flags: def.map_flags,
        map_extra: def.map_extra,
        numa_node: def.numa_node,
        name: def.name.clone(),
        special: match (&object.btf, def.value_type) {
            (Some(btf), Some(value)) => skep_kernel::special_fields(btf, value),
            _ => Vec::new(),
        },
        inner: def.inner.as_ref().map(|inner| Box::new(spec_of(object, inner))),
        typed: def.key_type.is_some() && def.value_type.is_some(),
    }
}

/// Whether user space has a use for a section's memory: a variable that is not static (`map_is_mmapable`).
fn is_seen(object: &Object, data: &DataSection) -> bool {
    let Some((btf, id)) = object.btf.as_ref().zip(data.btf_datasec) else { return false };
    let Some(Def::DataSec(list)) = btf.type_by_id(id).map(|it| &it.def) else { return false };
    let mut vars = list.vars.iter().filter_map(|it| match btf.type_by_id(it.type_id).map(|it| &it.def) {
        Some(Def::Var(var)) => Some(var.linkage),
        _ => None,
    });
    vars.any(|linkage| linkage != Linkage::Static)
}
