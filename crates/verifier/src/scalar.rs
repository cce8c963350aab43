//! What is known of a number.
//!
//! The rules give what those of kernel/bpf/verifier.c of Linux 6.18 give, bound for bound: the log prints the bounds, and
//! an accepted access rests on them. One file a family: [`Scalar::sync`] and [`Scalar::sanity`], conversions, arithmetic
//! ([`alu`]), branches ([`branch_taken`], [`refine`]), comparisons of states.

mod alu;
mod bounds;
mod branch;
mod convert;
mod prune;
mod sanity;
mod sync;

use crate::tnum::Tnum;

pub use alu::{add, alu, computable, end, fork};
pub use branch::{branch_taken, flipped, refine, refine_same};
pub use sanity::Violation;

/// The values that a register may hold: an intersection of a tnum and four ranges, each bound inclusive.
///
/// ```
/// use skep_isa::{AluOp, Width};
/// use skep_verifier::scalar::{Scalar, alu};
///
/// let mut r0 = Scalar::UNKNOWN;
/// alu(AluOp::And, Width::W64, &mut r0, &Scalar::constant(0xf0));
/// assert_eq!((r0.umin, r0.umax), (0, 0xf0));
/// assert_eq!(r0.var_off.to_string(), "(0x0; 0xf0)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Scalar {
    /// Known bits.
    pub var_off: Tnum,
    /// Least value as a signed 64-bit number.
    pub smin: i64,
    /// Greatest value as a signed 64-bit number.
    pub smax: i64,
    /// Least value as an unsigned 64-bit number.
    pub umin: u64,
    /// Greatest value as an unsigned 64-bit number.
    pub umax: u64,
    /// Least value of the low half as a signed number.
    pub s32_min: i32,
    /// Greatest value of the low half as a signed number.
    pub s32_max: i32,
    /// Least value of the low half as an unsigned number.
    pub u32_min: u32,
    /// Greatest value of the low half as an unsigned number.
    pub u32_max: u32,
}

impl Scalar {
    /// Nothing is known.
    pub const UNKNOWN: Scalar = Scalar {
        var_off: Tnum::UNKNOWN,
        smin: i64::MIN,
        smax: i64::MAX,
        umin: 0,
        umax: u64::MAX,
        s32_min: i32::MIN,
        s32_max: i32::MAX,
        u32_min: 0,
        u32_max: u32::MAX,
    };

    /// One number.
    pub const fn constant(value: u64) -> Scalar {
        Scalar {
            var_off: Tnum::constant(value),
            smin: value as i64,
            smax: value as i64,
            umin: value,
            umax: value,
            s32_min: value as i32,
            s32_max: value as i32,
            u32_min: value as u32,
            u32_max: value as u32,
        }
    }

    /// Whether the tnum is one number. The ranges may say otherwise in a branch that is never taken.
    pub const fn is_const(&self) -> bool {
        self.var_off.is_const()
    }

    /// The number, if the tnum is one.
    pub const fn const_value(&self) -> Option<u64> {
        if self.var_off.is_const() { Some(self.var_off.value) } else { None }
    }

    /// Whether the tnum of the low half is one number.
    pub const fn is_const32(&self) -> bool {
        self.var_off.is_const_subreg()
    }

    /// The low half, if its tnum is one number.
    pub const fn const_value32(&self) -> Option<u32> {
        if self.is_const32() { Some(self.var_off.value as u32) } else { None }
    }

    /// Whether `number` is one of the values.
    pub const fn has(&self, number: u64) -> bool {
        let (signed, low) = (number as i64, number as u32);
        let signed_low = low as i32;
        self.var_off.has(number)
            && self.umin <= number
            && number <= self.umax
            && self.smin <= signed
            && signed <= self.smax
            && self.u32_min <= low
            && low <= self.u32_max
            && self.s32_min <= signed_low
            && signed_low <= self.s32_max
    }

    /// Makes it one number (`___mark_reg_known`).
    pub fn mark_known(&mut self, value: u64) {
        *self = Scalar::constant(value);
    }

    /// Makes the low half one number; the 64-bit ranges stay (`__mark_reg32_known`).
    pub fn mark_known32(&mut self, value: u32) {
        self.var_off = self.var_off.const_subreg(value);
        (self.s32_min, self.s32_max) = (value as i32, value as i32);
        (self.u32_min, self.u32_max) = (value, value);
    }

    /// Forgets the ranges, not the tnum (`__mark_reg_unbounded`).
    pub fn unbounded(&mut self) {
        self.unbounded64();
        self.unbounded32();
    }

    /// Forgets the 64-bit ranges (`__mark_reg64_unbounded`).
    pub fn unbounded64(&mut self) {
        (self.smin, self.smax) = (i64::MIN, i64::MAX);
        (self.umin, self.umax) = (0, u64::MAX);
    }

    /// Forgets the ranges of the low half (`__mark_reg32_unbounded`).
    pub fn unbounded32(&mut self) {
        (self.s32_min, self.s32_max) = (i32::MIN, i32::MAX);
        (self.u32_min, self.u32_max) = (0, u32::MAX);
    }

    /// Takes the 64-bit ranges from those of the low half, the upper one being zero (`__reg_assign_32_into_64`).
    pub fn assign_32_into_64(&mut self) {
        (self.umin, self.umax) = (u64::from(self.u32_min), u64::from(self.u32_max));
        (self.smin, self.smax) = if self.s32_min >= 0 && self.s32_max >= 0 {
            (i64::from(self.s32_min), i64::from(self.s32_max))
        } else {
            (0, i64::from(u32::MAX))
        };
    }

    /// Keeps the values whose signed 64-bit and 32-bit readings are both in `min..=max` (`__mark_reg_s32_range`).
    pub fn limit_s32(&mut self, min: i32, max: i32) {
        self.s32_min = self.s32_min.max(min);
        self.s32_max = self.s32_max.min(max);
        self.smin = self.smin.max(i64::from(min));
        self.smax = self.smax.min(i64::from(max));
        self.sync();
    }
}

#[cfg(test)]
mod tests;
