//! QUEUE, STACK, BLOOM_FILTER; and what user space can do to STACK_TRACE and CGROUP_ARRAY.

use super::super::{Case, Spec};
use super::names::*;
use super::random::Random;
use super::{case, spec, value};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, kind) in [("queue", QUEUE), ("stack", STACK)] {
        let plain = spec(kind, 0, 6, 3);
        cases.extend([
            case(&format!("{name}: both sides"), plain.clone(), BOTH),
            case(&format!("{name}: flags"), plain.clone(), FLAGS),
            case(&format!("{name}: full"), plain.clone(), FULL),
            case(&format!("{name}: frozen"), plain.clone(), FROZEN),
            case(&format!("{name}: read-only descriptor"), Spec { flags: 8, ..plain.clone() }, FROZEN),
            case(&format!("{name}: write-only descriptor"), Spec { flags: 16, ..plain }, FROZEN),
        ]);
        for seed in 0..4 {
            let mut random = Random::new(0x9e00 + u64::from(kind) * 16 + seed);
            let steps = (0..80).map(|round| step(&mut random, round)).collect();
            cases.push(Case { name: format!("{name}: random {seed}"), spec: spec(kind, 0, 6, 4), steps });
        }
        for (value, max) in
            [(4, u32::MAX / 4), (4, u32::MAX), (4 << 20, 1), ((4 << 20) + 1, 1), (1 << 20, 4096)]
        {
            let name = format!("create {name}: {max} values of {value}");
            cases.push(Case { name, spec: spec(kind, 0, value, max), steps: Vec::new() });
        }
    }
    cases.extend(filters());
    cases.push(case("stack_trace: user space", spec(STACK_TRACE, 4, 16, 3), STACKS));
    cases.push(case("cgroup_array: no lookups", spec(CGROUP_ARRAY, 4, 4, 3), CGROUPS));
    for (what, flags, value) in [
        ("127 entries", 0, 127 * 8),
        ("128 entries", 0, 128 * 8),
        ("build ids", 0x20, 64),
        ("build ids, 127", 0x20, 127 * 32),
        ("build ids, 128", 0x20, 128 * 32),
        ("half a build id", 0x20, 16),
    ] {
        let spec = Spec { flags, ..spec(STACK_TRACE, 4, value, 4) };
        cases.push(Case { name: format!("create stack_trace: {what}"), spec, steps: Vec::new() });
    }
    cases
}

fn step(random: &mut Random, round: u64) -> String {
    let bytes = &value(round + 1, 8)[..12];
    let flags = [0, 0, 0, 1, 2, 2, 4][random.below(7) as usize];
    match random.below(10) {
        0 => "u0 lookup -".to_string(),
        1 => format!("u0 take - {}", [0, 0, 4][random.below(3) as usize]),
        2 => "p0 peek".to_string(),
        3 => "p1 pop".to_string(),
        4..=6 => format!("u0 update - {bytes} {flags}"),
        _ => format!("p0 push {bytes} {flags}"),
    }
}

/// Filters without a seed: also what they wrongly claim is the same every time.
fn filters() -> Vec<Case> {
    let mut cases = Vec::new();
    let shapes =
        [(8, 4, 0), (4, 1, 1), (6, 10, 3), (5, 100, 15), (13, 7, 2), (12, 3, 0), (24, 50, 5), (1, 5, 4)];
    for (size, max, hashes) in shapes {
        let spec = Spec { flags: ZERO_SEED, extra: hashes, ..spec(BLOOM_FILTER, 0, size, max) };
        let mut steps = Vec::new();
        for number in 0..max / 2 + 1 {
            let side = if number % 2 == 0 { "u0 update -" } else { "p0 push" };
            steps.push(format!("{side} {} 0", &value(u64::from(number), 24)[..2 * size as usize]));
        }
        for number in 0..60 {
            let side = if number % 2 == 0 { "u0" } else { "p0" };
            steps.push(format!("{side} contains {}", &value(number, 24)[..2 * size as usize]));
        }
        cases.push(Case {
            name: format!("bloom_filter: {max} of {size} bytes, {hashes} hashes"),
            spec,
            steps,
        });
    }
    let plain = Spec { flags: ZERO_SEED, ..spec(BLOOM_FILTER, 0, 6, 3) };
    cases.push(case("bloom_filter: flags", plain.clone(), FILTER_FLAGS));
    cases.push(case("bloom_filter: frozen", plain.clone(), FILTER_FROZEN));
    cases.push(case("bloom_filter: read-only descriptor", Spec { flags: 8, ..plain.clone() }, FILTER_FROZEN));
    for extra in [15, 16, 1 << 32] {
        let name = format!("create bloom_filter: map_extra {extra}");
        cases.push(Case { name, spec: Spec { extra, ..plain.clone() }, steps: Vec::new() });
    }
    cases
}

const BOTH: &str = "
    u0 lookup -
    u0 take - 0
    p0 peek
    p0 pop
    u0 update - 010000000000 0
    p0 push 020000000000 0
    u0 lookup -
    p0 peek
    p0 pop
    u0 take - 0
    u0 take - 0
    u0 delete -
    u0 next -
";

const FLAGS: &str = "
    u0 update - 010000000000 1
    u0 update - 010000000000 2
    u0 update - 020000000000 3
    u0 update - 020000000000 4
    p0 push 030000000000 1
    p0 push 030000000000 2
    p0 push 030000000000 4
    u0 lookup - 1
    u0 lookup - 4
    u0 take - 1
    u0 take - 4
    u0 take - 0
    u0 take - 0
";

const FULL: &str = "
    u0 update - 010000000000 0
    u0 update - 020000000000 0
    p0 push 030000000000 0
    p0 push 040000000000 0
    u0 update - 050000000000 0
    u0 update - 060000000000 2
    p0 push 070000000000 2
    p0 pop
    p0 pop
    p0 pop
    p0 pop
";

const FROZEN: &str = "
    u0 update - 010000000000 0
    p0 push 020000000000 0
    u0 lookup -
    u0 freeze
    u0 update - 010000000000 0
    u0 take - 0
    u0 take - 4
    u0 take - 1
    p0 push 030000000000 0
    p0 pop
";

const FILTER_FLAGS: &str = "
    u0 update - 010000000000 1
    u0 update - 010000000000 2
    u0 update - 010000000000 4
    p0 push 010000000000 2
    u0 contains 010000000000
    p0 push 010000000000 0
    u0 contains 010000000000
    p0 contains 020000000000
    u0 delete -
    u0 next -
    u0 take - 0
";

const FILTER_FROZEN: &str = "
    u0 update - 010000000000 0
    u0 freeze
    u0 update - 020000000000 0
    u0 contains 010000000000
    p0 push 020000000000 0
    p0 contains 020000000000
";

const STACKS: &str = "
    u0 lookup 00000000
    u0 lookup 09000000
    u0 update 00000000 01000000000000000200000000000000 0
    u0 update 00000000 01000000000000000200000000000000 5
    u0 delete 00000000
    u0 delete 03000000
    u0 delete 04000000
    u0 take 00000000 0
    u0 next -
    u0 next 00000000
    u0 freeze
    u0 freeze
";

const CGROUPS: &str = "
    u0 held 00000000
    u0 held 09000000
    u0 delete 00000000
    u0 delete 03000000
    u0 set 00000000 bad 0
    u0 set 00000000 bad 1
    u0 set 03000000 bad 0
    u0 set 00000000 prog 0
    u0 take 00000000 0
    u0 next -
    u0 next 02000000
    u0 next 03000000
";
