//! The four bounds of one width, and arithmetic on them.

use super::Scalar;
use crate::tnum::Tnum;

/// Bounds of a 64-bit number, or of a low half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds<U, S> {
    pub(super) umin: U,
    pub(super) umax: U,
    pub(super) smin: S,
    pub(super) smax: S,
}

pub(super) type Bounds64 = Bounds<u64, i64>;
pub(super) type Bounds32 = Bounds<u32, i32>;

macro_rules! bounds {
    ($unsigned:ident, $signed:ident) => {
        impl Bounds<$unsigned, $signed> {
            const ALL: Self =
                Bounds { umin: 0, umax: $unsigned::MAX, smin: $signed::MIN, smax: $signed::MAX };

            /// Sums. The unsigned ends may both wrap, or neither; the signed ones may not.
            pub(super) fn add(self, other: Self) -> Self {
                let (umin, low_wraps) = self.umin.overflowing_add(other.umin);
                let (umax, high_wraps) = self.umax.overflowing_add(other.umax);
                let signed = self.smin.checked_add(other.smin).zip(self.smax.checked_add(other.smax));
                Self::of((umin, umax), high_wraps && !low_wraps, signed)
            }

            /// Differences, in the same way.
            pub(super) fn sub(self, other: Self) -> Self {
                let (umin, low_wraps) = self.umin.overflowing_sub(other.umax);
                let (umax, high_wraps) = self.umax.overflowing_sub(other.umin);
                let signed = self.smin.checked_sub(other.smax).zip(self.smax.checked_sub(other.smin));
                Self::of((umin, umax), low_wraps && !high_wraps, signed)
            }

            /// Products: no product of two ends may wrap.
            pub(super) fn mul(self, other: Self) -> Self {
                let unsigned = self.umin.checked_mul(other.umin).zip(self.umax.checked_mul(other.umax));
                let ends = [
                    self.smin.checked_mul(other.smin),
                    self.smin.checked_mul(other.smax),
                    self.smax.checked_mul(other.smin),
                    self.smax.checked_mul(other.smax),
                ];
                let signed = ends.into_iter().try_fold(($signed::MAX, $signed::MIN), |(min, max), end| {
                    end.map(|end| (min.min(end), max.max(end)))
                });
                Self::of(unsigned.unwrap_or_default(), unsigned.is_none(), signed)
            }

            /// What lies within both.
            pub(super) fn intersect(self, other: Self) -> Self {
                Bounds {
                    umin: self.umin.max(other.umin),
                    umax: self.umax.min(other.umax),
                    smin: self.smin.max(other.smin),
                    smax: self.smax.min(other.smax),
                }
            }

            /// The pair unless `wraps`; the signed pair if there is one.
            fn of(unsigned: ($unsigned, $unsigned), wraps: bool, signed: Option<($signed, $signed)>) -> Self {
                let (umin, umax) = if wraps { (0, $unsigned::MAX) } else { unsigned };
                let (smin, smax) = signed.unwrap_or((Self::ALL.smin, Self::ALL.smax));
                Bounds { umin, umax, smin, smax }
            }

            /// An unsigned range, with a signed one if it does not cross the sign.
            fn from_unsigned(umin: $unsigned, umax: $unsigned) -> Self {
                let signed = (umin as $signed, umax as $signed);
                Self::of((umin, umax), false, (signed.0 <= signed.1).then_some(signed))
            }

            /// Bitwise and with the tnum `bits` as result: no more than either operand.
            pub(super) fn and(self, other: Self, bits: Tnum) -> Self {
                Self::from_unsigned(bits.umin() as $unsigned, self.umax.min(other.umax))
            }

            /// Bitwise or with the tnum `bits` as result: no less than either operand.
            pub(super) fn or(self, other: Self, bits: Tnum) -> Self {
                Self::from_unsigned(self.umin.max(other.umin), bits.umax() as $unsigned)
            }

            /// Bitwise exclusive or with the tnum `bits` as result.
            pub(super) fn xor(bits: Tnum) -> Self {
                Self::from_unsigned(bits.umin() as $unsigned, bits.umax() as $unsigned)
            }

            /// Left shift: nothing is known if a bit may fall out. (The greatest value may have its top bit just at the
            /// end: then it is a power of two.)
            pub(super) fn lshift(self, by: u32) -> Self {
                if self.umax > 1 << ($unsigned::BITS - 1 - by) {
                    Self::ALL
                } else {
                    Bounds { umin: self.umin << by, umax: self.umax << by, ..Self::ALL }
                }
            }

            /// Logical right shift.
            pub(super) fn rshift(self, by: u32) -> Self {
                Bounds { umin: self.umin >> by, umax: self.umax >> by, ..Self::ALL }
            }

            /// Arithmetic right shift.
            pub(super) fn arshift(self, by: u32) -> Self {
                Bounds { smin: self.smin >> by, smax: self.smax >> by, ..Self::ALL }
            }
        }
    };
}

bounds!(u64, i64);
bounds!(u32, i32);

impl Scalar {
    pub(super) fn bounds64(&self) -> Bounds64 {
        Bounds { umin: self.umin, umax: self.umax, smin: self.smin, smax: self.smax }
    }

    pub(super) fn bounds32(&self) -> Bounds32 {
        Bounds { umin: self.u32_min, umax: self.u32_max, smin: self.s32_min, smax: self.s32_max }
    }

    pub(super) fn set64(&mut self, bounds: Bounds64) {
        (self.umin, self.umax) = (bounds.umin, bounds.umax);
        (self.smin, self.smax) = (bounds.smin, bounds.smax);
    }

    pub(super) fn set32(&mut self, bounds: Bounds32) {
        (self.u32_min, self.u32_max) = (bounds.umin, bounds.umax);
        (self.s32_min, self.s32_max) = (bounds.smin, bounds.smax);
    }
}
