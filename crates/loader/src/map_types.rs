//! The types of keys and values that libbpf tells the kernel of (`bpf_map_find_btf_info`, `bpf_object__create_map`).

use std::sync::Arc;

use skep_abi::MapType;
use skep_btf::{Btf, TypeId};
use skep_kernel::MapTypes;
use skep_object::{MapDef, Object};

use crate::open::{MapPlan, MapSource};

/// The map types whose elements libbpf says no types of: the kernel takes none.
const UNTYPED: &[MapType] = &[
    MapType::PerfEventArray,
    MapType::CgroupArray,
    MapType::StackTrace,
    MapType::ArrayOfMaps,
    MapType::HashOfMaps,
    MapType::Devmap,
    MapType::DevmapHash,
    MapType::Cpumap,
    MapType::Xskmap,
    MapType::Sockmap,
    MapType::Sockhash,
    MapType::Queue,
    MapType::Stack,
    MapType::Arena,
];

/// The types of a map that is going to be made; `None`: none are told.
pub(crate) fn of(object: &Object, btf: &Arc<Btf>, plan: &MapPlan) -> Option<MapTypes> {
    if plan.untyped {
        return None;
    }
    match plan.source {
        MapSource::Definition(index) => of_definition(btf, object.maps.get(index)?, plan.spec.kind),
        MapSource::Section(index) => {
            let datasec = object.data.get(index)?.btf_datasec?;
            Some(MapTypes { btf: Arc::clone(btf), key: 0, value: datasec.0, inner: None })
        }
    }
}

fn of_definition(btf: &Arc<Btf>, def: &MapDef, kind: MapType) -> Option<MapTypes> {
    let id = |it: Option<TypeId>| it.map_or(0, |it| it.0);
    let inner = def.inner.as_deref().and_then(|inner| {
        let kind = inner.map_type()?;
        of_definition(btf, inner, kind).map(Box::new)
    });
    let (key, value) = match UNTYPED.contains(&kind) {
        true => (0, 0),
        false => (id(def.key_type), id(def.value_type)),
    };
    (key != 0 || value != 0 || inner.is_some()).then(|| MapTypes { btf: Arc::clone(btf), key, value, inner })
}
