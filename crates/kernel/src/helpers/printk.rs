//! Printing: to `trace_pipe`, and into the program's memory.

use super::env::{Answer, Bytes, Env, Stop, ret};
use crate::bprintf::{self, MAX_ARGS, MAX_PRINTK, Out};
use crate::probe::Printing;
use crate::trace::TraceLine;
use skep_abi::Errno;
use skep_vm::HostFault;

/// What printing costs beside its bytes, in units of one instruction: up to twelve arguments.
const PRINT_COST: u64 = 64;

/// `bpf_trace_printk(fmt, fmt_size, arg1, arg2, arg3)`.
pub(super) fn trace_printk(env: &mut Env<'_, '_>) -> Answer {
    let format = format_of_size(env, 0)?;
    let args = [env.arg(2), env.arg(3), env.arg(4)];
    print_line(env, &format, &args)
}

/// `bpf_trace_vprintk(fmt, fmt_size, data, data_len)`.
pub(super) fn trace_vprintk(env: &mut Env<'_, '_>) -> Answer {
    let format = format_of_size(env, 0)?;
    let args = args(env, 2, 3)?;
    print_line(env, &format, &args)
}

/// `bpf_snprintf(str, str_size, fmt, data, data_len)`: the length that the text would have had, its NUL included.
pub(super) fn snprintf(env: &mut Env<'_, '_>) -> Answer {
    let (str, size) = (env.arg(0), env.arg(1) as u32 as usize);
    env.check_write(0, if str == 0 { 0 } else { size })?;
    let args = args(env, 3, 4)?;
    let format = string(env, 2)?;
    let (mut text, len) = formatted(env, &format, &args, size)?;
    if size > 0 && str != 0 {
        text.push(0);
        env.write(0, &text)?;
    }
    ret(len as u64 + 1)
}

/// `bpf_stream_vprintk_impl(stream_id, fmt, args, len, aux)`: to one of the program's streams, for whoever loaded it.
pub(crate) fn stream_vprintk(env: &mut Env<'_, '_>) -> Answer {
    let args = args(env, 2, 3)?;
    let format = string(env, 1)?;
    let (text, _) = formatted(env, &format, &args, MAX_PRINTK)?;
    let (stream, id) = (env.arg(0) as u32, skep_maps::ObjRef(env.call.program().tag() as u32));
    let prog = env.core.objects.prog_mut(id).ok_or(Errno::ENOENT)?;
    prog.told.streams.write(stream, &text)?;
    ret(0)
}

fn print_line(env: &mut Env<'_, '_>, format: &[u8], args: &[u64]) -> Answer {
    let (mut text, len) = formatted(env, format, args, MAX_PRINTK)?;
    // The event's text is a C string: it ends at a NUL that `%c` printed.
    let end = text.iter().position(|it| *it == 0).unwrap_or(text.len());
    text.truncate(end);
    let core = &mut *env.core;
    core.trace.push(TraceLine {
        cpu: core.now.cpu,
        pid: core.task.pid,
        comm: core.task.comm_str(),
        time_ns: core.clock.monotonic_ns,
        text,
    });
    ret(len as u64)
}

/// What a format and its arguments come to: as much as there is room for with a NUL, which is not in it, and the length of
/// all of it.
pub(super) fn formatted(
    env: &mut Env<'_, '_>,
    format: &[u8],
    args: &[u64],
    room: usize,
) -> Result<(Vec<u8>, usize), Stop> {
    let mut text = Vec::new();
    let mut out = Out::new(&mut text, room);
    env.call.charge(PRINT_COST + format.len() as u64);
    bprintf::print(&mut out, format, args, &Printing { core: env.core, memory: env.memory() })?;
    let len = out.len();
    env.call.charge(len as u64);
    Ok((text, len))
}

/// The format, up to its NUL; its size is the next argument.
///
/// # Errors
/// `EINVAL`: there is no NUL in the size given.
pub(super) fn format_of_size(env: &mut Env<'_, '_>, index: usize) -> Result<Vec<u8>, Stop> {
    let size = env.arg(index + 1) as u32 as usize;
    let bytes = env.read(index, size)?;
    let end = bytes.iter().position(|it| *it == 0).ok_or(Errno::EINVAL)?;
    Ok(bytes[..end].to_vec())
}

/// Arguments in memory.
///
/// # Errors
/// `EINVAL`: not a multiple of eight, more than twelve, or none where there should be some.
pub(super) fn args(env: &mut Env<'_, '_>, data: usize, len: usize) -> Result<Vec<u64>, Stop> {
    let size = env.arg(len) as u32 as usize;
    if !size.is_multiple_of(8) || size > MAX_ARGS * 8 || (size > 0 && env.arg(data) == 0) {
        return Err(Errno::EINVAL.into());
    }
    let bytes: Bytes = env.read(data, size)?;
    let word = |it: &[u8]| it.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    Ok(bytes.chunks_exact(8).map(word).collect())
}

/// A string constant, which the verifier proves to end in a NUL. One that does not end while there is budget ends there:
/// the program stops before it can tell.
fn string(env: &mut Env<'_, '_>, index: usize) -> Result<Vec<u8>, Stop> {
    let mut text = Vec::new();
    loop {
        match env.memory().load(env.arg(index).wrapping_add(text.len() as u64), 1) {
            Ok(0) => break,
            Ok(byte) => text.push(byte as u8),
            Err(fault) => return Err(Stop::Fault(HostFault::access(&env.name(index), fault))),
        }
        env.call.charge(1);
        if text.len() % 4096 == 0 && env.call.budget_left() == 0 {
            break;
        }
    }
    Ok(text)
}
