//! How much memory a map takes in Linux 6.18 on x86-64 (`map_mem_usage` of each kind): the sizes of the kernel's
//! structs were worked out from what it says about maps of several sizes.

use skep_abi::MapType::{self, *};
use skep_abi::flags::BPF_F_MMAPABLE;
use skep_maps::{Cx, Map};

/// `BPF_F_NO_PREALLOC`.
const NO_PREALLOC: u32 = skep_abi::flags::BPF_F_NO_PREALLOC;
/// A page.
const PAGE: u64 = 4096;
/// A pointer.
const PTR: u64 = 8;
/// `struct bpf_array`, and others that are as large: `bpf_queue_stack`, `bpf_bloom_filter`.
const ARRAY: u64 = 312;
/// `struct bpf_htab`.
const HTAB: u64 = 896;
/// `struct bucket`, and `struct bpf_shtab_bucket`.
const BUCKET: u64 = 16;
/// `struct htab_elem`.
const HTAB_ELEM: u64 = 48;
/// `struct lpm_trie_node`.
const TRIE_NODE: u64 = 24;
/// Pages of a ring buffer before its data.
const RING_META: u64 = 3;

/// What a map takes, in bytes.
pub(super) fn of(map: &Map, cx: &Cx<'_>) -> u64 {
    let (spec, cpus) = (map.spec(), cx.cpus);
    let entries = u64::from(spec.max_entries);
    let (key, value) = (u64::from(spec.key_size), u64::from(spec.value_size));
    let per_cpu = value.next_multiple_of(8) * u64::from(cpus);
    match spec.kind {
        Array if spec.flags & BPF_F_MMAPABLE != 0 => {
            PAGE + (entries * value.next_multiple_of(8)).next_multiple_of(PAGE)
        }
        Array => ARRAY + entries * value.next_multiple_of(8),
        PercpuArray => ARRAY + entries * (PTR + per_cpu),
        ProgArray | PerfEventArray | CgroupArray | ArrayOfMaps => ARRAY + entries * PTR,
        Hash | PercpuHash | LruHash | LruPercpuHash | HashOfMaps => hash(map, cx),
        LpmTrie => live(map, cx) * (TRIE_NODE + key - 4 + value),
        Queue | Stack => ARRAY + (entries + 1) * value,
        BloomFilter => ARRAY + bloom_bytes(entries, spec.map_extra),
        Ringbuf | UserRingbuf => {
            let data = entries / PAGE;
            304 + (RING_META + data) * PAGE + (RING_META + 2 * data) * PTR
        }
        StackTrace => 320 + entries.next_power_of_two() * PTR + entries * (16 + value),
        Devmap => 344 + entries * PTR + live(map, cx) * 64,
        DevmapHash => 344 + entries.next_power_of_two() * PTR + live(map, cx) * 64,
        Cpumap | Xskmap => 304 + entries * PTR,
        Sockmap => 376 + entries * PTR,
        Sockhash => 384 + entries.next_power_of_two() * BUCKET,
        ReuseportSockarray => 296 + entries * PTR,
        SkStorage | InodeStorage | TaskStorage | CgrpStorage => {
            448 + u64::from(cpus.next_power_of_two().max(2)) * BUCKET
        }
        CgroupStorage | PercpuCgroupStorage => 328,
        Arena | StructOps => 0,
    }
}

/// `htab_map_mem_usage`.
fn hash(map: &Map, cx: &Cx<'_>) -> u64 {
    let (spec, cpus) = (map.spec(), u64::from(cx.cpus));
    let percpu = matches!(spec.kind, PercpuHash | LruPercpuHash);
    let lru = matches!(spec.kind, LruHash | LruPercpuHash);
    // What an element has in place: an address for values of CPUs, and for inner maps.
    let held = if percpu || spec.kind == MapType::HashOfMaps { 8 } else { u64::from(spec.value_size) };
    let elem = HTAB_ELEM + u64::from(spec.key_size).next_multiple_of(8) + held.next_multiple_of(8);
    let values = if percpu { u64::from(spec.value_size).next_multiple_of(8) * cpus } else { 0 };
    let base = HTAB + u64::from(spec.max_entries).next_power_of_two() * BUCKET;
    if spec.flags & NO_PREALLOC != 0 {
        // Elements have a list node of the allocator's before them, and values of CPUs one and their address.
        let elem = elem + PTR + if percpu { 2 * PTR + values } else { 0 };
        return base + live(map, cx) * elem;
    }
    let spare = if percpu || lru || spec.kind == HashOfMaps { 0 } else { cpus };
    let pointers = if percpu || lru { 0 } else { PTR * cpus };
    base + (u64::from(spec.max_entries) + spare) * (elem + values) + pointers
}

/// Bytes of a bloom filter's bits (`bloom_map_alloc`).
fn bloom_bytes(entries: u64, extra: u64) -> u64 {
    let hashes = match extra & 0xf {
        0 => 5,
        hashes => hashes,
    };
    let bits = entries * hashes / 5 * 7;
    match bits {
        _ if entries * hashes > u64::from(u32::MAX) || bits > 1 << 31 => 1 << 29,
        0..=64 => 8,
        bits => bits.next_power_of_two() / 8,
    }
}

/// How many elements there are.
fn live(map: &Map, cx: &Cx<'_>) -> u64 {
    let mut count = 0;
    let mut key = map.next_key(None).ok();
    while let Some(at) = key {
        // Arrays have keys of what is not there.
        count += u64::from(map.lookup_user(cx, &at).is_ok());
        key = map.next_key(Some(&at)).ok();
    }
    count
}
