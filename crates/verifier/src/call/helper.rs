//! Calls of helpers.

use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// A call of a helper (`check_helper_call`); gives the next instruction.
    pub(crate) fn check_helper_call(&mut self, insn_idx: usize) -> Check<usize> {
        let _ = (insn_idx);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
