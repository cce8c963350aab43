//! Whatever happens to an object, the parser answers, and with no more than the file justifies.

mod common;

use proptest::prelude::*;
use skep_object::{MAX_ZEROED, Object};

/// Bytes that an object holds, roughly: what a parser could be made to blow up.
fn weight(object: &Object) -> usize {
    let programs: usize = object
        .programs
        .iter()
        .map(|it| {
            let records = it.relocs.len() + it.lines.len() + it.core_relos.len() + it.func_info.len();
            it.name.len() + it.section.len() + it.size() + records * 16
        })
        .sum();
    let maps: usize = object.maps.iter().map(|it| it.name.len() + it.values.len() * 16 + 64).sum();
    let data: usize = object
        .data
        .iter()
        .map(|it| it.bytes.len() + it.vars.iter().map(|var| var.name.len() + 64).sum::<usize>())
        .sum();
    let externs: usize = object.externs.iter().map(|it| it.name.len() + 64).sum();
    programs + maps + data + externs
}

/// Parses, and if that works, does with the result what users do.
fn exercise(bytes: &[u8]) {
    match Object::parse(bytes) {
        Ok(object) => {
            let zeroed: usize = object
                .data
                .iter()
                .filter(|it| it.bytes.iter().all(|&b| b == 0))
                .map(|it| it.bytes.len())
                .sum();
            assert!(zeroed as u64 <= MAX_ZEROED + bytes.len() as u64);
            assert!(weight(&object) - zeroed <= 32 * bytes.len() + (1 << 17), "out of proportion");
            let _ = common::summary(&object);
        }
        Err(error) => {
            assert!(!error.reason().is_empty() && !error.advice().is_empty());
            assert!(error.to_string().len() < 8192 + error.section.len(), "{error}");
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    common::objects().iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Changes that leave more of the structure alone than random bytes do.
#[derive(Clone, Debug)]
enum Change {
    Byte(prop::sample::Index, u8),
    Bit(prop::sample::Index, u8),
    Word(prop::sample::Index, u32),
    Long(prop::sample::Index, u64),
    Copy(prop::sample::Index, prop::sample::Index, usize),
    Truncate(prop::sample::Index),
}

/// Numbers that overflow, or just fit.
fn number() -> impl Strategy<Value = u64> {
    let edges =
        vec![0, 1, 2, 7, 8, 0x40, 0xff, 0xff00, 0xffff, 0x10000, 0x7fff_ffff, 0xffff_ffff, 1 << 32, 1 << 62];
    prop_oneof![
        prop::sample::select(edges),
        any::<u64>(),
        (0u64..64).prop_map(|it| u64::MAX - it),
        0u64..4096
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        4 => (at(), 0u8..8).prop_map(|(at, bit)| Change::Bit(at, bit)),
        4 => (at(), number()).prop_map(|(at, word)| Change::Word(at, word as u32)),
        4 => (at(), number()).prop_map(|(at, long)| Change::Long(at, long)),
        2 => (at(), at(), 1usize..64).prop_map(|(from, to, len)| Change::Copy(from, to, len)),
        1 => at().prop_map(Change::Truncate),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let len = bytes.len();
    let mut put = |at: usize, new: &[u8]| {
        let end = (at + new.len()).min(len);
        bytes[at..end].copy_from_slice(&new[..end - at]);
    };
    match *change {
        Change::Byte(at, byte) => put(at.index(len), &[byte]),
        // Tables have fields of 4 and 8 bytes at such places.
        Change::Word(at, word) => put(at.index(len) & !3, &word.to_le_bytes()),
        Change::Long(at, long) => put(at.index(len) & !7, &long.to_le_bytes()),
        Change::Bit(at, bit) => bytes[at.index(len)] ^= 1 << bit,
        Change::Copy(from, to, count) => {
            let (from, to) = (from.index(len), to.index(len));
            let count = count.min(len - from.max(to));
            bytes.copy_within(from..from + count, to);
        }
        Change::Truncate(at) => bytes.truncate(at.index(len)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_objects(seed in any::<prop::sample::Index>(), changes in prop::collection::vec(change(), 1..8)) {
        let seeds = seeds();
        let mut bytes = seed.get(&seeds).clone();
        for change in &changes {
            apply(&mut bytes, change);
        }
        exercise(&bytes);
    }

    /// The tables decide most: the header, and the section headers and symbols at the end.
    #[test]
    fn changed_tables(
        seed in any::<prop::sample::Index>(),
        header in any::<bool>(),
        places in prop::collection::vec((any::<prop::sample::Index>(), number(), 0usize..4), 1..4),
    ) {
        let seeds = seeds();
        let mut bytes = seed.get(&seeds).clone();
        let tail = bytes.len() * 2 / 3;
        for (at, number, width) in places {
            let at = if header { at.index(64) } else { tail + at.index(bytes.len() - tail) };
            let new = &number.to_le_bytes()[..1 << width];
            let end = (at + new.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&new[..end - at]);
        }
        exercise(&bytes);
    }

    #[test]
    fn random_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..512), ident in any::<bool>()) {
        if ident && bytes.len() >= 6 {
            bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        }
        exercise(&bytes);
    }
}

#[test]
fn every_truncation_of_a_small_object() {
    let bytes = common::read("counter");
    for len in 0..bytes.len() {
        let error = Object::parse(&bytes[..len]).expect_err("the section table is at the end");
        assert!(error.section.is_empty(), "{len}: {error}");
    }
}

#[test]
fn every_byte_of_a_small_object() {
    let bytes = common::read("counter");
    for at in 0..bytes.len() {
        for value in [0, 0x7f, 0xff, bytes[at] ^ 1] {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            exercise(&bytes);
        }
    }
}
