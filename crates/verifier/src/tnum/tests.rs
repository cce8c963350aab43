//! Every tnum of a few bits against every number; random ones of 64 bits.

use proptest::prelude::*;

use super::Tnum;

/// Width of the exhaustive tests.
const BITS: u32 = 5;

/// All tnums whose members are below `1 << bits`.
fn all(bits: u32) -> Vec<Tnum> {
    let numbers = 0..1u64 << bits;
    numbers
        .clone()
        .flat_map(|mask| {
            numbers.clone().filter_map(move |value| (value & mask == 0).then_some(Tnum { value, mask }))
        })
        .collect()
}

fn members(tnum: Tnum, bits: u32) -> impl Iterator<Item = u64> {
    (0..1u64 << bits).filter(move |&number| tnum.has(number))
}

/// The smallest tnum with all of `numbers`, of which there is at least one.
fn hull(numbers: impl Iterator<Item = u64>) -> Tnum {
    numbers.map(Tnum::constant).reduce(Tnum::union).expect("a tnum has members")
}

/// The optimal answer of a binary operation.
fn best(a: Tnum, b: Tnum, bits: u32, op: impl Fn(u64, u64) -> u64 + Copy) -> Tnum {
    hull(members(a, bits).flat_map(|x| members(b, bits).map(move |y| op(x, y))))
}

/// `answer` may not miss a bit that `best` leaves open, nor get one wrong.
#[track_caller]
fn sound(answer: Tnum, best: Tnum, what: impl Fn() -> String) {
    assert_eq!(answer.value & answer.mask, 0, "{}: not a tnum", what());
    assert!(answer.contains(best), "{} = {answer}, but there are {best}", what());
}

