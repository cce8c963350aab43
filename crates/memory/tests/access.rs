//! Accesses of programs and of the kernel, to the byte.

mod common;
use common::{HOSTILE_LENGTHS, hostile_addresses, memory, origin, value};
use skep_memory::{Access, Arena, Cause, Memory, Rights};

#[test]
fn a_memory_may_move_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    let memory = memory();
    is_send(&memory);
    let addr = value(&memory, 8);
    memory.store(addr, 8, 7).unwrap();
    let memory = std::thread::spawn(move || {
        memory.store(addr, 4, 8).unwrap();
        memory
    });
    assert_eq!(memory.join().unwrap().load(addr, 8), Ok(8));
}

#[test]
fn every_arena_hands_out_zeroed_aligned_objects_in_its_range() {
    let memory = memory();
    for arena in Arena::ALL {
        for align in [1, 8, 16, 64, 4096, 1 << 20] {
            let addr = memory.alloc(arena, 100, align, Rights::RW, origin("a")).unwrap();
            assert!(addr.is_multiple_of(align as u64) && addr.is_multiple_of(8), "{addr:#x} {align}");
            assert!(arena.contains(addr) && arena.contains(addr + 99));
            let mut bytes = [1; 100];
            memory.read(addr, &mut bytes).unwrap();
            assert_eq!(bytes, [0; 100]);
        }
    }
}

#[test]
fn bounds_are_exact_for_every_size_and_offset() {
    for len in [0usize, 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 127] {
        let memory = memory();
        let addr = value(&memory, len);
        for offset in -16..=(len as i64 + 16) {
            for size in [1usize, 2, 4, 8] {
                let at = addr.wrapping_add_signed(offset);
                let inside = offset >= 0 && offset as usize + size <= len;
                assert_eq!(memory.load(at, size).is_ok(), inside, "load {size} at {offset} of {len}");
                assert_eq!(memory.store(at, size, 0).is_ok(), inside, "store {size} at {offset} of {len}");
            }
        }
    }
}

#[test]
fn ranges_are_exact() {
    for len in [1usize, 7, 8, 9, 63, 64, 65, 71, 72, 73, 128, 137, 200, 1000] {
        let memory = memory();
        let addr = value(&memory, len);
        for start in (0..10).chain(len.saturating_sub(10)..len + 2) {
            for count in (0..80).chain(len.saturating_sub(90)..len + 3) {
                let inside = count == 0 || start + count <= len;
                let mut bytes = vec![1; count];
                let at = addr + start as u64;
                assert_eq!(memory.read(at, &mut bytes).is_ok(), inside, "{count} at {start} of {len}");
                assert!(!inside || bytes.iter().all(|byte| *byte == 0));
                assert_eq!(memory.write(at, &vec![0; count]).is_ok(), inside);
                assert_eq!(memory.check_read(at, count).is_ok(), inside);
                assert_eq!(memory.check_write(at, count).is_ok(), inside);
                // Nothing else is near: the kernel sees no more than the program.
                assert_eq!(memory.peek(at, &mut bytes).is_ok(), inside);
            }
        }
    }
}

#[test]
fn numbers_are_little_endian_and_need_no_alignment() {
    let memory = memory();
    let addr = value(&memory, 16);
    memory.write(addr, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).unwrap();
    assert_eq!(memory.load(addr + 1, 1), Ok(0x02));
    assert_eq!(memory.load(addr + 1, 2), Ok(0x0302));
    assert_eq!(memory.load(addr + 1, 4), Ok(0x0504_0302));
    assert_eq!(memory.load(addr + 1, 8), Ok(0x0908_0706_0504_0302));
    assert_eq!(memory.peek_u32(addr + 1), Ok(0x0504_0302));
    assert_eq!(memory.peek_u64(addr + 1), Ok(0x0908_0706_0504_0302));
    memory.store(addr + 3, 2, 0xffff_aabb).unwrap();
    memory.poke_u32(addr + 9, 0x1122_3344).unwrap();
    memory.poke_u64(addr + 8, 0x99aa_bbcc_ddee_ff00).unwrap();
    let mut bytes = [0; 16];
    memory.read(addr, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2, 3, 0xbb, 0xaa, 6, 7, 8, 0, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99]);
}

#[test]
fn only_sizes_of_instructions_are_loaded() {
    let memory = memory();
    let addr = value(&memory, 64);
    for size in [0, 3, 5, 6, 7] {
        assert_eq!(memory.load(addr, size).unwrap_err().cause, Cause::Size, "{size}");
        assert_eq!(memory.store(addr, size, 0).unwrap_err().cause, Cause::Size, "{size}");
    }
    assert!(memory.load(addr, 16).is_err() && memory.load(addr, usize::MAX).is_err());
}

