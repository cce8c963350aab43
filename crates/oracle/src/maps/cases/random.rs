//! Random sequences over every type with elements, the same ones each time.

use super::super::{Case, Spec};
use super::names::*;
use super::{spec, value};

/// A small generator of its own (xorshift64*), so that the sequences never change.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

pub(super) fn cases() -> Vec<Case> {
    let lazy = |spec: Spec| Spec { flags: NO_PREALLOC, ..spec };
    let shapes = [
        ("array", spec(ARRAY, 4, 6, 4)),
        ("percpu_array", spec(PERCPU_ARRAY, 4, 12, 3)),
        ("hash", spec(HASH, 4, 6, 4)),
        ("hash, not preallocated", lazy(spec(HASH, 4, 6, 4))),
        ("hash, keys of 8", spec(HASH, 8, 8, 5)),
        ("hash, keys of 3", lazy(spec(HASH, 3, 16, 6))),
        ("hash, keys of 20", spec(HASH, 20, 1, 5)),
        ("percpu_hash", spec(PERCPU_HASH, 4, 12, 4)),
        ("percpu_hash, not preallocated", lazy(spec(PERCPU_HASH, 12, 3, 3))),
        ("lru_hash", spec(LRU_HASH, 4, 6, 6)),
        ("lru_hash, lists for each CPU", Spec { flags: NO_COMMON_LRU, ..spec(LRU_HASH, 9, 6, 6) }),
        ("lru_percpu_hash", spec(LRU_PERCPU_HASH, 4, 6, 6)),
        (
            "lru_percpu_hash, lists for each CPU",
            Spec { flags: NO_COMMON_LRU, ..spec(LRU_PERCPU_HASH, 9, 12, 6) },
        ),
    ];
    let mut cases = Vec::new();
    for (at, (name, spec)) in shapes.iter().enumerate() {
        for seed in 0..4 {
            let mut random = Random::new(0x7000 + 16 * at as u64 + seed);
            let steps = (0..70).map(|round| step(&mut random, spec, round)).collect();
            cases.push(Case { name: format!("{name}: random {seed}"), spec: spec.clone(), steps });
        }
    }
    cases
}

fn step(random: &mut Random, spec: &Spec, round: u64) -> String {
    let number = random.below(u64::from(spec.max) + 2);
    let key = value(number, spec.key.max(8) as usize)[..2 * spec.key as usize].to_string();
    let (side, cpu) = (random.pick(&["u", "p"]), random.below(2));
    let at = format!("{side}{cpu}");
    let percpu = matches!(spec.kind, PERCPU_HASH | PERCPU_ARRAY | LRU_PERCPU_HASH) && side == "u";
    let len = if percpu { 2 * spec.value.next_multiple_of(8) } else { spec.value };
    match random.below(24) {
        // Which key of a hash comes first depends on the seed of the kernel's hash function.
        1 if spec.kind == ARRAY || spec.kind == PERCPU_ARRAY => format!("u{cpu} next {key}"),
        0 | 1 => format!("u{cpu} walk"),
        2 | 3 => format!("{at} delete {key}"),
        4 => format!("u{cpu} take {key} {}", random.pick(&[0, 0, 1, 4])),
        5..=8 => format!("{at} lookup {key}"),
        9 => format!("p{cpu} stale {key} {}", value(round, spec.value as usize)),
        _ => {
            let flags = random.pick(&[0, 0, 0, 0, 1, 1, 2, 2, 3, 4]);
            let bytes = value(round + 1, len.max(8) as usize);
            format!("{at} update {key} {} {flags}", &bytes[..2 * len as usize])
        }
    }
}
