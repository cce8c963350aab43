//! One of each type: what is the same, what is not, what forward declarations become, and types made to be slow.
//!
//! That the result is libbpf's, type for type, is shown with linked objects: `crates/loader/tests/linker_libbpf.rs`.

use proptest::prelude::*;
use skep_btf::{
    Array, Btf, BtfBuilder, BtfExt, DataSec, DedupError, Def, ExtSection, FuncInfo, FwdKind, IntEncoding,
    Kind, LineInfo, Linkage, SecVar, TypeId, Var,
};

/// One compilation: adds its types to what is there.
type Unit = fn(&mut BtfBuilder);

fn units(units: &[Unit]) -> Btf {
    let mut builder = BtfBuilder::new();
    units.iter().for_each(|unit| unit(&mut builder));
    builder.build().unwrap()
}

fn deduped(btf: &Btf) -> Btf {
    btf.dedup(None).unwrap().btf
}

/// Kinds and names, in order.
fn kinds(btf: &Btf) -> Vec<String> {
    btf.types()
        .map(|(id, ty)| format!("{} {}", ty.kind().name(), btf.name(id)).trim_end().to_owned())
        .collect()
}

/// `struct a { int x; struct b *b; }; struct b { struct a *a; };`, each found through the other.
fn rings(b: &mut BtfBuilder) {
    let int = b.int("int", 4, IntEncoding::Signed);
    let a = b.next_id();
    let (to_b, other, to_a) = (TypeId(a.0 + 1), TypeId(a.0 + 2), TypeId(a.0 + 3));
    b.structure("a", 16, &[("x", int, 0), ("b", to_b, 64)]);
    b.add("", Def::Ptr(other));
    b.structure("b", 8, &[("a", to_a, 0)]);
    b.add("", Def::Ptr(a));
}

/// The same with `b` only declared.
fn half_a_ring(b: &mut BtfBuilder) {
    let int = b.int("int", 4, IntEncoding::Signed);
    let declared = b.add("b", Def::Fwd(FwdKind::Struct));
    let to_b = b.add("", Def::Ptr(declared));
    b.structure("a", 16, &[("x", int, 0), ("b", to_b, 64)]);
}

/// Another `a`, which looks the same but for a type further on.
fn other_ring(b: &mut BtfBuilder) {
    let int = b.int("unsigned int", 4, IntEncoding::Unsigned);
    let other = b.structure("b", 8, &[("y", int, 0)]);
    let to_b = b.add("", Def::Ptr(other));
    let int = b.int("int", 4, IntEncoding::Signed);
    b.structure("a", 16, &[("x", int, 0), ("b", to_b, 64)]);
}

const RING: [&str; 5] = ["INT int", "STRUCT a", "PTR", "STRUCT b", "PTR"];

#[test]
fn equal_graphs_are_one() {
    assert_eq!(kinds(&deduped(&units(&[rings, rings, rings]))), RING);
}

#[test]
fn a_declaration_is_what_the_other_compilation_defines() {
    assert_eq!(kinds(&deduped(&units(&[rings, half_a_ring]))), RING);
    let first = deduped(&units(&[half_a_ring, rings]));
    assert_eq!(kinds(&first), ["INT int", "PTR", "STRUCT a", "STRUCT b", "PTR"]);
    assert_eq!(
        first.declare(first.find(Kind::Struct, "a").unwrap()).unwrap(),
        "struct a {\n\tint x;\n\tstruct b *b;\n};"
    );
}

#[test]
fn graphs_that_differ_far_away_are_two() {
    let both = deduped(&units(&[rings, other_ring]));
    assert_eq!(both.find_all(Kind::Struct, "a").count(), 2);
    // The declaration fits either, and the first is taken.
    let three = deduped(&units(&[rings, other_ring, half_a_ring]));
    assert_eq!(three.own_types().len(), both.own_types().len());
}

#[test]
fn a_name_that_two_have_leaves_a_declaration_alone() {
    let alone: Unit = |b| {
        let declared = b.add("b", Def::Fwd(FwdKind::Struct));
        b.add("", Def::Ptr(declared));
    };
    let of_union: Unit = |b| {
        b.add("b", Def::Fwd(FwdKind::Union));
    };
    assert_eq!(kinds(&deduped(&units(&[rings, alone]))), RING);
    assert_eq!(deduped(&units(&[rings, other_ring, alone])).find_all(Kind::Fwd, "b").count(), 1);
    assert_eq!(deduped(&units(&[rings, of_union])).find_all(Kind::Fwd, "b").count(), 1);
}

