//! Hashing of keys: fixed, seeded, quick for the sizes that programs use most.

/// An odd constant with well mixed bits (the fractional part of the golden ratio).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// Keys up to this many bytes are kept and compared as one word.
pub(crate) const WORD: usize = 8;

/// A key of at most 8 bytes as a word. Injective among keys of one size.
#[inline]
pub(crate) fn word(key: &[u8]) -> u64 {
    if let Ok(bytes) = <[u8; 4]>::try_from(key) {
        return u32::from_le_bytes(bytes).into();
    }
    if let Ok(bytes) = <[u8; 8]>::try_from(key) {
        return u64::from_le_bytes(bytes);
    }
    short(key)
}

/// 1 to 7 bytes, little-endian.
fn short(key: &[u8]) -> u64 {
    key.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// Spreads a word over all 64 bits: both halves of a 128-bit product.
#[inline]
pub(crate) fn mix(word: u64, seed: u64) -> u64 {
    let product = u128::from(word ^ seed) * u128::from(MULTIPLIER);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of a key of any length.
pub(crate) fn long(key: &[u8], seed: u64) -> u64 {
    let mut hash = seed ^ key.len() as u64;
    let mut words = key.chunks_exact(WORD);
    for bytes in &mut words {
        hash = mix(hash.rotate_left(23) ^ word(bytes), MULTIPLIER);
    }
    mix(hash.rotate_left(23) ^ short(words.remainder()), seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_little_endian_and_injective() {
        assert_eq!(word(&[1]), 1);
        assert_eq!(word(&[1, 2, 3]), 0x03_0201);
        assert_eq!(word(&[1, 2, 3, 4]), 0x0403_0201);
        assert_eq!(word(&[1, 0, 0, 0, 0, 0, 0, 0x80]), 0x8000_0000_0000_0001);
    }

    #[test]
    fn neighbouring_keys_spread_over_high_and_low_bits() {
        for bits in [0, 57] {
            let mut seen = [0u32; 128];
            (0..12_800u64).for_each(|key| seen[(mix(key, 7) >> bits) as usize & 127] += 1);
            assert!(seen.iter().all(|&count| (50..200).contains(&count)), "{seen:?}");
        }
    }

    #[test]
    fn every_byte_of_a_long_key_counts() {
        let base = vec![0u8; 21];
        for at in 0..base.len() {
            let mut other = base.clone();
            other[at] = 1;
            assert_ne!(long(&base, 3), long(&other, 3), "byte {at}");
        }
        assert_ne!(long(&[0; 16], 3), long(&[0; 24], 3));
    }
}
