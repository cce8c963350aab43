//! Pages of files, seen from both sides.
#![cfg(all(unix, target_os = "linux", not(skep_portable_memory)))]

mod common;
use common::{memory, origin};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use skep_memory::{Arena, HostPages, Memory, NoMemory, ObjectKind, Origin, Rights};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

const PAGE: usize = 4096;

fn file(len: usize) -> File {
    let fd = memfd_create("test", MemfdFlags::CLOEXEC).unwrap();
    ftruncate(&fd, len as u64).unwrap();
    File::from(fd)
}

fn pages(file: &File, offset: usize, len: usize) -> HostPages<'_> {
    HostPages { file: file.as_fd(), offset: offset as u64, len }
}

fn byte_of(file: &File, offset: usize) -> u8 {
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset as u64).unwrap();
    byte[0]
}

#[test]
fn both_sides_see_the_same_bytes() {
    let (memory, file) = (memory(), file(3 * PAGE));
    file.write_all_at(b"outside", PAGE as u64).unwrap();
    let addr =
        memory.map_pages(Arena::Values, pages(&file, PAGE, 2 * PAGE), Rights::RW, origin("m")).unwrap();
    assert!(addr.is_multiple_of(PAGE as u64));
    let mut bytes = [0; 7];
    memory.read(addr, &mut bytes).unwrap();
    assert_eq!(&bytes, b"outside");
    memory.store(addr + 2 * PAGE as u64 - 1, 1, 0x77).unwrap();
    assert_eq!(byte_of(&file, 3 * PAGE - 1), 0x77);
    file.write_all_at(&[0x99], PAGE as u64 + 100).unwrap();
    assert_eq!(memory.load(addr + 100, 1), Ok(0x99));
    assert!(memory.load(addr - 1, 1).is_err() && memory.load(addr + 2 * PAGE as u64, 1).is_err());
}

#[test]
fn two_memories_share_a_file() {
    let (one, two, file) = (memory(), memory(), file(PAGE));
    let map = |memory: &Memory| {
        memory.map_pages(Arena::Pages, pages(&file, 0, PAGE), Rights::RW, origin("m")).unwrap()
    };
    let (here, there) = (map(&one), map(&two));
    one.store_release_u64(here + 8, 5).unwrap();
    assert_eq!(two.load_acquire_u64(there + 8), Ok(5));
}

#[test]
fn the_object_ends_before_the_page_does() {
    let (memory, file) = (memory(), file(PAGE));
    let addr = memory.map_pages(Arena::Values, pages(&file, 0, 100), Rights::RW, origin("m")).unwrap();
    assert!(memory.load(addr + 99, 1).is_ok() && memory.load(addr + 100, 1).is_err());
    // What is allocated next is not on the page that somebody else has.
    for _ in 0..100 {
        let other = memory.alloc(Arena::Values, 24, 8, Rights::RW, origin("o")).unwrap();
        memory.fill(other, 24, 0xff).unwrap();
        assert!(other < addr || other >= addr + PAGE as u64);
    }
    assert!((0..PAGE).all(|at| byte_of(&file, at) == 0));
}

#[test]
fn unmapping_leaves_the_file_alone_and_zeros_behind() {
    let (memory, file) = (memory(), file(PAGE));
    let addr = memory.map_pages(Arena::Stack, pages(&file, 0, PAGE), Rights::RW, origin("m")).unwrap();
    memory.store(addr, 8, 0x5a5a).unwrap();
    assert!(memory.free(addr) && memory.load(addr, 8).is_err());
    assert_eq!(byte_of(&file, 0), 0x5a);
    // Takes back the addresses, too.
    let all = memory
        .alloc(Arena::Stack, Arena::Stack.capacity() as usize - 1024, 8, Rights::RW, origin("all"))
        .unwrap();
    assert_eq!(memory.load(addr, 8), Ok(0));
    memory.store(addr, 8, 0x1111).unwrap();
    assert_eq!(byte_of(&file, 0), 0x5a);
    assert!(all <= addr);
}

#[test]
fn a_dropped_memory_leaves_no_file_behind() {
    let file = file(PAGE);
    for _ in 0..40 {
        let memory = memory();
        let addr = memory.map_pages(Arena::Values, pages(&file, 0, PAGE), Rights::RW, origin("m")).unwrap();
        memory.store(addr, 1, 0xee).unwrap();
        drop(memory);
        let memory = common::memory();
        let plain = memory.alloc(Arena::Values, 2 * PAGE, PAGE, Rights::RW, origin("p")).unwrap();
        assert_eq!(memory.load(plain, 8), Ok(0));
        memory.fill(plain, 2 * PAGE, 0x11).unwrap();
        assert_eq!(byte_of(&file, 0), 0xee);
    }
}

