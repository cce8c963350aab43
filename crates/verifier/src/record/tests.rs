//! Records of structs that are made here.

use skep_abi::Errno;
use skep_btf::{Array, Btf, BtfBuilder, DeclTag, Def, IntEncoding, Kind, TypeId, TypeTag};

use super::find::{Kinds, find_fields};
use super::parse::parse_fields;
use super::{FieldKind, Record};
use crate::state::reg::BtfNr;

/// A struct of the kernel's own with nothing to see in it.
fn opaque(b: &mut BtfBuilder, kind: FieldKind) -> TypeId {
    let byte = b.int("char", 1, IntEncoding::Unsigned);
    let bytes = b.add("", Def::Array(Array { element: byte, index: byte, len: kind.size() }));
    b.structure(kind.name(), kind.size(), &[("o", bytes, 0)])
}

/// A pointer with a type tag to a struct.
fn tagged(b: &mut BtfBuilder, tag: &str, target: TypeId) -> TypeId {
    let tag = b.add(tag, Def::TypeTag(TypeTag { target, attribute: false }));
    b.add("", Def::Ptr(tag))
}

fn contains(b: &mut BtfBuilder, of: TypeId, member: u32, what: &str) {
    let tag = DeclTag { target: of, component: Some(member), attribute: false };
    b.add(&format!("contains:{what}"), Def::DeclTag(tag));
}

/// The record of a struct `value` that a test fills in.
fn record(wanted: Kinds, fill: impl FnOnce(&mut BtfBuilder)) -> Result<Option<Record>, Errno> {
    let mut b = BtfBuilder::new();
    fill(&mut b);
    let btf = b.build().unwrap();
    let id = btf.find(Kind::Struct, "value").unwrap();
    let size = btf.size_of(id).unwrap() as u32;
    parse_fields(&btf, BtfNr::PROGRAM, id, wanted, size, Some(&kernel()))
}

/// A kernel with two structs, one of which has a destructor.
fn kernel() -> Btf {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    b.structure("task_struct", 4, &[("pid", int, 0)]);
    b.structure("file", 4, &[("f_mode", int, 0)]);
    b.build().unwrap()
}

fn places(record: &Record) -> Vec<(FieldKind, u32)> {
    record.fields.iter().map(|it| (it.kind, it.offset)).collect()
}

#[test]
fn sizes_fill_their_alignment() {
    use FieldKind::*;
    for kind in [SpinLock, ResSpinLock, Timer, Wq, TaskWork, ListHead, ListNode, RbRoot, RbNode, Refcount] {
        assert_eq!(kind.size() % kind.align(), 0, "{kind:?}");
        assert!(kind.name().starts_with("bpf_"));
    }
    assert_eq!((Uptr.name(), KptrRef.name(), KptrPercpu.name()), ("uptr", "kptr", "percpu_kptr"));
}

#[test]
fn a_value_without_special_fields_has_no_record() {
    let none = record(Kinds::MAP, |b| {
        let int = b.int("int", 4, IntEncoding::Signed);
        b.structure("value", 8, &[("a", int, 0), ("b", int, 32)]);
    });
    assert_eq!(none, Ok(None));
}

#[test]
fn a_lock_and_a_list() {
    let found = record(Kinds::MAP, |b| {
        let lock = opaque(b, FieldKind::SpinLock);
        let head = opaque(b, FieldKind::ListHead);
        let node = opaque(b, FieldKind::ListNode);
        let long = b.int("long", 8, IntEncoding::Signed);
        b.structure("elem", 32, &[("key", long, 0), ("node", node, 64)]);
        let value = b.structure("value", 24, &[("lock", lock, 0), ("head", head, 64)]);
        contains(b, value, 1, "elem:node");
    });
    let record = found.unwrap().unwrap();
    assert_eq!(places(&record), [(FieldKind::SpinLock, 0), (FieldKind::ListHead, 8)]);
    let head = record.find(8, FieldKind::ListHead).unwrap();
    assert_eq!((head.node_offset, head.target.map(|it| it.0)), (8, Some(BtfNr::PROGRAM)));
    assert!(record.has_graph_root() && !record.has(FieldKind::RbRoot));
    assert_eq!(record.at(4), None);
}

