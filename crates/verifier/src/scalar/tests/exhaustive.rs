//! Small sets of numbers around the places where a range can end.

use super::*;

/// Where signs, halves and carries change.
const PLACES: [u64; 8] = [
    0,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_7fff_fffe,
    i64::MAX as u64 - 0x8000_0000,
    i64::MAX as u64,
    0xffff_fffe_ffff_fffe,
    0xffff_ffff_7fff_ffff,
];

/// All sets of one to three of the numbers close to `place`, and a few with distant members.
fn sets() -> Vec<Vec<u64>> {
    let mut sets = Vec::new();
    for place in PLACES {
        let near: Vec<u64> = (0..5).map(|i| place.wrapping_add(i).wrapping_sub(2)).collect();
        for bits in 1u32..32 {
            if bits.count_ones() <= 3 {
                sets.push((0..5).filter(|&i| bits & 1 << i != 0).map(|i| near[i as usize]).collect());
            }
        }
    }
    for (i, &a) in PLACES.iter().enumerate() {
        for &b in &PLACES[..i] {
            sets.push(vec![a, b]);
            sets.push(vec![a.wrapping_add(1), b, b ^ 4]);
        }
    }
    sets
}

#[track_caller]
fn all_in(scalar: &Scalar, numbers: impl IntoIterator<Item = u64>, what: impl Fn() -> String) {
    for number in numbers {
        assert!(scalar.has(number), "{}: {number:#x} is missing from {scalar:x?}", what());
    }
}

#[test]
fn sync_loses_nothing() {
    for set in sets() {
        let tight = hull(&set);
        // One part at a time says what the set is; the rest has to follow.
        let parts = [
            Scalar { var_off: tight.var_off, ..Scalar::UNKNOWN },
            Scalar { umin: tight.umin, umax: tight.umax, ..Scalar::UNKNOWN },
            Scalar { smin: tight.smin, smax: tight.smax, ..Scalar::UNKNOWN },
            Scalar { s32_min: tight.s32_min, s32_max: tight.s32_max, ..tight },
            Scalar { u32_min: tight.u32_min, umin: tight.umin, smax: tight.smax, ..Scalar::UNKNOWN },
            tight,
        ];
        for part in parts {
            let mut synced = part;
            synced.sync();
            all_in(&synced, set.iter().copied(), || format!("sync of {part:x?}"));
            assert!(part.covers(&synced), "{part:x?} grew to {synced:x?}");
            assert_eq!(synced.sanity(), Ok(()), "{part:x?}");
        }
    }
}

#[test]
fn arithmetic_is_sound() {
    let sets = sets();
    let thin: Vec<&Vec<u64>> = sets.iter().step_by(3).collect();
    for &op in AluOp::ALL {
        for width in WIDTHS {
            if op == AluOp::MovSx32 && width == Width::W32 {
                continue;
            }
            for a in &sets {
                for b in &thin {
                    arithmetic(op, width, a, b);
                }
                for amount in [0, 1, 4, 15, 31, 32, 33, 63] {
                    arithmetic(op, width, a, &[amount]);
                }
            }
        }
    }
}

fn arithmetic(op: AluOp, width: Width, a: &[u64], b: &[u64]) {
    let (mut dst, src) = (hull(a), hull(b));
    alu(op, width, &mut dst, &src);
    let results = a.iter().flat_map(|&x| b.iter().map(move |&y| op.eval(width, x, y)));
    all_in(&dst, results, || format!("{a:x?} {op:?} {width:?} {b:x?}"));
    assert_eq!(dst.sanity(), Ok(()), "{a:x?} {op:?} {width:?} {b:x?}");
    if let ([x], [y], true) = (a, b, computable(op, width, &src)) {
        assert_eq!(dst, Scalar::constant(op.eval(width, *x, *y)), "{x:x} {op:?} {width:?} {y:x}");
    }
}

