//! Seeded randomness: one stream per processor, so that what one CPU draws does not depend on the others.

/// A SplitMix64 stream (Steele, Lea and Flood 2014): every seed is as good as any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream number `stream` of a seed.
    pub(crate) fn new(seed: u64, stream: u32) -> Rng {
        let mut mixed = Rng(seed ^ 0x6a09_e667_f3bc_c908);
        let base = mixed.next_u64();
        Rng(base ^ u64::from(stream).wrapping_mul(0xd1b5_4a32_d192_ed03))
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }
}

/// A bijection on 64-bit numbers that looks random.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_stream() {
        let draw = |seed, stream| {
            let mut rng = Rng::new(seed, stream);
            [rng.next_u32(), rng.next_u32(), rng.next_u32()]
        };
        assert_eq!(draw(1, 0), draw(1, 0));
        assert_ne!(draw(1, 0), draw(1, 1));
        assert_ne!(draw(1, 0), draw(2, 0));
        assert_ne!(draw(0, 0), [0; 3]);
    }
}
