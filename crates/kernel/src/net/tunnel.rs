//! What a packet says about the tunnel that it came out of, or that it goes into.

use std::net::{IpAddr, Ipv4Addr};

/// A tunnel's outer header, as `bpf_skb_get_tunnel_key` and `bpf_skb_set_tunnel_key` have it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Tunnel {
    /// The key: a VXLAN network identifier, a GRE key...
    pub id: u64,
    /// The outer source address. Of a packet that came in, the other side; both addresses are of one family.
    pub source: IpAddr,
    /// The outer destination address. Of a packet that goes out, the other side.
    pub destination: IpAddr,
    /// Type of service.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
    /// IPv6 flow label: 20 bits.
    pub label: u32,
    /// `TUNNEL_*` of `linux/if_tunnel.h`: checksum 1, key 4, sequence number 8, do not fragment 0x100...
    pub flags: u16,
    /// Options, of GENEVE for example; up to 252 bytes. They count if [`Tunnel::flags`] say that there are some.
    pub options: Vec<u8>,
    /// The program said so, and the packet goes out.
    pub(crate) sent: bool,
}

impl Tunnel {
    /// Which options there are: GENEVE, VXLAN, ERSPAN, GTP (`IP_TUNNEL_*_OPT_BIT`).
    pub const HAS_OPTIONS: u16 = 0xd800;

    /// A packet that came in from a host with a key.
    pub fn from(source: IpAddr, id: u64) -> Tunnel {
        Tunnel {
            id,
            source,
            destination: if source.is_ipv6() {
                std::net::Ipv6Addr::LOCALHOST.into()
            } else {
                Ipv4Addr::LOCALHOST.into()
            },
            tos: 0,
            ttl: 64,
            label: 0,
            flags: 4,
            options: Vec::new(),
            sent: false,
        }
    }

    /// Whether the program said so (`bpf_skb_set_tunnel_key`), or the packet came like that.
    pub fn is_sent(&self) -> bool {
        self.sent
    }
}
