//! Reads of the stack.

use super::slots::byte_of;
use crate::access::Access;
use crate::state::StackAccess;
use crate::state::reg::Reg;
use crate::state::stack::{REG_SIZE, Slot, SlotType, spi_of};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// A read at a fixed offset.
#[derive(Clone, Copy)]
struct Read {
    frame: usize,
    off: i32,
    size: u32,
    dst: Option<usize>,
}

impl Read {
    /// The types of the bytes, from the lowest address on.
    fn types<'a>(&'a self, slot: &'a Slot) -> impl Iterator<Item = SlotType> + 'a {
        (0..self.size as i32).map(|i| slot.types[byte_of(self.off + i)])
    }
}

impl Verifier<'_> {
    /// A read at a fixed offset, aligned and in bounds (`check_stack_read_fixed_off`).
    pub(super) fn check_stack_read_fixed_off(
        &mut self,
        frame: usize,
        off: i32,
        size: u32,
        dst: Option<usize>,
    ) -> Check {
        let spi = spi_of(off) as usize;
        self.scratch_slot(spi);
        self.check_fastcall_stack_contract(self.cur.curframe(), self.insn_idx, off);
        self.mark_stack_read(frame, self.insn_idx, 1 << spi);
        let it = Read { frame, off, size, dst };
        let slot = &self.cur.frames[frame].stack[spi];
        let fills = if !slot.is_spill() {
            self.read_data(it, spi)?;
            false
        } else if size as usize != REG_SIZE || slot.spill_size() as usize != REG_SIZE {
            self.fill_part(it, spi)?
        } else {
            self.fill(it, spi)?;
            true
        };
        if fills {
            let stack = StackAccess { frame: frame as u8, spi: spi as u8 };
            self.push_hist(Some(stack), false, false, 0);
        }
        Ok(())
    }

    /// A whole register is restored, or read as a number.
    fn fill(&mut self, it: Read, spi: usize) -> Check {
        let reg = self.cur.frames[it.frame].stack[spi].reg;
        match it.dst {
            Some(dst) => *self.reg_mut(dst) = reg,
            None if !self.allow_ptr_leaks && !reg.is_scalar() => {
                return refuse!(self, EACCES, "leaking pointer from stack off {}\n", it.off);
            }
            None => {}
        }
        Ok(())
    }

    /// Part of what was spilled is read, or what was spilled is less than a register; whether that restores a register.
    fn fill_part(&mut self, it: Read, spi: usize) -> Check<bool> {
        let slot = self.cur.frames[it.frame].stack[spi];
        if !slot.reg.is_scalar() {
            self.verbose_linfo(self.insn_idx, "; ");
            return refuse!(self, EACCES, "invalid size of register fill\n");
        }
        let Some(dst) = it.dst else { return Ok(false) };
        if it.size <= slot.spill_size() && it.off % REG_SIZE as i32 == 0 {
            self.fill_low_bytes(dst, &slot.reg, it.size);
            return Ok(true);
        }
        self.require_readable(it, &slot, |ty| ty == SlotType::Spill)?;
        let all = |wanted: SlotType| it.types(&slot).all(|ty| ty == wanted);
        let spilled_zero = all(SlotType::Spill) && slot.reg.scalar.var_off.is(0);
        if spilled_zero || all(SlotType::Zero) {
            self.mark_reg_const_zero(dst);
        } else {
            self.mark_reg_unknown(dst);
        }
        Ok(spilled_zero)
    }

    /// The low bytes of a spilled number: the caller truncates it.
    fn fill_low_bytes(&mut self, dst: usize, spilled: &Reg, size: u32) {
        let reg = self.reg_mut(dst);
        *reg = Reg { subreg_def: reg.subreg_def, ..*spilled };
        if width(spilled) > size * 8 {
            reg.id = 0;
            reg.off = 0;
        }
    }

    /// Data is read: every byte has to be there.
    fn read_data(&mut self, it: Read, spi: usize) -> Check {
        let slot = self.cur.frames[it.frame].stack[spi];
        self.require_readable(it, &slot, |_| false)?;
        if let Some(dst) = it.dst {
            self.mark_reg_stack_read(it.frame, it.off, it.off + it.size as i32, dst);
        }
        Ok(())
    }

    fn require_readable(&mut self, it: Read, slot: &Slot, also: impl Fn(SlotType) -> bool) -> Check {
        let uninit_ok = self.allow_uninit_stack;
        let readable = |ty: SlotType| match ty {
            SlotType::Misc | SlotType::Zero => true,
            SlotType::Invalid => uninit_ok,
            _ => also(ty),
        };
        let Some(i) = it.types(slot).position(|ty| !readable(ty)) else { return Ok(()) };
        refuse!(self, EACCES, "invalid read from stack off {}+{i} size {}\n", it.off, it.size)
    }

    /// A read at a variable offset (`check_stack_read_var_off`).
    pub(super) fn check_stack_read_var_off(
        &mut self,
        ptr_regno: usize,
        off: i32,
        size: u32,
        dst: usize,
    ) -> Check {
        self.check_stack_range_initialized(ptr_regno, off, size as i32, false, Access::Read, None)?;
        let span = self.span_of(ptr_regno, off, size as i32);
        let bytes = span.bytes();
        self.mark_reg_stack_read(span.frame, bytes.start, bytes.end, dst);
        self.check_fastcall_stack_contract(span.frame, self.insn_idx, span.min_off);
        Ok(())
    }

    /// What a register gets from data on the stack: zero if all of it is, any number else (`mark_reg_stack_read`).
    fn mark_reg_stack_read(&mut self, frame: usize, start: i32, end: i32, dst: usize) {
        let mut zero = true;
        for off in start..end {
            let spi = spi_of(off) as usize;
            self.scratch_slot(spi);
            if self.cur.frames[frame].stack[spi].types[byte_of(off)] != SlotType::Zero {
                zero = false;
                break;
            }
        }
        if zero {
            self.mark_reg_const_zero(dst);
        } else {
            self.mark_reg_unknown(dst);
        }
    }

    /// The number 0 (`__mark_reg_const_zero`).
    fn mark_reg_const_zero(&mut self, regno: usize) {
        let precise = !self.bpf_capable;
        let reg = self.reg_mut(regno);
        *reg = Reg { subreg_def: reg.subreg_def, precise, ..Reg::constant(0) };
    }
}

/// How many bits a number needs (`get_reg_width`).
pub(super) const fn width(reg: &Reg) -> u32 {
    64 - reg.scalar.umax.leading_zeros()
}
