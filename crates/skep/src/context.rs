//! What a program is run on, in a word each.

use skep_kernel::{Context, PacketCtx, PtRegs};

/// A packet from its Ethernet header on, for XDP, traffic control and socket filters. Fields of the context are set with
/// [`PacketCtx::with`].
///
/// ```
/// use skep::abi::ctx::xdp_md;
///
/// let packet = skep::packet([0u8; 60]).with(&xdp_md::rx_queue_index, 3);
/// assert_eq!(packet.data.len(), 60);
/// ```
pub fn packet(bytes: impl AsRef<[u8]>) -> PacketCtx {
    PacketCtx::new(bytes.as_ref().to_vec())
}

/// The registers at the entry of a function that was called with these arguments, for kprobes.
pub fn regs(args: &[u64]) -> PtRegs {
    PtRegs::call(args)
}

/// The record of a tracepoint, with its common fields.
pub fn record(bytes: impl AsRef<[u8]>) -> Context {
    Context::Record(bytes.as_ref().to_vec())
}

/// The arguments of a raw tracepoint.
pub fn raw_args(args: &[u64]) -> Context {
    Context::Raw(args.to_vec())
}