#[test]
fn rights_bind_programs_and_not_the_kernel() {
    let memory = memory();
    for (rights, load, store) in [
        (Rights::NONE, false, false),
        (Rights::RO, true, false),
        (Rights::WO, false, true),
        (Rights::RW, true, true),
    ] {
        let addr = memory.alloc(Arena::Kernel, 40, 8, rights, origin("r")).unwrap();
        check_rights(&memory, addr, load, store);
        for (rights, load, store) in
            [(Rights::RW, true, true), (Rights::RO, true, false), (Rights::NONE, false, false)]
        {
            assert!(memory.set_rights(addr, rights));
            check_rights(&memory, addr, load, store);
        }
    }
}

fn check_rights(memory: &Memory, addr: u64, load: bool, store: bool) {
    for (offset, size) in [(0, 8), (39, 1), (36, 4)] {
        assert_eq!(memory.load(addr + offset, size).is_ok(), load);
        assert_eq!(memory.store(addr + offset, size, 0).is_ok(), store);
    }
    assert_eq!(memory.read(addr, &mut [0; 40]).is_ok(), load);
    assert_eq!(memory.write(addr, &[0; 40]).is_ok(), store);
    memory.peek(addr, &mut [0; 40]).unwrap();
    memory.poke(addr, &[0; 40]).unwrap();
    memory.fill(addr, 40, 0).unwrap();
    assert!(memory.peek(addr, &mut [0; 41]).is_err() && memory.poke(addr, &[0; 41]).is_err());
    assert!(memory.fill(addr, 41, 0).is_err());
}

#[test]
fn a_failed_access_changes_nothing() {
    let memory = memory();
    let addr = value(&memory, 8);
    memory.fill(addr, 8, 0x55).unwrap();
    let mut bytes = [0xaa; 9];
    assert!(memory.read(addr, &mut bytes).is_err() && memory.peek(addr, &mut bytes).is_err());
    assert_eq!(bytes, [0xaa; 9]);
    assert!(memory.write(addr, &[0; 9]).is_err() && memory.poke(addr, &[0; 9]).is_err());
    assert!(memory.fill(addr, 9, 0).is_err() && memory.store(addr + 1, 8, 0).is_err());
    assert_eq!(memory.load(addr, 8), Ok(0x5555_5555_5555_5555));
}

#[test]
fn hostile_addresses_and_lengths_fault() {
    let memory = memory();
    for arena in Arena::ALL {
        memory.alloc(arena, 4096, 8, Rights::RW, origin("x")).unwrap();
    }
    for addr in hostile_addresses() {
        for size in [1, 2, 4, 8] {
            assert!(memory.load(addr, size).is_err() && memory.store(addr, size, 0).is_err(), "{addr:#x}");
            assert!(
                memory.peek(addr, &mut vec![0; size]).is_err() && memory.poke(addr, &vec![0; size]).is_err()
            );
        }
        for len in HOSTILE_LENGTHS {
            assert!(memory.check_read(addr, len).is_err() && memory.check_write(addr, len).is_err());
            assert!(memory.fill(addr, len, 0).is_err());
            for access in [Access::Load, Access::Store] {
                assert!(!memory.fault(addr, len, access).to_string().is_empty());
            }
        }
        assert!(memory.check_read(addr, 0).is_ok() && memory.read(addr, &mut []).is_ok());
        assert!(memory.peek_str(addr, &mut [0; 4]).is_err());
        assert!(memory.load_acquire_u64(addr).is_err() && memory.store_release_u32(addr, 0).is_err());
        for changed in
            [memory.free(addr), memory.grant(addr), memory.revoke(addr), memory.uncarve(addr, None)]
        {
            assert!(!changed);
        }
        assert!(!memory.set_rights(addr, Rights::RW) && !memory.set_extent(addr, addr, 8));
        assert!(!memory.carve(addr, 8, Rights::RW, origin("x")));
        assert!(memory.object_at(addr).is_none());
    }
}

#[test]
fn long_ranges_from_inside_an_object_fault() {
    let memory = memory();
    let addr = value(&memory, 4096);
    for len in HOSTILE_LENGTHS.into_iter().filter(|len| *len > 4096) {
        for at in [addr, addr + 1, addr + 4095] {
            assert!(memory.check_read(at, len).is_err() && memory.fill(at, len, 1).is_err());
            assert_eq!(memory.fault(at, len, Access::Store).cause, Cause::OutOfBounds);
        }
    }
    assert_eq!(memory.load(addr + 4088, 8), Ok(0));
}

