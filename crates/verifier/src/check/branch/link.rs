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
