//! Truncation, and extension by zeros or by the sign.

use super::Scalar;
use crate::tnum::Tnum;

impl Scalar {
    /// What a 32-bit operation does last: the upper half becomes zero (`zext_32_to_64`). The caller syncs.
    pub fn zero_extend_32(&mut self) {
        self.var_off = self.var_off.subreg();
        self.assign_32_into_64();
    }

    /// Keeps the low `size` bytes (1, 2 or 4), the others become zero (`coerce_reg_to_size`).
    pub fn truncate(&mut self, size: u32) {
        let kept = (1u64 << (size * 8)) - 1;
        self.var_off = self.var_off.cast(size);
        (self.umin, self.umax) = if self.umin & !kept == self.umax & !kept {
            (self.umin & kept, self.umax & kept)
        } else {
            (0, kept)
        };
        (self.smin, self.smax) = (self.umin as i64, self.umax as i64);
        if size < 4 {
            self.unbounded32();
        }
        self.sync();
    }

    /// Sign-extends the low `size` bytes (1, 2 or 4) to 64 bits (`coerce_reg_to_size_sx`).
    pub fn sign_extend(&mut self, size: u32) {
        let unused = 64 - size * 8;
        let extend = |value: u64| (value << unused) as i64 >> unused;
        if let Some(value) = self.const_value() {
            return self.mark_known(extend(value) as u64);
        }
        let (a, b) = (extend(self.smin as u64), extend(self.smax as u64));
        let one_block = self.smin >> (size * 8) == self.smax >> (size * 8);
        if one_block && (a >= 0) == (b >= 0) {
            self.set_range(a.min(b), a.max(b));
        } else {
            let (min, max) = (extend(1 << (size * 8 - 1)), extend((1 << (size * 8 - 1)) - 1));
            *self =
                Scalar { smin: min, smax: max, s32_min: min as i32, s32_max: max as i32, ..Scalar::UNKNOWN };
        }
    }

    /// `min..=max`, of one sign and within 32 bits with sign.
    fn set_range(&mut self, min: i64, max: i64) {
        *self = Scalar {
            var_off: Tnum::range(min as u64, max as u64),
            smin: min,
            smax: max,
            umin: min as u64,
            umax: max as u64,
            s32_min: min as i32,
            s32_max: max as i32,
            u32_min: min as u32,
            u32_max: max as u32,
        };
    }

    /// Sign-extends the low `size` bytes (1 or 2) to 32 bits (`coerce_subreg_to_size_sx`); the 64-bit ranges stay. The
    /// caller extends with zeros and syncs.
    pub fn sign_extend_32(&mut self, size: u32) {
        let unused = 32 - size * 8;
        let extend = |value: u32| (value << unused) as i32 >> unused;
        if let Some(value) = self.const_value() {
            // The tnum is extended to 64 bits here; zero extension cuts it.
            let value = extend(value as u32);
            self.var_off = Tnum::constant(value as u64);
            return self.set_range32(value, value);
        }
        let (a, b) = (extend(self.s32_min as u32), extend(self.s32_max as u32));
        let one_block = self.s32_min >> (size * 8) == self.s32_max >> (size * 8);
        if one_block && (a >= 0) == (b >= 0) {
            let (min, max) = (a.min(b), a.max(b));
            self.var_off = Tnum::range(min as u64, max as u64).subreg();
            self.set_range32(min, max);
        } else {
            self.unbounded32();
            (self.s32_min, self.s32_max) = (extend(1 << (size * 8 - 1)), extend((1 << (size * 8 - 1)) - 1));
            self.var_off = Tnum::UNKNOWN.subreg();
        }
    }

    /// The ranges of the low half, of one sign.
    fn set_range32(&mut self, min: i32, max: i32) {
        (self.s32_min, self.s32_max) = (min, max);
        (self.u32_min, self.u32_max) = (min as u32, max as u32);
    }
}
