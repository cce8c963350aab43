//! Random operations on every type with elements, on several CPUs and from both sides, against a model that is a
//! sorted map of plain bytes.

mod model_map;

use model_map::{Kind, Model};
use proptest::prelude::*;
use skep_abi::Errno;
use skep_abi::flags::BPF_F_NO_PREALLOC;
use skep_maps::{Cx, Map, MapSpec, Side};
use skep_memory::Memory;

/// One operation; keys are small numbers, values one repeated byte.
#[derive(Clone, Debug)]
enum Op {
    Update { key: u32, byte: u8, flags: u64, side: Side },
    Delete { key: u32, side: Side },
    Take { key: u32 },
    Lookup { key: u32 },
    Percpu { key: u32, cpu: u32 },
    Read { key: u32 },
    Next { key: Option<u32> },
    Walk,
    BadLength { key: usize, value: usize },
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Program), Just(Side::User)]
}

/// Mostly known flags.
fn flags() -> impl Strategy<Value = u64> {
    prop_oneof![6 => Just(0u64), 3 => Just(1), 3 => Just(2), 1 => Just(3), 1 => Just(4), 1 => any::<u64>()]
}

fn op(keys: u32) -> impl Strategy<Value = (u32, Op)> {
    let key = 0..keys;
    let op = prop_oneof![
        8 => (key.clone(), any::<u8>(), flags(), side()).prop_map(|(key, byte, flags, side)| Op::Update { key, byte, flags, side }),
        3 => (key.clone(), side()).prop_map(|(key, side)| Op::Delete { key, side }),
        1 => key.clone().prop_map(|key| Op::Take { key }),
        3 => key.clone().prop_map(|key| Op::Lookup { key }),
        1 => (key.clone(), 0..6u32).prop_map(|(key, cpu)| Op::Percpu { key, cpu }),
        3 => key.clone().prop_map(|key| Op::Read { key }),
        2 => prop::option::of(key).prop_map(|key| Op::Next { key }),
        1 => Just(Op::Walk),
        1 => (0..24usize, 0..64usize).prop_map(|(key, value)| Op::BadLength { key, value }),
    ];
    (0..4u32, op)
}

/// A kind of map with sizes and CPUs.
fn shape() -> impl Strategy<Value = (Kind, MapSpec, u32)> {
    let kinds = prop::sample::select(Kind::ALL);
    let keys = prop::sample::select(&[1u32, 3, 4, 8, 11, 16][..]);
    (kinds, keys, 1..20u32, 1..8u32, prop::bool::ANY, 1..=4u32).prop_map(
        |(kind, key, value, max, lazy, cpus)| {
            let key = if kind.is_array() { 4 } else { key };
            let flags = if lazy && kind.is_hash() { BPF_F_NO_PREALLOC } else { 0 };
            (kind, MapSpec::new(kind.map_type(), key, value, max).with_flags(flags), cpus)
        },
    )
}

fn key_bytes(spec: &MapSpec, key: u32) -> Vec<u8> {
    let mut bytes = key.to_le_bytes().to_vec();
    bytes.resize(spec.key_size as usize, 0x5a);
    bytes
}

/// Both sides of a comparison.
struct Pair {
    memory: Memory,
    map: Map,
    model: Model,
    cpus: u32,
}

impl Pair {
    fn step(&mut self, cpu: u32, op: &Op) -> Result<(), TestCaseError> {
        let cx = Cx::new(&self.memory, self.cpus).on(cpu % self.cpus);
        let spec = self.map.spec().clone();
        let bytes = |key| key_bytes(&spec, key);
        match *op {
            Op::Update { key, byte, flags, side } => {
                let value = vec![byte; self.map.value_len(side)];
                let ours = self
                    .map
                    .update(&cx, &bytes(key), &value, flags, side)
                    .map(|gone| assert!(gone.is_empty()));
                prop_assert_eq!(ours, self.model.update(cx.cpu, &bytes(key), &value, flags, side));
            }
            Op::Delete { key, side } => {
                let ours = self.map.delete(&cx, &bytes(key), side).map(|gone| assert!(gone.is_empty()));
                prop_assert_eq!(ours, self.model.delete(&bytes(key)));
            }
            Op::Take { key } => {
                let ours = self.map.take_user(&cx, &bytes(key), 0).map(|(value, _)| value);
                prop_assert_eq!(
                    ours.map(|it| self.bare(it)),
                    self.model.take(&bytes(key)).map(|it| self.bare(it))
                );
            }
            Op::Lookup { key } => {
                let ours = self.map.lookup_ptr(&cx, &bytes(key)).unwrap().map(|addr| self.load(addr));
                prop_assert_eq!(ours, self.model.value_on(cx.cpu, &bytes(key)));
            }
            Op::Percpu { key, cpu } => {
                let ours = self
                    .map
                    .lookup_percpu(&cx, &bytes(key), cpu)
                    .map(|addr| addr.map(|addr| self.load(addr)));
                prop_assert_eq!(ours, self.model.percpu(cpu, &bytes(key)));
            }
            Op::Read { key } => {
                let ours = self.map.lookup_user(&cx, &bytes(key)).map(|it| self.bare(it));
                prop_assert_eq!(ours, self.model.read(&bytes(key)).map(|it| self.bare(it)));
            }
            Op::Next { key } => {
                let key = key.map(bytes);
                prop_assert_eq!(self.map.next_key(key.as_deref()), self.model.next_key(key.as_deref()));
            }
            Op::Walk => self.walk(&cx)?,
            Op::BadLength { key, value } => {
                bad_length(&mut self.map, &cx, &vec![0; key], &vec![0; value])?;
            }
        }
        Ok(())
    }

