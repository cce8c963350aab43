//! Sections that are refused, and the log of one that is not.

use super::*;
use expect_test::expect;
use skep_btf::{BtfBuilder, Def, IntEncoding, TypeId};

fn checked(bytes: &[u8]) -> (Check, String) {
    Checker::check(bytes, 1)
}

fn built(make: impl FnOnce(&mut BtfBuilder)) -> Vec<u8> {
    let mut btf = BtfBuilder::new();
    make(&mut btf);
    btf.build().unwrap().to_bytes()
}

#[test]
fn every_type_has_a_line() {
    let bytes = built(|btf| {
        let int = btf.int("int", 4, IntEncoding::Signed);
        let ptr = btf.add("", Def::Ptr(TypeId(3)));
        btf.structure("list", 16, &[("value", int, 0), ("next", ptr, 64)]);
        btf.enumeration("state", &[("IDLE", 0), ("BUSY", 1)]);
    });
    let (result, log) = checked(&bytes);
    assert_eq!(result, Ok(()));
    let (_, types) = log.split_once("btf_total_size: ").unwrap();
    let (_, types) = types.split_once('\n').unwrap();
    expect![[r#"
        [1] INT int size=4 bits_offset=0 nr_bits=32 encoding=SIGNED
        [2] PTR (anon) type_id=3
        [3] STRUCT list size=16 vlen=2
        	value type_id=1 bits_offset=0
        	next type_id=2 bits_offset=64
        [4] ENUM state size=4 vlen=2
        	IDLE val=0
        	BUSY val=1
    "#]]
    .assert_eq(types);
    assert_eq!(Checker::check(&bytes, 0).1, "");
}

#[test]
fn names_that_are_none() {
    let bytes = built(|btf| {
        btf.structure("a b", 0, &[]);
    });
    let (result, log) = checked(&bytes);
    assert_eq!(result, Err(Errno::EINVAL));
    assert!(log.ends_with("[1] STRUCT a b size=0 vlen=0 Invalid name\n"), "{log}");
}

#[test]
fn bytes_of_any_kind() {
    let good = built(|btf| {
        let int = btf.int("int", 4, IntEncoding::Signed);
        btf.structure("s", 8, &[("a", int, 0), ("b", int, 32)]);
    });
    for at in 0..good.len() {
        for byte in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = byte;
            let _ = checked(&bytes);
            let _ = checked(&bytes[..at]);
        }
    }
}
