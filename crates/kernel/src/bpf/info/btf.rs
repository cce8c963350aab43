//! `struct bpf_btf_info` (`btf_get_info_by_fd`, `kernel/bpf/btf.c`).

use super::Info;
use crate::bpf::Call;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::info::bpf_btf_info as info;
use skep_maps::ObjRef;

/// Tells of types.
///
/// # Errors
/// `ENOSPC`: the name does not fit; all else is told.
pub(super) fn fill(sys: &mut Sys<'_>, call: &mut Call<'_>, id: ObjRef) -> Result<(), Errno> {
    let mut out = Info::given(call, &info::LAYOUT)?;
    let btf = sys.core.objects.btf(id).ok_or(Errno::EINVAL)?;
    let made;
    let bytes: &[u8] = match &btf.raw {
        Some(raw) => raw,
        None => {
            made = btf.btf.to_bytes();
            &made
        }
    };
    out.put(&info::id, sys.core.objects.number(id).into());
    let copied = bytes.len().min(out.get(&info::btf_size) as usize);
    call.write(out.get(&info::btf), &bytes[..copied])?;
    out.put(&info::btf_size, bytes.len() as u64);
    out.put(&info::kernel_btf, btf.kernel.into());
    let (addr, room) = (out.get(&info::name), out.get(&info::name_len) as usize);
    if (addr == 0) != (room == 0) {
        return Err(Errno::EINVAL);
    }
    let name = btf.name.as_bytes();
    out.put(&info::name_len, name.len() as u64);
    let fits = room == 0 || room > name.len();
    if room > 0 {
        let mut text = name[..name.len().min(room - 1)].to_vec();
        text.push(0);
        call.write(addr, &text)?;
    }
    out.give(call)?;
    if fits { Ok(()) } else { Err(Errno::ENOSPC) }
}
