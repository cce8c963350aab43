//! A walk through all instructions: unreachable ones, loops, and where paths meet (`check_cfg`).

use skep_abi::ProgType;
use skep_isa::Insn;

use crate::check::{is_helper_call, is_pseudo_call, is_pseudo_func, jump_offset};
use crate::code::{class, is_wide, op};
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

/// How far the walk has come with an instruction: not seen, then [`DISCOVERED`] with the edges that were taken, then
/// [`EXPLORED`].
type Mark = u8;
const DISCOVERED: Mark = 0x10;
const EXPLORED: Mark = 0x20;

/// The first edge of an instruction, or its second one.
#[derive(Clone, Copy, PartialEq)]
enum Edge {
    Fallthrough = 1,
    Branch = 2,
}

#[derive(Default)]
struct Walk {
    marks: Vec<Mark>,
    stack: Vec<usize>,
}

impl Verifier<'_> {
    /// Walks through all instructions, depth first: all have to be reachable, and without `CAP_BPF` nothing may jump
    /// back. Marks where states are compared, where backtracking needs the history of jumps, and what functions do
    /// (`check_cfg`); then orders them (`compute_postorder`).
    pub(crate) fn check_cfg(&mut self) -> Check {
        let mut walk = Walk { marks: vec![0; self.insns.len()], stack: Vec::new() };
        self.walk_from(&mut walk, 0)?;
        if let Some(subprog) = self.exception_callback {
            let start = self.subprogs[subprog as usize].start;
            self.walk_from(&mut walk, start)?;
        }
        self.check_all_reached(&walk)?;
        self.cfg.find_successors(&self.insns);
        self.find_postorder();
        Ok(())
    }

    fn walk_from(&mut self, walk: &mut Walk, start: usize) -> Check {
        walk.marks[start] = DISCOVERED;
        walk.stack.push(start);
        while let Some(&at) = walk.stack.last() {
            if !self.visit_insn(walk, at)? {
                walk.marks[at] = EXPLORED;
                walk.stack.pop();
            }
        }
        Ok(())
    }

    fn check_all_reached(&mut self, walk: &Walk) -> Check {
        let mut i = 0;
        while i < self.insns.len() {
            if walk.marks[i] != EXPLORED {
                return refuse!(self, EINVAL, "unreachable insn {i}\n");
            }
            if is_wide(self.insns[i]) {
                if walk.marks[i + 1] != 0 {
                    return refuse!(self, EINVAL, "jump into the middle of ldimm64 insn {i}\n");
                }
                i += 1;
            }
            i += 1;
        }
        Ok(())
    }

    /// Follows the next edge of an instruction; whether there may be more (`visit_insn`).
    fn visit_insn(&mut self, walk: &mut Walk, t: usize) -> Check<bool> {
        let insn = self.insns[t];
        if is_pseudo_func(insn) {
            return self.visit_call(walk, t, true);
        }
        if !matches!(class(insn), class::JMP | class::JMP32) {
            return self.push_insn(walk, t, next_of(t, insn), Edge::Fallthrough);
        }
        match op(insn) {
            op::EXIT => Ok(false),
            op::CALL => {
                self.mark_call(t, insn);
                self.visit_call(walk, t, is_pseudo_call(insn))
            }
            op::JA => self.visit_jump(walk, t, insn),
            _ => {
                self.aux[t].prune_point = true;
                self.aux[t].force_checkpoint |= is_may_goto(insn);
                if self.push_insn(walk, t, t as i64 + 1, Edge::Fallthrough)? {
                    return Ok(true);
                }
                self.push_insn(walk, t, target_of(t, insn), Edge::Branch)
            }
        }
    }

    fn visit_jump(&mut self, walk: &mut Walk, t: usize, insn: Insn) -> Check<bool> {
        if insn.code & 0x08 != 0 {
            return Err(Stop::new(skep_abi::Errno::EINVAL));
        }
        let target = target_of(t, insn);
        if self.push_insn(walk, t, target, Edge::Fallthrough)? {
            return Ok(true);
        }
        let aux = &mut self.aux[target as usize];
        aux.prune_point = true;
        aux.jmp_point = true;
        aux.jump_target = true;
        Ok(false)
    }

    /// A call, or a load of a function's address (`visit_func_call_insn`).
    fn visit_call(&mut self, walk: &mut Walk, t: usize, visit_callee: bool) -> Check<bool> {
        let insn = self.insns[t];
        let next = next_of(t, insn);
        if self.push_insn(walk, t, next, Edge::Fallthrough)? {
            return Ok(true);
        }
        let after = &mut self.aux[next as usize];
        after.prune_point = true;
        after.jmp_point = true;
        if !visit_callee {
            return Ok(false);
        }
        let callee = t as i64 + i64::from(insn.imm) + 1;
        self.aux[t].prune_point = true;
        self.merge_callee_effects(t, callee as usize);
        self.push_insn(walk, t, callee, Edge::Branch)
    }

    /// What a callee does its caller does. It was walked through by the last time that this is asked
    /// (`merge_callee_effects`).
    fn merge_callee_effects(&mut self, t: usize, w: usize) {
        let (caller, callee) = (self.subprog_of(t), self.subprog_of(w));
        let (changes, sleeps) = (self.subprogs[callee].changes_pkt_data, self.subprogs[callee].might_sleep);
        self.subprogs[caller].changes_pkt_data |= changes;
        self.subprogs[caller].might_sleep |= sleeps;
    }

    /// What a call makes of its instruction and of its function.
    fn mark_call(&mut self, t: usize, insn: Insn) {
        let summary = self.call_summary(t);
        let aux = &mut self.aux[t];
        aux.prune_point |= summary.async_callback || summary.sync_callback || summary.iter_next;
        aux.force_checkpoint |= summary.sync_callback || summary.iter_next;
        aux.calls_callback |= summary.sync_callback;
        aux.jmp_point |= summary.sync_callback;
        // What an extension may call is not known before what it extends was looked at.
        let known = !is_helper_call(insn) || self.prog.prog_type != ProgType::Ext;
        let subprog = self.subprog_of(t);
        let it = &mut self.subprogs[subprog];
        it.might_sleep |= summary.might_sleep && known;
        it.changes_pkt_data |= summary.changes_pkt_data;
    }

    /// Takes an edge from `t` to `w`; whether it leads to an instruction that was not seen (`push_insn`).
    fn push_insn(&mut self, walk: &mut Walk, t: usize, w: i64, edge: Edge) -> Check<bool> {
        if walk.marks[t] >= DISCOVERED | edge as Mark {
            return Ok(false);
        }
        let Some(to) = usize::try_from(w).ok().filter(|it| *it < self.insns.len()) else {
            self.verbose_linfo(t, &format!("{t}: "));
            return refuse!(self, EINVAL, "jump out of range from insn {t} to {w}\n");
        };
        if edge == Edge::Branch {
            let aux = &mut self.aux[to];
            aux.prune_point = true;
            aux.jmp_point = true;
            aux.jump_target = true;
        }
        if walk.marks[to] == 0 {
            walk.marks[t] = DISCOVERED | edge as Mark;
            walk.marks[to] = DISCOVERED;
            walk.stack.push(to);
            return Ok(true);
        }
        if walk.marks[to] == EXPLORED {
            walk.marks[t] = DISCOVERED | edge as Mark;
            return Ok(false);
        }
        if self.bpf_capable {
            return Ok(false);
        }
        self.verbose_linfo(t, &format!("{t}: "));
        self.verbose_linfo(to, &format!("{to}: "));
        refuse!(self, EINVAL, "back-edge from insn {t} to {to}\n")
    }
}

fn next_of(t: usize, insn: Insn) -> i64 {
    t as i64 + 1 + i64::from(is_wide(insn))
}

fn target_of(t: usize, insn: Insn) -> i64 {
    (t as i32).wrapping_add(jump_offset(insn)).wrapping_add(1).into()
}

/// `may_goto`: a jump that is taken when a loop ran for too long.
pub(super) fn is_may_goto(insn: Insn) -> bool {
    insn.code == class::JMP | op::JCOND && insn.src == 0
}
