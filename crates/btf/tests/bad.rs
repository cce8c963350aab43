//! BTF that is wrong: every kind of mistake is refused with its place and a reason.

use expect_test::{Expect, expect};
use skep_btf::*;

mod objects;
use objects::kinds;

/// Sections by hand: words of types, then strings.
#[derive(Clone)]
struct Raw {
    types: Vec<u32>,
    strings: Vec<u8>,
}

/// The word that holds kind, `vlen` and `kind_flag`.
fn info(kind: Kind, vlen: u32, kflag: u32) -> u32 {
    kflag << 31 | (kind as u32) << 24 | vlen
}

impl Raw {
    /// Type 1 is an `int`; `types` come behind it, at byte 40 of the section.
    fn new(types: &[u32]) -> Raw {
        let int = [1, info(Kind::Int, 0, 0), 4, 1 << 24 | 32];
        Raw { types: [&int, types].concat(), strings: b"\0int\0name\0".to_vec() }
    }

    fn bytes(&self) -> Vec<u8> {
        let len = self.types.len() as u32 * 4;
        let head = [0x1_eb9f, 24, 0, len, len, self.strings.len() as u32];
        let words = head.iter().chain(&self.types).flat_map(|word| word.to_le_bytes());
        words.chain(self.strings.iter().copied()).collect()
    }
}

/// What parsing each case says.
fn check<B: AsRef<[u8]>>(cases: &[(&str, B)], expected: Expect) {
    let lines = cases.iter().map(|(what, bytes)| match Btf::parse(bytes.as_ref()) {
        Ok(btf) => format!("{what}: accepted, {} types\n", btf.types().count()),
        Err(error) => format!("{what}: {error}\n"),
    });
    expected.assert_eq(&lines.collect::<String>());
}

/// The same of types behind an `int`.
fn check_types(cases: &[(&str, &[u32])], expected: Expect) {
    let cases: Vec<_> = cases.iter().map(|(what, types)| (*what, Raw::new(types).bytes())).collect();
    check(&cases, expected);
}

const PTR: u32 = (Kind::Ptr as u32) << 24;
const STRUCT: u32 = (Kind::Struct as u32) << 24;

