//! What is read later, computed anew where something changed.

use std::fmt;

use super::{Liveness, Masks};
use crate::state::frame::MAX_FRAMES;
use crate::verifier::Verifier;

/// Offsets of slots: `-8,-16`.
struct Slots(u64);

impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = (0..64).filter(|spi| self.0 & (1 << spi) != 0);
        for (i, spi) in slots.enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { "," }, -(spi + 1) * 8)?;
        }
        Ok(())
    }
}

impl Verifier<'_> {
    /// At the end of a path or of a function: what is read later, in all functions that are being called
    /// (`bpf_update_live_stack`).
    pub(crate) fn update_live_stack(&mut self) {
        self.liveness.forget_current();
        for frame in (0..self.cur.frames.len()).rev() {
            let nr = self.liveness_instance(None, frame);
            if self.liveness.instances[nr as usize].updated {
                self.update_live_instance(nr as usize);
                if frame > 0 {
                    self.propagate_to_caller(nr as usize, frame);
                }
            }
        }
    }

    /// Until nothing changes any more (`update_instance`).
    fn update_live_instance(&mut self, nr: usize) {
        let instance = &mut self.liveness.instances[nr];
        if instance.must_write_dropped {
            for masks in instance.frames.iter_mut().flatten() {
                masks.iter_mut().for_each(|it| it.must_write_acc = 0);
            }
        }
        let mut rounds = 1;
        while self.update_live_round(nr) {
            rounds += 1;
        }
        let instance = &mut self.liveness.instances[nr];
        instance.updated = false;
        instance.must_write_dropped = false;
        if self.log.wants_all() {
            let text = format_args!("{instance} live stack update done in {rounds} iterations\n");
            self.log.write(text);
        }
    }

    /// Every instruction of a function once; whether anything changed.
    fn update_live_round(&mut self, nr: usize) -> bool {
        let subprog = self.liveness.instances[nr].subprog;
        let from = self.subprogs[subprog].postorder_start;
        let to = self.subprogs.get(subprog + 1).map_or(self.cfg.postorder.len(), |it| it.postorder_start);
        let log_changes = self.log.wants_all();
        let mut changed = false;
        for frame in 0..=self.liveness.instances[nr].frameno() {
            let instance = &mut self.liveness.instances[nr];
            let start = instance.start;
            let Some(masks) = &mut instance.frames[frame] else { continue };
            for i in from..to {
                let insn_idx = self.cfg.postorder[i] as usize;
                let successors = self.cfg.successors(insn_idx);
                if successors.is_empty() {
                    continue;
                }
                let old = masks[insn_idx - start];
                let new = flow(masks, start, old, successors);
                if new == old {
                    continue;
                }
                changed = true;
                masks[insn_idx - start] = new;
                let told =
                    old.may_read | old.must_write != 0 || insn_idx == start || self.aux[insn_idx].prune_point;
                if log_changes && told {
                    let chain = &instance.chain;
                    self.log.write(format_args!("{}", Change { chain, frame, insn_idx, old, new }));
                }
            }
        }
        changed
    }

    /// What the function reads and writes of its callers' frames is what the call does
    /// (`propagate_to_outer_instance`).
    fn propagate_to_caller(&mut self, nr: usize, frame: usize) {
        let outer = self.liveness_instance(None, frame - 1) as usize;
        let Liveness { instances, .. } = &mut self.liveness;
        let callsite = instances[nr].chain[frame - 1] as usize;
        let first = |of: usize| instances[nr].frames[of].as_ref().map(|it| it[0]);
        let touched: [Option<Masks>; MAX_FRAMES] =
            std::array::from_fn(|of| if of < frame { first(of) } else { None });
        let mut written = [0; MAX_FRAMES];
        let outer = &mut instances[outer];
        for (of, masks) in touched.iter().enumerate() {
            if let Some(masks) = masks {
                written[of] |= masks.must_write_acc;
                outer.mark_read(of, callsite, masks.live_before);
            }
        }
        outer.commit_writes(callsite, &written);
    }
}

/// What holds before an instruction, from what holds before its successors.
fn flow(masks: &[Masks], start: usize, own: Masks, successors: &[u32]) -> Masks {
    let (live, acc) = successors.iter().fold((0, u64::MAX), |(live, acc), &next| {
        let next = &masks[next as usize - start];
        (live | next.live_before, acc & next.must_write_acc)
    });
    Masks { live_before: live & !own.must_write | own.may_read, must_write_acc: acc | own.must_write, ..own }
}

/// A change of an instruction's masks, as level 2 of the log tells it (`log_mask_change`).
struct Change<'a> {
    chain: &'a [u32],
    frame: usize,
    insn_idx: usize,
    old: Masks,
    new: Masks,
}

impl fmt::Display for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masks = [
            ("live", self.old.live_before, self.new.live_before),
            ("written", self.old.must_write_acc, self.new.must_write_acc),
        ];
        for (what, old, new) in masks.into_iter().filter(|(_, old, new)| old != new) {
            for (i, at) in self.chain.iter().enumerate() {
                write!(f, "{}{at}", if i == 0 { '(' } else { ',' })?;
            }
            write!(f, ") frame {} insn {} ", self.frame, self.insn_idx)?;
            if new & !old != 0 {
                write!(f, "+{what} {} ", Slots(new & !old))?;
            }
            if old & !new != 0 {
                write!(f, "-{what} {}", Slots(old & !new))?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}
