//! `BPF_MAP_CREATE` (`map_create`, `kernel/bpf/syscall.c`).

use super::Call;
use crate::files::Cap;
use crate::sys::Sys;
use crate::types::MapTypes;
use skep_abi::attr::{Cmd, map_create as attr};
use skep_abi::flags::{BPF_F_NUMA_NODE, BPF_F_TOKEN_FD};
use skep_abi::{Errno, MapType};
use skep_btf::{Btf, Def, TypeId};
use skep_maps::{Map, MapSpec, ObjRef};

/// Bytes of the only kind of hash that `excl_prog_hash` may be (SHA-256).
const HASH_SIZE: u32 = 32;

/// `BPF_MAP_CREATE`.
pub(super) fn create(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let ids = [&attr::btf_key_type_id, &attr::btf_value_type_id, &attr::btf_vmlinux_value_type_id];
    let [key_id, value_id, vmlinux_id] = ids.map(|it| call.u32(it));
    let kind = call.u32(&attr::map_type);
    if vmlinux_id != 0 {
        if kind != MapType::StructOps.to_u32() || key_id != 0 || value_id != 0 {
            return Err(Errno::EINVAL);
        }
    } else if key_id != 0 && value_id == 0 {
        return Err(Errno::EINVAL);
    }
    let flags = call.u32(&attr::map_flags) & !BPF_F_TOKEN_FD;
    // What comes before the type is looked at is `EINVAL` as well.
    let kind = MapType::from_u32(kind).ok_or(Errno::EINVAL)?;
    let mut spec = MapSpec {
        flags,
        map_extra: call.u64(&attr::map_extra),
        numa_node: if flags & BPF_F_NUMA_NODE != 0 { call.u32(&attr::numa_node) } else { 0 },
        // Whether there are types is known later, and some types of maps want them to be created at all.
        typed: key_id != 0 && value_id != 0,
        ..MapSpec::new(
            kind,
            call.u32(&attr::key_size),
            call.u32(&attr::value_size),
            call.u32(&attr::max_entries),
        )
    };
    let mut inner_types = None;
    let is_outer = matches!(kind, MapType::ArrayOfMaps | MapType::HashOfMaps);
    if is_outer {
        // The outer map's own attributes are looked at first.
        Map::check(&spec.clone().with_inner(MapSpec::new(MapType::Array, 4, 4, 1)))?;
    } else {
        Map::check(&spec)?;
    }
    may_create(sys, call, kind)?;
    if is_outer {
        let inner = sys.core.map_of(call.fd(&attr::inner_map_fd))?;
        let inner = sys.core.objects.map(inner).ok_or(Errno::EINVAL)?;
        inner_types = inner.types.clone();
        spec.inner = Some(Box::new(inner.map.spec().clone()));
        Map::check(&spec)?;
    }
    match call.u32(&attr::map_ifindex) {
        0 => {}
        // No device of this machine runs programs itself (`bpf_map_offload_map_alloc`).
        ifindex => return Err(offload(sys, kind, ifindex)),
    }
    spec.name = call.name(&attr::map_name)?;
    let mut types = None;
    let mut object = None;
    if key_id != 0 || value_id != 0 || vmlinux_id != 0 {
        let id = sys.core.files.get(call.fd(&attr::btf_fd))?;
        let info = sys.core.objects.btf(id).ok_or(Errno::EINVAL)?;
        if info.kernel {
            return Err(Errno::EACCES);
        }
        if value_id != 0 {
            check_types(&info.btf, &mut spec, key_id, value_id)?;
        }
        let inner = inner_types.map(Box::new);
        types = Some(MapTypes { btf: info.btf.clone(), key: key_id, value: value_id, inner });
        object = Some(id);
    }
    exclusive(call)?;
    create_with(sys, &spec, types, object)
}

/// Whether the caller may make maps of a type. As kernels are configured, others may make none
/// (`unprivileged_bpf_disabled`).
fn may_create(sys: &Sys<'_>, call: &Call<'_>, kind: MapType) -> Result<(), Errno> {
    use MapType::{Devmap, DevmapHash, Sockhash, Sockmap, Xskmap};
    let token = sys.core.token_of(call.u32(&attr::map_flags), call.fd(&attr::map_token_fd))?;
    // A token that does not allow this counts as none.
    let token = token.filter(|it| it.allows_cmd(Cmd::MapCreate) && it.allows_map(kind));
    let caps = sys.core.token_caps(token.as_ref());
    let of_net = matches!(kind, Sockmap | Sockhash | Devmap | DevmapHash | Xskmap);
    if caps.bpf && (caps.net_admin || !of_net) { Ok(()) } else { Err(Errno::EPERM) }
}

