//! The maps that become of data sections: sizes, and flags by libbpf's rules.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use skep_abi::flags::{BPF_F_MMAPABLE, BPF_F_RDONLY_PROG};
use skep_loader::{MapSource, OpenObject};
use skep_testkit::fixtures;

fn check(fixture: &str, expected: Expect) {
    let open = OpenObject::parse(&fixtures::object(fixture)).unwrap();
    let mut out = String::new();
    for map in open.maps().iter().filter(|it| matches!(it.source, MapSource::Section(_))) {
        let (spec, has) = (&map.spec, |flag| map.spec.flags & flag != 0);
        let _ = write!(out, "{}: {} bytes", map.name, spec.value_size);
        for (flag, word) in [(BPF_F_RDONLY_PROG, "constant"), (BPF_F_MMAPABLE, "to be mapped")] {
            if has(flag) {
                let _ = write!(out, ", {word}");
            }
        }
        assert_eq!(spec.flags & !(BPF_F_RDONLY_PROG | BPF_F_MMAPABLE), 0);
        out.push('\n');
    }
    expected.assert_eq(&out);
}

#[test]
fn sections_of_every_kind() {
    check(
        "globals",
        expect![[r#"
        .rodata: 64 bytes, constant, to be mapped
        .rodata.limits: 4 bytes, constant, to be mapped
        .data: 6 bytes, to be mapped
        .data.hot: 8 bytes, to be mapped
        .bss: 40 bytes, to be mapped
        .bss.scratch: 40 bytes, to be mapped
        .rodata.str1.1: 5 bytes, constant
    "#]],
    );
    check(
        "externs/kconfig",
        expect![[r#"
        .bss: 8 bytes, to be mapped
        .kconfig: 54 bytes, constant, to be mapped
    "#]],
    );
}

#[test]
fn nobody_maps_what_is_static() {
    // Formats of prints, each a static variable of a function.
    check(
        "printk",
        expect![[r#"
        .rodata: 85 bytes, constant
        .rodata.str1.1: 19 bytes, constant
        .bss: 88 bytes, to be mapped
    "#]],
    );
    check(
        "task_list",
        expect![[r#"
        .rodata: 40 bytes, constant, to be mapped
        .rodata.str1.1: 14 bytes, constant
    "#]],
    );
}
