//! Maps that packets are sent through: DEVMAP, DEVMAP_HASH, CPUMAP, XSKMAP; maps of sockets; local storage.
//!
//! Device 1 is the loopback, which is everywhere; there is no device 999999. Sockets are TCP listeners.

use super::super::{Case, Spec};
use super::names::*;
use super::{case, spec};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, kind) in [("devmap", DEVMAP), ("devmap_hash", DEVMAP_HASH), ("cpumap", CPUMAP)] {
        let plain = spec(kind, 4, 4, 3);
        cases.extend([
            case(&format!("{name}: flags"), plain.clone(), FLAGS),
            case(&format!("{name}: life of an element"), plain.clone(), LIFE),
            case(&format!("{name}: with programs"), spec(kind, 4, 8, 3), PROGRAMS),
            case(&format!("{name}: bpf_redirect_map"), plain.clone(), REDIRECT),
            case(&format!("{name}: frozen"), plain, FROZEN),
        ]);
    }
    cases.push(case("devmap_hash: walking", spec(DEVMAP_HASH, 4, 4, 6), WALK));
    cases.push(case("devmap: a program reads", spec(DEVMAP, 4, 8, 3), READ));
    cases.push(case("devmap_hash: a program reads", spec(DEVMAP_HASH, 4, 4, 3), READ));
    cases.push(case("xskmap: no sockets", spec(XSKMAP, 4, 4, 3), NO_SOCKETS));
    cases.push(case("xskmap: bpf_redirect_map", spec(XSKMAP, 4, 4, 3), REDIRECT));
    for (name, kind) in
        [("sockmap", SOCKMAP), ("sockhash", SOCKHASH), ("reuseport_sockarray", REUSEPORT_SOCKARRAY)]
    {
        for size in [4, 8] {
            cases.push(case(&format!("{name} of {size}: no sockets"), spec(kind, 4, size, 3), NO_SOCKETS));
        }
    }
    for (name, kind) in [("sockmap", SOCKMAP), ("sockhash", SOCKHASH)] {
        for size in [4, 8] {
            cases.push(case(&format!("{name} of {size}: listeners"), spec(kind, 4, size, 2), LISTENERS));
        }
    }
    let typed = Spec { flags: NO_PREALLOC, typed: true, ..spec(SK_STORAGE, 4, 8, 0) };
    cases.push(case("sk_storage: descriptors", typed.clone(), OWNERS));
    cases.push(case("task_storage: descriptors", Spec { kind: TASK_STORAGE, ..typed.clone() }, OWNERS));
    for size in [8192, 65000, 65406, 65407, 65408, 65471, 65472, 65535, 65536] {
        let name = format!("create sk_storage: value_size {size}");
        cases.push(Case { name, spec: Spec { value: size, ..typed.clone() }, steps: Vec::new() });
        let name = format!("create cgroup_storage: value_size {size}");
        cases.push(Case { name, spec: spec(CGROUP_STORAGE, 8, size, 0), steps: Vec::new() });
    }
    for (what, wrong) in [
        ("untyped", Spec { typed: false, ..typed.clone() }),
        ("preallocated", Spec { flags: 0, ..typed.clone() }),
        ("cloned", Spec { flags: NO_PREALLOC | 0x200, ..typed.clone() }),
    ] {
        cases.push(Case { name: format!("create sk_storage: {what}"), spec: wrong, steps: Vec::new() });
    }
    cases.push(case("cgroup_storage: no attachment", spec(CGROUP_STORAGE, 8, 8, 0), CGROUPS));
    cases.push(case(
        "percpu_cgroup_storage: no attachment",
        spec(PERCPU_CGROUP_STORAGE, 8, 8, 0),
        CGROUPS_PERCPU,
    ));
    for max in [32, 63, 64, 65, 128, 129, 256, 257, 512, 513, 1024, 8192, 8193] {
        cases.push(Case {
            name: format!("create cpumap: of {max}"),
            spec: spec(CPUMAP, 4, 4, max),
            steps: Vec::new(),
        });
    }
    cases
}

const FLAGS: &str = "
    u0 update 00000000 01000000 1
    u0 update 00000000 01000000 2
    u0 update 00000000 01000000 1
    u0 update 00000000 01000000 3
    u0 update 00000000 01000000 4
    u0 update 03000000 01000000 0
    u0 update 03000000 01000000 3
    u0 update 01000000 3f420f00 0
    u0 update 01000000 00000000 0
    u0 update 01000000 01400000 0
    u0 update 02000000 01000000 0
    u0 walk
    u0 delete 03000000
    u0 delete 02000000
    u0 delete 02000000
    u0 delete 0a000000
    u0 take 00000000 0
    u0 walk