fn create_with(
    sys: &mut Sys<'_>,
    spec: &MapSpec,
    types: Option<MapTypes>,
    btf: Option<ObjRef>,
) -> Result<i32, Errno> {
    sys.core.files.room()?;
    let fd = sys.map_create_typed(spec, types)?;
    if let Some(btf) = btf {
        let id = sys.core.map_of(fd)?;
        sys.core.objects.retain(btf);
        if let Some(map) = sys.core.objects.map_mut(id) {
            map.btf = Some(btf);
        }
    }
    Ok(fd.0)
}

/// What creating a map on a device comes to.
fn offload(sys: &Sys<'_>, kind: MapType, ifindex: u32) -> Errno {
    if !sys.core.capable(Cap::SysAdmin) {
        return Errno::EPERM;
    }
    let known = sys.core.net.device(ifindex).is_some();
    match kind {
        MapType::Array | MapType::Hash if known => Errno::EOPNOTSUPP,
        _ => Errno::EINVAL,
    }
}

/// The program that a map is for alone, by the hash of its instructions.
fn exclusive(call: &mut Call<'_>) -> Result<(), Errno> {
    let (addr, size) = (call.u64(&attr::excl_prog_hash), call.u32(&attr::excl_prog_hash_size));
    match (addr, size) {
        (0, 0) => Ok(()),
        (0, _) => Err(Errno::EINVAL),
        (_, HASH_SIZE) => {
            call.read(addr, HASH_SIZE as usize)?;
            // Programs are not told apart by hash here.
            Err(Errno::EOPNOTSUPP)
        }
        _ => Err(Errno::EINVAL),
    }
}

/// What a type of maps wants the type of its keys to be (`map_check_btf` of its operations).
enum Keys {
    /// Anything of the right size.
    Any,
    /// Anything or nothing.
    AnyOrNone,
    /// Such maps have no types at all.
    Untyped,
    /// A number of 32 bits; of an ARRAY with one element, nothing, if its values are a data section.
    Index,
    /// A number of 32 bits.
    Number,
    /// A struct.
    Struct,
    /// Nothing.
    None,
    /// The id of a cgroup, or a struct that begins with one.
    Cgroup,
}

impl Keys {
    fn of(kind: MapType) -> Keys {
        use MapType::*;
        match kind {
            Array | PercpuArray => Keys::Index,
            SkStorage | InodeStorage | TaskStorage | CgrpStorage => Keys::Number,
            LpmTrie => Keys::Struct,
            BloomFilter => Keys::None,
            Arena => Keys::AnyOrNone,
            CgroupStorage | PercpuCgroupStorage => Keys::Cgroup,
            PerfEventArray | CgroupArray | ArrayOfMaps | HashOfMaps | StackTrace | Cpumap | Devmap
            | DevmapHash | StructOps => Keys::Untyped,
            _ => Keys::Any,
        }
    }
}

/// `map_check_btf`: the types of keys and values fit, and values hold what such maps may hold.
fn check_types(btf: &Btf, spec: &mut MapSpec, key: u32, value: u32) -> Result<(), Errno> {
    let sized = |id: u32, size: u32| btf.size_of(id).is_ok_and(|it| it == u64::from(size));
    let keys = Keys::of(spec.kind);
    match key {
        0 if matches!(keys, Keys::Any) => return Err(Errno::EINVAL),
        0 => {}
        key if !sized(key, spec.key_size) => return Err(Errno::EINVAL),
        _ => {}
    }
    if !sized(value, spec.value_size) {
        return Err(Errno::EINVAL);
    }
    spec.special = crate::special::special_fields(btf, TypeId(value));
    Map::check(spec)?;
    if keys.fit(btf, spec, key, value)? { Ok(()) } else { Err(Errno::EINVAL) }
}

impl Keys {
    fn fit(&self, btf: &Btf, spec: &MapSpec, key: u32, value: u32) -> Result<bool, Errno> {
        let def = |id: u32| btf.resolved(id).map(|it| &it.def);
        let bits = |id: u32| match def(id) {
            Some(Def::Int(int)) if int.offset == 0 => Some(int.bits),
            _ => None,
        };
        Ok(match self {
            Keys::Untyped => return Err(Errno::ENOTSUPP),
            Keys::AnyOrNone => true,
            Keys::Any => key != 0,
            Keys::None => key == 0,
            Keys::Index if key == 0 => {
                let section = matches!(btf.type_by_id(value).map(|it| &it.def), Some(Def::DataSec(_)));
                spec.kind == MapType::Array && spec.max_entries == 1 && section
            }
            Keys::Index | Keys::Number => bits(key) == Some(32),
            Keys::Struct => matches!(def(key), Some(Def::Struct(_))),
            Keys::Cgroup if spec.key_size == 8 => bits(key) == Some(64),
            Keys::Cgroup => {
                let members: Vec<_> = btf.members(btf.resolve(key)).collect();
                let fits = |index: usize, at: u32, size: u8| {
                    members
                        .get(index)
                        .is_some_and(|it| it.bit_offset == at && bits(it.type_id.0) == Some(size))
                };
                members.len() == 2 && fits(0, 0, 64) && fits(1, 64, 32)
            }
        })
    }
}
