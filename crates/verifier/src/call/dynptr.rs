//! Dynptrs: their stack slots, and what may be done with them.

use skep_abi::Errno;

use crate::access::Access;
use crate::scalar::Scalar;
use crate::state::reg::{DynptrKind, Extra, Reg};
use crate::state::stack::{REG_SIZE, SlotType, spi_of};
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

/// Stack slots of a dynptr.
const SLOTS: i32 = 2;

/// What a call wants of a dynptr.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct DynptrArg {
    /// The call makes it (`MEM_UNINIT`).
    pub(crate) uninit: bool,
    /// The call does not change it (`MEM_RDONLY`).
    pub(crate) read_only: bool,
    /// What it has to point to, or is made for; `None`: anything.
    pub(crate) kind: Option<DynptrKind>,
}

/// Where a register says that an object on the stack is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spi {
    /// Its first slot; the others are below (`spi - 1`...).
    At(usize),
    /// Beyond what was written so far (`ERANGE`).
    Beyond,
}

impl DynptrKind {
    /// What has to be given back (`dynptr_type_refcounted`).
    pub(crate) const fn is_refcounted(self) -> bool {
        matches!(self, DynptrKind::Ringbuf | DynptrKind::File)
    }

    /// Its name in messages (`dynptr_type_str`).
    pub(crate) const fn name(self) -> &'static str {
        match self {
            DynptrKind::Local => "local",
            DynptrKind::Ringbuf => "ringbuf",
            DynptrKind::Skb => "skb",
            DynptrKind::Xdp => "xdp",
            DynptrKind::SkbMeta => "skb_meta",
            DynptrKind::File => "file",
            DynptrKind::Invalid => "<invalid>",
        }
    }

    /// What slices of it are marked with (`get_dynptr_type_flag`).
    pub(crate) const fn slice_flag(self) -> Flags {
        match self {
            DynptrKind::Local => Flags::DYNPTR_LOCAL,
            DynptrKind::Ringbuf => Flags::DYNPTR_RINGBUF,
            DynptrKind::Skb => Flags::DYNPTR_SKB,
            DynptrKind::Xdp => Flags::DYNPTR_XDP,
            DynptrKind::SkbMeta => Flags::DYNPTR_SKB_META,
            DynptrKind::File => Flags::DYNPTR_FILE,
            DynptrKind::Invalid => Flags::empty(),
        }
    }
}

/// A register, or half of a dynptr's slots (`__mark_dynptr_reg`).
pub(crate) fn dynptr_reg(kind: DynptrKind, first_slot: bool, id: u32) -> Reg {
    let ty = RegType::of(Base::ConstPtrToDynptr);
    Reg { ty, id, scalar: Scalar::constant(0), extra: Extra::Dynptr { kind, first_slot }, ..Reg::NOT_INIT }
}

