//! Writes to the stack.

use skep_isa::Insn;

use super::slots::{byte_of, is_spillable};
use super::stack::Span;
use super::stack_read::width;
use crate::code::{class, mode};
use crate::state::StackAccess;
use crate::state::reg::{ADD_CONST, Reg};
use crate::state::stack::{REG_SIZE, SlotType, spi_of};
use crate::state::types::Base;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// A write at a fixed offset.
#[derive(Clone, Copy)]
struct Write {
    frame: usize,
    spi: usize,
    off: i32,
    size: u32,
    value: Option<usize>,
    insn_idx: usize,
}

impl Write {
    fn is_slot_aligned(&self) -> bool {
        self.off % REG_SIZE as i32 == 0
    }

    /// The bytes that are written, by their place in the slot.
    fn bytes(self) -> impl Iterator<Item = usize> {
        (0..self.size as i32).map(move |i| byte_of(self.off + i))
    }
}

impl Verifier<'_> {
    /// A write at a fixed offset, aligned and in bounds (`check_stack_write_fixed_off`).
    pub(super) fn check_stack_write_fixed_off(
        &mut self,
        frame: usize,
        off: i32,
        size: u32,
        value: Option<usize>,
        insn_idx: usize,
    ) -> Check {
        let it = Write { frame, spi: spi_of(off) as usize, off, size, value, insn_idx };
        let slot = &self.cur.frames[frame].stack[it.spi];
        let spilled_pointer = slot.is_spill() && !slot.is_spilled_scalar();
        if !self.allow_ptr_leaks && spilled_pointer && size as usize != REG_SIZE {
            return refuse!(self, EACCES, "attempt to corrupt spilled pointer on stack\n");
        }
        self.mark_spec_v4(it);
        self.destroy_if_dynptr_stack_slot(frame, it.spi)?;
        if it.is_slot_aligned() && size as usize == REG_SIZE {
            self.mark_stack_write(frame, 1 << it.spi);
        }
        self.check_fastcall_stack_contract(frame, insn_idx, off);
        self.scratch_slot(it.spi);
        if self.spill(it)? {
            let stack = StackAccess { frame: frame as u8, spi: it.spi as u8 };
            self.push_hist(Some(stack), false, false, 0);
            return Ok(());
        }
        self.write_data(it)
    }

    /// A processor may read what was there before a store that is not done yet. Where that was not data, or a pointer
    /// comes, a barrier is needed (Spectre v4).
    fn mark_spec_v4(&mut self, it: Write) {
        if self.bypass_spec_v4 {
            return;
        }
        let pointer = it.value.is_some_and(|value| is_spillable(self.reg(value).ty));
        let types = &self.cur.frames[it.frame].stack[it.spi].types;
        let is_data = |ty: SlotType| matches!(ty, SlotType::Misc | SlotType::Zero);
        if pointer || it.bytes().any(|byte| !is_data(types[byte])) {
            self.aux[it.insn_idx].nospec_result = true;
        }
    }

    /// Keeps what is known of the value, if that can be: false says that it is data.
    fn spill(&mut self, it: Write) -> Check<bool> {
        let Some(value) = it.value else {
            let insn = self.insns[it.insn_idx];
            let spills = it.is_slot_aligned() && is_store_imm(insn) && self.bpf_capable;
            if spills {
                self.save(it, Reg::constant(i64::from(insn.imm) as u64));
            }
            return Ok(spills);
        };
        let ty = self.reg(value).ty;
        if it.is_slot_aligned() && self.reg(value).is_scalar() && self.bpf_capable {
            self.spill_number(it, value);
            return Ok(true);
        }
        if !is_spillable(ty) {
            return Ok(false);
        }
        if it.size as usize != REG_SIZE {
            self.verbose_linfo(it.insn_idx, "; ");
            return refuse!(self, EACCES, "invalid size of register spill\n");
        }
        if it.frame != self.cur.curframe() && ty.is(Base::PtrToStack) {
            return refuse!(self, EINVAL, "cannot spill pointers to stack into stack frame of the caller\n");
        }
        self.save(it, *self.reg(value));
        Ok(true)
    }

    fn spill_number(&mut self, it: Write, value: usize) {
        let fits = width(self.reg(value)) <= it.size * 8;
        if fits {
            self.tie_scalar(value);
        }
        let mut reg = *self.reg(value);
        if !fits {
            reg.id = 0;
        }
        self.save(it, reg);
    }

    /// Gives a number an id, so that its copy is known to be the same (`assign_scalar_id_before_mov`).
    fn tie_scalar(&mut self, regno: usize) {
        let reg = self.reg_mut(regno);
        if reg.id & ADD_CONST != 0 {
            reg.id = 0;
            reg.off = 0;
        }
        if reg.id == 0 && !reg.scalar.is_const() {
            self.reg_mut(regno).id = self.new_id();
        }
    }

    fn save(&mut self, it: Write, reg: Reg) {
        self.cur.frames[it.frame].stack[it.spi].save(reg, it.size);
    }

    /// Data is written: of the value it is kept only whether it is zero.
    fn write_data(&mut self, it: Write) -> Check {
        self.cur.frames[it.frame].stack[it.spi].scrub();
        let ty = if self.writes_zero(it.value, it.insn_idx) {
            if let Some(value) = it.value {
                self.mark_chain_precision(value)?;
            }
            SlotType::Zero
        } else {
            SlotType::Misc
        };
        let types = &mut self.cur.frames[it.frame].stack[it.spi].types;
        it.bytes().for_each(|byte| types[byte] = ty);
        Ok(())
    }

    fn writes_zero(&self, value: Option<usize>, insn_idx: usize) -> bool {
        match value {
            Some(value) => self.reg(value).is_scalar() && self.reg(value).scalar.var_off.is(0),
            None => is_store_imm(self.insns[insn_idx]) && self.insns[insn_idx].imm == 0,
        }
    }

    /// A write at a variable offset: every byte that it may reach may have changed (`check_stack_write_var_off`).
    pub(super) fn check_stack_write_var_off(
        &mut self,
        span: Span,
        value: Option<usize>,
        insn_idx: usize,
    ) -> Check {
        let writing_zero = self.writes_zero(value, insn_idx);
        for off in span.bytes() {
            self.destroy_if_dynptr_stack_slot(span.frame, spi_of(off) as usize)?;
        }
        self.check_fastcall_stack_contract(span.frame, insn_idx, span.min_off);
        let mut zero_used = false;
        for off in span.bytes() {
            zero_used |= self.may_write_byte(span.frame, off, writing_zero, insn_idx)?;
        }
        match value {
            Some(value) if zero_used => self.mark_chain_precision(value),
            _ => Ok(()),
        }
    }

    /// A byte may be written, or not; true: it matters that a zero is.
    fn may_write_byte(&mut self, frame: usize, off: i32, writing_zero: bool, insn_idx: usize) -> Check<bool> {
        let (spi, byte) = (spi_of(off) as usize, byte_of(off));
        self.scratch_slot(spi);
        let (leaks_ok, uninit_ok) = (self.allow_ptr_leaks, self.allow_uninit_stack);
        let slot = &mut self.cur.frames[frame].stack[spi];
        let before = slot.types[byte];
        if !leaks_ok && before != SlotType::Misc && before != SlotType::Zero {
            return refuse!(
                self,
                EINVAL,
                "spilled ptr in range of var-offset stack write; insn {insn_idx}, ptr off: {off}"
            );
        }
        let zero_spilled = slot.is_spilled_scalar() && slot.reg.scalar.var_off.is(0);
        if writing_zero && before == SlotType::Spill && zero_spilled {
            return Ok(true);
        }
        slot.scrub();
        if writing_zero && slot.types[byte] == SlotType::Zero {
            return Ok(true);
        }
        if slot.types[byte] == SlotType::Invalid && !uninit_ok {
            return refuse!(
                self,
                EINVAL,
                "uninit stack in range of var-offset write prohibited for !root; insn {insn_idx}, off: {off}"
            );
        }
        slot.types[byte] = SlotType::Misc;
        Ok(false)
    }
}

/// Whether an instruction stores an immediate (`is_bpf_st_mem`).
const fn is_store_imm(insn: Insn) -> bool {
    class(insn) == class::ST && mode(insn) == mode::MEM
}
