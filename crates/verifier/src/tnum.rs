//! Tristate numbers: which bits of a value are known, and what they are.
//!
//! The operations give what kernel/bpf/tnum.c of Linux 6.18.44 gives, bit for bit: the verifier's log shows them.

use std::fmt;

/// A set of 64-bit numbers: those that equal `value` in every bit that `mask` does not have.
///
/// A bit is never set in both: `value & mask == 0`.
///
/// ```
/// use skep_verifier::tnum::Tnum;
///
/// // A byte of which the low nibble is 5, plus 16.
/// let byte = Tnum { value: 0x05, mask: 0xf0 };
/// assert_eq!(byte.add(Tnum::constant(16)).to_string(), "(0x5; 0x1f0)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tnum {
    /// The known bits that are 1.
    pub value: u64,
    /// The bits that are not known.
    pub mask: u64,
}

const LOW_HALF: u64 = u32::MAX as u64;

impl Tnum {
    /// Every number.
    pub const UNKNOWN: Tnum = Tnum { value: 0, mask: u64::MAX };

    /// One number.
    pub const fn constant(value: u64) -> Tnum {
        Tnum { value, mask: 0 }
    }

    /// No bit is known.
    pub const fn unknown() -> Tnum {
        Tnum::UNKNOWN
    }

    /// `known` where `mask` has no bit.
    const fn new(known: u64, mask: u64) -> Tnum {
        Tnum { value: known & !mask, mask }
    }

    /// The smallest tnum with all of `min..=max`: what their common leading bits say.
    pub const fn range(min: u64, max: u64) -> Tnum {
        let below = match (min ^ max).leading_zeros() {
            64 => 0,
            zeros => u64::MAX >> zeros,
        };
        Tnum::new(min, below)
    }

    /// Whether it is one number.
    pub const fn is_const(self) -> bool {
        self.mask == 0
    }

    /// Whether it is the number `value`.
    pub const fn is(self, value: u64) -> bool {
        self.mask == 0 && self.value == value
    }

    /// Whether it is every number.
    pub const fn is_unknown(self) -> bool {
        self.mask == u64::MAX
    }

    /// Whether the low 32 bits are known.
    pub const fn is_const_subreg(self) -> bool {
        self.mask as u32 == 0
    }

    /// The least member, unsigned.
    pub const fn umin(self) -> u64 {
        self.value
    }

    /// The greatest member, unsigned.
    pub const fn umax(self) -> u64 {
        self.value | self.mask
    }

    /// Whether `number` is a member.
    pub const fn has(self, number: u64) -> bool {
        number & !self.mask == self.value
    }

    /// Sums.
    pub const fn add(self, other: Tnum) -> Tnum {
        let low = self.value.wrapping_add(other.value);
        let high = low.wrapping_add(self.mask.wrapping_add(other.mask));
        Tnum::new(low, (low ^ high) | self.mask | other.mask)
    }

    /// Differences.
    pub const fn sub(self, other: Tnum) -> Tnum {
        let known = self.value.wrapping_sub(other.value);
        let high = known.wrapping_add(self.mask);
        let low = known.wrapping_sub(other.mask);
        Tnum::new(known, (low ^ high) | self.mask | other.mask)
    }

    /// Two's complements.
    pub const fn neg(self) -> Tnum {
        Tnum::constant(0).sub(self)
    }

    /// Bitwise and.
    pub const fn and(self, other: Tnum) -> Tnum {
        let ones = self.value & other.value;
        Tnum::new(ones, self.umax() & other.umax() & !ones)
    }

    /// Bitwise or.
    pub const fn or(self, other: Tnum) -> Tnum {
        let ones = self.value | other.value;
        Tnum { value: ones, mask: (self.mask | other.mask) & !ones }
    }

    /// Bitwise exclusive or.
    pub const fn xor(self, other: Tnum) -> Tnum {
        Tnum::new(self.value ^ other.value, self.mask | other.mask)
    }

    /// Products: long multiplication, where an unknown bit of `self` joins the sums with and without its row.
    pub const fn mul(self, other: Tnum) -> Tnum {
        let (mut left, mut row, mut sum) = (self, other, Tnum::constant(0));
        while left.umax() != 0 {
            if left.value & 1 != 0 {
                sum = sum.add(row);
            } else if left.mask & 1 != 0 {
                sum = sum.union(sum.add(row));
            }
            left = left.rshift(1);
            row = row.lshift(1);
        }
        sum
    }

