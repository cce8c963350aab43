//! Sockets and packet buffers.

use super::error::Problem;
use super::named::{Init, Row};
use super::scene::Scene;
use super::value::FieldValue;
use Init::{Int, Of};
use std::net::{IpAddr, SocketAddr};

/// A connected socket to be made: see [`Kernel::socket`](crate::Kernel::socket).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SocketSpec {
    /// The protocol: `IPPROTO_TCP` is 6, `IPPROTO_UDP` 17.
    pub protocol: u8,
    /// The own address and port. Both are of one family, or IPv4 is written as IPv6.
    pub local: SocketAddr,
    /// The other side's.
    pub remote: SocketAddr,
    /// `skc_state`: 1 is `TCP_ESTABLISHED`, 2 `TCP_SYN_SENT`, 7 `TCP_CLOSE`, 10 `TCP_LISTEN`.
    pub state: u8,
}

impl SocketSpec {
    /// An established TCP connection.
    pub fn tcp(local: SocketAddr, remote: SocketAddr) -> SocketSpec {
        SocketSpec { protocol: 6, local, remote, state: 1 }
    }

    /// A connected UDP socket.
    pub fn udp(local: SocketAddr, remote: SocketAddr) -> SocketSpec {
        SocketSpec { protocol: 17, local, remote, state: 1 }
    }

    /// The same in another state.
    #[must_use]
    pub fn state(self, state: u8) -> SocketSpec {
        SocketSpec { state, ..self }
    }
}

/// `AF_INET`, `AF_INET6`; `SOCK_STREAM`, `SOCK_DGRAM`; `SS_CONNECTED`; mode of a socket's inode (`S_IFSOCK`, 0777).
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const SOCK_STREAM: u16 = 1;
const SOCK_DGRAM: u16 = 2;
const SS_CONNECTED: u32 = 3;
const SOCK_MODE: i64 = 0o140777;

const SOCK: &[Row] = &[
    ("__sk_common.skc_net.net", Of("init_net")),
    ("__sk_common.skc_refcnt", Int(1)),
    ("sk_rcvbuf", Int(131_072)),
    ("sk_sndbuf", Int(87_040)),
    ("sk_wmem_alloc", Int(1)),
];

/// Bytes before a packet in its buffer: `NET_SKB_PAD` and `NET_IP_ALIGN` of x86-64.
const HEADROOM: usize = 64;
/// The header of Ethernet, and of the tag of a VLAN.
const ETH_HLEN: usize = 14;
const VLAN_HLEN: usize = 4;