#[test]
fn an_enumeration_may_be_only_declared() {
    let whole: Unit = |b| {
        b.enumeration("state", &[("IDLE", 0), ("BUSY", 1)]);
    };
    let wide: Unit = |b| {
        b.enumeration("state", &[("IDLE", 0), ("BUSY", 1 << 40)]);
    };
    let declared: Unit = |b| {
        b.enumeration("state", &[]);
    };
    assert_eq!(deduped(&units(&[whole, declared, whole])).own_types().len(), 1);
    let first = deduped(&units(&[declared, wide, declared]));
    assert_eq!(kinds(&first), ["ENUM64 state"]);
    assert_eq!(deduped(&units(&[whole, wide])).own_types().len(), 2);
}

#[test]
fn variables_and_sections_are_never_one() {
    let unit: Unit = |b| {
        let int = b.int("int", 4, IntEncoding::Signed);
        let var = b.add("x", Def::Var(Var { type_id: int, linkage: Linkage::Static }));
        let vars = [SecVar { type_id: var, offset: 0, size: 4 }].into();
        b.add(".bss", Def::DataSec(DataSec { size: 4, vars }));
    };
    let both = deduped(&units(&[unit, unit]));
    assert_eq!(kinds(&both), ["INT int", "VAR x", "DATASEC .bss", "VAR x", "DATASEC .bss"]);
}

#[test]
fn functions_differ_by_names_of_parameters_and_linkage() {
    let with: fn(&mut BtfBuilder, &str, Linkage) = |b, name, linkage| {
        let int = b.int("int", 4, IntEncoding::Signed);
        b.func("f", linkage, int, &[(name, int)]);
    };
    let mut b = BtfBuilder::new();
    for (name, linkage) in
        [("a", Linkage::Global), ("a", Linkage::Global), ("b", Linkage::Global), ("a", Linkage::Static)]
    {
        with(&mut b, name, linkage);
    }
    let btf = deduped(&b.build().unwrap());
    assert_eq!(kinds(&btf), ["INT int", "FUNC_PROTO", "FUNC f", "FUNC_PROTO", "FUNC f", "FUNC f"]);
}

#[test]
fn equal_arrays_of_one_compilation_do_not_matter() {
    let twice: Unit = |b| {
        let int = b.int("int", 4, IntEncoding::Signed);
        let arrays = [0, 1].map(|_| b.add("", Def::Array(Array { element: int, index: int, len: 3 })));
        b.structure("s", 24, &[("a", arrays[0], 0), ("b", arrays[1], 96)]);
    };
    let once: Unit = |b| {
        let int = b.int("int", 4, IntEncoding::Signed);
        let array = b.add("", Def::Array(Array { element: int, index: int, len: 3 }));
        b.structure("s", 24, &[("a", array, 0), ("b", array, 96)]);
    };
    for order in [[twice, once], [once, twice]] {
        assert_eq!(kinds(&deduped(&units(&order))), ["INT int", "ARRAY", "STRUCT s"]);
    }
}

#[test]
fn strings_and_records_go_along() {
    // Two tables put behind each other: every string is there twice.
    let mut builder = BtfBuilder::new();
    rings(&mut builder);
    let one = builder.build().unwrap().to_bytes();
    let unit: Unit = rings;
    let both = units(&[unit, unit]);
    let func = both.end_id() - 1;
    let bytes = doubled_strings(&both);
    let btf = Btf::parse(&bytes).unwrap();
    let line = LineInfo {
        insn_off: 8,
        file: btf.type_by_id(1).unwrap().name,
        line_text: Default::default(),
        line: 3,
        column: 1,
    };
    let section = |name_off| ExtSection { name: "a".to_owned(), name_off, records: vec![line] };
    let name = btf.type_by_id(2).unwrap().name;
    let funcs = ExtSection {
        name: "a".to_owned(),
        name_off: name,
        records: vec![FuncInfo { insn_off: 0, type_id: TypeId(func) }],
    };
    let ext = BtfExt::from_sections(vec![funcs], vec![section(name)], Vec::new());
    let unique = btf.dedup(Some(&ext)).unwrap();
    assert_eq!(unique.btf.to_bytes().len(), one.len());
    let ext = unique.ext.as_ref().unwrap();
    assert_eq!(unique.btf.str(ext.line_sections()[0].name_off), "a");
    assert_eq!(unique.btf.str(ext.line_sections()[0].records[0].file), "int");
    assert_eq!(ext.func_sections()[0].records[0].type_id, unique.id(TypeId(func)));
    assert!(BtfExt::parse(&ext.to_bytes(), &unique.btf).is_ok());
}

