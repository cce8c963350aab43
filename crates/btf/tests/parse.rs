//! Parsing and lookups, on sections that clang wrote.

use std::sync::Arc;

use expect_test::{Expect, expect};
use skep_btf::*;

mod objects;
use objects::{OBJECTS, kinds};

#[test]
fn everything_recorded_is_what_bpftool_lists() {
    for object in OBJECTS {
        let btf = object.btf();
        let ours: Vec<_> = btf.types().map(|(id, _)| btf.describe(id).unwrap()).collect();
        assert_eq!(ours.join("\n"), object.raw_dump.trim_end(), "{}", object.name);
    }
}

#[test]
fn ids() {
    let btf = kinds();
    assert_eq!(btf.type_by_id(0).map(Type::kind), Some(Kind::Void));
    assert_eq!(btf.type_by_id(btf.end_id() - 1).map(Type::kind), Some(Kind::DataSec));
    assert_eq!(btf.type_by_id(btf.end_id()), None);
    assert_eq!(btf.type_by_id(u32::MAX), None);
    assert_eq!(btf.name(u32::MAX), "");
    assert_eq!(btf.types().count(), btf.end_id() as usize - 1);
}

#[test]
fn every_kind_has_its_number_and_name() {
    for kind in Kind::ALL {
        assert_eq!(Kind::from_number(*kind as u32), Some(*kind));
        assert!(kind.name().bytes().all(|b| b.is_ascii_uppercase() || b == b'_' || b.is_ascii_digit()));
    }
    assert_eq!(Kind::ALL.len(), 20);
    assert_eq!(Kind::from_number(20), None);
}

#[test]
fn names() {
    let btf = kinds();
    let node = btf.find(Kind::Struct, "node").unwrap();
    assert_eq!(btf.name(node), "node");
    assert_eq!(btf.find(Kind::Union, "node"), None);
    assert_eq!(btf.find(Kind::Struct, "nod"), None);
    assert_eq!(btf.find(Kind::Struct, ""), None);
    // A variable and a structure, told apart by kind.
    assert_ne!(btf.find(Kind::Var, "tagged"), btf.find(Kind::Struct, "tagged"));
    assert_eq!(btf.find_all(Kind::DeclTag, "decl").count(), 3);
    for (id, ty) in btf.types().filter(|(_, ty)| !ty.name.is_empty()) {
        assert!(btf.find_all(ty.kind(), btf.name(id)).any(|found| found == id), "{id}");
    }
}

#[test]
fn sizes_and_alignments() {
    let btf = kinds();
    let check = |kind, name, size, align| {
        let id = btf.find(kind, name).unwrap();
        assert_eq!((btf.size_of(id), btf.align_of(id)), (Ok(size), Ok(align)), "{name}");
    };
    check(Kind::Int, "unsigned char", 1, 1);
    check(Kind::Int, "__int128", 16, 8);
    check(Kind::Float, "double", 8, 8);
    check(Kind::Typedef, "u64", 8, 8);
    check(Kind::Typedef, "fn_array_t", 32, 8);
    check(Kind::Struct, "bits", 8, 8);
    check(Kind::Struct, "packed", 13, 1);
    check(Kind::Struct, "node", 176, 8);
    check(Kind::Struct, "flex", 4, 4);
    check(Kind::Enum64, "wide", 8, 8);
    check(Kind::Var, "the_node", 176, 8);
    let none = |kind, name| {
        let id = btf.find(kind, name).unwrap();
        assert_eq!(
            (btf.size_of(id), btf.align_of(id)),
            (Err(TypeError::NoSize(id)), Err(TypeError::NoSize(id)))
        );
    };
    none(Kind::Fwd, "fwd");
    none(Kind::Func, "prog");
    assert_eq!(btf.size_of(0), Err(TypeError::NoSize(TypeId::VOID)));
    assert_eq!(btf.size_of(9999), Err(TypeError::NoSuchType(TypeId(9999))));
}