#[test]
fn what_is_refused() {
    let lists = |text: &'static str, lock: bool| {
        record(Kinds::MAP, move |b| {
            let head = opaque(b, FieldKind::ListHead);
            let node = opaque(b, FieldKind::ListNode);
            b.structure("elem", 24, &[("node", node, 0)]);
            let value = if lock {
                let lock = opaque(b, FieldKind::SpinLock);
                b.structure("value", 24, &[("lock", lock, 128), ("head", head, 0)])
            } else {
                b.structure("value", 16, &[("head", head, 0)])
            };
            contains(b, value, u32::from(lock), text);
        })
        .map(|record| record.is_some())
    };
    assert_eq!(lists("elem:node", true), Err(Errno::EEXIST), "members go backwards");
    assert_eq!(lists("elem:node", false), Err(Errno::EINVAL), "no lock");
    assert_eq!(lists("elem", false), Err(Errno::EINVAL), "no member");
    assert_eq!(lists("elem:", false), Err(Errno::EINVAL), "an empty member");
    assert_eq!(lists("other:node", false), Err(Errno::ENOENT), "no such struct");
    assert_eq!(lists("elem:other", false), Err(Errno::ENOENT), "no such member");
    let two = record(Kinds::MAP, |b| {
        let lock = opaque(b, FieldKind::SpinLock);
        b.structure("value", 8, &[("a", lock, 0), ("b", lock, 32)]);
    });
    assert_eq!(two, Err(Errno::E2BIG));
    let both = record(Kinds::MAP, |b| {
        let (a, r) = (opaque(b, FieldKind::SpinLock), opaque(b, FieldKind::ResSpinLock));
        b.structure("value", 8, &[("a", a, 0), ("b", r, 32)]);
    });
    assert_eq!(both, Err(Errno::EINVAL));
}

#[test]
fn pointers() {
    let kptr = |tag: &'static str, of: &'static str| {
        record(Kinds::MAP, move |b| {
            let int = b.int("int", 4, IntEncoding::Signed);
            let target = b.structure(of, 4, &[("x", int, 0)]);
            let ptr = tagged(b, tag, target);
            b.structure("value", 16, &[("n", int, 0), ("p", ptr, 64)]);
        })
        .map(|record| record.map(|it| (it.fields[0].kind, it.fields[0].target.map(|it| it.0))))
    };
    let kernel = Some(BtfNr::KERNEL);
    assert_eq!(kptr("kptr", "task_struct"), Ok(Some((FieldKind::KptrRef, kernel))));
    assert_eq!(kptr("kptr_untrusted", "file"), Ok(Some((FieldKind::KptrUnref, kernel))));
    assert_eq!(kptr("percpu_kptr", "own"), Ok(Some((FieldKind::KptrPercpu, Some(BtfNr::PROGRAM)))));
    assert_eq!(kptr("uptr", "own"), Ok(Some((FieldKind::Uptr, Some(BtfNr::PROGRAM)))));
    assert_eq!(kptr("kptr", "file"), Err(Errno::ENOENT), "nothing frees it");
    assert_eq!(kptr("kptr_of_another_kind", "file"), Err(Errno::EINVAL));
}

#[test]
fn arrays_repeat_what_may_be_repeated() {
    let array = |len: u32, kind: Option<FieldKind>| {
        record(Kinds::MAP, move |b| {
            let int = b.int("int", 4, IntEncoding::Signed);
            let element = match kind {
                Some(kind) => opaque(b, kind),
                None => {
                    let own = b.structure("own", 4, &[("x", int, 0)]);
                    tagged(b, "kptr", own)
                }
            };
            let array = b.add("", Def::Array(Array { element, index: int, len }));
            b.structure("value", 8 * 64, &[("p", array, 0)]);
        })
        .map(|record| record.map(|it| it.fields.len()))
    };
    assert_eq!(array(3, None), Ok(Some(3)));
    assert_eq!(array(11, None), Ok(Some(11)));
    assert_eq!(array(12, None), Err(Errno::E2BIG));
    assert_eq!(array(0, None), Ok(None));
    assert_eq!(array(2, Some(FieldKind::SpinLock)), Err(Errno::EINVAL));
    assert_eq!(array(1, Some(FieldKind::SpinLock)), Ok(Some(1)));
}

#[test]
fn nested_structs_are_looked_into() {
    let mut b = BtfBuilder::new();
    let lock = opaque(&mut b, FieldKind::SpinLock);
    let int = b.int("int", 4, IntEncoding::Signed);
    let inner = b.structure("inner", 8, &[("n", int, 0), ("lock", lock, 32)]);
    b.structure("value", 24, &[("n", int, 0), ("inner", inner, 64)]);
    let btf = b.build().unwrap();
    let found = find_fields(&btf, btf.find(Kind::Struct, "value").unwrap(), Kinds::MAP).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].offset), (FieldKind::SpinLock, 12));
}
