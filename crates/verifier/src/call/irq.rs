//! Saved interrupt flags on the stack.

use skep_abi::Errno;

use super::dynptr::Spi;
use crate::access::Access;
use crate::scalar::Scalar;
use crate::state::reg::{Extra, Reg};
use crate::state::stack::{REG_SIZE, SlotType};
use crate::state::types::{Base, RegType};
use crate::state::{LockPtr, Ref, RefKind};
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

/// Saved by `bpf_local_irq_save` (`IRQ_NATIVE_KFUNC`).
pub(crate) const NATIVE: u8 = 0;
/// Saved by `bpf_res_spin_lock_irqsave` (`IRQ_LOCK_KFUNC`).
pub(crate) const LOCK: u8 = 1;

impl Verifier<'_> {
    fn irq_spi(&mut self, reg: &Reg) -> Check<Spi> {
        self.stack_obj_spi(reg, "irq_flag", 1)
    }

    /// An argument that is saved interrupt flags (`process_irq_flag`). `save`: they are saved there, or restored.
    pub(crate) fn process_irq_flag(&mut self, regno: usize, save: bool, class: u8) -> Check {
        let reg = *self.reg(regno);
        if save {
            if !self.is_irq_reg_valid_uninit(&reg) {
                return refuse!(self, EINVAL, "expected uninitialized irq flag as arg#{}\n", regno - 1);
            }
            let insn_idx = self.insn_idx;
            self.check_mem_access(insn_idx, regno, 0, 8, Access::Write, None, false, false)?;
            return self.mark_stack_slot_irq(&reg, insn_idx, class);
        }
        let Some(spi) = self.is_irq_reg_valid_init(&reg) else {
            return refuse!(self, EINVAL, "expected an initialized irq flag as arg#{}\n", regno - 1);
        };
        self.mark_stack_obj_read(reg.frameno as usize, spi, 1);
        self.unmark_stack_slot_irq(&reg, spi, class)
    }

    fn is_irq_reg_valid_uninit(&mut self, reg: &Reg) -> bool {
        match self.irq_spi(reg) {
            Err(_) => false,
            Ok(Spi::Beyond) => true,
            Ok(Spi::At(spi)) => {
                let slot = &self.cur.frames[reg.frameno as usize].stack[spi];
                !slot.types.contains(&SlotType::IrqFlag)
            }
        }
    }

    fn is_irq_reg_valid_init(&mut self, reg: &Reg) -> Option<usize> {
        let Ok(Spi::At(spi)) = self.irq_spi(reg) else { return None };
        let slot = &self.cur.frames[reg.frameno as usize].stack[spi];
        let is_flag = slot.reg.ref_obj_id != 0 && slot.types == [SlotType::IrqFlag; REG_SIZE];
        is_flag.then_some(spi)
    }

    fn mark_stack_slot_irq(&mut self, reg: &Reg, insn_idx: usize, class: u8) -> Check {
        let Spi::At(spi) = self.irq_spi(reg)? else { return Err(Stop::new(Errno::ERANGE)) };
        let id = self.new_id();
        self.cur.refs.push(Ref { kind: RefKind::Irq, id, insn_idx, ptr: LockPtr::None });
        self.cur.active_irq_id = id;
        let frame = reg.frameno as usize;
        self.mark_stack_write(frame, 1 << spi);
        let slot = &mut self.cur.frames[frame].stack[spi];
        slot.reg = Reg {
            ty: RegType::of(Base::PtrToStack),
            scalar: Scalar::constant(0),
            ref_obj_id: id,
            extra: Extra::Irq { class },
            subreg_def: slot.reg.subreg_def,
            ..Reg::NOT_INIT
        };
        slot.types = [SlotType::IrqFlag; REG_SIZE];
        self.scratch_slot(spi);
        Ok(())
    }

    fn unmark_stack_slot_irq(&mut self, reg: &Reg, spi: usize, class: u8) -> Check {
        let frame = reg.frameno as usize;
        let kept = self.cur.frames[frame].stack[spi].reg;
        let saved_by = if let Extra::Irq { class } = kept.extra { class } else { NATIVE };
        if saved_by != class {
            let (flag, used) = (class_name(saved_by), class_name(class));
            return refuse!(
                self,
                EINVAL,
                "irq flag acquired by {flag} kfuncs cannot be restored with {used} kfuncs\n"
            );
        }
        self.release_irq(kept.ref_obj_id)?;
        self.mark_stack_write(frame, 1 << spi);
        let slot = &mut self.cur.frames[frame].stack[spi];
        slot.reg = Reg { subreg_def: kept.subreg_def, ..Reg::NOT_INIT };
        slot.types = [SlotType::Invalid; REG_SIZE];
        self.scratch_slot(spi);
        Ok(())
    }

    /// `release_irq_state`: only what was saved last may be restored.
    fn release_irq(&mut self, id: u32) -> Check {
        let expected = self.cur.active_irq_id;
        let irqs = |it: &&Ref| it.kind == RefKind::Irq;
        if id != expected {
            let at = self.cur.refs.iter().find(|it| it.id == expected).map_or(0, |it| it.insn_idx);
            return refuse!(
                self,
                EACCES,
                "cannot restore irq state out of order, expected id={expected} acquired at insn_idx={at}\n"
            );
        }
        let refs = &mut self.cur.refs;
        let Some(at) = refs.iter().position(|it| it.kind == RefKind::Irq && it.id == id) else {
            return Err(Stop::new(Errno::EINVAL));
        };
        self.cur.active_irq_id = refs[..at].iter().rfind(irqs).map_or(0, |it| it.id);
        refs.remove(at);
        Ok(())
    }
}

const fn class_name(class: u8) -> &'static str {
    if class == NATIVE { "native" } else { "lock" }
}
