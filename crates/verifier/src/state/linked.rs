//! Numbers that are known to be the same, or to differ by a constant, when a branch refines one of them
//! (`struct linked_regs`), packed into a step's 64 bits.

/// The most that a step keeps.
pub(crate) const MAX_LINKED: usize = 6;

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct LinkedReg {
    /// The frame.
    pub(crate) frameno: u8,
    /// The register's number, or the stack slot's.
    pub(crate) number: u8,
    /// Whether it is a register.
    pub(crate) is_reg: bool,
}

/// All of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct LinkedRegs {
    entries: [LinkedReg; MAX_LINKED],
    len: usize,
}

impl LinkedRegs {
    /// Adds one; false: there is no place left.
    pub(crate) fn push(&mut self, entry: LinkedReg) -> bool {
        let fits = self.len < MAX_LINKED;
        if fits {
            self.entries[self.len] = entry;
            self.len += 1;
        }
        fits
    }

    /// All that were added.
    pub(crate) fn as_slice(&self) -> &[LinkedReg] {
        &self.entries[..self.len]
    }

    /// In 64 bits.
    pub(crate) fn pack(&self) -> u64 {
        let word =
            |it: &LinkedReg| u64::from(it.frameno) | u64::from(it.number) << 3 | u64::from(it.is_reg) << 9;
        self.as_slice().iter().rev().fold(0, |bits, it| bits << 10 | word(it)) << 4 | self.len as u64
    }

    /// From 64 bits.
    pub(crate) fn unpack(bits: u64) -> LinkedRegs {
        let mut all = LinkedRegs::default();
        for at in 0..(bits & 0xf) {
            let word = bits >> (4 + 10 * at);
            let entry = LinkedReg {
                frameno: (word & 7) as u8,
                number: (word >> 3 & 0x3f) as u8,
                is_reg: word >> 9 & 1 != 0,
            };
            all.push(entry);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_keeps_all() {
        let mut all = LinkedRegs::default();
        for at in 0..6 {
            assert_eq!(LinkedRegs::unpack(all.pack()), all);
            assert!(all.push(LinkedReg { frameno: 7 - at, number: 63 - at * 9, is_reg: at % 2 == 0 }));
        }
        assert!(!all.push(LinkedReg::default()));
        assert_eq!(LinkedRegs::unpack(all.pack()), all);
    }
}
