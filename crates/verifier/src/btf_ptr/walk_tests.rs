//! What lies at offsets of structs that are made here, and of the bundled kernel's.

use skep_btf::{Array, Btf, BtfBuilder, Def, IntEncoding, Kind, Member, TypeId, TypeTag};

use super::walk::{Found, Walk, ids_match};
use crate::state::types::Flags;

/// `struct outer { int a; struct inner i; union { struct inner *p; long n; } u; struct inner *v[2]; struct inner rest[]; }`
/// with a tag on what `v` points to.
fn types() -> Btf {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let long = b.int("long", 8, IntEncoding::Signed);
    let inner = b.structure("inner", 8, &[("x", int, 0), ("y", int, 32)]);
    let plain = b.add("", Def::Ptr(inner));
    let tag = b.add("rcu", Def::TypeTag(TypeTag { target: inner, attribute: false }));
    let rcu = b.add("", Def::Ptr(tag));
    let numbers = b.add("", Def::Ptr(int));
    let array = b.add("", Def::Array(Array { element: rcu, index: int, len: 2 }));
    let rest = b.add("", Def::Array(Array { element: inner, index: int, len: 0 }));
    let name = |b: &mut BtfBuilder, text: &str| b.string(text);
    let members: Box<[Member]> = [("p", plain), ("n", long)]
        .into_iter()
        .map(|(text, type_id)| Member { name: name(&mut b, text), type_id, bit_offset: 0, bit_size: 0 })
        .collect();
    let union = b.add("", Def::Union(skep_btf::Composite { size: 8, kflag: false, members }));
    b.structure(
        "outer",
        56,
        &[
            ("a", int, 0),
            ("i", inner, 64),
            ("u", union, 128),
            ("v", array, 192),
            ("q", plain, 320),
            ("m", numbers, 384),
            ("rest", rest, 448),
        ],
    );
    b.build().unwrap()
}

/// What an access of the outer struct is, in words.
fn access(off: u32, size: u32) -> String {
    let btf = types();
    let id = btf.find(Kind::Struct, "outer").unwrap();
    let mut walk = Walk::new(&btf, id, off, size, true);
    loop {
        return match walk.step() {
            Ok(Found::Struct(inner)) => {
                walk.descend(inner);
                continue;
            }
            Ok(Found::Scalar) => "number".into(),
            Ok(Found::Ptr(target, member)) => {
                let (name, flags) = (btf.str(member), walk.flags);
                format!("{name}: {}{}", btf.name(target), if flags.is_empty() { "" } else { " with flags" })
            }
            Ok(Found::PtrUntrusted) => "pointer".into(),
            Err(nothing) => nothing.text,
        };
    }
}

#[test]
fn offsets() {
    let cases = [
        (0, 4, "number"),
        (0, 2, "number"),
        (8, 4, "number"),
        (12, 4, "number"),
        (16, 8, "p: inner with flags"),
        (24, 8, "v: inner with flags"),
        (32, 8, "v: inner with flags"),
        (40, 8, "q: inner"),
        (48, 8, "pointer"),
        (56, 4, "number"),
        (56 + 12, 4, "number"),
        (4, 4, "struct outer doesn't have field at offset 4\n"),
        (0, 8, "access beyond the end of member a (mend:4) in struct outer with off 0 size 8\n"),
        (10, 4, "access beyond the end of member x (mend:4) in struct inner with off 2 size 4\n"),
        (40, 4, "cannot access ptr member q with moff 40 in struct outer with off 40 size 4\n"),
        (44, 4, "cannot access ptr member q with moff 40 in struct outer with off 44 size 4\n"),
    ];
    for (off, size, expected) in cases {
        assert_eq!(access(off, size), expected, "at {off}, {size} bytes");
    }
}

#[test]
fn unions_and_tags_set_flags() {
    let btf = types();
    let id = btf.find(Kind::Struct, "outer").unwrap();
    let flags = |off| {
        let mut walk = Walk::new(&btf, id, off, 8, true);
        while let Ok(Found::Struct(inner)) = walk.step() {
            walk.descend(inner);
        }
        walk.flags
    };
    assert_eq!(flags(16), Flags::UNTRUSTED);
    assert_eq!(flags(24), Flags::RCU);
    assert_eq!(flags(40), Flags::empty());
}

#[test]
fn objects_of_the_program_have_nothing_behind_them() {
    let btf = types();
    let id = btf.find(Kind::Struct, "outer").unwrap();
    let beyond = Walk::new(&btf, id, 56, 4, false).step().unwrap_err();
    assert_eq!(beyond.text, "access beyond struct outer at off 56 size 4\n");
}

#[test]
fn structs_in_structs() {
    let btf = types();
    let (outer, inner) = (btf.find(Kind::Struct, "outer").unwrap(), btf.find(Kind::Struct, "inner").unwrap());
    let same = |off, strict| ids_match((&btf, outer), off, (&btf, inner), strict, true).0;
    assert!(same(8, false) && !same(8, true) && !same(12, false) && !same(0, false));
    assert!(ids_match((&btf, inner), 0, (&btf, inner), true, true).0);
    let (found, text) = ids_match((&btf, outer), 4, (&btf, inner), false, true);
    assert_eq!((found, text.as_str()), (false, "struct outer doesn't have field at offset 4\n"));
}

/// Whatever is asked of the bundled kernel's structs is answered, and ends.
#[test]
fn every_offset_of_real_structs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernel/vmlinux/vmlinux.btf");
    let btf = Btf::parse(&std::fs::read(path).unwrap()).unwrap();
    let structs: Vec<(TypeId, u64)> = btf
        .types()
        .filter(|(_, ty)| ty.composite().is_some())
        .filter_map(|(id, _)| Some((id, btf.size_of(id).ok()?)))
        .collect();
    assert!(structs.len() > 1000);
    let (mut pointers, mut numbers) = (0, 0);
    for (id, size) in structs {
        for off in (0..size.min(512) as u32 + 16).step_by(4) {
            let mut walk = Walk::new(&btf, id, off, 8, true);
            let mut depth = 0;
            while let Ok(Found::Struct(inner)) = walk.step() {
                walk.descend(inner);
                depth += 1;
                assert!(depth < 32);
            }
            match Walk::new(&btf, id, off, 8, true).step() {
                Ok(Found::Ptr(target, _)) => {
                    assert!(btf.type_by_id(target).is_some_and(|ty| ty.composite().is_some()));
                    pointers += 1;
                }
                Ok(_) => numbers += 1,
                Err(nothing) => assert!(nothing.text.ends_with('\n')),
            }
        }
    }
    assert!(pointers > 100 && numbers > 100, "{pointers} pointers, {numbers} numbers");
}