impl Verifier<'_> {
    /// The first stack slot of an object that a register points to (`stack_slot_obj_get_spi`).
    ///
    /// # Errors
    /// `EINVAL`, with a message: it cannot be there.
    pub(crate) fn stack_obj_spi(&mut self, reg: &Reg, what: &str, slots: i32) -> Check<Spi> {
        let Some(var) = reg.scalar.const_value() else {
            return refuse!(self, EINVAL, "{what} has to be at a constant offset\n");
        };
        let off = reg.off.wrapping_add(var as i32);
        let spi = spi_of(off);
        if off % REG_SIZE as i32 != 0 || spi + 1 < slots {
            return refuse!(self, EINVAL, "cannot pass in {what} at an offset={off}\n");
        }
        let allocated = self.cur.frames[reg.frameno as usize].stack.len() as i32;
        let inside = spi - slots + 1 >= 0 && spi < allocated;
        Ok(if inside { Spi::At(spi as usize) } else { Spi::Beyond })
    }

    /// As [`Verifier::stack_obj_spi`] for a dynptr that is there; `ERANGE` beyond.
    fn dynptr_spi(&mut self, reg: &Reg) -> Check<usize> {
        match self.stack_obj_spi(reg, "dynptr", SLOTS)? {
            Spi::At(spi) => Ok(spi),
            Spi::Beyond => Err(Stop::new(Errno::ERANGE)),
        }
    }

    fn slot_dynptr(&self, frame: usize, spi: usize) -> Option<(DynptrKind, bool)> {
        match self.cur.frames[frame].stack.get(spi)?.reg.extra {
            Extra::Dynptr { kind, first_slot } => Some((kind, first_slot)),
            _ => None,
        }
    }

    /// Empties the two slots of a dynptr (`invalidate_dynptr`).
    fn invalidate_dynptr(&mut self, frame: usize, spi: usize) {
        for slot in &mut self.cur.frames[frame].stack[spi - 1..=spi] {
            slot.types = [SlotType::Invalid; REG_SIZE];
            slot.reg = Reg { subreg_def: slot.reg.subreg_def, ..Reg::NOT_INIT };
        }
        self.mark_stack_write(frame, 0b11 << (spi - 1));
    }

    /// Whatever dynptr lies in a slot is gone, because the slot is written (`destroy_if_dynptr_stack_slot`).
    pub(crate) fn destroy_if_dynptr_stack_slot(&mut self, frame: usize, spi: usize) -> Check {
        // Dynptrs fill their slots: the first byte tells.
        let is_dynptr = |it: &crate::state::stack::Slot| it.types[0] == SlotType::Dynptr;
        if !self.cur.frames[frame].stack.get(spi).is_some_and(is_dynptr) {
            return Ok(());
        }
        let first = self.slot_dynptr(frame, spi).is_none_or(|(_, first)| first);
        let spi = if first { spi } else { spi + 1 };
        if self.slot_dynptr(frame, spi).is_some_and(|(kind, _)| kind.is_refcounted()) {
            return refuse!(self, EINVAL, "cannot overwrite referenced dynptr\n");
        }
        self.scratch_slot(spi);
        self.scratch_slot(spi - 1);
        let id = self.cur.frames[frame].stack[spi].reg.id;
        // Its slots are not dynptrs any more when slices are looked for, but they are no spills either way.
        for slot in &mut self.cur.frames[frame].stack[spi - 1..=spi] {
            slot.types = [SlotType::Invalid; REG_SIZE];
        }
        self.invalidate_slices(id);
        self.invalidate_dynptr(frame, spi);
        Ok(())
    }

    /// Forgets slices of a dynptr: only those of `bpf_dynptr_data`, as the kernel does.
    fn invalidate_slices(&mut self, id: u32) {
        let invalid = self.invalidate();
        self.cur.for_each_reg(|reg| {
            let is_slice = reg.ty.base == Base::PtrToMem && (reg.ty.flags - Flags::MAYBE_NULL).is_empty();
            if is_slice && matches!(reg.extra, Extra::Mem { dynptr_id, .. } if dynptr_id == id) {
                invalid.reg(reg);
            }
        });
    }

    fn mark_stack_slots_dynptr(
        &mut self,
        reg: &Reg,
        kind: Option<DynptrKind>,
        insn_idx: usize,
        clone_ref_obj_id: u32,
    ) -> Check {
        let frame = reg.frameno as usize;
        let spi = self.dynptr_spi(reg)?;
        // The two slots may belong to two dynptrs.
        self.destroy_if_dynptr_stack_slot(frame, spi)?;
        self.destroy_if_dynptr_stack_slot(frame, spi - 1)?;
        for slot in &mut self.cur.frames[frame].stack[spi - 1..=spi] {
            slot.types = [SlotType::Dynptr; REG_SIZE];
        }
        let Some(kind) = kind.filter(|it| *it != DynptrKind::Invalid) else {
            return Err(Stop::new(Errno::EINVAL));
        };
        let id = self.new_id();
        let ref_obj_id = match clone_ref_obj_id {
            _ if !kind.is_refcounted() => 0,
            0 => self.acquire_reference(insn_idx),
            id => id,
        };
        for (at, first_slot) in [(spi, true), (spi - 1, false)] {
            let slot = &mut self.cur.frames[frame].stack[at];
            let subreg_def = slot.reg.subreg_def;
            slot.reg = Reg { ref_obj_id, subreg_def, ..dynptr_reg(kind, first_slot, id) };
        }
        self.mark_stack_write(frame, 0b11 << (spi - 1));
        Ok(())
    }

    /// The dynptr that a register points to is given up, with its clones and slices (`unmark_stack_slots_dynptr`).
    pub(crate) fn unmark_stack_slots_dynptr(&mut self, reg: &Reg) -> Check {
        if reg.ty.base == Base::ConstPtrToDynptr {
            return refuse!(self, EFAULT, "verifier bug: CONST_PTR_TO_DYNPTR cannot be released\n");
        }
        let frame = reg.frameno as usize;
        let spi = self.dynptr_spi(reg)?;
        if !self.slot_dynptr(frame, spi).is_some_and(|(kind, _)| kind.is_refcounted()) {
            self.invalidate_dynptr(frame, spi);
            return Ok(());
        }
        let ref_obj_id = self.cur.frames[frame].stack[spi].reg.ref_obj_id;
        // That it was not acquired is a warning to the kernel, no more.
        let _ = self.release_reference(ref_obj_id);
        for spi in 1..self.cur.frames[frame].stack.len() {
            let slot = &self.cur.frames[frame].stack[spi];
            if slot.reg.ref_obj_id != ref_obj_id {
                continue;
            }
            if slot.types[0] != SlotType::Dynptr {
                return refuse!(self, EFAULT, "verifier bug: misconfigured ref_obj_id\n");
            }
            if self.slot_dynptr(frame, spi).is_some_and(|(_, first)| first) {
                self.invalidate_dynptr(frame, spi);
            }
        }
        Ok(())
    }

    fn is_dynptr_reg_valid_uninit(&mut self, reg: &Reg) -> bool {
        reg.ty.base != Base::ConstPtrToDynptr && self.stack_obj_spi(reg, "dynptr", SLOTS).is_ok()
    }

    fn is_dynptr_reg_valid_init(&mut self, reg: &Reg) -> bool {
        if reg.ty.base == Base::ConstPtrToDynptr {
            return true;
        }
        let Ok(spi) = self.dynptr_spi(reg) else { return false };
        let frame = reg.frameno as usize;
        let slots = &self.cur.frames[frame].stack[spi - 1..=spi];
        let filled = slots.iter().all(|it| it.types == [SlotType::Dynptr; REG_SIZE]);
        filled && self.slot_dynptr(frame, spi).is_some_and(|(_, first)| first)
    }

    fn is_dynptr_type_expected(&mut self, reg: &Reg, kind: Option<DynptrKind>) -> bool {
        let Some(kind) = kind else { return true };
        match reg.extra {
            Extra::Dynptr { kind: has, .. } if reg.ty.base == Base::ConstPtrToDynptr => has == kind,
            _ => {
                let Ok(spi) = self.dynptr_spi(reg) else { return false };
                self.slot_dynptr(reg.frameno as usize, spi).is_some_and(|(has, _)| has == kind)
            }
        }
    }

    /// An argument that is a dynptr (`process_dynptr_func`). `clone_ref_obj_id`: the reference that a clone shares.
    pub(crate) fn process_dynptr_func(
        &mut self,
        regno: usize,
        insn_idx: usize,
        arg: DynptrArg,
        clone_ref_obj_id: u32,
    ) -> Check {
        let reg = *self.reg(regno);
        if !reg.ty.is(Base::PtrToStack) && !reg.ty.is(Base::ConstPtrToDynptr) {
            let argno = regno - 1;
            return refuse!(
                self,
                EINVAL,
                "arg#{argno} expected pointer to stack or const struct bpf_dynptr\n"
            );
        }
        if arg.uninit {
            return self.process_new_dynptr(regno, insn_idx, arg, clone_ref_obj_id);
        }
        if reg.ty.is(Base::ConstPtrToDynptr) && !arg.read_only {
            return refuse!(self, EINVAL, "cannot pass pointer to const bpf_dynptr, the helper mutates it\n");
        }
        if !self.is_dynptr_reg_valid_init(&reg) {
            return refuse!(self, EINVAL, "Expected an initialized dynptr as arg #{}\n", regno - 1);
        }
        if !self.is_dynptr_type_expected(&reg, arg.kind) {
            let kind = arg.kind.unwrap_or(DynptrKind::Invalid).name();
            return refuse!(self, EINVAL, "Expected a dynptr of type {kind} as arg #{}\n", regno - 1);
        }
        self.mark_dynptr_read(&reg)
    }

    fn process_new_dynptr(
        &mut self,
        regno: usize,
        insn_idx: usize,
        arg: DynptrArg,
        clone_ref_obj_id: u32,
    ) -> Check {
        let reg = *self.reg(regno);
        if !self.is_dynptr_reg_valid_uninit(&reg) {
            return refuse!(self, EINVAL, "Dynptr has to be an uninitialized dynptr\n");
        }
        for off in [0, 8] {
            self.check_mem_access(insn_idx, regno, off, 8, Access::Write, None, false, false)?;
        }
        self.mark_stack_slots_dynptr(&reg, arg.kind, insn_idx, clone_ref_obj_id)
    }

    fn mark_dynptr_read(&mut self, reg: &Reg) -> Check {
        if reg.ty.base == Base::ConstPtrToDynptr {
            return Ok(());
        }
        let spi = self.dynptr_spi(reg)?;
        self.mark_stack_obj_read(reg.frameno as usize, spi, SLOTS as usize);
        Ok(())
    }

    /// The slots of an object on the stack are read (`mark_stack_slot_obj_read`).
    pub(super) fn mark_stack_obj_read(&mut self, frame: usize, spi: usize, slots: usize) {
        for at in (spi + 1 - slots..=spi).rev() {
            let insn_idx = self.insn_idx;
            self.mark_stack_read(frame, insn_idx, 1 << at);
            self.scratch_slot(at);
        }
    }

    /// What is kept of the dynptr that a register points to: the register itself, or its first slot.
    fn dynptr_state(&mut self, reg: &Reg) -> Check<Reg> {
        if reg.ty.base == Base::ConstPtrToDynptr {
            return Ok(*reg);
        }
        let spi = self.dynptr_spi(reg)?;
        Ok(self.cur.frames[reg.frameno as usize].stack[spi].reg)
    }

    /// The id of a dynptr (`dynptr_id`).
    pub(crate) fn dynptr_id(&mut self, reg: &Reg) -> Check<u32> {
        Ok(self.dynptr_state(reg)?.id)
    }

    /// The reference that a dynptr holds (`dynptr_ref_obj_id`); 0: none.
    pub(crate) fn dynptr_ref_obj_id(&mut self, reg: &Reg) -> Check<u32> {
        Ok(self.dynptr_state(reg)?.ref_obj_id)
    }

    /// What a dynptr points to (`dynptr_get_type`).
    pub(crate) fn dynptr_kind(&mut self, reg: &Reg) -> DynptrKind {
        match self.dynptr_state(reg).map(|it| it.extra) {
            Ok(Extra::Dynptr { kind, .. }) => kind,
            _ => DynptrKind::Invalid,
        }
    }
}