#[test]
fn headers() {
    let good = Raw::new(&[]).bytes();
    let patched = |at: usize, bytes: &[u8]| {
        let mut section = good.clone();
        section[at..at + bytes.len()].copy_from_slice(bytes);
        section
    };
    let word = |at, word: u32| patched(at, &word.to_le_bytes());
    let longer = |tail: [u8; 4]| {
        let mut section = word(4, 28);
        section.splice(24..24, tail);
        section
    };
    check(
        &[
            ("good", good.clone()),
            ("empty", vec![]),
            ("cut in the magic number", vec![0x9f]),
            ("cut in the length", good[..6].to_vec()),
            ("cut in the header", good[..20].to_vec()),
            ("ELF", patched(0, b"\x7fE")),
            ("big-endian", patched(0, &[0xeb, 0x9f])),
            ("version 2", patched(2, &[2])),
            ("flags", patched(3, &[1])),
            ("short header", word(4, 23)),
            ("huge header", word(4, u32::MAX)),
            ("longer header of zeros", longer([0; 4])),
            ("longer header", longer([0, 0, 0, 1])),
            ("types not aligned", word(8, 2)),
            ("types outside", word(8, u32::MAX - 3)),
            ("types too long", word(12, u32::MAX - 3)),
            ("types of 15 bytes", word(12, 15)),
            ("strings outside", word(16, u32::MAX)),
            ("strings too long", word(20, u32::MAX)),
            ("no strings", word(20, 0)),
        ],
        expect![[r#"
            good: accepted, 1 types
            empty: at byte 0: 2 bytes wanted, 0 left
            cut in the magic number: at byte 0: 2 bytes wanted, 1 left
            cut in the length: at byte 4: 4 bytes wanted, 2 left
            cut in the header: at byte 4: a header of 24 bytes is too short, or longer than the section
            ELF: at byte 0: not BTF: magic number is 0x457f, not 0xeb9f
            big-endian: at byte 0: big-endian BTF is not supported; compile with --target=bpfel
            version 2: at byte 2: BTF version 2 is not known, only 1 is
            flags: at byte 3: header flags 0x1 are not known
            short header: at byte 4: a header of 23 bytes is too short, or longer than the section
            huge header: at byte 4: a header of 4294967295 bytes is too short, or longer than the section
            longer header of zeros: accepted, 1 types
            longer header: at byte 27: the header has a longer form that is not known
            types not aligned: at byte 8: offset or length 2 of the type section is not a multiple of 4
            types outside: at byte 8: the type section (16 bytes at 4294967292 behind the header) is outside of the section
            types too long: at byte 8: the type section (4294967292 bytes at 0 behind the header) is outside of the section
            types of 15 bytes: at byte 8: offset or length 15 of the type section is not a multiple of 4
            strings outside: at byte 16: the string section (10 bytes at 4294967295 behind the header) is outside of the section
            strings too long: at byte 16: the string section (4294967295 bytes at 16 behind the header) is outside of the section
            no strings: at byte 40: the string table must begin and end with a NUL byte
        "#]],
    );
}

#[test]
fn strings() {
    let long = [b"\0int\0", &[b'x'; 5000][..], b"\0"].concat();
    let with =
        |strings: &[u8], name: u32| Raw { strings: strings.to_vec(), ..Raw::new(&[name, PTR, 0]) }.bytes();
    check(
        &[
            ("no end", with(b"\0int", 0)),
            ("no start", with(b"int\0", 0)),
            ("name of `int` is not there", with(b"\0", 0)),
            ("offset at the end", with(b"\0int\0name\0", 10)),
            ("huge offset", with(b"\0int\0name\0", u32::MAX)),
            // Tails of names may be shared.
            ("inside of a name", with(b"\0int\0name\0", 6)),
            ("inside of a letter", with("\0int\0\u{fc}\0".as_bytes(), 6)),
            ("name of 5000 bytes", with(&long, 5)),
            ("its last 4005", with(&long, 1000)),
        ],
        expect![[r#"
            no end: at byte 52: the string table must begin and end with a NUL byte
            no start: at byte 52: the string table must begin and end with a NUL byte
            name of `int` is not there: at byte 24: no string starts at 1 in the string table
            offset at the end: at byte 40: no string starts at 10 in the string table
            huge offset: at byte 40: no string starts at 4294967295 in the string table
            inside of a name: accepted, 2 types
            inside of a letter: at byte 40: no string starts at 6 in the string table
            name of 5000 bytes: at byte 40: name is longer than 4096 bytes
            its last 4005: accepted, 2 types
        "#]],
    );
}

#[test]
fn heads() {
    check_types(
        &[
            ("cut", &[0]),
            ("kind 0", &[0, 0, 0]),
            ("kind 20", &[0, 20 << 24, 0]),
            ("bit 16", &[0, PTR | 1 << 16, 0]),
            ("bit 29", &[0, PTR | 1 << 29, 0]),
            ("flag of a pointer", &[0, PTR | 1 << 31, 0]),
            ("list of a pointer", &[0, PTR | 1, 0]),
        ],
        expect![[r#"
            cut: at byte 44: 4 bytes wanted, 0 left
            kind 0: at byte 40: kind 0 is not known
            kind 20: at byte 40: kind 20 is not known
            bit 16: at byte 40: reserved bits are set in 0x2010000
            bit 29: at byte 40: reserved bits are set in 0x22000000
            flag of a pointer: at byte 40: reserved bits are set in 0x80000000
            list of a pointer: at byte 40: vlen cannot be 1
        "#]],
    );
}

#[test]
fn scalars() {
    let int = info(Kind::Int, 0, 0);
    check_types(
        &[
            ("cut", &[1, int, 4]),
            ("33 bits of 4 bytes", &[1, int, 4, 33]),
            ("25 bits from bit 8", &[1, int, 4, 8 << 16 | 25]),
            ("200 bits", &[1, int, 32, 200]),
            ("32 bytes", &[1, int, 32, 128]),
            ("encoding 7", &[1, int, 4, 7 << 24 | 32]),
            ("bit 8", &[1, int, 4, 1 << 8 | 32]),
            ("float of 5 bytes", &[1, info(Kind::Float, 0, 0), 5]),
            ("enum of 3 bytes", &[5, info(Kind::Enum, 1, 0), 3, 5, 1]),
            ("cut enum", &[5, info(Kind::Enum64, 1, 0), 8, 5, 1]),
            ("array with a size", &[0, info(Kind::Array, 0, 0), 1, 1, 1, 1]),
        ],
        expect![[r#"
            cut: at byte 52: 4 bytes wanted, 0 left
            33 bits of 4 bytes: at byte 40: bits of an integer cannot be 33
            25 bits from bit 8: at byte 40: bits of an integer cannot be 25
            200 bits: at byte 40: bits of an integer cannot be 200
            32 bytes: accepted, 2 types
            encoding 7: at byte 40: encoding of an integer cannot be 7
            bit 8: accepted, 2 types
            float of 5 bytes: at byte 40: size of a float cannot be 5
            enum of 3 bytes: at byte 40: size of an enum cannot be 3
            cut enum: at byte 52: 12 bytes wanted, 8 left
            array with a size: at byte 40: size of an array cannot be 1
        "#]],
    );
}

#[test]
fn members() {
    let kflag = STRUCT | 1 << 31;
    check_types(
        &[
            ("one of two", &[5, STRUCT | 2, 8, 5, 1, 0]),
            ("none of 65535", &[5, STRUCT | 0xffff, 8]),
            ("larger than the structure", &[5, STRUCT | 1, 3, 5, 1, 0]),
            ("behind the structure", &[5, STRUCT | 1, 4, 5, 1, 8]),
            ("bit-field behind the structure", &[5, kflag | 1, 4, 5, 1, 4 << 24 | 29]),
            ("bit-field wider than its type", &[5, kflag | 1, 8, 5, 1, 33 << 24]),
            ("bit-field of a pointer", &[0, PTR, 0, 5, kflag | 1, 8, 5, 2, 8 << 24]),
            ("pointer inside of a byte", &[0, PTR, 0, 5, STRUCT | 1, 16, 5, 2, 4]),
            ("bit-field", &[5, kflag | 1, 4, 5, 1, 4 << 24 | 28]),
            ("type that is not there", &[5, STRUCT | 1, 4, 5, 9, 0]),
        ],
        expect![[r#"
            one of two: at byte 52: 24 bytes wanted, 12 left
            none of 65535: at byte 52: 786420 bytes wanted, 0 left
            larger than the structure: at byte 40: member 0 of type [2] reaches past the end of it
            behind the structure: at byte 40: member 0 of type [2] reaches past the end of it
            bit-field behind the structure: at byte 40: member 0 of type [2] reaches past the end of it
            bit-field wider than its type: at byte 40: member 0 of type [2] is at or of bits that its type cannot have
            bit-field of a pointer: at byte 52: member 0 of type [3] is at or of bits that its type cannot have
            pointer inside of a byte: at byte 52: member 0 of type [3] is at or of bits that its type cannot have
            bit-field: accepted, 2 types
            type that is not there: at byte 40: there is no type [9] that could be used here
        "#]],
    );
}

#[test]
fn references() {
    check_types(
        &[
            ("pointer to nowhere", &[0, PTR, 3]),
            ("function without prototype", &[5, info(Kind::Func, 0, 0), 1]),
            ("linkage of a function", &[5, info(Kind::Func, 3, 0), 1]),
            ("linkage of a variable", &[5, info(Kind::Var, 0, 0), 1, 3]),
            ("pointer to a variable", &[5, info(Kind::Var, 0, 0), 1, 0, 0, PTR, 2]),
            ("section of an int", &[5, info(Kind::DataSec, 1, 0), 4, 1, 0, 4]),
            ("negative component", &[5, info(Kind::DeclTag, 0, 0), 1, 0x8000_0000]),
            ("tag on nothing", &[5, info(Kind::DeclTag, 0, 0), 7, 0]),
        ],
        expect![[r#"
            pointer to nowhere: at byte 40: there is no type [3] that could be used here
            function without prototype: at byte 40: type [1] is not a function prototype
            linkage of a function: at byte 40: linkage cannot be 3
            linkage of a variable: at byte 40: linkage cannot be 3
            pointer to a variable: at byte 56: type [2] is not the type of a value
            section of an int: at byte 40: type [1] is not a variable or function
            negative component: at byte 40: component of a tag cannot be 2147483648
            tag on nothing: at byte 40: there is no type [7] that could be used here
        "#]],
    );
}

#[test]
fn cycles() {
    let (constant, volatile) = (info(Kind::Const, 0, 0), info(Kind::Volatile, 0, 0));
    check_types(
        &[
            ("typedef of itself", &[5, info(Kind::Typedef, 0, 0), 2]),
            ("const and volatile of each other", &[0, constant, 3, 0, volatile, 2]),
            ("array of itself", &[0, info(Kind::Array, 0, 0), 0, 2, 1, 1]),
            ("each in the other", &[5, STRUCT | 1, 4, 0, 3, 0, 5, info(Kind::Union, 1, 0), 4, 0, 2, 0]),
            ("through a pointer", &[5, STRUCT | 1, 8, 0, 3, 0, 0, PTR, 2]),
        ],
        expect![[r#"
            typedef of itself: at byte 40: type [2] contains itself
            const and volatile of each other: at byte 40: type [2] contains itself
            array of itself: at byte 40: type [2] contains itself
            each in the other: at byte 40: type [2] contains itself
            through a pointer: accepted, 3 types
        "#]],
    );
}

/// Neither the order of types nor their number makes a difference.
#[test]
fn depth() {
    let constant = info(Kind::Const, 0, 0);
    let chain = |depth: u32| -> Vec<u32> {
        let chain = (0..depth).flat_map(|i| [0, constant, i + 3]);
        chain.chain([0, PTR, 1]).collect()
    };
    let backwards: Vec<u32> = (0..100_000).flat_map(|i| [0, constant, i + 1]).collect();
    check_types(
        &[
            ("64", &chain(64)),
            ("65", &chain(65)),
            ("100000", &chain(100_000)),
            ("100000, the deepest last", &backwards),
        ],
        expect![[r#"
            64: accepted, 66 types
            65: at byte 820: type [67] contains others more than 64 deep
            100000: at byte 820: type [67] contains others more than 64 deep
            100000, the deepest last: at byte 808: type [66] contains others more than 64 deep
        "#]],
    );
}

/// Arrays of arrays of 2^32 - 1 elements.
#[test]
fn sizes_that_overflow() {
    let array = |of| [0, info(Kind::Array, 0, 0), 0, of, 1, u32::MAX];
    let raw = Raw::new(&[array(1), array(2), array(3)].concat());
    let btf = Btf::parse(&raw.bytes()).unwrap();
    assert_eq!(btf.size_of(2), Ok(4 * u64::from(u32::MAX)));
    assert_eq!(btf.size_of(3), Err(TypeError::TooLarge(TypeId(3))));
    assert_eq!(btf.size_of(4), Err(TypeError::TooLarge(TypeId(4))));
    assert!(btf.decode(4, &[0; 64]).is_err());
    assert!(btf.encode(2, &Value::Array(vec![])).is_err());
    assert_eq!(btf.declare(4).unwrap(), "int[4294967295][4294967295][4294967295]");
    // As a member it is outside of any structure.
    let raw =
        Raw { types: [raw.types, vec![5, info(Kind::Struct, 1, 0), u32::MAX, 0, 4, 0]].concat(), ..raw };
    check(
        &[("member", raw.bytes())],
        expect![[r#"
        member: at byte 112: member 0 of type [5] reaches past the end of it
    "#]],
    );
}

/// Small types that stand for huge values or texts: refused in good time.
#[test]
fn bombs() {
    // Each union has the one before twice, at the same place.
    let union = |of| [0, info(Kind::Union, 2, 0), 4, 0, of, 0, 0, of, 0];
    let unions: Vec<u32> = (1..60).flat_map(union).collect();
    let btf = Btf::parse(&Raw::new(&unions).bytes()).unwrap();
    assert_eq!(btf.decode(60, &[0; 4]), Err(ValueError::TooMany));
    assert_eq!(btf.format_value(60, &[0; 4]), Err(ValueError::TooMany));
    assert!(matches!(btf.declare(60), Err(TypeError::TooComplex(_))));
    assert_eq!(btf.c_type(60).unwrap(), "union {...}");
    assert_eq!(btf.field(60, "nothing"), Err(ValueError::NoMember("nothing".into())));
    assert!(btf.same_type(60, &btf, 60));

    // Four billion elements of no size.
    let array = [0, info(Kind::Struct, 0, 0), 0, 0, info(Kind::Array, 0, 0), 0, 2, 1, u32::MAX];
    let btf = Btf::parse(&Raw::new(&array).bytes()).unwrap();
    assert_eq!(btf.size_of(3), Ok(0));
    assert_eq!(btf.decode(3, &[]), Err(ValueError::TooMany));
    assert_eq!(btf.format_value(3, &[]), Err(ValueError::TooMany));

    // Whoever decodes many has one room for all of them; what failed was work, too.
    let mut left = 1000;
    assert_eq!(btf.decode_within(3, &[], &mut left), Err(ValueError::TooMany));
    assert_eq!(left, 0);
    assert_eq!(btf.decode_within(2, &[], &mut left), Err(ValueError::TooMany));
    left = 2;
    assert_eq!(btf.decode_within(2, &[], &mut left), Ok(Value::Struct(vec![])));
    assert_eq!(left, 1);

    // Half a gigabyte of padding.
    let padded = [0, info(Kind::Struct, 0, 0), !7];
    let btf = Btf::parse(&Raw::new(&padded).bytes()).unwrap();
    assert_eq!(btf.declare(2), Err(TypeError::TooComplex(TypeId(2))));
}

/// Integers whose storage, or place, is at the end of what 32 bits count.
#[test]
fn huge_integers() {
    let int = |size, word| [0, info(Kind::Int, 0, 0), size, word];
    let holder = |size, at| [0, STRUCT | 1, size, 0, 2, at];
    let parse = |types: [&[u32]; 2]| Btf::parse(&Raw::new(&types.concat()).bytes());
    let btf = parse([&int(u32::MAX, 8), &holder(u32::MAX, 0)]).unwrap();
    assert_eq!(btf.size_of(2), Ok(u32::MAX.into()));
    assert_eq!(btf.member(3, 0).and_then(|member| member.bit_size), Some(8));
    assert_eq!(btf.get(3, &[7], ""), Ok(Value::Struct(vec![("".into(), Value::Uint(7))])));
    assert!(btf.decode(3, &[7]).is_err());

    let far = parse([&int(4, 4 << 16 | 4), &holder(u32::MAX, u32::MAX - 4)]).unwrap();
    assert_eq!(far.member(3, 0).map(|member| member.bit_offset), Some(u32::MAX));
    let error = parse([&int(4, 5 << 16 | 4), &holder(u32::MAX, u32::MAX - 4)]).unwrap_err();
    assert_eq!(error.reason, Reason::BitField { id: TypeId(3), member: 0 });
}

/// A string of ten megabytes that everything refers to: read once, not by each.
#[test]
fn one_long_string() {
    let mut raw = Raw::new(&[]);
    raw.strings.extend(std::iter::repeat_n(b'x', 10_000_000));
    raw.strings.push(0);
    let btf = Btf::parse(&raw.bytes()).unwrap();
    let line = [8, 11, 11, 0];
    let words: Vec<u32> = (0..100_000).flat_map(|_| line).collect();
    let head = [0x1_eb9f, 24, 0, 0, 0, words.len() as u32 * 4 + 12, 16, 1, 100_000];
    let bytes: Vec<u8> = head.iter().chain(&words).flat_map(|word| word.to_le_bytes()).collect();
    let ext = BtfExt::parse(&bytes, &btf).unwrap();
    assert_eq!(ext.lines("int").len(), 100_000);
    assert_eq!(btf.str(ext.lines("int")[0].line_text).len(), 9_999_999);

    let head = [0x1_eb9f, 24, 0, 0, 0, 28, 16, 11, 1];
    let bytes: Vec<u8> = head.iter().chain(&line).flat_map(|word| word.to_le_bytes()).collect();
    assert_eq!(BtfExt::parse(&bytes, &btf), Err(Error { offset: 28, reason: Reason::NameTooLong }));
}

/// Pointers may go round in circles; what C cannot write is refused.
#[test]
fn circles_of_pointers() {
    let ptr = |to| [0, info(Kind::Ptr, 0, 0), to];
    let btf = Btf::parse(&Raw::new(&[ptr(3), ptr(2)].concat()).bytes()).unwrap();
    assert_eq!(btf.declare(2), Err(TypeError::TooComplex(TypeId(2))));
    assert_eq!(btf.size_of(2), Ok(8));
    assert!(btf.same_type(2, &btf, 3));

    // Functions that return, and take, pointers to functions that return and take pointers to functions...
    let link = |i: u32| [0, info(Kind::FuncProto, 1, 0), i * 2 + 5, 0, i * 2 + 5, 0, PTR, i * 2 + 2];
    let links: Vec<u32> = (0..1000).flat_map(link).chain([0, PTR, 1, 0, PTR, 1]).collect();
    let btf = Btf::parse(&Raw::new(&links).bytes()).unwrap();
    assert!(matches!(btf.declare(2), Err(TypeError::TooComplex(_))));
    assert!(matches!(btf.declare(1900), Err(TypeError::TooComplex(_))));
    assert_eq!(btf.declare(1999).unwrap(), "int * (* (*)(int * (*)(int *)))(int *)");

    // A function that takes a pointer to its own type.
    let proto = [0, info(Kind::FuncProto, 1, 0), 1, 5, 2];
    let btf = Btf::parse(&Raw::new(&[&ptr(3)[..], &proto].concat()).bytes()).unwrap();
    assert!(matches!(btf.declare(2), Err(TypeError::TooComplex(_))));
}

/// What parsing each case as `.BTF.ext` says.
fn check_ext(cases: &[(&str, Vec<u32>)], expected: Expect) {
    let btf = kinds();
    let lines = cases.iter().map(|(what, words)| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        match BtfExt::parse(&bytes, &btf) {
            Ok(ext) => format!("{what}: accepted, {:?}\n", ext.line_sections()),
            Err(error) => format!("{what}: {error}\n"),
        }
    });
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn ext_headers() {
    check_ext(
        &[
            ("empty", vec![]),
            ("version 255", vec![0xff_eb9f, 24]),
            ("short", vec![0x1_eb9f, 20, 0, 0, 0, 0]),
            ("part outside", vec![0x1_eb9f, 24, 0, 0, 0, 4]),
            ("part not aligned", vec![0x1_eb9f, 24, 1, 0, 0, 0]),
            ("half of the relocations", vec![0x1_eb9f, 28, 0, 0, 0, 0, 0]),
            ("longer, of zeros", vec![0x1_eb9f, 36, 0, 0, 0, 0, 0, 0, 0]),
            ("longer", vec![0x1_eb9f, 36, 0, 0, 0, 0, 0, 0, 1]),
            ("function of no type", vec![0x1_eb9f, 24, 0, 20, 20, 0, 8, 1, 1, 0, 9999]),
        ],
        expect![[r#"
            empty: at byte 0: 2 bytes wanted, 0 left
            version 255: at byte 2: BTF version 255 is not known, only 1 is
            short: at byte 4: a header of 20 bytes is too short, or longer than the section
            part outside: at byte 16: the line_info (4 bytes at 0 behind the header) is outside of the section
            part not aligned: at byte 8: offset or length 1 of the func_info is not a multiple of 4
            half of the relocations: at byte 28: 4 bytes wanted, 0 left
            longer, of zeros: accepted, []
            longer: at byte 32: the header has a longer form that is not known
            function of no type: at byte 40: there is no type [9999] that could be used here
        "#]],
    );
}

#[test]
fn ext_records() {
    let lines = |words: &[u32]| [&[0x1_eb9f, 24, 0, 0, 0, words.len() as u32 * 4], words].concat();
    check_ext(
        &[
            ("nothing", lines(&[])),
            ("no records", lines(&[16])),
            ("records too small", lines(&[12, 1, 1])),
            ("records not of words", lines(&[18, 1, 1])),
            ("huge records", lines(&[0xffff_fffc, 1, 1])),
            ("cut", lines(&[16, 1])),
            ("section of none", lines(&[16, 1, 0])),
            ("one of two", lines(&[16, 1, 2, 0, 1, 1, 0])),
            ("one of many", lines(&[16, 1, 0xffff_ffff, 0, 1, 1, 0])),
            ("name of the section", lines(&[16, 0xffff, 1, 0, 1, 1, 0])),
            ("inside of an instruction", lines(&[16, 1, 1, 4, 1, 1, 0])),
            ("name of the file", lines(&[16, 1, 1, 0, 0xffff, 1, 0])),
            ("longer records of zeros", lines(&[20, 1, 1, 8, 1, 1, 7 << 10 | 3, 0])),
            ("longer records", lines(&[20, 1, 1, 8, 1, 1, 7 << 10 | 3, 1])),
            ("one section in two parts", lines(&[16, 1, 1, 8, 1, 1, 0, 1, 1, 16, 1, 1, 0])),
        ],
        expect![[r#"
            nothing: accepted, []
            no records: at byte 24: a list of records is empty
            records too small: at byte 24: record size 12 is wrong
            records not of words: at byte 24: record size 18 is wrong
            huge records: at byte 36: 4294967292 bytes wanted, 0 left
            cut: at byte 32: 4 bytes wanted, 0 left
            section of none: at byte 28: a list of records is empty
            one of two: at byte 52: 16 bytes wanted, 0 left
            one of many: at byte 52: 16 bytes wanted, 0 left
            name of the section: at byte 28: no string starts at 65535 in the string table
            inside of an instruction: at byte 36: 4 is not the offset of an instruction
            name of the file: at byte 40: no string starts at 65535 in the string table
            longer records of zeros: accepted, [ExtSection { name: "ctx", name_off: StrOff(1), records: [LineInfo { insn_off: 8, file: StrOff(1), line_text: StrOff(1), line: 7, column: 3 }] }]
            longer records: at byte 52: a record has a longer form that is not known
            one section in two parts: accepted, [ExtSection { name: "ctx", name_off: StrOff(1), records: [LineInfo { insn_off: 8, file: StrOff(1), line_text: StrOff(1), line: 0, column: 0 }, LineInfo { insn_off: 16, file: StrOff(1), line_text: StrOff(1), line: 0, column: 0 }] }]
        "#]],
    );
}
