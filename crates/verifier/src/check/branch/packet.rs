//! Pointers to packets, compared with the packet's end (or those to metadata with its start): how many bytes are there.

use skep_isa::JmpOp;

use super::{Compared, Side, width};
use crate::scalar::flipped;
use crate::state::State;
use crate::state::reg::{Extra, Reg};
use crate::state::types::Base;
use crate::verifier::Verifier;

/// Packets are no longer than that (`MAX_PACKET_OFF`).
const MAX_PACKET_OFF: u64 = 0xffff;
/// `range` of a pointer to or beyond the packet's end (`AT_PKT_END`).
const AT_PKT_END: i32 = -1;
/// `range` of a pointer beyond it (`BEYOND_PKT_END`).
const BEYOND_PKT_END: i32 = -2;

/// Whether it is a pointer into a packet, its metadata, or to its end (`reg_is_pkt_pointer_any`).
pub(super) fn is_any(reg: &Reg) -> bool {
    [Base::PtrToPacket, Base::PtrToPacketMeta, Base::PtrToPacketEnd].into_iter().any(|base| reg.ty.is(base))
}

/// A pointer to the packet's start, as the context gives it (`reg_is_init_pkt_pointer`).
fn is_start(reg: &Reg) -> bool {
    reg.ty.is(Base::PtrToPacket) && reg.id == 0 && reg.off == 0 && reg.scalar.var_off.is(0)
}

/// Whether the first of two is compared with where its bytes end.
fn is_below_end(pkt: &Reg, end: &Reg) -> bool {
    (pkt.ty.is(Base::PtrToPacket) && end.ty.is(Base::PtrToPacketEnd))
        || (pkt.ty.is(Base::PtrToPacketMeta) && is_start(end))
}

/// A comparison that an earlier one decides (`is_pkt_ptr_branch_taken`).
pub(super) fn branch_taken(dst: &Reg, src: &Reg, op: JmpOp) -> Option<bool> {
    let (pkt, op) = if src.ty.is(Base::PtrToPacketEnd) {
        (dst, op)
    } else if dst.ty.is(Base::PtrToPacketEnd) {
        (src, flipped(op))
    } else {
        return None;
    };
    match (op, pkt.range()) {
        (JmpOp::Le | JmpOp::Gt, BEYOND_PKT_END) => Some(op == JmpOp::Gt),
        (JmpOp::Lt | JmpOp::Ge, BEYOND_PKT_END | AT_PKT_END) => Some(op == JmpOp::Ge),
        _ => None,
    }
}

impl Verifier<'_> {
    /// Learns how far the packet goes; false: the branch tells nothing of it (`try_match_pkt_pointers`).
    pub(super) fn match_packet_pointers(&mut self, branch: &Compared) -> bool {
        let Some(src) = branch.src.filter(|_| width(branch.insn) == skep_isa::Width::W64) else {
            return false;
        };
        let (dst_reg, src_reg) = (*self.reg(branch.dst), *self.reg(src));
        let (pkt, regno, op) = if is_below_end(&dst_reg, &src_reg) {
            (dst_reg, branch.dst, branch.op)
        } else if is_below_end(&src_reg, &dst_reg) {
            (src_reg, src, flipped(branch.op))
        } else {
            return false;
        };
        // On one side the bytes below the pointer are there (and one more if it is below the end); on the other it is at
        // or beyond the end.
        let (inside, one_more) = match op {
            JmpOp::Gt => (Side::Falls, false),
            JmpOp::Ge => (Side::Falls, true),
            JmpOp::Lt => (Side::Jumps, true),
            JmpOp::Le => (Side::Jumps, false),
            _ => return false,
        };
        let outside = if inside == Side::Falls { Side::Jumps } else { Side::Falls };
        find_good_pkt_pointers(self.side(inside), &pkt, one_more);
        mark_pkt_end(self.side(outside), regno, !one_more);
        true
    }
}

/// All pointers with the same variable part of their offset know of the bytes up to this one.
fn find_good_pkt_pointers(state: &mut State, pkt: &Reg, one_more: bool) {
    if pkt.off < 0 || (pkt.off == 0 && one_more) {
        return;
    }
    let end = pkt.scalar.umax.checked_add(pkt.off as u64);
    if pkt.scalar.umax > MAX_PACKET_OFF || end.is_none_or(|end| end > MAX_PACKET_OFF) {
        // The sum may wrap: that it is below the end tells nothing.
        return;
    }
    let range = pkt.off + i32::from(one_more);
    state.for_each_reg(|reg| {
        if reg.ty == pkt.ty && reg.id == pkt.id {
            reg.extra = Extra::Range(reg.range().max(range));
        }
    });
}

fn mark_pkt_end(state: &mut State, regno: usize, beyond: bool) {
    let reg = &mut state.cur_mut().regs[regno];
    if reg.ty.is(Base::PtrToPacket) {
        reg.extra = Extra::Range(if beyond { BEYOND_PKT_END } else { AT_PKT_END });
    }
}