#[test]
fn strings_end_at_nul_at_the_limit_or_in_a_fault() {
    let memory = memory();
    let addr = value(&memory, 8);
    memory.poke(addr, b"abc\0defg").unwrap();
    let read = |at: u64, limit: usize| {
        let mut bytes = vec![b'#'; limit];
        let len = memory.peek_str(at, &mut bytes).map_err(|fault| fault.addr);
        (len, bytes)
    };
    assert_eq!(read(addr, 8), (Ok(4), b"abc\0####".to_vec()));
    assert_eq!(read(addr, 4), (Ok(4), b"abc\0".to_vec()));
    assert_eq!(read(addr, 3), (Ok(3), b"ab\0".to_vec()));
    assert_eq!(read(addr, 1), (Ok(1), b"\0".to_vec()));
    assert_eq!(read(addr, 0), (Ok(0), b"".to_vec()));
    assert_eq!(read(addr + 4, 4), (Ok(4), b"def\0".to_vec()));
    assert_eq!(read(addr + 4, 5).0, Err(addr + 8));
}

#[test]
fn atomics_need_alignment_and_life() {
    let memory = memory();
    let addr = value(&memory, 16);
    memory.store_release_u64(addr + 8, 0x1122_3344_5566_7788).unwrap();
    assert_eq!(memory.load_acquire_u64(addr + 8), Ok(0x1122_3344_5566_7788));
    assert_eq!(memory.load_acquire_u32(addr + 12), Ok(0x1122_3344));
    memory.store_release_u32(addr + 8, 1).unwrap();
    assert_eq!(memory.load(addr + 8, 8), Ok(0x1122_3344_0000_0001));
    assert_eq!(memory.load_acquire_u64(addr + 4).unwrap_err().cause, Cause::Misaligned);
    assert_eq!(memory.store_release_u32(addr + 2, 0).unwrap_err().cause, Cause::Misaligned);
    assert_eq!(memory.load_acquire_u64(addr + 16).unwrap_err().cause, Cause::OutOfBounds);
}

#[test]
fn the_visible_part_of_a_packet_moves() {
    let memory = memory();
    let base = memory.alloc(Arena::Packet, 512, 8, Rights::RW, origin("packet")).unwrap();
    assert!(memory.set_extent(base, base + 256, 64));
    memory.store(base + 256, 8, 7).unwrap();
    assert_eq!(memory.load(base + 255, 1).unwrap_err().cause, Cause::OutOfBounds);
    assert_eq!(memory.load(base + 320, 1).unwrap_err().cause, Cause::OutOfBounds);
    assert!(memory.set_extent(base, base + 242, 78));
    assert_eq!((memory.load(base + 242, 8), memory.load(base + 256, 8)), (Ok(0), Ok(7)));
    assert!(memory.set_rights(base, Rights::RO));
    assert!(memory.load(base + 241, 1).is_err() && memory.load(base + 319, 1).is_ok());
    assert!(memory.set_extent(base, base + 512, 0) && memory.load(base + 256, 1).is_err());
    for (start, len) in
        [(base - 1, 8), (base + 1, 512), (base + 513, 0), (base, usize::MAX), (0, 8), (u64::MAX, 1)]
    {
        assert!(!memory.set_extent(base, start, len), "{start:#x} {len}");
    }
    assert!(!memory.set_extent(base + 8, base + 8, 8));
    memory.peek(base, &mut [0; 512]).unwrap();
}

#[test]
fn copies_may_overlap_and_ask_for_life_alone() {
    let memory = memory();
    let (one, two) =
        (value(&memory, 16), memory.alloc(Arena::Kernel, 16, 8, Rights::NONE, origin("k")).unwrap());
    memory.poke(one, b"0123456789abcdef").unwrap();
    memory.copy(two, one + 4, 12).unwrap();
    memory.copy(one + 2, one, 10).unwrap();
    let (mut here, mut there) = ([0; 16], [0; 16]);
    memory.peek(one, &mut here).unwrap();
    memory.peek(two, &mut there).unwrap();
    assert_eq!((&here, &there), (b"010123456789cdef", b"456789abcdef\0\0\0\0"));
    for (to, from, len) in [
        (one, two, 17),
        (one + 1, two, 16),
        (one, two + 1, 16),
        (one, 0, 1),
        (0, one, 1),
        (one, two, usize::MAX),
    ] {
        assert!(memory.copy(to, from, len).is_err());
    }
    memory.copy(0, 0, 0).unwrap();
}
