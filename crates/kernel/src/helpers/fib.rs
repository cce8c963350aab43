//! Routing (`net/core/filter.c`): over the devices, routes and neighbours of [`Net`](crate::Net).

use super::env::{Answer, Env, Stop, ret};
use crate::context::{Frame, PacketKind};
use crate::net::{ClonedPacket, Device, Lookup, Query, Route, RouteKind};
use skep_abi::Errno;
use skep_abi::ctx::{Field, sk_buff, xdp_md};
use skep_abi::flags::*;
use skep_abi::structs::bpf_fib_lookup as params;
use std::net::IpAddr;

/// `BPF_FIB_LKUP_RET_*`.
const SUCCESS: u64 = 0;
const BLACKHOLE: u64 = 1;
const UNREACHABLE: u64 = 2;
const PROHIBIT: u64 = 3;
const NOT_FWDED: u64 = 4;
const FWD_DISABLED: u64 = 5;
const UNSUPP_LWT: u64 = 6;
const NO_NEIGH: u64 = 7;
const FRAG_NEEDED: u64 = 8;
const NO_SRC_ADDR: u64 = 9;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const KNOWN: u32 = BPF_FIB_LOOKUP_DIRECT
    | BPF_FIB_LOOKUP_OUTPUT
    | BPF_FIB_LOOKUP_SKIP_NEIGH
    | BPF_FIB_LOOKUP_TBID
    | BPF_FIB_LOOKUP_SRC
    | BPF_FIB_LOOKUP_MARK;

/// The longest packets (`IP_MAX_MTU`, `IP6_MAX_MTU`), and what every IPv6 network takes (`IPV6_MIN_MTU`).
const IP_MAX_MTU: u32 = 0xffff;
const IP6_MAX_MTU: u32 = 0xffff + 40;
const IPV6_MIN_MTU: u32 = 1280;
const VLAN_HLEN: u64 = 4;

/// Question and answer, in place.
struct Params([u8; params::LAYOUT.size]);

impl Params {
    fn get(&self, field: &Field) -> u64 {
        let mut bytes = [0; 8];
        let len = field.size().min(8);
        bytes[..len].copy_from_slice(&self.0[field.offset..field.offset + len]);
        u64::from_le_bytes(bytes)
    }

    fn set(&mut self, field: &Field, value: u64) {
        let len = field.size().min(8);
        self.0[field.offset..field.offset + len].copy_from_slice(&value.to_le_bytes()[..len]);
    }

    fn set_bytes(&mut self, field: &Field, bytes: &[u8]) {
        self.0[field.offset..field.offset + bytes.len()].copy_from_slice(bytes);
    }

    /// An address, of the family that the question is about.
    fn addr(&self, field: &Field, v6: bool) -> IpAddr {
        let bytes = |len: usize| &self.0[field.offset..field.offset + len];
        match v6 {
            true => IpAddr::from(<[u8; 16]>::try_from(bytes(16)).unwrap_or_default()),
            false => IpAddr::from(<[u8; 4]>::try_from(bytes(4)).unwrap_or_default()),
        }
    }

    fn set_addr(&mut self, field: &Field, addr: IpAddr) {
        match addr {
            IpAddr::V4(addr) => self.set_bytes(field, &addr.octets()),
            IpAddr::V6(addr) => self.set_bytes(field, &addr.octets()),
        }
    }
}

/// `bpf_fib_lookup(ctx, params, plen, flags)`: `BPF_FIB_LKUP_RET_*`. What is found on the way is written even if the rest
/// is not.
pub(super) fn fib_lookup(env: &mut Env<'_, '_>) -> Answer {
    let (len, flags) = (env.arg(2) as u32 as usize, env.arg(3) as u32);
    let frame = env.frame(0)?;
    env.check_write(1, len)?;
    if len < params::LAYOUT.size || flags & !KNOWN != 0 {
        return Err(Errno::EINVAL.into());
    }
    let mut params = Params([0; params::LAYOUT.size]);
    params.0.copy_from_slice(&env.read(1, params::LAYOUT.size)?);
    let result = answer(env, &frame, &mut params, flags);
    env.write(1, &params.0)?;
    ret(result?)
}

