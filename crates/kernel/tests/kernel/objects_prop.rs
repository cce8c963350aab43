//! Setting a field and reading it back, for any type and path; and paths and types that make no sense.

use crate::c_types::c_types;
use crate::objects::types;
use proptest::prelude::*;
use skep_btf::{Btf, Def, Kind, TypeId, Value};
use skep_kernel::{Args, Config, FieldValue, Kernel, TargetBtf, args};
use std::sync::Arc;

fn kernel(btf: TargetBtf) -> Kernel {
    Kernel::new(Config { btf: Some(btf), ..Config::default() }).expect("address space")
}

/// The paths of all numbers and pointers in a type, without following pointers: of an array, the first and last element.
fn leaves(btf: &Btf, id: TypeId, path: &str, depth: usize, out: &mut Vec<String>) {
    match btf.resolved(id).map(|ty| &ty.def) {
        _ if depth == 0 => {}
        Some(Def::Struct(_) | Def::Union(_)) => {
            for member in btf.members(id) {
                let dot = if path.is_empty() || member.name.is_empty() { "" } else { "." };
                leaves(btf, member.type_id, &format!("{path}{dot}{}", member.name), depth - 1, out);
            }
        }
        Some(Def::Array(array)) => {
            let last = array.len.max(1) - 1;
            for index in if last == 0 { vec![0] } else { vec![0, last] } {
                leaves(btf, array.element, &format!("{path}[{index}]"), depth - 1, out);
            }
        }
        Some(Def::Int(_) | Def::Ptr(_) | Def::Enum(_) | Def::Enum64(_)) => out.push(path.to_owned()),
        _ => {}
    }
}

fn bytes(kernel: &Kernel, addr: u64, len: u64) -> Vec<u8> {
    let mut bytes = vec![0; len as usize];
    kernel.memory().peek(addr, &mut bytes).expect("an object");
    bytes
}

/// Sets every leaf of a type in turn and checks it and its neighbours, `fill` being what is there before.
fn check_type(kernel: &mut Kernel, btf: &Btf, id: TypeId, name: &str, fill: u8, number: u128) {
    let len = btf.size_of(id).expect("a size");
    let mut paths = Vec::new();
    leaves(btf, id, "", 8, &mut paths);
    let addr = kernel.object(name).unwrap_or_else(|error| panic!("{error}")).addr();
    for path in paths {
        let field = match btf.field(id, &path) {
            Ok(field) if field.bit_offset + field.bit_size <= len * 8 => field,
            _ => continue,
        };
        kernel.memory().fill(addr, len as usize, fill).expect("an object");
        let mut expected = bytes(kernel, addr, len);
        field
            .write(&mut expected, number & (u128::MAX >> (128 - field.bit_size.min(128))))
            .expect("a number");
        let value = btf.get(id, &expected, &path).expect("a value");
        let object = kernel.object_at(addr, name).expect("an object");
        object.set(&path, &value).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(bytes(kernel, addr, len), expected, "{name}.{path}");
        let mut object = kernel.object_at(addr, name).expect("an object");
        assert_eq!(object.get(&path).expect("a value"), value, "{name}.{path}");
    }
}

/// Structs and unions with names.
fn composites(btf: &Btf) -> Vec<(TypeId, String)> {
    let all = btf.types().filter(|(_, ty)| matches!(ty.kind(), Kind::Struct | Kind::Union));
    let named = all.map(|(id, ty)| (id, format!("{} {}", ty.kind().name().to_lowercase(), btf.str(ty.name))));
    named.filter(|(id, name)| !name.ends_with(' ') && btf.size_of(*id).is_ok_and(|it| it > 0)).collect()
}

#[test]
fn what_is_set_is_there_and_nothing_else_changes() {
    let target = types();
    let mut kernel = kernel(target.clone());
    for (id, name) in composites(&target.vmlinux) {
        for (fill, number) in [(0, u128::MAX), (0xff, 0), (0x55, 0x1234_5678_9abc_def0)] {
            check_type(&mut kernel, &target.vmlinux, id, &name, fill, number);
        }
    }
}

