//! What memory and registers hold before a program writes them: a function of the seed, the same in every engine.
//!
//! A program that reads its own stack before writing it, or r1 to r5 after a call, gets the same wrong bytes every
//! time, and ones that never pass for an address.

use skep_isa::Reg;

use crate::stack::FRAME_BYTES;

/// The bytes and register values that stand for "not written yet".
#[derive(Clone, Debug)]
pub struct Poison {
    regs: [u64; Reg::COUNT],
    frame: [u8; FRAME_BYTES],
}

impl Poison {
    /// The values of one seed. Each register has its own; the frame bytes are the same on every entry.
    pub fn new(seed: u64) -> Poison {
        let mut state = seed;
        let mut next = || not_an_address(split_mix(&mut state));
        let regs = std::array::from_fn(|_| next());
        let mut frame = [0; FRAME_BYTES];
        for word in frame.as_chunks_mut::<8>().0 {
            *word = next().to_le_bytes();
        }
        Poison { regs, frame }
    }

    /// What a clobbered or never written register holds.
    pub fn reg(&self, reg: Reg) -> u64 {
        self.regs[reg.index()]
    }

    /// What a stack frame holds on entry, lowest address first.
    pub fn frame(&self) -> &[u8; FRAME_BYTES] {
        &self.frame
    }

    pub(crate) fn regs(&self) -> &[u64; Reg::COUNT] {
        &self.regs
    }
}

/// Sets the two top bits to 01: no sign-extended 32-bit number looks like that, so no access through it succeeds.
fn not_an_address(value: u64) -> u64 {
    value & !(1 << 63) | 1 << 62
}

/// SplitMix64 (Steele, Lea, Flood 2014): the usual way to spread a seed over many words.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_function_of_the_seed_and_never_an_address() {
        for seed in [0, 1, u64::MAX] {
            let (a, b) = (Poison::new(seed), Poison::new(seed));
            assert_eq!(a.regs, b.regs);
            assert_eq!(a.frame, b.frame);
            let words = a.frame.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w));
            for word in a.regs.into_iter().chain(words) {
                assert_ne!(word, word as i32 as u64, "{word:#x} passes for an address");
            }
        }
        assert_ne!(Poison::new(1).regs, Poison::new(2).regs);
    }
}
