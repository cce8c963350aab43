//! Calls of kernel functions.

use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// A call of a kernel function (`check_kfunc_call`); gives the next instruction.
    pub(crate) fn check_kfunc_call(&mut self, insn_idx: usize) -> Check<usize> {
        let _ = (insn_idx);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Looks a kernel function up before paths are explored (`add_kfunc_call`).
    pub(crate) fn add_kfunc_call(&mut self, insn_idx: usize) -> Check {
        let _ = (insn_idx);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
