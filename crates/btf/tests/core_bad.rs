//! Records and types that make no sense, or that would keep a careless loader busy for ever.

use expect_test::expect;
use skep_btf::core::{Error, POISON, Patched, ReloKind, Relocator, Target, patch, relocate};
use skep_btf::{Btf, BtfBuilder, Composite, CoreRelo, Def, FuncProto, IntEncoding, Member, Param, TypeId};
use skep_isa::Insn;

/// The outcome, or error, of a record with this access string, as text.
fn ask(b: BtfBuilder, type_id: TypeId, access: &str, kind: u32, target: &Btf) -> String {
    let mut b = b;
    let access = b.string(access);
    let local = b.build().unwrap();
    let relo = CoreRelo { insn_off: 16, type_id, access, kind };
    match relocate(&local, &relo, &Target::new(target)) {
        Ok(outcome) => format!("{:?}", outcome.value),
        Err(error) => error.to_string(),
    }
}

fn nothing() -> Btf {
    BtfBuilder::new().build().unwrap()
}

#[test]
fn access_strings_are_checked() {
    let said = |access: &str, kind: ReloKind| {
        let mut b = BtfBuilder::new();
        let int = b.int("int", 4, IntEncoding::Signed);
        let s = b.structure("s", 8, &[("a", int, 0), ("b", int, 32)]);
        ask(b, s, access, kind.number(), &nothing())
    };
    let field = |access: &str| said(access, ReloKind::FieldByteOffset);
    assert_eq!(field("0:1"), "None");
    for bad in [
        "",
        ":",
        "0:",
        ":0",
        "0::1",
        "-1",
        "0:-1",
        "0:x",
        "x",
        "0:1 ",
        "0:2",
        "0:0:0",
        "99999999999",
        "0:4294967296",
    ] {
        assert_eq!(field(bad), format!("parsing [2] struct s + {bad} failed: -22"));
    }
    assert_eq!(
        field("0:".repeat(64).trim_end_matches(':')),
        format!("parsing [2] struct s + {} failed: -22", "0:".repeat(64).trim_end_matches(':'))
    );
    let long = "0:".repeat(65);
    let long = long.trim_end_matches(':');
    assert_eq!(field(long), format!("parsing [2] struct s + {long} failed: -7"));
    assert_eq!(said("0:0", ReloKind::TypeExists), "parsing [2] struct s + 0:0 failed: -22");
    assert_eq!(said("0", ReloKind::EnumValue), "parsing [2] struct s + 0 failed: -22");
    assert_eq!(said("0", ReloKind::TypeExists), "Some(0)");
}

#[test]
fn types_are_checked() {
    let mut b = BtfBuilder::new();
    b.int("int", 4, IntEncoding::Signed);
    expect!["unrecognized CO-RE relocation unknown (13) at insn #2"].assert_eq(&ask(
        b.clone(),
        TypeId(1),
        "0",
        13,
        &nothing(),
    ));
    expect!["target candidate search failed for [0] unknown <anon>: -22"].assert_eq(&ask(
        b.clone(),
        TypeId(0),
        "0",
        ReloKind::TypeExists.number(),
        &nothing(),
    ));
    expect!["parsing [0] unknown <anon> + 0 failed: -22"].assert_eq(&ask(
        b.clone(),
        TypeId(0),
        "0",
        0,
        &nothing(),
    ));
    expect!["target candidate search failed for [2] ptr <anon>: -22"].assert_eq(&{
        let pointer = b.add("", Def::Ptr(TypeId(1)));
        ask(b, pointer, "0", ReloKind::TypeSize.number(), &nothing())
    });
}

/// Anonymous structures of two anonymous structures of ..., as deep as parsing lets them: 2^60 members by value.
fn entangled(name: &str, depth: u32) -> Btf {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let mut inner = b.union("", 4, &[("unlikely", int)]);
    for _ in 1..depth {
        inner = b.union("", 4, &[("", inner), ("", inner)]);
    }
    b.union(name, 4, &[("", inner), ("", inner)]);
    b.build().unwrap()
}

#[test]
fn entangled_structures_end() {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let s = b.union("s", 4, &[("wanted", int)]);
    let said = ask(b, s, "0:0", 0, &entangled("s", 60));
    assert_eq!(said, Error::TooMuchWork.to_string());

    let (local, target) = (entangled("s", 30), entangled("s", 31));
    let root = TypeId(local.end_id() - 1);
    let access = {
        let mut b = BtfBuilder::from_btf(&local);
        let access = b.string("0");
        (b.build().unwrap(), access)
    };
    let relo =
        CoreRelo { insn_off: 0, type_id: root, access: access.1, kind: ReloKind::TypeMatches.number() };
    // All of one match the first of the other, so that nothing is tried twice; deeper ones are not followed.
    let outcome = relocate(&access.0, &relo, &Target::new(&target)).map(|it| it.value);
    assert!(matches!(outcome, Ok(_) | Err(Error::TooMuchWork | Error::Matching { .. })), "{outcome:?}");
}

