//! Helpers that make a `struct __sk_buff`'s packet longer or shorter (`net/core/filter.c`).

use super::env::{Answer, Env, Stop, ret};
use super::packet::charge_move;
use super::skb::frame;
use crate::context::{ETH_HLEN, Frame};
use skep_abi::Errno;
use skep_abi::ctx::sk_buff;
use skep_abi::flags::*;

/// How long a packet gets at most: `SKB_MAX_ALLOC`, four pages less what the kernel keeps at their end.
const MAX_LEN: u64 = 4 * 4096 - 320;
/// Ethernet types in network byte order.
const IPV4: u32 = 0x0800u16.to_be() as u32;
const IPV6: u32 = 0x86ddu16.to_be() as u32;
const ENCAP_L3: u64 = BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
const DECAP_L3: u64 = BPF_F_ADJ_ROOM_DECAP_L3_IPV4 | BPF_F_ADJ_ROOM_DECAP_L3_IPV6;
const ENCAP_L2: u64 = BPF_ADJ_ROOM_ENCAP_L2_MASK << BPF_ADJ_ROOM_ENCAP_L2_SHIFT;
const KNOWN: u64 = BPF_F_ADJ_ROOM_FIXED_GSO
    | ENCAP_L3
    | BPF_F_ADJ_ROOM_ENCAP_L4_GRE
    | BPF_F_ADJ_ROOM_ENCAP_L4_UDP
    | BPF_F_ADJ_ROOM_ENCAP_L2_ETH
    | ENCAP_L2
    | DECAP_L3
    | BPF_F_ADJ_ROOM_NO_CSUM_RESET;

/// Makes a frame the packet.
pub(super) fn put(env: &mut Env<'_, '_>, frame: Frame) {
    charge_move(env, &frame);
    frame.update(env.memory());
    env.core.now.frame = Some(frame);
}

/// The frame with at least so much room before and behind the packet.
pub(super) fn with_room(env: &mut Env<'_, '_>, head: u64, tail: u64) -> Result<Frame, Stop> {
    let old = frame(env)?;
    let memory = env.memory();
    let frame = old.with_room(memory, head, tail, &mut env.core.room).map_err(|_| Errno::ENOMEM)?;
    if frame != old {
        env.charge_bytes(frame.len());
    }
    Ok(frame)
}

/// `bpf_skb_change_tail(skb, len, flags)`: what it grows by is zeroed.
pub(super) fn change_tail(env: &mut Env<'_, '_>) -> Answer {
    let (len, flags) = (u64::from(env.arg(1) as u32), env.arg(2));
    let old = frame(env)?;
    let shortest = old.network.saturating_sub(old.data);
    if flags != 0 || len > MAX_LEN || len < shortest {
        return Err(Errno::EINVAL.into());
    }
    if old.encapsulated {
        return Err(Errno::ENOTSUPP.into());
    }
    let mut frame = with_room(env, 0, len.saturating_sub(old.len()))?;
    let end = frame.data + len;
    if end > frame.data_end {
        let _ = env.memory().fill(frame.data_end, (end - frame.data_end) as usize, 0);
    }
    frame.data_end = end;
    put(env, frame);
    ret(0)
}

/// `bpf_skb_change_head(skb, len, flags)`: zeroes in front, where the link header is from then on.
pub(super) fn change_head(env: &mut Env<'_, '_>) -> Answer {
    let (room, flags) = (u64::from(env.arg(1) as u32), env.arg(2));
    let len = frame(env)?.len() + room;
    if flags != 0 || len > MAX_LEN {
        return Err(Errno::EINVAL.into());
    }
    let mut frame = with_room(env, room, 0)?;
    frame.data -= room;
    (frame.data_meta, frame.mac) = (frame.data, frame.data);
    let _ = env.memory().fill(frame.data, room as usize, 0);
    put(env, frame);
    ret(0)
}

