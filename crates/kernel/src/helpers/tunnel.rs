//! Tunnels and IPsec: what is known of a packet's outer header (`net/core/filter.c`).

use super::env::{Answer, Env, ret};
use super::skb::frame;
use crate::net::Tunnel;
use skep_abi::Errno;
use skep_abi::ctx::Field;
use skep_abi::flags::*;
use skep_abi::structs::bpf_tunnel_key as key;
use std::net::IpAddr;

/// Sizes of `struct bpf_tunnel_key` in earlier kernels: up to `tunnel_ext`, `tunnel_label`, `local_ipv6`; and that of the
/// first one, of IPv4 alone.
const EARLIER: [usize; 3] = [22, 24, 28];
const FIRST: usize = 8;

/// `TUNNEL_*` of `linux/if_tunnel.h`.
const CSUM: u16 = 0x0001;
const KEY: u16 = 0x0004;
const SEQ: u16 = 0x0008;
const DONT_FRAGMENT: u16 = 0x0100;
const NOCACHE: u16 = 0x2000;

/// The most bytes of options (`IP_TUNNEL_OPTS_MAX`, rounded to words).
const MAX_OPTIONS: usize = 255;
const FLOW_LABEL: u32 = 0xf_ffff;

fn put(bytes: &mut [u8], field: &Field, value: &[u8]) {
    bytes[field.offset..field.offset + value.len()].copy_from_slice(value);
}

fn word(bytes: &[u8], field: &Field) -> u32 {
    let word = bytes.get(field.offset..field.offset + 4).and_then(|it| it.try_into().ok());
    word.map_or(0, u32::from_le_bytes)
}

/// `bpf_skb_get_tunnel_key(skb, key, size, flags)`: all zero if it fails.
pub(super) fn get_key(env: &mut Env<'_, '_>) -> Answer {
    let (size, flags) = (env.arg(2) as u32 as usize, env.arg(3));
    frame(env)?;
    env.check_write(1, size)?;
    match read_key(env.core.now.net.tunnel.as_ref(), size, flags) {
        Ok(bytes) => {
            env.write(1, &bytes[..size])?;
            ret(0)
        }
        Err(errno) => {
            env.write(1, &vec![0; size])?;
            Err(errno.into())
        }
    }
}

fn read_key(tunnel: Option<&Tunnel>, size: usize, flags: u64) -> Result<[u8; key::LAYOUT.size], Errno> {
    let tunnel =
        tunnel.filter(|_| flags & !(BPF_F_TUNINFO_IPV6 | BPF_F_TUNINFO_FLAGS) == 0).ok_or(Errno::EINVAL)?;
    let v6 = tunnel.source.is_ipv6();
    if v6 != (flags & BPF_F_TUNINFO_IPV6 != 0) {
        return Err(Errno::EPROTO);
    }
    if size != key::LAYOUT.size && !EARLIER.contains(&size) && (size != FIRST || v6) {
        return Err(Errno::EINVAL);
    }
    let mut bytes = [0; key::LAYOUT.size];
    put(&mut bytes, &key::tunnel_id, &(tunnel.id as u32).to_le_bytes());
    put(&mut bytes, &key::tunnel_tos, &[tunnel.tos]);
    put(&mut bytes, &key::tunnel_ttl, &[tunnel.ttl]);
    if flags & BPF_F_TUNINFO_FLAGS != 0 {
        put(&mut bytes, &key::tunnel_flags, &tunnel.flags.to_be_bytes());
    }
    // IPv4 addresses are numbers here, IPv6 ones are bytes.
    match (tunnel.source, tunnel.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            put(&mut bytes, &key::remote_ipv4, &source.to_bits().to_le_bytes());
            put(&mut bytes, &key::local_ipv4, &destination.to_bits().to_le_bytes());
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            put(&mut bytes, &key::remote_ipv6, &source.octets());
            put(&mut bytes, &key::local_ipv6, &destination.octets());
            put(&mut bytes, &key::tunnel_label, &tunnel.label.to_le_bytes());
        }
        _ => return Err(Errno::EPROTO),
    }
    Ok(bytes)
}

