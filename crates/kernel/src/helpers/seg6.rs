//! IPv6 segment routing (`net/core/filter.c`, `net/ipv6/seg6_local.c`): programs of type LWT_SEG6LOCAL change the header that
//! their packet has.

use super::env::{Answer, Env, Stop, ret};
use super::skb::frame;
use super::skb_resize::{put, with_room};
use crate::context::Frame;
use skep_abi::Errno;
use skep_vm::HostFault;

const IPV6_HLEN: u64 = 40;
/// `IPPROTO_*` of the headers that may lie between, and of segment routing.
const HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTH: u8 = 51;
const DEST: u8 = 60;
/// `IPV6_SRCRT_TYPE_4`, and the bytes before the segments (`struct ipv6_sr_hdr`).
const SEGMENT_ROUTING: u8 = 4;
const SRH_HLEN: u64 = 8;
const FLAGS: u64 = 5;
/// The most headers that are walked: a packet has no more that make sense.
const MOST: usize = 32;

/// `SEG6_LOCAL_ACTION_*`.
const END_X: u32 = 2;
const END_T: u32 = 3;
const END_DT6: u32 = 7;
const END_B6: u32 = 9;
const END_B6_ENCAP: u32 = 10;

/// The routing header of the packet (`struct seg6_bpf_srh_state`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Srh {
    /// Where it is.
    at: u64,
    /// Bytes behind its first eight, as the program made them.
    len: i64,
    /// Its fields agree with that.
    valid: bool,
}

fn byte(env: &Env<'_, '_>, at: u64) -> Option<u8> {
    let mut byte = [0];
    env.memory().peek(at, &mut byte).ok().map(|()| byte[0])
}

/// Where the packet's routing header is (`ipv6_find_hdr`).
fn find(env: &Env<'_, '_>, frame: &Frame) -> Option<u64> {
    let start = frame.network.max(frame.data);
    let at = |at: u64| (at < frame.data_end).then(|| byte(env, at)).flatten();
    if at(start)? >> 4 != 6 {
        return None;
    }
    let (mut next, mut place) = (at(start + 6)?, start + IPV6_HLEN);
    for _ in 0..MOST {
        let len = match next {
            ROUTING => return (place + SRH_HLEN <= frame.data_end).then_some(place),
            HOP | DEST => (u64::from(at(place + 1)?) + 1) * 8,
            FRAGMENT => 8,
            AUTH => (u64::from(at(place + 1)?) + 2) * 4,
            _ => return None,
        };
        next = at(place)?;
        place += len;
    }
    None
}

/// The header that the program works on: the packet's, as it was when the program was started.
fn header(env: &mut Env<'_, '_>) -> Result<Srh, Stop> {
    if let Some(srh) = env.core.now.srh {
        return Ok(srh);
    }
    let frame = frame(env)?;
    let at = find(env, &frame).ok_or(Errno::EINVAL)?;
    let len = i64::from(byte(env, at + 1).unwrap_or(0)) * 8;
    Ok(Srh { at, len, valid: true })
}

fn segments(env: &Env<'_, '_>, srh: Srh) -> u64 {
    (u64::from(byte(env, srh.at + 4).unwrap_or(0)) + 1) * 16
}

/// `bpf_lwt_seg6_store_bytes(skb, offset, from, len)`: into the flags and the tag, or into the options.
pub(super) fn store_bytes(env: &mut Env<'_, '_>) -> Answer {
    let (offset, len) = (u64::from(env.arg(1) as u32), u64::from(env.arg(3) as u32));
    let frame = frame(env)?;
    let mut srh = header(env)?;
    let options = srh.at + segments(env, srh);
    let end = (srh.at + SRH_HLEN).saturating_add_signed(srh.len);
    let place = frame.data + offset;
    if place >= options && place + len <= end {
        srh.valid = false;
    } else if place < srh.at + FLAGS || place + len > srh.at + SRH_HLEN {
        return Err(Errno::EFAULT.into());
    }
    let target = frame.at(offset, len).ok_or(Errno::EFAULT)?;
    let bytes = env.read(2, len as usize)?.to_vec();
    let _ = env.memory().poke(target, &bytes);
    env.core.now.srh = Some(srh);
    ret(0)
}

