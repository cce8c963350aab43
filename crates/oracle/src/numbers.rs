//! Operands worth trying: edges, and numbers drawn from a fixed seed.

/// Values at which arithmetic has something to get wrong.
pub const EDGES: [u64; 20] = [
    0,
    1,
    2,
    7,
    31,
    32,
    63,
    64,
    0x7f,
    0x80,
    0x8000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_8000_0000,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
];

/// The same as immediates.
pub const IMMEDIATES: [i32; 14] =
    [0, 1, 2, 7, 31, 32, 63, 0x7f, 0x8000, i32::MAX, i32::MIN, i32::MIN + 1, -2, -1];

/// Numbers from a seed (splitmix64), the same on every machine.
pub struct Numbers(pub u64);

impl Numbers {
    /// The next one.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An edge, a number of few bits, or any number.
    pub fn operand(&mut self) -> u64 {
        let kind = self.draw();
        match kind % 4 {
            0 | 1 => EDGES[(kind >> 8) as usize % EDGES.len()],
            2 => self.draw() >> (kind >> 8 & 63),
            _ => self.draw(),
        }
    }

    /// The same for an immediate.
    pub fn immediate(&mut self) -> i32 {
        let kind = self.draw();
        if kind.is_multiple_of(2) {
            IMMEDIATES[(kind >> 8) as usize % IMMEDIATES.len()]
        } else {
            self.operand() as i32
        }
    }
}