#[test]
fn modifiers() {
    let btf = kinds();
    let node = btf.find(Kind::Struct, "node").unwrap();
    let cv = btf.members(node).find(|m| m.name == "cv").unwrap().type_id;
    assert_eq!(btf.type_by_id(cv).map(Type::kind), Some(Kind::Restrict));
    assert_eq!(btf.resolved(cv).map(Type::kind), Some(Kind::Ptr));
    let Some(Def::Ptr(target)) = btf.resolved(cv).map(|ty| &ty.def) else { panic!() };
    assert_eq!(btf.name(btf.resolve(*target)), "int");
    assert_eq!(btf.name(btf.unqualified(*target)), "int");
    let fns = btf.find(Kind::Typedef, "fn_array_t").unwrap();
    assert_eq!(btf.unqualified(fns), fns);
    assert_eq!(btf.resolved(fns).map(Type::kind), Some(Kind::Array));
    assert_eq!(btf.resolve(TypeId(9999)), TypeId(9999));
}

/// What `bits` and `node` have, through [`Btf::members`].
#[test]
fn members() {
    let btf = kinds();
    let list = |name| {
        let members = btf.members(btf.find(Kind::Struct, name).unwrap());
        let line = |m: MemberInfo<'_>| {
            format!("{}@{}{}", m.name, m.bit_offset, m.bit_size.map_or(String::new(), |b| format!(":{b}")))
        };
        members.map(line).collect::<Vec<_>>().join(" ")
    };
    expect!["a@0:3 b@3:5 c@8:40 d@48:1 e@49:4 f@56"].assert_eq(&list("bits"));
    expect!["c@0 i@8 l@40"].assert_eq(&list("packed"));
    expect!["next@0 f@64 u@128 @192 name@224 cv@384 cb@448 fl@512 db@576 big@640 color@768 wide@832 ws@896 matrix@960 bits@1152 packed@1216"].assert_eq(&list("node"));
    assert_eq!(btf.members(btf.find(Kind::Int, "int").unwrap()).len(), 0);
    let node = btf.find(Kind::Struct, "node").unwrap();
    assert!((0..17).map_while(|index| btf.member(node, index)).eq(btf.members(node)));
}

/// The encoding of before `kind_flag`: integers that say themselves which of their bits count.
#[test]
fn old_bit_fields() {
    let mut builder = BtfBuilder::new();
    let def = |bits, offset| Def::Int(Int { size: 4, bits, offset, encoding: IntEncoding::Unsigned });
    let whole = builder.add("unsigned int", def(32, 0));
    let three = builder.add("unsigned int", def(3, 0));
    let at_two = builder.add("unsigned int", def(5, 2));
    let typedef = builder.add("u3", Def::Typedef(three));
    let id = builder.structure("old", 8, &[("w", whole, 0), ("t", typedef, 33), ("o", at_two, 40)]);
    let btf = builder.build().unwrap();
    let places: Vec<_> = btf.members(id).map(|m| (m.name, m.bit_offset, m.bit_size)).collect();
    assert_eq!(places, [("w", 0, None), ("t", 33, Some(3)), ("o", 42, Some(5))]);
    let value = btf.decode(id, &[1, 0, 0, 0, 0b1010, 0b111_1100, 0, 0]).unwrap();
    assert_eq!(value.to_string(), "{w = 1, t = 5, o = 31}");
}

