//! HASH and PERCPU_HASH.

use super::super::{Case, Spec};
use super::names::*;
use super::{case, locked, spec};

pub(super) fn cases() -> Vec<Case> {
    let lazy = |spec: Spec| Spec { flags: spec.flags | NO_PREALLOC, ..spec };
    let hash = spec(HASH, 4, 8, 2);
    let percpu = spec(PERCPU_HASH, 4, 5, 2);
    let lock = locked(spec(HASH, 4, 16, 2), 8);
    let mut cases = vec![
        case("hash: read-only descriptor", Spec { flags: 8, ..hash.clone() }, ACCESS),
        case("hash: write-only descriptor", Spec { flags: 16, ..hash.clone() }, ACCESS),
        case("hash: frozen", hash.clone(), ACCESS),
        case("hash: spin lock", lock.clone(), LOCK),
        case("hash: spin lock, not preallocated", lazy(lock), LOCK),
        case("hash: keys of one byte", spec(HASH, 1, 8, 3), BYTE_KEYS),
        case("hash: keys of 13 bytes", spec(HASH, 13, 4, 3), LONG_KEYS),
        case("hash: an odd value", lazy(spec(HASH, 4, 3, 3)), ODD_VALUE),
    ];
    for (name, hash, percpu) in
        [("", hash.clone(), percpu.clone()), (", not preallocated", lazy(hash), lazy(percpu))]
    {
        cases.extend([
            case(&format!("hash{name}: life of a key"), hash.clone(), LIFE),
            case(&format!("hash{name}: full"), hash.clone(), FULL),
            case(&format!("hash{name}: flags"), hash.clone(), FLAGS),
            case(&format!("hash{name}: walking"), hash.clone(), NEXT),
            case(&format!("hash{name}: take"), hash.clone(), TAKE),
            case(&format!("hash{name}: pointers after an update"), hash.clone(), STALE),
            case(&format!("hash{name}: pointers after a deletion"), hash.clone(), REUSE),
            case(&format!("hash{name}: two CPUs fill it"), spec_of(&hash, 5), TWO_CPUS),
            case(&format!("percpu_hash{name}: both sides"), percpu.clone(), PERCPU),
            case(&format!("percpu_hash{name}: flags"), percpu.clone(), PERCPU_FLAGS),
            case(&format!("percpu_hash{name}: full"), percpu.clone(), PERCPU_FULL),
            case(&format!("percpu_hash{name}: take"), percpu.clone(), PERCPU_TAKE),
            case(&format!("percpu_hash{name}: a slot is used again"), percpu.clone(), PERCPU_REUSE),
            case(&format!("percpu_hash{name}: pointers"), percpu.clone(), PERCPU_STALE),
        ]);
    }
    cases
}

fn spec_of(spec: &Spec, max: u32) -> Spec {
    Spec { max, ..spec.clone() }
}

const LIFE: &str = "
    u0 lookup 01000000
    p0 lookup 01000000
    u0 delete 01000000
    p0 delete 01000000
    u0 update 01000000 0100000000000000 0
    u0 lookup 01000000
    p0 lookup 01000000
    p0 update 01000000 0200000000000000 0
    u0 lookup 01000000
    u0 delete 01000000
    u0 lookup 01000000
    p0 update 01000000 0300000000000000 1
    p0 delete 01000000
    u0 walk
";

const FULL: &str = "
    u0 update 01000000 0100000000000000 0
    u0 update 02000000 0200000000000000 0
    u0 update 03000000 0300000000000000 0
    p0 update 03000000 0300000000000000 0
    u0 update 03000000 0300000000000000 2
    u0 update 03000000 0300000000000000 1
    u0 update 02000000 2200000000000000 0
    u0 update 02000000 2300000000000000 2
    u0 update 02000000 2300000000000000 1
    p1 update 01000000 1100000000000000 0
    u0 walk
    u0 delete 01000000
    u0 update 03000000 0300000000000000 0
    u0 update 04000000 0300000000000000 0
    u0 walk
";

const FLAGS: &str = "
    u0 update 01000000 0100000000000000 2
    u0 update 01000000 0100000000000000 3
    u0 update 01000000 0100000000000000 1
    u0 update 01000000 0200000000000000 1
    u0 update 01000000 0300000000000000 2
    u0 update 01000000 0400000000000000 4
    u0 update 01000000 0400000000000000 8
    u0 update 02000000 0400000000000000 18446744073709551615
    p0 update 01000000 0500000000000000 1
    p0 update 01000000 0500000000000000 3
    p0 update 01000000 0500000000000000 4
    p0 update 02000000 0500000000000000 2
    p0 update 01000000 0600000000000000 2
    p0 update 01000000 0600000000000000 8
    u0 lookup 01000000 1
    u0 lookup 01000000 4
    u0 lookup 02000000 8
    u0 walk
";

const NEXT: &str = "
    u0 next -
    u0 next 01000000
    u0 update 01000000 0100000000000000 0
    u0 next -
    u0 next 01000000
    u0 next 02000000
    u0 update 02000000 0200000000000000 0
    u0 keys
    u0 delete 01000000
    u0 next -
    u0 next 01000000
    u0 next 02000000
    u0 delete 02000000
    u0 next 02000000
    u0 next -
";

const TAKE: &str = "
    u0 take 01000000 0
    u0 update 01000000 0100000000000000 0
    u0 take 01000000 1
    u0 take 01000000 4
    u0 take 01000000 0
    u0 lookup 01000000
    u0 take 01000000 0
    u0 walk
";

const STALE: &str = "
    p0 stale 01000000 0100000000000000
    u0 update 01000000 0100000000000000 0
    p0 stale 01000000 0200000000000000
    p0 stale 01000000 0300000000000000
    p1 stale 01000000 0400000000000000
    u0 lookup 01000000