    /// Left shift by `by` bits, below 64.
    pub const fn lshift(self, by: u8) -> Tnum {
        Tnum { value: self.value << by, mask: self.mask << by }
    }

    /// Logical right shift by `by` bits, below 64.
    pub const fn rshift(self, by: u8) -> Tnum {
        Tnum { value: self.value >> by, mask: self.mask >> by }
    }

    /// Arithmetic right shift by `by` bits, of the low half if `bits` is 32 (the upper one is then zero).
    pub const fn arshift(self, by: u8, bits: u32) -> Tnum {
        if bits == 32 {
            Tnum {
                value: (self.value as i32 >> by) as u32 as u64,
                mask: (self.mask as i32 >> by) as u32 as u64,
            }
        } else {
            Tnum { value: (self.value as i64 >> by) as u64, mask: (self.mask as i64 >> by) as u64 }
        }
    }

    /// The low `size` bytes, the others zero.
    pub const fn cast(self, size: u32) -> Tnum {
        let kept = if size >= 8 { u64::MAX } else { (1 << (size * 8)) - 1 };
        Tnum { value: self.value & kept, mask: self.mask & kept }
    }

    /// The low half, the upper one zero.
    pub const fn subreg(self) -> Tnum {
        self.cast(4)
    }

    /// With the low half zero.
    pub const fn clear_subreg(self) -> Tnum {
        Tnum { value: self.value & !LOW_HALF, mask: self.mask & !LOW_HALF }
    }

    /// The upper half with the low half of `low`.
    pub const fn with_subreg(self, low: Tnum) -> Tnum {
        self.clear_subreg().or(low.subreg())
    }

    /// The upper half with `low` as low half.
    pub const fn const_subreg(self, low: u32) -> Tnum {
        self.with_subreg(Tnum::constant(low as u64))
    }

    /// What both know. Where they contradict each other (no number is in both) the bit counts as a known 1.
    pub const fn intersect(self, other: Tnum) -> Tnum {
        Tnum::new(self.value | other.value, self.mask & other.mask)
    }

    /// The smallest tnum with the members of both.
    pub const fn union(self, other: Tnum) -> Tnum {
        Tnum::new(self.value & other.value, (self.value ^ other.value) | self.mask | other.mask)
    }

    /// The least member above `number`; the greatest one if there is none above it.
    pub const fn step(self, number: u64) -> u64 {
        if number < self.umin() {
            return self.umin();
        }
        if number >= self.umax() {
            return self.umax();
        }
        // The member that has the unknown bits of `number`; they differ first in a known bit, if at all.
        let near = self.value | number & self.mask;
        let apart = match (near ^ number).leading_zeros() {
            64 => 0,
            zeros => u64::MAX >> zeros,
        };
        if near > number {
            near & !(self.mask & apart)
        } else {
            // One more in the unknown bits above that bit.
            (near | !self.mask | apart).wrapping_add(1) & self.mask | self.value
        }
    }

    /// Whether some number is in both.
    pub const fn overlap(self, other: Tnum) -> bool {
        (self.value ^ other.value) & !self.mask & !other.mask == 0
    }

    /// Whether every member of `other` is one of this.
    pub const fn contains(self, other: Tnum) -> bool {
        other.mask & !self.mask == 0 && other.value & !self.mask == self.value
    }

    /// Whether every member is a multiple of `size`, a power of two; of 0 everything is.
    pub const fn is_aligned(self, size: u64) -> bool {
        size == 0 || self.umax() & (size - 1) == 0
    }
}

/// `(0x0; 0xff)`: value, then mask; one number is printed as such, in decimal if it has 16 bits at most (the kernel's
/// tnum_strn).
impl fmt::Display for Tnum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Tnum { value, mask: 0 } if value <= u64::from(u16::MAX) => write!(f, "{value}"),
            Tnum { value, mask: 0 } => write!(f, "{value:#x}"),
            Tnum { value, mask } => write!(f, "({value:#x}; {mask:#x})"),
        }
    }
}

#[cfg(test)]
mod tests;
