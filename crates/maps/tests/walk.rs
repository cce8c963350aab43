//! A walk that the map changes under: every element that was there, and stays until it is reached, is seen once.

use proptest::prelude::*;
use skep_abi::MapType;
use skep_maps::{Cursor, Cx, Map, MapSpec, Side};
use skep_memory::Memory;

/// What happens between two steps of a walk.
#[derive(Clone, Debug)]
enum Op {
    Insert(u32),
    Delete(u32),
    /// Deletes the element that the walk has just shown.
    DeleteCurrent,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![4 => (0..40u32).prop_map(Op::Insert), 3 => (0..40u32).prop_map(Op::Delete), 2 => Just(Op::DeleteCurrent)]
}

/// Keys in the order of the walk, and whether they were there when it began.
struct Model(Vec<(u32, bool)>);

impl Model {
    fn insert(&mut self, key: u32, early: bool) {
        if self.0.iter().all(|it| it.0 != key) {
            self.0.push((key, early));
        }
    }

    fn delete(&mut self, key: u32) {
        self.0.retain(|it| it.0 != key);
    }
}

proptest! {
    #[test]
    fn a_walk_survives_every_change(
        kind in prop::sample::select(&[MapType::Hash, MapType::PercpuHash][..]),
        before in prop::collection::vec(0..40u32, 0..60),
        rounds in prop::collection::vec(prop::collection::vec(op(), 0..6), 1..60),
    ) {
        let memory = Memory::new().unwrap();
        let cx = Cx::new(&memory, 2);
        let mut map = Map::new(MapSpec::new(kind, 4, 8, 64), &cx).unwrap();
        let mut model = Model(Vec::new());
        for key in before {
            let _ = map.update(&cx, &key.to_le_bytes(), &[0; 8], 0, Side::Program).unwrap();
            model.insert(key, true);
        }
        let mut cursor = map.cursor().unwrap();
        let mut expected: Vec<u32> = Vec::new();
        let mut seen = Vec::new();
        for ops in &rounds {
            // The walk is kept as two words, as a machine with a pending callback keeps it.
            cursor = Cursor::from_words(cursor.to_words());
            let shown = map.advance(&cx, &mut cursor).map(|item| u32::from_le_bytes(item.key().try_into().unwrap()));
            expected.extend(model.0.iter().find(|it| it.1 && !expected.contains(&it.0)).map(|it| it.0));
            seen.extend(shown);
            prop_assert_eq!(&seen, &expected);
            for op in ops {
                let (key, insert) = match *op {
                    Op::Insert(key) => (key, true),
                    Op::Delete(key) => (key, false),
                    Op::DeleteCurrent => (shown.unwrap_or(0), false),
                };
                if insert {
                    let _ = map.update(&cx, &key.to_le_bytes(), &[1; 8], 0, Side::Program).unwrap();
                    model.insert(key, false);
                } else {
                    let _ = map.delete(&cx, &key.to_le_bytes(), Side::Program);
                    model.delete(key);
                }
            }
        }
    }
}

/// A program that adds an element for each it sees does not walk for ever, not even through an LRU map.
#[test]
fn a_walk_ends_though_it_adds_elements() {
    for kind in [MapType::Hash, MapType::LruHash] {
        let memory = Memory::new().unwrap();
        let cx = Cx::new(&memory, 1);
        let mut map = Map::new(MapSpec::new(kind, 4, 4, 1000), &cx).unwrap();
        for key in 0..10u32 {
            let _ = map.update(&cx, &key.to_le_bytes(), &[0; 4], 0, Side::User).unwrap();
        }
        let (mut cursor, mut steps) = (map.cursor().unwrap(), 0);
        while map.advance(&cx, &mut cursor).is_some() {
            steps += 1;
            let _ = map.update(&cx, &(100 + steps as u32).to_le_bytes(), &[0; 4], 0, Side::User).unwrap();
        }
        assert_eq!(steps, 10, "{kind}");
    }
}

#[test]
fn deleting_the_first_key_until_none_is_left_is_linear() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let mut map = Map::new(MapSpec::new(MapType::Hash, 4, 8, 200_000), &cx).unwrap();
    for key in 0..200_000u32 {
        let _ = map.update(&cx, &key.to_le_bytes(), &[0; 8], 0, Side::User).unwrap();
    }
    let mut count = 0;
    while let Ok(key) = map.next_key(None) {
        let _ = map.delete(&cx, &key, Side::User).unwrap();
        count += 1;
    }
    assert_eq!(count, 200_000);
}
