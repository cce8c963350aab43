//! `BPF_MAP_*_ELEM` and `BPF_MAP_FREEZE` (`kernel/bpf/syscall.c`): what is checked, and in which order.

use super::Call;
use crate::files::Fd;
use crate::sys::Sys;
use skep_abi::attr::elem;
use skep_abi::flags::BPF_F_LOCK;
use skep_abi::{Errno, MapType};
use skep_maps::MapSpec;

/// The map that a command is about, looked at and not changed.
fn spec<'s>(sys: &'s Sys<'_>, call: &Call<'_>) -> Result<(Fd, &'s MapSpec), Errno> {
    let fd = call.fd(&elem::map_fd);
    Ok((fd, sys.core.readable(fd)?.spec()))
}

/// The key at an address (`__bpf_copy_key`). Maps without keys take none.
fn read_key(call: &mut Call<'_>, key_size: u32) -> Result<Vec<u8>, Errno> {
    let addr = call.u64(&elem::key);
    match key_size {
        0 if addr != 0 => Err(Errno::EINVAL),
        0 => Ok(Vec::new()),
        size => call.read(addr, size as usize),
    }
}

/// The flags of a command that knows `BPF_F_LOCK` alone.
fn lock_flag(call: &Call<'_>) -> Result<u64, Errno> {
    match call.u64(&elem::flags) {
        flags if flags & !BPF_F_LOCK != 0 => Err(Errno::EINVAL),
        flags => Ok(flags),
    }
}

/// `BPF_MAP_LOOKUP_ELEM`.
pub(super) fn lookup(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let flags = lock_flag(call)?;
    let (fd, spec) = spec(sys, call)?;
    spec.check_lock(flags)?;
    let key = read_key(call, spec.key_size)?;
    let (addr, size) = (call.u64(&elem::value), spec.value_size as usize);
    if spec.kind == MapType::BloomFilter {
        let value = call.read(addr, size)?;
        return sys.core.map_contains(fd, &value).map(|()| 0);
    }
    let found = sys.core.map_lookup_elem(sys.memory, fd, &key)?;
    call.write(addr, &found)?;
    Ok(0)
}

/// `BPF_MAP_UPDATE_ELEM`.
pub(super) fn update(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let (fd, flags) = (call.fd(&elem::map_fd), call.u64(&elem::flags));
    let map = sys.writable(fd)?.1;
    map.spec().check_lock(flags)?;
    let (key_size, value_size) = (map.spec().key_size, map.user_value_size());
    let key = read_key(call, key_size)?;
    let value = call.read(call.u64(&elem::value), value_size)?;
    sys.map_update_elem(fd, &key, &value, flags)?;
    Ok(0)
}

/// `BPF_MAP_DELETE_ELEM`.
pub(super) fn delete(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let fd = call.fd(&elem::map_fd);
    let key_size = sys.writable(fd)?.1.spec().key_size;
    let key = read_key(call, key_size)?;
    sys.map_delete_elem(fd, &key)?;
    Ok(0)
}

/// `BPF_MAP_GET_NEXT_KEY`.
pub(super) fn next_key(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let (fd, spec) = spec(sys, call)?;
    let before = match call.u64(&elem::key) {
        0 => None,
        _ => Some(read_key(call, spec.key_size)?),
    };
    let found = sys.core.map_get_next_key(fd, before.as_deref())?;
    call.write(call.u64(&elem::next_key), &found)?;
    Ok(0)
}

/// `BPF_MAP_LOOKUP_AND_DELETE_ELEM`.
pub(super) fn lookup_and_delete(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let flags = lock_flag(call)?;
    let (fd, _) = spec(sys, call)?;
    let spec = sys.writable(fd)?.1.spec();
    if flags != 0 && matches!(spec.kind, MapType::Queue | MapType::Stack) {
        return Err(Errno::EINVAL);
    }
    spec.check_lock(flags)?;
    let key = read_key(call, spec.key_size)?;
    let found = sys.map_lookup_and_delete_elem(fd, &key)?;
    call.write(call.u64(&elem::value), &found)?;
    Ok(0)
}

/// `BPF_MAP_FREEZE`.
pub(super) fn freeze(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    sys.map_freeze(call.fd(&elem::map_fd))?;
    Ok(0)
}
