//! Pointers that may be NULL, compared with NULL or with each other.

use skep_isa::{JmpOp, Width};

use super::{Compared, Side, width};
use crate::call::refs::{is_alloc_obj, is_non_owning};
use crate::record::FieldKind;
use crate::state::RefKind;
use crate::state::reg::Reg;
use crate::state::types::{Base, Flags, RegType};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// All copies of a pointer that may be NULL are, or are not (`mark_ptr_or_null_regs`).
    pub(super) fn mark_null_or_not(&mut self, side: Side, regno: usize, is_null: bool) {
        let Reg { id, ref_obj_id, .. } = *self.reg_on(side, regno);
        let state = self.side(side);
        if ref_obj_id != 0 && ref_obj_id == id && is_null {
            let held = state.refs.iter().position(|it| it.kind == RefKind::Ptr && it.id == id);
            held.map(|at| state.refs.remove(at));
        }
        let is_copy = |reg: &Reg| {
            reg.ty.may_be_null() && reg.id == id && (id != 0 || reg.ty.has(Flags::RCU)) && is_unmoved(reg)
        };
        let mut copies = Vec::new();
        state.for_each_reg(|reg| {
            if is_copy(reg) {
                copies.push(*reg);
            }
        });
        for copy in &mut copies {
            *copy = if is_null { null_of(*copy) } else { self.found_not_null(*copy) };
        }
        let mut copies = copies.into_iter();
        self.side(side).for_each_reg(|reg| {
            if is_copy(reg) {
                *reg = copies.next().unwrap_or(*reg);
            }
        });
    }

    fn reg_on(&mut self, side: Side, regno: usize) -> &Reg {
        &self.side(side).cur().regs[regno]
    }

    /// A pointer that is not NULL keeps its id only if it may have to do with a lock.
    fn found_not_null(&mut self, reg: Reg) -> Reg {
        let reg = self.not_null(reg);
        if self.may_point_to_spin_lock(&reg) { reg } else { Reg { id: 0, ..reg } }
    }

    /// Whether there is a lock in what it points to (`reg_may_point_to_spin_lock`).
    pub(crate) fn may_point_to_spin_lock(&mut self, reg: &Reg) -> bool {
        let record = self.reg_record(reg);
        self.record_has(record, FieldKind::SpinLock) || self.record_has(record, FieldKind::ResSpinLock)
    }

    /// A pointer that may be NULL, where it equals one that is not, is none either. The kernel's own objects may be NULL
    /// whatever their type says, so they tell nothing.
    pub(super) fn equal_to_not_null(&mut self, branch: &Compared, other: &Reg) {
        let dst = *self.reg(branch.dst);
        let Some(src) = branch.src.filter(|_| width(branch.insn) == Width::W64) else { return };
        let pointers = !dst.is_scalar() && !other.is_scalar();
        let of_kernel = dst.ty.base == Base::PtrToBtfId || other.ty.base == Base::PtrToBtfId;
        if !pointers || of_kernel || dst.ty.may_be_null() == other.ty.may_be_null() {
            return;
        }
        let side = match branch.op {
            JmpOp::Eq => Side::Jumps,
            JmpOp::Ne => Side::Falls,
            _ => return,
        };
        let regno = if other.ty.may_be_null() { src } else { branch.dst };
        let reg = *self.reg_on(side, regno);
        let reg = self.not_null(reg);
        self.side(side).cur_mut().regs[regno] = reg;
    }
}

/// Whether it points to the start of something, as one that may be NULL has to. Objects that the program allocated may be
/// given by a part of them.
fn is_unmoved(reg: &Reg) -> bool {
    let number = &reg.scalar;
    let at_start = number.smin == 0 && number.smax == 0 && number.var_off.is(0);
    at_start && (reg.off == 0 || is_alloc_obj(reg.ty) || is_non_owning(reg.ty))
}

fn null_of(reg: Reg) -> Reg {
    Reg { ty: RegType::SCALAR, id: 0, ref_obj_id: 0, ..reg }
}
