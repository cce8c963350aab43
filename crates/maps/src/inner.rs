//! Maps of maps: what the inner maps have to be (kernel/bpf/map_in_map.c).

use skep_abi::flags::BPF_F_INNER_MAP;
use skep_abi::{Errno, MapType};

use crate::rules::invalid;
use crate::spec::{CreateError, MapSpec};

/// `bpf_map_meta_alloc`: the template that a map of maps is created with.
pub(crate) fn check(spec: &MapSpec) -> Result<(), CreateError> {
    let Some(inner) = &spec.inner else {
        let text = format!("{} maps want an inner map (inner_map_fd)", spec.kind);
        // Whatever fd 0 is, it is no map.
        return Err(invalid(text));
    };
    if is_outer(inner.kind) {
        return Err(invalid("the inner map of a map of maps cannot be a map of maps"));
    }
    if !can_be_inner(inner.kind) {
        let text = format!("{} maps cannot be in a map of maps", inner.kind);
        return Err(CreateError::new(Errno::ENOTSUPP, text));
    }
    Ok(())
}

/// Whether maps of this type hold maps.
pub(crate) fn is_outer(kind: MapType) -> bool {
    matches!(kind, MapType::ArrayOfMaps | MapType::HashOfMaps)
}

/// The types whose operations have `map_meta_equal`.
fn can_be_inner(kind: MapType) -> bool {
    use MapType::*;
    !matches!(kind, ProgArray | CgroupStorage | PercpuCgroupStorage | StructOps)
}

/// Whether a map goes into a map of maps with this template (`bpf_map_meta_equal`, `array_map_meta_equal`).
pub(crate) fn fits(template: &MapSpec, map: &MapSpec) -> bool {
    let alike = template.kind == map.kind
        && template.key_size == map.key_size
        && template.value_size == map.value_size
        && template.flags == map.flags
        && template.special == map.special;
    let as_long = match template.kind {
        MapType::Array => template.flags & BPF_F_INNER_MAP != 0 || template.max_entries == map.max_entries,
        MapType::Xskmap => template.max_entries == map.max_entries,
        _ => true,
    };
    alike && as_long
}
