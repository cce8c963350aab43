//! Messages of sk_msg programs (`net/core/filter.c`). A message is in one piece here, and all of it is visible until
//! `bpf_msg_pull_data` says which part is.

use super::env::{Answer, Env, Stop, ret};
use crate::context::{Area, DATA_ROOM};
use skep_abi::ctx::{bpf_sock_ops, sk_msg_md};
use skep_abi::{Errno, ProgType};

/// The message.
fn message(env: &Env<'_, '_>) -> Result<Area, Stop> {
    env.check_ctx(0)?;
    env.core.now.data.ok_or_else(|| env.bad_arg(0, "is a context without data"))
}

/// Lets the program see a part of the data.
fn show(env: &Env<'_, '_>, whole: Area, start: u64, len: u64) {
    let (from, to) = (whole.addr + start, whole.addr + start + len);
    env.memory().set_extent(whole.addr, from, len as usize);
    let (data, end, size) = match env.core.now.prog_type {
        Some(ProgType::SockOps) => {
            (&bpf_sock_ops::skb_data, &bpf_sock_ops::skb_data_end, &bpf_sock_ops::skb_len)
        }
        _ => (&sk_msg_md::data, &sk_msg_md::data_end, &sk_msg_md::size),
    };
    env.core.now.ctx.set(env.memory(), data, from);
    env.core.now.ctx.set(env.memory(), end, to);
    env.core.now.ctx.set(env.memory(), size, whole.len as u64);
}

/// Makes other bytes the data, all of which is visible then.
pub(super) fn put_data(env: &mut Env<'_, '_>, bytes: &[u8]) -> Result<(), Stop> {
    let Some(old) = env.core.now.data else { return Err(Errno::EINVAL.into()) };
    if bytes.len() > env.core.now.net.first_len + DATA_ROOM {
        return Err(Errno::ENOMEM.into());
    }
    env.charge_bytes(bytes.len() as u64);
    let new = Area { len: bytes.len(), ..old };
    let _ = env.memory().poke(new.addr, bytes);
    env.core.now.data = Some(new);
    show(env, new, 0, new.len as u64);
    Ok(())
}

/// `bpf_msg_apply_bytes(msg, bytes)`: the verdict is for so many bytes.
pub(super) fn apply_bytes(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    env.core.now.net.apply_bytes = Some(env.arg(1) as u32);
    ret(0)
}

/// `bpf_msg_cork_bytes(msg, bytes)`: the program wants to see so many bytes first.
pub(super) fn cork_bytes(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    env.core.now.net.cork_bytes = Some(env.arg(1) as u32);
    ret(0)
}

/// `bpf_msg_pull_data(msg, start, end, flags)`.
pub(super) fn pull_data(env: &mut Env<'_, '_>) -> Answer {
    let (start, end, flags) = (env.arg(1) as u32, env.arg(2) as u32, env.arg(3));
    let whole = message(env)?;
    if flags != 0 || end <= start || u64::from(end) > whole.len as u64 {
        return Err(Errno::EINVAL.into());
    }
    show(env, whole, start.into(), u64::from(end - start));
    ret(0)
}

/// `bpf_msg_push_data(msg, start, len, flags)`: zeroes, where the kernel leaves what was in the page.
pub(super) fn push_data(env: &mut Env<'_, '_>) -> Answer {
    let (start, len, flags) = (env.arg(1) as u32 as usize, env.arg(2) as u32 as usize, env.arg(3));
    let whole = message(env)?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    if len == 0 {
        return ret(0);
    }
    if start > whole.len {
        return Err(Errno::EINVAL.into());
    }
    if len > DATA_ROOM {
        return Err(Errno::ENOMEM.into());
    }
    let mut bytes = whole.bytes(env.memory());
    bytes.splice(start..start, std::iter::repeat_n(0, len));
    put_data(env, &bytes)?;
    ret(0)
}

/// `bpf_msg_pop_data(msg, start, len, flags)`.
pub(super) fn pop_data(env: &mut Env<'_, '_>) -> Answer {
    let (start, len, flags) = (env.arg(1) as u32 as usize, env.arg(2) as u32 as usize, env.arg(3));
    let whole = message(env)?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    if len == 0 {
        return ret(0);
    }
    if start >= whole.len || start + len > whole.len {
        return Err(Errno::EINVAL.into());
    }
    let mut bytes = whole.bytes(env.memory());
    bytes.drain(start..start + len);
    put_data(env, &bytes)?;
    ret(0)
}