type Binary = (&'static str, fn(Tnum, Tnum) -> Tnum, fn(u64, u64) -> u64);

const OPTIMAL: [Binary; 5] = [
    ("add", Tnum::add, u64::wrapping_add),
    ("sub", Tnum::sub, u64::wrapping_sub),
    ("and", Tnum::and, |x, y| x & y),
    ("or", Tnum::or, |x, y| x | y),
    ("xor", Tnum::xor, |x, y| x ^ y),
];

#[test]
fn sums_and_bitwise_operations_are_the_best_there_are() {
    let all = all(4);
    for (name, op, concrete) in OPTIMAL {
        for &a in &all {
            for &b in &all {
                assert_eq!(op(a, b), best(a, b, 4, concrete), "{a} {name} {b}");
            }
        }
    }
}

#[test]
fn five_bits_are_sound() {
    let all = all(BITS);
    for &a in &all {
        for &b in &all {
            for (name, op, concrete) in OPTIMAL {
                let answer = op(a, b);
                assert_eq!(answer.value & answer.mask, 0);
                // Corners are enough for monotone bits; the product of all members is the test above.
                for x in [a.umin(), a.umax()] {
                    for y in [b.umin(), b.umax()] {
                        assert!(answer.has(concrete(x, y)), "{a} {name} {b}: {x} {y}");
                    }
                }
            }
        }
    }
}

#[test]
fn products_are_sound() {
    let all = all(4);
    let mut exact = 0;
    for &a in &all {
        for &b in &all {
            let best = best(a, b, 4, u64::wrapping_mul);
            let answer = a.mul(b);
            sound(answer, best, || format!("{a} * {b}"));
            exact += usize::from(answer == best);
        }
    }
    // How many of the 6561 are optimal: a change of the algorithm shows here.
    expect_test::expect!["5946"].assert_eq(&exact.to_string());
}

#[test]
fn negation_and_shifts_are_the_best_there_are() {
    for a in all(BITS) {
        // Placed at the bottom, across the middle and at the top of the word.
        for place in [0, 29, 59] {
            let a = a.lshift(place);
            let each = || members(a.rshift(place), BITS).map(move |x| x << place);
            assert_eq!(a.neg(), hull(each().map(u64::wrapping_neg)), "-{a}");
            for by in [0, 1, 3, 5, 31, 32, 63] {
                assert_eq!(a.lshift(by), hull(each().map(|x| x << by)), "{a} << {by}");
                assert_eq!(a.rshift(by), hull(each().map(|x| x >> by)), "{a} >> {by}");
                let shifted = hull(each().map(|x| (x as i64 >> by) as u64));
                assert_eq!(a.arshift(by, 64), shifted, "{a} s>> {by}");
                if by < 32 {
                    let shifted = hull(each().map(|x| u64::from((x as i32 >> by) as u32)));
                    assert_eq!(a.arshift(by, 32), shifted, "w {a} s>> {by}");
                }
            }
        }
    }
}

#[test]
fn ranges_are_the_best_there_are() {
    for place in [0, 30, 58] {
        for min in 0..64u64 {
            for max in min..64 {
                let (low, high) = (min << place, max << place | ((1 << place) - 1));
                let answer = Tnum::range(low, high);
                let ends = hull([low, high].into_iter());
                let all = hull((min..=max).map(|x| x << place)).union(ends);
                assert_eq!(answer, all, "{low:#x}..={high:#x}");
            }
        }
    }
    assert_eq!(Tnum::range(0, u64::MAX), Tnum::UNKNOWN);
    assert_eq!(Tnum::range(7, 7), Tnum::constant(7));
}

#[test]
fn sets_of_tnums() {
    let all = all(4);
    for &a in &all {
        for &b in &all {
            let common: Vec<u64> = members(a, 4).filter(|&x| b.has(x)).collect();
            assert_eq!(a.overlap(b), !common.is_empty(), "{a} {b}");
            if a.overlap(b) {
                assert_eq!(a.intersect(b), hull(common.into_iter()), "{a} {b}");
            }
            assert_eq!(a.union(b), hull(members(a, 4).chain(members(b, 4))), "{a} {b}");
            assert_eq!(a.contains(b), members(b, 4).all(|x| a.has(x)), "{a} {b}");
        }
        for size in [0, 1, 2, 4, 8] {
            let all = size == 0 || members(a, 4).all(|x| x % size == 0);
            assert_eq!(a.is_aligned(size), all, "{a} {size}");
        }
        assert_eq!(a.is_const(), members(a, 4).count() == 1);
        assert_eq!(a.is(3), a == Tnum::constant(3));
    }
}

#[test]
fn steps() {
    for a in all(BITS) {
        for number in 0..1 << BITS {
            let next = members(a, BITS).find(|&x| x > number).unwrap_or(a.umax());
            assert_eq!(a.step(number), next, "{a} {number}");
            let (high, wide) = (a.lshift(59), Tnum { value: a.value, mask: a.mask | 1 << 40 });
            assert_eq!(high.step(number << 59), next << 59, "{a} {number}");
            let next = members(a, BITS).find(|&x| x > number).unwrap_or(a.umin() | 1 << 40);
            assert_eq!(wide.step(number), next, "{wide} {number}");
        }
    }
}

#[test]
fn a_contradiction_counts_as_one() {
    assert_eq!(Tnum::constant(5).intersect(Tnum::constant(2)), Tnum::constant(7));
}

#[test]
fn halves() {
    let wide = Tnum { value: 0x1_0000_0002, mask: 0x6_0000_0001 };
    assert_eq!(wide.subreg().to_string(), "(0x2; 0x1)");
    assert_eq!(wide.clear_subreg().to_string(), "(0x100000000; 0x600000000)");
    assert_eq!(wide.const_subreg(9).to_string(), "(0x100000009; 0x600000000)");
    assert_eq!(wide.with_subreg(Tnum::UNKNOWN).to_string(), "(0x100000000; 0x6ffffffff)");
    assert_eq!(wide.cast(1).to_string(), "(0x2; 0x1)");
    assert_eq!(wide.cast(8), wide);
    assert!(wide.const_subreg(9).is_const_subreg() && !wide.is_const_subreg());
    assert!(Tnum::unknown().is_unknown() && !wide.is_unknown());
    assert_eq!(Tnum::UNKNOWN.to_string(), "(0x0; 0xffffffffffffffff)");
    let constants = [0, 0xffff, 0x1_0000, u64::MAX].map(|it| Tnum::constant(it).to_string());
    assert_eq!(constants, ["0", "65535", "0x10000", "0xffffffffffffffff"]);
}

/// A tnum and one of its members.
fn with_member() -> impl Strategy<Value = (Tnum, u64)> {
    (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(known, mask, thin, x)| {
        // Unknown bits in every density.
        let mask = if thin % 3 == 0 {
            mask
        } else if thin % 3 == 1 {
            mask & thin
        } else {
            mask & thin & (thin >> 7)
        };
        let tnum = Tnum::new(known, mask);
        (tnum, tnum.value | (x & mask))
    })
}

proptest! {
    #[test]
    fn wide_ones_are_sound((a, x) in with_member(), (b, y) in with_member(), by in 0u8..64) {
        for (name, op, concrete) in OPTIMAL {
            prop_assert!(op(a, b).has(concrete(x, y)), "{} {} {}", a, name, b);
        }
        prop_assert!(a.mul(b).has(x.wrapping_mul(y)));
        prop_assert!(a.neg().has(x.wrapping_neg()));
        prop_assert!(a.lshift(by).has(x << by));
        prop_assert!(a.rshift(by).has(x >> by));
        prop_assert!(a.arshift(by, 64).has((x as i64 >> by) as u64));
        prop_assert!(a.arshift(by % 32, 32).has(u64::from((x as i32 >> (by % 32)) as u32)));
        prop_assert!(a.union(b).has(x) && a.union(b).has(y));
        prop_assert!(a.subreg().has(x & 0xffff_ffff));
        prop_assert!(a.with_subreg(b).has(x & !0xffff_ffff | y & 0xffff_ffff));
        prop_assert!(Tnum::range(x.min(y), x.max(y)).has(x));
        prop_assert_eq!(a.contains(b) && b.contains(a), a == b);
    }
}
