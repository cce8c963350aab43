//! PROG_ARRAY and PERF_EVENT_ARRAY.

use super::super::{Case, Spec};
use super::names::*;
use super::{case, spec};

pub(super) fn cases() -> Vec<Case> {
    let progs = spec(PROG_ARRAY, 4, 4, 3);
    let events = spec(PERF_EVENT_ARRAY, 4, 4, 3);
    vec![
        case("prog_array: life of a slot", progs.clone(), LIFE),
        case("prog_array: flags and ranges", progs.clone(), FLAGS),
        case("prog_array: walking sees every index", progs.clone(), NEXT),
        case("prog_array: frozen", progs.clone(), FROZEN),
        case("prog_array: read-only descriptor", Spec { flags: 8, ..progs }, FROZEN),
        case("perf_event_array: no lookups", events.clone(), EVENTS),
        case("perf_event_array: walking", events, NEXT),
    ]
}

const LIFE: &str = "
    u0 held 00000000
    u0 delete 00000000
    u0 set 00000000 prog 0
    u0 held 00000000
    u0 set 00000000 prog 0
    u0 delete 00000000
    u0 held 00000000
    u0 delete 00000000
    u0 set 02000000 prog 0
    u0 held 02000000
    u0 held 01000000
";

const FLAGS: &str = "
    u0 set 00000000 prog 1
    u0 set 00000000 prog 2
    u0 set 00000000 prog 4
    u0 set 03000000 prog 0
    u0 set 03000000 prog 1
    u0 set 03000000 bad 0
    u0 set 00000000 bad 0
    u0 set 00000000 bad 1
    u0 held 03000000
    u0 held ffffffff
    u0 delete 03000000
    u0 take 00000000 0
    u0 lookup 00000000 4
    u0 lookup 00000000 1
";

const NEXT: &str = "
    u0 next -
    u0 next 00000000
    u0 next 01000000
    u0 next 02000000
    u0 next 03000000
";

const FROZEN: &str = "
    u0 set 00000000 prog 0
    u0 freeze
    u0 held 00000000
    u0 set 01000000 prog 0
    u0 delete 00000000
";

const EVENTS: &str = "
    u0 held 00000000
    u0 held 09000000
    u0 delete 00000000
    u0 delete 03000000
    u0 set 00000000 bad 0
    u0 set 00000000 bad 1
    u0 set 03000000 bad 0
    u0 take 00000000 0
";
