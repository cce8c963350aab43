//! What is known of a number.

use crate::tnum::Tnum;

/// The values that a register may hold: an intersection of a tnum and four ranges, each bound inclusive.
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
    /// Any number.
    pub const UNKNOWN: Scalar = Scalar {
        var_off: Tnum { value: 0, mask: u64::MAX },
        smin: i64::MIN,
        smax: i64::MAX,
        umin: 0,
        umax: u64::MAX,
        s32_min: i32::MIN,
        s32_max: i32::MAX,
        u32_min: 0,
        u32_max: u32::MAX,
    };

    /// This number.
    pub const fn constant(value: u64) -> Scalar {
        Scalar {
            var_off: Tnum { value, mask: 0 },
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
}
