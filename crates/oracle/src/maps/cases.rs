//! The sequences to record, one file for each sort of map.

mod arrays;
mod create;
mod hashes;
mod keyless;
mod lpm;
mod lru;
mod nested;
mod random;
mod rings;
mod slots;
mod targets;

use super::{Case, Field, Spec};

/// `BPF_MAP_TYPE_*` and `BPF_F_*` of the sequences, under shorter names.
mod names {
    use skep_abi::MapType;

    pub(super) const HASH: u32 = MapType::Hash as u32;
    pub(super) const ARRAY: u32 = MapType::Array as u32;
    pub(super) const PROG_ARRAY: u32 = MapType::ProgArray as u32;
    pub(super) const PERF_EVENT_ARRAY: u32 = MapType::PerfEventArray as u32;
    pub(super) const PERCPU_HASH: u32 = MapType::PercpuHash as u32;
    pub(super) const PERCPU_ARRAY: u32 = MapType::PercpuArray as u32;
    pub(super) const LRU_HASH: u32 = MapType::LruHash as u32;
    pub(super) const STACK_TRACE: u32 = MapType::StackTrace as u32;
    pub(super) const CGROUP_ARRAY: u32 = MapType::CgroupArray as u32;
    pub(super) const LRU_PERCPU_HASH: u32 = MapType::LruPercpuHash as u32;
    pub(super) const LPM_TRIE: u32 = MapType::LpmTrie as u32;
    pub(super) const ARRAY_OF_MAPS: u32 = MapType::ArrayOfMaps as u32;
    pub(super) const HASH_OF_MAPS: u32 = MapType::HashOfMaps as u32;
    pub(super) const QUEUE: u32 = MapType::Queue as u32;
    pub(super) const STACK: u32 = MapType::Stack as u32;
    pub(super) const BLOOM_FILTER: u32 = MapType::BloomFilter as u32;
    pub(super) const DEVMAP: u32 = MapType::Devmap as u32;
    pub(super) const DEVMAP_HASH: u32 = MapType::DevmapHash as u32;
    pub(super) const CPUMAP: u32 = MapType::Cpumap as u32;
    pub(super) const XSKMAP: u32 = MapType::Xskmap as u32;
    pub(super) const SOCKMAP: u32 = MapType::Sockmap as u32;
    pub(super) const SOCKHASH: u32 = MapType::Sockhash as u32;
    pub(super) const REUSEPORT_SOCKARRAY: u32 = MapType::ReuseportSockarray as u32;
    pub(super) const CGROUP_STORAGE: u32 = MapType::CgroupStorage as u32;
    pub(super) const PERCPU_CGROUP_STORAGE: u32 = MapType::PercpuCgroupStorage as u32;
    pub(super) const SK_STORAGE: u32 = MapType::SkStorage as u32;
    pub(super) const TASK_STORAGE: u32 = MapType::TaskStorage as u32;
    pub(super) const RINGBUF: u32 = MapType::Ringbuf as u32;
    pub(super) use skep_abi::flags::{
        BPF_F_NO_COMMON_LRU as NO_COMMON_LRU, BPF_F_NO_PREALLOC as NO_PREALLOC, BPF_F_ZERO_SEED as ZERO_SEED,
    };
}

/// All sequences.
pub fn cases() -> Vec<Case> {
    [
        create::cases(),
        arrays::cases(),
        hashes::cases(),
        lru::cases(),
        slots::cases(),
        rings::cases(),
        random::cases(),
        lpm::cases(),
        nested::cases(),
        keyless::cases(),
        targets::cases(),
    ]
    .concat()
}

/// A map without flags.
fn spec(kind: u32, key: u32, value: u32, max: u32) -> Spec {
    Spec { kind, key, value, max, ..Spec::default() }
}

/// The same map with a `struct bpf_spin_lock` in its values.
fn locked(spec: Spec, at: u32) -> Spec {
    Spec { field: Some(Field { kind: "bpf_spin_lock", size: 4, at }), ..spec }
}

/// A sequence; commands are lines of `steps`.
fn case(name: &str, spec: Spec, steps: &str) -> Case {
    let steps = steps.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_string).collect();
    Case { name: name.to_string(), spec, steps }
}

/// A `u32` key in hexadecimal.
fn key(number: u32) -> String {
    super::hex(&number.to_le_bytes())
}

/// `len` bytes that start with `number`.
fn value(number: u64, len: usize) -> String {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(len, 0xee);
    super::hex(&bytes)
}