impl Scene<'_> {
    /// A `struct socket` with its `sock`, file and inode.
    pub(crate) fn socket(&mut self, spec: &SocketSpec) -> Result<Option<u64>, Problem> {
        let (Ok(socket_id), Ok(sock_id)) = (self.type_of("socket"), self.type_of("sock")) else {
            return Ok(None);
        };
        let (socket, sock) = (self.alloc(socket_id, false)?, self.alloc(sock_id, false)?);
        self.sock(sock, socket, spec)?;
        let kind = if spec.protocol == 6 { SOCK_STREAM } else { SOCK_DGRAM };
        let fields = [
            ("state", SS_CONNECTED.into()),
            ("type", kind.into()),
            ("sk", FieldValue::Addr(sock)),
            ("file.f_mode", 0x8_0003.into()),
            ("file.f_flags", 2.into()),
            ("file.private_data", FieldValue::Addr(socket)),
        ];
        for (path, value) in fields {
            self.set_if(socket, "socket", path, value)?;
        }
        if let Some(inode) = self.new_inode(SOCK_MODE)? {
            self.set_if(socket, "socket", "file.f_inode", FieldValue::Addr(inode))?;
        }
        Ok(Some(socket))
    }

    fn sock(&mut self, sock: u64, socket: u64, spec: &SocketSpec) -> Result<(), Problem> {
        self.fill(sock, "sock", SOCK)?;
        self.world.sockets += 1;
        let cookie = self.world.sockets;
        let v6 = spec.local.is_ipv6() || spec.remote.is_ipv6();
        let kind = if spec.protocol == 6 { SOCK_STREAM } else { SOCK_DGRAM };
        let sport = spec.local.port().to_be_bytes().to_vec();
        let dport = spec.remote.port().to_be_bytes().to_vec();
        let fields = [
            ("__sk_common.skc_family", if v6 { AF_INET6 } else { AF_INET }.into()),
            ("__sk_common.skc_state", spec.state.into()),
            ("__sk_common.skc_num", spec.local.port().into()),
            ("__sk_common.skc_dport", big_endian(&dport)),
            ("__sk_common.skc_cookie", cookie.into()),
            ("sk_protocol", spec.protocol.into()),
            ("sk_type", kind.into()),
            ("sk_socket", FieldValue::Addr(socket)),
            ("<inet_sock>.inet_sport", big_endian(&sport)),
            ("<inet_sock>.inet_num", spec.local.port().into()),
        ];
        for (path, value) in fields {
            self.set_if(sock, "sock", path, value)?;
        }
        if v6 {
            let inside = self.spot_if(sock, "sock", "<tcp6_sock>.inet6")?;
            if let Some(inside) = inside {
                self.set_if(sock, "sock", "<inet_sock>.pinet6", FieldValue::Addr(inside))?;
            }
        }
        self.addresses(sock, spec)
    }

    fn addresses(&mut self, sock: u64, spec: &SocketSpec) -> Result<(), Problem> {
        let sides = [
            (
                spec.local.ip(),
                ["__sk_common.skc_rcv_saddr", "<inet_sock>.inet_saddr"],
                "__sk_common.skc_v6_rcv_saddr",
            ),
            (spec.remote.ip(), ["__sk_common.skc_daddr", ""], "__sk_common.skc_v6_daddr"),
        ];
        for (ip, four, six) in sides {
            if let Some(ip) = as_v4(ip) {
                for path in four.into_iter().filter(|it| !it.is_empty()) {
                    self.set_if(sock, "sock", path, big_endian(&ip))?;
                }
            }
            if spec.local.is_ipv6() || spec.remote.is_ipv6() {
                self.set_if(sock, "sock", six, FieldValue::Bytes(as_v6(ip).to_vec()))?;
            }
        }
        Ok(())
    }

    /// A `struct sk_buff` of a packet that begins with its Ethernet header and was received on `eth0`.
    pub(crate) fn sk_buff(&mut self, packet: &[u8]) -> Result<Option<u64>, Problem> {
        let Ok(id) = self.type_of("sk_buff") else { return Ok(None) };
        let skb = self.alloc(id, false)?;
        let mut bytes = vec![0; HEADROOM];
        bytes.extend_from_slice(packet);
        let head = self.put_kernel("packet", &bytes)?;
        let headers = Headers::of(packet);
        let at = |offset: usize| HEADROOM + offset;
        let end = bytes.len();
        let fields = [
            ("head", FieldValue::Addr(head)),
            ("data", FieldValue::Addr(head + at(headers.network) as u64)),
            ("len", packet.len().saturating_sub(headers.network).into()),
            ("truesize", end.into()),
            ("tail", end.into()),
            ("end", end.into()),
            ("mac_header", at(0).into()),
            ("mac_len", headers.network.into()),
            ("network_header", at(headers.network).into()),
            ("transport_header", headers.transport.map_or(0xffff, at).into()),
            ("protocol", big_endian(&headers.protocol)),
            ("skb_iif", 2.into()),
            ("users", 1.into()),
        ];
        for (path, value) in fields {
            self.set_if(skb, "sk_buff", path, value)?;
        }
        self.fill(skb, "sk_buff", &[("dev", Of("eth0"))])?;
        Ok(Some(skb))
    }
}

/// A number in network byte order, as this little-endian machine reads the bytes.
fn big_endian(bytes: &[u8]) -> FieldValue {
    FieldValue::Int(bytes.iter().rev().fold(0, |number, byte| number << 8 | i128::from(*byte)))
}

fn as_v4(ip: IpAddr) -> Option<[u8; 4]> {
    match ip {
        IpAddr::V4(ip) => Some(ip.octets()),
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map(|it| it.octets()),
    }
}

fn as_v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// Where the headers of a packet are, in bytes from its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Headers {
    network: usize,
    /// `None`: not known.
    transport: Option<usize>,
    /// The EtherType, in network byte order.
    protocol: [u8; 2],
}

impl Headers {
    fn of(packet: &[u8]) -> Headers {
        let ether_type = |at: usize| packet.get(at..at + 2).map_or([0; 2], |it| [it[0], it[1]]);
        let mut network = ETH_HLEN;
        let mut protocol = ether_type(ETH_HLEN - 2);
        while matches!(protocol, [0x81, 0x00] | [0x88, 0xa8]) {
            network += VLAN_HLEN;
            protocol = ether_type(network - 2);
        }
        let network = network.min(packet.len());
        let len = match (protocol, packet.get(network)) {
            ([0x08, 0x00], Some(first)) => Some(usize::from(first & 0xf) * 4),
            ([0x86, 0xdd], Some(_)) => Some(40),
            _ => None,
        };
        let transport = len.map(|it| network + it).filter(|it| *it <= packet.len());
        Headers { network, transport, protocol }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found() {
        let mut packet = vec![0; 60];
        packet[12..15].copy_from_slice(&[8, 0, 0x46]);
        assert_eq!(Headers::of(&packet), Headers { network: 14, transport: Some(38), protocol: [8, 0] });
        packet[12..14].copy_from_slice(&[0x86, 0xdd]);
        assert_eq!(Headers::of(&packet).transport, Some(54));
        packet[12..18].copy_from_slice(&[0x81, 0, 0, 5, 8, 0]);
        packet[18] = 0x45;
        assert_eq!(Headers::of(&packet), Headers { network: 18, transport: Some(38), protocol: [8, 0] });
        for len in 0..40 {
            let headers = Headers::of(&packet[..len]);
            assert!(headers.network <= len && headers.transport.is_none_or(|it| it <= len), "{len}");
        }
        assert_eq!(Headers::of(&[0x81, 0].repeat(40)).protocol, [0, 0]);
    }
}
