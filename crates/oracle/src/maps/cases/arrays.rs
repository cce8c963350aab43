//! ARRAY and PERCPU_ARRAY.

use super::super::{Case, Spec};
use super::names::*;
use super::{case, locked, spec};

pub(super) fn cases() -> Vec<Case> {
    let percpu = spec(PERCPU_ARRAY, 4, 5, 2);
    let lock = locked(spec(ARRAY, 4, 16, 2), 4);
    vec![
        case("array: elements exist from the start", spec(ARRAY, 4, 6, 3), ELEMENTS),
        case("array: flags of an update", spec(ARRAY, 4, 4, 2), FLAGS),
        case("array: no deletion", spec(ARRAY, 4, 4, 2), DELETE),
        case("array: walking", spec(ARRAY, 4, 4, 3), NEXT),
        case("array: one element", spec(ARRAY, 4, 1, 1), NEXT),
        case("array: a frozen map", spec(ARRAY, 4, 4, 2), FROZEN),
        case("array: a read-only descriptor", Spec { flags: 8, ..spec(ARRAY, 4, 4, 2) }, FROZEN),
        case("array: a write-only descriptor", Spec { flags: 16, ..spec(ARRAY, 4, 4, 2) }, FROZEN),
        case("array: pointers stay", spec(ARRAY, 4, 8, 2), STALE),
        case("array: spin lock", lock, LOCK),
        case("percpu_array: both sides, both CPUs", percpu.clone(), PERCPU),
        case("percpu_array: flags of an update", percpu.clone(), PERCPU_FLAGS),
        case("percpu_array: walking", percpu.clone(), NEXT),
        case("percpu_array: no deletion", percpu, DELETE),
        case("percpu_array: a value of whole words", spec(PERCPU_ARRAY, 4, 16, 1), PERCPU_WORDS),
    ]
}

const ELEMENTS: &str = "
    u0 lookup 00000000
    p0 lookup 02000000
    p0 lookup 03000000
    u0 lookup 03000000
    u0 lookup ffffffff
    u0 update 02000000 010203040506 0
    p0 lookup 02000000
    p0 update 01000000 aabbccddeeff 0
    u0 lookup 01000000
    u0 update 03000000 010203040506 0
    p0 update 03000000 010203040506 0
    u0 update ffffffff 010203040506 2
    u0 walk
";

const FLAGS: &str = "
    u0 update 00000000 01000000 1
    u0 update 00000000 02000000 2
    u0 lookup 00000000
    u0 update 00000000 03000000 3
    u0 update 00000000 03000000 4
    u0 update 00000000 03000000 8
    u0 update 00000000 03000000 18446744073709551615
    u0 update 09000000 03000000 1
    u0 update 09000000 03000000 3
    p0 update 00000000 01000000 1
    p0 update 00000000 02000000 2
    p0 update 00000000 03000000 3
    p0 update 00000000 03000000 4
    p0 update 00000000 03000000 5
    p0 update 00000000 03000000 8
    p0 update 09000000 03000000 1
    p0 update 09000000 03000000 4
    u0 lookup 00000000 1
    u0 lookup 00000000 4
    u0 lookup 00000000 8
    u0 walk
";

const DELETE: &str = "
    u0 delete 00000000
    u0 delete 09000000
    p0 delete 00000000
    p0 delete 09000000
    u0 take 00000000 0
    u0 take 09000000 0
    u0 take 00000000 4
    u0 take 00000000 1
";

const NEXT: &str = "
    u0 next -
    u0 next 00000000
    u0 next 01000000
    u0 next 02000000
    u0 next 03000000
    u0 next ffffffff
    u0 keys
";

const FROZEN: &str = "
    u0 update 00000000 01000000 0
    u0 freeze
    u0 freeze
    u0 lookup 00000000
    u0 next -
    u0 update 00000000 02000000 0
    u0 update 00000000 02000000 3
    u0 delete 00000000
    u0 take 00000000 0
    p0 update 00000000 03000000 0
    p0 lookup 00000000
    u0 lookup 00000000
";

const STALE: &str = "
    u0 update 00000000 0100000000000000 0
    p0 stale 00000000 0200000000000000
    u0 lookup 00000000
";

const LOCK: &str = "
    u0 lookup 00000000
    u0 update 00000000 ffffffffffffffffffffffffffffffff 0
    u0 lookup 00000000
    u0 update 00000000 11111111111111111111111111111111 4
    u0 lookup 00000000 4
    u0 update 00000000 22222222222222222222222222222222 6
    u0 update 00000000 22222222222222222222222222222222 5
    u0 update 00000000 22222222222222222222222222222222 7
    u0 lookup 00000000
    u0 freeze
";

const PERCPU: &str = "
    u0 lookup 00000000
    p0 update 00000000 0102030405 0
    p1 update 00000000 1112131415 0
    u0 lookup 00000000
    u1 lookup 00000000
    u0 update 00000000 2122232425262728a1a2a3a4a5a6a7a8 0
    u0 lookup 00000000
    p0 lookup 00000000
    p1 lookup 00000000
    p1 update 00000000 0000000000 0
    u0 lookup 00000000
    u0 update 02000000 2122232425262728a1a2a3a4a5a6a7a8 0
    u0 lookup 02000000
    p0 lookup 02000000
    p0 update 02000000 0102030405 0
    p0 stale 01000000 3132333435
";

const PERCPU_FLAGS: &str = "
    u0 update 00000000 2122232425262728a1a2a3a4a5a6a7a8 1
    u0 update 00000000 2122232425262728a1a2a3a4a5a6a7a8 2
    u0 update 00000000 2122232425262728a1a2a3a4a5a6a7a8 3
    u0 update 00000000 2122232425262728a1a2a3a4a5a6a7a8 4
    u0 update 02000000 2122232425262728a1a2a3a4a5a6a7a8 1
    p0 update 00000000 0102030405 1
    p0 update 00000000 0102030405 2
    p0 update 00000000 0102030405 3
    p0 update 00000000 0102030405 4
    p0 update 02000000 0102030405 1
    u0 walk
";

const PERCPU_WORDS: &str = "
    p1 update 00000000 0102030405060708090a0b0c0d0e0f10 0
    u0 walk
    u0 next 00000000
";
