//! What the kernel knows of a packet beside its bytes (`net/core/filter.c`).

use super::env::{Answer, Env, ret};
use super::skb::frame;
use crate::context::{ETH_HLEN, Frame};
use crate::rng::mix;
use skep_abi::Errno;
use skep_abi::ctx::sk_buff;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const IPV4_HLEN: u64 = 20;
const IPV6_HLEN: u64 = 40;

/// `bpf_get_hash_recalc(skb)`: the hash that the packet has, or a new one of its flow. It is the same for both
/// directions, and depends on the machine's seed.
pub(super) fn get_hash_recalc(env: &mut Env<'_, '_>) -> Answer {
    let frame = frame(env)?;
    let known = frame.ctx.get(env.memory(), &sk_buff::hash);
    if known != 0 {
        return ret(known);
    }
    let hash = flow_hash(env, &frame);
    frame.ctx.set(env.memory(), &sk_buff::hash, hash.into());
    ret(hash.into())
}

/// A hash of addresses, protocol and ports; never 0 (`__flow_hash_from_keys`).
fn flow_hash(env: &Env<'_, '_>, frame: &Frame) -> u32 {
    let bytes = |at: u64, len: u64| {
        let mut bytes = vec![0; len as usize];
        let there = at + len <= frame.data_end && env.memory().peek(at, &mut bytes).is_ok();
        if there { bytes } else { Vec::new() }
    };
    let network = frame.network;
    let (addresses, protocol, transport) = match protocol(env, frame) {
        IPV4 => {
            let words = u64::from(bytes(network, 1).first().copied().unwrap_or(0) & 0xf);
            // A fragment has no ports, or other ones than the first.
            let fragment =
                bytes(network + 6, 2).first_chunk().is_some_and(|it| u16::from_be_bytes(*it) & 0x3fff != 0);
            (bytes(network + 12, 8), bytes(network + 9, 1), (!fragment).then_some(network + words * 4))
        }
        IPV6 => (bytes(network + 8, 32), bytes(network + 6, 1), Some(network + IPV6_HLEN)),
        _ => (Vec::new(), Vec::new(), None),
    };
    let has_ports = protocol.first().is_some_and(|it| matches!(it, 6 | 17 | 33 | 132 | 136));
    let ports = transport.filter(|_| has_ports).map_or(Vec::new(), |at| bytes(at, 4));
    let ends = [0, 1].map(|side| {
        let half = |all: &[u8]| all[all.len() / 2 * side..all.len() / 2 * (side + 1)].to_vec();
        [half(&addresses), half(&ports)].concat()
    });
    let [low, high] = if ends[0] <= ends[1] { [&ends[0], &ends[1]] } else { [&ends[1], &ends[0]] };
    let all = low.iter().chain(high).chain(&protocol);
    let hash = all.fold(mix(env.core.seed ^ 0x0f10), |hash, byte| mix(hash ^ u64::from(*byte)));
    ((hash >> 32) as u32).max(1)
}

/// The protocol behind any VLAN tags, in host byte order (`skb_protocol`).
fn protocol(env: &Env<'_, '_>, frame: &Frame) -> u16 {
    const VLANS: [u16; 2] = [0x8100, 0x88a8];
    let mut protocol = (frame.ctx.get(env.memory(), &sk_buff::protocol) as u16).swap_bytes();
    let mut at = frame.mac + ETH_HLEN;
    while VLANS.contains(&protocol) && at + 4 <= frame.data_end {
        let mut header = [0; 4];
        let _ = env.memory().peek(at, &mut header);
        protocol = u16::from_be_bytes([header[2], header[3]]);
        at += 4;
    }
    protocol
}

/// `bpf_csum_level(skb, level)`: more, fewer or none of the packet's checksums are known to be right.
pub(super) fn csum_level(env: &mut Env<'_, '_>) -> Answer {
    const MOST: u8 = 3;
    let what = env.arg(1);
    frame(env)?;
    let level = &mut env.core.now.net.csum_level;
    match what {
        0 => return ret(u64::from(level.ok_or(Errno::EACCES)?)),
        1 => *level = Some(level.map_or(0, |it| (it + 1).min(MOST))),
        2 => *level = level.and_then(|it| it.checked_sub(1)),
        3 => *level = None,
        _ => return Err(Errno::EINVAL.into()),
    }
    ret(0)
}

