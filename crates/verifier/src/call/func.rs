//! Calls of the program's functions and of callbacks, and their return.

use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// A call of a function of the program (`check_func_call`); gives the next instruction.
    pub(crate) fn check_func_call(&mut self, insn_idx: usize) -> Check<usize> {
        let _ = (insn_idx);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// The current function returns to its caller (`prepare_func_exit`); gives the next instruction.
    pub(crate) fn prepare_func_exit(&mut self) -> Check<usize> {
        let _ = ();
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Puts the arguments of a global function, or of a program's first function, into the registers of the current frame: `do_check_common`'s part.
    pub(crate) fn set_up_args(&mut self, subprog: usize) -> Check {
        let _ = (subprog);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
