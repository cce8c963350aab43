//! Maps against models: prefixes by trying every one, queues by a list, targets and LRU by what they promise.

use std::collections::{BTreeMap, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;
use skep_abi::flags::{BPF_ANY, BPF_EXIST, BPF_F_NO_PREALLOC, BPF_NOEXIST};
use skep_abi::{Errno, MapType};
use skep_maps::{Cx, Map, MapSpec, ObjRef, Side};
use skep_memory::Memory;

/// The first bits of some data, the others 0.
fn masked(data: [u8; 2], bits: u32) -> u16 {
    let number = u16::from_be_bytes(data);
    if bits == 0 { 0 } else { number >> (16 - bits) << (16 - bits) }
}

#[derive(Clone, Debug)]
enum Step {
    Update(u32, [u8; 2], u8, u64),
    Delete(u32, [u8; 2]),
    Lookup(u32, [u8; 2]),
    Walk,
}

fn prefix() -> impl Strategy<Value = (u32, [u8; 2])> {
    // Few distinct bits, so that prefixes meet.
    (0u32..=18, prop::sample::select(vec![0x0000u16, 0x8000, 0xc000, 0xffff, 0x0001, 0x8001, 0xaaaa]))
        .prop_map(|(bits, data)| (bits, data.to_be_bytes()))
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (prefix(), any::<u8>(), 0u64..4).prop_map(|((bits, data), value, flags)| Step::Update(bits, data, value, flags)),
        3 => prefix().prop_map(|(bits, data)| Step::Delete(bits, data)),
        4 => prefix().prop_map(|(bits, data)| Step::Lookup(bits, data)),
        1 => Just(Step::Walk),
    ]
}

/// Prefixes with values, in no particular form.
#[derive(Default)]
struct Prefixes(BTreeMap<(u32, u16), u8>);

impl Prefixes {
    fn longest(&self, bits: u32, data: [u8; 2]) -> Option<u8> {
        (0..=bits.min(16)).rev().find_map(|len| self.0.get(&(len, masked(data, len))).copied())
    }

    fn update(&mut self, bits: u32, data: [u8; 2], value: u8, flags: u64, max: usize) -> Result<(), Errno> {
        if flags > BPF_EXIST || bits > 16 {
            return Err(Errno::EINVAL);
        }
        let key = (bits, masked(data, bits));
        match (self.0.contains_key(&key), flags) {
            (true, BPF_NOEXIST) => return Err(Errno::EEXIST),
            (false, BPF_EXIST) => return Err(Errno::ENOENT),
            (false, _) if self.0.len() == max => return Err(Errno::ENOSPC),
            _ => {}
        }
        self.0.insert(key, value);
        Ok(())
    }

    /// Postorder: what a prefix contains comes before it, and 0 before 1.
    fn order(&self) -> Vec<(u32, u16)> {
        let mut keys: Vec<_> = self.0.keys().copied().collect();
        // The last address of a prefix, then the longer one first.
        keys.sort_by_key(|(bits, data)| {
            let rest = if *bits == 0 { u16::MAX } else { u16::MAX.checked_shr(*bits).unwrap_or(0) };
            (data | rest, std::cmp::Reverse(*bits))
        });
        keys
    }
}

fn key(bits: u32, data: [u8; 2]) -> Vec<u8> {
    [&bits.to_le_bytes()[..], &data].concat()
}

fn walk(map: &Map) -> Vec<Vec<u8>> {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    while let Ok(next) = map.next_key(keys.last().map(Vec::as_slice)) {
        keys.push(next);
    }
    keys
}

fn tries_are_like_the_model(steps: &[Step], max: u32) {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let spec = MapSpec::new(MapType::LpmTrie, 6, 1, max).with_flags(BPF_F_NO_PREALLOC);
    let mut map = Map::new(spec, &cx).unwrap();
    let mut model = Prefixes::default();
    for step in steps {
        match *step {
            Step::Update(bits, data, value, flags) => {
                let ours = map.update(&cx, &key(bits, data), &[value], flags, Side::Program).map(drop);
                assert_eq!(ours, model.update(bits, data, value, flags, max as usize), "{step:?}");
            }
            Step::Delete(bits, data) => {
                let expected = match bits {
                    17.. => Err(Errno::EINVAL),
                    _ => model.0.remove(&(bits, masked(data, bits))).map(drop).ok_or(Errno::ENOENT),
                };
                assert_eq!(map.delete(&cx, &key(bits, data), Side::User).map(drop), expected, "{step:?}");
            }
            Step::Lookup(bits, data) => {
                let found = map.lookup_ptr(&cx, &key(bits, data)).unwrap();
                let found = found.map(|addr| memory.load(addr, 1).unwrap() as u8);
                let expected = if bits > 16 { None } else { model.longest(bits, data) };
                assert_eq!(found, expected, "{step:?}");
            }
            Step::Walk => {}
        }
        let keys = walk(&map);
        let plain = |key: &Vec<u8>| {
            let bits = u32::from_le_bytes(key[..4].try_into().unwrap());
            (bits, masked([key[4], key[5]], bits))
        };
        assert_eq!(keys.iter().map(plain).collect::<Vec<_>>(), model.order(), "{step:?}");
    }
    assert!(map.destroy(&memory).is_empty() && memory.objects().is_empty());
}

