//! Which numbers matter: from an access whose safety depends on a number, back along the path to all that made it
//! (`mark_chain_precision`).

mod backtrack;
mod marks;

use crate::state::reg::Reg;
use crate::state::{Hist, State, StateNr};
use crate::stop::{Check, refuse, verbose};
use crate::verifier::Verifier;

use self::backtrack::Lost;
use self::marks::Marks;

/// R1 to R5.
const ARGS: u16 = 0b11_1110;

impl Verifier<'_> {
    /// The number in a register of the current frame matters.
    pub(crate) fn mark_chain_precision(&mut self, regno: usize) -> Check {
        if !self.bpf_capable {
            return Ok(());
        }
        if !self.reg(regno).is_scalar() {
            return refuse!(self, EFAULT, "verifier bug: backtracking misuse\n");
        }
        let mut marks = Marks::new(self.cur.curframe());
        marks.set_reg(regno);
        self.backtrack(marks, None)
    }

    /// The number in a stack slot of a frame matters.
    pub(crate) fn mark_slot_precision(&mut self, frame: usize, spi: usize) -> Check {
        let mut marks = Marks::new(self.cur.curframe());
        marks.set_slot(frame, spi);
        if self.bpf_capable { self.backtrack(marks, None) } else { Ok(()) }
    }

    /// All numbers that mattered from a kept state on matter in the current one too, which was found to be like it
    /// (`propagate_precision`).
    pub(crate) fn propagate_precision(&mut self, old: StateNr, changed: Option<&mut bool>) -> Check {
        let mut marks = Marks::new(self.cur.curframe());
        for frame in (0..self.explored.get(old).frames.len()).rev() {
            let it = &self.explored.get(old).frames[frame];
            let matters = |reg: &Reg| reg.is_scalar() && reg.precise;
            let regs = (0..10).filter(|i| matters(&it.regs[*i])).fold(0, |mask, i| mask | 1 << i);
            let slots = it.stack.iter().enumerate().filter(|(_, slot)| slot.is_spill() && matters(&slot.reg));
            let slots = slots.fold(0, |mask, (i, _)| mask | 1 << i);
            marks.set_all(frame, regs, slots);
            if regs != 0 || slots != 0 {
                self.print_propagated(frame, regs, slots);
            }
        }
        if self.bpf_capable { self.backtrack(marks, changed) } else { Ok(()) }
    }

    fn print_propagated(&mut self, frame: usize, regs: u16, slots: u64) {
        if self.log.wants_all() {
            let names = (0..10).filter(|i| regs >> i & 1 != 0).map(|i| format!("r{i}"));
            let slots = (0..64).filter(|i| slots >> i & 1 != 0).map(|i| format!("fp{}", -(i + 1) * 8));
            let all: Vec<String> = names.chain(slots).collect();
            verbose!(self, "frame {frame}: propagating {}", all.join(","));
        }
        verbose!(self, "\n");
    }

    /// Goes back from the current state, kept state by kept state, until every number is traced to where it came from.
    fn backtrack(&mut self, mut marks: Marks, changed: Option<&mut bool>) -> Check {
        if marks.is_empty() {
            return Ok(());
        }
        let mut ignored = false;
        let changed = changed.unwrap_or(&mut ignored);
        let mut at = None;
        let mut last = self.cur.insn_idx as i64;
        let mut subseq = -1;
        loop {
            let first = self.state_at(at).first_insn_idx;
            if self.log.wants_all() {
                let frame = marks.frame;
                verbose!(
                    self,
                    "mark_precise: frame{frame}: last_idx {last} first_idx {first} subseq_idx {subseq} \n"
                );
            }
            if last < 0 {
                return self.reach_entry(at, &mut marks, changed);
            }
            match self.backtrack_state(at, &mut marks, last as usize, &mut subseq)? {
                Ok(()) if marks.is_empty() => return Ok(()),
                Ok(()) => {}
                Err(Lost) => {
                    self.mark_all_scalars_precise(self.cur.parent, self.cur.curframe());
                    return Ok(());
                }
            }
            at = self.state_at(at).parent;
            let Some(nr) = at else { break };
            self.mark_state(nr, &mut marks, changed)?;
            if marks.is_empty() {
                return Ok(());
            }
            subseq = first as i64;
            last = self.explored.get(nr).last_insn_idx;
        }
        // From before the program's first instruction nothing comes: this must not happen, and is safe.
        self.mark_all_scalars_precise(self.cur.parent, self.cur.curframe());
        Ok(())
    }

    fn state_at(&self, at: Option<StateNr>) -> &State {
        at.map_or(&self.cur, |nr| self.explored.get(nr))
    }

    fn state_at_mut(&mut self, at: Option<StateNr>) -> &mut State {
        match at {
            Some(nr) => self.explored.get_mut(nr),
            None => &mut self.cur,
        }
    }

    /// The beginning of a function that is verified by itself: its arguments may be any numbers.
    fn reach_entry(&mut self, at: Option<StateNr>, marks: &mut Marks, changed: &mut bool) -> Check {
        let state = self.state_at_mut(at);
        let (regs, slots) = (marks.regs(), marks.slots());
        let is_entry =
            state.frames.len() == 1 && state.frames[0].subprogno > 0 && state.frames[0].callsite == -1;
        let subprogno = state.frames[0].subprogno;
        if !is_entry || slots != 0 || regs & !ARGS != 0 {
            return refuse!(
                self,
                EFAULT,
                "verifier bug: backtracking func entry subprog {subprogno} reg_mask {regs:x} stack_mask {slots:x}\n"
            );
        }
        for regno in (0..10).filter(|i| regs >> i & 1 != 0) {
            let reg = &mut state.frames[0].regs[regno];
            if reg.is_scalar() {
                *changed |= !reg.precise;
                reg.precise = true;
            }
        }
        Ok(())
    }

    /// Goes back through one state's steps.
    fn backtrack_state(
        &mut self,
        at: Option<StateNr>,
        marks: &mut Marks,
        last: usize,
        subseq: &mut i64,
    ) -> Check<Result<(), Lost>> {
        let hist = std::mem::take(&mut self.state_at_mut(at).hist);
        let first = self.state_at(at).first_insn_idx;
        let result = self.backtrack_steps(&hist, first, last, at.is_none(), marks, subseq);
        self.state_at_mut(at).hist = hist;
        result
    }

    fn backtrack_steps(
        &mut self,
        hist: &[Hist],
        first: usize,
        last: usize,
        mut skip: bool,
        marks: &mut Marks,
        subseq: &mut i64,
    ) -> Check<Result<(), Lost>> {
        let mut left = hist.len();
        let mut idx = last;
        loop {
            // What the instruction that asked did is not done yet.
            if !std::mem::take(&mut skip) {
                let step = left.checked_sub(1).map(|i| hist[i]).filter(|it| it.idx as usize == idx);
                if let Err(lost) = self.backtrack_insn(idx, *subseq, step.as_ref(), marks)? {
                    return Ok(Err(lost));
                }
            }
            if marks.is_empty() {
                return Ok(Ok(()));
            }
            *subseq = idx as i64;
            let is_first = idx == first && (left == 0 || left == 1 && hist[0].idx as usize == idx);
            if is_first {
                return Ok(Ok(()));
            }
            let prev = match left.checked_sub(1).map(|i| hist[i]) {
                Some(step) if step.idx as usize == idx => {
                    left -= 1;
                    i64::from(step.prev_idx)
                }
                _ => idx as i64 - 1,
            };
            if prev < 0 || prev as usize >= self.insns.len() {
                return refuse!(self, EFAULT, "verifier bug: backtracking idx {prev}\n");
            }
            idx = prev as usize;
        }
    }

    /// Marks the numbers of a kept state; those that are marked already need no more going back.
    fn mark_state(&mut self, nr: StateNr, marks: &mut Marks, changed: &mut bool) -> Check {
        for frame in (0..=marks.frame).rev() {
            let state = self.explored.get_mut(nr);
            let Some(it) = state.frames.get_mut(frame) else { continue };
            for regno in marks.regs_of(frame) {
                let reg = &mut it.regs[regno];
                if !reg.is_scalar() || reg.precise {
                    marks.clear_frame_reg(frame, regno);
                } else {
                    reg.precise = true;
                    *changed = true;
                }
            }
            for spi in marks.slots_of(frame) {
                let total = it.stack.len();
                let Some(slot) = it.stack.get_mut(spi) else {
                    return refuse!(self, EFAULT, "verifier bug: stack slot {spi}, total slots {total}\n");
                };
                if !slot.is_spill() || !slot.reg.is_scalar() || slot.reg.precise {
                    marks.clear_frame_slot(frame, spi);
                } else {
                    slot.reg.precise = true;
                    *changed = true;
                }
            }
            if self.log.wants_all() {
                let (regs, slots) = (marks.regs_text(frame), marks.slots_text(frame));
                verbose!(self, "mark_precise: frame{frame}: parent state regs={regs} stack={slots}: ");
                self.with_state(nr, |it| it.print_verifier_state(frame, true));
            }
        }
        Ok(())
    }

    /// What a number came from cannot be told: all numbers of all states on the way matter
    /// (`mark_all_scalars_precise`).
    pub(super) fn mark_all_scalars_precise(&mut self, parent: Option<StateNr>, frame: usize) {
        let all = self.log.wants_all();
        if all {
            verbose!(self, "mark_precise: frame{frame}: falling back to forcing all scalars precise\n");
        }
        let mut at = parent;
        while let Some(nr) = at {
            let state = self.explored.get_mut(nr);
            at = state.parent;
            for (frame, it) in state.frames.iter_mut().enumerate() {
                for (regno, reg) in it.regs[..10].iter_mut().enumerate() {
                    if reg.is_scalar() && !std::mem::replace(&mut reg.precise, true) && all {
                        verbose!(self, "force_precise: frame{frame}: forcing r{regno} to be precise\n");
                    }
                }
                for (spi, slot) in it.stack.iter_mut().enumerate() {
                    let forced = slot.is_spill()
                        && slot.reg.is_scalar()
                        && !std::mem::replace(&mut slot.reg.precise, true);
                    if forced && all {
                        let off = -(spi as i32 + 1) * 8;
                        verbose!(self, "force_precise: frame{frame}: forcing fp{off} to be precise\n");
                    }
                }
            }
        }
    }
}
