//! Accesses to memory: what kind of pointer, and where to.

mod helper;
mod stack;

use skep_isa::Insn;

use crate::access::{Access, AccessSrc};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Checks a load or store through `regno` at `off` of `size` bytes; `value_regno` is what is stored, or loaded into (`check_mem_access`).
    pub(crate) fn check_mem_access(
        &mut self,
        insn_idx: usize,
        regno: usize,
        off: i32,
        size: u32,
        access: Access,
        value_regno: Option<usize>,
        strict_alignment_once: bool,
        is_ldsx: bool,
    ) -> Check {
        let _ = (insn_idx, regno, off, size, access, value_regno, strict_alignment_once, is_ldsx);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// A load (`check_load_mem`); `ctx` names the instruction in messages.
    pub(crate) fn check_load_mem(
        &mut self,
        insn: Insn,
        strict_alignment_once: bool,
        is_ldsx: bool,
        allow_trust_mismatch: bool,
        ctx: &str,
    ) -> Check {
        let _ = (insn, strict_alignment_once, is_ldsx, allow_trust_mismatch, ctx);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// A store of a register (`check_store_reg`).
    pub(crate) fn check_store_reg(&mut self, insn: Insn, strict_alignment_once: bool) -> Check {
        let _ = (insn, strict_alignment_once);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// A store of an immediate.
    pub(crate) fn check_store_imm(&mut self, insn: Insn) -> Check {
        let _ = (insn);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// An atomic (`check_atomic`).
    pub(crate) fn check_atomic(&mut self, insn: Insn) -> Check {
        let _ = (insn);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// Memory of a known size (`check_mem_region_access`).
    pub(crate) fn check_mem_region_access(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        mem_size: u32,
        zero_size_allowed: bool,
    ) -> Check {
        let _ = (regno, off, size, mem_size, zero_size_allowed);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// A map value (`check_map_access`).
    pub(crate) fn check_map_access(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        zero_size_allowed: bool,
        src: AccessSrc,
    ) -> Check {
        let _ = (regno, off, size, zero_size_allowed, src);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// The packet (`check_packet_access`).
    pub(crate) fn check_packet_access(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        zero_size_allowed: bool,
    ) -> Check {
        let _ = (regno, off, size, zero_size_allowed);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }

    /// A pointer that has to be without a variable offset (`__check_ptr_off_reg`).
    pub(crate) fn check_ptr_off_reg(&mut self, regno: usize, fixed_off_ok: bool) -> Check {
        let _ = (regno, fixed_off_ok);
        refuse!(self, EOPNOTSUPP, "not written yet\n")
    }
}
