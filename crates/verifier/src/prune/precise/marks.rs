//! Which registers and stack slots are traced back (`struct backtrack_state`).

use crate::state::frame::MAX_FRAMES;
use crate::state::linked::LinkedRegs;

/// Which registers and stack slots of which frames are traced back.
#[derive(Clone, Debug)]
pub(super) struct Marks {
    /// The frame that the instruction is in.
    pub(super) frame: usize,
    regs: [u16; MAX_FRAMES],
    slots: [u64; MAX_FRAMES],
}

fn bits(mask: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |i| mask >> i & 1 != 0)
}

impl Marks {
    pub(super) fn new(frame: usize) -> Marks {
        Marks { frame, regs: [0; MAX_FRAMES], slots: [0; MAX_FRAMES] }
    }

    /// Whether nothing is left; frames above the current one do not count.
    pub(super) fn is_empty(&self) -> bool {
        (0..=self.frame).all(|i| self.regs[i] == 0 && self.slots[i] == 0)
    }

    pub(super) fn regs(&self) -> u16 {
        self.regs[self.frame]
    }

    pub(super) fn slots(&self) -> u64 {
        self.slots[self.frame]
    }

    pub(super) fn has_reg(&self, regno: usize) -> bool {
        self.regs[self.frame] >> regno & 1 != 0
    }

    pub(super) fn set_reg(&mut self, regno: usize) {
        self.regs[self.frame] |= 1 << regno;
    }

    pub(super) fn clear_reg(&mut self, regno: usize) {
        self.regs[self.frame] &= !(1 << regno);
    }

    pub(super) fn set_frame_reg(&mut self, frame: usize, regno: usize) {
        self.regs[frame] |= 1 << regno;
    }

    pub(super) fn clear_frame_reg(&mut self, frame: usize, regno: usize) {
        self.regs[frame] &= !(1 << regno);
    }

    pub(super) fn has_slot(&self, frame: usize, spi: usize) -> bool {
        self.slots[frame] >> spi & 1 != 0
    }

    pub(super) fn set_slot(&mut self, frame: usize, spi: usize) {
        self.slots[frame] |= 1 << spi;
    }

    pub(super) fn clear_frame_slot(&mut self, frame: usize, spi: usize) {
        self.slots[frame] &= !(1 << spi);
    }

    pub(super) fn set_all(&mut self, frame: usize, regs: u16, slots: u64) {
        self.regs[frame] |= regs;
        self.slots[frame] |= slots;
    }

    pub(super) fn regs_of(&self, frame: usize) -> impl Iterator<Item = usize> + use<> {
        bits(self.regs[frame].into())
    }

    pub(super) fn slots_of(&self, frame: usize) -> impl Iterator<Item = usize> + use<> {
        bits(self.slots[frame])
    }

    /// Into the function that was called: going back, its end comes first. False: too deep.
    pub(super) fn enter(&mut self) -> bool {
        let fits = self.frame + 1 < MAX_FRAMES;
        self.frame += usize::from(fits);
        fits
    }

    /// Out of a function, at its beginning. False: it is the first.
    pub(super) fn leave(&mut self) -> bool {
        let is_callee = self.frame > 0;
        self.frame -= usize::from(is_callee);
        is_callee
    }

    /// Numbers that are the same matter together (`bt_sync_linked_regs`).
    pub(super) fn sync(&mut self, linked: u64) {
        if linked == 0 {
            return;
        }
        let linked = LinkedRegs::unpack(linked);
        let is_set = |it: &crate::state::linked::LinkedReg| {
            let (frame, number) = (usize::from(it.frameno), usize::from(it.number));
            if it.is_reg { self.regs[frame] >> number & 1 != 0 } else { self.has_slot(frame, number) }
        };
        if linked.as_slice().iter().any(is_set) {
            for it in linked.as_slice() {
                let (frame, number) = (usize::from(it.frameno), usize::from(it.number));
                if it.is_reg { self.set_frame_reg(frame, number) } else { self.set_slot(frame, number) }
            }
        }
    }

    /// `r1,r2`.
    pub(super) fn regs_text(&self, frame: usize) -> String {
        self.regs_of(frame).map(|i| format!("r{i}")).collect::<Vec<_>>().join(",")
    }

    /// `-8,-16`.
    pub(super) fn slots_text(&self, frame: usize) -> String {
        self.slots_of(frame).map(|i| (-(i as i32 + 1) * 8).to_string()).collect::<Vec<_>>().join(",")
    }
}