    /// What a program reads: it may load every byte of the value and no other.
    fn load(&self, addr: u64) -> Vec<u8> {
        let mut value = vec![0; self.map.spec().value_size as usize];
        self.memory.read(addr, &mut value).unwrap();
        assert!(
            self.memory.read(addr, &mut vec![0; value.len() + 1]).is_err(),
            "a byte past the value is readable"
        );
        value
    }

    /// Without the padding of per-CPU values: a new element shows what its slot held before, as in the kernel.
    fn bare(&self, mut value: Vec<u8>) -> Vec<u8> {
        let size = self.map.spec().value_size as usize;
        value
            .chunks_mut(size.next_multiple_of(8))
            .for_each(|it| it.iter_mut().skip(size).for_each(|byte| *byte = 0));
        value
    }

    fn walk(&self, cx: &Cx<'_>) -> Result<(), TestCaseError> {
        let mut cursor = self.map.cursor().unwrap();
        let mut seen = Vec::new();
        while let Some(item) = self.map.advance(cx, &mut cursor) {
            seen.push((item.key().to_vec(), self.load(item.value)));
        }
        prop_assert_eq!(seen, self.model.walk(cx.cpu));
        Ok(())
    }
}

/// A key or value of another length is refused by everything.
fn bad_length(map: &mut Map, cx: &Cx<'_>, key: &[u8], value: &[u8]) -> Result<(), TestCaseError> {
    if key.len() != map.spec().key_size as usize {
        prop_assert_eq!(map.lookup_ptr(cx, key), Err(Errno::EINVAL));
        prop_assert_eq!(map.lookup_user(cx, key), Err(Errno::EINVAL));
        prop_assert_eq!(map.delete(cx, key, Side::User).err(), Some(Errno::EINVAL));
        prop_assert_eq!(map.next_key(Some(key)), Err(Errno::EINVAL));
    }
    for side in [Side::User, Side::Program] {
        if value.len() != map.value_len(side) {
            let key = vec![0; map.spec().key_size as usize];
            prop_assert_eq!(map.update(cx, &key, value, 0, side).err(), Some(Errno::EINVAL));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn elements_are_those_of_the_model(
        (kind, spec, cpus) in shape(),
        ops in prop::collection::vec(op(10), 1..120),
    ) {
        let memory = Memory::new().unwrap();
        let map = Map::new(spec.clone(), &Cx::new(&memory, cpus)).unwrap();
        let mut pair = Pair { memory, map, model: Model::new(kind, &spec, cpus), cpus };
        for (cpu, op) in &ops {
            pair.step(*cpu, op)?;
        }
        let Pair { memory, map, .. } = pair;
        prop_assert!(map.destroy(&memory).is_empty());
        prop_assert!(memory.objects().is_empty(), "memory was left behind");
    }

    /// An LRU map is a cache: which keys are left is the kernel's business (and replayed elsewhere), what they hold is
    /// not.
    #[test]
    fn an_lru_map_holds_what_was_stored_last(
        max in 1..40u32,
        own_lists in prop::bool::ANY,
        cpus in 1..=4u32,
        ops in prop::collection::vec((0..4u32, 0..60u32, any::<u8>(), 0..8u8), 1..400),
    ) {
        let memory = Memory::new().unwrap();
        let spec = MapSpec::new(skep_abi::MapType::LruHash, 4, 8, max).with_flags(if own_lists { 2 } else { 0 });
        let mut map = Map::new(spec, &Cx::new(&memory, cpus)).unwrap();
        let max = map.spec().max_entries;
        let mut stored = std::collections::BTreeMap::new();
        for (cpu, key, byte, what) in ops {
            let cx = Cx::new(&memory, cpus).on(cpu % cpus);
            let bytes = key.to_le_bytes();
            match what {
                0 => { let _ = map.delete(&cx, &bytes, Side::User); stored.remove(&key); }
                1 => { let _ = map.lookup_ptr(&cx, &bytes); }
                _ => {
                    let flags = u64::from(what % 3);
                    match map.update(&cx, &bytes, &[byte; 8], flags, Side::Program) {
                        Ok(_) => { stored.insert(key, byte); }
                        Err(error) => prop_assert!(
                            (flags == 1 && error == Errno::EEXIST) || (flags == 2 && error == Errno::ENOENT),
                            "flags {flags}: {error}"
                        ),
                    }
                }
            }
            let mut left = 0;
            let mut cursor = map.cursor().unwrap();
            while let Some(item) = map.advance(&cx, &mut cursor) {
                let key = u32::from_le_bytes(item.key().try_into().unwrap());
                prop_assert_eq!(memory.load(item.value, 1).unwrap(), u64::from(stored[&key]));
                left += 1;
            }
            prop_assert!(left <= max, "{left} of {max}");
            if what > 1 {
                let here = map.lookup_user(&cx, &bytes).is_ok();
                prop_assert!(here || what % 3 == 2, "the key just stored is gone");
            }
        }
    }
}
