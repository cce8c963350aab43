//! LPM_TRIE: prefixes of IPv4 length, and of others.

use super::super::{Case, Spec};
use super::names::*;
use super::random::Random;
use super::{case, spec, value};

pub(super) fn cases() -> Vec<Case> {
    let trie = |key, value, max| Spec { flags: NO_PREALLOC, ..spec(LPM_TRIE, key, value, max) };
    let mut cases = vec![
        case("lpm_trie: longest match", trie(8, 4, 8), MATCH),
        case("lpm_trie: flags", trie(8, 4, 3), FLAGS),
        case("lpm_trie: full", trie(8, 4, 2), FULL),
        case("lpm_trie: walking", trie(8, 4, 16), WALK),
        case("lpm_trie: joints", trie(5, 1, 8), JOINTS),
        case("lpm_trie: pointers", trie(8, 4, 4), POINTERS),
        case(
            "lpm_trie: frozen",
            trie(8, 4, 4),
            "u0 update 0800000001000000 01000000 0\nu0 freeze\nu0 delete 0800000001000000\nu0 walk",
        ),
    ];
    for size in [4, 5, 260, 261] {
        let name = format!("create lpm_trie: key_size {size}");
        cases.push(Case { name, spec: trie(size, 4, 4), steps: Vec::new() });
    }
    for size in [0, 1, (4 << 20) - 256 - 24, (4 << 20) - 256 - 23] {
        let name = format!("create lpm_trie: value_size {size}, one element");
        cases.push(Case { name, spec: trie(8, size, 1), steps: Vec::new() });
    }
    for (bytes, max) in [(1, 6), (2, 40), (4, 12), (16, 20)] {
        for seed in 0..4 {
            let mut random = Random::new(0x1b00 + 16 * bytes + seed);
            let steps = (0..80).map(|round| step(&mut random, bytes as usize, round)).collect();
            let name = format!("lpm_trie of {bytes} bytes: random {seed}");
            cases.push(Case { name, spec: trie(4 + bytes as u32, 6, max), steps });
        }
    }
    cases
}

/// A random prefix with few distinct bits, so that prefixes meet.
fn prefix(random: &mut Random, bytes: usize) -> String {
    let bits = random.below(8 * bytes as u64 + 2);
    let mut key = (bits as u32).to_le_bytes().to_vec();
    key.extend((0..bytes).map(|_| [0x00, 0x80, 0xc0, 0xff, 0x01][random.below(5) as usize]));
    super::super::hex(&key)
}

fn step(random: &mut Random, bytes: usize, round: u64) -> String {
    let key = prefix(random, bytes);
    let side = ["u", "p"][random.below(2) as usize];
    match random.below(16) {
        0 | 1 => "u0 order".to_string(),
        2 => format!("u0 next {key}"),
        3..=5 => format!("{side}0 delete {key}"),
        6..=9 => format!("{side}0 lookup {key}"),
        _ => {
            let flags = [0, 0, 0, 1, 2, 3][random.below(6) as usize];
            format!("{side}0 update {key} {} {flags}", &value(round + 1, 8)[..12])
        }
    }
}

const MATCH: &str = "
    u0 lookup 20000000c0a80001
    u0 update 10000000c0a80000 01000000 0
    u0 update 18000000c0a80000 02000000 0
    u0 update 18000000c0a88000 03000000 0
    u0 update 18000000c0a80100 04000000 0
    u0 lookup 20000000c0a80001
    p0 lookup 20000000c0a80101
    p0 lookup 20000000c0a88001
    p0 lookup 20000000c0a8ff01
    p0 lookup 20000000c0a90001
    u0 lookup 18000000c0a80000
    u0 lookup 17000000c0a80000
    u0 lookup 0f000000c0a80000
    u0 lookup 21000000c0a80000
    p0 lookup 21000000c0a80000
    u0 update 00000000ffffffff 05000000 0
    p0 lookup 20000000c0a90001
    p0 lookup 0000000000000000
    u0 update 20000000c0a80001 06000000 0
    p0 lookup 20000000c0a80001
    p0 lookup 1f000000c0a80001
    u0 delete 10000000c0a80000
    p0 lookup 20000000c0a8ff01
    u0 order
    u0 take 20000000c0a80001 0
    u0 lookup 20000000c0a80001 4
";

const FLAGS: &str = "
    u0 update 08000000c0000000 01000000 2
    u0 update 08000000c0000000 01000000 3
    u0 update 08000000c0000000 01000000 4
    u0 update 08000000c0000000 01000000 1
    u0 update 08000000c0000000 02000000 1
    u0 update 08000000c0ffffff 03000000 2
    u0 lookup 09000000c0000000
    u0 order
    u0 update 21000000c0000000 01000000 0
    u0 update 21000000c0000000 01000000 3
    u0 delete 21000000c0000000
    u0 delete 08000000c1000000
    u0 delete 09000000c0000000
    u0 delete 08000000c0aaaaaa
    u0 delete 08000000c0000000
    u0 next -
";

const FULL: &str = "
    u0 update 08000000c0000000 01000000 0
    u0 update 10000000c0010000 02000000 0
    u0 update 18000000c0010100 03000000 0
    u0 update 18000000c0010100 03000000 2
    p0 update 18000000c0010100 03000000 1
    u0 update 10000000c0010000 04000000 0
    u0 update 10000000c0010000 05000000 2
    u0 update 10000000c0010000 05000000 1
    u0 order
    u0 delete 08000000c0000000
    u0 update 18000000c0010100 03000000 0
    u0 update 00000000c0010100 03000000 0
    u0 order
";

const WALK: &str = "
    u0 next -
    u0 next 08000000c0000000
    u0 update 08000000c0000000 01000000 0
    u0 update 10000000c0a80000 01000000 0
    u0 update 18000000c0a80000 01000000 0
    u0 update 18000000c0a80100 01000000 0
    u0 update 18000000c0a88000 01000000 0
    u0 update 0000000000000000 01000000 0
    u0 update 080000000a000000 01000000 0
    u0 order
    u0 next 10000000c0a80000
    u0 next 10000000c0a8ffff
    u0 next 0000000000000000
    u0 next 11000000c0a80000
    u0 next 17000000c0a80000
    u0 next 30000000c0a80000
    u0 next 20000000c0a80000
    u0 delete 10000000c0a80000
    u0 order
    u0 next 10000000c0a80000
";

const JOINTS: &str = "
    u0 update 0800000000 01 0
    u0 update 0800000001 02 0
    u0 order
    u0 next 0700000000
    u0 update 0700000000 03 2
    u0 update 0700000000 03 1
    u0 order
    u0 update 0700000001 04 1
    u0 delete 0700000000
    u0 delete 0700000000
    u0 order
    u0 delete 0800000000
    u0 order
    u0 update 0400000000 05 0
    u0 delete 0800000001
    u0 order
    u0 delete 0400000000
    u0 order
";

const POINTERS: &str = "
    u0 update 08000000c0000000 01000000 0
    p0 stale 08000000c0000000 02000000
    p0 stale 20000000c0000001 03000000
    u0 order
    p0 reuse 08000000c0000000 0800000011000000 04000000
    u0 walk
";
