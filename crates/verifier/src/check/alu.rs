//! Arithmetic.

use skep_isa::Insn;

use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Arithmetic on registers (`check_alu_op`).
    pub(crate) fn check_alu_op(&mut self, insn: Insn) -> Check {
        let _ = (insn);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