#[test]
fn a_whole_object_can_be_set_to_what_another_is() {
    let target = types();
    let mut kernel = kernel(target.clone());
    for (id, name) in composites(&target.vmlinux) {
        let len = target.vmlinux.size_of(id).expect("a size");
        let from = kernel.object(&name).expect("an object").addr();
        let pattern: Vec<u8> = (0..len).map(|it| (it * 37 % 251) as u8).collect();
        kernel.memory().poke(from, &pattern).expect("an object");
        let value = kernel.object_at(from, &name).expect("an object").get("").expect("a value");
        let mut to = kernel.object(&name).expect("an object");
        to = to.set("", &value).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Padding is nobody's.
        assert_eq!(to.get("").expect("a value"), value, "{name}");
    }
}

/// Text that is nearly a path.
fn paths() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        prop::sample::select(vec![
            "pid",
            "mm",
            "real_parent",
            "exe_file",
            "f_path",
            "dentry",
            "d_name",
            "name",
            "numbers",
            "[0]",
            "[1]",
            "[2]",
            "[31]",
            "[32]",
            "[4294967295]",
            "[18446744073709551615]",
            "<pipe>",
            "<mount.mnt>",
            "<task>",
            "<struct pid>",
            "<u64>",
            "<hidden>",
            ".",
            "->",
            "files",
            "fdt",
            "fd",
            "thread_pid",
            "ns",
            "level",
            "private_data",
            "next",
            "ring_size",
            "grid",
            "x",
            "bytes",
            "word",
            "children",
            "comm",
            "mnt",
            "iov",
            "",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,4}",
    ];
    prop::collection::vec((part, any::<bool>()), 0..8).prop_map(|parts| {
        let mut path = String::new();
        for (part, dot) in parts {
            if dot && !path.is_empty() && !part.starts_with(['[', '<', '.']) {
                path.push('.');
            }
            path.push_str(&part);
        }
        path
    })
}

