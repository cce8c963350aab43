//! What the test files share.
#![allow(dead_code, reason = "every test file is its own crate and uses some of it")]

use skep_memory::{Arena, Memory, ObjectKind, Origin, Rights, Site};

pub(crate) fn memory() -> Memory {
    Memory::new().expect("address space")
}

pub(crate) fn origin(name: &str) -> Origin {
    Origin::new(ObjectKind::MapValue, name)
}

pub(crate) fn site(prog: u32, insn: u32) -> Site {
    Site { prog, insn }
}

/// A read-write object in the arena of map values.
pub(crate) fn value(memory: &Memory, size: usize) -> u64 {
    memory.alloc(Arena::Values, size, 8, Rights::RW, origin("v")).expect("room")
}

/// Addresses that no object is ever at, and those around every edge of the layout.
pub(crate) fn hostile_addresses() -> Vec<u64> {
    use skep_memory::layout::*;
    let edges = [
        0,
        LOW_LIMIT,
        PACKET_BASE,
        PACKET_BASE + PACKET_SIZE,
        1 << 31,
        1 << 32,
        1 << 47,
        1 << 63,
        VALUES_BASE,
        PAGES_BASE,
        KERNEL_BASE,
        STACK_BASE,
        HANDLE_BASE,
        TEXT_BASE,
        HIGH_LIMIT,
        u64::MAX - 4095,
        u64::MAX,
    ];
    let near = |edge: u64| {
        [0u64, 1, 7, 8, 15, 16, 4096, 32767, 32768].map(|by| [edge.wrapping_sub(by), edge.wrapping_add(by)])
    };
    edges.into_iter().flat_map(near).flatten().collect()
}

pub(crate) const HOSTILE_LENGTHS: [usize; 14] = [
    1,
    2,
    4,
    7,
    8,
    9,
    64,
    4096,
    1 << 31,
    (1 << 32) - 1,
    1 << 32,
    isize::MAX as usize,
    usize::MAX - 7,
    usize::MAX,
];
