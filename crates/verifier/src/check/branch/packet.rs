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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::frame::Frame;
    use crate::state::types::RegType;

    fn pkt(off: i32, id: u32, umax: u64, range: i32) -> Reg {
        let mut reg = Reg::pointer(RegType::of(Base::PtrToPacket), Extra::Range(range));
        (reg.off, reg.id, reg.scalar.umax) = (off, id, umax);
        reg
    }

    /// The range of R1 after it was found that `pkt` is inside the packet.
    fn learn(pkt: Reg, r1: Reg, one_more: bool) -> i32 {
        let mut state = State { frames: vec![Frame::new(-1, 0, 0)], ..State::default() };
        state.cur_mut().regs[1] = r1;
        find_good_pkt_pointers(&mut state, &pkt, one_more);
        state.cur().regs[1].range()
    }

    #[test]
    fn ranges() {
        let start = pkt(0, 0, 0, 0);
        assert_eq!(learn(pkt(8, 0, 0, 0), start, false), 8);
        assert_eq!(learn(pkt(8, 0, 0, 0), start, true), 9);
        assert_eq!(learn(pkt(0, 0, 0, 0), start, true), 0, "a pointer to the start tells nothing");
        assert_eq!(learn(pkt(-8, 0, 0, 0), start, false), 0, "nor does one before it");
        assert_eq!(learn(pkt(8, 0, 0, 0), pkt(0, 0, 0, 20), false), 20, "what is known stays known");
        assert_eq!(learn(pkt(8, 3, 0xffff, 0), pkt(0, 3, 0xffff, 0), false), 0, "the sum could wrap");
        assert_eq!(learn(pkt(8, 3, 0xfff0, 0), pkt(0, 3, 0xfff0, 0), false), 8);
        assert_eq!(learn(pkt(8, 3, 15, 0), pkt(0, 4, 15, 0), false), 0, "another variable part");
    }

    #[test]
    fn known_comparisons() {
        let end = Reg::pointer(RegType::of(Base::PtrToPacketEnd), Extra::None);
        let (beyond, at) = (pkt(8, 0, 0, BEYOND_PKT_END), pkt(8, 0, 0, AT_PKT_END));
        use JmpOp::*;
        let table = [
            (beyond, Gt, Some(true)),
            (beyond, Le, Some(false)),
            (beyond, Ge, Some(true)),
            (beyond, Lt, Some(false)),
            (at, Ge, Some(true)),
            (at, Lt, Some(false)),
            (at, Gt, None),
            (at, Le, None),
            (beyond, Eq, None),
            (pkt(8, 0, 0, 8), Gt, None),
        ];
        for (pkt, op, expected) in table {
            assert_eq!(branch_taken(&pkt, &end, op), expected, "{op:?}");
            assert_eq!(branch_taken(&end, &pkt, flipped(op)), expected, "{op:?}");
        }
        assert_eq!(branch_taken(&beyond, &at, Gt), None);
    }

    #[test]
    fn starts() {
        assert!(is_start(&pkt(0, 0, 0, 0)) && !is_start(&pkt(1, 0, 0, 0)) && !is_start(&pkt(0, 2, 0, 0)));
        assert!(is_any(&pkt(0, 0, 0, 0)) && !is_any(&Reg::constant(0)));
    }
}