/// Prototypes with two parameters of pointers to prototypes of ...
fn prototypes(depth: u32, last: &str) -> (BtfBuilder, TypeId) {
    let mut b = BtfBuilder::new();
    let mut inner = b.int(last, 4, IntEncoding::Signed);
    for _ in 0..depth {
        let none = b.string("");
        let params = [inner; 3].map(|type_id| Param { name: none, type_id });
        let proto = b.add("", Def::FuncProto(FuncProto { ret: inner, params: params.into() }));
        inner = b.add("", Def::Ptr(proto));
    }
    let root = b.add("handler", Def::Typedef(inner));
    (b, root)
}

#[test]
fn entangled_prototypes_end() {
    for kind in [ReloKind::TypeExists, ReloKind::TypeMatches] {
        let (b, root) = prototypes(40, "int");
        let target = prototypes(40, "int").0.build().unwrap();
        let said = ask(b, root, "0", kind.number(), &target);
        assert!(said.starts_with("error matching candidate #0 <type_"), "{said}");
    }
    let (b, root) = prototypes(28, "int");
    let target = prototypes(28, "int").0.build().unwrap();
    assert_eq!(ask(b, root, "0", ReloKind::TypeExists.number(), &target), Error::TooMuchWork.to_string());
}

#[test]
fn a_structure_of_itself_is_followed_no_further_than_asked() {
    let make = || {
        let mut b = BtfBuilder::new();
        let int = b.int("int", 4, IntEncoding::Signed);
        let node = b.next_id();
        b.structure("node", 16, &[("next", TypeId(node.0 + 1), 0), ("value", int, 64)]);
        b.add("", Def::Ptr(node));
        (b, node)
    };
    let target = make().0.build().unwrap();
    for kind in [ReloKind::TypeExists, ReloKind::TypeMatches] {
        let (b, node) = make();
        assert_eq!(ask(b, node, "0", kind.number(), &target), "Some(1)");
    }
}

#[test]
fn all_relocations_of_an_object_share_one_budget() {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let s = b.union("s", 4, &[("wanted", int)]);
    let access = b.string("0:0");
    let local = b.build().unwrap();
    let target = entangled("s", 20);
    let relo = CoreRelo { insn_off: 0, type_id: s, access, kind: 0 };
    let mut relocator = Relocator::new(&local, Target::new(&target));
    let results: Vec<_> = (0..1000).map(|_| relocator.relocate(&relo)).collect();
    assert!(results[0].is_ok());
    assert_eq!(results[999], Err(Error::TooMuchWork));
}

#[test]
fn a_name_that_many_types_have_is_looked_at_once_a_type() {
    let mut target = BtfBuilder::new();
    let int = target.int("int", 4, IntEncoding::Signed);
    for _ in 0..10_000 {
        target.structure("s", 4, &[("x", int, 0)]);
    }
    let target = target.build().unwrap();
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let types: Vec<TypeId> = (0..5_000).map(|_| b.structure("s", 4, &[("x", int, 0)])).collect();
    let access = b.string("0:0");
    let local = b.build().unwrap();
    let mut relocator = Relocator::new(&local, Target::new(&target));
    let relo = |type_id| CoreRelo { insn_off: 0, type_id, access, kind: 0 };
    let first = types.iter().map(|id| relocator.relocate(&relo(*id))).find(Result::is_err);
    assert_eq!(first, Some(Err(Error::TooMuchWork)));
}

#[test]
fn bit_fields_of_any_place_and_width() {
    // A packed bit-field that no aligned load reaches, and one far beyond a real structure's end.
    let with = |bit_offset: u32, bits: u8, size: u32| {
        let mut b = BtfBuilder::new();
        let long = b.int("unsigned long", 8, IntEncoding::Unsigned);
        let name = b.string("x");
        let member = Member { name, type_id: long, bit_offset, bit_size: bits };
        let composite = Composite { size, kflag: true, members: [member].into() };
        let id = b.add("s", Def::Struct(composite));
        (b, id)
    };
    let target = with(8, 60, 16).0.build().unwrap();
    let (b, id) = with(0, 60, 8);
    expect!["relo 0 at insn #2 can't be satisfied for bitfield"].assert_eq(&ask(b, id, "0:0", 0, &target));
    let target = with((1 << 24) - 8, 8, 1 << 21).0.build().unwrap();
    let (b, id) = with(0, 8, 8);
    assert_eq!(ask(b, id, "0:0", 0, &target), "Some(2097144)");
    // An index so high that the offset wraps, as libbpf's does.
    let (b, id) = with(0, 8, 8);
    assert_eq!(ask(b, id, "2147483647:0", 0, &with(0, 8, 8).0.build().unwrap()), "Some(536870904)");
}

