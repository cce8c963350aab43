//! VLAN tags and a packet's network protocol (`net/core/filter.c`, `skb_vlan_push` and `skb_vlan_pop` of
//! `net/core/skbuff.c`). The outermost tag is beside the packet, as if the hardware had taken it off.

use super::env::{Answer, Env, Stop, ret};
use super::skb::frame;
use super::skb_resize::{put, set_protocol, with_room};
use crate::context::{ETH_HLEN, Frame};
use skep_abi::Errno;
use skep_abi::ctx::sk_buff;

/// Ethernet types in network byte order, as the context has them.
const IPV4: u32 = 0x0800u16.to_be() as u32;
const IPV6: u32 = 0x86ddu16.to_be() as u32;
const VLAN: u16 = 0x8100u16.to_be();
const QINQ: u16 = 0x88a8u16.to_be();
const VLAN_HLEN: u64 = 4;
/// Both addresses of an Ethernet header.
const MACS: usize = 12;
/// How much longer an IPv6 header is.
const LONGER: u64 = 20;

fn is_vlan(protocol: u64) -> bool {
    protocol == u64::from(VLAN) || protocol == u64::from(QINQ)
}

/// The tag beside the packet: protocol and number.
fn tag(env: &Env<'_, '_>, frame: &Frame) -> Option<(u16, u16)> {
    let get = |field| frame.ctx.get(env.memory(), field);
    (get(&sk_buff::vlan_present) != 0)
        .then(|| (get(&sk_buff::vlan_proto) as u16, get(&sk_buff::vlan_tci) as u16))
}

fn set_tag(env: &Env<'_, '_>, frame: &Frame, tag: Option<(u16, u16)>) {
    let (proto, tci) = tag.unwrap_or_default();
    frame.ctx.set(env.memory(), &sk_buff::vlan_present, tag.is_some().into());
    frame.ctx.set(env.memory(), &sk_buff::vlan_proto, proto.into());
    frame.ctx.set(env.memory(), &sk_buff::vlan_tci, tci.into());
}

/// `bpf_skb_vlan_push(skb, vlan_proto, vlan_tci)`: a tag that is there moves into the packet.
pub(super) fn push(env: &mut Env<'_, '_>) -> Answer {
    let (proto, tci) = (env.arg(1) as u16, env.arg(2) as u16);
    let proto = if is_vlan(proto.into()) { proto } else { VLAN };
    let mut packet = frame(env)?;
    if let Some((old_proto, old_tci)) = tag(env, &packet) {
        if packet.data != packet.mac {
            return Err(Errno::EINVAL.into());
        }
        packet = with_room(env, VLAN_HLEN, 0)?;
        let memory = env.memory();
        let to = packet.data - VLAN_HLEN;
        let _ = memory.copy(to, packet.data, MACS);
        let mut header = [0; 4];
        header[..2].copy_from_slice(&old_proto.to_le_bytes());
        header[2..].copy_from_slice(&old_tci.to_be_bytes());
        let _ = memory.poke(to + MACS as u64, &header);
        (packet.data, packet.data_meta) = (to, to);
        (packet.mac, packet.network) = (packet.mac - VLAN_HLEN, packet.network - VLAN_HLEN);
        put(env, packet);
        set_protocol(env, &packet, old_proto.into());
    }
    set_tag(env, &packet, Some((proto, tci)));
    ret(0)
}

/// `bpf_skb_vlan_pop(skb)`: the tag beside the packet, or one inside; the next one moves out.
pub(super) fn pop(env: &mut Env<'_, '_>) -> Answer {
    let packet = frame(env)?;
    let protocol = |env: &Env<'_, '_>| packet.ctx.get(env.memory(), &sk_buff::protocol);
    if tag(env, &packet).is_some() {
        set_tag(env, &packet, None);
    } else if is_vlan(protocol(env)) {
        take_tag(env)?;
    }
    let proto = protocol(env);
    if is_vlan(proto) {
        let tci = take_tag(env)?;
        set_tag(env, &packet, Some((proto as u16, tci)));
    }
    ret(0)
}

/// Takes a tag out of the packet (`__skb_vlan_pop`), and answers its number.
fn take_tag(env: &mut Env<'_, '_>) -> Result<u16, Stop> {
    let mut packet = frame(env)?;
    if packet.data != packet.mac {
        return Err(Errno::EINVAL.into());
    }
    let memory = env.memory();
    let mut header = [0; 6];
    packet.at(0, ETH_HLEN + VLAN_HLEN).ok_or(Errno::ENOMEM)?;
    let _ = memory.peek(packet.data + ETH_HLEN, &mut header[..4]);
    if let Some(next) = packet.at(ETH_HLEN + VLAN_HLEN, 2) {
        let _ = memory.peek(next, &mut header[4..]);
    }
    let to = packet.data + VLAN_HLEN;
    let _ = memory.copy(to, packet.data, MACS);
    (packet.data, packet.data_meta) = (to, to);
    packet.mac += VLAN_HLEN;
    packet.network = packet.network.max(packet.data + ETH_HLEN);
    put(env, packet);
    set_protocol(env, &packet, inner(&header).into());
    Ok(u16::from_be_bytes([header[0], header[1]]))
}

/// The protocol behind a tag (`vlan_set_encap_proto`): the Ethernet type; `ETH_P_802_2` for a length, `ETH_P_802_3` for
/// raw IPX.
fn inner(header: &[u8; 6]) -> u16 {
    const FIRST_TYPE: u16 = 0x0600;
    let proto = u16::from_be_bytes([header[2], header[3]]);
    let found = match (proto >= FIRST_TYPE, &header[4..]) {
        (true, _) => proto,
        (false, [0xff, 0xff]) => 0x0001,
        (false, _) => 0x0004,
    };
    found.to_be()
}

/// `bpf_skb_change_proto(skb, proto, flags)`: between IPv4 and IPv6, the room for the header alone.
pub(super) fn change_proto(env: &mut Env<'_, '_>) -> Answer {
    let (to, flags) = (u32::from(env.arg(1) as u16), env.arg(2));
    let old = frame(env)?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let from = old.ctx.get(env.memory(), &sk_buff::protocol) as u32;
    let link = old.network.saturating_sub(old.mac);
    let packet = match (from, to) {
        (IPV4, IPV6) => {
            let mut packet = with_room(env, LONGER, 0)?;
            let start = packet.data - LONGER;
            let _ = env.memory().copy(start, packet.data, link as usize);
            let _ = env.memory().fill(start + link, LONGER as usize, 0);
            (packet.mac, packet.network) = (packet.mac - LONGER, packet.network - LONGER);
            (packet.data, packet.data_meta) = (start, start);
            packet
        }
        (IPV6, IPV4) => {
            let mut packet = old;
            packet.at(0, link + LONGER).ok_or(Errno::ENOMEM)?;
            let start = packet.data + LONGER;
            let _ = env.memory().copy(start, packet.data, link as usize);
            (packet.mac, packet.network) = (packet.mac + LONGER, packet.network + LONGER);
            (packet.data, packet.data_meta) = (start, start);
            packet
        }
        _ => return Err(Errno::ENOTSUPP.into()),
    };
    put(env, packet);
    set_protocol(env, &packet, to);
    packet.ctx.set(env.memory(), &sk_buff::hash, 0);
    ret(0)
}
