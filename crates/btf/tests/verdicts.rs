//! What the kernel accepts, this crate accepts: recorded verdicts of Linux 6.18 (see `data/record_verdicts.py`).
//!
//! The other way round it is more lenient, as libbpf is: the kernel also wants names that are C identifiers, no
//! names where C has none, no circles of pointers.

use std::collections::HashMap;

use skep_btf::Btf;

mod objects;
use objects::OBJECTS;

/// Stores `OFFSET=WORD`, separated by spaces.
fn patch(bytes: &mut [u8], patches: &str) {
    for (at, word) in patches.split_whitespace().filter_map(|patch| patch.split_once('=')) {
        let (at, word): (usize, u32) = (at.parse().unwrap(), word.parse().unwrap());
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
}

#[test]
fn what_the_kernel_accepts() {
    let mut bases: HashMap<&str, Vec<u8>> = HashMap::new();
    let (mut accepted, mut refused, mut refused_by_us) = (0, 0, 0);
    for line in include_str!("data/verdicts.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ');
        let (verdict, name, patches) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let original = || OBJECTS.iter().find(|o| o.name == name).unwrap().btf.to_vec();
        let mut bytes = bases.get(name).cloned().unwrap_or_else(original);
        patch(&mut bytes, patches);
        let ours = Btf::parse(&bytes);
        match verdict {
            "base" => {
                ours.unwrap();
                bases.insert(name, bytes);
            }
            "ok" => {
                accepted += 1;
                assert!(ours.is_ok(), "{line}: {}", ours.unwrap_err());
            }
            _ => {
                refused += 1;
                refused_by_us += usize::from(ours.is_err());
            }
        }
    }
    assert_eq!((accepted, refused), (1000, 240));
    // Not a rule, but much fewer would be a sign that checks are gone.
    assert!(refused_by_us > 150, "{refused_by_us}");
}
