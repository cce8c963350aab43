//! What the simulated address space and this crate refuse, in words; and what large maps cost.

use expect_test::{Expect, expect};
use skep_abi::flags::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, BPF_F_RDONLY_PROG};
use skep_abi::{Errno, MapType};
use skep_maps::{Access, CreateClass, Cx, EMULATED, Map, MapSpec, Side, SpecialField, SpecialKind};
use skep_memory::Memory;

fn refused(spec: MapSpec, class: CreateClass, text: &Expect) {
    let memory = Memory::new().unwrap();
    let error = Map::new(spec, &Cx::new(&memory, 2)).unwrap_err();
    text.assert_eq(&error.to_string());
    assert_eq!(error.class(), class);
}

#[test]
fn refusals_say_what_is_wrong() {
    use CreateClass::{BadInput, HostLimit, NotEmulated};
    let spec = MapSpec::new;
    refused(
        spec(MapType::StructOps, 4, 8, 1),
        NotEmulated,
        &expect!["map type struct_ops is not emulated yet (EINVAL)"],
    );
    refused(
        spec(MapType::Array, 8, 8, 1),
        BadInput,
        &expect!["key_size 8: the key of array maps is a u32 (EINVAL)"],
    );
    refused(
        spec(MapType::Hash, 4, 8, 1).with_flags(BPF_F_MMAPABLE),
        BadInput,
        &expect!["flags BPF_F_MMAPABLE: not for hash maps (EINVAL)"],
    );
    refused(
        spec(MapType::LruHash, 4, 8, 1).with_flags(BPF_F_NO_PREALLOC),
        BadInput,
        &expect!["BPF_F_NO_PREALLOC: an LRU map is always preallocated (ENOTSUPP)"],
    );
    refused(
        spec(MapType::Ringbuf, 0, 0, 5000),
        BadInput,
        &expect!["max_entries 5000: the size of a ring buffer is a power of two and whole pages (EINVAL)"],
    );
    refused(
        spec(MapType::PercpuArray, 4, 40_000, 1),
        BadInput,
        &expect!["value_size 40000: a per-CPU value has at most 32768 bytes (E2BIG)"],
    );
    refused(
        spec(MapType::Array, 4, 8, u32::MAX).with_name("flows"),
        HostLimit,
        &expect![[
            r#"array map "flows": 34359738360 bytes do not fit into the simulated map value memory: its limit is 1342046208 bytes (ENOMEM)"#
        ]],
    );
    refused(
        spec(MapType::Ringbuf, 0, 0, 1 << 30).with_name("events"),
        HostLimit,
        &expect![[
            r#"ringbuf map "events": 2147491840 bytes do not fit into the simulated page memory: its limit is 536739840 bytes (ENOMEM)"#
        ]],
    );
    refused(
        spec(MapType::ProgArray, 4, 4, u32::MAX).with_name("calls"),
        HostLimit,
        &expect![[r#"prog_array map "calls": at most 268435456 slots are emulated (ENOMEM)"#]],
    );
}

#[test]
fn values_without_keys_have_a_limit() {
    refused(
        MapSpec::new(MapType::BloomFilter, 0, 8, 1 << 28).with_name("seen"),
        CreateClass::HostLimit,
        &expect![[r#"bloom_filter map "seen": sets of 64 MiB at most are emulated (ENOMEM)"#]],
    );
    let memory = Memory::new().unwrap();
    let mut queue = Map::new(MapSpec::new(MapType::Queue, 0, 4 << 20, 1000), &Cx::new(&memory, 1)).unwrap();
    let value = vec![1; 4 << 20];
    let full = (0..).find(|_| queue.push(&value, 0).is_err());
    assert_eq!((full, queue.push(&value, 0)), (Some(16), Err(Errno::ENOMEM)));
    assert!(queue.pop().is_ok() && queue.push(&value, 0).is_ok());
}

#[test]
fn special_fields_have_their_places() {
    let with = |kind, field, offset| {
        let mut spec = MapSpec::new(kind, 4, 24, 1);
        spec.special = vec![SpecialField { kind: field, offset }];
        spec
    };
    refused(
        with(MapType::PercpuHash, SpecialKind::Timer, 0),
        CreateClass::BadInput,
        &expect!["values of percpu_hash maps cannot hold a Timer (EOPNOTSUPP)"],
    );
    refused(
        with(MapType::Hash, SpecialKind::Timer, 12),
        CreateClass::BadInput,
        &expect!["Timer at offset 12 leaves the value (EINVAL)"],
    );
    refused(
        with(MapType::Array, SpecialKind::KptrRef, 0).with_flags(BPF_F_RDONLY_PROG),
        CreateClass::BadInput,
        &expect!["values with special fields cannot be read-only or write-only for programs (EACCES)"],
    );
}

/// A small map of each type.
fn small(kind: MapType) -> MapSpec {
    use MapType::*;
    match kind {
        Ringbuf | UserRingbuf => MapSpec::new(kind, 0, 0, 4096),
        Queue | Stack | BloomFilter => MapSpec::new(kind, 0, 4, 3),
        LpmTrie => MapSpec::new(kind, 8, 4, 3).with_flags(BPF_F_NO_PREALLOC),
        StackTrace => MapSpec::new(kind, 4, 8, 3),
        CgroupStorage | PercpuCgroupStorage => MapSpec::new(kind, 8, 8, 0),
        SkStorage | InodeStorage | TaskStorage | CgrpStorage => {
            MapSpec { typed: true, ..MapSpec::new(kind, 4, 8, 0).with_flags(BPF_F_NO_PREALLOC) }
        }
        Arena => MapSpec::new(kind, 0, 0, 1).with_flags(BPF_F_MMAPABLE),
        ArrayOfMaps | HashOfMaps => MapSpec::new(kind, 4, 4, 3).with_inner(MapSpec::new(Hash, 4, 4, 3)),
        _ => MapSpec::new(kind, 4, 4, 3),
    }
}

#[test]
fn every_emulated_type_can_be_made() {
    let memory = Memory::new().unwrap();
    for &kind in EMULATED {
        let map = Map::new(small(kind), &Cx::new(&memory, 3)).unwrap();
        assert_eq!(map.spec().kind, kind);
        assert!(map.destroy(&memory).is_empty());
    }
    assert!(memory.objects().is_empty());
    for kind in MapType::ALL.iter().filter(|kind| !EMULATED.contains(kind)) {
        let error = Map::new(MapSpec::new(*kind, 4, 4, 1), &Cx::new(&memory, 1)).unwrap_err();
        assert_eq!(error.class(), CreateClass::NotEmulated, "{error}");
    }
}

/// A hundred million elements cost as much as those that somebody touches.
#[test]
fn a_huge_array_is_cheap_until_it_is_touched() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 4);
    let mut map = Map::new(MapSpec::new(MapType::Array, 4, 8, 100_000_000), &cx).unwrap();
    let last = 99_999_999u32.to_le_bytes();
    assert_eq!(map.lookup_user(&cx, &last), Ok(vec![0; 8]));
    let addr = map.lookup_ptr(&cx, &last).unwrap().unwrap();
    memory.store(addr, 8, 7).unwrap();
    assert!(memory.store(addr - 8, 8, 7).is_err(), "its neighbour was not looked up");
    assert!(memory.store(addr + 8, 1, 7).is_err(), "nothing is behind the last");
    assert_eq!(map.lookup_user(&cx, &last), Ok(7u64.to_le_bytes().to_vec()));
    let _ = map.update(&cx, &last, &[1; 8], 0, Side::User).unwrap();
    assert_eq!(memory.load(addr, 8), Ok(0x0101_0101_0101_0101));
}

/// A hash map takes address space as it fills, and says -ENOMEM when there is none left.
#[test]
fn a_hash_map_fills_the_address_space_and_stays_whole() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    // An array that nobody touches leaves room for a few values.
    let rest = MapSpec::new(MapType::Array, 4, 1 << 20, 1200);
    let rest = Map::new(rest, &cx).unwrap();
    let size = 2 << 20;
    for flags in [0, BPF_F_NO_PREALLOC] {
        let mut map = Map::new(MapSpec::new(MapType::Hash, 4, size, 1000).with_flags(flags), &cx).unwrap();
        let value = vec![0; size as usize];
        let mut update = |key: u32| map.update(&cx, &key.to_le_bytes(), &value, 0, Side::User);
        let full = (0..1000).find(|&key| update(key).is_err()).unwrap();
        assert!((10..40).contains(&full), "{full} values of 2 MiB");
        assert_eq!(update(full), Err(Errno::ENOMEM));
        assert!(map.lookup_user(&cx, &0u32.to_le_bytes()).is_ok());
        assert_eq!(map.lookup_ptr(&cx, &full.to_le_bytes()), Ok(None));
        let _ = map.delete(&cx, &3u32.to_le_bytes(), Side::User).unwrap();
        assert!(
            map.update(&cx, &full.to_le_bytes(), &value, 0, Side::User).is_ok(),
            "a used slot serves again"
        );
        let _ = map.destroy(&memory);
    }
    let _ = rest.destroy(&memory);
}

#[test]
fn rights_of_programs_follow_the_flags() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let mut map = Map::new(MapSpec::new(MapType::Array, 4, 8, 1).with_flags(BPF_F_RDONLY_PROG), &cx).unwrap();
    let addr = map.value_addr(&cx, 4).unwrap();
    assert_eq!(memory.load(addr, 4), Ok(0));
    assert!(memory.store(addr, 4, 1).is_err());
    assert_eq!(map.update(&cx, &[0; 4], &[1; 8], 0, Side::Program), Err(Errno::EACCES));
    let _ = map.update(&cx, &[0; 4], &[1; 8], 0, Side::User).unwrap();
    assert!(!map.is_constant());
    map.freeze().unwrap();
    assert!(map.is_constant() && map.is_frozen());
    assert_eq!(map.freeze(), Err(Errno::EPERM));
    assert_eq!(map.user_access(Access { read: true, write: true }), Access { read: true, write: false });
}

