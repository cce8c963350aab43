//! Allocation, arrays, parts, freeing.

mod common;
use common::{memory, origin, site, value};
use skep_memory::{Arena, Cause, Memory, NoMemory, ObjectKind, Origin, Rights};

#[test]
fn too_much_is_an_error_that_names_the_limit() {
    let memory = memory();
    for (size, align) in [(usize::MAX, 8), (1 << 32, 8), (0x2000_0000, 8), (0x5000_0000, 1 << 20)] {
        let error = memory.alloc(Arena::Kernel, size, align, Rights::RW, origin("big")).unwrap_err();
        assert_eq!(error, NoMemory::TooBig { arena: Arena::Kernel, bytes: size as u64 });
        assert!(error.to_string().contains(&Arena::Kernel.capacity().to_string()), "{error}");
    }
    for align in [0, 3, 24, 1 << 21, usize::MAX] {
        let error = memory.alloc(Arena::Kernel, 8, align, Rights::RW, origin("odd")).unwrap_err();
        assert_eq!(error, NoMemory::Alignment(align));
    }
    for (elem, stride, count) in [(8, 8, usize::MAX), (8, usize::MAX, 2), (8, 1 << 30, 5), (0, 1 << 31, 1)] {
        let error =
            memory.alloc_array(Arena::Values, elem, stride, count, Rights::RW, origin("big")).unwrap_err();
        assert!(matches!(error, NoMemory::TooBig { .. }), "{error}");
    }
    let error = memory.alloc_array(Arena::Values, 9, 8, 1, Rights::RW, origin("odd")).unwrap_err();
    assert_eq!(error, NoMemory::Stride { elem_size: 9, stride: 8 });
    assert_eq!(memory.objects(), []);
}

#[test]
fn a_full_arena_recovers() {
    let memory = memory();
    let half = (Arena::Stack.capacity() / 2) as usize - 4096;
    let alloc = || memory.alloc(Arena::Stack, half, 8, Rights::NONE, origin("half"));
    let (first, second) = (alloc().unwrap(), alloc().unwrap());
    assert_eq!(alloc(), Err(NoMemory::Full { arena: Arena::Stack, bytes: half as u64 }));
    assert!(memory.free(first));
    let third = alloc().unwrap();
    assert_eq!(third, first);
    assert!(memory.free(second) && memory.free(third));
    // What was given back is one piece again.
    let whole = Arena::Stack.capacity() as usize - 1024;
    memory.alloc(Arena::Stack, whole, 8, Rights::NONE, origin("whole")).unwrap();
}

#[test]
fn objects_do_not_touch() {
    let memory = memory();
    let mut ends: Vec<(u64, u64)> =
        (0..200).map(|size| (value(&memory, size), size as u64)).map(|(at, size)| (at, at + size)).collect();
    ends.sort_unstable();
    for pair in ends.windows(2) {
        assert!(pair[0].1 + 16 <= pair[1].0, "{pair:x?}");
    }
}

