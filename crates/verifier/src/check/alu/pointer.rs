//! Pointer arithmetic (`adjust_ptr_min_max_vals`).

use skep_abi::Errno;
use skep_isa::{Insn, Width};

use super::sanitize::Sanitize;
use super::{symbol, width};
use crate::access::AccessSrc;
use crate::code::{is_reg, op};
use crate::log::names::type_name;
use crate::scalar::Scalar;
use crate::state::reg::{Extra, Reg};
use crate::state::stack::MAX_STACK;
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

/// Offsets have to be closer to 0 than that (`BPF_MAX_VAR_OFF`).
const MAX_VAR_OFF: i64 = 1 << 29;

/// A pointer and a number.
pub(super) struct Arith {
    pub(super) insn: Insn,
    /// The destination.
    pub(super) dst: usize,
    /// The pointer, before.
    pub(super) ptr: Reg,
    /// The number, before.
    pub(super) off: Reg,
    /// The pointer is in the destination; otherwise the number is.
    pub(super) ptr_is_dst: bool,
}

fn is_pkt_pointer(reg: &Reg) -> bool {
    reg.ty.is(Base::PtrToPacket) || reg.ty.is(Base::PtrToPacketMeta)
}

/// The greater of the two, or nothing known.
fn unsigned(low: Option<u64>, high: Option<u64>) -> (u64, u64) {
    low.zip(high).unwrap_or((0, u64::MAX))
}

fn signed(low: Option<i64>, high: Option<i64>) -> (i64, i64) {
    low.zip(high).unwrap_or((i64::MIN, i64::MAX))
}

