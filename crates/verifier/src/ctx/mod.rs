//! The context: what a program of a type may read and write there.

use crate::access::Access;
use crate::state::reg::Extra;
use crate::state::types::RegType;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// What an access to the context gives (`struct bpf_insn_access_aux`).
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct CtxAccess {
    /// What is loaded.
    pub(crate) ty: RegType,
    /// What its type says beside.
    pub(crate) extra: Extra,
    /// Bytes of the field, if the access may be narrower; 0: not.
    pub(crate) ctx_field_size: u32,
    /// The reference that the loaded pointer holds; 0: none.
    pub(crate) ref_obj_id: u32,
    /// It may not be loaded sign-extended... unless it is a number; for numbers: a range, if the field has one (`is_retval`).
    pub(crate) is_retval: bool,
}

impl Verifier<'_> {
    /// Whether the program may access these bytes of its context, and what it gets (`check_ctx_access`).
    pub(crate) fn check_ctx_access(
        &mut self,
        insn_idx: usize,
        off: i32,
        size: u32,
        access: Access,
    ) -> Check<CtxAccess> {
        let _ = (insn_idx, off, size, access);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
