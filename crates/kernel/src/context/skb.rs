//! `struct __sk_buff`, filled in as `bpf_prog_test_run_skb` (`net/bpf/test_run.c`) makes the kernel's own buffer.

use super::packet::{Frame, PacketCtx};
use skep_abi::ctx::{Field, sk_buff};
use skep_memory::Memory;

/// Bytes before the packet, for helpers that grow it.
pub(super) const HEADROOM: u64 = 256;
/// Bytes behind the packet, for helpers that grow it.
const TAILROOM: u64 = 320;
/// How large a buffer is: a page, or more for a packet that needs it.
pub(super) fn frame_size(len: u64) -> u64 {
    (HEADROOM + len + TAILROOM).next_multiple_of(64).max(4096)
}

/// `PACKET_HOST`, `PACKET_MULTICAST`, `PACKET_OTHERHOST`.
const HOST: u64 = 0;
const MULTICAST: u64 = 2;
const OTHERHOST: u64 = 3;

/// Writes the context of a packet.
pub(super) fn fill(memory: &Memory, frame: &Frame, packet: &PacketCtx) {
    let mut bytes = [0; 192];
    let given = packet.ctx.len().min(bytes.len());
    bytes[..given].copy_from_slice(&packet.ctx[..given]);
    frame.ctx.fill(memory, &bytes);
    let fallbacks = [
        (&sk_buff::pkt_type, pkt_type(&packet.data)),
        (&sk_buff::protocol, protocol(&packet.data)),
        (&sk_buff::ifindex, 1),
        (&sk_buff::wire_len, frame.len()),
    ];
    for (field, value) in fallbacks {
        if is_zero(&bytes, field) {
            frame.ctx.set(memory, field, value);
        }
    }
    show(memory, frame);
}

fn is_zero(bytes: &[u8], field: &Field) -> bool {
    bytes[field.range()].iter().all(|it| *it == 0)
}

/// Makes the context say where the packet is.
pub(super) fn show(memory: &Memory, frame: &Frame) {
    frame.ctx.set(memory, &sk_buff::len, frame.len());
    frame.ctx.set(memory, &sk_buff::data_meta, frame.data_meta);
    frame.ctx.set(memory, &sk_buff::data, frame.data);
    frame.ctx.set(memory, &sk_buff::data_end, frame.data_end);
}

/// Whom a packet is for (`eth_type_trans`), on the loopback device: its address and its broadcast address are zero.
fn pkt_type(data: &[u8]) -> u64 {
    match data.get(..6) {
        None | Some([0, 0, 0, 0, 0, 0]) => HOST,
        Some([first, ..]) if first & 1 != 0 => MULTICAST,
        Some(_) => OTHERHOST,
    }
}

/// The protocol in network byte order: the Ethernet type; `ETH_P_802_2` for a length, `ETH_P_802_3` for raw IPX.
fn protocol(data: &[u8]) -> u64 {
    const FIRST_TYPE: u16 = 0x0600;
    let ethertype = match data.get(12..14) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    };
    let found = match (ethertype >= FIRST_TYPE, data.get(14..16)) {
        (true, _) => ethertype,
        (false, Some([0xff, 0xff])) => 0x0001,
        (false, _) => 0x0004,
    };
    u64::from(found.to_be())
}
