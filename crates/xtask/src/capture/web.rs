//! `web.pcap`: a little of everything that comes in at a network card, for `xdp_firewall`.
//!
//! Each packet carries the verdict that its author had in mind; nothing here parses a packet. So the expectations
//! are a second opinion on the program, and not a copy of it.

use etherparse::{IpFragOffset, IpHeaders, Ipv6FragmentHeader, Ipv6RawExtHeader};
use serde::Serialize;

use super::Packet;
use super::frame::{self, ethernet, frame, ip, ping, segment, tagged, tcp, udp, v4, v6};

/// What `xdp_firewall` decides; the numbers are the indexes of its counters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Verdict {
    PassPort,
    PassProto,
    PassNotIp,
    DropPort,
    DropMalformed,
}

use Verdict::{DropMalformed, DropPort, PassNotIp, PassPort, PassProto};

impl Verdict {
    /// Every verdict, by index.
    pub(crate) const ALL: [Verdict; 5] = [PassPort, PassProto, PassNotIp, DropPort, DropMalformed];

    /// The program's return value: XDP_DROP is 1, XDP_PASS 2.
    pub(crate) fn retval(self) -> u32 {
        if matches!(self, DropPort | DropMalformed) { 1 } else { 2 }
    }

    /// The same packet's verdict when no port is blocked.
    pub(crate) fn unblocked(self) -> Verdict {
        if self == DropPort { PassPort } else { self }
    }
}

/// A port that the verdicts suppose to be blocked.
#[derive(Serialize)]
pub(crate) struct Blocked {
    protocol: u8,
    port: u16,
    /// How many packets of the capture are dropped for it.
    drops: usize,
}

/// What must be in the program's `blocked_ports` for the verdicts to be right.
pub(crate) const BLOCKED: [Blocked; 3] = [
    Blocked { protocol: 6, port: 23, drops: 5 },
    Blocked { protocol: 6, port: 445, drops: 3 },
    Blocked { protocol: 17, port: 1900, drops: 3 },
];

const CLIENT: [u8; 4] = [192, 0, 2, 10];
const SERVER: [u8; 4] = [198, 51, 100, 80];
const SSDP: [u8; 4] = [239, 255, 255, 250];
const CLIENT6: [u16; 8] = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10];
const SERVER6: [u16; 8] = [0x2001, 0xdb8, 0, 1, 0, 0, 0, 0x80];
const SSDP6: [u16; 8] = [0xff02, 0, 0, 0, 0, 0, 0, 0x0c];

fn out() -> IpHeaders {
    v4(CLIENT, SERVER)
}

fn back() -> IpHeaders {
    v4(SERVER, CLIENT)
}

fn out6() -> IpHeaders {
    v6(CLIENT6, SERVER6)
}

/// All packets of the capture, in order.
pub(crate) fn packets() -> Vec<Packet<Verdict>> {
    let parts =
        [ordinary(), blocked(), with_ipv6(), with_tags(), unusual(), malformed_ipv4(), malformed_others()];
    parts.into_iter().flatten().collect()
}

/// A page fetched over HTTP and what belongs to it.
fn ordinary() -> Vec<Packet<Verdict>> {
    let arp = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 192, 0, 2, 10, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1];
    let get = b"GET / HTTP/1.1\r\nHost: www.example\r\n\r\n";
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbees";
    vec![
        Packet::new("ARP request", ethernet(frame::ARP, &arp), PassNotIp),
        Packet::new("DNS query", frame(&udp(out(), 40053, 53, b"\x12\x34\x01\x00\x00\x01")), PassPort),
        Packet::new("DNS answer", frame(&udp(back(), 53, 40053, b"\x12\x34\x81\x80\x00\x01")), PassPort),
        Packet::new("HTTP: SYN", frame(&tcp(out(), segment(40001, 80, "S"), &[])), PassPort),
        Packet::new("HTTP: SYN, ACK", frame(&tcp(back(), segment(80, 40001, "SA"), &[])), PassPort),
        Packet::new("HTTP: ACK", frame(&tcp(out(), segment(40001, 80, "A"), &[])), PassPort),
        Packet::new("HTTP: request", frame(&tcp(out(), segment(40001, 80, "PA"), get)), PassPort),
        Packet::new("HTTP: response", frame(&tcp(back(), segment(80, 40001, "PA"), page)), PassPort),
        Packet::new(
            "HTTP: a full frame",
            frame(&tcp(back(), segment(80, 40001, "A"), &[b'.'; 1460])),
            PassPort,
        ),
        Packet::new("HTTP: FIN", frame(&tcp(out(), segment(40001, 80, "FA"), &[])), PassPort),
        Packet::new("ping", frame(&ping(out(), &[0x55; 56])), PassProto),
    ]
}