#[test]
fn only_a_single_element_has_a_direct_address() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let addr = |kind, max, off| {
        let map = Map::new(MapSpec::new(kind, 4, 8, max), &cx).unwrap();
        map.value_addr(&cx, off)
    };
    assert!(addr(MapType::Array, 1, 7).is_ok());
    assert_eq!(addr(MapType::Array, 1, 8), Err(Errno::EINVAL));
    assert_eq!(addr(MapType::Array, 2, 0), Err(Errno::ENOTSUPP));
    assert_eq!(addr(MapType::Hash, 1, 0), Err(Errno::EINVAL));
}

/// Whoever numbers CPUs wrongly gets another CPU's values, never a panic.
#[test]
fn a_cpu_that_is_not_there_is_the_last_one() {
    let memory = Memory::new().unwrap();
    for &kind in &[MapType::Hash, MapType::PercpuHash, MapType::PercpuArray, MapType::LruHash] {
        let cx = Cx::new(&memory, 2);
        let mut map = Map::new(MapSpec::new(kind, 4, 8, 2), &cx).unwrap();
        let wrong = Cx { cpu: 77, cpus: 99, ..cx };
        let _ = map.update(&wrong, &[0; 4], &[1; 8], 0, Side::Program).unwrap();
        let _ = map.update(&wrong, &[0; 4], &[2; 8], 0, Side::Program).unwrap();
        let addr = map.lookup_ptr(&wrong, &[0; 4]).unwrap().unwrap();
        assert_eq!(memory.load(addr, 1), Ok(2));
        assert_eq!(map.lookup_ptr(&cx.on(1), &[0; 4]).unwrap(), Some(addr));
    }
}
