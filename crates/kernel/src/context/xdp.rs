//! `struct xdp_md`, and where an XDP program's packet lies in its frame.

use super::packet::{Frame, PacketCtx};
use skep_abi::ctx::xdp_md;
use skep_memory::Memory;

/// Bytes before the packet (`XDP_PACKET_HEADROOM`).
pub(super) const HEADROOM: u64 = 256;
/// Bytes at the end of a frame that no packet grows into: `SKB_DATA_ALIGN(sizeof(struct skb_shared_info))`.
pub(crate) const TAILROOM: u64 = 320;
/// Bytes at the start of a frame that neither metadata nor packet grow into (`sizeof(struct xdp_frame)`).
pub(crate) const FRAME_HEADER: u64 = 40;

/// Bytes of a fragment.
pub(crate) const FRAGMENT: u64 = 4096;

/// How large a frame is: a page, or more for a packet that needs it, which the kernel would keep in fragments. `frags`
/// bytes of it are in some; the last of them may grow.
pub(super) fn frame_size(len: u64, frags: u64) -> u64 {
    let grown = frags.next_multiple_of(FRAGMENT) - frags;
    (HEADROOM + len + grown + TAILROOM).next_multiple_of(64).max(4096)
}

/// Writes the context of a packet.
pub(super) fn fill(memory: &Memory, frame: &Frame, packet: &PacketCtx) {
    let mut bytes = [0; 24];
    let given = packet.ctx.len().min(bytes.len());
    bytes[..given].copy_from_slice(&packet.ctx[..given]);
    frame.ctx.fill(memory, &bytes);
    if bytes[xdp_md::ingress_ifindex.range()] == [0; 4] {
        frame.ctx.set(memory, &xdp_md::ingress_ifindex, 1);
    }
    show(memory, frame);
}

/// Makes the context say where the packet is.
pub(super) fn show(memory: &Memory, frame: &Frame) {
    frame.ctx.set(memory, &xdp_md::data_meta, frame.data_meta);
    frame.ctx.set(memory, &xdp_md::data, frame.data);
    frame.ctx.set(memory, &xdp_md::data_end, frame.data_end);
}
