//! The stack of a frame, byte for byte (`struct bpf_stack_state`).

use super::reg::Reg;

/// Bytes of a register, and of a stack slot.
pub(crate) const REG_SIZE: usize = 8;
/// Bytes of stack that a frame may have.
pub(crate) const MAX_STACK: i32 = 512;

/// What a byte of the stack holds (`enum bpf_stack_slot_type`; the numbers are its numbers).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
pub enum SlotType {
    /// Nothing was written to it.
    #[default]
    Invalid,
    /// A byte of the register that was spilled there.
    Spill,
    /// Some data.
    Misc,
    /// A zero.
    Zero,
    /// A byte of a dynptr.
    Dynptr,
    /// A byte of an iterator.
    Iter,
    /// A byte of saved interrupt flags.
    IrqFlag,
}

/// Eight bytes of stack.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slot {
    /// The register that was spilled there, or what is known of the object that lies there.
    pub reg: Reg,
    /// The bytes, from the highest address (the one nearest to the frame pointer) down.
    pub types: [SlotType; REG_SIZE],
}

impl Slot {
    /// Eight bytes that nothing was written to.
    pub const EMPTY: Slot = Slot { reg: Reg::NOT_INIT, types: [SlotType::Invalid; REG_SIZE] };

    /// Whether a register was spilled there (its low byte is there; `is_spilled_reg`).
    pub fn is_spill(&self) -> bool {
        self.types[REG_SIZE - 1] == SlotType::Spill
    }
}

/// The slot of an offset from the frame pointer: 0 for -8 to -1 (`__get_spi`).
pub(crate) const fn spi_of(off: i32) -> i32 {
    (-off - 1) / REG_SIZE as i32
}
