//! Sockets (`net/core/filter.c`): found by addresses and ports, looked at in their UAPI form (`struct bpf_sock`,
//! `struct bpf_tcp_sock`), given to packets, released.

use super::env::{Answer, Env, Stop, ret};
use super::skb::frame;
use crate::context::PacketKind;
use crate::net::{CLOSE, HeldSocket, LISTEN, NEW_SYN_RECV, NetSocket, TCP, Tuple, UDP};
use crate::state::Core;
use skep_abi::ctx::{
    Field, bpf_sk_lookup, bpf_sock_addr, bpf_sock_ops, bpf_sockopt, sk_buff, sk_msg_md, sk_reuseport_md,
    xdp_md,
};
use skep_abi::structs::{bpf_sock_tuple_ipv4 as tuple4, bpf_sock_tuple_ipv6 as tuple6};
use skep_abi::{Errno, ProgType};
use skep_vm::HostFault;
use std::net::{IpAddr, SocketAddr};

/// `BPF_SK_LOOKUP_F_REPLACE` and `BPF_SK_LOOKUP_F_NO_REUSEPORT`.
const REPLACE: u64 = 1 << 0;
const NO_REUSEPORT: u64 = 1 << 1;

/// What `bpf_get_socket_uid` says where there is no socket: nobody (`overflowuid`).
const NOBODY: u64 = 65534;

/// The socket that the program's context is about, if it has one: the address of its `struct bpf_sock`.
pub(super) fn of_ctx(env: &Env<'_, '_>) -> Option<u64> {
    let field = match env.core.now.prog_type? {
        ProgType::CgroupSock => return Some(env.core.now.ctx.addr),
        ProgType::CgroupSockAddr => &bpf_sock_addr::sk,
        ProgType::SockOps => &bpf_sock_ops::sk,
        ProgType::SkMsg => &sk_msg_md::sk,
        ProgType::SkReuseport => &sk_reuseport_md::sk,
        ProgType::CgroupSockopt => &bpf_sockopt::sk,
        ProgType::SkLookup => &bpf_sk_lookup::sk,
        _ if env.core.now.frame.is_some_and(|it| it.kind != PacketKind::Xdp) => &sk_buff::sk,
        _ => return None,
    };
    let addr = env.core.now.ctx.get(env.memory(), field);
    (addr != 0).then(|| env.core.sockets.base(addr))
}

/// The socket that an argument points to.
pub(super) fn arg<'e>(env: &'e mut Env<'_, '_>, index: usize) -> Result<(u64, &'e mut NetSocket), Stop> {
    let addr = env.core.sockets.base(env.arg(index));
    let refusal = env.bad_arg(index, "is no socket");
    let memory = env.memory();
    env.core.sockets.at(memory, addr).map(|it| (addr, it)).ok_or(refusal)
}

/// The whole socket of the packet, or a listener for what is not whole yet (`sk_to_full_sk`).
fn whole_of_ctx<'e>(env: &'e mut Env<'_, '_>) -> Option<&'e NetSocket> {
    let addr = of_ctx(env)?;
    let memory = env.memory();
    let addr = match env.core.sockets.at(memory, addr)?.state {
        NEW_SYN_RECV => env.core.sockets.listener_of(addr)?,
        _ => addr,
    };
    env.core.sockets.at(memory, addr).filter(|it| it.is_whole()).map(|it| &*it)
}

/// The device that a packet is on; 0 where there is none.
fn device(env: &Env<'_, '_>) -> u32 {
    let Some(frame) = env.core.now.frame else { return 0 };
    let field = if frame.kind == PacketKind::Xdp { &xdp_md::ingress_ifindex } else { &sk_buff::ifindex };
    frame.ctx.get(env.memory(), field) as u32
}

/// The addresses of a `struct bpf_sock_tuple`; `None`: its size is of neither form.
fn tuple(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let v6 = match bytes.len() {
        len if len == tuple4::LAYOUT.size => false,
        len if len == tuple6::LAYOUT.size => true,
        _ => return None,
    };
    let at = |field: &Field| bytes.get(field.range()).unwrap_or_default();
    let ip = |four, six| match v6 {
        true => <[u8; 16]>::try_from(at(six)).ok().map(IpAddr::from),
        false => <[u8; 4]>::try_from(at(four)).ok().map(IpAddr::from),
    };
    let port = |four, six| at(if v6 { six } else { four }).try_into().ok().map(u16::from_be_bytes);
    let from = SocketAddr::new(ip(&tuple4::saddr, &tuple6::saddr)?, port(&tuple4::sport, &tuple6::sport)?);
    let to = SocketAddr::new(ip(&tuple4::daddr, &tuple6::daddr)?, port(&tuple4::dport, &tuple6::dport)?);
    Some((from, to))
}