/// `bpf_skb_adjust_room(skb, len_diff, mode, flags)`: zeroes behind the link or the network header, or bytes taken away
/// there.
pub(super) fn adjust_room(env: &mut Env<'_, '_>) -> Answer {
    let (diff, mode, flags) = (env.arg(1) as i32, env.arg(2) as u32, env.arg(3));
    let frame = frame(env)?;
    if flags & !KNOWN != 0 {
        return Err(Errno::EINVAL.into());
    }
    let by = u64::from(diff.unsigned_abs());
    if by > 0xfff {
        return Err(Errno::EFAULT.into());
    }
    let protocol = frame.ctx.get(env.memory(), &sk_buff::protocol) as u32;
    let header = match protocol {
        IPV4 => 20,
        IPV6 => 40,
        _ => return Err(Errno::ENOTSUPP.into()),
    };
    let off = match mode {
        BPF_ADJ_ROOM_NET => ETH_HLEN + header,
        BPF_ADJ_ROOM_MAC => ETH_HLEN,
        _ => return Err(Errno::ENOTSUPP.into()),
    };
    let left = match (flags & DECAP_L3, diff < 0) {
        (0, _) => header,
        (_, false) => return Err(Errno::EINVAL.into()),
        (BPF_F_ADJ_ROOM_DECAP_L3_IPV4, _) => 20,
        (BPF_F_ADJ_ROOM_DECAP_L3_IPV6, _) => 40,
        _ => return Err(Errno::EINVAL.into()),
    };
    let now = frame.len() - (frame.network - frame.data);
    let fits = if diff < 0 { by < now && now - by >= left } else { frame.len() + by <= MAX_LEN };
    if !fits {
        return Err(Errno::ENOTSUPP.into());
    }
    if diff < 0 { shrink(env, off, by, flags, protocol) } else { grow(env, off, by, flags, protocol) }
}

fn grow(env: &mut Env<'_, '_>, off: u64, by: u64, flags: u64, protocol: u32) -> Answer {
    let encap = flags & ENCAP_L3 != 0;
    let inner_mac = flags >> BPF_ADJ_ROOM_ENCAP_L2_SHIFT;
    if encap {
        let both = |bits: u64| flags & bits == bits;
        let l4 = BPF_F_ADJ_ROOM_ENCAP_L4_GRE | BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
        let short = flags & BPF_F_ADJ_ROOM_ENCAP_L2_ETH != 0 && inner_mac < ETH_HLEN;
        if both(ENCAP_L3) || both(l4) || short {
            return Err(Errno::EINVAL.into());
        }
        if frame(env)?.encapsulated {
            return Err(Errno::EALREADY.into());
        }
        if inner_mac > by {
            return Err(Errno::EINVAL.into());
        }
    }
    let mut frame = with_room(env, by, 0)?;
    let memory = env.memory();
    let to = frame.data - by;
    let _ = memory.copy(to, frame.data, off as usize);
    let _ = memory.fill(to + off, by as usize, 0);
    (frame.data, frame.data_meta) = (to, to);
    (frame.mac, frame.network) = (frame.mac - by, frame.network - by);
    frame.encapsulated |= encap;
    put(env, frame);
    match protocol {
        IPV4 if flags & BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 != 0 => set_protocol(env, &frame, IPV6),
        IPV6 if flags & BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 != 0 => set_protocol(env, &frame, IPV4),
        _ => {}
    }
    ret(0)
}

fn shrink(env: &mut Env<'_, '_>, off: u64, by: u64, flags: u64, protocol: u32) -> Answer {
    if flags & !(BPF_F_ADJ_ROOM_FIXED_GSO | DECAP_L3 | BPF_F_ADJ_ROOM_NO_CSUM_RESET) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut frame = frame(env)?;
    if frame.at(0, off + by).is_none() {
        return Err(Errno::ENOMEM.into());
    }
    let to = frame.data + by;
    let _ = env.memory().copy(to, frame.data, off as usize);
    (frame.data, frame.data_meta) = (to, to);
    (frame.mac, frame.network) = (frame.mac + by, frame.network + by);
    put(env, frame);
    match protocol {
        IPV4 if flags & BPF_F_ADJ_ROOM_DECAP_L3_IPV6 != 0 => set_protocol(env, &frame, IPV6),
        IPV6 if flags & BPF_F_ADJ_ROOM_DECAP_L3_IPV4 != 0 => set_protocol(env, &frame, IPV4),
        _ => {}
    }
    ret(0)
}

pub(super) fn set_protocol(env: &Env<'_, '_>, frame: &Frame, protocol: u32) {
    frame.ctx.set(env.memory(), &sk_buff::protocol, u64::from(protocol));
}