/// To blocked ports, and near misses.
fn blocked() -> Vec<Packet<Verdict>> {
    let search = b"M-SEARCH * HTTP/1.1\r\n\r\n";
    vec![
        Packet::new("telnet: SYN", frame(&tcp(out(), segment(40002, 23, "S"), &[])), DropPort),
        Packet::new("SMB: SYN", frame(&tcp(out(), segment(40003, 445, "S"), &[])), DropPort),
        Packet::new("SSDP search", frame(&udp(v4(CLIENT, SSDP), 40004, 1900, search)), DropPort),
        Packet::new("from port 23, not to it", frame(&tcp(back(), segment(23, 40002, "RA"), &[])), PassPort),
        Packet::new("UDP to port 23", frame(&udp(out(), 40005, 23, b"?")), PassPort),
        Packet::new("TCP to port 1900", frame(&tcp(out(), segment(40006, 1900, "S"), &[])), PassPort),
        Packet::new("port 23 byte-swapped", frame(&tcp(out(), segment(40007, 0x1700, "S"), &[])), PassPort),
    ]
}

fn with_ipv6() -> Vec<Packet<Verdict>> {
    let mut hopping = out6();
    if let IpHeaders::Ipv6(_, extensions) = &mut hopping {
        extensions.hop_by_hop_options = Ipv6RawExtHeader::new_raw(6.into(), &[5, 2, 0, 0, 1, 0]).ok();
    }
    let mut fragment = out6();
    if let IpHeaders::Ipv6(_, extensions) = &mut fragment {
        extensions.fragment = Some(Ipv6FragmentHeader::new(6.into(), IpFragOffset::ZERO, true, 99));
    }
    let search = b"M-SEARCH * HTTP/1.1\r\n\r\n";
    vec![
        Packet::new("IPv6 HTTPS: SYN", frame(&tcp(out6(), segment(40010, 443, "S"), &[])), PassPort),
        Packet::new("IPv6 telnet: SYN", frame(&tcp(out6(), segment(40011, 23, "S"), &[])), DropPort),
        Packet::new("IPv6 SSDP search", frame(&udp(v6(CLIENT6, SSDP6), 40012, 1900, search)), DropPort),
        Packet::new("IPv6 ping", frame(&ping(out6(), &[0x66; 8])), PassProto),
        Packet::new(
            "IPv6 telnet behind hop-by-hop options",
            frame(&tcp(hopping, segment(40013, 23, "S"), &[])),
            PassProto,
        ),
        Packet::new("IPv6 fragment", frame(&tcp(fragment, segment(40014, 23, "S"), &[])), PassProto),
    ]
}

fn with_tags() -> Vec<Packet<Verdict>> {
    let vlan = |id| (frame::VLAN, id);
    let service = |id| (frame::SERVICE_VLAN, id);
    let to = |port| tcp(out(), segment(40020, port, "S"), &[]);
    let query = udp(out6(), 40053, 53, b"\x12\x35\x01\x00\x00\x01");
    vec![
        Packet::new("VLAN 100: HTTP", tagged(&[vlan(100)], &to(80)), PassPort),
        Packet::new("VLAN 100: telnet", tagged(&[vlan(100)], &to(23)), DropPort),
        Packet::new("VLAN 200 with priority 5: SMB", tagged(&[vlan(200 | 5 << 13)], &to(445)), DropPort),
        Packet::new("VLAN 10 in 300: IPv6 DNS", tagged(&[service(300), vlan(10)], &query), PassPort),
        Packet::new("VLAN 20 in 300: SMB", tagged(&[service(300), vlan(20)], &to(445)), DropPort),
        Packet::new("three tags: telnet", tagged(&[service(300), vlan(20), vlan(30)], &to(23)), PassNotIp),
    ]
}

/// Well formed, but not what one sees all day.
fn unusual() -> Vec<Packet<Verdict>> {
    let mut with_options = out();
    let mut first = out();
    let mut second = out();
    if let IpHeaders::Ipv4(header, _) = &mut with_options {
        header.options = [148, 4, 0, 0].into(); // router alert
    }
    for (ip, more, offset) in [(&mut first, true, 0), (&mut second, false, 4)] {
        if let IpHeaders::Ipv4(header, _) = ip {
            header.dont_fragment = false;
            header.more_fragments = more;
            header.fragment_offset = IpFragOffset::try_new(offset).unwrap_or_default();
        }
    }
    let mut with_timestamps = segment(40030, 23, "S");
    let _ = with_timestamps.set_options_raw(&[2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]);
    let mut padded = frame(&udp(out(), 40033, 53, &[]));
    padded.resize(60, 0);
    vec![
        Packet::new(
            "telnet behind IP options",
            frame(&tcp(with_options, segment(40031, 23, "S"), &[])),
            DropPort,
        ),
        Packet::new("telnet with TCP options", frame(&tcp(out(), with_timestamps, &[])), DropPort),
        Packet::new("first fragment to SSDP", frame(&udp(first, 40032, 1900, &[b'a'; 24])), DropPort),
        Packet::new("second fragment", frame(&ip(second, 17, &[b'a'; 16])), PassProto),
        Packet::new("GRE", frame(&ip(out(), 47, &[0, 0, 8, 0, 1, 2, 3, 4])), PassProto),
        Packet::new("UDP without data, padded to 60 bytes", padded, PassPort),
        Packet::new("LLDP", ethernet(frame::LLDP, &[2, 7, 4, 2, 0, 0, 0, 0, 2, 4, 2, 7, 1, 0, 0]), PassNotIp),
    ]
}