/// `bpf_sk_lookup_*(ctx, tuple, tuple_size, netns, flags)`: NULL, or a socket that has to be released. The machine has
/// one network namespace, which has no number.
fn lookup(env: &mut Env<'_, '_>, protocol: u32, whole: bool) -> Answer {
    let (len, netns, flags) = (env.arg(2) as u32 as usize, env.arg(3), env.arg(4));
    env.check_ctx(0)?;
    let bytes = env.read(1, len)?;
    let own_netns = (netns as i32) < 0;
    let Some((from, to)) = tuple(&bytes).filter(|_| flags == 0 && own_netns) else { return ret(0) };
    let Some(mut addr) = env.core.sockets.find(&Tuple { protocol, from, to, device: device(env) }) else {
        return ret(0);
    };
    let memory = env.memory();
    if whole {
        let state = env.core.sockets.at(memory, addr).map(|it| (it.state, it.is_whole()));
        addr = match state {
            Some((_, true)) => addr,
            Some((NEW_SYN_RECV, _)) => match env.core.sockets.listener_of(addr) {
                Some(listener) => listener,
                None => return ret(0),
            },
            _ => return ret(0),
        };
    }
    let held = HeldSocket { addr, helper: env.helper.name, site: Core::site(env.call) };
    env.core.now.sockets.push(held);
    ret(addr)
}

/// `bpf_sk_lookup_tcp`.
pub(super) fn lookup_tcp(env: &mut Env<'_, '_>) -> Answer {
    lookup(env, TCP, true)
}

/// `bpf_sk_lookup_udp`.
pub(super) fn lookup_udp(env: &mut Env<'_, '_>) -> Answer {
    lookup(env, UDP, true)
}

/// `bpf_skc_lookup_tcp`: sockets that are not whole, too.
pub(super) fn lookup_skc_tcp(env: &mut Env<'_, '_>) -> Answer {
    lookup(env, TCP, false)
}

/// `bpf_sk_release(sock)`.
pub(super) fn release(env: &mut Env<'_, '_>) -> Answer {
    let addr = env.core.sockets.base(env.arg(0));
    let held = env.core.now.sockets.iter().rposition(|it| it.addr == addr);
    let Some(index) = held else {
        return Err(env.bad_arg(0, "is no socket that the program holds a reference of"));
    };
    env.core.now.sockets.remove(index);
    ret(0)
}

/// `bpf_sk_fullsock(sk)`: the same, unless it is a connection that only begins, or is over.
pub(super) fn fullsock(env: &mut Env<'_, '_>) -> Answer {
    let (addr, socket) = arg(env, 0)?;
    ret(if socket.is_whole() { addr } else { 0 })
}

/// `bpf_tcp_sock(sk)`.
pub(super) fn tcp_sock(env: &mut Env<'_, '_>) -> Answer {
    let (addr, socket) = arg(env, 0)?;
    if !socket.is_whole() || socket.protocol != TCP {
        return ret(0);
    }
    let tcp = env.core.sockets.tcp_of(env.memory(), addr);
    let tcp = tcp.map_err(|error| Stop::Fault(HostFault::host_limit(error.to_string())))?;
    ret(tcp.unwrap_or(0))
}

/// `bpf_get_listener_sock(sk)`.
pub(super) fn get_listener_sock(env: &mut Env<'_, '_>) -> Answer {
    let (mut addr, socket) = arg(env, 0)?;
    if socket.state == NEW_SYN_RECV {
        let Some(listener) = env.core.sockets.listener_of(addr) else { return ret(0) };
        addr = listener;
    }
    let memory = env.memory();
    let listens = env.core.sockets.at(memory, addr).is_some_and(|it| it.state == LISTEN);
    ret(if listens { addr } else { 0 })
}

/// `bpf_sk_assign(ctx, sk, flags)`: of traffic control, which is taken to be at ingress; of socket lookup.
pub(super) fn assign(env: &mut Env<'_, '_>) -> Answer {
    if env.core.now.prog_type == Some(ProgType::SkLookup) {
        return assign_lookup(env);
    }
    let frame = frame(env)?;
    if env.arg(1) == 0 || env.arg(2) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let (addr, _) = arg(env, 1)?;
    env.core.now.net.assigned = Some(addr);
    frame.ctx.set(env.memory(), &sk_buff::sk, addr);
    ret(0)
}