#[test]
fn branches_are_sound() {
    let sets = sets();
    for &op in JmpOp::ALL {
        for width in WIDTHS {
            for a in sets.iter().step_by(2) {
                for b in sets.iter().skip(1).step_by(3) {
                    branch(op, width, a, b);
                }
                for constant in [0, 1, 4, 0x7fff_ffff, u64::MAX, 1 << 63] {
                    branch(op, width, a, &[constant]);
                }
            }
        }
    }
}

fn branch(op: JmpOp, width: Width, a: &[u64], b: &[u64]) {
    let (left, right) = (hull(a), hull(b));
    let pairs = || a.iter().flat_map(|&x| b.iter().map(move |&y| (x, y)));
    let taken = branch_taken(&left, &right, op, width);
    if let Some(taken) = taken {
        assert!(pairs().all(|(x, y)| op.test(width, x, y) == taken), "{a:x?} {op:?} {width:?} {b:x?}");
    }
    assert_eq!(taken, branch_taken(&right, &left, flipped(op), width), "{a:x?} {op:?} {width:?} {b:x?}");
    for holds in [true, false] {
        let (mut x, mut y) = (left, right);
        refine(op, width, holds, &mut x, &mut y);
        for (p, q) in pairs().filter(|&(p, q)| op.test(width, p, q) == holds) {
            let what = || format!("{p:#x} {op:?} {width:?} {q:#x} is {holds} of {left:x?} {right:x?}");
            all_in(&x, [p], what);
            all_in(&y, [q], what);
        }
    }
}

#[test]
fn byte_swaps_are_sound() {
    for set in sets() {
        for kind in [End::ToLe, End::ToBe, End::Swap] {
            for bits in [16, 32, 64] {
                let mut swapped = hull(&set);
                end(kind, bits, &mut swapped);
                all_in(&swapped, set.iter().map(|&x| kind.eval(bits, x)), || {
                    format!("{kind:?}{bits} {set:x?}")
                });
                assert_eq!(swapped.sanity(), Ok(()));
            }
        }
    }
}

#[test]
fn a_mask_forks() {
    let masks = |both: Scalar| fork(AluOp::And, &both, &Scalar::constant(8));
    let mut wide = hull(&[0, u64::MAX]);
    wide.sync();
    assert_eq!(masks(wide), Some([Scalar::constant(0), Scalar::constant(u64::MAX)]));
    let mut low = Scalar::UNKNOWN;
    (low.s32_min, low.s32_max) = (-1, 0);
    let [zero, ones] = masks(low).expect("the low half is a mask");
    assert_eq!((zero.const_value32(), ones.const_value32()), (Some(0), Some(u32::MAX)));
    assert_eq!(masks(hull(&[0, 1])), None);
    assert_eq!(fork(AluOp::Xor, &wide, &Scalar::constant(8)), None);
    assert_eq!(fork(AluOp::Or, &wide, &Scalar::UNKNOWN), None);
}

#[test]
fn a_number_against_itself() {
    for set in sets() {
        for &op in JmpOp::ALL {
            for width in WIDTHS {
                for holds in [true, false] {
                    let mut number = hull(&set);
                    refine_same(op, width, holds, &mut number);
                    let left = set.iter().copied().filter(|&x| op.test(width, x, x) == holds);
                    all_in(&number, left, || format!("{set:x?} {op:?} {width:?} itself"));
                }
            }
        }
    }
}

#[test]
fn conversions_are_sound() {
    for set in sets() {
        for size in [1, 2, 4] {
            let mut cut = hull(&set);
            cut.truncate(size);
            let kept = (1u64 << (size * 8)) - 1;
            all_in(&cut, set.iter().map(|x| x & kept), || format!("{set:x?} to {size} bytes"));
            assert_eq!(cut.sanity(), Ok(()));
        }
        let mut low = hull(&set);
        low.zero_extend_32();
        low.sync();
        all_in(&low, set.iter().map(|x| x & 0xffff_ffff), || format!("low half of {set:x?}"));
    }
}
