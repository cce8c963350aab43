//! Branches: which way they go, and what each way tells.

use skep_isa::{JmpOp, Width};

use super::Scalar;
use crate::tnum::Tnum;

/// The bounds of one width, in 64 bits.
struct View {
    bits: Tnum,
    umin: u64,
    umax: u64,
    smin: i64,
    smax: i64,
}

impl Scalar {
    fn view(&self, width: Width) -> View {
        match width {
            Width::W64 => View {
                bits: self.var_off,
                umin: self.umin,
                umax: self.umax,
                smin: self.smin,
                smax: self.smax,
            },
            Width::W32 => View {
                bits: self.var_off.subreg(),
                umin: u64::from(self.u32_min),
                umax: u64::from(self.u32_max),
                smin: i64::from(self.s32_min),
                smax: i64::from(self.s32_max),
            },
        }
    }

    /// The number at this width, zero-extended, if the tnum is one.
    pub fn const_at(&self, width: Width) -> Option<u64> {
        match width {
            Width::W64 => self.const_value(),
            Width::W32 => self.const_value32().map(u64::from),
        }
    }
}

/// The condition on `b, a` that is the same as this one on `a, b`.
pub fn flipped(op: JmpOp) -> JmpOp {
    match op {
        JmpOp::Eq | JmpOp::Ne | JmpOp::Set => op,
        JmpOp::Gt => JmpOp::Lt,
        JmpOp::Lt => JmpOp::Gt,
        JmpOp::Ge => JmpOp::Le,
        JmpOp::Le => JmpOp::Ge,
        JmpOp::Sgt => JmpOp::Slt,
        JmpOp::Slt => JmpOp::Sgt,
        JmpOp::Sge => JmpOp::Sle,
        JmpOp::Sle => JmpOp::Sge,
    }
}

/// Whether the branch `if a op b` is taken, if it is the same for all values (`is_scalar_branch_taken`).
///
/// ```
/// use skep_isa::{JmpOp, Width};
/// use skep_verifier::scalar::{Scalar, branch_taken};
///
/// let byte = Scalar { umax: 255, ..Scalar::UNKNOWN };
/// assert_eq!(branch_taken(&byte, &Scalar::constant(256), JmpOp::Lt, Width::W64), Some(true));
/// assert_eq!(branch_taken(&byte, &Scalar::constant(7), JmpOp::Lt, Width::W64), None);
/// ```
pub fn branch_taken(a: &Scalar, b: &Scalar, op: JmpOp, width: Width) -> Option<bool> {
    let (x, y) = (a.view(width), b.view(width));
    match op {
        JmpOp::Eq => equal(a, b, width),
        JmpOp::Ne => equal(a, b, width).map(|equal| !equal),
        JmpOp::Set => common_bit(a, b, width),
        JmpOp::Lt => less((x.umin, x.umax), (y.umin, y.umax)),
        JmpOp::Ge => less((x.umin, x.umax), (y.umin, y.umax)).map(|less| !less),
        JmpOp::Gt => less((y.umin, y.umax), (x.umin, x.umax)),
        JmpOp::Le => less((y.umin, y.umax), (x.umin, x.umax)).map(|less| !less),
        JmpOp::Slt => less((x.smin, x.smax), (y.smin, y.smax)),
        JmpOp::Sge => less((x.smin, x.smax), (y.smin, y.smax)).map(|less| !less),
        JmpOp::Sgt => less((y.smin, y.smax), (x.smin, x.smax)),
        JmpOp::Sle => less((y.smin, y.smax), (x.smin, x.smax)).map(|less| !less),
    }
}

/// Whether all of one range are less than all of the other, or none are.
fn less<T: Ord>(a: (T, T), b: (T, T)) -> Option<bool> {
    if a.1 < b.0 {
        Some(true)
    } else if a.0 >= b.1 {
        Some(false)
    } else {
        None
    }
}

fn equal(a: &Scalar, b: &Scalar, width: Width) -> Option<bool> {
    let (x, y) = (a.view(width), b.view(width));
    if x.bits.is_const() && y.bits.is_const() {
        return Some(x.bits.value == y.bits.value);
    }
    // Whatever the width: numbers whose low halves differ, differ.
    let (low_x, low_y) = (a.view(Width::W32), b.view(Width::W32));
    let apart = !x.bits.overlap(y.bits) || x.disjoint(&y) || low_x.disjoint(&low_y);
    apart.then_some(false)
}

impl View {
    fn disjoint(&self, other: &View) -> bool {
        self.umin > other.umax || self.umax < other.umin || self.smin > other.smax || self.smax < other.smin
    }
}

/// Only a number that is known as mask tells anything.
fn common_bit(a: &Scalar, b: &Scalar, width: Width) -> Option<bool> {
    let (bits, mask) = match (a.const_at(width), b.const_at(width)) {
        (_, Some(mask)) => (a.view(width).bits, mask),
        (Some(mask), None) => (b.view(width).bits, mask),
        (None, None) => return None,
    };
    if bits.value & mask != 0 {
        Some(true)
    } else if bits.umax() & mask == 0 {
        Some(false)
    } else {
        None
    }
}

