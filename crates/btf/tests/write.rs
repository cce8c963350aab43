//! Writing: what is parsed is written back, and what is built is parsed.

use skep_btf::*;

mod objects;
use objects::{OBJECTS, kinds};

#[test]
fn sections_come_back_byte_for_byte() {
    for object in OBJECTS {
        let btf = object.btf();
        assert!(btf.to_bytes() == object.btf, "{}", object.name);
        let ext = BtfExt::parse(object.btf_ext, &btf).unwrap();
        let bytes = ext.to_bytes();
        assert_eq!(BtfExt::parse(&bytes, &btf).as_ref(), Ok(&ext), "{}", object.name);
        if !ext.core_relo_sections().is_empty() {
            assert!(bytes == object.btf_ext, "{}", object.name);
        }
    }
}

#[test]
fn built_again_from_its_types() {
    for object in OBJECTS {
        let btf = object.btf();
        assert_eq!(BtfBuilder::from_btf(&btf).build().as_ref(), Ok(&btf), "{}", object.name);
    }
}

#[test]
fn strings_are_kept_once() {
    let mut builder = BtfBuilder::new();
    let a = builder.string("a");
    assert_eq!(builder.string(""), StrOff::EMPTY);
    assert_eq!(builder.string("b\0c"), builder.string("b"));
    assert_eq!(builder.string("a"), a);
    let btf = builder.build().unwrap();
    assert_eq!((btf.str(a), btf.string(StrOff(5))), ("a", None));
}

#[test]
fn every_kind_can_be_built() {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let float = b.add("double", Def::Float(8));
    let ptr = b.add("", Def::Ptr(int));
    let array = b.add("", Def::Array(Array { element: ptr, index: int, len: 3 }));
    let tag = b.add("user", Def::TypeTag(TypeTag { target: int, attribute: false }));
    let attribute = b.add("cold", Def::TypeTag(TypeTag { target: tag, attribute: true }));
    let volatile = b.add("", Def::Volatile(attribute));
    let constant = b.add("", Def::Const(volatile));
    let restrict = b.add("", Def::Restrict(ptr));
    let fwd = b.add("later", Def::Fwd(FwdKind::Union));
    let to_fwd = b.add("", Def::Ptr(fwd));
    let union = b.union("u", 8, &[("d", float), ("p", to_fwd)]);
    let e = b.enumeration("e", &[("A", -1), ("B", 2)]);
    let e64 = b.enumeration("e64", &[("BIG", 1 << 40)]);
    let members =
        [("a", array, 0), ("u", union, 192), ("e", e, 256), ("q", constant, 288), ("r", restrict, 320)];
    let structure = b.structure("s", 48, &members);
    let typedef = b.add("s_t", Def::Typedef(structure));
    let func = b.func("f", Linkage::Extern, int, &[("s", ptr), ("", TypeId::VOID)]);
    let var = b.add("v", Def::Var(Var { type_id: typedef, linkage: Linkage::Static }));
    let secvar = SecVar { type_id: var, offset: 0, size: 48 };
    b.add(".data", Def::DataSec(DataSec { size: 48, vars: [secvar].into() }));
    b.add("hot", Def::DeclTag(DeclTag { target: func, component: Some(0), attribute: true }));
    let btf = b.build().unwrap();

    let kinds: std::collections::BTreeSet<_> = btf.types().map(|(_, ty)| ty.kind()).collect();
    assert_eq!(kinds.len() + 1, Kind::ALL.len());
    assert_eq!(btf.size_of(structure), Ok(48));
    let text = "struct s {\n\tint *a[3];\n\tunion u u;\n\tenum e e;\n\tint __attribute__((btf_type_tag(\"user\"))) \
                __attribute__((cold)) volatile const q;\n\tint * restrict r;\n};";
    assert_eq!(btf.declare(structure).unwrap(), text);
    assert_eq!(btf.declare(func).unwrap(), "extern int f(int *s, ...);");
    assert_eq!(btf.declare(var).unwrap(), "static s_t v;");
    assert_eq!(btf.declare(e64).unwrap(), "enum e64 {\n\tBIG = 1099511627776ULL,\n};");
    assert_eq!(Btf::parse(&btf.to_bytes()).as_ref(), Ok(&btf));
}

#[test]
fn what_does_not_fit_is_refused() {
    let reason = |def| {
        let mut builder = BtfBuilder::new();
        builder.add("x", def);
        builder.build().unwrap_err().reason
    };
    let value = EnumValue { name: StrOff(1), value: 1 << 32 };
    let e = Enum { size: 4, signed: false, values: [value].into() };
    assert_eq!(reason(Def::Enum(e)), Reason::Field { field: "value of a 32-bit enum", value: 0 });
    let member = Member { name: StrOff::EMPTY, type_id: TypeId(1), bit_offset: 1 << 24, bit_size: 1 };
    let far = Composite { size: 1 << 28, kflag: true, members: [member].into() };
    assert_eq!(reason(Def::Struct(far)), Reason::Field { field: "offset of a bit-field", value: 1 << 24 });
    let many = FuncProto {
        ret: TypeId::VOID,
        params: vec![Param { name: StrOff::EMPTY, type_id: TypeId(0) }; 65536].into(),
    };
    assert_eq!(reason(Def::FuncProto(many)), Reason::TooMuch);
    assert_eq!(reason(Def::Void), Reason::UnknownKind(0));
    assert_eq!(reason(Def::Ptr(TypeId(7))), Reason::NoSuchType(TypeId(7)));
}

/// Equality that does not depend on ids.
mod same {
    use super::*;

    #[test]
    fn types_are_the_same_as_themselves_and_no_others() {
        let btf = kinds();
        for (a, left) in btf.types() {
            for (b, right) in btf.types() {
                let text = |id| btf.declare(id);
                let expected = a == b
                    || (left.kind() == right.kind()
                        && left.kind() != Kind::DeclTag
                        && text(a).is_ok()
                        && text(a) == text(b));
                // Prototypes look the same in C when only the names of parameters differ by being absent.
                if left.kind() != Kind::FuncProto {
                    assert_eq!(btf.same_type(a, &btf, b), expected, "{a} {b}");
                }
            }
        }
    }

    /// The same list, its types in another order.
    #[test]
    fn order_and_strings_do_not_matter() {
        let list = |backwards: bool, value: &str| {
            let mut b = BtfBuilder::new();
            if backwards {
                b.string("something else");
                b.add("", Def::Ptr(TypeId(3)));
                let int = b.int("int", 4, IntEncoding::Unsigned);
                let node = b.structure("node", 16, &[("next", TypeId(1), 0), (value, int, 64)]);
                (b.build().unwrap(), node)
            } else {
                let int = b.int("int", 4, IntEncoding::Unsigned);
                let node = b.structure("node", 16, &[("next", TypeId(3), 0), (value, int, 64)]);
                b.add("", Def::Ptr(node));
                (b.build().unwrap(), node)
            }
        };
        let ((a, a_id), (b, b_id), (c, c_id)) =
            (list(false, "value"), list(true, "value"), list(true, "other"));
        assert!(a.same_type(a_id, &b, b_id));
        assert!(b.same_type(b_id, &a, a_id));
        assert!(!a.same_type(a_id, &c, c_id));
        assert!(!a.same_type(a_id, &b, 99));
        assert!(a.same_type(0, &b, 0));
        assert!(!a.same_type(0, &b, b_id));
    }
}
