//! Helpers of programs that see a `struct __sk_buff` (`net/core/filter.c`). Packets are in one piece, and nobody else
//! holds them.

use super::env::{Answer, Env, Stop, ret};
use crate::context::{Frame, PacketKind};
use skep_abi::Errno;
use skep_abi::ctx::sk_buff;
use skep_abi::flags::{BPF_F_INVALIDATE_HASH, BPF_F_RECOMPUTE_CSUM};

/// `BPF_HDR_START_MAC` and `BPF_HDR_START_NET`.
const FROM_MAC: u32 = 0;
const FROM_NETWORK: u32 = 1;

/// The packet of a `struct __sk_buff`.
pub(super) fn frame(env: &Env<'_, '_>) -> Result<Frame, Stop> {
    let frame = env.frame(0)?;
    let is_skb = matches!(frame.kind, PacketKind::Skb(_));
    if is_skb { Ok(frame) } else { Err(env.bad_arg(0, "is no struct __sk_buff")) }
}

/// `bpf_skb_load_bytes(skb, offset, to, len)`: the buffer is zeroed when it fails.
pub(super) fn load_bytes(env: &mut Env<'_, '_>) -> Answer {
    let (offset, len) = (env.arg(1) as u32, env.arg(3) as u32);
    let frame = frame(env)?;
    let from = if offset > i32::MAX as u32 { None } else { frame.at(u64::from(offset), u64::from(len)) };
    load(env, from, len)
}

/// `bpf_skb_load_bytes_relative(skb, offset, to, len, start_header)`.
pub(super) fn load_bytes_relative(env: &mut Env<'_, '_>) -> Answer {
    let (offset, len) = (env.arg(1) as u32, env.arg(3) as u32);
    let frame = frame(env)?;
    let start = match env.arg(4) as u32 {
        FROM_MAC => Some(frame.mac),
        FROM_NETWORK => Some(frame.network),
        _ => None,
    };
    let start = start.filter(|_| offset <= 0xffff).map(|it| it + u64::from(offset));
    load(env, start.filter(|it| it + u64::from(len) <= frame.data_end), len)
}

fn load(env: &mut Env<'_, '_>, from: Option<u64>, len: u32) -> Answer {
    env.check_write(2, len as usize)?;
    let mut bytes = vec![0; len as usize];
    let done = from.is_some_and(|addr| env.memory().peek(addr, &mut bytes).is_ok());
    env.write(2, &bytes)?;
    if done { ret(0) } else { Err(Errno::EFAULT.into()) }
}

/// `bpf_skb_store_bytes(skb, offset, from, len, flags)`. There is no hardware checksum to keep right.
pub(super) fn store_bytes(env: &mut Env<'_, '_>) -> Answer {
    let (offset, len, flags) = (env.arg(1) as u32, env.arg(3) as u32, env.arg(4));
    let frame = frame(env)?;
    let bytes = env.read(2, len as usize)?;
    if flags & !(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH) != 0 {
        return Err(Errno::EINVAL.into());
    }
    if offset > i32::MAX as u32 {
        return Err(Errno::EFAULT.into());
    }
    let addr = frame.at(u64::from(offset), u64::from(len)).ok_or(Errno::EFAULT)?;
    env.memory().poke(addr, &bytes).map_err(|_| Errno::EFAULT)?;
    if flags & BPF_F_INVALIDATE_HASH != 0 {
        frame.ctx.set(env.memory(), &sk_buff::hash, 0);
    }
    ret(0)
}

/// `bpf_skb_pull_data(skb, len)`: all of a packet in one piece can be written already; more there is not.
pub(super) fn pull_data(env: &mut Env<'_, '_>) -> Answer {
    let len = u64::from(env.arg(1) as u32);
    if len > frame(env)?.len() { Err(Errno::ENOMEM.into()) } else { ret(0) }
}

/// `bpf_skb_change_type(skb, type)`: among those for this host, for others, broadcast and multicast.
pub(super) fn change_type(env: &mut Env<'_, '_>) -> Answer {
    const OTHERHOST: u32 = 3;
    let wanted = env.arg(1) as u32;
    let frame = frame(env)?;
    let now = frame.ctx.get(env.memory(), &sk_buff::pkt_type) as u32;
    if now > OTHERHOST || wanted > OTHERHOST {
        return Err(Errno::EINVAL.into());
    }
    frame.ctx.set(env.memory(), &sk_buff::pkt_type, u64::from(wanted));
    ret(0)
}

/// `bpf_set_hash(skb, hash)`.
pub(super) fn set_hash(env: &mut Env<'_, '_>) -> Answer {
    let hash = u64::from(env.arg(1) as u32);
    frame(env)?.ctx.set(env.memory(), &sk_buff::hash, hash);
    ret(0)
}

/// `bpf_set_hash_invalid(skb)`.
pub(super) fn set_hash_invalid(env: &mut Env<'_, '_>) -> Answer {
    frame(env)?.ctx.set(env.memory(), &sk_buff::hash, 0);
    ret(0)
}
