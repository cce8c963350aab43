//! Checks before any path is explored.

use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Finds functions (`add_subprog_and_kfunc`, `check_subprogs`).
    pub(crate) fn find_subprogs(&mut self) -> Check {
        let _ = ();
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Resolves wide loads (`resolve_pseudo_ldimm64`): maps, kernel variables; also all opcodes (`insn_is_valid`...).
    pub(crate) fn resolve_wide_loads(&mut self) -> Check {
        let _ = ();
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// The graph (`check_cfg`): unreachable code, jumps out of range, loops without `CAP_BPF`; prune and jump points; callbacks; postorder, components, live registers.
    pub(crate) fn check_cfg(&mut self) -> Check {
        let _ = ();
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Patterns of spills around fast calls (`mark_fastcall_patterns`).
    pub(crate) fn mark_fastcall_patterns(&mut self) -> Check {
        Ok(())
    }

    /// The stack of chains of calls (`check_max_stack_depth`), after all paths.
    pub(crate) fn check_max_stack_depth(&mut self) -> Check {
        let _ = ();
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
