//! Contexts: what r1 points to when a program starts.
//!
//! A context lies in memory in its UAPI form, where the real kernel rewrites every access to one into accesses to its
//! own structures. Helpers that change what a field shows (`bpf_xdp_adjust_head` and `data`) write the field.

mod area;
mod packet;
mod regs;
mod skb;
mod structure;
mod xdp;

pub(crate) use area::{Area, DATA_ROOM};
pub use packet::PacketCtx;
pub(crate) use packet::{ETH_HLEN, Frame, FrameError, MAX_META, PacketKind, Room};
pub use regs::PtRegs;
pub use structure::StructCtx;
pub(crate) use structure::data_fields;
pub(crate) use xdp::{FRAGMENT, FRAME_HEADER, TAILROOM};

use skep_abi::ProgType;

/// The context of a run, of the caller's choosing.
#[derive(Clone, Debug, Default)]
pub enum Context {
    /// None: r1 is 0.
    #[default]
    None,
    /// A packet, for XDP and for programs that see a `struct __sk_buff`.
    Packet(PacketCtx),
    /// Registers, for kprobe and uprobe programs.
    Regs(PtRegs),
    /// Registers of arm64, for programs that were built for it.
    Arm64(Box<crate::fire::Arm64Regs>),
    /// The raw arguments of a tracepoint, one word each.
    Raw(Vec<u64>),
    /// The record of a tracepoint: its common fields, then its own, as its format says.
    Record(Vec<u8>),
    /// A struct of the UAPI, for programs on sockets, cgroups, sysctls...
    Struct(StructCtx),
    /// Any bytes, for programs of any type.
    Bytes(Vec<u8>),
}

impl From<PacketCtx> for Context {
    fn from(packet: PacketCtx) -> Context {
        Context::Packet(packet)
    }
}

impl From<PtRegs> for Context {
    fn from(regs: PtRegs) -> Context {
        Context::Regs(regs)
    }
}

impl Context {
    /// The word for it in messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Context::None => "no context",
            Context::Packet(_) => "a packet",
            Context::Regs(_) | Context::Arm64(_) => "registers",
            Context::Raw(_) => "raw arguments",
            Context::Record(_) => "a tracepoint record",
            Context::Struct(_) => "a struct",
            Context::Bytes(_) => "bytes",
        }
    }

    /// Whether programs of a type take such a context.
    pub(crate) fn fits(&self, prog_type: ProgType) -> bool {
        match self {
            Context::None | Context::Bytes(_) => true,
            Context::Packet(_) => PacketKind::of(prog_type).is_some(),
            Context::Regs(_) | Context::Arm64(_) => matches!(prog_type, ProgType::Kprobe),
            Context::Raw(_) => matches!(
                prog_type,
                ProgType::RawTracepoint
                    | ProgType::RawTracepointWritable
                    | ProgType::Tracing
                    | ProgType::Lsm
                    | ProgType::StructOps
                    | ProgType::Ext
            ),
            Context::Record(_) => matches!(prog_type, ProgType::Tracepoint),
            Context::Struct(_) => {
                PacketKind::of(prog_type).is_none() && skep_abi::ctx::context(prog_type, None).is_some()
            }
        }
    }
}

#[cfg(test)]
mod tests;
