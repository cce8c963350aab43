//! Special fields: copies leave them alone, user space sees zeroes, and what they own comes back exactly once.

use skep_abi::flags::{BPF_EXIST, BPF_F_LOCK, BPF_F_NO_PREALLOC};
use skep_abi::{Errno, MapType};
use skep_maps::{Cx, Displaced, FieldRef, Map, MapSpec, ObjRef, Side, SpecialField, SpecialKind};
use skep_memory::Memory;

/// A value of 40 bytes: plain 0..8, a kptr 8..16, plain 16..20, a spin lock 20..24, a timer 24..40.
const KPTR: SpecialField = SpecialField { kind: SpecialKind::KptrRef, offset: 8 };
const LOCK: SpecialField = SpecialField { kind: SpecialKind::SpinLock, offset: 20 };
const TIMER: SpecialField = SpecialField { kind: SpecialKind::Timer, offset: 24 };

fn map(memory: &Memory, kind: MapType, flags: u32, special: &[SpecialField], max: u32) -> Map {
    let mut spec = MapSpec::new(kind, 4, 40, max).with_flags(flags);
    spec.special = special.to_vec();
    Map::new(spec, &Cx::new(memory, 2)).unwrap()
}

/// As a kernel function would: puts handles into the fields of a value.
fn own(memory: &Memory, value: u64, handle: u64) {
    memory.poke_u64(value + 8, handle).unwrap();
    memory.poke_u64(value + 24, handle + 1).unwrap();
    memory.poke_u64(value + 32, handle + 2).unwrap();
}

/// What [`own`] put in, coming out.
fn owned(value: u64, handle: u64) -> Vec<FieldRef> {
    vec![
        FieldRef { kind: SpecialKind::KptrRef, addr: value + 8, words: [handle, 0] },
        FieldRef { kind: SpecialKind::Timer, addr: value + 24, words: [handle + 1, handle + 2] },
    ]
}

fn key(number: u32) -> [u8; 4] {
    number.to_le_bytes()
}

#[test]
fn an_update_replaces_plain_bytes_and_frees_the_fields() {
    for (kind, flags) in
        [(MapType::Array, 0), (MapType::Hash, 0), (MapType::Hash, BPF_F_NO_PREALLOC), (MapType::LruHash, 0)]
    {
        let memory = Memory::new().unwrap();
        let cx = Cx::new(&memory, 2);
        let special: &[SpecialField] =
            if kind == MapType::LruHash { &[TIMER, KPTR] } else { &[TIMER, KPTR, LOCK] };
        let mut map = map(&memory, kind, flags, special, 4);
        assert_eq!(map.update(&cx, &key(1), &[0xff; 40], 0, Side::User), Ok(Displaced::NONE));
        let value = map.lookup_ptr(&cx, &key(1)).unwrap().unwrap();
        own(&memory, value, 70);

        let seen = map.lookup_user(&cx, &key(1)).unwrap();
        assert_eq!(seen[8..16], [0; 8], "{kind}: user space does not see the pointer");
        assert_eq!((seen[0..8].to_vec(), seen[24..40].to_vec()), (vec![0xff; 8], vec![0; 16]), "{kind}");

        let gone = map.update(&cx, &key(1), &[0xee; 40], BPF_EXIST, Side::Program).unwrap();
        assert_eq!(gone.fields, owned(value, 70), "{kind}");
        assert_eq!(memory.peek_u64(value + 8), Ok(0), "{kind}: the old value does not keep it");
        let now = map.lookup_ptr(&cx, &key(1)).unwrap().unwrap();
        assert_eq!(memory.peek_u64(now), Ok(0xeeee_eeee_eeee_eeee));
        assert_eq!((memory.peek_u64(now + 8), memory.peek_u64(now + 24)), (Ok(0), Ok(0)), "{kind}");
        assert!(map.destroy(&memory).is_empty());
    }
}

#[test]
fn deletion_eviction_and_the_end_of_the_map_hand_everything_back() {
    for kind in [MapType::Hash, MapType::LruHash] {
        let memory = Memory::new().unwrap();
        let cx = Cx::new(&memory, 2);
        let mut map = map(&memory, kind, 0, &[KPTR, TIMER], 2);
        for number in [1, 2] {
            let _ = map.update(&cx, &key(number), &[1; 40], 0, Side::Program).unwrap();
            own(&memory, map.lookup_ptr(&cx, &key(number)).unwrap().unwrap(), 100 * u64::from(number));
        }
        let value = map.lookup_ptr(&cx, &key(1)).unwrap().unwrap();
        assert_eq!(map.delete(&cx, &key(1), Side::User).unwrap().fields, owned(value, 100), "{kind}");
        let value = map.lookup_ptr(&cx, &key(2)).unwrap().unwrap();
        assert_eq!(map.destroy(&memory).fields, owned(value, 200), "{kind}");
    }
}

