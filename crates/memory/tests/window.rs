//! What engines build on: the pointers, the shadow bytes, the guards.
#![expect(unsafe_code, reason = "reads the shadows, as an engine does")]

mod common;
use common::{memory, origin, value};
use skep_memory::{Arena, Memory, Rights, Window};

/// The shadow bytes of both kinds for `len` addresses from `addr`.
fn shadows(memory: &Memory, addr: u64, len: usize) -> (Vec<u8>, Vec<u8>) {
    let Window { load_shadow, store_shadow, .. } = memory.window();
    let bytes = |shadow: *const u8| {
        let at = |index: u64| shadow.wrapping_offset(addr.wrapping_add(index) as i64 as isize);
        // SAFETY: the memory is alive, and shadows are readable in the window and its guards.
        (0..len as u64).map(|index| unsafe { at(index).read() }).collect()
    };
    (bytes(load_shadow), bytes(store_shadow))
}

/// What shadows say of an object of `len` bytes, with 16 bytes on either side.
fn expected(len: usize) -> Vec<u8> {
    let inside = (1..=len).rev().map(|left| left.min(8) as u8);
    std::iter::repeat_n(0, 16).chain(inside).chain(std::iter::repeat_n(0, 16)).collect()
}

#[test]
fn shadows_count_the_bytes_left() {
    let memory = memory();
    for len in (0..40).chain([255, 4096, 4099]) {
        let addr = value(&memory, len);
        let wanted = expected(len);
        assert_eq!(shadows(&memory, addr - 16, len + 32), (wanted.clone(), wanted));
        assert!(memory.set_rights(addr, Rights::RO));
        assert_eq!(shadows(&memory, addr - 16, len + 32), (expected(len), vec![0; len + 32]));
        assert!(memory.set_rights(addr, Rights::WO));
        assert_eq!(shadows(&memory, addr - 16, len + 32), (vec![0; len + 32], expected(len)));
        assert!(memory.free(addr));
        assert_eq!(shadows(&memory, addr - 16, len + 32), (vec![0; len + 32], vec![0; len + 32]));
    }
}

#[test]
fn shadows_of_elements_parts_and_extents() {
    let memory = memory();
    let array = memory.alloc_array(Arena::Values, 5, 8, 4, Rights::RO, origin("a")).unwrap();
    assert!(memory.grant(array + 8) && memory.grant(array + 16));
    let granted = [0, 0, 0, 0, 0, 0, 0, 0, 5, 4, 3, 2, 1, 0, 0, 0, 5, 4, 3, 2, 1, 0, 0, 0, 0];
    assert_eq!(shadows(&memory, array, 25), (granted.to_vec(), vec![0; 25]));

    let ring = memory.alloc(Arena::Pages, 64, 8, Rights::NONE, origin("r")).unwrap();
    assert!(
        memory.carve(ring + 4, 3, Rights::RW, origin("p"))
            && memory.carve(ring + 7, 2, Rights::WO, origin("q"))
    );
    let (load, store) = (vec![0, 0, 0, 0, 3, 2, 1, 0, 0, 0], vec![0, 0, 0, 0, 3, 2, 1, 2, 1, 0]);
    assert_eq!(shadows(&memory, ring, 10), (load, store));

    let packet = memory.alloc(Arena::Packet, 64, 8, Rights::RW, origin("")).unwrap();
    assert!(memory.set_extent(packet, packet + 3, 4));
    let seen = vec![0, 0, 0, 4, 3, 2, 1, 0, 0];
    assert_eq!(shadows(&memory, packet, 9), (seen.clone(), seen));
}

#[test]
fn shadows_are_readable_all_over_the_window_and_its_guards() {
    let memory = memory();
    let beyond = 32 * 1024 + 8;
    for (from, to) in [
        (0xffff_ffff_8000_0000 - beyond, 0xffff_ffff_8000_0000 + 64),
        (0x8000_0000 - 64, 0x8000_0000 + beyond),
        (0u64.wrapping_sub(64), 64),
    ] {
        let len = to.wrapping_sub(from) as usize;
        assert_eq!(shadows(&memory, from, len), (vec![0; len], vec![0; len]), "{from:#x}");
    }
    for step in 0..1 << 12 {
        let addr = i64::from((step << 20) as u32 as i32) as u64;
        assert_eq!(shadows(&memory, addr, 1), (vec![0], vec![0]), "{addr:#x}");
    }
}

#[test]
fn checks_and_accesses_go_together() {
    let memory = memory();
    let (window, addr) = (memory.window(), value(&memory, 24));
    for offset in 0..30u64 {
        let at = addr + offset;
        for size in [1, 2, 4, 8] {
            let inside = offset as usize + size <= 24;
            // SAFETY: the memory is alive, and accesses follow their checks.
            unsafe {
                assert_eq!((window.can_load(at, size), window.can_store(at, size)), (inside, inside));
                assert_eq!(window.can_load_range(at, size), inside);
                if window.can_store(at, size) {
                    window.store(at, size, 0x1122_3344_5566_7788 ^ offset);
                    assert_eq!(memory.load(at, size), Ok(window.load(at, size)));
                }
            }
        }
    }
    // SAFETY: as above. Other numbers than those of instructions do nothing.
    unsafe {
        assert_eq!(window.load(addr, 3), 0);
        let before = window.load(addr, 8);
        window.store(addr, 5, 0);
        assert_eq!(window.load(addr, 8), before);
    }
}

#[test]
fn the_window_stays_where_it_is_when_the_memory_moves() {
    let memory = memory();
    let (data, addr) = (memory.window().data.addr(), value(&memory, 8));
    let moved = std::thread::spawn(move || {
        memory.store(addr, 8, 3).unwrap();
        Box::new(memory)
    });
    let memory = moved.join().unwrap();
    assert_eq!((memory.window().data.addr(), memory.load(addr, 8)), (data, Ok(3)));
}
