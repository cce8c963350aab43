//! Creation: every type against sizes, limits and each flag.

use super::super::{Case, Field, Spec};
use super::names::*;
use super::spec;

/// Every type with a shape that the kernel accepts.
const GOOD: [(&str, u32, u32, u32, u32, u32); 28] = [
    ("hash", HASH, 4, 8, 4, 0),
    ("array", ARRAY, 4, 8, 4, 0),
    ("prog_array", PROG_ARRAY, 4, 4, 4, 0),
    ("perf_event_array", PERF_EVENT_ARRAY, 4, 4, 4, 0),
    ("percpu_hash", PERCPU_HASH, 4, 8, 4, 0),
    ("percpu_array", PERCPU_ARRAY, 4, 8, 4, 0),
    ("lru_hash", LRU_HASH, 4, 8, 4, 0),
    ("ringbuf", RINGBUF, 0, 0, 4096, 0),
    ("lru_percpu_hash", LRU_PERCPU_HASH, 4, 8, 4, 0),
    ("lpm_trie", LPM_TRIE, 8, 8, 4, NO_PREALLOC),
    ("array_of_maps", ARRAY_OF_MAPS, 4, 4, 4, 0),
    ("hash_of_maps", HASH_OF_MAPS, 4, 4, 4, 0),
    ("queue", QUEUE, 0, 8, 4, 0),
    ("stack", STACK, 0, 8, 4, 0),
    ("bloom_filter", BLOOM_FILTER, 0, 8, 4, 0),
    ("stack_trace", STACK_TRACE, 4, 16, 4, 0),
    ("cgroup_array", CGROUP_ARRAY, 4, 4, 4, 0),
    ("devmap", DEVMAP, 4, 4, 4, 0),
    ("devmap_hash", DEVMAP_HASH, 4, 8, 4, 0),
    ("cpumap", CPUMAP, 4, 4, 4, 0),
    ("xskmap", XSKMAP, 4, 4, 4, 0),
    ("sockmap", SOCKMAP, 4, 4, 4, 0),
    ("sockhash", SOCKHASH, 4, 8, 4, 0),
    ("reuseport_sockarray", REUSEPORT_SOCKARRAY, 4, 8, 4, 0),
    ("cgroup_storage", CGROUP_STORAGE, 8, 8, 0, 0),
    ("percpu_cgroup_storage", PERCPU_CGROUP_STORAGE, 16, 8, 0, 0),
    ("sk_storage", SK_STORAGE, 4, 8, 0, NO_PREALLOC),
    ("task_storage", TASK_STORAGE, 4, 8, 0, NO_PREALLOC),
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, kind, key, value, max, flags) in GOOD {
        let inner = matches!(kind, ARRAY_OF_MAPS | HASH_OF_MAPS).then(|| Box::new(spec(HASH, 4, 8, 4)));
        let typed = matches!(kind, SK_STORAGE | TASK_STORAGE);
        let good = Spec { flags, inner, typed, ..spec(kind, key, value, max) };
        let mut add = |what: &str, spec: Spec| {
            cases.push(Case { name: format!("create {name}: {what}"), spec, steps: Vec::new() });
        };
        add("plain", good.clone());
        // Bit 16 makes the kernel look at a token descriptor first; there is none.
        for bit in (0..21).filter(|bit| *bit != 16) {
            add(&format!("flag bit {bit}"), Spec { flags: flags | 1 << bit, ..good.clone() });
        }
        if flags != 0 {
            add("without its flag", Spec { flags: 0, ..good.clone() });
        }
        for (what, more) in [("read-only and write-only", 0x18), ("neither way for programs", 0x180)] {
            add(what, Spec { flags: flags | more, ..good.clone() });
        }
        for numa in [1, 64, u32::MAX] {
            add(&format!("NUMA node {numa}"), Spec { flags: flags | 4, numa, ..good.clone() });
        }
        add("a node without its flag", Spec { numa: 7, ..good.clone() });
        add("map_extra", Spec { extra: 1, ..good.clone() });
        for size in [0, 1, 3, 5, 8, 512, 513] {
            add(&format!("key_size {size}"), Spec { key: size, ..good.clone() });
        }
        for size in [0, 1, 7, 4097, 32760, 32761, 32768, 32769] {
            add(&format!("value_size {size}"), Spec { value: size, ..good.clone() });
        }
        for size in [1 << 22, i32::MAX as u32, 1 << 31, u32::MAX - 6, u32::MAX] {
            add(
                &format!("value_size {size}, one element"),
                Spec { value: size, max: max.min(1), ..good.clone() },
            );
        }
        for max in [0, 1, 2048, 4095, 4096, 6144, 8192, 12288, 65536] {
            add(&format!("max_entries {max}"), Spec { max, ..good.clone() });
        }
    }
    cases.extend(limits());
    cases
}