/// `bpf_skb_set_tstamp(skb, tstamp, tstamp_type)`: a time in nanoseconds, by the real-time, monotonic or TAI clock.
pub(super) fn set_tstamp(env: &mut Env<'_, '_>) -> Answer {
    const REALTIME: u32 = 0;
    const TAI: u32 = 2;
    let (tstamp, kind) = (env.arg(1), env.arg(2) as u32);
    let frame = frame(env)?;
    let protocol = (frame.ctx.get(env.memory(), &sk_buff::protocol) as u16).swap_bytes();
    if protocol != IPV4 && protocol != IPV6 {
        return Err(Errno::EOPNOTSUPP.into());
    }
    if kind > TAI || kind != REALTIME && tstamp == 0 {
        return Err(Errno::EINVAL.into());
    }
    frame.ctx.set(env.memory(), &sk_buff::tstamp, tstamp);
    frame.ctx.set(env.memory(), &sk_buff::tstamp_type, kind.into());
    ret(0)
}

/// `bpf_skb_ecn_set_ce(skb)`: 1 if the packet says that the network is congested, 0 if it may not.
pub(super) fn ecn_set_ce(env: &mut Env<'_, '_>) -> Answer {
    let frame = frame(env)?;
    let protocol = protocol(env, &frame);
    let header = match protocol {
        IPV4 => IPV4_HLEN,
        IPV6 => IPV6_HLEN,
        _ => return ret(0),
    };
    if frame.len() < header || frame.network + header > frame.data_end {
        return ret(0);
    }
    let (memory, at) = (env.memory(), frame.network);
    let mut bytes = [0; 12];
    let _ = memory.peek(at, &mut bytes);
    let marked = match protocol {
        IPV4 => mark_ipv4(&mut bytes),
        _ => mark_ipv6(&mut bytes),
    };
    if marked {
        let _ = memory.poke(at, &bytes);
    }
    ret(marked.into())
}

/// Sets both ECN bits of an IPv4 header, unless none is set, and keeps its checksum right (`IP_ECN_set_ce`).
fn mark_ipv4(header: &mut [u8; 12]) -> bool {
    let before = header[1] & 3;
    if before == 0 || before == 3 {
        return before == 3;
    }
    header[1] |= 3;
    let check = u16::from_be_bytes([header[10], header[11]]);
    // One's complement: what the header's sum grew by, the checksum shrinks by.
    let (sum, carry) = check.overflowing_add(!u16::from(3 - before));
    let sum = sum + u16::from(carry);
    header[10..].copy_from_slice(&sum.to_be_bytes());
    true
}

/// The same of an IPv6 header, which has no checksum (`IP6_ECN_set_ce`).
fn mark_ipv6(header: &mut [u8; 12]) -> bool {
    const ECN: u8 = 0x30;
    let may = header[1] & ECN != 0;
    if may {
        header[1] |= ECN;
    }
    may
}

/// `bpf_get_route_realm(skb)`.
pub(super) fn get_route_realm(env: &mut Env<'_, '_>) -> Answer {
    frame(env)?;
    ret(env.core.net.realm.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csum;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn marking_keeps_the_checksum_right(rest: [u8; 12], addresses: [u8; 8]) {
            let mut header = rest;
            (header[10], header[11]) = (0, 0);
            let sum = |header: &[u8; 12]| csum::fold16(csum::partial(&addresses, csum::partial(header, 0)));
            let check = !sum(&header);
            header[10..].copy_from_slice(&check.to_le_bytes());
            let before = header[1] & 3;
            prop_assert_eq!(mark_ipv4(&mut header), before != 0);
            prop_assert_eq!(header[1] & 3, if before == 0 { 0 } else { 3 });
            prop_assert_eq!(sum(&header), 0xffff);
        }
    }
}
