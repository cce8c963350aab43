//! Frames out of headers: what etherparse leaves to do by hand is the Ethernet header with any number of tags.

use etherparse::{IpHeaders, IpNumber, Ipv4Header, Ipv6Header, PacketBuilder, TcpHeader};

/// The addresses of every frame: locally administered, so no vendor's.
const DEST_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 1];
const SOURCE_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 2];

/// Ethernet types.
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const VLAN: u16 = 0x8100;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const SERVICE_VLAN: u16 = 0x88a8;
pub(crate) const LLDP: u16 = 0x88cc;

/// Why writing a packet cannot fail: etherparse refuses only what is longer than a length field can say.
const FITS: &str = "the packets of the captures are short";

/// An IPv4 header whose length, protocol and checksum are filled in when a packet is made of it.
pub(crate) fn v4(source: [u8; 4], destination: [u8; 4]) -> IpHeaders {
    let mut header = Ipv4Header { time_to_live: 64, source, destination, ..Ipv4Header::default() };
    header.dont_fragment = true;
    IpHeaders::Ipv4(header, Default::default())
}

/// An IPv6 header, filled in as [`v4`]'s.
pub(crate) fn v6(source: [u16; 8], destination: [u16; 8]) -> IpHeaders {
    let octets = |words| std::net::Ipv6Addr::from(words).octets();
    let header = Ipv6Header {
        hop_limit: 64,
        source: octets(source),
        destination: octets(destination),
        ..Ipv6Header::default()
    };
    IpHeaders::Ipv6(header, Default::default())
}

/// A TCP header with tcpdump's letters for its flags: S, A, P, F, R.
pub(crate) fn segment(source: u16, destination: u16, flags: &str) -> TcpHeader {
    let mut header = TcpHeader::new(source, destination, 1000, 64240);
    for flag in flags.chars() {
        match flag {
            'S' => header.syn = true,
            'A' => header.ack = true,
            'P' => header.psh = true,
            'F' => header.fin = true,
            'R' => header.rst = true,
            other => unreachable!("`{other}` is no flag of these captures"),
        }
    }
    header.acknowledgment_number = if header.ack { 2000 } else { 0 };
    header
}

/// A TCP packet, checksums included.
pub(crate) fn tcp(ip: IpHeaders, header: TcpHeader, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ip(ip).tcp_header(header).write_to_vec(&mut packet, payload).expect(FITS);
    packet
}

/// A UDP packet, checksums included.
pub(crate) fn udp(ip: IpHeaders, source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ip(ip).udp(source, destination).write_to_vec(&mut packet, payload).expect(FITS);
    packet
}

/// An ICMP or ICMPv6 echo request, checksums included.
pub(crate) fn ping(ip: IpHeaders, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    let is_v4 = matches!(ip, IpHeaders::Ipv4(..));
    let builder = PacketBuilder::ip(ip);
    let written = if is_v4 {
        builder.icmpv4_echo_request(7, 1).write_to_vec(&mut packet, payload)
    } else {
        builder.icmpv6_echo_request(7, 1).write_to_vec(&mut packet, payload)
    };
    written.expect(FITS);
    packet
}

/// A packet of any protocol: `payload` is all that follows the IP header.
pub(crate) fn ip(ip: IpHeaders, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ip(ip).write_to_vec(&mut packet, IpNumber(protocol), payload).expect(FITS);
    packet
}

/// An IP packet in a frame, behind `tags` of (Ethernet type of the tag, VLAN), outermost first.
pub(crate) fn tagged(tags: &[(u16, u16)], packet: &[u8]) -> Vec<u8> {
    let ethertype = if packet.first().is_some_and(|byte| byte >> 4 == 6) { IPV6 } else { IPV4 };
    let types = tags.iter().map(|tag| tag.0).chain([ethertype]).collect::<Vec<_>>();
    let mut payload = Vec::new();
    for (tag, next) in tags.iter().zip(&types[1..]) {
        payload.extend(tag.1.to_be_bytes());
        payload.extend(next.to_be_bytes());
    }
    payload.extend(packet);
    ethernet(types[0], &payload)
}

/// An IP packet in a frame.
pub(crate) fn frame(packet: &[u8]) -> Vec<u8> {
    tagged(&[], packet)
}

/// Any payload in a frame.
pub(crate) fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [&DEST_MAC[..], &SOURCE_MAC, &ethertype.to_be_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::SlicedPacket;

    #[test]
    fn etherparse_reads_back_what_was_put_together() {
        let packet = tcp(v4([192, 0, 2, 1], [192, 0, 2, 2]), segment(1, 23, "S"), b"x");
        let bytes = tagged(&[(SERVICE_VLAN, 10), (VLAN, 20)], &packet);
        let parsed = SlicedPacket::from_ethernet(&bytes).unwrap();
        let ids: Vec<u16> = parsed.vlan_ids().iter().map(|id| id.value()).collect();
        assert_eq!(ids, [10, 20]);
        let Some(etherparse::TransportSlice::Tcp(tcp)) = parsed.transport else { panic!("no TCP") };
        assert_eq!((tcp.destination_port(), tcp.syn(), tcp.payload()), (23, true, &b"x"[..]));
    }

    #[test]
    fn an_ipv6_packet_gets_its_ethernet_type() {
        let packet = ping(v6([1, 0, 0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0, 2]), &[]);
        assert_eq!(frame(&packet)[12..14], IPV6.to_be_bytes());
        assert_eq!(packet[6], 58, "ICMPv6");
    }

    #[test]
    fn ipv4_checksums_add_up() {
        let packet = udp(v4([10, 0, 0, 1], [10, 0, 0, 2]), 53, 53, b"query");
        let sum: u32 = packet[..20].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
    }
}
