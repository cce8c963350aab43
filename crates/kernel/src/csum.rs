//! The Internet checksum (RFC 1071, RFC 1624) as the kernel's helpers keep it: in the byte order of memory.
//!
//! Sums are of 16-bit words read little-endian. That is right on any machine, because one's complement addition
//! commutes with swapping bytes, as long as sums are only ever stored the same way.

/// Adds with the carry wrapped around (`csum_add`).
pub(crate) fn add(a: u32, b: u32) -> u32 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u32::from(carry)
}

/// A 32-bit sum in 16 bits (`csum_from32to16`).
pub(crate) fn fold16(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// The checksum that a header holds for a sum (`csum_fold`).
pub(crate) fn fold(sum: u32) -> u16 {
    !fold16(sum)
}

/// The sum of some bytes and `seed`; an odd last byte counts as the low one of its word (`csum_partial`).
pub(crate) fn partial(bytes: &[u8], seed: u32) -> u32 {
    let mut words = bytes.chunks_exact(4);
    let mut sum = seed;
    for word in &mut words {
        sum = add(sum, u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    }
    let mut last = [0; 4];
    let rest = words.remainder();
    last[..rest.len()].copy_from_slice(rest);
    add(sum, u32::from_le_bytes(last))
}

/// The checksum after `diff`, the sum of what changed, is added to what it covers (`csum_replace_by_diff`).
pub(crate) fn replace_by_diff(check: u16, diff: u32) -> u16 {
    fold(add(diff, u32::from(!check) | 0xffff_0000))
}

/// The checksum after a 16-bit field goes from `from` to `to` (`csum_replace2`).
pub(crate) fn replace2(check: u16, from: u16, to: u16) -> u16 {
    let add16 = |a: u16, b: u16| {
        let (sum, carry) = a.overflowing_add(b);
        sum + u16::from(carry)
    };
    !add16(add16(!check, !from), to)
}

/// The checksum after a 32-bit field goes from `from` to `to` (`csum_replace4`).
pub(crate) fn replace4(check: u16, from: u32, to: u32) -> u16 {
    let without = add(!u32::from(check), !from);
    fold(add(without, to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example of RFC 1071, section 3.
    #[test]
    fn rfc1071_example() {
        let sum = fold16(partial(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], 0));
        assert_eq!(sum.to_le_bytes(), [0xdd, 0xf2]);
    }

    #[test]
    fn odd_lengths() {
        assert_eq!(fold16(partial(&[1], 0)), 1);
        assert_eq!(fold16(partial(&[1, 2, 3], 0)), 0x0204);
        assert_eq!(fold16(partial(&[], 7)), 7);
    }

    /// Equal up to the two zeroes of one's complement.
    fn same(a: u16, b: u16) -> bool {
        a == b || (a ^ b == 0xffff && (a == 0 || b == 0))
    }

    proptest! {
        #[test]
        fn replacing_is_recomputing(mut bytes in prop::collection::vec(any::<u8>(), 8..64), to: u32, word: prop::sample::Index) {
            bytes.truncate(bytes.len() & !3);
            let at = word.index(bytes.len() / 4) * 4;
            let before = fold(partial(&bytes, 0));
            let from = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            bytes[at..at + 4].copy_from_slice(&to.to_le_bytes());
            let after = fold(partial(&bytes, 0));
            prop_assert!(same(replace4(before, from, to), after));
            let halves = [(from as u16, to as u16), ((from >> 16) as u16, (to >> 16) as u16)];
            let by_halves = halves.iter().fold(before, |check, &(from, to)| replace2(check, from, to));
            prop_assert!(same(by_halves, after));
            prop_assert!(same(replace_by_diff(before, add(!from, to)), after));
        }
    }
}
