//! Lightweight tunnels (`net/core/filter.c`, `net/core/lwt_bpf.c`).

use super::env::{Answer, Env, ret};
use super::skb::frame;
use super::skb_resize::{put, set_protocol, with_room};
use crate::csum;
use skep_abi::ctx::sk_buff;
use skep_abi::{Errno, ProgType};
use skep_vm::HostFault;

/// `BPF_LWT_ENCAP_*`.
const SEG6_INLINE: u32 = 1;
const IP: u32 = 2;

/// The longest header (`LWT_BPF_MAX_HEADROOM`), and the shortest ones.
const LONGEST: usize = 256;
const IPV4_HLEN: usize = 20;
const IPV6_HLEN: usize = 40;
const UDP_HLEN: usize = 8;
const UDP: u8 = 17;
const LINK_ROOM: u64 = 14;

/// Ethernet types in network byte order.
const IPV4: u32 = 0x0800u16.to_be() as u32;
const IPV6: u32 = 0x86ddu16.to_be() as u32;

/// Whether a header is long enough for what it says; its protocol (`bpf_lwt_push_ip_encap`).
fn protocol_of(header: &[u8]) -> Result<u32, Errno> {
    if !(IPV4_HLEN..=LONGEST).contains(&header.len()) {
        return Err(Errno::EINVAL);
    }
    let (protocol, len, next) = match header[0] >> 4 {
        4 => (IPV4, usize::from(header[0] & 0xf) * 4, header[9]),
        6 => (IPV6, IPV6_HLEN, header[6]),
        _ => return Err(Errno::EINVAL),
    };
    let least = len + if next == UDP { UDP_HLEN } else { 0 };
    if header.len() < least { Err(Errno::EINVAL) } else { Ok(protocol) }
}

/// `bpf_lwt_push_encap(skb, type, hdr, len)`: an IP header in front of the packet; an IPv4 header without a checksum gets
/// one.
pub(super) fn push_encap(env: &mut Env<'_, '_>) -> Answer {
    let (kind, len) = (env.arg(1) as u32, env.arg(3) as u32 as usize);
    frame(env)?;
    let mut header = env.read(2, len)?.to_vec();
    let is_in = env.core.now.prog_type == Some(ProgType::LwtIn);
    match kind {
        IP => {}
        ..=SEG6_INLINE if is_in => {
            return Err(HostFault::not_emulated(
                "bpf_lwt_push_encap with a segment routing header is not emulated",
            )
            .into());
        }
        _ => return Err(Errno::EINVAL.into()),
    }
    let protocol = protocol_of(&header)?;
    if protocol == IPV4 && header[10..12] == [0, 0] {
        let words = usize::from(header[0] & 0xf) * 4;
        let check = csum::fold(csum::partial(&header[..words], 0));
        header[10..12].copy_from_slice(&check.to_le_bytes());
    }
    let mut packet = with_room(env, len as u64 + LINK_ROOM, 0)?;
    let start = packet.data - len as u64;
    let _ = env.memory().poke(start, &header);
    (packet.data, packet.data_meta, packet.network, packet.mac) = (start, start, start, start);
    packet.encapsulated = true;
    put(env, packet);
    set_protocol(env, &packet, protocol);
    packet.ctx.set(env.memory(), &sk_buff::hash, 0);
    ret(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_whole() {
        let header = |first: u8, next: u8, len: usize| {
            let mut bytes = vec![0; len];
            (bytes[0], bytes[9], bytes[6]) = (first, next, next);
            protocol_of(&bytes)
        };
        assert_eq!(header(0x45, 4, 20), Ok(IPV4));
        assert_eq!(header(0x46, 4, 20), Err(Errno::EINVAL));
        assert_eq!(header(0x45, UDP, 27), Err(Errno::EINVAL));
        assert_eq!(header(0x45, UDP, 28), Ok(IPV4));
        assert_eq!(header(0x60, 41, 39), Err(Errno::EINVAL));
        assert_eq!(header(0x60, UDP, 48), Ok(IPV6));
        assert_eq!(header(0x50, 4, 40), Err(Errno::EINVAL));
        assert_eq!(header(0x45, 4, 257), Err(Errno::EINVAL));
        assert_eq!(header(0x45, 4, 19), Err(Errno::EINVAL));
    }
}