fn values() -> impl Strategy<Value = FieldValue> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(FieldValue::from),
        any::<i128>().prop_map(FieldValue::Int),
        any::<u64>().prop_map(FieldValue::Addr),
        "\\PC{0,40}".prop_map(FieldValue::from),
        prop::collection::vec(any::<u8>(), 0..64).prop_map(FieldValue::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(FieldValue::List),
            prop::collection::vec((paths(), inner.clone()), 0..4)
                .prop_map(|it| FieldValue::Fields(it.into_iter().collect::<Args>())),
            inner.clone().prop_map(|it| FieldValue::User(Box::new(it))),
            inner.prop_map(|it| FieldValue::Kernel(Box::new(it))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Anything is an error or fits; machines stay as small as they are told to.
    #[test]
    fn no_path_and_no_value_does_harm(
        sets in prop::collection::vec((0..5usize, paths(), values(), any::<bool>()), 1..12),
    ) {
        let config = Config { btf: Some(types()), memory: 16 << 20, ..Config::default() };
        let mut kernel = Kernel::new(config).expect("address space");
        let mut addrs: Vec<(u64, &str)> = Vec::new();
        for (pick, path, value, fresh) in sets {
            let name = ["task", "file", "pid", "msg", "mount"][pick];
            let object = match addrs.iter().find(|it| it.1 == name && !fresh) {
                Some(&(addr, name)) => kernel.object_at(addr, name),
                None => kernel.object(name),
            };
            let Ok(object) = object else { continue };
            addrs.push((object.addr(), name));
            let text = match object.set(&path, value) {
                Ok(mut object) => {
                    let text = format!("{:?} {:?}", object.get(&path), object.get_str(&path));
                    let _ = object.list_of(&path, "task.sibling");
                    let _ = object.at(&path);
                    text
                }
                Err(error) => error.to_string(),
            };
            prop_assert!(!text.is_empty());
            prop_assert!(kernel.memory().resident() <= 16 << 20);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Types that nobody made on purpose: whatever parses can be made, set, read, and be the world's.
    #[test]
    fn no_types_do_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let mut bytes = types().vmlinux.to_bytes();
        for (at, byte) in changes {
            // Behind the header, which would be refused at once.
            let at = 24 + at.index(bytes.len() - 24);
            bytes[at] = byte;
        }
        let Ok(btf) = Btf::parse(&bytes) else { return Ok(()) };
        let target = TargetBtf::new("test", Arc::new(btf));
        let config = Config { btf: Some(target.clone()), memory: 16 << 20, ..Config::default() };
        let mut kernel = Kernel::new(config).expect("address space");
        let _ = kernel.current().map(|it| it.addr());
        for (id, name) in composites(&target.vmlinux) {
            let mut paths = Vec::new();
            leaves(&target.vmlinux, id, "", 4, &mut paths);
            for path in paths.iter().take(20) {
                let Ok(object) = kernel.object(&name) else { continue };
                let Ok(mut object) = object.set(path, 1) else { continue };
                let _ = (object.get(""), object.get(path), object.get_str(path), object.list_of(path, path));
            }
        }
    }
}

#[test]
fn every_type_of_a_kernel_can_be_set() {
    let target = crate::support::vmlinux();
    let mut kernel = kernel(target.clone());
    for (id, name) in composites(&target.vmlinux) {
        check_type(&mut kernel, &target.vmlinux, id, &name, 0x55, 0x1234_5678_9abc_def0);
        kernel = if kernel.memory().resident() > 64 << 20 { self::kernel(target.clone()) } else { kernel };
    }
}

#[test]
fn values_are_no_deeper_than_a_stack_allows() {
    let mut kernel = kernel(types());
    let deep = (0..200).fold(FieldValue::from(1), |value, _| FieldValue::List(vec![value]));
    let error = kernel.object("task").expect("a task").set("hidden", deep).expect_err("too deep");
    assert!(!error.to_string().is_empty());
    let deep_fields = (0..200).fold(FieldValue::from(1), |value, _| args! { next: value }.into());
    let error = kernel.object("pipe").expect("a pipe").set("next", deep_fields).expect_err("too deep");
    assert!(error.to_string().contains("64 levels"), "{error}");
}

#[test]
fn the_limit_on_memory_is_an_error() {
    let config = Config { btf: Some(types()), memory: 1 << 20, ..Config::default() };
    let mut kernel = Kernel::new(config).expect("address space");
    let error = (0..100_000).find_map(|_| kernel.object("task").err()).expect("an end");
    assert_eq!(error.class(), skep_kernel::Class::HostLimit, "{error}");
    let config = Config { btf: Some(types()), memory: 1 << 20, ..Config::default() };
    let mut kernel = Kernel::new(config).expect("address space");
    let text = "x".repeat(1 << 16);
    let error =
        (0..1_000).find_map(|_| kernel.object("msg").and_then(|it| it.set("name", text.as_str())).err());
    assert_eq!(error.expect("an end").class(), skep_kernel::Class::HostLimit);
}

#[test]
fn types_that_lie_about_their_size_are_errors() {
    let btf = c_types("struct huge { u64 a[50000000]; }; struct some { struct huge *huge; u64 tail[]; };");
    let mut kernel = kernel(TargetBtf::new("test", Arc::new(btf)));
    let error = kernel.object("huge").expect_err("too large");
    assert_eq!(error.class(), skep_kernel::Class::HostLimit, "{error}");
    let some = kernel.object("some").expect("an object");
    assert!(some.set("huge.a[5]", 1).is_err());
    let mut some = kernel.object("some").expect("an object").set("huge", 0x1000).expect("an address");
    assert!(some.get("huge.a").is_err());
    assert!(some.get("tail[4294967295]").is_err());
    assert!(kernel.object_with("some", u64::MAX).is_err());
    assert_eq!(
        Value::Ptr(0x1000),
        kernel.object("some").unwrap().set("huge", 0x1000).unwrap().get("huge").unwrap()
    );
}
