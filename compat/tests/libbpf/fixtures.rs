//! Every fixture goes through libbpf.

use super::{Object, machine};

/// Objects that libbpf does not load, and what it says. `skep verify` refuses the same programs.
const REFUSED: &[(&str, &str)] = &[
    ("arena_words", "prog 'add': BPF program load failed: Argument list too long"),
    ("exec_record", "dereference of modified ctx ptr R3 off=8 disallowed"),
    ("fault_null", "R0 invalid mem access 'map_value_or_null'"),
    ("fault_oob", "R1 offset is outside of the packet"),
    ("fault_stale", "R7 invalid mem access 'scalar'"),
    ("infinite_loop", "infinite loop detected at insn 3"),
    ("legacy_maps", "legacy map definitions in 'maps' section are not supported by libbpf v1.0+"),
    ("policy_strict", "prog 'strict': attach program FD is not set"),
    ("sections", "do_unlinkat is not sleepable"),
    ("supplied", "kfunc 'skep_has_no_kfunc' is referenced but wasn't resolved"),
    ("task_list", "R3 pointer arithmetic on ptr_or_null_ prohibited, null-check it first"),
    // FIXME: maps of STRUCT_OPS are not made yet.
    ("tcp_steady", "map 'steady': failed to create: Invalid argument(-22)"),
];

fn names() -> Vec<String> {
    let folder = format!("{}/../fixtures", env!("CARGO_MANIFEST_DIR"));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".bpf.o").map(str::to_owned))
        .collect();
    names.sort();
    names
}

#[test]
fn libbpf_opens_and_loads_every_fixture() {
    let mut wrong = String::new();
    for name in names() {
        let machine = machine();
        let said = Object::open(&name).and_then(|object| object.load());
        let expected = REFUSED.iter().find(|it| it.0 == name).map(|it| it.1);
        match (&said, expected) {
            (Ok(()), None) => {}
            (Err(text), Some(expected)) if text.contains(expected) => {}
            _ => wrong += &format!("== {name}: {said:?}, not {expected:?}\n"),
        }
        machine.with(|it| {
            let left: Vec<_> = it.kernel().fds().collect();
            if !left.is_empty() {
                wrong += &format!("== {name}: left open {left:?}\n");
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.replace("\\n", "\n"));
}
