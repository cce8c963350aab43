//! `handshakes.pcap`: TCP connections from their first packet to their last, for `lru_conntrack`.

use etherparse::IpHeaders;
use serde::Serialize;

use super::Packet;
use super::frame::{frame, segment, tcp, udp, v4, v6};

/// A state that a connection comes into; the numbers are the indexes of the program's `entered`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum State {
    SynSent = 1,
    SynReceived,
    Established,
    FinWait,
    Closed,
}

/// What `lru_conntrack` makes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Step {
    /// The packet moves its connection to another state.
    Enters(State),
    /// It belongs to a connection and changes nothing but the counts.
    Belongs,
    /// TCP over IPv4 of no known connection: dropped.
    Stray,
    /// Not TCP over IPv4: passes.
    Ignored,
}

impl Step {
    /// The program's return value in strict mode: XDP_DROP is 1, XDP_PASS 2.
    pub(crate) fn retval(self) -> u32 {
        if self == Step::Stray { 1 } else { 2 }
    }
}

use State::{Closed, Established, FinWait, SynReceived, SynSent};
use Step::{Belongs, Enters, Ignored, Stray};

/// How many connections the table holds at the end: A to D.
pub(crate) const CONNECTIONS: usize = 4;

const CLIENT: [u8; 4] = [192, 0, 2, 10];
const SERVER: [u8; 4] = [198, 51, 100, 80];

/// A segment from the client, whose address is the lower one, or back.
fn segment_between(
    client_port: u16,
    server_port: u16,
    from_client: bool,
    flags: &str,
    data: &[u8],
) -> Vec<u8> {
    if from_client {
        frame(&tcp(v4(CLIENT, SERVER), segment(client_port, server_port, flags), data))
    } else {
        frame(&tcp(v4(SERVER, CLIENT), segment(server_port, client_port, flags), data))
    }
}

/// All packets of the capture, in order.
pub(crate) fn packets() -> Vec<Packet<Step>> {
    [whole(), refused(), repeated(), one_host(), strays(), others(), again()].into_iter().flatten().collect()
}

/// A connection as it should be, closed by the client first.
fn whole() -> Vec<Packet<Step>> {
    let client = |flags, data: &[u8]| segment_between(50001, 80, true, flags, data);
    let server = |flags, data: &[u8]| segment_between(50001, 80, false, flags, data);
    vec![
        Packet::new("A: SYN", client("S", &[]), Enters(SynSent)),
        Packet::new("A: SYN, ACK", server("SA", &[]), Enters(SynReceived)),
        Packet::new("A: ACK", client("A", &[]), Enters(Established)),
        Packet::new("A: request", client("PA", b"ping\n"), Belongs),
        Packet::new("A: response", server("PA", b"pong\n"), Belongs),
        Packet::new("A: the client's FIN", client("FA", &[]), Enters(FinWait)),
        Packet::new("A: its ACK", server("A", &[]), Belongs),
        Packet::new("A: the server's FIN", server("FA", &[]), Enters(Closed)),
        Packet::new("A: last ACK", client("A", &[]), Belongs),
    ]
}

/// Nobody listens.
fn refused() -> Vec<Packet<Step>> {
    vec![
        Packet::new("B: SYN", segment_between(50002, 81, true, "S", &[]), Enters(SynSent)),
        Packet::new("B: RST", segment_between(50002, 81, false, "RA", &[]), Enters(Closed)),
    ]
}

/// Packets that are sent twice, or in the wrong order.
fn repeated() -> Vec<Packet<Step>> {
    let client = |flags| segment_between(50003, 443, true, flags, &[]);
    let server = |flags| segment_between(50003, 443, false, flags, &[]);
    vec![
        Packet::new("C: SYN", client("S"), Enters(SynSent)),
        Packet::new("C: SYN again", client("S"), Belongs),
        Packet::new("C: an ACK that came too early", client("A"), Belongs),
        Packet::new("C: SYN, ACK", server("SA"), Enters(SynReceived)),
        Packet::new("C: SYN, ACK again", server("SA"), Belongs),
        Packet::new("C: ACK", client("A"), Enters(Established)),
        Packet::new("C: FIN", server("FA"), Enters(FinWait)),
        Packet::new("C: the same FIN again", server("FA"), Belongs),
    ]
}

/// Both ends have one address: the ports alone tell them apart, and the opener's is the upper one.
fn one_host() -> Vec<Packet<Step>> {
    let packet = |source, dest, flags| frame(&tcp(v4(SERVER, SERVER), segment(source, dest, flags), &[]));
    vec![
        Packet::new("D: SYN from the upper port", packet(50004, 8080, "S"), Enters(SynSent)),
        Packet::new("D: SYN, ACK", packet(8080, 50004, "SA"), Enters(SynReceived)),
        Packet::new("D: ACK", packet(50004, 8080, "A"), Enters(Established)),
    ]
}

fn strays() -> Vec<Packet<Step>> {
    vec![
        Packet::new("an ACK of no connection", segment_between(50005, 80, true, "A", &[]), Stray),
        Packet::new("a SYN, ACK of no connection", segment_between(50006, 80, false, "SA", &[]), Stray),
        Packet::new("a RST of no connection", segment_between(50007, 80, false, "R", &[]), Stray),
    ]
}

fn others() -> Vec<Packet<Step>> {
    let lo6: [u16; 8] = [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1];
    let mut with_options = v4(CLIENT, SERVER);
    if let IpHeaders::Ipv4(header, _) = &mut with_options {
        header.options = [1, 1, 1, 1].into();
    }
    vec![
        Packet::new("UDP", frame(&udp(v4(CLIENT, SERVER), 50008, 53, b"is long enough to be TCP")), Ignored),
        Packet::new("TCP over IPv6", frame(&tcp(v6(lo6, lo6), segment(50009, 80, "S"), &[])), Ignored),
        Packet::new(
            "TCP behind IP options",
            frame(&tcp(with_options, segment(50010, 80, "S"), &[])),
            Ignored,
        ),
    ]
}

/// The ports of a closed connection are used again.
fn again() -> Vec<Packet<Step>> {
    vec![
        Packet::new("A again: SYN", segment_between(50001, 80, true, "S", &[]), Enters(SynSent)),
        Packet::new("A again: SYN, ACK", segment_between(50001, 80, false, "SA", &[]), Enters(SynReceived)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_entered_and_every_kind_of_step_occurs() {
        let steps: Vec<Step> = packets().iter().map(|packet| packet.expected).collect();
        for step in [SynSent, SynReceived, Established, FinWait, Closed].map(Enters) {
            assert!(steps.contains(&step), "{step:?}");
        }
        for step in [Belongs, Stray, Ignored] {
            assert!(steps.contains(&step), "{step:?}");
        }
    }
}
