//! Bytes from a seed.

/// `len` bytes that follow from a seed and a number, the same on every machine (splitmix64).
pub fn bytes(seed: u64, index: u64, len: usize) -> Vec<u8> {
    let mut state = mix(seed).wrapping_add(mix(index ^ 0x5eed));
    let words = std::iter::repeat_with(|| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(state).to_le_bytes()
    });
    words.flatten().take(len).collect()
}

fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