#[test]
fn arrays_over_pages() {
    let (memory, file) = (memory(), file(PAGE));
    let map = |count| {
        memory.map_array_pages(Arena::Values, pages(&file, 0, PAGE), 12, 16, count, Rights::RW, origin("a"))
    };
    let array = map(PAGE / 16).unwrap();
    assert!(memory.load(array + 16, 4).is_err() && memory.grant(array + 16));
    memory.store(array + 16, 4, 0x42).unwrap();
    assert!(memory.load(array + 28, 1).is_err());
    assert_eq!(byte_of(&file, 16), 0x42);
    assert!(matches!(map(PAGE / 16 + 1), Err(NoMemory::Pages(_))));
    assert!(matches!(map(usize::MAX), Err(NoMemory::Pages(_))));
}

#[test]
fn mirrored_data_is_in_one_piece_across_the_end() {
    let memory = memory();
    let origin = Origin::new(ObjectKind::Ring, "events");
    let ring = memory.alloc_mirrored(Arena::Pages, 2 * PAGE, 4 * PAGE, origin).unwrap();
    let (data, mirror) = (ring + 2 * PAGE as u64, ring + 6 * PAGE as u64);
    memory.poke(mirror - 4, b"12345678").unwrap();
    let mut bytes = [0; 4];
    memory.peek(data, &mut bytes).unwrap();
    assert_eq!(&bytes, b"5678");
    memory.poke_u64(data + 800, 17).unwrap();
    assert_eq!(memory.peek_u64(mirror + 800), Ok(17));
    memory.poke_u64(ring, 3).unwrap();
    assert_eq!((memory.peek_u64(data), memory.peek_u64(ring + PAGE as u64)), (Ok(0x3837_3635), Ok(0)));
    assert!(memory.load(data, 8).is_err());
    // A record across the end.
    assert!(memory.carve(mirror - 8, 24, Rights::RW, Origin::new(ObjectKind::RingRecord, "r")));
    memory.store(mirror, 8, 0xabcd).unwrap();
    assert_eq!(memory.peek_u64(data), Ok(0xabcd));
    assert!(memory.load(data, 8).is_err());
    assert!(
        memory.peek(ring, &mut vec![0; 10 * PAGE]).is_ok()
            && memory.peek(ring, &mut vec![0; 10 * PAGE + 1]).is_err()
    );
    assert!(memory.free(ring));
}

#[test]
fn a_mirror_over_pages_from_outside() {
    let (memory, file) = (memory(), file(4 * PAGE));
    let ring = memory.map_mirrored(Arena::Pages, pages(&file, PAGE, 3 * PAGE), PAGE, origin("r")).unwrap();
    memory.poke(ring + 3 * PAGE as u64 - 1, &[1, 2]).unwrap();
    assert_eq!((byte_of(&file, 4 * PAGE - 1), byte_of(&file, 2 * PAGE)), (1, 2));
}

#[test]
fn what_cannot_be_mapped() {
    let (memory, file) = (memory(), file(2 * PAGE));
    let map =
        |offset, len| memory.map_pages(Arena::Values, pages(&file, offset, len), Rights::RW, origin("m"));
    for (offset, len) in
        [(0, 0), (1, PAGE), (0, 2 * PAGE + 1), (PAGE, PAGE + 1), (2 * PAGE, 1), (usize::MAX - 4095, PAGE)]
    {
        let error = map(offset, len).unwrap_err();
        assert!(matches!(error, NoMemory::Pages(_)), "{error}");
    }
    let mirror = |head, data| memory.alloc_mirrored(Arena::Pages, head, data, origin("r"));
    for (head, data) in [(1, PAGE), (PAGE, 1), (PAGE, 0)] {
        assert!(matches!(mirror(head, data), Err(NoMemory::Pages(_))), "{head} {data}");
    }
    for (head, data) in [(0, 1 << 30), (usize::MAX, PAGE), (PAGE, usize::MAX)] {
        assert!(matches!(mirror(head, data), Err(NoMemory::TooBig { .. })), "{head} {data}");
    }
    let read_only = File::open("/proc/self/exe").unwrap();
    let error =
        memory.map_pages(Arena::Values, pages(&read_only, 0, 64), Rights::RO, origin("m")).unwrap_err();
    assert!(error.to_string().contains("open for reading and writing"), "{error}");
    assert_eq!(memory.objects(), []);
}
