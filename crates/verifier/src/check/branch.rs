//! Branches.

use skep_isa::Insn;

use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// A conditional jump (`check_cond_jmp_op`); gives the next instruction.
    pub(crate) fn check_cond_jmp_op(&mut self, insn: Insn) -> Check<usize> {
        let _ = (insn);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
