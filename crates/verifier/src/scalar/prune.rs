//! Comparison of a state seen before with one at hand.

use super::Scalar;

impl Scalar {
    /// Whether each range of `current` lies within that of this one (`range_within`).
    pub fn range_within(&self, current: &Scalar) -> bool {
        self.umin <= current.umin
            && self.umax >= current.umax
            && self.smin <= current.smin
            && self.smax >= current.smax
            && self.u32_min <= current.u32_min
            && self.u32_max >= current.u32_max
            && self.s32_min <= current.s32_min
            && self.s32_max >= current.s32_max
    }

    /// Whether all values of `current` are, as far as tnum and ranges tell, values of this one: what was proved for
    /// this one holds there.
    pub fn covers(&self, current: &Scalar) -> bool {
        self.range_within(current) && self.var_off.contains(current.var_off)
    }
}