impl Verifier<'_> {
    /// `pointer op number`, or `number op pointer` if the pointer is not in the destination.
    pub(super) fn adjust_pointer(&mut self, insn: Insn, ptr_is_dst: bool) -> Check {
        let dst = usize::from(insn.dst);
        let dst_reg = *self.reg(dst);
        let src_reg =
            if is_reg(insn) { *self.reg(usize::from(insn.src)) } else { Reg::constant(insn.imm as u64) };
        let (ptr, off) = if ptr_is_dst { (dst_reg, src_reg) } else { (src_reg, dst_reg) };
        let number = off.scalar;
        let known = number.is_const();
        let torn = (known && (number.smin != number.smax || number.umin != number.umax))
            || number.smin > number.smax
            || number.umin > number.umax;
        if torn {
            self.mark_reg_unknown(dst);
            return Ok(());
        }
        if width(insn) == Width::W32 {
            return self.adjust_low_half(insn);
        }
        self.check_not_null(dst, ptr.ty)?;
        if ptr.ty.base == Base::PtrToMem && ptr.ty.has(Flags::UNTRUSTED) {
            // It is read with probes: where it points to is all the same.
            return Ok(());
        }
        if !allows_arithmetic(ptr.ty, &number, insn) {
            let name = type_name(ptr.ty);
            return refuse!(self, EACCES, "R{dst} pointer arithmetic on {name} prohibited\n");
        }
        // What else a number carried stays with it.
        let reg = self.reg_mut(dst);
        (reg.ty, reg.id) = (ptr.ty, ptr.id);
        self.check_sane_offset(&off, ptr.ty)?;
        self.check_sane_offset(&ptr, ptr.ty)?;
        self.reg_mut(dst).scalar.unbounded32();
        let arith = Arith { insn, dst, ptr, off, ptr_is_dst };
        self.compute_pointer(&arith)
    }

    /// The low half of a pointer is a number that tells nothing; differences of those are of use.
    fn adjust_low_half(&mut self, insn: Insn) -> Check {
        let dst = usize::from(insn.dst);
        if op(insn) == op::SUB && self.allow_ptr_leaks {
            self.mark_reg_unknown(dst);
            return Ok(());
        }
        refuse!(self, EACCES, "R{dst} 32-bit pointer arithmetic prohibited\n")
    }

    fn check_not_null(&mut self, dst: usize, ty: RegType) -> Check {
        if !ty.may_be_null() {
            return Ok(());
        }
        let name = type_name(ty);
        refuse!(self, EACCES, "R{dst} pointer arithmetic on {name} prohibited, null-check it first\n")
    }

    fn compute_pointer(&mut self, arith: &Arith) -> Check {
        let &Arith { insn, dst, ptr, .. } = arith;
        let mut sanitize = Sanitize::default();
        let sums = matches!(op(insn), op::ADD | op::SUB);
        if sums {
            self.sanitize_pointer(arith, &mut sanitize, false)?;
        }
        match op(insn) {
            op::ADD => self.add_to_pointer(arith),
            op::SUB => self.subtract_from_pointer(arith)?,
            op::AND | op::OR | op::XOR => {
                let symbol = symbol(insn);
                return refuse!(self, EACCES, "R{dst} bitwise operator {symbol} on pointer prohibited\n");
            }
            _ => {
                let symbol = symbol(insn);
                return refuse!(
                    self,
                    EACCES,
                    "R{dst} pointer arithmetic with {symbol} operator prohibited\n"
                );
            }
        }
        let reg = *self.reg(dst);
        self.check_sane_offset(&reg, ptr.ty)?;
        self.reg_mut(dst).scalar.sync();
        self.sanitize_check_bounds(dst)?;
        if sums {
            self.sanitize_pointer(arith, &mut sanitize, true)?;
        }
        Ok(())
    }

    fn add_to_pointer(&mut self, arith: &Arith) {
        let &Arith { dst, ptr, off, .. } = arith;
        let (base, number) = (ptr.scalar, off.scalar);
        let sum = i64::from(ptr.off).wrapping_add(number.smin);
        if let (true, Ok(sum)) = (number.is_const(), i32::try_from(sum)) {
            self.set_offset(dst, &ptr, sum);
            return;
        }
        let id = if is_pkt_pointer(&ptr) { self.new_id() } else { ptr.id };
        let reg = self.reg_mut(dst);
        let low = (base.smin.checked_add(number.smin), base.smax.checked_add(number.smax));
        (reg.scalar.smin, reg.scalar.smax) = signed(low.0, low.1);
        let ends = (base.umin.checked_add(number.umin), base.umax.checked_add(number.umax));
        (reg.scalar.umin, reg.scalar.umax) = unsigned(ends.0, ends.1);
        reg.scalar.var_off = base.var_off.add(number.var_off);
        (reg.off, reg.id) = (ptr.off, id);
        // How far the packet goes from the new place on is not known.
        reg.extra = if is_pkt_pointer(&ptr) { Extra::Range(0) } else { ptr.extra };
    }

    fn subtract_from_pointer(&mut self, arith: &Arith) -> Check {
        let &Arith { dst, ptr, off, .. } = arith;
        let (base, number) = (ptr.scalar, off.scalar);
        if !arith.ptr_is_dst {
            return refuse!(self, EACCES, "R{dst} tried to subtract pointer from scalar\n");
        }
        if ptr.ty.is(Base::PtrToStack) {
            return refuse!(self, EACCES, "R{dst} subtraction from stack pointer prohibited\n");
        }
        let difference = i64::from(ptr.off).wrapping_sub(number.smin);
        if let (true, Ok(difference)) = (number.is_const(), i32::try_from(difference)) {
            self.set_offset(dst, &ptr, difference);
            return Ok(());
        }
        let id = if is_pkt_pointer(&ptr) { self.new_id() } else { ptr.id };
        let reg = self.reg_mut(dst);
        let ends = (base.smin.checked_sub(number.smax), base.smax.checked_sub(number.smin));
        (reg.scalar.smin, reg.scalar.smax) = signed(ends.0, ends.1);
        (reg.scalar.umin, reg.scalar.umax) = match base.umin.checked_sub(number.umax) {
            Some(low) => (low, base.umax.wrapping_sub(number.umin)),
            None => (0, u64::MAX),
        };
        reg.scalar.var_off = base.var_off.sub(number.var_off);
        (reg.off, reg.id, reg.extra) = (ptr.off, id, ptr.extra);
        if is_pkt_pointer(&ptr) && number.smin < 0 {
            reg.extra = Extra::Range(0);
        }
        Ok(())
    }

    /// The pointer with another constant part of its offset.
    fn set_offset(&mut self, dst: usize, ptr: &Reg, off: i32) {
        let reg = self.reg_mut(dst);
        let low = reg.scalar;
        reg.scalar = Scalar {
            s32_min: low.s32_min,
            s32_max: low.s32_max,
            u32_min: low.u32_min,
            u32_max: low.u32_max,
            ..ptr.scalar
        };
        (reg.off, reg.id, reg.extra) = (off, ptr.id, ptr.extra);
    }

    /// Whether a number, or the offset of a pointer, is small enough (`check_reg_sane_offset`).
    fn check_sane_offset(&mut self, reg: &Reg, ty: RegType) -> Check {
        let far = |value: i64| value >= MAX_VAR_OFF || value <= -MAX_VAR_OFF;
        let name = type_name(ty);
        let smin = reg.scalar.smin;
        if let Some(value) = reg.scalar.const_value().map(|value| value as i64).filter(|it| far(*it)) {
            return refuse!(self, EINVAL, "math between {name} pointer and {value} is not allowed\n");
        }
        if far(i64::from(reg.off)) {
            return refuse!(self, EINVAL, "{name} pointer offset {} is not allowed\n", reg.off);
        }
        if smin == i64::MIN {
            return refuse!(
                self,
                EINVAL,
                "math between {name} pointer and register with unbounded min value is not allowed\n"
            );
        }
        if far(smin) {
            return refuse!(self, EINVAL, "value {smin} makes {name} pointer be out of bounds\n");
        }
        Ok(())
    }

    /// Without `CAP_PERFMON` the result has to be in bounds: masking starts from there (`sanitize_check_bounds`).
    fn sanitize_check_bounds(&mut self, dst: usize) -> Check {
        if self.bypass_spec_v1 {
            return Ok(());
        }
        let reg = *self.reg(dst);
        if reg.ty.is(Base::PtrToStack) {
            let off = (i64::from(reg.off) as u64).wrapping_add(reg.scalar.var_off.value) as i32;
            return self.check_stack_arithmetic(dst, &reg, off);
        }
        if reg.ty.is(Base::PtrToMapValue)
            && self.check_map_access(dst, reg.off, 1, false, AccessSrc::Helper).is_err()
        {
            return refuse!(
                self,
                EACCES,
                "R{dst} pointer arithmetic of map value goes out of range, prohibited for !root\n"
            );
        }
        Ok(())
    }

    fn check_stack_arithmetic(&mut self, dst: usize, reg: &Reg, off: i32) -> Check {
        if !reg.scalar.is_const() {
            let var_off = reg.scalar.var_off;
            return refuse!(
                self,
                EACCES,
                "R{dst} variable stack access prohibited for !root, var_off={var_off} off={off}\n"
            );
        }
        if !(-MAX_STACK..0).contains(&off) {
            return refuse!(
                self,
                EACCES,
                "R{dst} stack pointer arithmetic goes out of range, prohibited for !root; off={off}\n"
            );
        }
        Ok(())
    }
}

/// Whether any arithmetic is allowed on this pointer.
fn allows_arithmetic(ty: RegType, number: &Scalar, insn: Insn) -> bool {
    let adds_zero = number.is_const() && number.smin == 0 && op(insn) == op::ADD;
    match ty.base {
        Base::PtrToCtx
        | Base::PtrToMapValue
        | Base::PtrToMapKey
        | Base::PtrToStack
        | Base::PtrToPacketMeta
        | Base::PtrToPacket
        | Base::PtrToTpBuffer
        | Base::PtrToBtfId
        | Base::PtrToMem
        | Base::PtrToBuf
        | Base::PtrToFunc
        | Base::ConstPtrToDynptr => true,
        Base::PtrToFlowKeys => number.is_const(),
        Base::ConstPtrToMap => adds_zero,
        _ => false,
    }
}

/// What stops pointer arithmetic that cannot be masked.
pub(super) const fn prohibited() -> Stop {
    Stop::new(Errno::EACCES)
}
