//! Sequences of map calls: nothing panics, and plain hash maps and arrays do what a model does.

use std::collections::BTreeMap;

use skep_abi::flags::{BPF_ANY, BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST};
use skep_abi::{Errno, MapType};
use skep_maps::{Cx, Map, MapSpec, Side};
use skep_memory::Memory;

use super::input::Input;

/// Calls of one sequence.
const MOST: usize = 400;
const CPUS: u32 = 3;

/// Makes a map and calls it as the bytes say.
pub fn maps(bytes: &[u8]) {
    let input = &mut Input::new(bytes);
    let memory = Memory::new().expect("the host has room for a window");
    let cx = Cx::new(&memory, CPUS);
    let spec = spec(input);
    let Ok(mut map) = Map::new(spec, &cx) else { return };
    let mut model = Model::of(&map);
    for _ in 0..MOST {
        if input.is_empty() {
            break;
        }
        let cx = cx.on(input_cpu(input));
        call(input, &cx, &mut map, model.as_mut());
    }
    if let Some(model) = &model {
        model.check_walk(&map, &cx);
    }
    let _ = map.destroy(&memory);
}

fn input_cpu(input: &mut Input<'_>) -> u32 {
    input.below(CPUS as usize) as u32
}

fn spec(input: &mut Input<'_>) -> MapSpec {
    let kind = input.pick(skep_maps::EMULATED);
    let is_sensible = input.below(4) != 0;
    let key_size = match kind {
        MapType::Hash | MapType::LruHash | MapType::PercpuHash | MapType::LruPercpuHash => {
            1 + input.below(12) as u32
        }
        MapType::Ringbuf => 0,
        _ => 4,
    };
    let value_size = if kind == MapType::Ringbuf { 0 } else { 1 + input.below(40) as u32 };
    let max_entries = if kind == MapType::Ringbuf { 4096 } else { 1 + input.below(12) as u32 };
    let spec = MapSpec::new(kind, key_size, value_size, max_entries);
    if is_sensible {
        return spec;
    }
    // Anything, but no map so large that filling it takes long.
    let odd =
        MapSpec::new(kind, input.below(600) as u32, input.below(5000) as u32, input.below(70_000) as u32);
    odd.with_flags(u32::from_le_bytes(input.array()) & 0xffff)
}

/// A key of few values, so that calls meet.
fn key(input: &mut Input<'_>, map: &Map) -> Vec<u8> {
    let mut key = vec![0; map.spec().key_size as usize];
    if let Some(first) = key.first_mut() {
        *first = input.byte() % 16;
    }
    key
}

fn flags(input: &mut Input<'_>) -> u64 {
    match input.below(5) {
        0 | 1 => BPF_ANY,
        2 => BPF_NOEXIST,
        3 => BPF_EXIST,
        _ => u64::from(input.byte()),
    }
}

fn call(input: &mut Input<'_>, cx: &Cx<'_>, map: &mut Map, model: Option<&mut Model>) {
    let side = input.pick(&[Side::User, Side::Program]);
    let key = key(input, map);
    match input.below(8) {
        0..=2 => {
            let value = input.bytes(map.value_len(side).min(64));
            let value = [value, vec![0; map.value_len(side).saturating_sub(64)]].concat();
            let flags = flags(input);
            let found = map.update(cx, &key, &value, flags, side).map(drop);
            if let Some(model) = model {
                assert_eq!(found, model.update(&key, value, flags, side), "update {key:x?} flags {flags}");
            }
        }
        3 => {
            let found = map.delete(cx, &key, side).map(drop);
            if let Some(model) = model {
                assert_eq!(found, model.delete(&key), "delete {key:x?}");
            }
        }
        4 | 5 => {
            let user = map.lookup_user(cx, &key);
            let address = map.lookup_ptr(cx, &key);
            if let Some(model) = model {
                assert_eq!(user, model.lookup(&key), "lookup {key:x?}");
                let seen = address.expect("programs can look up").map(|address| peek(cx, address, map));
                assert_eq!(seen, model.lookup(&key).ok(), "lookup by a program {key:x?}");
            }
        }
        6 => walk(map, cx),
        _ => other(input, cx, map, &key, model.is_some()),
    }
}

fn peek(cx: &Cx<'_>, address: u64, map: &Map) -> Vec<u8> {
    let mut value = vec![0; map.spec().value_size as usize];
    cx.memory.peek(address, &mut value).expect("a value is readable");
    value
}

