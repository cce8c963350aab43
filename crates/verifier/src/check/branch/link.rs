//! Numbers that are known to be the same as another one, or to differ from it by a constant.

use crate::scalar::{self, Scalar};
use crate::state::State;
use crate::state::linked::{LinkedReg, LinkedRegs};
use crate::state::reg::{ADD_CONST, ADD_CONST32, Reg};
use crate::verifier::Verifier;

/// Registers that may hold numbers: not the frame pointer.
const NUMBERS: usize = 10;

/// Whether it is a number with this id, sums left aside.
fn has_id(reg: &Reg, id: u32) -> bool {
    reg.is_scalar() && reg.id & !ADD_CONST == id
}

impl Verifier<'_> {
    /// All numbers with this id: registers that are read later, and spilled ones, the innermost frame's first. What does
    /// not fit is no copy any more (`collect_linked_regs`).
    pub(super) fn collect_linked_regs(&mut self, id: u32, linked: &mut LinkedRegs) {
        let id = id & !ADD_CONST;
        for frameno in (0..self.cur.frames.len()).rev() {
            let live = self.aux[self.cur.frame_insn_idx(frameno)].live_regs_before;
            let frame = &mut self.cur.frames[frameno];
            let regs = frame.regs[..NUMBERS].iter_mut().enumerate().map(|(at, reg)| (at, true, reg));
            let slots = frame.stack.iter_mut().enumerate().filter(|(_, slot)| slot.is_spill());
            let slots = slots.map(|(at, slot)| (at, false, &mut slot.reg));
            for (at, is_reg, reg) in regs.filter(|(at, ..)| live & 1 << at != 0).chain(slots) {
                let entry = LinkedReg { frameno: frameno as u8, number: at as u8, is_reg };
                if has_id(reg, id) && !linked.push(entry) {
                    (reg.id, reg.off) = (0, 0);
                }
            }
        }
    }
}

/// What is known of a register of the current frame is known of all that go with it (`sync_linked_regs`).
pub(super) fn sync_linked_regs(state: &mut State, regno: usize, linked: &LinkedRegs) {
    let innermost = state.curframe();
    let known = state.cur().regs[regno];
    for entry in linked.as_slice() {
        let (frameno, at) = (usize::from(entry.frameno), usize::from(entry.number));
        if entry.is_reg && frameno == innermost && at == regno {
            continue;
        }
        let frame = &mut state.frames[frameno];
        let reg = if entry.is_reg { &mut frame.regs[at] } else { &mut frame.stack[at].reg };
        if has_id(reg, known.id & !ADD_CONST) {
            follow(reg, &known);
        }
    }
}

/// What a register is, given another one that it goes with.
fn follow(reg: &mut Reg, known: &Reg) {
    let kinds = (reg.id & ADD_CONST, known.id & ADD_CONST);
    if kinds.0 != kinds.1 && kinds.0 != 0 && kinds.1 != 0 {
        // One is a 32-bit sum, the other a 64-bit one.
        return;
    }
    let Reg { id, off, subreg_def, .. } = *reg;
    *reg = Reg { subreg_def, ..*known };
    if kinds == (0, 0) || off == known.off {
        return;
    }
    (reg.id, reg.off) = (id, off);
    let distance = i64::from(off) - i64::from(known.off);
    scalar::add(&mut reg.scalar, &Scalar::constant(distance as u64));
    if (id | known.id) & ADD_CONST32 != 0 {
        reg.scalar.zero_extend_32();
    }
    reg.scalar.sync();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use skep_isa::{AluOp, JmpOp, Width};

    use super::*;
    use crate::scalar::{alu, refine};
    use crate::state::reg::ADD_CONST64;

    /// A number that is `base` and `distance` more, computed at a width, and what is known of it.
    fn sum(base: &Reg, distance: i32, width: Width, flag: u32) -> Reg {
        let mut reg = *base;
        alu(AluOp::Add, width, &mut reg.scalar, &Scalar::constant(distance as u64));
        Reg { id: base.id | flag, off: distance, ..reg }
    }

    fn number(scalar: Scalar) -> Reg {
        Reg { scalar, id: 7, ..Reg::unknown(false) }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        /// What a branch tells of one number holds for all that go with it.
        #[test]
        fn what_follows_is_true(
            value in prop_oneof![any::<u32>().prop_map(u64::from), any::<u64>()],
            first in -70i32..70,
            second in -70i32..70,
            limit in any::<i32>(),
            op in prop::sample::select(JmpOp::ALL),
            narrow in any::<bool>(),
            branch_width in prop::sample::select(&[Width::W64, Width::W32][..]),
        ) {
            let (width, flag) = if narrow { (Width::W32, ADD_CONST32) } else { (Width::W64, ADD_CONST64) };
            // The sum of 32 bits is only kept for numbers that have no more.
            let value = if narrow { value & 0xffff_ffff } else { value };
            let mut base = number(Scalar::UNKNOWN);
            if narrow {
                base.scalar.truncate(4);
            }
            let add = |distance: i32| AluOp::Add.eval(width, value, distance as u64);
            let copy = sum(&base, first, width, flag);
            let all = [(base, value), (copy, add(first)), (sum(&base, second, width, flag), add(second))];
            for (known, number) in all {
                let holds = op.test(branch_width, number, limit as u64);
                let mut known = known;
                refine(op, branch_width, holds, &mut known.scalar, &mut Scalar::constant(limit as u64));
                for (mut reg, number) in all {
                    follow(&mut reg, &known);
                    prop_assert!(reg.scalar.has(number), "{number:#x} is not in {:x?}", reg.scalar);
                }
            }
        }
    }

    #[test]
    fn sums_of_other_widths_tell_nothing() {
        let base = number(Scalar::UNKNOWN);
        let before = sum(&base, 3, Width::W32, ADD_CONST32);
        let mut reg = before;
        follow(&mut reg, &sum(&number(Scalar::constant(1)), 4, Width::W64, ADD_CONST64));
        assert_eq!(reg, before);
    }

    #[test]
    fn a_copy_becomes_the_same_and_a_sum_stays_one() {
        let base = number(Scalar::UNKNOWN);
        let five = Reg { precise: true, ..number(Scalar::constant(5)) };
        let mut copy = Reg { subreg_def: 9, ..base };
        follow(&mut copy, &five);
        assert_eq!(copy, Reg { subreg_def: 9, ..five });
        let mut more = sum(&base, 3, Width::W64, ADD_CONST64);
        follow(&mut more, &five);
        assert_eq!((more.scalar, more.off, more.id), (Scalar::constant(8), 3, 7 | ADD_CONST64));
    }

    #[test]
    fn what_does_not_fit_is_no_copy_any_more() {
        let reg = number(Scalar::UNKNOWN);
        assert!(has_id(&Reg { id: 7 | ADD_CONST32, ..reg }, 7) && !has_id(&Reg { id: 8, ..reg }, 7));
        assert!(!has_id(&Reg { id: 7, ..Reg::NOT_INIT }, 7));
    }
}
