//! What lies in a slot of the stack, and what of it a write leaves.

use crate::state::reg::Reg;
use crate::state::stack::{REG_SIZE, Slot, SlotType};
use crate::state::types::{Base, RegType};

impl SlotType {
    /// What a byte is after a write beside it made a spilled register worthless (`scrub_spilled_slot`).
    pub(crate) fn scrub(&mut self) {
        if *self != SlotType::Invalid {
            *self = SlotType::Misc;
        }
    }

    /// What a byte beside a narrow spill is (`mark_stack_slot_misc`): a zero stays one, and what nobody wrote does not
    /// become readable.
    pub(crate) fn make_misc(&mut self) {
        if *self != SlotType::Zero && *self != SlotType::Invalid {
            *self = SlotType::Misc;
        }
    }
}

impl Slot {
    /// Whether a number was spilled there (`is_spilled_scalar_reg`).
    pub(crate) fn is_spilled_scalar(&self) -> bool {
        self.is_spill() && self.reg.is_scalar()
    }

    /// Whether more than data lies there: a register, or an object of the kernel's (`is_stack_slot_special`).
    pub(crate) fn is_special(&self) -> bool {
        !matches!(self.types[REG_SIZE - 1], SlotType::Invalid | SlotType::Misc | SlotType::Zero)
    }

    /// How many bytes of a spilled register, from the low one on, are there.
    pub(crate) fn spill_size(&self) -> u32 {
        self.types.iter().rev().take_while(|it| **it == SlotType::Spill).count() as u32
    }

    /// Spills `size` bytes of a register (`save_register_state`).
    pub(crate) fn save(&mut self, reg: Reg, size: u32) {
        self.reg = reg;
        let (beside, spilled) = self.types.split_at_mut(REG_SIZE - size as usize);
        beside.iter_mut().for_each(SlotType::make_misc);
        spilled.fill(SlotType::Spill);
    }

    /// Data is written into it: what lay there is not the same any more (`scrub_special_slot`).
    pub(crate) fn scrub(&mut self) {
        self.reg.ty = RegType::NOT_INIT;
        if self.is_special() {
            self.types.iter_mut().for_each(SlotType::scrub);
        }
    }
}

/// Whether a pointer of this kind may be spilled (`is_spillable_regtype`).
pub(crate) fn is_spillable(ty: RegType) -> bool {
    !matches!(ty.base, Base::NotInit | Base::Scalar | Base::PtrToTpBuffer | Base::ConstPtrToDynptr)
}

/// The byte of its slot that an offset from the frame pointer means.
pub(crate) const fn byte_of(off: i32) -> usize {
    (-off - 1) as usize % REG_SIZE
}

#[cfg(test)]
mod tests {
    use super::*;
    use SlotType::{Dynptr, Invalid, IrqFlag, Iter, Misc, Spill, Zero};

    #[test]
    fn bytes_that_a_write_touches() {
        let after = |mut it: SlotType| {
            let mut other = it;
            it.scrub();
            other.make_misc();
            (it, other)
        };
        let all = [Invalid, Spill, Misc, Zero, Dynptr, Iter, IrqFlag].map(after);
        let expected = [
            (Invalid, Invalid),
            (Misc, Misc),
            (Misc, Misc),
            (Misc, Zero),
            (Misc, Misc),
            (Misc, Misc),
            (Misc, Misc),
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn spills_of_every_size() {
        for size in [1, 2, 4, 8] {
            for before in [Invalid, Misc, Zero] {
                let mut slot = Slot { types: [before; REG_SIZE], ..Slot::EMPTY };
                slot.save(Reg::constant(7), size);
                assert_eq!(slot.spill_size(), size);
                assert!(slot.is_spill() && slot.is_spilled_scalar() && slot.is_special());
                assert_eq!(slot.types[0] == SlotType::Spill, size == 8);
                let beside = &slot.types[..REG_SIZE - size as usize];
                assert!(beside.iter().all(|it| *it == before), "{before:?}");
                slot.scrub();
                assert!(!slot.is_spill() && slot.reg.ty == RegType::NOT_INIT);
            }
        }
    }

    #[test]
    fn data_is_not_special() {
        for (ty, special) in [
            (Invalid, false),
            (Misc, false),
            (Zero, false),
            (Spill, true),
            (Dynptr, true),
            (Iter, true),
            (IrqFlag, true),
        ] {
            let slot = Slot { types: [ty; REG_SIZE], ..Slot::EMPTY };
            assert_eq!(slot.is_special(), special, "{ty:?}");
        }
    }

    #[test]
    fn a_byte_counts_from_the_top() {
        // fp-1 is the highest byte of the first slot; `types` counts from the side of fp, as the kernel does.
        assert_eq!([-1, -8, -9, -16].map(byte_of), [0, 7, 0, 7]);
    }
}
