//! `BPF_ENABLE_STATS`, `BPF_PROG_BIND_MAP`, `BPF_PROG_STREAM_READ_BY_FD` (`kernel/bpf/syscall.c`, `kernel/bpf/stream.c`).

use super::Call;
use crate::files::Cap;
use crate::object::Object;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::{enable_stats, prog_bind_map, prog_stream_read as stream};

/// `BPF_STATS_RUN_TIME`.
const RUN_TIME: u32 = 0;

/// `BPF_ENABLE_STATS`: runs are counted while the descriptor is open.
pub(super) fn enable(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    if !sys.core.capable(Cap::SysAdmin) {
        return Err(Errno::EPERM);
    }
    if call.u32(&enable_stats::r#type) != RUN_TIME {
        return Err(Errno::EINVAL);
    }
    sys.core.room()?;
    sys.core.stats += 1;
    let id = sys.core.objects.insert(Object::Stats);
    Ok(sys.core.files.open(id).0)
}

/// `BPF_PROG_BIND_MAP`: a map lives as long as the program, whether that uses it or not.
pub(super) fn bind_map(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    if call.u32(&prog_bind_map::flags) != 0 {
        return Err(Errno::EINVAL);
    }
    let core = &mut *sys.core;
    let prog = core.prog_of(call.fd(&prog_bind_map::prog_fd))?;
    let map = core.map_of(call.fd(&prog_bind_map::map_fd))?;
    let prog = core.objects.prog_mut(prog).ok_or(Errno::EINVAL)?;
    if prog.told.maps.contains(&map) {
        return Ok(0);
    }
    prog.told.maps.push(map);
    prog.maps.push(map);
    core.objects.retain(map);
    Ok(0)
}

/// `BPF_PROG_STREAM_READ_BY_FD`: takes what a program wrote to one of its streams.
pub(super) fn read_stream(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let id = sys.core.prog_of(call.fd(&stream::prog_fd))?;
    let prog = sys.core.objects.prog_mut(id).ok_or(Errno::EINVAL)?;
    let stream = prog.told.streams.get_mut(call.u32(&stream::stream_id)).ok_or(Errno::ENOENT)?;
    let len = stream.len().min(call.u32(&stream::stream_buf_len) as usize);
    call.write(call.u64(&stream::stream_buf), &stream[..len])?;
    stream.drain(..len);
    i32::try_from(len).map_err(|_| Errno::EINVAL)
}