fn answer(env: &Env<'_, '_>, frame: &Frame, params: &mut Params, flags: u32) -> Result<u64, Errno> {
    let check_mtu = frame.kind == PacketKind::Xdp || params.get(&params::tot_len) != 0;
    let found = match params.get(&params::family) as u8 {
        AF_INET => forward(env, params, flags, check_mtu, false)?,
        AF_INET6 => forward(env, params, flags, check_mtu, true)?,
        _ => return Err(Errno::EAFNOSUPPORT),
    };
    if found != SUCCESS || check_mtu {
        return Ok(found);
    }
    // Nobody said how long the packet is: the one at hand counts (`is_skb_forwardable`).
    let Some(device) = env.core.net.device(params.get(&params::ifindex) as u32) else { return Ok(found) };
    params.set(&params::mtu_result, u64::from(device.mtu));
    let longest = u64::from(device.mtu) + u64::from(device.header) + VLAN_HLEN;
    let fits = frame.len() <= longest || is_gso(env, frame);
    Ok(if device.up && fits { found } else { FRAG_NEEDED })
}

fn is_gso(env: &Env<'_, '_>, frame: &Frame) -> bool {
    frame.ctx.get(env.memory(), &sk_buff::gso_size) != 0
}

/// Addresses that are never forwarded (`rt6_need_strict`): multicast, of the link, of the host.
fn is_near(addr: IpAddr) -> bool {
    match addr {
        IpAddr::V4(_) => false,
        IpAddr::V6(addr) => {
            addr.is_multicast() || addr.is_loopback() || addr.segments()[0] & 0xffc0 == 0xfe80
        }
    }
}

/// `bpf_ipv4_fib_lookup` and `bpf_ipv6_fib_lookup`.
fn forward(
    env: &Env<'_, '_>,
    params: &mut Params,
    flags: u32,
    check_mtu: bool,
    v6: bool,
) -> Result<u64, Errno> {
    let net = &env.core.net;
    let has = |flag: u32| flags & flag != 0;
    let (source, target) = match v6 {
        true => (&params::ipv6_src, &params::ipv6_dst),
        false => (&params::ipv4_src, &params::ipv4_dst),
    };
    let to = params.addr(target, v6);
    if is_near(to) || is_near(params.addr(source, v6)) {
        return Ok(NOT_FWDED);
    }
    let device = net.device(params.get(&params::ifindex) as u32).ok_or(Errno::ENODEV)?;
    if !device.forwarding {
        return Ok(FWD_DISABLED);
    }
    let mut table = has(BPF_FIB_LOOKUP_DIRECT).then_some(Route::MAIN);
    if table.is_some() && has(BPF_FIB_LOOKUP_TBID) {
        table = Some(params.get(&params::tbid) as u32);
        params.set(&params::tbid, 0);
    }
    let query = Query { to, device: device.ifindex, output: has(BPF_FIB_LOOKUP_OUTPUT), table };
    let route = match net.lookup(query) {
        Lookup::Out(route) => route,
        Lookup::Refused(RouteKind::Blackhole) => return Ok(BLACKHOLE),
        Lookup::Refused(RouteKind::Unreachable) => return Ok(UNREACHABLE),
        Lookup::Refused(RouteKind::Prohibit) => return Ok(PROHIBIT),
        Lookup::Refused(_) | Lookup::None => return Ok(NOT_FWDED),
    };
    let Some(out) = net.device(route.device) else { return Ok(NOT_FWDED) };
    let mtu = mtu(&route, out, v6);
    if check_mtu && params.get(&params::tot_len) > u64::from(mtu) {
        params.set(&params::mtu_result, u64::from(mtu));
        return Ok(FRAG_NEEDED);
    }
    if route.encap {
        return Ok(UNSUPP_LWT);
    }
    params.set(&params::rt_metric, u64::from(route.metric));
    params.set(&params::ifindex, u64::from(out.ifindex));
    if has(BPF_FIB_LOOKUP_SRC) {
        match net.source(&route, to) {
            Some(addr) => params.set_addr(source, addr),
            None if v6 => return Ok(NO_SRC_ADDR),
            None => params.set(source, 0),
        }
    }
    if let Some(hop) = route.via {
        // The next hop of an IPv4 packet may have an IPv6 address.
        if hop.is_ipv6() {
            params.set(&params::family, u64::from(AF_INET6));
        }
        params.set_addr(target, hop);
    }
    if !has(BPF_FIB_LOOKUP_SKIP_NEIGH) {
        let Some(mac) = net.neighbour(out.ifindex, route.via.unwrap_or(to)) else { return Ok(NO_NEIGH) };
        params.set_bytes(&params::dmac, &mac);
        params.set_bytes(&params::smac, &out.mac);
    }
    params.set(&params::h_vlan_TCI, 0);
    params.set(&params::h_vlan_proto, 0);
    if check_mtu {
        params.set(&params::mtu_result, u64::from(mtu));
    }
    Ok(SUCCESS)
}