/// `bpf_skb_set_tunnel_key(skb, key, size, flags)`.
pub(super) fn set_key(env: &mut Env<'_, '_>) -> Answer {
    let (size, flags) = (env.arg(2) as u32 as usize, env.arg(3));
    frame(env)?;
    let given = env.read(1, size)?;
    const KNOWN: u64 = BPF_F_TUNINFO_IPV6
        | BPF_F_ZERO_CSUM_TX
        | BPF_F_DONT_FRAGMENT
        | BPF_F_SEQ_NUMBER
        | BPF_F_NO_TUNNEL_KEY;
    let is_size = size == key::LAYOUT.size || size == FIRST || EARLIER.contains(&size);
    if flags & !KNOWN != 0 || !is_size {
        return Err(Errno::EINVAL.into());
    }
    let mut bytes = [0; key::LAYOUT.size];
    bytes[..size].copy_from_slice(&given);
    let (v6, label) = (flags & BPF_F_TUNINFO_IPV6 != 0, word(&bytes, &key::tunnel_label));
    if !v6 && label != 0 || bytes[key::tunnel_ext.range()] != [0, 0] {
        return Err(Errno::EINVAL.into());
    }
    let address = |four: &Field, six: &Field| match v6 {
        true => IpAddr::from(
            bytes.get(six.range()).and_then(|it| <[u8; 16]>::try_from(it).ok()).unwrap_or_default(),
        ),
        false => IpAddr::from(word(&bytes, four).to_be_bytes()),
    };
    let bit = |on: bool, bit: u16| if on { bit } else { 0 };
    env.core.now.net.tunnel = Some(Tunnel {
        id: word(&bytes, &key::tunnel_id).into(),
        source: address(&key::local_ipv4, &key::local_ipv6),
        destination: address(&key::remote_ipv4, &key::remote_ipv6),
        tos: bytes[key::tunnel_tos.offset],
        ttl: bytes[key::tunnel_ttl.offset],
        label: label & FLOW_LABEL,
        flags: NOCACHE
            | bit(flags & BPF_F_ZERO_CSUM_TX == 0, CSUM)
            | bit(flags & BPF_F_NO_TUNNEL_KEY == 0, KEY)
            | bit(flags & BPF_F_SEQ_NUMBER != 0, SEQ)
            | bit(flags & BPF_F_DONT_FRAGMENT != 0, DONT_FRAGMENT),
        options: Vec::new(),
        sent: true,
    });
    ret(0)
}

/// `bpf_skb_get_tunnel_opt(skb, opt, size)`: how many bytes there are; what is left of the buffer is zeroed, and all of it
/// if it fails.
pub(super) fn get_opt(env: &mut Env<'_, '_>) -> Answer {
    let size = env.arg(2) as u32 as usize;
    frame(env)?;
    env.check_write(1, size)?;
    let tunnel = env.core.now.net.tunnel.as_ref();
    let options = tunnel.filter(|it| it.flags & Tunnel::HAS_OPTIONS != 0).map(|it| it.options.clone());
    let answer = match options {
        None => Err(Errno::ENOENT),
        Some(options) if size < options.len() => Err(Errno::ENOMEM),
        Some(options) => Ok(options),
    };
    let mut bytes = answer.clone().unwrap_or_default();
    let len = bytes.len();
    bytes.resize(size, 0);
    env.write(1, &bytes)?;
    answer?;
    ret(len as u64)
}

/// `bpf_skb_set_tunnel_opt(skb, opt, size)`: after `bpf_skb_set_tunnel_key`.
pub(super) fn set_opt(env: &mut Env<'_, '_>) -> Answer {
    let size = env.arg(2) as u32 as usize;
    frame(env)?;
    let options = env.read(1, size)?;
    let Some(tunnel) = env.core.now.net.tunnel.as_mut().filter(|it| it.sent && size.is_multiple_of(4)) else {
        return Err(Errno::EINVAL.into());
    };
    if size > MAX_OPTIONS {
        return Err(Errno::ENOMEM.into());
    }
    tunnel.options = options.to_vec();
    tunnel.flags |= Tunnel::HAS_OPTIONS;
    ret(0)
}

/// `bpf_skb_get_xfrm_state(skb, index, xfrm_state, size, flags)`: packets here came through no IPsec.
pub(super) fn get_xfrm_state(env: &mut Env<'_, '_>) -> Answer {
    let size = env.arg(3) as u32 as usize;
    frame(env)?;
    env.check_write(2, size)?;
    env.write(2, &vec![0; size])?;
    Err(Errno::EINVAL.into())
}