/// `bpf_lwt_seg6_adjust_srh(skb, offset, delta)`: zeroes among the options, or bytes taken away there.
pub(super) fn adjust_srh(env: &mut Env<'_, '_>) -> Answer {
    let (offset, delta) = (u64::from(env.arg(1) as u32), i64::from(env.arg(2) as i32));
    let old = frame(env)?;
    let srh = header(env)?;
    let options = srh.at + SRH_HLEN + segments(env, srh);
    let end = (srh.at + SRH_HLEN).saturating_add_signed(srh.len);
    let place = old.data + offset;
    let goes_past = delta < 0 && place.saturating_add_signed(-delta) > end;
    if place < options || place > end || goes_past {
        return Err(Errno::EFAULT.into());
    }
    let by = delta.unsigned_abs();
    let mut packet = with_room(env, if delta > 0 { by } else { 0 }, 0)?;
    if packet.at(0, offset).is_none() {
        return Err(Errno::ENOMEM.into());
    }
    let mut before = vec![0; offset as usize];
    let _ = env.memory().peek(packet.data, &mut before);
    let start = packet.data.wrapping_add_signed(-delta);
    if delta > 0 {
        before.resize(before.len() + by as usize, 0);
    }
    let _ = env.memory().poke(start, &before);
    (packet.data, packet.data_meta, packet.network, packet.mac) = (start, start, start, start);
    put(env, packet);
    let payload = (packet.len() as u16).wrapping_sub(IPV6_HLEN as u16);
    let _ = env.memory().poke(packet.data + 4, &payload.to_be_bytes());
    let at = find(env, &packet).ok_or(Errno::EINVAL)?;
    env.core.now.srh = Some(Srh { at, len: srh.len + delta, valid: false });
    ret(0)
}

/// Whether the header's fields agree with what is there, after the program changed it (`seg6_bpf_has_valid_srh`,
/// `seg6_validate_srh`).
fn is_valid(env: &mut Env<'_, '_>) -> Result<bool, Stop> {
    let mut srh = match header(env) {
        Ok(srh) => srh,
        Err(Stop::Errno(_)) => return Ok(false),
        Err(stop) => return Err(stop),
    };
    if !srh.valid {
        if srh.len % 8 != 0 || !(0..=2040).contains(&srh.len) {
            return Ok(false);
        }
        let _ = env.memory().poke(srh.at + 1, &[(srh.len / 8) as u8]);
        if !fields_agree(env, srh) {
            return Ok(false);
        }
        srh.valid = true;
        env.core.now.srh = Some(srh);
    }
    Ok(true)
}

fn fields_agree(env: &Env<'_, '_>, srh: Srh) -> bool {
    let field = |offset: u64| i64::from(byte(env, srh.at + offset).unwrap_or(0));
    let (left, first) = (field(3), field(4));
    if byte(env, srh.at + 2) != Some(SEGMENT_ROUTING) || first > srh.len / 16 - 1 || left > first + 1 {
        return false;
    }
    let mut option = srh.at + SRH_HLEN + segments(env, srh);
    let end = srh.at + SRH_HLEN + srh.len as u64;
    while option < end {
        let len = match byte(env, option) {
            Some(0) => 1,
            _ if end - option < 2 => return false,
            _ => 2 + u64::from(byte(env, option + 1).unwrap_or(0)),
        };
        option += len;
    }
    option == end
}

/// `bpf_lwt_seg6_action(skb, action, param, param_len)`: looks the next hop up, after the packet was taken out of its
/// tunnel where the action says so. Every address is reached here.
pub(super) fn action(env: &mut Env<'_, '_>) -> Answer {
    let (action, len) = (env.arg(1) as u32, env.arg(3) as u32);
    frame(env)?;
    let wanted = match action {
        END_X => 16,
        END_T => 4,
        END_DT6 | END_B6 | END_B6_ENCAP => {
            let text = "bpf_lwt_seg6_action that takes headers off or puts them on is not emulated";
            return Err(HostFault::not_emulated(text).into());
        }
        _ => return Err(Errno::EINVAL.into()),
    };
    if !is_valid(env)? {
        return Err(Errno::EBADMSG.into());
    }
    if len != wanted {
        return Err(Errno::EINVAL.into());
    }
    env.read(2, len as usize)?;
    ret(0)
}
