//! Memory that helpers and kernel functions are given.

use crate::access::Access;
use crate::call::meta::CallMeta;
use crate::state::reg::Reg;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Memory of `access_size` bytes at `regno` (`check_helper_mem_access`).
    pub(crate) fn check_helper_mem_access(
        &mut self,
        regno: usize,
        access_size: i32,
        access: Access,
        zero_size_allowed: bool,
        meta: Option<&mut CallMeta>,
    ) -> Check {
        let _ = (regno, access_size, access, zero_size_allowed, meta);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// A size in `regno` of the memory in the register before (`check_mem_size_reg`).
    pub(crate) fn check_mem_size_reg(
        &mut self,
        regno: usize,
        access: Access,
        zero_size_allowed: bool,
        meta: &mut CallMeta,
    ) -> Check {
        let _ = (regno, access, zero_size_allowed, meta);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Memory of `mem_size` bytes, NULL allowed, for reading and writing (`check_mem_reg`): `reg` is what `regno` holds.
    pub(crate) fn check_mem_reg(&mut self, reg: Reg, regno: usize, mem_size: u32) -> Check {
        let _ = (reg, regno, mem_size);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// As [`Verifier::check_mem_size_reg`], for kernel functions, both ways (`check_kfunc_mem_size_reg`).
    pub(crate) fn check_kfunc_mem_size_reg(&mut self, regno: usize) -> Check {
        let _ = (regno);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
