//! Accesses to memory: what kind of pointer, and where to.

mod align;
mod atomic;
mod helper;
mod insn;
mod map;
mod other;
mod packet;
mod region;
pub(crate) mod slots;
mod stack;
mod stack_range;
mod stack_read;
mod stack_write;
#[cfg(test)]
mod tests;

use crate::access::Access;
use crate::ctx::CtxAccess;
use crate::log::type_name;
use crate::state::reg::Reg;
use crate::state::stack::REG_SIZE;
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// A load or store of the program: what [`Verifier::check_mem_access`] is asked, and what it asks on.
#[derive(Clone, Copy)]
struct MemAccess {
    insn_idx: usize,
    regno: usize,
    /// What the register held before.
    reg: Reg,
    /// Beside the pointer's variable offset; its fixed one is in it.
    off: i32,
    size: u32,
    access: Access,
    value_regno: Option<usize>,
    is_ldsx: bool,
}

impl MemAccess {
    fn writes(&self) -> bool {
        self.access == Access::Write
    }

    /// The register that a load goes to.
    fn loads_into(&self) -> Option<usize> {
        self.value_regno.filter(|_| !self.writes())
    }
}

impl Verifier<'_> {
    /// Checks a load or store through `regno` at `off` of `size` bytes; `value_regno` is what is stored, or loaded into
    /// (`check_mem_access`).
    #[expect(clippy::too_many_arguments, reason = "the kernel's signature, which callers know")]
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
        self.check_ptr_alignment(regno, off, size, strict_alignment_once)?;
        let reg = *self.reg(regno);
        let off = off.wrapping_add(reg.off);
        let it = MemAccess { insn_idx, regno, reg, off, size, access, value_regno, is_ldsx };
        self.check_pointed_to(&it)?;
        if let Some(value) = it.loads_into().filter(|_| (size as usize) < REG_SIZE) {
            self.extend_loaded(value, size, is_ldsx);
        }
        Ok(())
    }

    /// By the kind of pointer.
    fn check_pointed_to(&mut self, it: &MemAccess) -> Check {
        let ty = it.reg.ty;
        match ty.base {
            Base::PtrToMapKey if ty.is(Base::PtrToMapKey) => self.access_map_key(it),
            Base::PtrToMapValue if ty.is(Base::PtrToMapValue) => self.access_map_value(it),
            Base::PtrToMem => self.access_mem(it),
            Base::PtrToCtx if ty.is(Base::PtrToCtx) => self.access_ctx(it),
            Base::PtrToStack if ty.is(Base::PtrToStack) => self.access_stack(it),
            Base::PtrToPacket | Base::PtrToPacketMeta if ty.flags.is_empty() => self.access_packet(it),
            Base::PtrToFlowKeys if ty.is(Base::PtrToFlowKeys) => self.access_flow_keys(it),
            Base::PtrToSocket | Base::PtrToSockCommon | Base::PtrToTcpSock | Base::PtrToXdpSock
                if ty.flags.is_empty() =>
            {
                self.access_sock(it)
            }
            Base::PtrToTpBuffer if ty.is(Base::PtrToTpBuffer) => self.access_tp_buffer(it),
            Base::PtrToBtfId if !ty.may_be_null() => {
                self.check_ptr_to_btf_access(it.regno, it.off, it.size, it.access, it.value_regno)
            }
            Base::ConstPtrToMap if ty.is(Base::ConstPtrToMap) => {
                self.check_ptr_to_map_access(it.regno, it.off, it.size, it.access, it.value_regno)
            }
            Base::PtrToBuf if !ty.may_be_null() => self.access_buf(it),
            Base::PtrToArena if ty.is(Base::PtrToArena) => {
                self.loaded_unknown(it);
                Ok(())
            }
            _ => self.refuse_mem_access(it.regno, ty),
        }
    }

    fn refuse_mem_access(&mut self, regno: usize, ty: RegType) -> Check {
        let name = type_name(ty);
        refuse!(self, EACCES, "R{regno} invalid mem access '{name}'\n")
    }

    /// A pointer of a program without `CAP_PERFMON` stays in registers and on the stack; `place` says where it would go.
    fn refuse_leak(&mut self, it: &MemAccess, place: &str) -> Check {
        match it.value_regno {
            Some(value) if it.writes() && self.is_pointer_value(value) => {
                refuse!(self, EACCES, "R{value} leaks addr into {place}\n")
            }
            _ => Ok(()),
        }
    }

    fn refuse_write(&mut self, regno: usize, ty: RegType) -> Check {
        let name = type_name(ty);
        refuse!(self, EACCES, "R{regno} cannot write into {name}\n")
    }

    /// A load gives any number.
    fn loaded_unknown(&mut self, it: &MemAccess) {
        if let Some(value) = it.loads_into() {
            self.mark_reg_unknown(value);
        }
    }

    /// A load of less than a register extends by zeros, or by the sign.
    fn extend_loaded(&mut self, value: usize, size: u32, is_ldsx: bool) {
        let reg = self.reg_mut(value);
        if !reg.is_scalar() {
            return;
        }
        if is_ldsx {
            reg.scalar.sign_extend(size);
        } else {
            reg.scalar.truncate(size);
        }
    }

    fn access_mem(&mut self, it: &MemAccess) -> Check {
        let ty = it.reg.ty;
        let read_only = ty.has(Flags::RDONLY);
        if ty.may_be_null() {
            return self.refuse_mem_access(it.regno, ty);
        }
        if it.writes() && read_only {
            return self.refuse_write(it.regno, ty);
        }
        self.refuse_leak(it, "mem")?;
        // Memory that may be anything is only read with a fixup for faults: its bounds do not matter.
        if !ty.has(Flags::RDONLY | Flags::UNTRUSTED) {
            self.check_mem_region_access(it.regno, it.off, it.size, it.reg.mem_size(), false)?;
        }
        self.loaded_unknown(it);
        Ok(())
    }

    fn access_ctx(&mut self, it: &MemAccess) -> Check {
        self.refuse_leak(it, "ctx")?;
        self.check_ptr_off_reg(it.regno, false)?;
        let got = match self.check_ctx_access(it.insn_idx, it.off, it.size, it.access, it.is_ldsx) {
            Ok(got) => got,
            Err(stop) => {
                self.verbose_linfo(it.insn_idx, "; ");
                return Err(stop);
            }
        };
        match it.loads_into() {
            Some(value) if got.ty == RegType::SCALAR => self.load_number_from_ctx(value, &got),
            Some(value) => {
                self.load_pointer_from_ctx(value, &got);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn load_number_from_ctx(&mut self, value: usize, got: &CtxAccess) -> Check {
        self.mark_reg_unknown(value);
        let Some(range) = self.lsm_retval_range().filter(|_| got.is_retval) else { return Ok(()) };
        self.reg_mut(value).scalar.limit_s32(range.min, range.max);
        self.check_reg_bounds(value, "s32_range")
    }

    fn load_pointer_from_ctx(&mut self, value: usize, got: &CtxAccess) {
        self.mark_reg_known_zero(value);
        let id = if got.ty.may_be_null() { self.new_id() } else { 0 };
        let reg = self.reg_mut(value);
        *reg = Reg { ty: got.ty, extra: got.extra, id, subreg_def: 0, ..*reg };
        if got.ty.base == Base::PtrToBtfId {
            reg.ref_obj_id = got.ref_obj_id;
        }
    }

    fn access_stack(&mut self, it: &MemAccess) -> Check {
        self.check_stack_access_within_bounds(it.regno, it.off, it.size as i32, it.access)?;
        if it.writes() {
            self.check_stack_write(it.regno, it.off, it.size, it.value_regno, it.insn_idx)
        } else {
            self.check_stack_read(it.regno, it.off, it.size, it.value_regno)
        }
    }

    /// A pointer that has to be without a variable offset (`__check_ptr_off_reg`).
    pub(crate) fn check_ptr_off_reg(&mut self, regno: usize, fixed_off_ok: bool) -> Check {
        let Reg { ty, off, scalar, .. } = *self.reg(regno);
        if off < 0 {
            let name = type_name(ty);
            return refuse!(self, EACCES, "negative offset {name} ptr R{regno} off={off} disallowed\n");
        }
        if !fixed_off_ok && off != 0 {
            let name = type_name(ty);
            return refuse!(
                self,
                EACCES,
                "dereference of modified {name} ptr R{regno} off={off} disallowed\n"
            );
        }
        if !scalar.var_off.is(0) {
            let name = type_name(ty);
            return refuse!(self, EACCES, "variable {name} access var_off={} disallowed\n", scalar.var_off);
        }
        Ok(())
    }
}
