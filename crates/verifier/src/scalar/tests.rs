//! Every rule against concrete numbers: small sets placed where ranges end, and random intervals.

use proptest::prelude::*;
use skep_isa::{AluOp, End, JmpOp, Width};

use super::{Scalar, alu, branch_taken, computable, end, flipped, fork, refine, refine_same};
use crate::tnum::Tnum;

mod contradictions;
mod exhaustive;
mod random;

/// The tightest scalar with all of `numbers` (of which there is one): before any sync.
fn hull(numbers: &[u64]) -> Scalar {
    let mut all = numbers.iter().map(|&number| Scalar::constant(number));
    let first = all.next().expect("a set has members");
    all.fold(first, |a, b| Scalar {
        var_off: a.var_off.union(b.var_off),
        smin: a.smin.min(b.smin),
        smax: a.smax.max(b.smax),
        umin: a.umin.min(b.umin),
        umax: a.umax.max(b.umax),
        s32_min: a.s32_min.min(b.s32_min),
        s32_max: a.s32_max.max(b.s32_max),
        u32_min: a.u32_min.min(b.u32_min),
        u32_max: a.u32_max.max(b.u32_max),
    })
}

const WIDTHS: [Width; 2] = [Width::W64, Width::W32];