#[test]
fn freed_addresses_come_back_zeroed() {
    let memory = memory();
    let first = value(&memory, 100_000);
    memory.fill(first, 100_000, 0xff).unwrap();
    assert!(memory.free(first) && !memory.free(first));
    let mut seen_again = false;
    for _ in 0..1000 {
        let addr = value(&memory, 100_000);
        seen_again |= addr == first;
        let mut bytes = vec![1; 100_000];
        memory.read(addr, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
        memory.fill(addr, 100_000, 0xff).unwrap();
        assert!(memory.free(addr));
    }
    assert!(seen_again, "the quarantine is bounded");
}

#[test]
fn use_after_free_is_named_for_a_while() {
    let memory = memory();
    let origin = origin("gone").at(site(1, 5));
    let addr = memory.alloc(Arena::Kernel, 24, 8, Rights::RW, origin).unwrap();
    assert!(memory.free_at(addr, Some(site(2, 9))));
    for _ in 0..100 {
        let other = memory.alloc(Arena::Kernel, 24, 8, Rights::RW, common::origin("other")).unwrap();
        assert_ne!(other, addr);
        assert!(memory.free(other));
    }
    let fault = memory.store(addr + 8, 8, 0).unwrap_err();
    let object = fault.object.clone().unwrap();
    assert_eq!((fault.cause, &*object.name, object.offset), (Cause::Freed, "gone", 8));
    assert_eq!((object.allocated, object.freed), (Some(site(1, 5)), Some(site(2, 9))));
    assert_eq!(memory.peek(addr, &mut [0; 8]).unwrap_err().cause, Cause::Freed);
}

#[test]
fn array_elements_are_objects_once_granted() {
    let memory = memory();
    let array = memory.alloc_array(Arena::Values, 12, 16, 100, Rights::RW, origin("array")).unwrap();
    assert!(array.is_multiple_of(16));
    let element = array + 16 * 7;
    assert_eq!(memory.load(element, 4).unwrap_err().cause, Cause::NotGranted);
    // The kernel does not need a grant, and may cross elements.
    memory.poke(element - 4, &[9; 24]).unwrap();
    assert!(memory.load(element, 4).is_err());
    assert!(memory.grant(element) && memory.grant(element));
    assert_eq!(memory.load(element, 8), Ok(0x0909_0909_0909_0909));
    assert_eq!(memory.load(element + 8, 4), Ok(0x0909_0909));
    assert!(memory.load(element + 8, 8).is_err() && memory.load(element + 12, 1).is_err());
    assert!(memory.load(element - 1, 1).is_err() && memory.load(element + 16, 1).is_err());
    for wrong in [element + 1, element + 12, array - 16, array + 1600, array + 1616] {
        assert!(memory.load(wrong, 1).is_ok() || !memory.grant(wrong), "{wrong:#x}");
    }
    assert!(memory.revoke(element) && memory.load(element, 1).is_err());
    assert_eq!(memory.peek_u32(element), Ok(0x0909_0909));
}

#[test]
fn packed_elements_are_still_apart() {
    let memory = memory();
    let array = memory.alloc_array(Arena::Values, 8, 8, 4, Rights::RW, origin("packed")).unwrap();
    for index in 0..4 {
        assert!(memory.grant(array + 8 * index));
    }
    assert!((1..8).all(|by| memory.load(array + by, 8).is_err()));
    assert!(memory.check_read(array, 9).is_err() && memory.check_read(array + 7, 2).is_err());
    assert!(memory.check_read(array, 32).is_err() && memory.peek(array, &mut [0; 32]).is_ok());
}

#[test]
fn rights_of_an_array_change_before_the_next_grant() {
    let memory = memory();
    let array = memory.alloc_array(Arena::Values, 8, 8, 4, Rights::RW, origin("array")).unwrap();
    assert!(memory.grant(array) && memory.set_rights(array, Rights::RO));
    assert!(memory.load(array, 8).is_err());
    assert!(memory.grant(array) && memory.load(array, 8).is_ok() && memory.store(array, 8, 0).is_err());
    assert!(!memory.set_extent(array, array, 8));
}

#[test]
fn odd_arrays() {
    let memory = memory();
    for (elem, stride, count) in
        [(0, 0, 0), (0, 0, 5), (0, 8, 5), (8, 8, 0), (0, 0, usize::MAX), (8, usize::MAX, 0)]
    {
        let array =
            memory.alloc_array(Arena::Values, elem, stride, count, Rights::RW, origin("odd")).unwrap();
        memory.grant(array);
        assert!(memory.load(array, 1).is_err(), "{elem} {stride} {count}");
        assert!(memory.free(array));
    }
}

#[test]
fn parts_come_and_go() {
    let memory = memory();
    let ring = memory.alloc(Arena::Pages, 4096, 4096, Rights::NONE, origin("ring")).unwrap();
    let record = |name: &str| Origin::new(ObjectKind::RingRecord, name).at(site(0, 3));
    assert!(memory.carve(ring + 8, 24, Rights::RW, record("a")));
    assert!(memory.carve(ring + 40, 8, Rights::RO, record("b")));
    assert!(memory.carve(ring + 32, 8, Rights::RW, record("c")), "parts may touch");
    memory.store(ring + 24, 8, 1).unwrap();
    assert!(memory.store(ring + 28, 8, 1).is_err() && memory.load(ring + 25, 8).is_err());
    assert_eq!(memory.store(ring + 40, 8, 1).unwrap_err().cause, Cause::ReadOnly);
    for (start, len) in [(8, 24), (0, 9), (31, 1), (0, 4096), (4090, 8), (4096, 1), (47, 2)] {
        assert!(!memory.carve(ring + start, len, Rights::RW, record("d")), "{start} {len}");
    }
    assert!(!memory.set_rights(ring, Rights::RW), "parts are in the way");
    assert!(memory.uncarve(ring + 8, Some(site(0, 9))) && !memory.uncarve(ring + 8, None));
    let fault = memory.load(ring + 16, 4).unwrap_err();
    assert_eq!((fault.cause, fault.object.unwrap().freed), (Cause::Freed, Some(site(0, 9))));
    assert_eq!(memory.peek_u64(ring + 24), Ok(1), "the bytes stay");
    assert!(memory.carve(ring + 8, 16, Rights::RW, record("e")));
    assert_eq!(memory.load(ring + 24, 1).unwrap_err().cause, Cause::Freed, "that part is not there again");
    assert!(memory.free(ring) && memory.load(ring + 8, 1).is_err());
}

#[test]
fn only_an_object_without_rights_has_parts() {
    let memory = memory();
    let object = value(&memory, 64);
    assert!(!memory.carve(object, 8, Rights::RW, origin("part")));
    let array = memory.alloc_array(Arena::Values, 8, 8, 8, Rights::NONE, origin("array")).unwrap();
    assert!(!memory.carve(array, 8, Rights::RW, origin("part")));
}

#[test]
fn objects_are_listed_and_found() {
    let memory = memory();
    let packet = memory.alloc(Arena::Packet, 60, 8, Rights::RW, Origin::new(ObjectKind::Packet, "")).unwrap();
    let map = memory.alloc_array(Arena::Values, 8, 8, 10, Rights::RO, origin("map").at(site(3, 1))).unwrap();
    let listed: Vec<_> = memory.objects().into_iter().map(|object| (object.start, object.len)).collect();
    assert_eq!(listed, [(packet, 60), (map, 80)]);
    let found = memory.object_at(map + 33).unwrap();
    assert_eq!((found.kind, &*found.name, found.offset), (ObjectKind::MapValue, "map", 33));
    assert_eq!((found.rights, found.allocated), (Rights::RO, Some(site(3, 1))));
    assert!(memory.object_at(map + 80).is_none() && memory.object_at(packet - 1).is_none());
}

#[test]
fn memories_are_apart() {
    let (one, two): (Memory, Memory) = (memory(), memory());
    let addr = value(&one, 8);
    one.store(addr, 8, 1).unwrap();
    assert!(two.load(addr, 8).is_err());
    assert_eq!(value(&two, 8), addr, "addresses are a function of the calls alone");
    assert_eq!((one.load(addr, 8), two.load(addr, 8)), (Ok(1), Ok(0)));
}
