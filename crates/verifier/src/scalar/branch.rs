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
    let mut pair = Pair { cells: [*a, *b], at: [0, 1], width };
    pair.refine(op, holds);
    [*a, *b] = pair.cells;
}

/// [`refine`] of a register with itself: the two change together, as they do in the kernel.
pub fn refine_same(op: JmpOp, width: Width, holds: bool, a: &mut Scalar) {
    let mut pair = Pair { cells: [*a, *a], at: [0, 0], width };
    pair.refine(op, holds);
    [*a, _] = pair.cells;
}

/// Two operands, which may be one.
struct Pair {
    cells: [Scalar; 2],
    at: [usize; 2],
    width: Width,
}

/// Limits the greatest of `low` and the least of `high` by each other, with a gap of 0 or 1 between them.
macro_rules! order {
    ($pair:ident, $min:ident, $max:ident, $gap:expr) => {{
        let [low, high] = $pair.at;
        let cells = &mut $pair.cells;
        cells[low].$max = cells[low].$max.min(cells[high].$max.wrapping_sub($gap));
        cells[high].$min = cells[high].$min.max(cells[low].$min.wrapping_add($gap));
    }};
}

/// Moves an end of a range that is a number which it is not.
macro_rules! step {
    ($cell:ident, $min:ident, $max:ident, $number:expr) => {
        if $cell.$min == $number {
            $cell.$min = $cell.$min.wrapping_add(1);
        }
        if $cell.$max == $number {
            $cell.$max = $cell.$max.wrapping_sub(1);
        }
    };
}

impl Pair {
    fn refine(&mut self, op: JmpOp, holds: bool) {
        use JmpOp::*;
        let condition = if holds { Some(op) } else { op.negated() };
        if let Some(Gt | Ge | Sgt | Sge) = condition {
            self.at.reverse();
        }
        match condition {
            None => self.no_common_bit(),
            Some(Set) => self.common_bit(),
            Some(Eq) => self.same(),
            Some(Ne) => self.differ(),
            Some(Lt | Gt) => self.below(1),
            Some(Le | Ge) => self.below(0),
            Some(Slt | Sgt) => self.below_signed(1),
            Some(Sle | Sge) => self.below_signed(0),
        }
        for at in self.at {
            self.cells[at].sync();
        }
    }

    /// The one that is not known, and the number of the other; of two known ones the first is taken for not known.
    fn against_constant(&mut self) -> Option<(&mut Scalar, u64)> {
        let [a, b] = self.at;
        let (a_number, b_number) = (self.cells[a].const_at(self.width), self.cells[b].const_at(self.width));
        match b_number {
            Some(number) => Some((&mut self.cells[a], number)),
            None => a_number.map(|number| (&mut self.cells[b], number)),
        }
    }

    fn no_common_bit(&mut self) {
        let width = self.width;
        if let Some((cell, mask)) = self.against_constant() {
            // Cleared bits may contradict the ranges where the branch is never taken; the tnum wins.
            cell.unbounded();
            cell.map_bits(width, |bits| bits.and(Tnum::constant(!mask)));
        }
    }

    fn common_bit(&mut self) {
        let width = self.width;
        // Which bit it is, is known only if the mask has one.
        if let Some((cell, mask)) = self.against_constant().filter(|(_, mask)| mask.is_power_of_two()) {
            cell.map_bits(width, |bits| bits.or(Tnum::constant(mask)));
        }
    }

    fn same(&mut self) {
        let [first, second] = self.at;
        let (mut a, mut b) = (self.cells[first], self.cells[second]);
        match self.width {
            Width::W64 => {
                a.set64(a.bounds64().intersect(b.bounds64()));
                b.set64(a.bounds64());
            }
            Width::W32 => {
                a.set32(a.bounds32().intersect(b.bounds32()));
                b.set32(a.bounds32());
            }
        }
        let bits = a.view(self.width).bits.intersect(b.view(self.width).bits);
        a.map_bits(self.width, |_| bits);
        b.map_bits(self.width, |_| bits);
        self.cells[second] = b;
        self.cells[first] = a;
    }

    /// A number that is not the end of a range moves that end by one.
    fn differ(&mut self) {
        let width = self.width;
        let Some((cell, not)) = self.against_constant() else { return };
        match width {
            Width::W64 => {
                step!(cell, umin, umax, not);
                step!(cell, smin, smax, not as i64);
            }
            Width::W32 => {
                step!(cell, u32_min, u32_max, not as u32);
                step!(cell, s32_min, s32_max, not as i32);
            }
        }
    }

    fn below(&mut self, gap: u8) {
        match self.width {
            Width::W64 => order!(self, umin, umax, u64::from(gap)),
            Width::W32 => order!(self, u32_min, u32_max, u32::from(gap)),
        }
    }

    fn below_signed(&mut self, gap: u8) {
        match self.width {
            Width::W64 => order!(self, smin, smax, i64::from(gap)),
            Width::W32 => order!(self, s32_min, s32_max, i32::from(gap)),
        }
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