/// No walk is longer than the map.
fn walk(map: &Map, cx: &Cx<'_>) {
    let Ok(mut cursor) = map.cursor() else { return };
    let mut count = 0;
    while let Some(item) = map.advance(cx, &mut cursor) {
        assert_eq!(item.key().len(), map.spec().key_size as usize);
        count += 1;
        assert!(count <= map.spec().max_entries, "a walk of {count}");
    }
}

/// Calls that no model answers for. With a model only those that change nothing.
fn other(input: &mut Input<'_>, cx: &Cx<'_>, map: &mut Map, key: &[u8], has_model: bool) {
    let _ = map.next_key(Some(key));
    let _ = map.lookup_percpu(cx, key, input_cpu(input));
    let _ = map.value_addr(cx, input.byte().into());
    let _ = map.lookup_with(cx, key, input.byte().into());
    // A key or value of a wrong size.
    assert!(map.update(cx, &[key, &[0]].concat(), &[], 0, Side::User).is_err());
    if has_model {
        return;
    }
    let _ = map.take_user(cx, key, 0);
    let Some(ring) = map.ring() else { return };
    let size = u64::from(u16::from_le_bytes(input.array()));
    if let Ok(record) = ring.reserve(cx.memory, size, 0, None) {
        // A record may be empty.
        assert_eq!(cx.memory.store(record, 1, 7).is_ok(), size > 0);
        assert!(ring.commit(cx.memory, record, 0, input.below(2) == 1).is_ok());
    }
    let _ = ring.output(cx.memory, &input.bytes(20), 0);
    if input.below(2) == 1 {
        let _ = ring.consume(cx.memory);
    } else if input.below(16) == 15 {
        // User space can write anything there.
        let _ = ring.set_consumer_pos(cx.memory, u64::from_le_bytes(input.array()));
    }
}

/// What a plain hash map or array holds.
struct Model {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    is_array: bool,
    max_entries: usize,
}

impl Model {
    /// The model of a map that has one.
    fn of(map: &Map) -> Option<Model> {
        let spec = map.spec();
        let is_array = spec.kind == MapType::Array;
        if !(is_array || spec.kind == MapType::Hash) || spec.flags != 0 {
            return None;
        }
        let max_entries = spec.max_entries as usize;
        let zero = vec![0; spec.value_size as usize];
        let indices = 0..if is_array { spec.max_entries } else { 0 };
        let entries = indices.map(|index| (index.to_le_bytes().to_vec(), zero.clone())).collect();
        Some(Model { entries, is_array, max_entries })
    }

    fn lookup(&self, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.entries.get(key).cloned().ok_or(Errno::ENOENT)
    }

    fn update(&mut self, key: &[u8], value: Vec<u8>, flags: u64, side: Side) -> Result<(), Errno> {
        let is_there = self.entries.contains_key(key);
        match flags {
            // bpf(2) looks for a lock first.
            _ if side == Side::User && flags & BPF_F_LOCK != 0 => return Err(Errno::EINVAL),
            _ if flags & !BPF_F_LOCK > BPF_EXIST => return Err(Errno::EINVAL),
            // An array looks at the index, and whether it is asked for a new element, before it looks for a lock.
            _ if self.is_array && !is_there => return Err(Errno::E2BIG),
            _ if self.is_array && flags & BPF_NOEXIST != 0 => return Err(Errno::EEXIST),
            _ if flags & BPF_F_LOCK != 0 => return Err(Errno::EINVAL),
            BPF_NOEXIST if is_there => return Err(Errno::EEXIST),
            BPF_EXIST if !is_there => return Err(Errno::ENOENT),
            _ if !is_there && self.entries.len() >= self.max_entries => return Err(Errno::E2BIG),
            _ => {}
        }
        self.entries.insert(key.to_vec(), value);
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        if self.is_array {
            return Err(Errno::EINVAL);
        }
        self.entries.remove(key).map(drop).ok_or(Errno::ENOENT)
    }

    /// Walking by `next_key` meets every key once.
    fn check_walk(&self, map: &Map, cx: &Cx<'_>) {
        let mut met = BTreeMap::new();
        let mut key = map.next_key(None);
        while let Ok(at) = key {
            let value = map.lookup_user(cx, &at).expect("a key of the walk is there");
            key = map.next_key(Some(&at));
            assert_eq!(met.insert(at, value), None, "a key twice");
        }
        assert_eq!(met, self.entries);
    }
}
