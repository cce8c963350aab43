//! Bytes as values and back, and values as bpftool prints them.

use expect_test::{Expect, expect};
use skep_btf::*;

mod objects;
use objects::kinds;

fn values() -> (Btf, TypeId) {
    let btf = Btf::parse(include_bytes!("data/values.btf")).unwrap();
    let id = btf.find(Kind::Struct, "value").unwrap();
    (btf, id)
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

/// Keys and values of the map that was dumped (see `data/record_map.py`).
fn recorded() -> Vec<(Vec<u8>, Vec<u8>)> {
    let pair = |line: &str| line.split_once(' ').map(|(key, value)| (unhex(key), unhex(value))).unwrap();
    include_str!("data/values.hex").lines().map(pair).collect()
}

#[test]
fn a_map_is_dumped_as_by_bpftool() {
    let (btf, value) = values();
    let key = btf.find(Kind::Int, "int").unwrap();
    let entries = recorded();
    let entries = entries.iter().map(|(key, value)| (&key[..], &value[..]));
    let ours = btf.format_map(key, value, entries).unwrap();
    assert_eq!(ours, include_str!("data/values.dump"));
}

#[test]
fn values_survive_a_round_trip() {
    let (btf, id) = values();
    for (_, bytes) in recorded() {
        let value = btf.decode(id, &bytes).unwrap();
        let again = btf.encode(id, &value).unwrap();
        assert_eq!(btf.decode(id, &again).unwrap(), value);
    }
}

fn compact(id: &str, bytes: &[u8], expected: Expect) {
    let btf = kinds();
    let kinds = [Kind::Struct, Kind::Typedef, Kind::Enum, Kind::Enum64, Kind::Int, Kind::Float, Kind::Var];
    let id = kinds.iter().find_map(|kind| btf.find(*kind, id)).unwrap();
    let text = match btf.decode(id, bytes) {
        Ok(value) => value.to_string(),
        Err(error) => format!("error: {error}"),
    };
    expected.assert_eq(&text);
}

#[test]
fn one_line_for_people() {
    let (btf, id) = values();
    let plain = btf.decode(id, &recorded()[3].1).unwrap().to_string();
    expect![[r#"{sc = -1, uc = 7, c = 65, yes = true, s = -2, us = 0, i = -100, u = 513, l = -1, ul = 0, big = 5, ubig = 340282366920938463463374607431768211455, text = "a\"b\\ c", full = "full", mine = "my", name = "task/0", bytes = hex:01020304, state = RUNNING, unknown = 4, wide = TOP, tiny = T1, ptr = 0xffff888000000001, nil = 0x0, inner = {s = 1, us = 2}, inners = [{s = 3, us = 0}, {s = 0, us = 0}], matrix = [[1, 2], [0, 0]], empty = {}, no_inners = [], {word = 16777343 | octets = hex:7f000001}, f1 = 1, f5 = -6, fe = 8, f40 = 874722583875, cv = 42}"#]].assert_eq(&plain);
}

#[test]
fn scalars() {
    compact("unsigned int", &[1, 2, 0, 0], expect!["513"]);
    compact("int", &[0xff; 4], expect!["-1"]);
    compact("bool", &[1], expect!["true"]);
    compact("bool", &[7], expect!["7"]);
    compact("__int128", &[0xfe; 16], expect!["-1334440654591915542993625911497130242"]);
    compact("float", &1.5f32.to_le_bytes(), expect!["1.5"]);
    compact("double", &f64::NAN.to_le_bytes(), expect!["NaN"]);
    compact("color", &[5, 0, 0, 0], expect!["GREEN"]);
    compact("color", &[0xff; 4], expect!["4294967295"]);
    compact("sign", &[0xff; 4], expect!["MINUS"]);
    compact("wide", &[0, 0, 0, 0, 0, 0, 0, 0x80], expect!["HIGH"]);
    compact("wide_signed", &[0xff; 8], expect!["-1"]);
    compact("fn_t", &[0xff; 8], expect!["0xffffffffffffffff"]);
}

#[test]
fn composites() {
    compact("bits", &[0xff; 8], expect!["{a = 7, b = -1, c = 1099511627775, d = true, e = 15, f = 255}"]);
    compact(
        "bits",
        &[0b10_1010, 1, 0, 0, 0, 0, 0b1010, 9],
        expect!["{a = 2, b = 5, c = 1, d = false, e = GREEN, f = 9}"],
    );
    compact(
        "packed",
        &[1, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0x80],
        expect!["{c = 1, i = 2, l = 9223372036854775811}"],
    );
    compact("anon", &[9, 0, 0, 0], expect!["{x = 9}"]);
    compact("fn_array_t", &[0; 32], expect!["[0x0, 0x0, 0x0, 0x0]"]);
    // A flexible array holds what is behind the structure.
    compact("flex", &[3, 0, 0, 0], expect!["{len = 3, data = hex:}"]);
    compact("flex", &[3, 0, 0, 0, 0xa, 0xb, 0xc], expect!["{len = 3, data = hex:0a0b0c}"]);
}

#[test]
fn too_few_bytes() {
    compact("int", &[1, 2, 3], expect!["error: a value of type [3] has 4 bytes, not 3"]);
    compact("packed", &[], expect!["error: a value of type [41] has 13 bytes, not 0"]);
    let btf = kinds();
    let fwd = btf.find(Kind::Fwd, "fwd").unwrap();
    assert_eq!(btf.decode(fwd, &[0; 8]), Err(ValueError::Type(TypeError::NoSize(fwd))));
    assert!(btf.format_value(fwd, &[0; 8]).is_err());
    assert!(btf.format_value(btf.find(Kind::Int, "int").unwrap(), &[0; 3]).is_err());
}

#[test]
fn looking_into_values() {
    let (btf, id) = values();
    let value = btf.decode(id, &recorded()[3].1).unwrap();
    let number = |path| value.get(path).and_then(Value::as_i128);
    assert_eq!(number("sc"), Some(-1));
    assert_eq!(number("l"), Some(-1));
    assert_eq!(number("ubig"), None);
    assert_eq!(value.get("ubig"), Some(&Value::Uint(u128::MAX)));
    assert_eq!(number("yes"), Some(1));
    assert_eq!(number("inner.us"), Some(2));
    assert_eq!(number("inners[0].s"), Some(3));
    assert_eq!(number("inners[2].s"), None);
    assert_eq!(number("matrix[0][1]"), Some(2));
    assert_eq!(number("f5"), Some(-6));
    assert_eq!(number("f40"), Some(0xcb_a987_6543));
    assert_eq!(number("state"), Some(3));
    assert_eq!(number("wide"), Some(1 << 63));
    assert_eq!(number("ptr"), Some(0xffff_8880_0000_0001));
    // The member of an anonymous union.
    assert_eq!(value.get("word").and_then(Value::as_u64), Some(0x0100_007f));
    assert_eq!(value.get("octets").and_then(Value::as_bytes), Some(&[127, 0, 0, 1][..]));
    assert_eq!(value.get("text").and_then(Value::as_str), Some("a\"b\\ c"));
    // No NUL, but all of it is text.
    assert_eq!(value.get("full").and_then(Value::as_str), Some("full"));
    assert_eq!(value.get("no"), None);
    assert_eq!(value.get("inner."), None);
    assert_eq!(value.get(""), Some(&value));
    assert_eq!(Value::Chars(b"\x01\x02".as_slice().into()).as_str(), None);
    assert_eq!(Value::from(-1i32).as_u64(), None);
    assert_eq!(Value::from(u64::MAX).as_i64(), None);
}

/// [`Btf::get`] finds what [`Value::get`] finds, without decoding all.
#[test]
fn one_field_alone() {
    let (btf, id) = values();
    let bytes = &recorded()[2].1;
    let value = btf.decode(id, bytes).unwrap();
    for path in [
        "sc",
        "big",
        "text",
        "inners[1]",
        "inners[1].us",
        "matrix[1]",
        "word",
        "octets",
        "f5",
        "fe",
        "f40",
        "",
    ] {
        assert_eq!(btf.get(id, bytes, path).as_ref().ok(), value.get(path), "{path}");
    }
}

fn set(path: &str, value: impl Into<Value>, expected: Expect) {
    let (btf, id) = values();
    let mut bytes = vec![0; btf.size_of(id).unwrap() as usize];
    let text = match btf.set(id, &mut bytes, path, &value.into()) {
        Err(error) => format!("error: {error}"),
        Ok(()) => {
            let at = bytes.iter().position(|b| *b != 0).unwrap_or(0);
            let end = bytes.iter().rposition(|b| *b != 0).map_or(at, |end| end + 1);
            format!("{at}: {:02x?}", &bytes[at..end])
        }
    };
    expected.assert_eq(&text);
}

#[test]
fn setting_numbers() {
    set("u", 0x0102_0304u32, expect!["12: [04, 03, 02, 01]"]);
    set("u", -1, expect!["error: it does not fit into u"]);
    set("u", 1u64 << 32, expect!["error: it does not fit into u"]);
    set("sc", -128, expect!["0: [80]"]);
    set("sc", 128, expect!["error: it does not fit into sc"]);
    set("sc", 255u8, expect!["error: it does not fit into sc"]);
    set("uc", 255, expect!["1: [ff]"]);
    set("yes", true, expect!["3: [01]"]);
    set("big", i128::MIN, expect!["47: [80]"]);
    set("big", u128::MAX, expect!["error: it does not fit into big"]);
    set("ubig", u128::MAX, expect!["48: [ff, ff, ff, ff, ff, ff, ff, ff, ff, ff, ff, ff, ff, ff, ff, ff]"]);
    set("ptr", 0xffff_8880_0000_0000u64, expect!["124: [80, 88, ff, ff]"]);
    set("ptr", -1, expect!["error: it does not fit into ptr"]);
    set("f5", -16, expect!["168: [20]"]);
    set("f5", 16, expect!["error: it does not fit into f5"]);
    set("f40", (1u64 << 40) - 1, expect!["169: [f0, ff, ff, ff, ff, 0f]"]);
    set("f40", 1u64 << 40, expect!["error: it does not fit into f40"]);
    set("matrix[1][0]", 5, expect!["156: [05]"]);
}

#[test]
fn setting_enumerations() {
    set("state", "RUNNING", expect!["92: [03]"]);
    set("state", "LAST", expect!["92: [ff, ff, ff, ff]"]);
    set("state", 77, expect!["92: [4d]"]);
    set("state", "WALKING", expect!["error: state takes a number or a name of the enumeration"]);
    set("fe", "RUNNING", expect!["168: [c0]"]);
    set("fe", 32, expect!["error: it does not fit into fe"]);
    set("wide", "TOP", expect!["111: [80]"]);
    set("tiny", "T1", expect!["112: [01]"]);
    set("tiny", 256, expect!["error: it does not fit into tiny"]);
}

#[test]
fn setting_text_and_bytes() {
    set("text", "hi", expect!["64: [68, 69]"]);
    set("text", "12345678", expect!["64: [31, 32, 33, 34, 35, 36, 37, 38]"]);
    set("text", "123456789", expect!["error: it does not fit into text"]);
    set("bytes", &[1u8, 2][..], expect!["88: [01, 02]"]);
    set("octets", vec![Value::from(9u8), Value::from(8u8)], expect!["164: [09, 08]"]);
    set("octets", vec![Value::from(9u8); 5], expect!["error: there is no element `octets[4]`"]);
    set("u", "text", expect!["error: u takes an integer"]);
    set("inner", 1, expect!["error: inner takes names and values of members"]);
    set("matrix", 1, expect!["error: matrix takes an array"]);
}

#[test]
fn setting_structures() {
    let inner = || Value::from_iter([("us", Value::from(7u16))]);
    set("inner", inner(), expect!["138: [07]"]);
    set("inners[1]", inner(), expect!["146: [07]"]);
    set("inners", vec![inner(), inner()], expect!["142: [07, 00, 00, 00, 07]"]);
    set(
        "",
        Value::from_iter([("inner", inner()), ("word", Value::from(1u8))]),
        expect![
            "138: [07, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 00, 01]"
        ],
    );
    set(
        "",
        Value::from_iter([("inner", Value::from_iter([("no", 1.into())]))]),
        expect!["error: there is no member `inner.no`"],
    );
    set(
        "",
        Value::from_iter([("inners", Value::from(vec![Value::from_iter([("s", 70000.into())])]))]),
        expect!["error: it does not fit into inners[0].s"],
    );
    set(
        "",
        Value::from_iter([("", Value::from_iter([("word", 1.into())])), ("", 1.into())]),
        expect!["error: the value takes fewer anonymous members"],
    );
}

/// Text after a shorter one does not show through; bytes do.
#[test]
fn text_fills_its_array() {
    let (btf, id) = values();
    let mut bytes = vec![0xee; btf.size_of(id).unwrap() as usize];
    btf.set(id, &mut bytes, "text", &"hi".into()).unwrap();
    btf.set(id, &mut bytes, "bytes", &Value::Bytes([1, 2].as_slice().into())).unwrap();
    let text = btf.field(id, "text").unwrap();
    assert_eq!(bytes[text.bit_offset as usize / 8..][..8], *b"hi\0\0\0\0\0\0");
    assert_eq!(btf.get(id, &bytes, "bytes"), Ok(Value::Bytes([1, 2, 0xee, 0xee].as_slice().into())));
}

#[test]
fn floats() {
    let btf = kinds();
    let node = btf.find(Kind::Struct, "node").unwrap();
    let mut bytes = vec![0; 176];
    btf.set(node, &mut bytes, "fl", &1.25.into()).unwrap();
    btf.set(node, &mut bytes, "db", &(-1e300).into()).unwrap();
    assert_eq!(btf.get(node, &bytes, "fl"), Ok(Value::Float(1.25)));
    assert_eq!(btf.get(node, &bytes, "db"), Ok(Value::Float(-1e300)));
    btf.set(node, &mut bytes, "db", &3.into()).unwrap();
    assert_eq!(btf.get(node, &bytes, "db"), Ok(Value::Float(3.0)));
    assert!(btf.set(node, &mut bytes, "db", &"3".into()).is_err());
    let text = btf.format_value(node, &bytes).unwrap();
    assert!(text.contains("\"fl\": 1.25,\n"), "{text}");
}

fn place(path: &str, expected: Expect) {
    let (btf, id) = values();
    let text = match btf.field(id, path) {
        Err(error) => format!("error: {error}"),
        Ok(field) => {
            let bits = if field.is_bitfield { " (bit-field)" } else { "" };
            format!("{}+{}{bits} {}", field.bit_offset, field.bit_size, btf.c_type(field.type_id).unwrap())
        }
    };
    expected.assert_eq(&text);
}

#[test]
fn paths() {
    place("", expect!["0+1536 struct value"]);
    place("u", expect!["96+32 unsigned int"]);
    place("inners[1].us", expect!["1168+16 unsigned short"]);
    place("matrix[1]", expect!["1248+64 int[2]"]);
    place("matrix[1][1]", expect!["1280+32 int"]);
    place("octets[3]", expect!["1336+8 unsigned char"]);
    place("f5", expect!["1345+5 (bit-field) int"]);
    place("no_inners[7].s", expect!["1536+16 short"]);
    place("empty", expect!["1312+0 struct {...}"]);
}

/// The path starts at the type of a variable.
#[test]
fn paths_into_variables() {
    let btf = kinds();
    let fns = btf.find(Kind::Var, "fns").unwrap();
    assert_eq!(btf.field(fns, "[3]").map(|field| field.bit_offset), Ok(192));
    let node = btf.find(Kind::Var, "the_node").unwrap();
    assert_eq!(btf.field(node, "bits.f").map(|field| field.bit_offset), Ok(1152 + 56));
    let mut bytes = vec![0; 176];
    btf.set(node, &mut bytes, "color", &"BLUE".into()).unwrap();
    assert_eq!(btf.decode(node, &bytes).unwrap().get("color").unwrap().to_string(), "BLUE");
}

#[test]
fn paths_that_lead_nowhere() {
    place("nothing", expect!["error: there is no member `nothing`"]);
    place("inner.nothing", expect!["error: there is no member `inner.nothing`"]);
    place("inners[2]", expect!["error: there is no element `inners[2]`"]);
    place("inners.s", expect!["error: there is no member `inners.s`"]);
    place("u[0]", expect!["error: there is no element `u[0]`"]);
    place("ptr.x", expect!["error: there is no member `ptr.x`"]);
    place("matrix[1][1][0]", expect!["error: there is no element `matrix[1][1][0]`"]);
    place("no_inners[18446744073709551615]", expect!["error: type [38] is larger than 2^64 bytes"]);
    for path in [
        ".",
        ".u",
        "u.",
        "inner..s",
        "inners[",
        "inners[]",
        "inners[x]",
        "inners[-1]",
        "inners[+1]",
        "inners[1]s",
        "[",
        "]",
        "matrix[99999999999999999999]",
    ] {
        assert!(
            matches!(values().0.field(values().1, path), Err(ValueError::Path(_) | ValueError::NoMember(_))),
            "{path}"
        );
    }
}

#[test]
fn numbers_at_any_bit() {
    let field =
        |bit_offset, bit_size| FieldRef { bit_offset, bit_size, type_id: TypeId::VOID, is_bitfield: true };
    for at in 0..24 {
        for len in 0..=128 {
            for pattern in [0, u128::MAX, 0x0123_4567_89ab_cdef_0f1e_2d3c_4b5a_6978] {
                let wanted = if len == 128 { pattern } else { pattern & ((1 << len) - 1) };
                for fill in [0u8, 0xff] {
                    let mut bytes = [fill; 20];
                    field(at, len).write(&mut bytes, pattern).unwrap();
                    assert_eq!(field(at, len).read(&bytes), Some(wanted), "{at} {len}");
                    // Nothing beside it changed.
                    let before = field(0, at).read(&bytes).unwrap();
                    assert_eq!(before, if fill == 0 || at == 0 { 0 } else { (1 << at) - 1 }, "{at} {len}");
                    let after = (160 - at - len).min(128);
                    let expected = if fill == 0 || after == 0 { 0 } else { u128::MAX >> (128 - after) };
                    assert_eq!(field(at + len, after).read(&bytes), Some(expected), "{at} {len}");
                }
            }
        }
    }
    assert_eq!(field(0, 129).read(&[0; 32]), None);
    assert_eq!(field(1, 8).read(&[0]), None);
    assert_eq!(field(u64::MAX, 8).read(&[0]), None);
    assert_eq!(field(u64::MAX - 8, 8).write(&mut [0], 1), None);
}