fn queues_are_like_the_model(steps: &[(u8, u8, u64)], stack: bool) {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let kind = if stack { MapType::Stack } else { MapType::Queue };
    let mut map = Map::new(MapSpec::new(kind, 0, 1, 3), &cx).unwrap();
    let mut model: VecDeque<u8> = VecDeque::new();
    for &(what, value, flags) in steps {
        let next = if stack { model.back() } else { model.front() };
        let next = next.map(|it| vec![*it]).ok_or(Errno::ENOENT);
        match what {
            0 => assert_eq!(map.peek(&cx), next),
            1 => {
                assert_eq!(map.pop(), next);
                let _ = if stack { model.pop_back() } else { model.pop_front() };
            }
            2 => {
                assert_eq!(map.take_user(&cx, &[], 0).map(|it| it.0), next);
                let _ = if stack { model.pop_back() } else { model.pop_front() };
            }
            _ => {
                let expected = match flags {
                    BPF_ANY if model.len() == 3 => Err(Errno::E2BIG),
                    BPF_ANY | BPF_EXIST => Ok(()),
                    _ => Err(Errno::EINVAL),
                };
                if expected.is_ok() {
                    if model.len() == 3 {
                        model.pop_front();
                    }
                    model.push_back(value);
                }
                let ours = match what % 2 {
                    0 => map.push(&[value], flags),
                    _ => map.update(&cx, &[], &[value], flags, Side::User).map(drop),
                };
                assert_eq!(ours, expected);
            }
        }
        assert_eq!(map.values_in_order().map(|it| it.len()), Some(model.len()));
    }
}

/// Maps of handles never lose one: what went in is held, or came out.
fn handles_are_never_lost(steps: &[(u8, u8, u64)], kind: MapType) {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let mut spec = MapSpec::new(kind, 4, 4, 3);
    if let MapType::ArrayOfMaps | MapType::HashOfMaps = kind {
        spec = spec.with_inner(MapSpec::new(MapType::Hash, 4, 4, 1));
    }
    let mut map = Map::new(spec, &cx).unwrap();
    let mut inside: BTreeMap<u8, ObjRef> = BTreeMap::new();
    for (number, &(what, at, flags)) in steps.iter().enumerate() {
        let key = u32::from(at).to_le_bytes();
        let object = ObjRef(number as u32 + 1);
        let displaced = match what {
            0 => map.delete(&cx, &key, Side::User),
            _ => map.check_hold(&key, flags).and_then(|()| map.hold(&key, object, flags)),
        };
        let old = inside.get(&at).copied();
        if let Ok(displaced) = displaced {
            assert_eq!(displaced.objects, old.into_iter().collect::<Vec<_>>());
            match what {
                0 => inside.remove(&at),
                _ => inside.insert(at, object),
            };
        }
        assert_eq!(map.held(&key), inside.get(&at).copied());
    }
    let mut left = map.destroy(&memory).objects;
    left.sort_unstable();
    let mut expected: Vec<ObjRef> = inside.into_values().collect();
    expected.sort_unstable();
    assert_eq!(left, expected);
}

/// Values of owners: as a hash without a limit, whose replaced values stay readable.
fn owners_are_like_a_hash(steps: &[(u8, u8, u64)]) {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let spec = MapSpec::new(MapType::TaskStorage, 4, 1, 0).with_flags(BPF_F_NO_PREALLOC);
    let mut map = Map::new(MapSpec { typed: true, ..spec }, &cx).unwrap();
    let mut model: BTreeMap<u64, u8> = BTreeMap::new();
    for &(what, value, flags) in steps {
        let owner = u64::from(value % 4) + 0x1000;
        let there = model.contains_key(&owner);
        let before = map.local().unwrap().get(owner);
        if what == 0 {
            let expected = model.remove(&owner).map(drop).ok_or(Errno::ENOENT);
            assert_eq!(map.disown(&cx, owner).map(drop), expected);
        } else {
            let expected = match (there, flags) {
                (_, 3..) => Err(Errno::EINVAL),
                (true, BPF_NOEXIST) => Err(Errno::EEXIST),
                (false, BPF_EXIST) => Err(Errno::ENOENT),
                _ => Ok(()),
            };
            assert_eq!(map.own(&cx, owner, Some(&[value]), flags).map(drop), expected);
            if expected.is_ok() {
                if let (Some(before), Some(old)) = (before, model.get(&owner)) {
                    assert_eq!(memory.load(before, 1), Ok(u64::from(*old)), "the old value");
                }
                model.insert(owner, value);
            }
        }
        let shown = map.owned(&cx, owner).ok().map(|it| it[0]);
        assert_eq!(shown, model.get(&owner).copied());
    }
    assert_eq!(map.local().unwrap().owners().count(), model.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn tries(steps in vec(step(), 1..60), max in 1u32..12) {
        tries_are_like_the_model(&steps, max);
    }

    #[test]
    fn queues(steps in vec((0u8..7, any::<u8>(), 0u64..4), 1..60), stack: bool) {
        queues_are_like_the_model(&steps, stack);
    }

    #[test]
    fn handles(steps in vec((0u8..4, 0u8..5, 0u64..4), 1..60), kind in prop::sample::select(vec![
        MapType::ArrayOfMaps, MapType::HashOfMaps, MapType::CgroupArray, MapType::Sockmap, MapType::Sockhash,
        MapType::ReuseportSockarray, MapType::Xskmap,
    ])) {
        handles_are_never_lost(&steps, kind);
    }

    #[test]
    fn owners(steps in vec((0u8..4, any::<u8>(), 0u64..4), 1..60)) {
        owners_are_like_a_hash(&steps);
    }
}
