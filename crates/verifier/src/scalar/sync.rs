//! `sync`: what the tnum and the ranges say of each other (`reg_bounds_sync`).

use super::Scalar;
use super::bounds::Bounds;
use crate::tnum::Tnum;

/// Rounds of deduction. It is not repeated until nothing changes: the kernel's answer is that after three.
const ROUNDS: usize = 3;

const LOW_HALF: u64 = u32::MAX as u64;

macro_rules! deduction {
    ($unsigned:ident, $signed:ident) => {
        impl Bounds<$unsigned, $signed> {
            /// What the bits of the low half of `tnum` (or all) say of the ranges.
            fn limit(&mut self, tnum: Tnum) {
                let (ones, mask) = (tnum.value as $unsigned, tnum.mask as $unsigned);
                let sign = $signed::MIN as $unsigned;
                self.smin = self.smin.max((ones | mask & sign) as $signed);
                self.smax = self.smax.min((ones | mask & !sign) as $signed);
                self.umin = self.umin.max(ones);
                self.umax = self.umax.min(ones | mask);
            }

            fn limit_unsigned(&mut self, min: $unsigned, max: $unsigned) {
                self.umin = self.umin.max(min);
                self.umax = self.umax.min(max);
            }

            fn limit_signed(&mut self, min: $signed, max: $signed) {
                self.smin = self.smin.max(min);
                self.smax = self.smax.min(max);
            }

            /// Each range limits the other where it does not cross the point at which the other one wraps. A signed range
            /// that does cross it lies at both ends of the unsigned line: if the unsigned range meets one of the two
            /// pieces only, the values are in that piece.
            fn deduce_signs(&mut self) {
                let (low, high) = (self.umin as $signed, self.umax as $signed);
                if low <= high {
                    self.limit_signed(low, high);
                }
                let (low, high) = (self.smin as $unsigned, self.smax as $unsigned);
                if low <= high {
                    self.limit_unsigned(low, high);
                } else if self.umax < low {
                    self.smin = self.umin as $signed;
                    self.umax = self.umax.min(high);
                } else if high < self.umin {
                    self.smax = self.umax as $signed;
                    self.umin = self.umin.max(low);
                }
            }
        }
    };
}

deduction!(u64, i64);
deduction!(u32, i32);

impl Scalar {
    /// Lets the tnum and the ranges limit each other, as `reg_bounds_sync` does: values are never lost, and the result
    /// is the kernel's, which is not always the tightest.
    pub fn sync(&mut self) {
        self.update_bounds();
        for _ in 0..ROUNDS {
            self.deduce32();
            self.deduce64();
            self.deduce_mixed();
        }
        self.bound_offset();
        self.update_bounds();
    }

    /// What the tnum says of the ranges (`__update_reg_bounds`).
    pub(super) fn update_bounds(&mut self) {
        self.update_bounds32();
        let mut wide = self.bounds64();
        wide.limit(self.var_off);
        self.set64(wide);
        if let Some(only) = self.only_common() {
            self.mark_known(only);
        }
    }

    /// The one number that is both in the tnum and in the unsigned range, if there is one only.
    fn only_common(&self) -> Option<u64> {
        let (bits, next) = (self.var_off, self.var_off.step(self.umin));
        if bits.has(self.umin) {
            return (next > self.umax).then_some(self.umin);
        }
        (next == bits.umax() || next <= self.umax && bits.step(next) > self.umax).then_some(next)
    }

    /// What the tnum says of the ranges of the low half (`__update_reg32_bounds`).
    pub(super) fn update_bounds32(&mut self) {
        let mut low = self.bounds32();
        low.limit(self.var_off);
        self.set32(low);
    }

    /// What the 64-bit ranges, and each other, say of those of the low half (`__reg32_deduce_bounds`).
    fn deduce32(&mut self) {
        let mut low = self.bounds32();
        let ends = [(self.umin, self.umax), (self.smin as u64, self.smax as u64)];
        for (at, (min, max)) in ends.into_iter().enumerate() {
            // With one upper half throughout, the low halves go from one end to the other.
            if min >> 32 == max >> 32 {
                if at == 0 || min as u32 <= max as u32 {
                    low.limit_unsigned(min as u32, max as u32);
                }
                if min as i32 <= max as i32 {
                    low.limit_signed(min as i32, max as i32);
                }
            }
        }
        for (min, max) in ends {
            // With two adjacent ones they may go from a negative number through zero to a positive one.
            let adjacent = ((min >> 32) as u32).wrapping_add(1) == (max >> 32) as u32;
            if adjacent && (min as i32) < 0 && max as i32 >= 0 {
                low.limit_signed(min as i32, max as i32);
            }
        }
        low.deduce_signs();
        self.set32(low);
    }

    /// What the 64-bit ranges say of each other (`__reg64_deduce_bounds`).
    fn deduce64(&mut self) {
        let mut wide = self.bounds64();
        wide.deduce_signs();
        self.set64(wide);
    }

    /// What the ranges of the low half say of the 64-bit ones (`__reg_deduce_mixed_bounds`).
    fn deduce_mixed(&mut self) {
        let (low_min, low_max) = (u64::from(self.u32_min), u64::from(self.u32_max));
        self.limit_low_half(low_min, low_max);
        // A number that fits in 32 bits with sign, and whose low half is not negative, is its low half.
        let fits = self.smin >= i64::from(i32::MIN) && self.smax <= i64::from(i32::MAX);
        if self.s32_min >= 0 && fits {
            (self.smin, self.smax) = (i64::from(self.s32_min), i64::from(self.s32_max));
            (self.umin, self.umax) = (self.smin as u64, self.smax as u64);
            self.var_off = self.var_off.intersect(Tnum::range(self.umin, self.umax));
        }
    }

    /// The ends of the 64-bit ranges, with low halves no less than `min` and no greater than `max`.
    fn limit_low_half(&mut self, min: u64, max: u64) {
        self.umin = self.umin.max(self.umin & !LOW_HALF | min);
        self.umax = self.umax.min(self.umax & !LOW_HALF | max);
        self.smin = self.smin.max(self.smin & !(LOW_HALF as i64) | min as i64);
        self.smax = self.smax.min(self.smax & !(LOW_HALF as i64) | max as i64);
    }

    /// What the unsigned ranges say of the tnum (`__reg_bound_offset`).
    fn bound_offset(&mut self) {
        let wide = self.var_off.intersect(Tnum::range(self.umin, self.umax));
        let low = Tnum::range(u64::from(self.u32_min), u64::from(self.u32_max));
        self.var_off = wide.clear_subreg().or(wide.subreg().intersect(low));
    }
}
