//! References: what was acquired has to be released.

use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Acquires a reference; gives its id (`acquire_reference`).
    pub(crate) fn acquire_reference(&mut self, insn_idx: usize) -> u32 {
        let _ = insn_idx;
        0
    }

    /// Gives a reference up, and forgets all registers that hold it (`release_reference`).
    pub(crate) fn release_reference(&mut self, ref_obj_id: u32) -> Check {
        let _ = (ref_obj_id);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// At an exit nothing may be held (`check_resource_leak`); `prefix` begins the message.
    pub(crate) fn check_resource_leak(
        &mut self,
        exception_exit: bool,
        check_lock: bool,
        prefix: &str,
    ) -> Check {
        let _ = (exception_exit, check_lock, prefix);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Forgets packet pointers (`clear_all_pkt_pointers`).
    pub(crate) fn clear_all_pkt_pointers(&mut self) {}
}
