//! Helpers of XDP programs (`net/core/filter.c`). Packets are in one piece.

use super::env::{Answer, Env, Stop, ret};
use super::packet::charge_move;
use crate::context::{ETH_HLEN, FRAGMENT, FRAME_HEADER, Frame, MAX_META, PacketKind, TAILROOM};
use skep_abi::Errno;

/// The frame of an XDP program's context.
fn frame(env: &Env<'_, '_>) -> Result<Frame, Stop> {
    let frame = env.frame(0)?;
    if frame.kind == PacketKind::Xdp { Ok(frame) } else { Err(env.bad_arg(0, "is no struct xdp_md")) }
}

fn put(env: &mut Env<'_, '_>, frame: Frame) {
    charge_move(env, &frame);
    frame.update(env.memory());
    env.core.now.frame = Some(frame);
}

/// An address moved by a signed number.
fn moved(addr: u64, by: u64) -> u64 {
    addr.wrapping_add(i64::from(by as i32) as u64)
}

/// `bpf_xdp_adjust_head(xdp, delta)`: metadata moves along with the packet's start.
pub(super) fn adjust_head(env: &mut Env<'_, '_>) -> Answer {
    let mut frame = frame(env)?;
    let meta_len = frame.data - frame.data_meta;
    let data = moved(frame.data, env.arg(1));
    if data < frame.hard_start + FRAME_HEADER + meta_len || data > frame.data_end - ETH_HLEN {
        return Err(Errno::EINVAL.into());
    }
    let mut meta = vec![0; meta_len as usize];
    let memory = env.memory();
    let data_meta = data - meta_len;
    memory.peek(frame.data_meta, &mut meta).map_err(|_| Errno::EINVAL)?;
    memory.poke(data_meta, &meta).map_err(|_| Errno::EINVAL)?;
    (frame.data, frame.data_meta) = (data, data_meta);
    put(env, frame);
    ret(0)
}

/// `bpf_xdp_adjust_tail(xdp, delta)`: what it grows by is zeroed.
pub(super) fn adjust_tail(env: &mut Env<'_, '_>) -> Answer {
    let mut frame = frame(env)?;
    if frame.frags > 0 {
        return adjust_fragments(env, frame);
    }
    let data_end = moved(frame.data_end, env.arg(1));
    if data_end > frame.hard_end - TAILROOM || data_end < frame.data + ETH_HLEN {
        return Err(Errno::EINVAL.into());
    }
    let grown = data_end.saturating_sub(frame.data_end);
    env.memory().fill(frame.data_end, grown as usize, 0).map_err(|_| Errno::EINVAL)?;
    env.charge_bytes(grown);
    frame.data_end = data_end;
    put(env, frame);
    ret(0)
}

/// The same for a packet in fragments: the last one may grow as far as its page goes (`bpf_xdp_frags_increase_tail`), and
/// all of them may go (`bpf_xdp_frags_shrink_tail`).
fn adjust_fragments(env: &mut Env<'_, '_>, mut frame: Frame) -> Answer {
    let by = i64::from(env.arg(1) as i32);
    let amount = by.unsigned_abs();
    if by >= 0 {
        if amount > frame.frags.next_multiple_of(FRAGMENT) - frame.frags {
            return Err(Errno::EINVAL.into());
        }
        let end = frame.data_end + frame.frags;
        env.memory().fill(end, amount as usize, 0).map_err(|_| Errno::EINVAL)?;
        env.charge_bytes(amount);
        frame.frags += amount;
    } else {
        if amount + ETH_HLEN > frame.len() {
            return Err(Errno::EINVAL.into());
        }
        let of_frags = amount.min(frame.frags);
        frame.frags -= of_frags;
        frame.data_end -= amount - of_frags;
    }
    put(env, frame);
    ret(0)
}

/// `bpf_xdp_adjust_meta(xdp, delta)`.
pub(super) fn adjust_meta(env: &mut Env<'_, '_>) -> Answer {
    let mut frame = frame(env)?;
    let meta = moved(frame.data_meta, env.arg(1));
    if meta < frame.hard_start + FRAME_HEADER || meta > frame.data {
        return Err(Errno::EINVAL.into());
    }
    let len = frame.data - meta;
    if !len.is_multiple_of(4) || len > MAX_META {
        return Err(Errno::EACCES.into());
    }
    frame.data_meta = meta;
    put(env, frame);
    ret(0)
}

/// `bpf_xdp_get_buff_len(xdp)`.
pub(super) fn get_buff_len(env: &mut Env<'_, '_>) -> Answer {
    ret(frame(env)?.len())
}

/// `bpf_xdp_load_bytes(xdp, offset, buf, len)`. The buffer is left alone when it fails.
pub(super) fn load_bytes(env: &mut Env<'_, '_>) -> Answer {
    let (offset, len) = (u64::from(env.arg(1) as u32), u64::from(env.arg(3) as u32));
    let frame = frame(env)?;
    env.check_write(2, len as usize)?;
    let addr = pointer(&frame, offset, len)?;
    let mut bytes = vec![0; len as usize];
    env.memory().peek(addr, &mut bytes).map_err(|_| Errno::EINVAL)?;
    env.write(2, &bytes)?;
    ret(0)
}

/// `bpf_xdp_store_bytes(xdp, offset, buf, len)`.
pub(super) fn store_bytes(env: &mut Env<'_, '_>) -> Answer {
    let (offset, len) = (u64::from(env.arg(1) as u32), u64::from(env.arg(3) as u32));
    let frame = frame(env)?;
    let bytes = env.read(2, len as usize)?;
    let addr = pointer(&frame, offset, len)?;
    env.memory().poke(addr, &bytes).map_err(|_| Errno::EINVAL)?;
    ret(0)
}

/// `bpf_xdp_pointer`: offsets and lengths of more than 16 bits are `EFAULT`, past the packet `EINVAL`.
fn pointer(frame: &Frame, offset: u64, len: u64) -> Result<u64, Errno> {
    if offset > 0xffff || len > 0xffff {
        return Err(Errno::EFAULT);
    }
    frame.at(offset, len).ok_or(Errno::EINVAL)
}