";

const REUSE: &str = "
    u0 update 01000000 0100000000000000 0
    p0 reuse 01000000 02000000 0200000000000000
    p0 reuse 02000000 03000000 0300000000000000
    u0 walk
    p1 reuse 03000000 03000000 0400000000000000
    u0 walk
";

const TWO_CPUS: &str = "
    u0 update 01000000 0100000000000000 0
    u0 update 02000000 0200000000000000 0
    u0 update 03000000 0300000000000000 0
    u1 update 04000000 0400000000000000 0
    u0 update 05000000 0500000000000000 0
    u1 update 06000000 0600000000000000 0
    p0 reuse 04000000 06000000 0600000000000000
    u1 delete 01000000
    u1 delete 02000000
    u0 update 07000000 0700000000000000 1
    u0 update 08000000 0800000000000000 1
    u0 update 09000000 0900000000000000 1
    u1 update 05000000 5500000000000000 2
    u0 walk
";

const BYTE_KEYS: &str = "
    u0 update 01 0100000000000000 0
    u0 update ff 0200000000000000 0
    u0 update 00 0300000000000000 0
    u0 update 02 0300000000000000 0
    p0 lookup ff
    u0 walk
    u0 delete 00
    u0 walk
";

const LONG_KEYS: &str = "
    u0 update 00000000000000000000000001 01000000 0
    u0 update 00000000000000000000000000 02000000 0
    u0 update 01000000000000000000000000 03000000 0
    u0 update 01000000000000000000000001 04000000 0
    u0 update 01000000000000000000000000 05000000 2
    p0 lookup 00000000000000000000000000
    p0 delete 00000000000000000000000000
    u0 update 01000000000000000000000001 04000000 0
    u0 walk
";

const ODD_VALUE: &str = "
    u0 update 01000000 010203 0
    p0 update 02000000 040506 0
    p0 lookup 01000000
    u0 walk
";

const ACCESS: &str = "
    p0 update 01000000 0100000000000000 0
    u0 freeze
    u0 freeze
    u0 lookup 01000000
    u0 lookup 01000000 4
    u0 next -
    u0 update 01000000 0200000000000000 0
    u0 update 01000000 0200000000000000 4
    u0 delete 01000000
    u0 take 01000000 0
    p0 update 02000000 0300000000000000 0
    p0 delete 01000000
    p0 lookup 02000000
";

const LOCK: &str = "
    u0 update 01000000 ffffffffffffffffffffffffffffffff 4
    u0 lookup 01000000
    u0 lookup 01000000 4
    u0 update 01000000 11111111111111111111111111111111 6
    u0 update 01000000 11111111111111111111111111111111 5
    u0 update 02000000 11111111111111111111111111111111 6
    u0 update 02000000 11111111111111111111111111111111 5
    u0 update 03000000 11111111111111111111111111111111 4
    u0 update 02000000 33333333333333333333333333333333 0
    u0 update 02000000 33333333333333333333333333333333 7
    u0 update 02000000 33333333333333333333333333333333 12
    u0 walk
    u0 take 01000000 4
    u0 freeze
    u0 walk
";

const PERCPU: &str = "
    p0 update 01000000 0102030405 0
    u0 lookup 01000000
    p1 update 01000000 1112131415 0
    u0 lookup 01000000
    p0 lookup 01000000
    p1 lookup 01000000
    u0 update 01000000 2122232425262728a1a2a3a4a5a6a7a8 0
    u1 lookup 01000000
    p1 lookup 01000000
    p1 update 02000000 3132333435 1
    u0 walk
    p0 delete 01000000
    u0 delete 01000000
    u0 lookup 01000000
    p0 lookup 01000000
";

const PERCPU_FLAGS: &str = "
    u0 update 01000000 2122232425262728a1a2a3a4a5a6a7a8 2
    u0 update 01000000 2122232425262728a1a2a3a4a5a6a7a8 3
    u0 update 01000000 2122232425262728a1a2a3a4a5a6a7a8 4
    u0 update 01000000 2122232425262728a1a2a3a4a5a6a7a8 1
    u0 update 01000000 2122232425262728a1a2a3a4a5a6a7a8 1
    u0 update 01000000 3132333435363738b1b2b3b4b5b6b7b8 2
    p0 update 01000000 0102030405 1
    p0 update 01000000 0102030405 3
    p0 update 01000000 0102030405 4
    p0 update 02000000 0102030405 2
    u0 lookup 01000000 4
    u0 walk
";

const PERCPU_FULL: &str = "
    p0 update 01000000 0102030405 0
    u0 update 02000000 2122232425262728a1a2a3a4a5a6a7a8 0
    p0 update 03000000 0102030405 0
    u0 update 03000000 2122232425262728a1a2a3a4a5a6a7a8 0
    u0 update 03000000 2122232425262728a1a2a3a4a5a6a7a8 2
    p1 update 02000000 4142434445 0
    u0 walk
    p1 delete 02000000
    p0 update 03000000 5152535455 0
    u0 walk
";

const PERCPU_TAKE: &str = "
    u0 take 01000000 0
    p1 update 01000000 0102030405 0
    u0 take 01000000 4
    u0 take 01000000 0
    u0 take 01000000 0
    u0 walk
";

const PERCPU_REUSE: &str = "
    u0 update 01000000 2122232425262728a1a2a3a4a5a6a7a8 0
    u0 delete 01000000
    p0 update 02000000 0102030405 0
    p0 lookup 02000000
    p1 lookup 02000000
";

const PERCPU_STALE: &str = "
    p0 update 01000000 0102030405 0
    p0 stale 01000000 1112131415
    p0 reuse 01000000 02000000 2122232425
    u0 keys
";