/// `ip_mtu_from_fib_result`, `ip6_mtu_from_fib6`.
fn mtu(route: &Route, device: &Device, v6: bool) -> u32 {
    match v6 {
        true => route.mtu.unwrap_or(device.mtu.max(IPV6_MIN_MTU)).min(IP6_MAX_MTU),
        false => route.mtu.unwrap_or(device.mtu).min(IP_MAX_MTU),
    }
}

/// `BPF_MTU_CHK_SEGS`, and `BPF_MTU_CHK_RET_*`.
const SEGS: u64 = 1;
const MTU_OK: u64 = 0;
const MTU_FRAG_NEEDED: u64 = 1;
const MTU_SEGS_TOOBIG: u64 = 2;

/// The device that a packet is on: Ethernet, if nobody said what the device is like.
fn device_of(env: &Env<'_, '_>, frame: &Frame) -> Device {
    let field = if frame.kind == PacketKind::Xdp { &xdp_md::ingress_ifindex } else { &sk_buff::ifindex };
    let index = frame.ctx.get(env.memory(), field) as u32;
    env.core.net.device(index).cloned().unwrap_or_else(|| Device::new(index))
}

/// `bpf_check_mtu(ctx, ifindex, mtu_len, len_diff, flags)`.
pub(super) fn check_mtu(env: &mut Env<'_, '_>) -> Answer {
    let (ifindex, diff, flags) = (env.arg(1) as u32, env.arg(3) as i32, env.arg(4));
    let frame = env.frame(0)?;
    env.check_write(2, 4)?;
    let asked = env.read(2, 4)?;
    let asked = i32::from_le_bytes([asked[0], asked[1], asked[2], asked[3]]);
    let is_xdp = frame.kind == PacketKind::Xdp;
    let segs = !is_xdp && flags & SEGS != 0;
    if flags & !(if is_xdp { 0 } else { SEGS }) != 0 || segs && (diff != 0 || asked != 0) {
        return Err(Errno::EINVAL.into());
    }
    let device = match ifindex {
        0 => device_of(env, &frame),
        index => env.core.net.device(index).cloned().ok_or(Errno::ENODEV)?,
    };
    let header = device.header as i32;
    let len = if asked != 0 { asked.wrapping_add(header) } else { frame.len() as i32 };
    let fits = len.wrapping_add(diff) <= (device.mtu as i32).wrapping_add(header);
    let result = match fits {
        true => MTU_OK,
        false if is_xdp || !is_gso(env, &frame) => MTU_FRAG_NEEDED,
        false if segs && segment_len(env, &frame)? > u64::from(device.mtu) => MTU_SEGS_TOOBIG,
        false => MTU_OK,
    };
    env.write(2, &device.mtu.to_le_bytes())?;
    ret(result)
}

/// Bytes of a segment from its network header on (`skb_gso_network_seglen`).
fn segment_len(env: &Env<'_, '_>, frame: &Frame) -> Result<u64, Stop> {
    let byte = |at: u64| {
        let mut byte = [0];
        let there = at < frame.data_end && env.memory().peek(at, &mut byte).is_ok();
        if there { Ok(u64::from(byte[0])) } else { Err(Stop::from(Errno::EINVAL)) }
    };
    let first = byte(frame.network)?;
    let (len, protocol) = match first >> 4 {
        4 => ((first & 0xf) * 4, byte(frame.network + 9)?),
        6 => (40, byte(frame.network + 6)?),
        _ => return Err(Errno::EINVAL.into()),
    };
    let transport = match protocol {
        6 => (byte(frame.network + len + 12)? >> 4) * 4,
        17 => 8,
        _ => 0,
    };
    Ok(len + transport + frame.ctx.get(env.memory(), &sk_buff::gso_size))
}

/// `bpf_clone_redirect(skb, ifindex, flags)`: a copy of the packet is sent, and shown in the run's result.
pub(super) fn clone_redirect(env: &mut Env<'_, '_>) -> Answer {
    let (ifindex, flags) = (env.arg(1) as u32, env.arg(2));
    let frame = super::skb::frame(env)?;
    if flags & !BPF_F_INGRESS != 0 || env.core.net.device(ifindex).is_none() {
        return Err(Errno::EINVAL.into());
    }
    env.charge_bytes(frame.len());
    let packet = frame.bytes(env.memory()).1;
    env.core.now.net.clone_packet(ClonedPacket { ifindex, flags, packet });
    ret(0)
}
