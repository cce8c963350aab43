//! Memory that helpers and kernel functions are given.

use crate::access::{Access, AccessSrc};
use crate::call::meta::CallMeta;
use crate::ctx;
use crate::log::type_name;
use crate::state::reg::Reg;
use crate::state::types::{Base, Flags};
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

/// No size reaches this (`BPF_MAX_VAR_SIZ`).
const MAX_VAR_SIZE: u64 = 1 << 29;

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
        let reg = *self.reg(regno);
        let (off, size) = (reg.off, access_size as u32);
        let writes = access == Access::Write;
        if let Some(most) = self.aux[self.insn_idx].memory.get_mut(regno - 1) {
            *most = size.max(*most);
        }
        match reg.ty.base {
            Base::PtrToPacket | Base::PtrToPacketMeta => {
                self.check_packet_access(regno, off, size, zero_size_allowed)
            }
            Base::PtrToMapKey if writes => self.refuse_write(regno, reg.ty),
            Base::PtrToMapKey => {
                let key_size = reg.map().map_or(0, |map| self.map(map).key_size);
                self.check_mem_region_access(regno, off, size, key_size, false)
            }
            Base::PtrToMapValue => {
                if let Some(map) = reg.map() {
                    self.check_map_access_type(map, off, access_size, access)?;
                }
                self.check_map_access(regno, off, size, zero_size_allowed, AccessSrc::Helper)
            }
            Base::PtrToMem | Base::PtrToBuf if writes && reg.ty.has(Flags::RDONLY) => {
                self.refuse_write(regno, reg.ty)
            }
            Base::PtrToMem => {
                self.check_mem_region_access(regno, off, size, reg.mem_size(), zero_size_allowed)
            }
            Base::PtrToBuf => self.check_buffer_access(&reg, regno, off, size),
            Base::PtrToStack => {
                self.check_stack_range_initialized(regno, off, access_size, zero_size_allowed, access, meta)
            }
            Base::PtrToBtfId => self.check_ptr_to_btf_access(regno, off, size, Access::Read, None),
            Base::PtrToCtx if !ctx::is_converted(self.prog_type) => {
                self.check_ctx_memory(regno, access_size, access, zero_size_allowed)
            }
            _ if zero_size_allowed && access_size == 0 && reg.is_null() => Ok(()),
            _ => {
                let name = type_name(reg.ty);
                refuse!(self, EACCES, "R{regno} type={name} expected=fp\n")
            }
        }
    }

    /// A context that lies in memory as the program sees it: its last byte is accessed.
    fn check_ctx_memory(
        &mut self,
        regno: usize,
        size: i32,
        access: Access,
        zero_size_allowed: bool,
    ) -> Check {
        match size {
            0 if zero_size_allowed => Ok(()),
            0 => Err(Stop::new(skep_abi::Errno::EACCES)),
            _ => self.check_mem_access(self.insn_idx, regno, size - 1, 1, access, None, false, false),
        }
    }

    /// A size in `regno` of the memory in the register before (`check_mem_size_reg`).
    pub(crate) fn check_mem_size_reg(
        &mut self,
        regno: usize,
        access: Access,
        zero_size_allowed: bool,
        meta: &mut CallMeta,
    ) -> Check {
        let scalar = self.reg(regno).scalar;
        // Helpers answer no more than that, which is learned from at their return.
        meta.msize_max_value = scalar.umax;
        if scalar.smin < 0 {
            return refuse!(
                self,
                EACCES,
                "R{regno} min value is negative, either use unsigned or 'var &= const'\n"
            );
        }
        if scalar.umin == 0 && !zero_size_allowed {
            let (min, max) = (scalar.umin as i64, scalar.umax as i64);
            return refuse!(self, EACCES, "R{regno} invalid zero-sized read: u64=[{min},{max}]\n");
        }
        if scalar.umax >= MAX_VAR_SIZE {
            return refuse!(
                self,
                EACCES,
                "R{regno} unbounded memory access, use 'var &= const' or 'if (var < const)'\n"
            );
        }
        // Of a variable size the helper may fill less: then all of it has to be initialised before.
        let meta = scalar.is_const().then_some(meta);
        self.check_helper_mem_access(regno - 1, scalar.umax as i32, access, zero_size_allowed, meta)?;
        self.mark_chain_precision(regno)
    }

    /// Memory of `mem_size` bytes, NULL allowed, for reading and writing (`check_mem_reg`): `reg` is what `regno` holds.
    pub(crate) fn check_mem_reg(&mut self, reg: Reg, regno: usize, mem_size: u32) -> Check {
        if reg.is_null() {
            return Ok(());
        }
        self.as_not_null(regno, |v| {
            v.check_helper_mem_access(regno, mem_size as i32, Access::Read, true, None)?;
            v.check_helper_mem_access(regno, mem_size as i32, Access::Write, true, None)
        })
    }

    /// As [`Verifier::check_mem_size_reg`], for kernel functions, both ways (`check_kfunc_mem_size_reg`).
    pub(crate) fn check_kfunc_mem_size_reg(&mut self, regno: usize) -> Check {
        self.as_not_null(regno - 1, |v| {
            let mut meta = CallMeta::default();
            v.check_mem_size_reg(regno, Access::Read, true, &mut meta)?;
            v.check_mem_size_reg(regno, Access::Write, true, &mut meta)
        })
    }

    /// Checks something as if the pointer in `regno` were not NULL.
    fn as_not_null(&mut self, regno: usize, check: impl FnOnce(&mut Self) -> Check) -> Check {
        let saved = *self.reg(regno);
        if !saved.ty.may_be_null() {
            return check(self);
        }
        *self.reg_mut(regno) = self.not_null(saved);
        let checked = check(self);
        *self.reg_mut(regno) = saved;
        checked
    }
}