/// What `a` and `b` are where `a op b` is `holds` (`regs_refine_cond_op`, then `reg_bounds_sync` of both).
///
/// If it cannot be (the branch is never taken) the result may contradict itself: ask [`Scalar::sanity`].
pub fn refine(op: JmpOp, width: Width, holds: bool, a: &mut Scalar, b: &mut Scalar) {
    let condition = if holds { Some(op) } else { op.negated() };
    match condition {
        None => no_common_bit(width, a, b),
        Some(JmpOp::Set) => some_common_bit(width, a, b),
        Some(JmpOp::Eq) => same(width, a, b),
        Some(JmpOp::Ne) => differ(width, a, b),
        Some(JmpOp::Lt) => below(width, true, a, b),
        Some(JmpOp::Le) => below(width, false, a, b),
        Some(JmpOp::Gt) => below(width, true, b, a),
        Some(JmpOp::Ge) => below(width, false, b, a),
        Some(JmpOp::Slt) => below_signed(width, true, a, b),
        Some(JmpOp::Sle) => below_signed(width, false, a, b),
        Some(JmpOp::Sgt) => below_signed(width, true, b, a),
        Some(JmpOp::Sge) => below_signed(width, false, b, a),
    }
    a.sync();
    b.sync();
}

/// The one that is not known, and the number of the other; of two known ones the first is taken for not known.
fn against_constant<'a>(width: Width, a: &'a mut Scalar, b: &'a mut Scalar) -> Option<(&'a mut Scalar, u64)> {
    match (a.const_at(width), b.const_at(width)) {
        (_, Some(number)) => Some((a, number)),
        (Some(number), None) => Some((b, number)),
        (None, None) => None,
    }
}

impl Scalar {
    /// Changes the bits of one width.
    fn map_bits(&mut self, width: Width, change: impl FnOnce(Tnum) -> Tnum) {
        self.var_off = match width {
            Width::W64 => change(self.var_off),
            Width::W32 => self.var_off.with_subreg(change(self.var_off.subreg())),
        };
    }
}

fn no_common_bit(width: Width, a: &mut Scalar, b: &mut Scalar) {
    if let Some((a, mask)) = against_constant(width, a, b) {
        // Cleared bits may contradict the ranges where the branch is never taken; the tnum wins.
        a.unbounded();
        a.map_bits(width, |bits| bits.and(Tnum::constant(!mask)));
    }
}

fn some_common_bit(width: Width, a: &mut Scalar, b: &mut Scalar) {
    // Which bit it is, is known only if the mask has one.
    if let Some((a, mask)) = against_constant(width, a, b).filter(|(_, mask)| mask.is_power_of_two()) {
        a.map_bits(width, |bits| bits.or(Tnum::constant(mask)));
    }
}

fn same(width: Width, a: &mut Scalar, b: &mut Scalar) {
    match width {
        Width::W64 => {
            (a.umin, a.umax) = (a.umin.max(b.umin), a.umax.min(b.umax));
            (a.smin, a.smax) = (a.smin.max(b.smin), a.smax.min(b.smax));
            b.set64(a.bounds64());
            a.var_off = a.var_off.intersect(b.var_off);
            b.var_off = a.var_off;
        }
        Width::W32 => {
            (a.u32_min, a.u32_max) = (a.u32_min.max(b.u32_min), a.u32_max.min(b.u32_max));
            (a.s32_min, a.s32_max) = (a.s32_min.max(b.s32_min), a.s32_max.min(b.s32_max));
            b.set32(a.bounds32());
            let bits = a.var_off.subreg().intersect(b.var_off.subreg());
            a.map_bits(width, |_| bits);
            b.map_bits(width, |_| bits);
        }
    }
}

/// A number that is not the end of a range moves that end by one.
fn differ(width: Width, a: &mut Scalar, b: &mut Scalar) {
    let Some((a, not)) = against_constant(width, a, b) else { return };
    macro_rules! step {
        ($min:ident, $max:ident, $number:expr) => {
            let number = $number;
            if a.$min == number {
                a.$min = a.$min.wrapping_add(1);
            }
            if a.$max == number {
                a.$max = a.$max.wrapping_sub(1);
            }
        };
    }
    match width {
        Width::W64 => {
            step!(umin, umax, not);
            step!(smin, smax, not as i64);
        }
        Width::W32 => {
            step!(u32_min, u32_max, not as u32);
            step!(s32_min, s32_max, not as i32);
        }
    }
}

/// `low <= high` or, if `strictly`, `low < high`: the greatest of the one and the least of the other limit each other.
macro_rules! order {
    ($low:ident, $high:ident, $min:ident, $max:ident, $strictly:ident) => {{
        let gap = if $strictly { 1 } else { 0 };
        $low.$max = $low.$max.min($high.$max.wrapping_sub(gap));
        $high.$min = $high.$min.max($low.$min.wrapping_add(gap));
    }};
}

fn below(width: Width, strictly: bool, low: &mut Scalar, high: &mut Scalar) {
    match width {
        Width::W64 => order!(low, high, umin, umax, strictly),
        Width::W32 => order!(low, high, u32_min, u32_max, strictly),
    }
}

fn below_signed(width: Width, strictly: bool, low: &mut Scalar, high: &mut Scalar) {
    match width {
        Width::W64 => order!(low, high, smin, smax, strictly),
        Width::W32 => order!(low, high, s32_min, s32_max, strictly),
    }
}