/// `bpf_sk_lookup_assign`: NULL takes the choice back.
fn assign_lookup(env: &mut Env<'_, '_>) -> Answer {
    let flags = env.arg(2);
    env.check_ctx(0)?;
    if flags & !(REPLACE | NO_REUSEPORT) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let ctx = env.core.now.ctx;
    let get = |env: &Env<'_, '_>, field: &Field| ctx.get(env.memory(), field) as u32;
    let (protocol, family) = (get(env, &bpf_sk_lookup::protocol), get(env, &bpf_sk_lookup::family));
    let chosen = match env.arg(1) {
        0 => None,
        _ => {
            const INET6: u32 = 10;
            let (addr, socket) = arg(env, 1)?;
            let ready = if socket.protocol == TCP { LISTEN } else { CLOSE };
            if socket.is_counted() || matches!(socket.protocol, TCP | UDP) && socket.state != ready {
                return Err(Errno::ESOCKTNOSUPPORT.into());
            }
            if socket.protocol != protocol {
                return Err(Errno::EPROTOTYPE.into());
            }
            let v6 = socket.local.is_ipv6();
            if v6 != (family == INET6) && !(v6 && socket.takes_v4()) {
                return Err(Errno::EAFNOSUPPORT.into());
            }
            Some(addr)
        }
    };
    if ctx.get(env.memory(), &bpf_sk_lookup::sk) != 0 && flags & REPLACE == 0 {
        return Err(Errno::EEXIST.into());
    }
    env.core.now.net.assigned = chosen;
    ctx.set(env.memory(), &bpf_sk_lookup::sk, chosen.unwrap_or(0));
    ret(0)
}

/// The id of a socket's cgroup: its own, or the ancestor's at a level.
fn cgroup(socket: Option<&NetSocket>, level: Option<i32>) -> u64 {
    let Some(socket) = socket.filter(|it| it.is_whole()) else { return 0 };
    let ids = &socket.cgroups;
    let id = match level {
        None => ids.last(),
        Some(level) => usize::try_from(level).ok().and_then(|level| ids.get(level)),
    };
    id.copied().unwrap_or(0)
}

/// The ids of the cgroups of the packet's socket.
pub(super) fn cgroups_of_ctx(env: &mut Env<'_, '_>) -> Option<Vec<u64>> {
    whole_of_ctx(env).map(|it| it.cgroups.clone())
}

/// `bpf_skb_cgroup_id(skb)`: 0 if the packet has no socket.
pub(super) fn skb_cgroup_id(env: &mut Env<'_, '_>) -> Answer {
    frame(env)?;
    ret(cgroup(whole_of_ctx(env), None))
}

/// `bpf_skb_ancestor_cgroup_id(skb, ancestor_level)`.
pub(super) fn skb_ancestor_cgroup_id(env: &mut Env<'_, '_>) -> Answer {
    let level = env.arg(1) as i32;
    frame(env)?;
    ret(cgroup(whole_of_ctx(env), Some(level)))
}

/// `bpf_sk_cgroup_id(sk)`.
pub(super) fn sk_cgroup_id(env: &mut Env<'_, '_>) -> Answer {
    ret(cgroup(Some(arg(env, 0)?.1), None))
}

/// `bpf_sk_ancestor_cgroup_id(sk, ancestor_level)`.
pub(super) fn sk_ancestor_cgroup_id(env: &mut Env<'_, '_>) -> Answer {
    let level = env.arg(1) as i32;
    ret(cgroup(Some(arg(env, 0)?.1), Some(level)))
}

/// `bpf_skb_cgroup_classid(skb)`: of the packet's socket.
pub(super) fn skb_cgroup_classid(env: &mut Env<'_, '_>) -> Answer {
    frame(env)?;
    ret(whole_of_ctx(env).map_or(0, |it| it.classid).into())
}

/// `bpf_get_cgroup_classid(skb)`: of the packet's socket, and where there is no packet, of the task.
pub(super) fn get_cgroup_classid(env: &mut Env<'_, '_>) -> Answer {
    if env.core.now.frame.is_none() {
        return ret(env.core.net.classid.into());
    }
    skb_cgroup_classid(env)
}

/// `bpf_get_socket_uid(skb)`.
pub(super) fn get_socket_uid(env: &mut Env<'_, '_>) -> Answer {
    frame(env)?;
    ret(whole_of_ctx(env).map_or(NOBODY, |it| it.uid.into()))
}

/// `bpf_get_netns_cookie(ctx)`: the machine's one namespace, with or without a context.
pub(super) fn get_netns_cookie(env: &mut Env<'_, '_>) -> Answer {
    if env.arg(0) != 0 {
        env.check_ctx(0)?;
    }
    ret(env.core.net.cookie)
}

/// `bpf_get_socket_cookie(ctx or sk)`: 0 if there is no socket.
pub(super) fn get_socket_cookie(env: &mut Env<'_, '_>) -> Answer {
    let given = env.arg(0);
    let addr = if given == env.core.now.ctx.addr { of_ctx(env) } else { Some(given).filter(|it| *it != 0) };
    let Some(addr) = addr else { return ret(0) };
    let memory = env.memory();
    let Some(socket) = env.core.sockets.at(memory, addr) else { return Err(env.bad_arg(0, "is no socket")) };
    ret(socket.cookie)
}
