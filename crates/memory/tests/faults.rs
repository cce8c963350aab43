//! What reports say.

mod common;
use common::{memory, origin, site};
use expect_test::{Expect, expect};
use skep_memory::layout::{HANDLE_BASE, TEXT_BASE};
use skep_memory::{Access, Arena, Cause, Memory, ObjectKind, Origin, Rights};

fn check(memory: &Memory, access: Access, addr: u64, size: usize, cause: Cause, text: Expect) {
    let fault = memory.fault(addr, size, access);
    assert_eq!((fault.cause, fault.access, fault.addr, fault.size), (cause, access, addr, size), "{fault}");
    text.assert_eq(&fault.to_string());
}

use Access::{Load, Store};

#[test]
fn addresses_that_are_none() {
    let memory = memory();
    let check = |access, addr, size, cause, text| check(&memory, access, addr, size, cause, text);
    check(Load, 0, 8, Cause::Null, expect!["load of 8 bytes at 0x0: NULL pointer dereference"]);
    check(
        Store,
        24,
        1,
        Cause::Null,
        expect!["store of 1 byte at 0x18: NULL pointer dereference (NULL plus 24)"],
    );
    check(
        Load,
        0x40_0000,
        8,
        Cause::Null,
        expect![
            "load of 8 bytes at 0x400000: nothing is mapped in the lowest 16 MiB (NULL plus a large offset, or a user-space address, which is read with bpf_probe_read_user)"
        ],
    );
    check(
        Load,
        -22i64 as u64,
        8,
        Cause::ErrorPointer(22),
        expect!["load of 8 bytes at 0xffffffffffffffea: this is the error pointer for -22, not an address"],
    );
    check(
        Load,
        0x7ffd_1234_5678,
        4,
        Cause::NotAnAddress,
        expect![
            "load of 4 bytes at 0x7ffd12345678: not a kernel address (a user-space address is read with bpf_probe_read_user; a number that was cut to 32 bits is no pointer any more)"
        ],
    );
    check(
        Load,
        0xffff_8880_0000_1000,
        4,
        Cause::NotAnAddress,
        expect!["load of 4 bytes at 0xffff888000001000: not an address of this machine"],
    );
    check(
        Load,
        0x5000_0000,
        4,
        Cause::Unmapped,
        expect!["load of 4 bytes at 0x50000000: nothing is mapped there"],
    );
    check(
        Store,
        HANDLE_BASE + 64,
        8,
        Cause::Handle,
        expect![
            "store of 8 bytes at 0xfffffffffa000040: a pointer to a map or another kernel handle cannot be looked into"
        ],
    );
    check(
        Load,
        TEXT_BASE,
        8,
        Cause::Text,
        expect!["load of 8 bytes at 0xfffffffffb000000: a function pointer cannot be looked into"],
    );
}

#[test]
fn bounds() {
    let memory = memory();
    let addr = memory.alloc(Arena::Values, 12, 8, Rights::RW, origin("counts")).unwrap();
    let check = |access, addr, size, cause, text| check(&memory, access, addr, size, cause, text);
    check(
        Load,
        addr + 8,
        8,
        Cause::OutOfBounds,
        expect![[
            r#"load of 8 bytes at 0xffffffff80010008: at offset 8 of map value "counts" (12 bytes) it goes 4 bytes past the end"#
        ]],
    );
    check(
        Store,
        addr + 11,
        2,
        Cause::OutOfBounds,
        expect![[
            r#"store of 2 bytes at 0xffffffff8001000b: at offset 11 of map value "counts" (12 bytes) it goes 1 byte past the end"#
        ]],
    );
    check(
        Store,
        addr + 12,
        4,
        Cause::OutOfBounds,
        expect![[
            r#"store of 4 bytes at 0xffffffff8001000c: just past the end of map value "counts" (12 bytes)"#
        ]],
    );
    check(
        Store,
        addr + 4000,
        4,
        Cause::OutOfBounds,
        expect![[
            r#"store of 4 bytes at 0xffffffff80010fa0: 3988 bytes past the end of map value "counts" (12 bytes)"#
        ]],
    );
    check(
        Load,
        addr - 1,
        1,
        Cause::OutOfBounds,
        expect![[
            r#"load of 1 byte at 0xffffffff8000ffff: 1 byte before the start of map value "counts" (12 bytes)"#
        ]],
    );
    check(
        Load,
        addr,
        usize::MAX,
        Cause::OutOfBounds,
        expect![[
            r#"load of 18446744073709551615 bytes at 0xffffffff80010000: at offset 0 of map value "counts" (12 bytes) it goes 18446744073709551603 bytes past the end"#
        ]],
    );
    check(
        Load,
        addr + 0x10000,
        1,
        Cause::Unmapped,
        expect!["load of 1 byte at 0xffffffff80020000: nothing is mapped there"],
    );
    check(
        Load,
        addr,
        4,
        Cause::Base,
        expect![[
            r#"load of 4 bytes at 0xffffffff80010000: the address was computed from a register that does not hold a pointer (map value "counts" (12 bytes))"#
        ]],
    );
    check(
        Load,
        addr,
        3,
        Cause::Size,
        expect![[
            r#"load of 3 bytes at 0xffffffff80010000: no instruction accesses this many bytes (map value "counts" (12 bytes))"#
        ]],
    );
}

