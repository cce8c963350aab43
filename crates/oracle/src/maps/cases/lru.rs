//! LRU_HASH: which keys are left, after sequences that one CPU or two run.

use super::super::{Case, Spec};
use super::names::*;
use super::random::Random;
use super::{case, key, spec, value};

pub(super) fn cases() -> Vec<Case> {
    let lru = |max| spec(LRU_HASH, 4, 8, max);
    // One byte is enough where keys are what matters.
    let small = |max| spec(LRU_HASH, 4, 1, max);
    let own_lists = |max| Spec { flags: NO_COMMON_LRU, ..lru(max) };
    let mut cases = vec![
        case("lru_hash: life of a key", lru(4), LIFE),
        case("lru_hash: flags", lru(4), FLAGS),
        case("lru_hash: one element", lru(1), ONE),
        case("lru_hash: two elements", lru(2), ONE),
        case("lru_hash: pointers", lru(8), STALE),
        case("lru_hash: frozen", lru(4), FROZEN),
        case("lru_hash: lists for each CPU, flags", own_lists(4), FLAGS),
        case("lru_hash: lists for each CPU, one element", own_lists(1), ONE),
        case("lru_hash: lists for each CPU, pointers", own_lists(8), STALE),
    ];
    for max in [1, 2, 3, 4, 5, 7, 8, 10, 16, 40, 100, 256, 300, 512, 600, 1100] {
        cases.push(fill(max, 0));
    }
    for max in [3, 10, 40, 130, 300, 530, 1000] {
        cases.extend([touched(max, 0, 1), touched(max, 0, 2)]);
        cases.extend([touched(max, NO_COMMON_LRU, 1), touched(max, NO_COMMON_LRU, 2)]);
    }
    for (seed, max) in [3, 4, 6, 10, 16, 30, 64, 100, 130, 257].into_iter().enumerate() {
        for (what, cpus) in [("one CPU", 1), ("two CPUs", 2)] {
            cases.push(mixed(&format!("lru_hash of {max}: {what}"), small(max), seed as u64, cpus));
        }
    }
    for (seed, max) in [2, 4, 7, 10, 30, 100].into_iter().enumerate() {
        cases.push(fill(max, NO_COMMON_LRU));
        for (what, cpus) in [("one CPU", 1), ("two CPUs", 2)] {
            let name = format!("lru_hash of {max}, lists for each CPU: {what}");
            cases.push(mixed(&name, Spec { flags: NO_COMMON_LRU, ..small(max) }, 100 + seed as u64, cpus));
        }
    }
    cases
}

/// Inserts ascending keys until each place was used more than twice; shows what is left on the way.
fn fill(max: u32, flags: u32) -> Case {
    let total = (max * 5 / 2).max(6);
    let mut looks = vec![max, max + 1, max + max / 2, 2 * max, total];
    if max < 6 {
        looks = (1..=total).collect();
    }
    let mut steps = Vec::new();
    let mut done = 0;
    for look in looks {
        steps.push(format!("u0 fill {done} {}", look - done));
        steps.push("u0 keys".to_string());
        done = look;
    }
    let lists = if flags == 0 { "" } else { ", lists for each CPU" };
    let spec = Spec { flags, ..spec(LRU_HASH, 4, 1, max) };
    Case { name: format!("lru_hash of {max}{lists}: filled"), spec, steps }
}

/// Fills the map, looks some keys up in a program and in user space, and fills again; from one CPU or two.
fn touched(max: u32, flags: u32, cpus: u32) -> Case {
    let mut steps = Vec::new();
    for round in 0..4 {
        let (first, cpu) = (round * max, round % cpus);
        steps.push(format!("u{cpu} fill {first} {max}"));
        steps.push("u0 keys".to_string());
        steps.push(format!("p{cpu} touch {first} {max} 3"));
        steps.push(format!("u{cpu} touch {first} {max} 5"));
        steps.push(format!("u{cpu} fill {} {}", first + max / 2, max / 4));
        steps.push(format!("p{} touch {first} {} 1", (cpu + 1) % cpus, max / 8));
    }
    steps.push("u0 walk".to_string());
    let spec = Spec { flags, ..spec(LRU_HASH, 4, 1, max) };
    Case { name: format!("lru_hash of {max}, flags {flags}, {cpus} CPUs: some are looked up"), spec, steps }
}

