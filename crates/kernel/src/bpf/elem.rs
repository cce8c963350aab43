//! `BPF_MAP_*_ELEM` and `BPF_MAP_FREEZE` (`kernel/bpf/syscall.c`).

use super::Call;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::elem;
use skep_abi::attr::elem::{key, map_fd, next_key as next, value};

/// The key that a field is the address of. Maps without keys take none (`__bpf_copy_key`).
fn read_key(sys: &Sys<'_>, call: &mut Call<'_>) -> Result<Vec<u8>, Errno> {
    let size = sys.core.map_info(call.fd(&map_fd))?.key_size as usize;
    let addr = call.u64(&key);
    match size {
        0 if addr != 0 => Err(Errno::EINVAL),
        0 => Ok(Vec::new()),
        size => call.read(addr, size),
    }
}

/// `BPF_MAP_LOOKUP_ELEM`.
pub(super) fn lookup(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let wanted = read_key(sys, call)?;
    let found = sys.core.map_lookup_elem(sys.memory, call.fd(&map_fd), &wanted)?;
    call.write(call.u64(&value), &found)?;
    Ok(0)
}

/// `BPF_MAP_UPDATE_ELEM`.
pub(super) fn update(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let fd = call.fd(&map_fd);
    let wanted = read_key(sys, call)?;
    let size = sys.core.map(fd)?.user_value_size();
    let bytes = call.read(call.u64(&value), size)?;
    sys.map_update_elem(fd, &wanted, &bytes, call.u64(&elem::flags))?;
    Ok(0)
}

/// `BPF_MAP_DELETE_ELEM`.
pub(super) fn delete(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let wanted = read_key(sys, call)?;
    sys.map_delete_elem(call.fd(&map_fd), &wanted)?;
    Ok(0)
}

/// `BPF_MAP_GET_NEXT_KEY`.
pub(super) fn next_key(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let before = if call.u64(&key) == 0 { None } else { Some(read_key(sys, call)?) };
    let found = sys.core.map_get_next_key(call.fd(&map_fd), before.as_deref())?;
    call.write(call.u64(&next), &found)?;
    Ok(0)
}

/// `BPF_MAP_LOOKUP_AND_DELETE_ELEM`.
pub(super) fn lookup_and_delete(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let wanted = read_key(sys, call)?;
    let found = sys.map_lookup_and_delete_elem(call.fd(&map_fd), &wanted)?;
    call.write(call.u64(&value), &found)?;
    Ok(0)
}

/// `BPF_MAP_FREEZE`.
pub(super) fn freeze(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    sys.map_freeze(call.fd(&map_fd))?;
    Ok(0)
}