/// The same types; the later half of them refers to a second copy of each string.
fn doubled_strings(btf: &Btf) -> Vec<u8> {
    let bytes = btf.to_bytes();
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let (types, strings) = (word(12), word(20));
    let mut out = bytes.clone();
    out[20..24].copy_from_slice(&(strings * 2).to_le_bytes());
    let text = bytes[24 + types as usize..].to_vec();
    out.extend_from_slice(&text);
    // Names of types alone: members keep the first copy.
    let mut at = 24;
    for (id, ty) in btf.types() {
        let tail = match &ty.def {
            Def::Int(_) => 4,
            Def::Struct(it) => it.members.len() * 12,
            _ => 0,
        };
        if id.0 > btf.end_id() / 2 && !ty.name.is_empty() {
            out[at..at + 4].copy_from_slice(&(ty.name.0 + strings).to_le_bytes());
        }
        at += 12 + tail;
    }
    out
}

#[test]
fn split_types_are_refused() {
    let base = std::sync::Arc::new(units(&[rings]));
    let split = BtfBuilder::on(base).build().unwrap();
    assert_eq!(split.dedup(None).unwrap_err(), DedupError::Split);
}

#[test]
fn pointers_in_a_circle_are_refused() {
    let mut b = BtfBuilder::new();
    b.add("", Def::Ptr(TypeId(2)));
    b.add("", Def::Ptr(TypeId(1)));
    let error = b.build().unwrap().dedup(None).unwrap_err();
    assert_eq!(error, DedupError::Loop(TypeId(1)));
}

#[test]
fn a_long_chain_takes_no_stack() {
    let mut b = BtfBuilder::new();
    let mut last = b.int("int", 4, IntEncoding::Signed);
    for _ in 0..2 {
        for _ in 0..200_000 {
            last = b.add("", Def::Ptr(last));
        }
        b.structure("end", 8, &[("chain", last, 0)]);
    }
    let btf = b.build().unwrap();
    assert_eq!(deduped(&btf).own_types().len(), 400_003);
}

#[test]
fn types_that_all_look_alike_are_refused_in_time() {
    // Each structure reaches a chain of its own before it is seen to differ from all others.
    let mut b = BtfBuilder::new();
    for n in 0..2_000 {
        let mut last = b.int(&format!("int{n}"), 4, IntEncoding::Signed);
        for _ in 0..100 {
            last = b.add("", Def::Ptr(last));
        }
        b.structure("same", 8, &[("chain", last, 0)]);
    }
    let btf = b.build().unwrap();
    assert_eq!(btf.dedup(None).unwrap_err(), DedupError::TooComplex);
}

#[test]
fn structures_within_structures_do_not_multiply() {
    // Two of each level, which refer to both below: 2^40 paths.
    let unit: Unit = |b| {
        let int = b.int("int", 4, IntEncoding::Signed);
        let mut below = [int; 2];
        for level in 0..40 {
            let name = format!("level{level}");
            let pointers = below.map(|it| b.add("", Def::Ptr(it)));
            below = [0, 1].map(|_| b.structure(&name, 16, &[("a", pointers[0], 0), ("b", pointers[1], 64)]));
        }
    };
    let both = units(&[unit, unit]);
    // An answer in time is enough.
    let _ = both.dedup(None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What was made unique stays as it is; each type becomes one that says the same.
    #[test]
    fn once_is_enough(order in prop::collection::vec(0..4_usize, 1..8)) {
        let all: [Unit; 4] = [rings, half_a_ring, other_ring, |b| {
            b.enumeration("e", &[("E", 1)]);
        }];
        let chosen: Vec<Unit> = order.iter().map(|it| all[*it]).collect();
        let btf = units(&chosen);
        let unique = btf.dedup(None).unwrap();
        let again = unique.btf.dedup(None).unwrap();
        prop_assert_eq!(&again.btf, &unique.btf);
        for (id, ty) in btf.types() {
            let new = unique.btf.type_by_id(unique.id(id)).unwrap();
            prop_assert_eq!(btf.str(ty.name), unique.btf.str(new.name));
            prop_assert!(ty.kind() == new.kind() || ty.kind() == Kind::Fwd);
        }
    }

    /// Damaged types are made unique or refused.
    #[test]
    fn damage_does_no_harm(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = units(&[rings, half_a_ring, other_ring]).to_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(btf) = Btf::parse(&bytes) {
            let _ = btf.dedup(None);
        }
    }
}
