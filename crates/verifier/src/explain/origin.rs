//! Where a value came from: back along the path that was refused.

use crate::code::{class, is_reg, is_wide, mode, op, pseudo};
use crate::state::{Hist, StackAccess, State};
use crate::verifier::Verifier;

/// The most instructions that are told.
const MOST: usize = 12;
/// The most steps back.
const FAR: usize = 4096;

/// What is looked for.
#[derive(Clone, Copy)]
enum Wanted {
    /// A register of the frame that is so many calls up from where the path is.
    Reg { regno: u8, depth: u32 },
    /// A stack slot.
    Slot(StackAccess),
}

impl Verifier<'_> {
    /// The instructions that made the value of a register of the current frame, the last one first.
    pub(super) fn origin(&self, regno: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut wanted = Wanted::Reg { regno: regno as u8, depth: 0 };
        let mut next = self.insn_idx;
        for (idx, step) in self.path_back().into_iter().skip(1) {
            let more = self.look(idx, next, step.as_ref(), &mut wanted, &mut found);
            next = idx;
            if !more || found.len() == MOST {
                break;
            }
        }
        found
    }

    /// The path that led here, the last instruction first, each with what was kept of it.
    fn path_back(&self) -> Vec<(usize, Option<Hist>)> {
        let mut path = Vec::new();
        let mut state: &State = &self.cur;
        let mut idx = self.insn_idx as i64;
        loop {
            let mut left = state.hist.len();
            loop {
                let step = left.checked_sub(1).map(|i| state.hist[i]).filter(|it| i64::from(it.idx) == idx);
                path.push((idx as usize, step));
                let at_first = idx == state.first_insn_idx as i64;
                if path.len() >= FAR || at_first && (left == 0 || left == 1 && step.is_some()) {
                    break;
                }
                idx = match step {
                    Some(step) => {
                        left -= 1;
                        i64::from(step.prev_idx)
                    }
                    None => idx - 1,
                };
                if idx < 0 {
                    return path;
                }
            }
            let Some(parent) = state.parent.filter(|_| path.len() < FAR) else { return path };
            state = self.explored.get(parent);
            idx = state.last_insn_idx;
            if idx < 0 {
                return path;
            }
        }
    }

    /// Looks at one instruction on the way back; false: the trail ends.
    fn look(
        &self,
        idx: usize,
        next: usize,
        step: Option<&Hist>,
        wanted: &mut Wanted,
        found: &mut Vec<usize>,
    ) -> bool {
        let insn = self.insns[idx];
        let jumps = matches!(class(insn), class::JMP | class::JMP32);
        if let Wanted::Slot(slot) = *wanted {
            let stores = matches!(class(insn), class::ST | class::STX);
            if !stores || step.and_then(|it| it.stack) != Some(slot) {
                return true;
            }
            found.push(idx);
            *wanted = Wanted::Reg { regno: insn.src, depth: 0 };
            return class(insn) == class::STX && mode(insn) == mode::MEM;
        }
        let Wanted::Reg { regno, depth } = wanted else { return false };
        let is_call = jumps && op(insn) == op::CALL;
        if jumps && op(insn) == op::EXIT && class(insn) == class::JMP {
            // The end of a function: only its result is the caller's.
            *depth += u32::from(*regno != 0);
            return true;
        }
        if is_call && insn.src == pseudo::CALL && next != idx + 1 {
            // The beginning of the function that the path was in.
            if *depth > 0 {
                *depth -= 1;
                return true;
            }
            return (1..=5).contains(regno);
        }
        if *depth > 0 {
            return true;
        }
        if is_call {
            let sets = *regno <= 5;
            if sets {
                found.push(idx);
            }
            return !sets;
        }
        let writes = match class(insn) {
            class::ALU | class::ALU64 | class::LDX => insn.dst == *regno,
            class::LD => is_wide(insn) && insn.dst == *regno,
            _ => false,
        };
        if !writes {
            return true;
        }
        found.push(idx);
        match class(insn) {
            class::ALU | class::ALU64 if op(insn) == op::MOV => {
                *regno = insn.src;
                is_reg(insn) && insn.src != 10
            }
            class::ALU | class::ALU64 => true,
            class::LDX => match step.and_then(|it| it.stack) {
                Some(slot) => {
                    *wanted = Wanted::Slot(slot);
                    true
                }
                None => false,
            },
            _ => false,
        }
    }
}
