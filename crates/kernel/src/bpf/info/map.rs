//! `struct bpf_map_info` (`bpf_map_get_info_by_fd`).

use super::Info;
use crate::bpf::Call;
use crate::sys::Sys;
use skep_abi::info::bpf_map_info as info;
use skep_abi::{Errno, MapType};
use skep_maps::ObjRef;

/// Tells of a map.
pub(super) fn fill(sys: &mut Sys<'_>, call: &mut Call<'_>, id: ObjRef) -> Result<(), Errno> {
    // What a map has not (a device, types) stays as the caller had it.
    let mut out = Info::given(call, &info::LAYOUT)?;
    let object = sys.core.objects.map(id).ok_or(Errno::EINVAL)?;
    let spec = object.map.spec();
    out.put(&info::r#type, spec.kind.to_u32().into());
    out.put(&info::id, sys.core.objects.number(id).into());
    out.put(&info::key_size, spec.key_size.into());
    out.put(&info::value_size, spec.value_size.into());
    out.put(&info::max_entries, spec.max_entries.into());
    out.put(&info::map_flags, spec.flags.into());
    out.put(&info::map_extra, spec.map_extra);
    out.put_bytes(&info::name, &[0; 16]);
    out.put_name(&info::name, &spec.name);
    out.put(&info::btf_vmlinux_value_type_id, 0);
    if out.get(&info::hash) != 0 || out.get(&info::hash_size) != 0 {
        // Arrays alone can be asked for the hash of their values (SHA-256): not emulated.
        let array = spec.kind == MapType::Array && out.get(&info::hash_size) == 32;
        return Err(if array { Errno::EOPNOTSUPP } else { Errno::EINVAL });
    }
    if let (Some(btf), Some(types)) = (object.btf, &object.types) {
        out.put(&info::btf_id, sys.core.objects.number(btf).into());
        out.put(&info::btf_key_type_id, types.key.into());
        out.put(&info::btf_value_type_id, types.value.into());
    }
    out.give(call)
}