#[test]
fn sections_and_functions() {
    let btf = kinds();
    let bss = btf.find(Kind::DataSec, ".bss").unwrap();
    let vars: Vec<_> = btf.vars(bss).map(|v| (v.name, v.linkage.name(), v.size)).collect();
    expect![[r#"
        [
            (
                "hidden",
                "static",
                4,
            ),
            (
                "flex_ptr",
                "global",
                8,
            ),
            (
                "fns",
                "global",
                32,
            ),
            (
                "anon",
                "global",
                4,
            ),
            (
                "tagged",
                "global",
                16,
            ),
            (
                "sign",
                "global",
                4,
            ),
        ]
    "#]]
    .assert_debug_eq(&vars);

    let helper = btf.find(Kind::Func, "helper").unwrap();
    let params =
        |proto: &FuncProto| proto.params.iter().map(|p| btf.str(p.name).to_owned()).collect::<Vec<_>>();
    assert_eq!(params(btf.func_proto(helper).unwrap()), ["n", "k"]);
    let fn_t = btf.find(Kind::Typedef, "fn_t").unwrap();
    assert_eq!(btf.func_proto(fn_t).map(|p| p.params.len()), Some(2));
    assert_eq!(btf.func_proto(bss), None);

    let tagged = btf.find(Kind::Struct, "tagged").unwrap();
    assert_eq!(btf.decl_tags(tagged).collect::<Vec<_>>(), [(None, "decl"), (Some(1), "decl")]);
    assert_eq!(btf.enum_value(btf.find(Kind::Enum, "color").unwrap(), "BLUE"), Some(6));
    assert_eq!(btf.enum_value(btf.find(Kind::Enum64, "wide").unwrap(), "HIGH"), Some(1 << 63));
    assert_eq!(btf.enum_value(btf.find(Kind::Enum64, "wide").unwrap(), "NONE"), None);
}

#[test]
fn sections_are_laid_out_by_a_loader() {
    let mut btf = kinds();
    let bss = btf.find(Kind::DataSec, ".bss").unwrap();
    assert_eq!(btf.size_of(bss), Ok(0));
    // hidden, flex_ptr, fns, anon, tagged, sign
    assert!(btf.place_datasec(bss, 256, &[0, 128, 96, 64, 32, 0]));
    assert_eq!(btf.size_of(bss), Ok(256));
    let vars: Vec<_> = btf.vars(bss).map(|v| (v.name, v.offset)).collect();
    assert_eq!(
        vars,
        [("hidden", 0), ("sign", 0), ("tagged", 32), ("anon", 64), ("fns", 96), ("flex_ptr", 128)]
    );
    assert_eq!(btf.field(bss, "fns[2]").map(|f| f.bit_offset), Ok((96 + 16) * 8));
    let int = btf.find(Kind::Int, "int").unwrap();
    assert!(!btf.place_datasec(int, 0, &[]));
    assert!(!btf.place_datasec(bss, 0, &[0]));
    assert!(!btf.place_datasec(9999, 0, &[]));
    assert_eq!(btf.size_of(bss), Ok(256));
}

#[test]
fn split_btf_continues_its_base() {
    let base = Arc::new(kinds());
    let mut builder = BtfBuilder::on(base.clone());
    let node = base.find(Kind::Struct, "node").unwrap();
    let ptr = builder.add("", Def::Ptr(node));
    let own = builder.structure("own", 8, &[("node", ptr, 0)]);
    let again = builder.add("node", Def::Typedef(own));
    let btf = builder.build().unwrap();

    assert_eq!(btf.first_id(), base.end_id());
    assert_eq!(ptr, TypeId(base.end_id()));
    assert_eq!(btf.base(), Some(&base));
    assert_eq!(btf.name(node), "node");
    assert_eq!(btf.name(own), "own");
    assert_eq!(btf.find(Kind::Struct, "node"), Some(node));
    assert_eq!(btf.find(Kind::Typedef, "node"), Some(again));
    assert_eq!(btf.find(Kind::Struct, "own"), Some(own));
    assert_eq!(base.find(Kind::Struct, "own"), None);
    assert_eq!(btf.size_of(node), Ok(176));
    assert_eq!(btf.types().count(), base.types().count() + 3);
    assert_eq!(btf.declare(own).unwrap(), "struct own {\n\tstruct node *node;\n};");
    assert_eq!(Btf::parse_split(&btf.to_bytes(), base).as_ref(), Ok(&btf));
    // Without its base, its strings and types are not there.
    assert!(Btf::parse(&btf.to_bytes()).is_err());
}

#[test]
fn text_that_is_not_utf8_keeps_its_place() {
    let mut bytes = kinds().to_bytes();
    let at = bytes.windows(5).position(|w| w == b"node\0").unwrap();
    bytes[at] = 0xff;
    let btf = Btf::parse(&bytes).unwrap();
    assert!(btf.find(Kind::Struct, "?ode").is_some());
    assert!(btf.find(Kind::Struct, "tagged").is_some());
}

/// Lines, functions and relocations of the objects.
fn ext_listing(name: &str, expected: Expect) {
    let object = OBJECTS.iter().find(|o| o.name == name).unwrap();
    let btf = object.btf();
    let ext = BtfExt::parse(object.btf_ext, &btf).unwrap();
    let mut out = String::new();
    for section in ext.line_sections() {
        out += &format!("{}\n", section.name);
        for func in ext.funcs(&section.name) {
            out += &format!("{:4} {}\n", func.insn_off, btf.declare(func.type_id).unwrap());
        }
        for line in ext.lines(&section.name) {
            let (file, text) = (btf.str(line.file), btf.str(line.line_text).trim());
            out += &format!("{:4} {file}:{}:{} {text}\n", line.insn_off, line.line, line.column);
        }
        for relo in ext.core_relos(&section.name) {
            let c_type = btf.c_type(relo.type_id).unwrap();
            out += &format!("{:4} {c_type} {} kind {}\n", relo.insn_off, btf.str(relo.access), relo.kind);
        }
    }
    expected.assert_eq(&out);
    assert!(ext.lines("no such section").is_empty());
}

#[test]
fn ext_of_core() {
    ext_listing(
        "core",
        expect![[r#"
        raw_tp/x
           0 int first(struct task *t);
           0 ./core.c:15:0 __attribute__((section("raw_tp/x"))) int first(struct task *t)
          16 ./core.c:17:6 int v = 0;
          40 ./core.c:18:2 probe_read(&v, sizeof(v), &t->in[1].b[2]);
         104 ./core.c:19:9 return v + __builtin_preserve_field_info(t->g, 2) + __builtin_preserve_type_info(*(struct inner *)0, 1);
         112 ./core.c:19:11 return v + __builtin_preserve_field_info(t->g, 2) + __builtin_preserve_type_info(*(struct inner *)0, 1);
         128 ./core.c:19:52 return v + __builtin_preserve_field_info(t->g, 2) + __builtin_preserve_type_info(*(struct inner *)0, 1);
         136 ./core.c:19:2 return v + __builtin_preserve_field_info(t->g, 2) + __builtin_preserve_type_info(*(struct inner *)0, 1);
          24 struct task 0:1:1:1:2 kind 0
          96 struct task 0:3 kind 2
         120 struct inner 0 kind 9
        kprobe/y
           0 int second(struct task *t);
           0 ./core.c:24:12 return t->pid + __builtin_preserve_enum_value(*(enum kind *)TWO, 1);
          24 ./core.c:24:9 return t->pid + __builtin_preserve_enum_value(*(enum kind *)TWO, 1);
          32 ./core.c:24:2 return t->pid + __builtin_preserve_enum_value(*(enum kind *)TWO, 1);
           0 struct task 0:0 kind 0
           8 enum kind 1 kind 11
    "#]],
    );
}

#[test]
fn ext_of_kinds() {
    ext_listing(
        "kinds",
        expect![[r#"
        socket
           0 int prog(void *ctx);
           0 ./kinds.c:92:8 hidden++;
          40 ./kinds.c:93:9 return helper(&the_node, 3) + kconfig + ro;
          48 ./kinds.c:93:32 return helper(&the_node, 3) + kconfig + ro;
          72 ./kinds.c:93:30 return helper(&the_node, 3) + kconfig + ro;
          80 ./kinds.c:93:40 return helper(&the_node, 3) + kconfig + ro;
          88 ./kinds.c:93:2 return helper(&the_node, 3) + kconfig + ro;
        .text
           0 static int helper(struct node *n, int k);
           0 ./kinds.c:87:24 return n->color + k + hidden;
          24 ./kinds.c:87:12 return n->color + k + hidden;
          48 ./kinds.c:87:18 return n->color + k + hidden;
          56 ./kinds.c:87:22 return n->color + k + hidden;
          64 ./kinds.c:87:2 return n->color + k + hidden;
    "#]],
    );
}
