//! Numbers of any width at any bit of a buffer, little-endian.

/// Reads `len` bits from bit `at`. `None` if they are not all there, or more than 128.
pub(crate) fn read(bytes: &[u8], at: u64, len: u32) -> Option<u128> {
    if len == 0 {
        return Some(0);
    }
    let (span, shift) = span(bytes.len(), at, len)?;
    // A field of 128 bits that starts inside a byte spans 17.
    let mut low = [0; 16];
    let span = bytes.get(span)?;
    let count = span.len().min(16);
    low[..count].copy_from_slice(&span[..count]);
    let mut value = u128::from_le_bytes(low) >> shift;
    if let Some(last) = span.get(16) {
        value |= u128::from(*last) << (128 - shift);
    }
    Some(value & mask(len))
}

/// Writes the lowest `len` bits of `value` to bit `at`; all others stay. `None`, and nothing is written, if they
/// are not all there, or more than 128.
pub(crate) fn write(bytes: &mut [u8], at: u64, len: u32, value: u128) -> Option<()> {
    if len == 0 {
        return Some(());
    }
    let (span, shift) = span(bytes.len(), at, len)?;
    let span = bytes.get_mut(span)?;
    for (index, byte) in span.iter_mut().enumerate() {
        let ones = byte_of(mask(len), index, shift);
        *byte = (*byte & !ones) | byte_of(value & mask(len), index, shift);
    }
    Some(())
}

/// Byte number `index` (0 to 16) of `number << shift`, a number of up to 135 bits.
fn byte_of(number: u128, index: usize, shift: u32) -> u8 {
    match index as u32 * 8 {
        0 => (number << shift) as u8,
        bit => number.checked_shr(bit - shift).unwrap_or(0) as u8,
    }
}

/// The bytes that hold the bits, and where the first bit is in them.
fn span(have: usize, at: u64, len: u32) -> Option<(std::ops::Range<usize>, u32)> {
    if len > 128 {
        return None;
    }
    let end = at.checked_add(len.into())?.div_ceil(8);
    let end = usize::try_from(end).ok().filter(|end| *end <= have)?;
    Some(((at / 8) as usize..end, (at % 8) as u32))
}

/// The lowest `len` bits.
pub(crate) const fn mask(len: u32) -> u128 {
    if len >= 128 { u128::MAX } else { (1 << len) - 1 }
}

/// A number of `len` bits (1 to 128), read as two's complement.
pub(crate) const fn sign_extend(value: u128, len: u32) -> i128 {
    if len == 0 || len >= 128 { value as i128 } else { ((value << (128 - len)) as i128) >> (128 - len) }
}
