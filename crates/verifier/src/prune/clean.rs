//! What nothing reads any more is dropped from states whose paths ended (`clean_live_states`).

use crate::state::reg::Reg;
use crate::state::stack::Slot;
use crate::state::{State, StateNr};
use crate::stop::Check;
use crate::verifier::Verifier;

impl State {
    /// The instruction at which a frame goes on: the call for those that called (`frame_insn_idx`).
    pub(crate) fn frame_insn_idx(&self, frame: usize) -> usize {
        match self.frames.get(frame + 1) {
            Some(callee) => callee.callsite as usize,
            None => self.insn_idx,
        }
    }

    /// Whether both are in the same calls.
    pub(crate) fn same_callsites(&self, other: &State) -> bool {
        self.frames.len() == other.frames.len()
            && self.frames.iter().zip(&other.frames).all(|(a, b)| a.callsite == b.callsite)
    }
}

impl Verifier<'_> {
    /// Cleans the states of an instruction that are at their end.
    pub(super) fn clean_live_states(&mut self, bucket: usize, insn_idx: usize) -> Check {
        for at in 0..self.pruning.lists[bucket].len() {
            let nr = self.pruning.lists[bucket][at].nr;
            let state = self.explored.get(nr);
            let wanted = state.branches == 0
                && state.insn_idx == insn_idx
                && !state.cleaned
                && state.same_callsites(&self.cur);
            if wanted && !self.incomplete_read_marks(nr) {
                self.clean_state(nr)?;
            }
        }
        Ok(())
    }

    fn clean_state(&mut self, nr: StateNr) -> Check {
        let mut state = self.explored.take(nr);
        self.live_stack_query_init(&state);
        state.cleaned = true;
        for frame in 0..state.frames.len() {
            let live = self.aux[state.frame_insn_idx(frame)].live_regs_before;
            let it = &mut state.frames[frame];
            for (regno, reg) in it.regs[..10].iter_mut().enumerate() {
                if live & (1 << regno) == 0 {
                    *reg = Reg { subreg_def: reg.subreg_def, ..Reg::NOT_INIT };
                }
            }
            for (spi, slot) in it.stack.iter_mut().enumerate() {
                if !self.stack_slot_alive(frame, spi) {
                    *slot = Slot::EMPTY;
                }
            }
        }
        self.explored.put_back(nr, state);
        Ok(())
    }
}