#[test]
fn rights() {
    let memory = memory();
    let alloc = |rights, kind, name: &str| {
        memory.alloc(Arena::Kernel, 64, 8, rights, Origin::new(kind, name)).unwrap()
    };
    let data = alloc(Rights::RO, ObjectKind::Data, ".rodata");
    let sink = alloc(Rights::WO, ObjectKind::MapValue, "sink");
    let task = alloc(Rights::NONE, ObjectKind::KernelObject, "task");
    let context = alloc(Rights::RO, ObjectKind::Context, "");
    let check = |access, addr, size, cause, text| check(&memory, access, addr, size, cause, text);
    check(
        Store,
        data,
        4,
        Cause::ReadOnly,
        expect![[
            r#"store of 4 bytes at 0xfffffffff0010000: data section ".rodata" (64 bytes) is read-only"#
        ]],
    );
    check(
        Load,
        sink + 4,
        4,
        Cause::NoRead,
        expect![[r#"load of 4 bytes at 0xfffffffff0010054: map value "sink" (64 bytes) is write-only"#]],
    );
    check(
        Load,
        task,
        4,
        Cause::NoAccess,
        expect![[
            r#"load of 4 bytes at 0xfffffffff00100a0: the program has no access to kernel object "task" (64 bytes)"#
        ]],
    );
    check(
        Store,
        context,
        4,
        Cause::ReadOnly,
        expect!["store of 4 bytes at 0xfffffffff00100f0: context (64 bytes) is read-only"],
    );
    check(
        Store,
        data + 62,
        4,
        Cause::OutOfBounds,
        expect![[
            r#"store of 4 bytes at 0xfffffffff001003e: at offset 62 of data section ".rodata" (64 bytes) it goes 2 bytes past the end"#
        ]],
    );
}

#[test]
fn arrays() {
    let memory = memory();
    let array = memory.alloc_array(Arena::Values, 12, 16, 10, Rights::RW, origin("a")).unwrap();
    assert!(memory.grant(array + 32));
    let check = |access, addr, size, cause, text| check(&memory, access, addr, size, cause, text);
    check(
        Load,
        array + 40,
        8,
        Cause::OutOfBounds,
        expect![[
            r#"load of 8 bytes at 0xffffffff80010028: at offset 8 of element 2 of map value "a" (12 bytes) it goes 4 bytes past the end"#
        ]],
    );
    check(
        Load,
        array + 45,
        1,
        Cause::OutOfBounds,
        expect![[
            r#"load of 1 byte at 0xffffffff8001002d: 1 byte past the end of element 2 of map value "a" (12 bytes)"#
        ]],
    );
    check(
        Load,
        array + 48,
        8,
        Cause::NotGranted,
        expect![[
            r#"load of 8 bytes at 0xffffffff80010030: element 3 of map value "a" (12 bytes) was not looked up by the program"#
        ]],
    );
    check(
        Load,
        array + 164,
        8,
        Cause::OutOfBounds,
        expect![[
            r#"load of 8 bytes at 0xffffffff800100a4: 8 bytes past the end of element 9 of map value "a" (12 bytes)"#
        ]],
    );
}

#[test]
fn life() {
    let memory = memory();
    let made = |name: &str| Origin::new(ObjectKind::Allocation, name).at(site(1, 5));
    let check = |access, addr, size, cause, text| check(&memory, access, addr, size, cause, text);
    let one = memory.alloc(Arena::Kernel, 24, 8, Rights::RW, made("node")).unwrap();
    let two = memory.alloc(Arena::Kernel, 24, 8, Rights::RW, origin("plain")).unwrap();
    check(
        Store,
        one + 24,
        1,
        Cause::OutOfBounds,
        expect![[
            r#"store of 1 byte at 0xfffffffff0010018: just past the end of allocation "node" (24 bytes); allocated by instruction 5 of program 1"#
        ]],
    );
    assert!(memory.free_at(one, Some(site(2, 9))) && memory.free(two));
    check(
        Load,
        one + 8,
        8,
        Cause::Freed,
        expect![[
            r#"load of 8 bytes at 0xfffffffff0010008: use after free, at offset 8 of allocation "node" (24 bytes); allocated by instruction 5 of program 1, freed by instruction 9 of program 2"#
        ]],
    );
    check(
        Load,
        two,
        8,
        Cause::Freed,
        expect![[
            r#"load of 8 bytes at 0xfffffffff0010030: use after free, at offset 0 of map value "plain" (24 bytes)"#
        ]],
    );

    let ring = memory
        .alloc(Arena::Pages, 4096, 4096, Rights::NONE, Origin::new(ObjectKind::Ring, "events"))
        .unwrap();
    let record = Origin::new(ObjectKind::RingRecord, "events").at(site(0, 3));
    assert!(memory.carve(ring + 8, 16, Rights::RW, record.clone()));
    check(
        Store,
        ring + 20,
        8,
        Cause::OutOfBounds,
        expect![[
            r#"store of 8 bytes at 0xffffffffd0010014: at offset 12 of ring buffer record "events" (16 bytes) it goes 4 bytes past the end; allocated by instruction 3 of program 0"#
        ]],
    );
    check(
        Store,
        ring,
        16,
        Cause::OutOfBounds,
        expect![[
            r#"store of 16 bytes at 0xffffffffd0010000: 8 bytes before the start of ring buffer record "events" (16 bytes); allocated by instruction 3 of program 0"#
        ]],
    );
    check(
        Load,
        ring,
        8,
        Cause::NoAccess,
        expect![[
            r#"load of 8 bytes at 0xffffffffd0010000: the program has no access to ring buffer "events" (4096 bytes)"#
        ]],
    );
    assert!(memory.uncarve(ring + 8, Some(site(0, 7))));
    check(
        Store,
        ring + 8,
        8,
        Cause::Freed,
        expect![[
            r#"store of 8 bytes at 0xffffffffd0010008: use after free, at offset 0 of ring buffer record "events" (16 bytes); allocated by instruction 3 of program 0, freed by instruction 7 of program 0"#
        ]],
    );
}

#[test]
fn packets() {
    let memory = memory();
    let base = memory.alloc(Arena::Packet, 512, 8, Rights::RW, Origin::new(ObjectKind::Packet, "")).unwrap();
    assert!(memory.set_extent(base, base + 256, 60));
    let check = |access, addr, size, cause, text| check(&memory, access, addr, size, cause, text);
    check(
        Load,
        base + 314,
        4,
        Cause::OutOfBounds,
        expect![
            "load of 4 bytes at 0x101013a: at offset 58 of packet (60 bytes) it goes 2 bytes past the end"
        ],
    );
    check(
        Load,
        base + 320,
        4,
        Cause::OutOfBounds,
        expect!["load of 4 bytes at 0x1010140: 4 bytes past the end of packet (60 bytes)"],
    );
    check(
        Load,
        base + 252,
        4,
        Cause::OutOfBounds,
        expect!["load of 4 bytes at 0x10100fc: 4 bytes before the start of packet (60 bytes)"],
    );
}

#[test]
fn the_kernel_asks_for_life_alone() {
    let memory = memory();
    let base = memory.alloc(Arena::Kernel, 64, 8, Rights::NONE, origin("k")).unwrap();
    let mut bytes = [0; 16];
    expect![[r#"load of 16 bytes at 0xfffffffff0010038: at offset 56 of map value "k" (64 bytes) it goes 8 bytes past the end"#]].assert_eq(&memory.peek(base + 56, &mut bytes).unwrap_err().to_string());
    expect!["store of 16 bytes at 0x8: NULL pointer dereference (NULL plus 8)"]
        .assert_eq(&memory.poke(8, &bytes).unwrap_err().to_string());
    expect![[r#"load of 8 bytes at 0xfffffffff0010004: an atomic access must be aligned to its size (map value "k" (64 bytes))"#]].assert_eq(&memory.load_acquire_u64(base + 4).unwrap_err().to_string());
}
