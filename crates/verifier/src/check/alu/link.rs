//! Sums of a number and a constant: when a branch says more of the one, it says as much of the other.

use skep_isa::{Insn, Width};

use super::{forget_copies, width};
use crate::code::{is_reg, op};
use crate::state::reg::{ADD_CONST, ADD_CONST32, ADD_CONST64, Reg};
use crate::verifier::Verifier;

/// How far the destination is from what it was, if that can be kept.
fn distance(insn: Insn, src: &Reg, before: &Reg) -> Option<i32> {
    let constant = src.scalar.const_at(width(insn))?;
    let distance = match width(insn) {
        Width::W64 => i32::try_from(constant as i64).ok()?,
        // The sum wraps at 32 bits: it says nothing of a number that has more.
        Width::W32 if before.scalar.umax > u64::from(u32::MAX) => return None,
        Width::W32 => constant as i32,
    };
    match op(insn) {
        op::ADD => Some(distance),
        op::SUB => distance.checked_neg(),
        _ => None,
    }
}

impl Verifier<'_> {
    /// After arithmetic: the destination is a sum of what it was a copy of, or no copy any more. `before` is what it
    /// held, `src` the other operand.
    pub(super) fn link_sum(&mut self, insn: Insn, src: &Reg, before: &Reg) {
        let with_itself = is_reg(insn) && insn.src == insn.dst;
        let sum = distance(insn, src, before).filter(|_| self.bpf_capable && !with_itself);
        let reg = self.reg_mut(usize::from(insn.dst));
        match sum {
            Some(distance) if reg.id != 0 && reg.id & ADD_CONST == 0 => {
                reg.id |= if width(insn) == Width::W64 { ADD_CONST64 } else { ADD_CONST32 };
                reg.off = distance;
            }
            _ => forget_copies(reg),
        }
    }
}
