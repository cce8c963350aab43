//! Random intervals and tnums of 64 bits, each with one of its numbers.

use super::*;

/// A number, often one near an end of some range.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        any::<i32>().prop_map(|x| x as u64),
        any::<u32>().prop_map(u64::from),
        any::<i8>().prop_map(|x| x as u64),
        any::<i8>().prop_map(|x| (1u64 << 31).wrapping_add(x as u64)),
        any::<i8>().prop_map(|x| (1u64 << 32).wrapping_add(x as u64)),
        any::<i8>().prop_map(|x| (1u64 << 63).wrapping_add(x as u64)),
    ]
}

prop_compose! {
    /// A scalar with a number: each part is unbounded, or has the number and some other ones.
    fn with_member()(x in number(), others in prop::array::uniform6(number()), parts in 0u32..64, mask in any::<u64>())
        -> (Scalar, u64)
    {
        let mut scalar = Scalar::UNKNOWN;
        let pick = |bit: u32, other: u64| if parts & 1 << bit != 0 { other } else { x };
        if parts != 0 {
            let far = |i: usize| pick(i as u32, others[i]);
            (scalar.umin, scalar.umax) = (x.min(far(0)), x.max(far(1)));
            let signed = |i: usize| far(i) as i64;
            (scalar.smin, scalar.smax) = ((x as i64).min(signed(2)), (x as i64).max(signed(3)));
            (scalar.u32_min, scalar.u32_max) = ((x as u32).min(far(4) as u32), (x as u32).max(far(5) as u32));
            (scalar.s32_min, scalar.s32_max) = ((x as i32).min(far(5) as i32), (x as i32).max(far(4) as i32));
        }
        if parts & 32 != 0 {
            scalar.var_off = Tnum { value: x & !mask, mask };
        }
        scalar.sync();
        (scalar, x)
    }
}

fn alu_op() -> impl Strategy<Value = (AluOp, Width)> {
    (prop::sample::select(AluOp::ALL), prop::sample::select(&WIDTHS[..]))
        .prop_filter("has no 32-bit form", |&(op, width)| (op, width) != (AluOp::MovSx32, Width::W32))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn arithmetic_is_sound((a, x) in with_member(), (b, y) in with_member(), (op, width) in alu_op(), amount in 0u64..64) {
        prop_assert!(a.has(x), "sync lost {x:#x}: {a:x?}");
        let shift = matches!(op, AluOp::Lsh | AluOp::Rsh | AluOp::Arsh);
        let (b, y) = if shift { (Scalar::constant(amount), amount) } else { (b, y) };
        let mut result = a;
        alu(op, width, &mut result, &b);
        let concrete = op.eval(width, x, y);
        prop_assert!(result.has(concrete), "{x:#x} {op:?} {y:#x} = {concrete:#x} is missing: {a:x?} {b:x?} -> {result:x?}");
        prop_assert_eq!(result.sanity(), Ok(()));
    }

    #[test]
    fn branches_are_sound(
        (a, x) in with_member(),
        (b, y) in with_member(),
        op in prop::sample::select(JmpOp::ALL),
        width in prop::sample::select(&WIDTHS[..]),
        constant in any::<bool>(),
    ) {
        let b = if constant { Scalar::constant(y) } else { b };
        let holds = op.test(width, x, y);
        if let Some(taken) = branch_taken(&a, &b, op, width) {
            prop_assert_eq!(taken, holds, "{:#x} {:?} {:#x}: {:x?} {:x?}", x, op, y, a, b);
        }
        let (mut p, mut q) = (a, b);
        refine(op, width, holds, &mut p, &mut q);
        prop_assert!(p.has(x), "{x:#x} {op:?} {y:#x}: {a:x?} -> {p:x?}");
        prop_assert!(q.has(y), "{x:#x} {op:?} {y:#x}: {b:x?} -> {q:x?}");
    }

    #[test]
    fn conversions_are_sound((a, x) in with_member(), size in prop::sample::select(&[1u32, 2, 4][..])) {
        let mut cut = a;
        cut.truncate(size);
        prop_assert!(cut.has(x & ((1 << (size * 8)) - 1)));
        let mut signed = a;
        signed.sign_extend(size);
        let unused = 64 - size * 8;
        prop_assert!(signed.has(((x << unused) as i64 >> unused) as u64));
    }

    #[test]
    fn covering_is_an_order((a, x) in with_member(), (b, _) in with_member()) {
        prop_assert!(a.covers(&a) && Scalar::UNKNOWN.covers(&a));
        if a.covers(&b) && b.covers(&a) {
            prop_assert_eq!(a, b);
        }
        if b.covers(&a) {
            prop_assert!(b.has(x));
        }
        prop_assert!(a.covers(&Scalar::constant(x)));
    }
}