/// `BPF_NOEXIST` on an existing key fails, but the LRU has evicted another key by then. What that key owned comes with
/// the next success.
#[test]
fn what_a_failed_update_evicted_is_not_lost() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let mut spec = MapSpec::new(MapType::LruHash, 4, 40, 2);
    spec.special = vec![KPTR, TIMER];
    let mut map = Map::new(spec, &cx).unwrap();
    for number in [1, 2] {
        let _ = map.update(&cx, &key(number), &[1; 40], 0, Side::User).unwrap();
    }
    let mut cursor = map.cursor().unwrap();
    let oldest = map.advance(&cx, &mut cursor).unwrap();
    assert_eq!(oldest.key(), key(1));
    let value = oldest.value;
    own(&memory, value, 9);
    assert_eq!(map.update(&cx, &key(2), &[2; 40], 1, Side::User), Err(Errno::EEXIST));
    assert_eq!(map.lookup_ptr(&cx, &key(1)), Ok(None), "evicted");
    assert_eq!(map.update(&cx, &key(3), &[3; 40], 0, Side::User).unwrap().fields, owned(value, 9));
}

#[test]
fn a_per_cpu_value_has_fields_on_every_cpu() {
    for kind in [MapType::PercpuHash, MapType::PercpuArray] {
        let memory = Memory::new().unwrap();
        let cx = Cx::new(&memory, 2);
        let mut map = map(&memory, kind, 0, &[KPTR], 2);
        let _ = map.update(&cx, &key(1), &[1; 80], 0, Side::User).unwrap();
        let values = [0, 1].map(|cpu| map.lookup_percpu(&cx, &key(1), cpu).unwrap().unwrap());
        for value in values {
            memory.poke_u64(value + 8, value).unwrap();
        }
        let gone = map.update(&cx.on(1), &key(1), &[2; 40], 0, Side::Program).unwrap();
        assert_eq!(gone.fields.len(), 1, "{kind}: a program replaces its own CPU's value");
        assert_eq!(gone.fields[0].words[0], values[1]);
        let seen = map.lookup_user(&cx, &key(1)).unwrap();
        assert_eq!((seen[0], seen[8], seen[40], seen[48]), (1, 0, 2, 0), "{kind}");
        assert_eq!(map.destroy(&memory).fields.len(), 1, "{kind}");
    }
}

/// Under its lock a value changes in place, and its fields stay.
#[test]
fn a_locked_update_is_in_place() {
    for kind in [MapType::Hash, MapType::Array] {
        let memory = Memory::new().unwrap();
        let cx = Cx::new(&memory, 2);
        let mut map = map(&memory, kind, 0, &[LOCK], 2);
        let _ = map.update(&cx, &key(1), &[1; 40], 0, Side::User).unwrap();
        let value = map.lookup_ptr(&cx, &key(1)).unwrap();
        let _ = map.update(&cx, &key(1), &[2; 40], BPF_F_LOCK | BPF_EXIST, Side::Program).unwrap();
        assert_eq!(map.lookup_ptr(&cx, &key(1)).unwrap(), value);
        let seen = map.lookup_with(&cx, &key(1), BPF_F_LOCK).unwrap();
        assert_eq!((seen[19], seen[20], seen[24]), (2, 0, 2), "{kind}");
        assert_eq!(map.freeze(), Err(Errno::ENOTSUPP));
    }
}

#[test]
fn slots_hand_their_handles_back() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 2);
    for kind in [MapType::ProgArray, MapType::PerfEventArray] {
        let mut map = Map::new(MapSpec::new(kind, 4, 4, 2000), &cx).unwrap();
        assert_eq!(map.set_object(1999, ObjRef(5), 0), Ok(Displaced::NONE));
        assert_eq!(map.set_object(1999, ObjRef(6), 0).unwrap().objects, [ObjRef(5)]);
        assert_eq!((map.object(1999), map.object(0), map.object(2000)), (Some(ObjRef(6)), None, None));
        assert_eq!(map.set_object(2000, ObjRef(7), 0), Err(Errno::E2BIG));
        assert_eq!(map.set_object(0, ObjRef(7), 1), Err(Errno::EINVAL));
        let _ = map.set_object(3, ObjRef(8), 0).unwrap();
        assert_eq!(map.objects().collect::<Vec<_>>(), [(3, ObjRef(8)), (1999, ObjRef(6))]);
        assert_eq!(map.delete(&cx, &key(3), Side::User).unwrap().objects, [ObjRef(8)]);
        assert_eq!(map.take_object(3), Err(Errno::ENOENT));
        assert_eq!(map.take_object(2000), Err(Errno::E2BIG));
        // A program reaches slots by tail calls and outputs alone.
        assert_eq!(map.lookup_ptr(&cx, &key(1999)), Err(Errno::EOPNOTSUPP));
        assert_eq!(map.update(&cx, &key(1999), &[0; 4], 0, Side::Program), Err(Errno::EOPNOTSUPP));
        assert_eq!(map.cursor(), Err(Errno::EINVAL));
        assert_eq!(map.destroy(&memory).objects, [ObjRef(6)]);
    }
}

#[test]
fn other_types_have_no_slots() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let mut map = Map::new(MapSpec::new(MapType::Array, 4, 4, 1), &cx).unwrap();
    assert_eq!(map.check_set(0, 0), Err(Errno::EOPNOTSUPP));
    assert_eq!(map.set_object(0, ObjRef(1), 0), Err(Errno::EOPNOTSUPP));
    assert_eq!((map.object(0), map.objects().count(), map.ring().is_none()), (None, 0, true));
}
