//! The stack: reads and writes, spills and fills.

use crate::access::{Access, AccessSrc};
use crate::call::meta::CallMeta;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// A read of `size` bytes at `off` beside `ptr_regno` (`check_stack_read`); `dst_regno`: `None` for none.
    pub(crate) fn check_stack_read(
        &mut self,
        ptr_regno: usize,
        off: i32,
        size: u32,
        dst_regno: Option<usize>,
    ) -> Check {
        let _ = (ptr_regno, off, size, dst_regno);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// A write (`check_stack_write`).
    pub(crate) fn check_stack_write(
        &mut self,
        ptr_regno: usize,
        off: i32,
        size: u32,
        value_regno: Option<usize>,
        insn_idx: usize,
    ) -> Check {
        let _ = (ptr_regno, off, size, value_regno, insn_idx);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Whether an access lies in the stack (`check_stack_access_within_bounds`).
    pub(crate) fn check_stack_access_within_bounds(
        &mut self,
        regno: usize,
        off: i32,
        access_size: i32,
        access: Access,
    ) -> Check {
        let _ = (regno, off, access_size, access);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// What a helper reads has to be initialised (`check_stack_range_initialized`).
    pub(crate) fn check_stack_range_initialized(
        &mut self,
        regno: usize,
        off: i32,
        access_size: i32,
        zero_size_allowed: bool,
        access: Access,
        src: AccessSrc,
        meta: Option<&mut CallMeta>,
    ) -> Check {
        let _ = (regno, off, access_size, zero_size_allowed, access, src, meta);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