/// A frame with the given bytes of its IP header (or what follows) replaced: (offset from the IP header, byte).
fn spoilt(packet: &[u8], changes: &[(usize, u8)]) -> Vec<u8> {
    let mut bytes = packet.to_vec();
    for &(offset, byte) in changes {
        bytes[offset] = byte;
    }
    // By the version that the packet had before it was spoilt.
    ethernet(if packet[0] >> 4 == 6 { frame::IPV6 } else { frame::IPV4 }, &bytes)
}

fn malformed_ipv4() -> Vec<Packet<Verdict>> {
    let syn = tcp(out(), segment(40040, 80, "S"), &[]);
    let query = udp(out(), 40041, 53, b"query");
    let cut = Packet {
        wire_len: 14 + syn.len(),
        ..Packet::new("the capture cut the TCP header", ethernet(frame::IPV4, &syn[..32]), DropMalformed)
    };
    vec![
        Packet::new("no IP header at all", ethernet(frame::IPV4, &[]), DropMalformed),
        Packet::new("half an IP header", ethernet(frame::IPV4, &syn[..10]), DropMalformed),
        Packet::new("a header length of 16", spoilt(&syn, &[(0, 0x44)]), DropMalformed),
        Packet::new("a header length past the end", spoilt(&syn, &[(0, 0x4f)]), DropMalformed),
        Packet::new("version 5", spoilt(&syn, &[(0, 0x55)]), DropMalformed),
        Packet::new("a total length below the header's", spoilt(&syn, &[(2, 0), (3, 19)]), DropMalformed),
        cut,
        Packet::new("a TCP header length of 16", spoilt(&syn, &[(32, 0x40)]), DropMalformed),
        Packet::new("a UDP length of 7", spoilt(&query, &[(24, 0), (25, 7)]), DropMalformed),
        Packet::new("six bytes of a UDP header", ethernet(frame::IPV4, &query[..26]), DropMalformed),
    ]
}

fn malformed_others() -> Vec<Packet<Verdict>> {
    let syn = tcp(out6(), segment(40050, 443, "S"), &[]);
    vec![
        Packet::new("half a VLAN tag", ethernet(frame::VLAN, &[0, 100]), DropMalformed),
        Packet::new("a VLAN tag and nothing more", ethernet(frame::VLAN, &[0, 100, 8, 0]), DropMalformed),
        Packet::new("half an IPv6 header", ethernet(frame::IPV6, &syn[..20]), DropMalformed),
        Packet::new("IPv6 with version 4", spoilt(&syn, &[(0, 0x40)]), DropMalformed),
        Packet::new("IPv6 without its TCP header", ethernet(frame::IPV6, &syn[..40]), DropMalformed),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verdict_occurs_and_the_kernel_would_take_every_packet() {
        let packets = packets();
        for verdict in Verdict::ALL {
            assert!(packets.iter().any(|packet| packet.expected == verdict), "{verdict:?}");
        }
        for packet in &packets {
            // BPF_PROG_TEST_RUN wants a whole Ethernet header.
            assert!(packet.data.len() >= 14, "{}", packet.what);
            assert!(packet.wire_len >= packet.data.len(), "{}", packet.what);
        }
    }

    #[test]
    fn the_drops_of_the_blocked_ports_are_all_the_drops_for_a_port() {
        let drops = packets().iter().filter(|packet| packet.expected == DropPort).count();
        assert_eq!(drops, BLOCKED.iter().map(|blocked| blocked.drops).sum::<usize>());
    }

    #[test]
    fn names_are_unique() {
        let packets = packets();
        for (i, packet) in packets.iter().enumerate() {
            assert!(packets[..i].iter().all(|other| other.what != packet.what), "{} twice", packet.what);
        }
    }

    #[test]
    fn what_is_not_called_malformed_parses() {
        for packet in packets().iter().filter(|packet| packet.expected != DropMalformed) {
            let parsed = etherparse::SlicedPacket::from_ethernet(&packet.data);
            assert!(parsed.is_ok(), "{}: {parsed:?}", packet.what);
        }
    }
}
