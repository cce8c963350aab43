//! Sending packets, messages and streams to what elements of maps name (`net/core/filter.c`, `net/core/sock_map.c`).

use super::env::{Answer, Env, Stop, ret};
use crate::invocation::{Redirect, Through};
use crate::outside::OutsideKind;
use skep_abi::ctx::bpf_sock_ops;
use skep_abi::flags::{BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS, BPF_F_INGRESS};
use skep_abi::xdp::{XDP_ABORTED, XDP_REDIRECT, XDP_TX};
use skep_abi::{Errno, MapType};
use skep_maps::ObjRef;

/// `SK_DROP` and `SK_PASS`.
const SK_DROP: u64 = 0;
const SK_PASS: u64 = 1;

/// `BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB`, `BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB`, `BPF_SOCK_OPS_TCP_LISTEN_CB`.
const ESTABLISHED: [u32; 3] = [4, 5, 11];

/// `bpf_redirect_map(map, key, flags)` (`__bpf_xdp_redirect_map`): the low bits of the flags are the verdict if there is
/// nothing at the key, and then what an earlier call said is forgotten.
pub(super) fn map(env: &mut Env<'_, '_>) -> Answer {
    let (id, object) = env.map(0)?;
    let kind = object.map.spec().kind;
    let (key, flags) = (env.arg(1) as u32, env.arg(2));
    let known = match kind {
        MapType::Devmap | MapType::DevmapHash => BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS,
        MapType::Cpumap | MapType::Xskmap => 0,
        _ => return Err(env.bad_arg(0, "is a map of a type that this helper does not take")),
    };
    // XDP_ABORTED, XDP_DROP, XDP_PASS and XDP_TX.
    let actions = u64::from(XDP_TX);
    if flags & !(actions | known) != 0 {
        return ret(XDP_ABORTED.into());
    }
    let bytes = key.to_le_bytes();
    let all = flags & BPF_F_BROADCAST != 0;
    let target = target(env, id, &bytes)?;
    if target.is_none() && !all {
        env.core.now.redirect = None;
        return ret(flags & actions);
    }
    let is_device = matches!(kind, MapType::Devmap | MapType::DevmapHash) && !all;
    let ifindex = target.filter(|_| is_device).unwrap_or(0);
    note(env, id, &bytes, ifindex, if all { flags & known } else { 0 });
    ret(XDP_REDIRECT.into())
}

/// The first word of what is at a key: a device's number, a queue's length; 1 for a socket.
fn target(env: &Env<'_, '_>, id: ObjRef, key: &[u8]) -> Result<Option<u32>, Stop> {
    let map = &env.core.objects.map(id).ok_or(Errno::EINVAL)?.map;
    if map.spec().kind == MapType::Xskmap {
        return Ok(map.held(key).map(|_| 1));
    }
    let addr = map.lookup_ptr(&env.core.cx(env.memory()), key)?;
    Ok(addr.map(|addr| env.memory().peek_u32(addr).unwrap_or(0)))
}

fn note(env: &mut Env<'_, '_>, id: ObjRef, key: &[u8], ifindex: u32, flags: u64) {
    let through = env.core.objects.map(id).map(|it| Through {
        map_id: env.core.objects.number(id),
        map: it.map.spec().name.clone(),
        kind: it.map.spec().kind,
        key: key.to_vec(),
    });
    env.core.now.redirect = Some(Redirect { ifindex, flags, through, ..Redirect::default() });
}

/// `bpf_sk_redirect_map(skb, map, key, flags)` and `bpf_msg_redirect_map(msg, map, key, flags)`.
pub(super) fn to_socket(env: &mut Env<'_, '_>) -> Answer {
    let key = (env.arg(2) as u32).to_le_bytes();
    send(env, MapType::Sockmap, &key)
}

/// `bpf_sk_redirect_hash(skb, map, key, flags)` and `bpf_msg_redirect_hash(msg, map, key, flags)`.
pub(super) fn to_socket_by_key(env: &mut Env<'_, '_>) -> Answer {
    let size = env.map(1)?.1.map.spec().key_size as usize;
    let key = env.key(2, size)?;
    send(env, MapType::Sockhash, &key)
}

fn send(env: &mut Env<'_, '_>, kind: MapType, key: &[u8]) -> Answer {
    env.check_ctx(0)?;
    let (id, object) = env.map(1)?;
    if object.map.spec().kind != kind {
        return Err(env.bad_arg(1, "is a map of a type that this helper does not take"));
    }
    let flags = env.arg(3);
    if flags & !BPF_F_INGRESS != 0 || object.map.held(key).is_none() {
        return ret(SK_DROP);
    }
    note(env, id, key, 0, flags);
    ret(SK_PASS)
}

/// `bpf_sk_select_reuseport(reuse, map, key, flags)`: notes the socket that the packet goes to.
pub(super) fn select_reuseport(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    let (id, object) = env.map(1)?;
    let (kind, size) = (object.map.spec().kind, object.map.spec().key_size as usize);
    if !matches!(kind, MapType::ReuseportSockarray | MapType::Sockmap | MapType::Sockhash) {
        return Err(env.bad_arg(1, "is a map of a type that this helper does not take"));
    }
    let key = env.key(2, size)?;
    if env.arg(3) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let found = env.core.objects.map(id).and_then(|it| it.map.held(&key));
    found.ok_or(Errno::ENOENT)?;
    note(env, id, &key, 0, 0);
    ret(0)
}

/// `bpf_sock_map_update(skops, map, key, flags)` and `bpf_sock_hash_update`: puts the socket of the context into a map
/// (`sock_map_op_okay`: when it was established or starts to listen).
pub(super) fn update(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    let (id, object) = env.map(1)?;
    let (kind, size) = (object.map.spec().kind, object.map.spec().key_size as usize);
    if !matches!(kind, MapType::Sockmap | MapType::Sockhash) {
        return Err(env.bad_arg(1, "is a map of a type that this helper does not take"));
    }
    let (key, flags) = (env.key(2, size)?, env.arg(3));
    let ctx = env.arg(0);
    let memory = env.memory();
    let field = |field: &skep_abi::ctx::Field| ctx + field.offset as u64;
    let op = memory.peek_u32(field(&bpf_sock_ops::op)).unwrap_or(0);
    if !ESTABLISHED.contains(&op) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    // A context that was given no socket stands for it itself.
    let socket = memory.peek_u64(field(&bpf_sock_ops::sk)).ok().filter(|addr| *addr != 0).unwrap_or(ctx);
    let socket = env.core.outside_at(OutsideKind::Socket, socket)?;
    let object = env.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
    match object.map.hold(&key, socket, flags) {
        Ok(displaced) => {
            env.core.drop_displaced(displaced);
            ret(0)
        }
        Err(errno) => {
            env.core.objects.release(socket);
            Err(errno.into())
        }
    }
}