/// Updates, lookups and deletions over half as many keys again as there is room for.
fn mixed(name: &str, spec: Spec, seed: u64, cpus: u64) -> Case {
    let mut random = Random::new(0x1000 + seed);
    let keys = u64::from(spec.max) * 3 / 2 + 2;
    let rounds = (u64::from(spec.max) * 6).clamp(60, 700);
    let mut steps = Vec::new();
    for round in 0..rounds {
        let (cpu, at) = (random.below(cpus), key(random.below(keys) as u32));
        steps.push(match random.below(20) {
            0 => format!("u{cpu} delete {at}"),
            1 => format!("p{cpu} delete {at}"),
            2..=5 => format!("p{cpu} lookup {at}"),
            6 => format!("u{cpu} lookup {at}"),
            7 => format!("u{cpu} update {at} {} 1", value(round, 1)),
            8 => format!("u{cpu} update {at} {} 2", value(round, 1)),
            9..=12 => format!("p{cpu} update {at} {} 0", value(round, 1)),
            13 => format!("u{cpu} take {at} 0"),
            _ => format!("u{cpu} update {at} {} 0", value(round, 1)),
        });
        if round % (rounds / 6) == 0 {
            steps.push("u0 keys".to_string());
        }
    }
    steps.push("u0 walk".to_string());
    Case { name: name.to_string(), spec, steps }
}

const LIFE: &str = "
    u0 lookup 01000000
    u0 delete 01000000
    u0 update 01000000 0100000000000000 0
    p0 lookup 01000000
    p0 update 01000000 0200000000000000 0
    u0 lookup 01000000
    u0 take 01000000 0
    u0 take 01000000 0
    u0 next -
    p0 update 02000000 0300000000000000 1
    u0 next -
    u0 next 02000000
    u0 next 01000000
    p0 delete 02000000
    p0 delete 02000000
    u0 walk
";

const FLAGS: &str = "
    u0 update 01000000 0100000000000000 2
    u0 update 01000000 0100000000000000 3
    u0 update 01000000 0100000000000000 4
    u0 update 01000000 0100000000000000 1
    u0 update 01000000 0200000000000000 1
    u0 keys
    u0 update 01000000 0300000000000000 2
    p0 update 01000000 0400000000000000 1
    p0 update 01000000 0400000000000000 4
    p0 update 02000000 0400000000000000 2
    u0 keys
    u0 update 02000000 0500000000000000 1
    u0 update 03000000 0500000000000000 1
    u0 update 03000000 0600000000000000 1
    u0 update 03000000 0600000000000000 2
    u0 lookup 03000000 4
    u0 walk
";

const ONE: &str = "
    u0 update 01000000 0100000000000000 0
    u0 update 01000000 0200000000000000 0
    u0 keys
    u0 update 01000000 0300000000000000 2
    u0 keys
    u0 update 01000000 0400000000000000 1
    u0 keys
    u0 update 02000000 0500000000000000 0
    u0 keys
    p0 lookup 02000000
    u0 update 03000000 0600000000000000 0
    u0 keys
    u0 update 03000000 0600000000000000 2
    u1 update 04000000 0700000000000000 0
    u0 keys
    u1 delete 04000000
    u0 update 05000000 0800000000000000 1
    u0 walk
";

const STALE: &str = "
    u0 update 01000000 0100000000000000 0
    p0 stale 01000000 0200000000000000
    p0 stale 01000000 0300000000000000
    p0 reuse 01000000 02000000 0400000000000000
    u0 walk
";

const FROZEN: &str = "
    u0 update 01000000 0100000000000000 0
    u0 freeze
    u0 update 01000000 0200000000000000 0
    u0 delete 01000000
    u0 take 01000000 0
    p0 update 01000000 0300000000000000 0
    u0 walk
";
