//! Paths: where one splits, the other half waits.

use crate::code::{class, is_reg, op};
use crate::explored::Place;
use crate::state::{Hist, StackAccess, State};
use crate::stop::{Check, refuse};
use crate::verifier::{Pending, Verifier};

/// The most paths that wait at one time (`BPF_COMPLEXITY_LIMIT_JMP_SEQ`).
const MAX_PENDING: usize = 8192;

impl Verifier<'_> {
    /// Lets a copy of the current state wait, to go on at an instruction; gives that copy (`push_stack`).
    pub(crate) fn push_stack(
        &mut self,
        insn_idx: usize,
        prev_insn_idx: usize,
        speculative: bool,
    ) -> Check<&mut State> {
        let mut state = self.cur.clone();
        state.speculative |= speculative;
        self.push_pending(state, insn_idx, prev_insn_idx)
    }

    /// Lets a state wait, to go on at an instruction.
    pub(crate) fn push_pending(
        &mut self,
        state: State,
        insn_idx: usize,
        prev_insn_idx: usize,
    ) -> Check<&mut State> {
        if self.pending.len() >= MAX_PENDING {
            let count = self.pending.len() + 1;
            return refuse!(self, EFAULT, "The sequence of {count} jumps is too complex.\n");
        }
        if let Some(parent) = state.parent {
            self.explored.get_mut(parent).branches += 1;
        }
        let log_pos = self.log.pos();
        let place = self.pending.len();
        self.pending.push(Pending { state, insn_idx, prev_insn_idx, log_pos });
        Ok(&mut self.pending[place].state)
    }

    /// Takes up the path that waits shortest; false: none waits (`pop_stack`).
    pub(super) fn pop_path(&mut self, prev: &mut i64) -> bool {
        let Some(next) = self.pending.pop() else { return false };
        self.cur = next.state;
        if !self.log.wants_all() {
            self.log.reset(next.log_pos);
        }
        self.insn_idx = next.insn_idx;
        *prev = next.prev_insn_idx as i64;
        true
    }

    /// The current path ended: so did all paths from the states that have no other (`update_branch_counts`).
    pub(super) fn end_branch(&mut self) -> Check {
        self.cur.branches -= 1;
        if self.cur.branches > 0 {
            return Ok(());
        }
        self.maybe_exit_scc(None)?;
        let mut at = self.cur.parent;
        while let Some(nr) = at {
            let state = self.explored.get_mut(nr);
            state.branches -= 1;
            if state.branches > 0 {
                break;
            }
            at = state.parent;
            self.maybe_exit_scc(Some(nr))?;
            self.maybe_free(nr);
        }
        Ok(())
    }

    /// Drops an evicted state that nothing needs any more (`maybe_free_verifier_state`).
    pub(crate) fn maybe_free(&mut self, nr: crate::state::StateNr) {
        let state = self.explored.get(nr);
        let needed = state.branches > 0 || self.explored.place(nr) != Place::Evicted;
        if !needed && !self.incomplete_read_marks(nr) {
            self.explored.remove(nr);
            self.pruning.evicted -= 1;
        }
    }

    /// Keeps how the current instruction was come to, and what it did; says more of it where it is kept already
    /// (`push_jmp_history`).
    pub(crate) fn push_hist(
        &mut self,
        stack: Option<StackAccess>,
        dst_is_stack: bool,
        src_is_stack: bool,
        linked: u64,
    ) {
        if let Some(at) = self.cur_hist {
            let hist = &mut self.cur.hist[at];
            hist.stack = stack.or(hist.stack);
            hist.dst_is_stack |= dst_is_stack;
            hist.src_is_stack |= src_is_stack;
            hist.linked = linked;
            return;
        }
        self.cur_hist = Some(self.cur.hist.len());
        self.cur.hist.push(Hist {
            idx: self.insn_idx as u32,
            prev_idx: self.prev_insn_idx as i32,
            stack,
            dst_is_stack,
            src_is_stack,
            linked,
        });
    }

    /// Whether the instruction is `may_goto`.
    pub(crate) fn is_may_goto(&self, insn_idx: usize) -> bool {
        let insn = self.insns[insn_idx];
        class(insn) == class::JMP && op(insn) == op::JCOND && !is_reg(insn) && insn.src == 0
    }
}
