//! What iterators write (`kernel/trace/bpf_trace.c`): the file is the `seq_file` of the context.

use super::env::{Answer, Env, Stop, ret};
use super::printk::{args, format_of_size, formatted};
use super::show::shown;
use crate::fire::SEQ_LIMIT as ROOM;
use skep_abi::Errno;

/// What writing costs beside its bytes, in units of one instruction.
const WRITE_COST: u64 = 16;

fn check(env: &Env<'_, '_>) -> Result<(), Stop> {
    let file = env.arg(0);
    let is_file = env.core.now.seq.as_ref().is_some_and(|it| it.addr == file);
    if is_file { Ok(()) } else { Err(env.bad_arg(0, "is not the seq_file of the context")) }
}

fn append(env: &mut Env<'_, '_>, text: &[u8]) -> Answer {
    env.call.charge(WRITE_COST);
    env.charge_bytes(text.len() as u64);
    let seq = env.core.now.seq.as_mut().ok_or(Errno::EOVERFLOW)?;
    seq.write(text)?;
    ret(0)
}

/// `bpf_seq_write(m, data, len)`.
pub(super) fn write(env: &mut Env<'_, '_>) -> Answer {
    check(env)?;
    let bytes = env.read(1, env.arg(2) as u32 as usize)?;
    append(env, &bytes)
}

/// `bpf_seq_printf(m, fmt, fmt_size, data, data_len)`.
pub(super) fn printf(env: &mut Env<'_, '_>) -> Answer {
    check(env)?;
    let format = format_of_size(env, 1)?;
    let args = args(env, 3, 4)?;
    let (text, len) = formatted(env, &format, &args, ROOM)?;
    if len >= ROOM {
        return Err(Errno::EOVERFLOW.into());
    }
    append(env, &text)
}

/// `bpf_seq_printf_btf(m, ptr, ptr_size, flags)`: an overflow shows in what is read alone.
pub(super) fn printf_btf(env: &mut Env<'_, '_>) -> Answer {
    check(env)?;
    let flags = env.arg(3);
    let shown = shown(env, 1, flags, ROOM)?;
    if shown.len < ROOM
        && let Err(stop) = append(env, &shown.text)
        && !matches!(stop, Stop::Errno(_))
    {
        return Err(stop);
    }
    shown.status?;
    ret(0)
}
