//! Contexts: what each program type may do with which field.

use std::fmt::Write;

use expect_test::expect_file;
use skep_abi::ctx::{self, Access, CONTEXTS, FieldKind, Layout, bpf_sockopt, sk_buff};
use skep_abi::{AttachType, ProgType};

fn every_layout() -> impl Iterator<Item = &'static Layout> {
    ctx::LAYOUTS.iter().copied()
}

#[test]
fn fields_fit_their_struct_in_order() {
    for layout in every_layout() {
        let mut last = 0;
        for field in layout.fields {
            assert!(field.offset >= last, "{}.{}", layout.name, field.name);
            assert!(field.range().end <= layout.size, "{}.{}", layout.name, field.name);
            assert_eq!(field.offset % field.width, 0, "{}.{}", layout.name, field.name);
            assert_eq!(layout.field(field.name), Some(field));
            last = field.offset;
        }
    }
}

#[test]
fn pointers_to_packets_are_wide_enough() {
    for layout in every_layout() {
        for field in layout.fields.iter().filter(|it| it.kind.is_pointer()) {
            // The packet pointers of these two are the 32-bit ones that make packets live at low addresses.
            let narrow =
                ["__sk_buff", "xdp_md"].contains(&layout.name) && !matches!(field.name, "sk" | "flow_keys");
            assert_eq!(field.size(), if narrow { 4 } else { 8 }, "{}.{}", layout.name, field.name);
        }
    }
}

#[test]
fn field_at() {
    let name = |offset| sk_buff::LAYOUT.field_at(offset).map(|it| it.name);
    assert_eq!(name(0), Some("len"));
    assert_eq!(name(3), Some("len"));
    assert_eq!(name(67), Some("cb"));
    assert_eq!(name(181), None);
    assert_eq!(name(191), Some("hwtstamp"));
    assert_eq!(name(192), None);
    assert_eq!(sk_buff::LAYOUT.field("nonsense"), None);
}

#[test]
fn rows_refer_to_their_own_layout() {
    for row in CONTEXTS {
        for field in row.writable.iter().chain(row.hidden) {
            assert!(row.layout.fields.contains(field), "{} {}", row.prog, field.name);
        }
        for field in row.writable {
            assert!(!row.hidden.contains(field), "{} {}", row.prog, field.name);
        }
        let found = ctx::context(row.prog, row.attach.first().copied()).unwrap();
        assert!(std::ptr::eq(found, row), "{} {:?}", row.prog, row.attach);
    }
}

#[test]
fn types_without_a_fixed_context() {
    let without: Vec<&str> =
        ProgType::ALL.iter().filter(|it| ctx::context(**it, None).is_none()).map(|it| it.name()).collect();
    assert_eq!(without, ["tracepoint", "struct_ops", "ext", "syscall"]);
}

#[test]
fn attach_types_choose_the_row() {
    let access = |attach| ctx::context(ProgType::CgroupSockopt, attach).unwrap().access(&bpf_sockopt::retval);
    assert_eq!(access(Some(AttachType::CgroupGetsockopt)), Access::ReadWrite);
    assert_eq!(access(Some(AttachType::CgroupSetsockopt)), Access::None);
    assert_eq!(access(None), Access::None);
}

/// `UPDATE_EXPECT=1 cargo test` accepts the text.
#[test]
fn rights() {
    let mut out = String::new();
    for row in CONTEXTS {
        let attach: Vec<&str> = row.attach.iter().map(|it| it.name()).collect();
        let _ = writeln!(out, "{} {attach:?}: {}", row.prog, row.layout.name);
        for field in row.layout.fields {
            let access = match row.access(field) {
                Access::None => continue,
                Access::Read => "r ",
                Access::ReadWrite => "rw",
            };
            let kind = match field.kind {
                FieldKind::Number => String::new(),
                other => format!(" {other:?}"),
            };
            let _ = writeln!(
                out,
                "    {access} {:3} {}*{} {}{kind}",
                field.offset, field.width, field.count, field.name
            );
        }
    }
    expect_file!["data/contexts.txt"].assert_eq(&out);
}

/// What Linux 6.18 answered, field by field.
#[test]
fn rights_as_recorded_on_linux_6_18() {
    let mut rows = 0;
    for line in include_str!("data/contexts-6.18.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let prog = ProgType::from_name(words.next().unwrap()).unwrap();
        let attach = AttachType::from_name(words.next().unwrap());
        let context = ctx::context(prog, attach).unwrap();
        for word in words {
            let (name, recorded) = word.split_once(':').unwrap();
            // Other names of `reply`, whose first element is as writable as that.
            if ["args", "replylong"].contains(&name) {
                continue;
            }
            let field = context.layout.field(name).unwrap();
            let access = match context.access(field) {
                Access::None => "",
                Access::Read => "r",
                Access::ReadWrite => "rw",
            };
            let parts = match field.kind {
                _ if access.is_empty() => "",
                FieldKind::Number
                | FieldKind::Wide
                | FieldKind::Port
                | FieldKind::PaddedPort
                | FieldKind::Bytes
                    if field.width > 1 =>
                {
                    "hn"
                }
                FieldKind::Head => "h",
                _ => "",
            };
            assert_eq!(format!("{access}{parts}"), recorded, "{prog} {attach:?} {name}");
        }
        rows += 1;
    }
    assert_eq!(rows, 37);
}
