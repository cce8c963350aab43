//! The checks of `BPF_MAP_CREATE` that all types share (kernel/bpf/syscall.c `map_create`, `map_check_btf`), and
//! words for the type's own.

use skep_abi::flags::{
    self, BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_RDONLY_PROG, BPF_F_TOKEN_FD, BPF_F_VTYPE_BTF_OBJ_FD,
    BPF_F_WRONLY, BPF_F_WRONLY_PROG,
};
use skep_abi::{Errno, MapType};

use crate::spec::{CreateError, MapSpec, SpecialKind};

/// Flags that say who may read or write: accepted by arrays and hash tables alike (`BPF_F_ACCESS_MASK`).
pub(crate) const ACCESS: u32 = BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;

/// The largest per-CPU value in bytes, a multiple of 8 (`PCPU_MIN_UNIT_SIZE`).
const PERCPU_VALUE_MAX: u64 = 32 << 10;

/// NUMA node that means "none given".
const NUMA_NO_NODE: u32 = u32::MAX;

type Check = Result<(), CreateError>;

pub(crate) fn invalid(reason: impl Into<String>) -> CreateError {
    CreateError::new(Errno::EINVAL, reason)
}

/// What `map_create` checks before it looks at the type.
pub(crate) fn before_type(spec: &MapSpec) -> Check {
    if spec.map_extra != 0 && !matches!(spec.kind, MapType::BloomFilter | MapType::Arena) {
        return Err(invalid(format!("map_extra {:#x}: {} maps take none", spec.map_extra, spec.kind)));
    }
    file_mode_of(spec.flags)?;
    if node_of(spec).is_some_and(|node| node != 0) {
        return Err(invalid(format!("NUMA node {}: the machine has node 0 alone", spec.numa_node)));
    }
    if spec.has(BPF_F_VTYPE_BTF_OBJ_FD) || spec.has(BPF_F_TOKEN_FD) {
        let given = spec.flags & (BPF_F_VTYPE_BTF_OBJ_FD | BPF_F_TOKEN_FD);
        return Err(invalid(format!("flags {}: not emulated", flags::MAP_CREATE.describe(given.into()))));
    }
    Ok(())
}

/// `bpf_get_file_flag`: a descriptor is read-only, write-only or both ways, never neither.
fn file_mode_of(map_flags: u32) -> Check {
    if map_flags & BPF_F_RDONLY != 0 && map_flags & BPF_F_WRONLY != 0 {
        return Err(invalid("BPF_F_RDONLY and BPF_F_WRONLY exclude each other"));
    }
    Ok(())
}

/// The NUMA node asked for, if one was (`bpf_map_attr_numa_node`).
pub(crate) fn node_of(spec: &MapSpec) -> Option<u32> {
    (spec.has(BPF_F_NUMA_NODE) && spec.numa_node != NUMA_NO_NODE).then_some(spec.numa_node)
}

/// Only bits of `allowed` are set, and programs keep at least one way of access (`bpf_map_flags_access_ok`).
pub(crate) fn flags_within(spec: &MapSpec, allowed: u32) -> Check {
    let unknown = spec.flags & !allowed;
    if unknown != 0 {
        let names = flags::MAP_CREATE.describe(unknown.into());
        return Err(invalid(format!("flags {names}: not for {} maps", spec.kind)));
    }
    if spec.has(BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG) {
        return Err(invalid("BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG exclude each other"));
    }
    Ok(())
}

/// No NUMA node may be named for a type that keeps values per CPU.
pub(crate) fn no_numa(spec: &MapSpec) -> Check {
    match node_of(spec) {
        Some(_) => Err(invalid(format!("BPF_F_NUMA_NODE: {} maps live on every node", spec.kind))),
        None => Ok(()),
    }
}

/// Nothing may be empty.
pub(crate) fn not_empty(what: &str, size: u32) -> Check {
    if size == 0 { Err(invalid(format!("{what} must not be 0"))) } else { Ok(()) }
}

/// A per-CPU value must fit in a per-CPU chunk.
pub(crate) fn percpu_value_fits(spec: &MapSpec) -> Check {
    if spec.stride() > PERCPU_VALUE_MAX {
        let text =
            format!("value_size {}: a per-CPU value has at most {PERCPU_VALUE_MAX} bytes", spec.value_size);
        return Err(CreateError::new(Errno::E2BIG, text));
    }
    Ok(())
}

/// `map_check_btf`: what programs may not write whole cannot hold managed fields, and each kind has its map types.
pub(crate) fn special_fields(spec: &MapSpec) -> Check {
    if spec.special.is_empty() {
        return Ok(());
    }
    if spec.flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG) != 0 {
        let text = "values with special fields cannot be read-only or write-only for programs";
        return Err(CreateError::new(Errno::EACCES, text));
    }
    for field in &spec.special {
        if !field.kind.homes().contains(&spec.kind) {
            return Err(misplaced(field.kind, spec.kind));
        }
        if u64::from(field.offset) + u64::from(field.kind.size()) > u64::from(spec.value_size) {
            return Err(invalid(format!("{:?} at offset {} leaves the value", field.kind, field.offset)));
        }
    }
    Ok(())
}

fn misplaced(field: SpecialKind, home: MapType) -> CreateError {
    CreateError::new(Errno::EOPNOTSUPP, format!("values of {home} maps cannot hold a {field:?}"))
}