";

const LIFE: &str = "
    u0 lookup 00000000
    u0 update 00000000 01000000 0
    u0 lookup 00000000
    u0 update 00000000 01000000 2
    u0 update 00000000 00000000 0
    u0 lookup 00000000
    u0 update 01000000 01000000 0
    u0 update 05000000 01000000 0
    u0 update 06000000 01000000 0
    u0 update 07000000 01000000 0
    u0 order
    u0 next -
    u0 next 01000000
    u0 next 02000000
    u0 next 09000000
    u0 lookup 01000000 4
";

const PROGRAMS: &str = "
    u0 update 00000000 0100000000000000 0
    u0 lookup 00000000
    u0 update 00000000 010000000f270000 0
    u0 update 00000000 01000000ffffffff 0
    u0 lookup 00000000
    u0 update 01000000 000000000f270000 0
    u0 update 01000000 00000000ffffffff 0
    u0 lookup 01000000
";

const REDIRECT: &str = "
    p0 redirect 0 0
    p0 redirect 0 2
    p0 redirect 0 3
    p0 redirect 0 4
    p0 redirect 0 8
    p0 redirect 0 16
    p0 redirect 0 24
    p0 redirect 0 26
    p0 redirect 0 4096
    u0 update 00000000 01000000 0
    p0 redirect 0 0
    p0 redirect 0 2
    p0 redirect 0 4
    p0 redirect 0 8
    p0 redirect 0 24
    p0 redirect 3 1
    p0 redirect 4294967296 1
    p0 redirect 4294967297 1
";

const FROZEN: &str = "
    u0 update 00000000 01000000 0
    u0 freeze
    u0 update 01000000 01000000 0
    u0 delete 00000000
    u0 lookup 00000000
";

const WALK: &str = "
    u0 update 00000000 01000000 0
    u0 update 08000000 01000000 0
    u0 update 10000000 01000000 0
    u0 update 01000000 01000000 0
    u0 update 09000000 01000000 0
    u0 update ffffffff 01000000 0
    u0 order
    u0 update 22000000 01000000 0
    u0 update 08000000 01000000 2
    u0 order
    u0 delete 10000000
    u0 order
    u0 next 77000000
";

const READ: &str = "
    p0 lookup 00000000
    u0 take 00000000 0
    p0 lookup 07000000
";

const NO_SOCKETS: &str = "
    u0 held 00000000
    u0 held 09000000
    u0 delete 00000000
    u0 delete 03000000
    u0 set 00000000 bad 0
    u0 set 00000000 bad 1
    u0 set 00000000 bad 2
    u0 set 00000000 bad 3
    u0 set 03000000 bad 0
    u0 set 00000000 prog 0
    u0 take 00000000 0
    u0 next -
    u0 next 02000000
    u0 next 03000000
";

const LISTENERS: &str = "
    u0 set 00000000 socket 2
    u0 set 00000000 socket 0
    u0 set 00000000 socket 1
    u0 set 00000000 socket 2
    u0 set 00000000 socket 3
    u0 held 00000000
    u0 held 01000000
    u0 set 01000000 socket 0
    u0 set 02000000 socket 0
    u0 delete 00000000
    u0 delete 00000000
    u0 set 00000000 socket 0
";

const OWNERS: &str = "
    u0 next -
    u0 lookup 0f270000
    u0 update 0f270000 0100000000000000 0
    u0 update 0f270000 0100000000000000 3
    u0 delete 0f270000
    u0 take 0f270000 0
    u0 freeze
";

const CGROUPS: &str = "
    u0 lookup 0100000000000000
    u0 update 0100000000000000 0200000000000000 0
    u0 update 0100000000000000 0200000000000000 1
    u0 update 0100000000000000 0200000000000000 2
    u0 update 0100000000000000 0200000000000000 3
    u0 update 0100000000000000 0200000000000000 4
    u0 update 0100000000000000 0200000000000000 8
    u0 delete 0100000000000000
    u0 next -
    u0 next 0100000000000000
    u0 take 0100000000000000 0
";

const CGROUPS_PERCPU: &str = "
    u0 lookup 0100000000000000
    u0 update 0100000000000000 02000000000000000200000000000000 0
    u0 update 0100000000000000 02000000000000000200000000000000 1
    u0 update 0100000000000000 02000000000000000200000000000000 2
    u0 update 0100000000000000 02000000000000000200000000000000 3
    u0 update 0100000000000000 02000000000000000200000000000000 4
    u0 delete 0100000000000000
    u0 next -
";
