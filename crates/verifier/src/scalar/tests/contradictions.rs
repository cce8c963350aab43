//! What `sanity` says, and what it leaves.

use expect_test::{Expect, expect};

use super::*;

#[track_caller]
fn check(mut scalar: Scalar, expected: Expect) {
    let tnum = scalar.var_off;
    let violation = scalar.sanity().expect_err("there is a contradiction");
    expected.assert_eq(&violation.text("alu"));
    assert_eq!(
        scalar,
        Scalar { var_off: tnum, ..Scalar::UNKNOWN },
        "the ranges are forgotten, the tnum is not"
    );
}

#[test]
fn texts() {
    check(
        Scalar { umin: 5, umax: 4, ..Scalar::UNKNOWN },
        expect![
            "REG INVARIANTS VIOLATION (alu): range bounds violation u64=[0x5, 0x4] s64=[0x8000000000000000, 0x7fffffffffffffff] u32=[0x0, 0xffffffff] s32=[0x80000000, 0x7fffffff] var_off=(0x0, 0xffffffffffffffff)"
        ],
    );
    check(
        Scalar { var_off: Tnum::constant(7), ..Scalar::UNKNOWN },
        expect![
            "REG INVARIANTS VIOLATION (alu): const tnum out of sync with range bounds u64=[0x0, 0xffffffffffffffff] s64=[0x8000000000000000, 0x7fffffffffffffff] u32=[0x0, 0xffffffff] s32=[0x80000000, 0x7fffffff] var_off=(0x7, 0x0)"
        ],
    );
    check(
        Scalar { s32_min: -1, ..Scalar { var_off: Tnum::UNKNOWN.const_subreg(3), ..Scalar::UNKNOWN } },
        expect![
            "REG INVARIANTS VIOLATION (alu): const subreg tnum out of sync with range bounds u64=[0x0, 0xffffffffffffffff] s64=[0x8000000000000000, 0x7fffffffffffffff] u32=[0x0, 0xffffffff] s32=[0xffffffff, 0x7fffffff] var_off=(0x3, 0xffffffff00000000)"
        ],
    );
}

/// As Linux 6.18.44 said of `if w6 >= w6` (false_reg1) on its console.
#[test]
fn a_branch_that_is_never_taken_is_noticed() {
    let mut a = hull(&[0x80, 0x81]);
    refine_same(JmpOp::Ge, Width::W32, false, &mut a);
    check(
        a,
        expect![
            "REG INVARIANTS VIOLATION (alu): range bounds violation u64=[0x80, 0x81] s64=[0x80, 0x81] u32=[0x81, 0x80] s32=[0x80, 0x81] var_off=(0x80, 0x1)"
        ],
    );
}

#[test]
fn or_not() {
    let (mut a, mut b) = (Scalar::constant(5), Scalar::constant(6));
    refine(JmpOp::Eq, Width::W64, true, &mut a, &mut b);
    assert_eq!((a, b), (Scalar::constant(7), Scalar::constant(7)));
}

#[test]
fn known_and_unknown() {
    let five = Scalar::constant(5);
    assert_eq!((five.const_value(), five.const_value32()), (Some(5), Some(5)));
    let mut low = Scalar::UNKNOWN;
    low.mark_known32(u32::MAX);
    assert_eq!((low.const_value(), low.const_value32()), (None, Some(u32::MAX)));
    assert_eq!((low.const_at(Width::W64), low.const_at(Width::W32)), (None, Some(0xffff_ffff)));
    low.mark_known(3);
    assert_eq!(low, Scalar::constant(3));
    let mut range = Scalar::UNKNOWN;
    range.limit_s32(-1, 1);
    assert_eq!((range.smin, range.smax, range.s32_min, range.s32_max), (-1, 1, -1, 1));
    assert!(range.has(u64::MAX) && range.has(1) && !range.has(2));
}
