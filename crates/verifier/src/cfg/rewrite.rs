//! What the kernel's rewriting of an accepted program does to what is told of it. The program itself stays as it is.

use skep_abi::helpers::func;

use super::walk::is_may_goto;
use crate::check::is_helper_call;
use crate::verifier::Verifier;

/// Three registers, where a call of `bpf_loop` becomes a loop (`optimize_bpf_loop`).
const LOOP: u16 = 3 * 8;
/// A count and the time of the start, where `may_goto` becomes code (`do_misc_fixups`, on x86-64).
const MAY_GOTO: u16 = 2 * 8;

impl Verifier<'_> {
    /// The stack that rewritten calls and jumps of a function take in addition.
    pub(crate) fn grow_stacks(&mut self) {
        for subprog in 0..self.subprogs.len() {
            let range = self.subprogs[subprog].start..self.subprog_end(subprog);
            let mut depth = self.subprogs[subprog].stack_depth;
            if range.clone().any(|i| self.becomes_loop(i)) {
                depth = depth.next_multiple_of(8) + LOOP;
            }
            if range.clone().any(|i| self.aux[i].seen && is_may_goto(self.insns[i]) && self.insns[i].off != 0)
            {
                depth += MAY_GOTO;
            }
            self.subprogs[subprog].stack_depth = depth;
        }
    }

    fn becomes_loop(&self, i: usize) -> bool {
        let insn = self.insns[i];
        is_helper_call(insn)
            && insn.imm as u32 == func::r#loop
            && self.aux[i].loop_inline.is_some_and(|it| it.fits)
    }

    /// Whether a function is left: code that no path reaches is removed (`opt_remove_dead_code`), but not from
    /// programs that were loaded without `CAP_BPF`.
    pub(crate) fn is_kept(&self, subprog: usize) -> bool {
        let range = self.subprogs[subprog].start..self.subprog_end(subprog);
        !self.bpf_capable || self.aux[range].iter().any(|it| it.seen)
    }
}
