//! Memory of a known size.

use crate::state::types::Base;
use crate::stop::{Check, refuse, verbose};
use crate::verifier::Verifier;

/// No variable offset reaches this far (`BPF_MAX_VAR_OFF`).
pub(crate) const MAX_VAR_OFF: i64 = 1 << 29;

impl Verifier<'_> {
    /// Memory of a known size, at a variable offset (`check_mem_region_access`).
    pub(crate) fn check_mem_region_access(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        mem_size: u32,
        zero_size_allowed: bool,
    ) -> Check {
        let scalar = self.reg(regno).scalar;
        let least = i64::from(off).wrapping_add(scalar.smin);
        if scalar.smin < 0 && (scalar.smin == i64::MIN || i64::from(least as i32) != least || least < 0) {
            return self.refuse_negative(regno);
        }
        self.check_region(regno, least as i32, size, mem_size, zero_size_allowed).inspect_err(|_| {
            verbose!(self, "R{regno} min value is outside of the allowed memory range\n");
        })?;
        if scalar.umax >= MAX_VAR_OFF as u64 {
            return refuse!(
                self,
                EACCES,
                "R{regno} unbounded memory access, make sure to bounds check any such access\n"
            );
        }
        let most = scalar.umax.wrapping_add(i64::from(off) as u64) as i32;
        self.check_region(regno, most, size, mem_size, zero_size_allowed).inspect_err(|_| {
            verbose!(self, "R{regno} max value is outside of the allowed memory range\n");
        })
    }

    pub(super) fn refuse_negative(&mut self, regno: usize) -> Check {
        refuse!(
            self,
            EACCES,
            "R{regno} min value is negative, either use unsigned index or do a if (index >=0) check.\n"
        )
    }

    /// Memory of a known size, at a known offset (`__check_mem_access`).
    pub(super) fn check_region(
        &mut self,
        regno: usize,
        off: i32,
        size: u32,
        mem_size: u32,
        zero_size_allowed: bool,
    ) -> Check {
        let size = size as i32;
        let size_ok = size > 0 || (size == 0 && zero_size_allowed);
        if off >= 0 && size_ok && i64::from(off) + i64::from(size) <= i64::from(mem_size) {
            return Ok(());
        }
        let reg = self.reg(regno);
        let (id, ty) = (reg.id, reg.ty);
        let shown = mem_size as i32;
        match ty.base {
            Base::PtrToMapKey if ty.flags.is_empty() => {
                refuse!(self, EACCES, "invalid access to map key, key_size={shown} off={off} size={size}\n")
            }
            Base::PtrToMapValue if ty.flags.is_empty() => {
                refuse!(
                    self,
                    EACCES,
                    "invalid access to map value, value_size={shown} off={off} size={size}\n"
                )
            }
            Base::PtrToPacket | Base::PtrToPacketMeta | Base::PtrToPacketEnd if ty.flags.is_empty() => {
                refuse!(
                    self,
                    EACCES,
                    "invalid access to packet, off={off} size={size}, R{regno}(id={id},off={off},r={shown})\n"
                )
            }
            _ => {
                refuse!(self, EACCES, "invalid access to memory, mem_size={mem_size} off={off} size={size}\n")
            }
        }
    }
}