/// Limits that one type alone has.
fn limits() -> Vec<Case> {
    let flagged = |kind, key, value, max, flags| Spec { flags, ..spec(kind, key, value, max) };
    let rows = [
        ("hash: the largest element", flagged(HASH, 8, (4 << 20) - 48 - 8 - 1, 1, NO_PREALLOC)),
        ("hash: one byte more", flagged(HASH, 8, (4 << 20) - 48 - 8, 1, NO_PREALLOC)),
        ("hash: key and value overflow", flagged(HASH, u32::MAX, u32::MAX, 1, NO_PREALLOC)),
        ("hash: the most buckets and one more", flagged(HASH, 4, 4, (1 << 27) + 1, NO_PREALLOC)),
        ("hash: 2^31 elements", flagged(HASH, 4, 4, 1 << 31, NO_PREALLOC)),
        ("hash: 2^32 - 1 elements", flagged(HASH, 4, 4, u32::MAX, NO_PREALLOC)),
        ("lru_hash: 2^28 elements", flagged(LRU_HASH, 4, 4, 1 << 28, 0)),
        ("lru_hash: lists for each CPU and a node", flagged(LRU_HASH, 4, 4, 4, NO_COMMON_LRU | 4)),
        ("lru_hash: lists for each CPU, odd", flagged(LRU_HASH, 4, 4, 3, NO_COMMON_LRU)),
        ("lru_hash: not preallocated, nothing else right", flagged(LRU_HASH, 0, 0, 0, NO_PREALLOC)),
        ("hash: seed 0, not preallocated", flagged(HASH, 4, 4, 4, NO_PREALLOC | ZERO_SEED)),
        ("percpu_hash: the largest value", flagged(PERCPU_HASH, 4, 32768, 1, NO_PREALLOC)),
        ("percpu_hash: one byte more", flagged(PERCPU_HASH, 4, 32769, 1, NO_PREALLOC)),
        ("array: mmapable, read-only for programs", flagged(ARRAY, 4, 8, 1, 0x480)),
        ("array: inner and mmapable", flagged(ARRAY, 4, 8, 1, 0x1400)),
        ("perf_event_array: events stay, read-only fd", flagged(PERF_EVENT_ARRAY, 4, 4, 2, 0x808)),
        ("ringbuf: a node", flagged(RINGBUF, 0, 0, 4096, 4)),
        ("no type 0", spec(0, 4, 4, 4)),
        ("no type 99", spec(99, 4, 4, 4)),
    ];
    let mut cases: Vec<Case> =
        rows.map(|(name, spec)| Case { name: format!("create {name}"), spec, steps: Vec::new() }).into();
    cases.extend(fields());
    cases
}

/// Special fields: their homes, and that they exclude rights of programs, `BPF_F_LOCK` (but for spin locks) and
/// freezing.
fn fields() -> Vec<Case> {
    let homes = [
        ("hash", HASH),
        ("array", ARRAY),
        ("sk_storage", SK_STORAGE),
        ("lru_percpu_hash", LRU_PERCPU_HASH),
        ("percpu_hash", PERCPU_HASH),
        ("percpu_array", PERCPU_ARRAY),
        ("lru_hash", LRU_HASH),
    ];
    let kinds = [
        ("bpf_spin_lock", 4),
        ("bpf_res_spin_lock", 4),
        ("bpf_timer", 16),
        ("bpf_wq", 16),
        ("bpf_task_work", 8),
        ("bpf_refcount", 4),
    ];
    let mut cases = Vec::new();
    for (name, home) in homes {
        for (kind, size) in kinds {
            for flags in [0, 0x80, 0x100] {
                let field = Some(Field { kind, size, at: 8 });
                let spec = match home {
                    SK_STORAGE => Spec { field, flags: NO_PREALLOC | flags, ..spec(home, 4, 24, 0) },
                    _ => Spec { field, flags, ..spec(home, 4, 24, 4) },
                };
                let steps = if home == SK_STORAGE { vec!["u0 freeze".to_string()] } else { with_field(home) };
                let name = format!("create {name}: {kind}, flags {flags:#x}");
                cases.push(Case { name, spec, steps });
            }
        }
    }
    cases
}

/// What is done to a map with a special field.
fn with_field(home: u32) -> Vec<String> {
    let copies = if matches!(home, PERCPU_HASH | PERCPU_ARRAY | LRU_PERCPU_HASH) { 2 } else { 1 };
    let value = "01020304".repeat(6 * copies);
    let mut steps = ["0", "4", "1"].map(|flags| format!("u0 update 01000000 {value} {flags}")).to_vec();
    steps.extend(["u0 freeze", "u0 walk"].map(str::to_string));
    steps
}
