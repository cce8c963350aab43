//! Walks over hash tables without a random seed, as Linux 6.18.44 made them with the same keys.

use skep_abi::MapType;
use skep_abi::flags::BPF_F_ZERO_SEED;
use skep_maps::{Cx, Map, MapSpec, Side};
use skep_memory::Memory;

/// Type, bytes of a key, size, the keys that were put in, and the order they came out in.
type Row = (MapType, u32, u32, &'static [u64], &'static [u64]);

const ROWS: &[Row] = &[
    (MapType::Hash, 4, 8, &[0, 1, 2, 3, 4, 5, 6, 7], &[0, 4, 7, 2, 1, 6, 5, 3]),
    (MapType::Hash, 4, 5, &[10, 20, 30, 40, 10], &[10, 30, 20, 40]),
    (MapType::Hash, 12, 8, &[1, 2, 3, 4, 5, 6], &[5, 6, 1, 4, 3, 2]),
    (MapType::Hash, 3, 16, &[9, 8, 7, 6, 5, 4, 3, 2, 1], &[4, 7, 2, 5, 6, 8, 9, 3, 1]),
    (MapType::PercpuHash, 4, 4, &[9, 8, 7, 6], &[8, 9, 6, 7]),
    (MapType::LruHash, 4, 8, &[0, 1, 2, 3, 4, 5, 2, 1], &[0, 4, 2, 1, 5, 3]),
];

#[test]
fn in_the_order_of_the_kernels_buckets() {
    let memory = Memory::new().unwrap();
    for &(kind, key_size, max, put, expected) in ROWS {
        let cx = Cx::new(&memory, 1);
        let spec = MapSpec::new(kind, key_size, 4, max).with_flags(BPF_F_ZERO_SEED);
        let mut map = Map::new(spec, &cx).unwrap();
        let bytes = |key: u64| {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&key.to_le_bytes());
            bytes[..key_size as usize].to_vec()
        };
        let value = vec![0; map.user_value_size()];
        for key in put {
            let _ = map.update(&cx, &bytes(*key), &value, 0, Side::User).unwrap();
        }
        let expected: Vec<_> = expected.iter().map(|key| bytes(*key)).collect();
        let next = |key: &Vec<u8>| map.next_key(Some(key)).ok();
        let walked: Vec<_> = std::iter::successors(map.next_key(None).ok(), next).collect();
        assert_eq!(walked, expected, "{kind} of {key_size}-byte keys");

        let mut cursor = map.cursor().unwrap();
        let mut visited = Vec::new();
        while let Some(item) = map.advance(&cx, &mut cursor) {
            visited.push(item.key().to_vec());
        }
        assert_eq!(visited, expected, "{kind}: a program's walk");

        let mut from = 0;
        let mut taken = Vec::new();
        while let Some(bucket) = map.bucket(from).unwrap_or(None) {
            taken.extend(bucket.keys);
            from = bucket.number + 1;
        }
        assert_eq!(taken, expected, "{kind}: buckets");
        assert_eq!(map.end_of_buckets(), max.next_power_of_two());
        let _ = map.destroy(&memory);
    }
}

/// Without the flag an element is a bucket of its own, and the order is that of insertion.
#[test]
fn with_a_seed_in_the_order_of_insertion() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let mut map = Map::new(MapSpec::new(MapType::Hash, 4, 4, 8), &cx).unwrap();
    for key in [5u32, 1, 9] {
        let _ = map.update(&cx, &key.to_le_bytes(), &[0; 4], 0, Side::User).unwrap();
    }
    let first = map.bucket(0).unwrap().unwrap();
    assert_eq!((first.keys, first.number), (vec![vec![5, 0, 0, 0]], 0));
    let _ = map.delete(&cx, &[1, 0, 0, 0], Side::User).unwrap();
    assert_eq!(map.bucket(1).unwrap().unwrap().keys, [[9, 0, 0, 0]]);
    assert_eq!(map.bucket(3), Err(skep_abi::Errno::ENOENT));
    assert_eq!(map.end_of_buckets(), 8);
}