#[test]
fn instructions_are_checked() {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let s = b.structure("s", 8, &[("a", int, 0), ("b", int, 32)]);
    let access = b.string("0:1");
    let btf = b.build().unwrap();
    let relo = CoreRelo { insn_off: 0, type_id: s, access, kind: 0 };
    let found = relocate(&btf, &relo, &Target::new(&btf)).unwrap();
    let missing = relocate(&btf, &relo, &Target::new(&nothing())).unwrap();
    let said = |insns: &[Insn]| {
        let mut insns = insns.to_vec();
        patch(&mut insns, 0, &found).map_err(|error| error.to_string())
    };
    let wide = [Insn::new(0x18, 1, 0, 0, 4), Insn::default()];
    assert_eq!(said(&wide), Ok(Patched::Relocated));
    assert_eq!(said(&[Insn::new(0xb7, 1, 0, 0, 4)]), Ok(Patched::Relocated));
    assert_eq!(said(&[Insn::new(0x62, 1, 0, 4, 9)]), Ok(Patched::Relocated));
    let errors: Vec<String> = [
        vec![],
        vec![Insn::new(0x95, 0, 0, 0, 0)],
        vec![Insn::new(0xbf, 1, 2, 0, 4)],
        vec![Insn::new(0xb7, 1, 0, 0, 5)],
        vec![Insn::new(0x61, 1, 0, -1, 0)],
        vec![Insn::new(0x18, 1, 0, 0, 4)],
        vec![Insn::new(0x18, 1, 1, 0, 4), Insn::default()],
        vec![Insn::new(0x18, 1, 0, 0, 4), Insn::new(0xb7, 0, 0, 0, 0)],
        vec![Insn::new(0x18, 1, 0, 0, 4), Insn::new(0, 0, 0, 0, 1)],
        vec![Insn::new(0x20, 0, 0, 0, 4)],
    ]
    .iter()
    .map(|insns| said(insns).unwrap_err())
    .collect();
    expect![[r#"
        there is no insn #0
        trying to relocate unrecognized insn #0, code:0x95, src:0x0, dst:0x0, off:0x0, imm:0x0
        trying to relocate unrecognized insn #0, code:0xbf, src:0x2, dst:0x1, off:0x0, imm:0x4
        unexpected insn #0 (ALU/ALU64) value: got 5, exp 4 -> 4
        unexpected insn #0 (LDX/ST/STX) value: got 4294967295, exp 4 -> 4
        insn #0 (LDIMM64) is truncated
        insn #0 (LDIMM64) has unexpected form
        insn #0 (LDIMM64) has unexpected form
        unexpected insn #0 (LDIMM64) value: got 4294967300, exp 4 -> 4
        insn #0 (LDIMM64) has unexpected form"#]]
    .assert_eq(&errors.join("\n"));

    // Both halves of a wide load become calls that fail.
    let mut insns = wide;
    assert_eq!(patch(&mut insns, 0, &missing), Ok(Patched::Missing));
    assert_eq!(insns, [Insn::new(0x85, 0, 0, 0, POISON); 2]);
    assert_eq!(
        missing.failure(),
        "failed to resolve CO-RE relocation <byte_off> [2] struct s.b (0:1 @ offset 4)"
    );
}

#[test]
fn long_messages_are_cut() {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let name = "é".repeat(2000);
    let s = b.structure(&name, 4, &[(&name, int, 0)]);
    let access = b.string("0:0");
    let btf = b.build().unwrap();
    let relo = CoreRelo { insn_off: 0, type_id: s, access, kind: 0 };
    let outcome = relocate(&btf, &relo, &Target::new(&nothing())).unwrap();
    assert!(outcome.spec.len() <= 258 && outcome.spec.ends_with("é..."), "{}", outcome.spec);
}

#[test]
fn types_of_modules_are_looked_at_when_the_kernel_has_none() {
    let kernel = |name: &str| {
        let mut b = BtfBuilder::new();
        let int = b.int("int", 4, IntEncoding::Signed);
        b.structure(name, 4, &[("x", int, 0)]);
        std::sync::Arc::new(b.build().unwrap())
    };
    let module = |vmlinux: &std::sync::Arc<Btf>| {
        let mut b = BtfBuilder::on(vmlinux.clone());
        b.structure("s", 8, &[("x", TypeId(1), 32)]);
        b.build().unwrap()
    };
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let s = b.structure("s", 4, &[("x", int, 0)]);
    let access = b.string("0:0");
    let local = b.build().unwrap();
    let relo = CoreRelo { insn_off: 0, type_id: s, access, kind: 0 };
    for (vmlinux, value, of) in [(kernel("s"), 0, None), (kernel("other"), 4, Some("net"))] {
        let module = module(&vmlinux);
        let outcome = relocate(&local, &relo, &Target::new(&vmlinux).with_module("net", &module)).unwrap();
        assert_eq!(outcome.value, Some(value));
        assert_eq!(outcome.found.unwrap().module.as_deref(), of);
    }
}
