//! Maps over pages that somebody else sees too.

#![cfg(all(unix, not(skep_portable_memory)))]

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use skep_abi::flags::BPF_F_MMAPABLE;
use skep_abi::{Errno, MapType};
use skep_maps::{CreateClass, Cx, Map, MapSpec, Sample, Side};
use skep_memory::{HostPages, Memory, PageFile};

fn file(len: u64) -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(len).unwrap();
    file
}

fn pages(file: &File, len: usize) -> HostPages<'_> {
    HostPages { file: file.as_fd(), offset: 0, len }
}

fn bytes<const N: usize>(file: &File, at: u64) -> [u8; N] {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, at).unwrap();
    bytes
}

#[test]
fn an_mmapable_array_is_the_pages() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let file = file(8192);
    let spec = MapSpec::new(MapType::Array, 4, 12, 300).with_flags(BPF_F_MMAPABLE);
    let mut map = Map::with_pages(spec, &cx, pages(&file, 8192)).unwrap();
    let key = 299u32.to_le_bytes();
    let _ = map.update(&cx, &key, b"twelve bytes", 0, Side::User).unwrap();
    assert_eq!(&bytes::<12>(&file, 299 * 16), b"twelve bytes");
    file.write_all_at(b"outside", 16).unwrap();
    let addr = map.lookup_ptr(&cx, &1u32.to_le_bytes()).unwrap().unwrap();
    assert_eq!(memory.load(addr, 4), Ok(u64::from(u32::from_le_bytes(*b"outs"))));
    assert!(memory.load(addr + 12, 1).is_err(), "elements have their bounds all the same");
    assert!(map.destroy(&memory).is_empty());
    assert!(memory.objects().is_empty());
}

#[test]
fn a_ring_is_read_from_outside() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let file = file(3 * 4096);
    let map =
        Map::with_pages(MapSpec::new(MapType::Ringbuf, 0, 0, 4096), &cx, pages(&file, 3 * 4096)).unwrap();
    let ring = map.ring().unwrap();
    ring.output(&memory, b"an event", 0).unwrap();
    let positions = [0, 4096].map(|at| u64::from_le_bytes(bytes(&file, at)));
    assert_eq!(positions, [0, 16]);
    assert_eq!(bytes::<16>(&file, 8192), *b"\x08\0\0\0\x03\0\0\0an event");
    file.write_all_at(&16u64.to_le_bytes(), 0).unwrap();
    assert_eq!((ring.query(&memory, 0), ring.consume(&memory)), (0, Ok(None)));
}

#[test]
fn pages_fit_maps_that_can_be_mapped() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let file = file(4 * 4096);
    let refused = |spec, len| Map::with_pages(spec, &cx, pages(&file, len)).unwrap_err();
    let plain = refused(MapSpec::new(MapType::Array, 4, 8, 4), 4096);
    assert_eq!(plain.to_string(), "user space cannot mmap such array maps (EINVAL)");
    assert_eq!(refused(MapSpec::new(MapType::Hash, 4, 8, 4), 4096).class(), CreateClass::BadInput);
    let mmapable = |max| MapSpec::new(MapType::Array, 4, 8, max).with_flags(BPF_F_MMAPABLE);
    assert_eq!(refused(mmapable(513), 4096).class(), CreateClass::HostLimit, "too few pages");
    assert_eq!(refused(mmapable(4), 5 * 4096).class(), CreateClass::HostLimit, "the file is shorter");
    for len in [2, 4] {
        let ring = MapSpec::new(MapType::Ringbuf, 0, 0, 4096);
        assert_eq!(refused(ring, len * 4096).class(), CreateClass::HostLimit);
    }
    assert!(memory.objects().is_empty());
}

fn page_file(len: u64) -> (File, PageFile) {
    let file = file(len);
    let pages = PageFile::new(file.try_clone().unwrap().into(), 0);
    (file, pages)
}

fn shared_len(spec: &MapSpec) -> Option<u64> {
    Map::shared_len(spec).unwrap()
}

#[test]
fn how_much_can_be_shared() {
    let array = MapSpec::new(MapType::Array, 4, 12, 300);
    assert_eq!(shared_len(&array), None, "without BPF_F_MMAPABLE");
    assert_eq!(
        shared_len(&array.with_flags(BPF_F_MMAPABLE)),
        Some(8192),
        "values of 16 bytes each, in whole pages"
    );
    assert_eq!(shared_len(&MapSpec::new(MapType::Ringbuf, 0, 0, 8192)), Some(4 * 4096));
    assert_eq!(shared_len(&MapSpec::new(MapType::UserRingbuf, 0, 0, 4096)), Some(3 * 4096));
    let arena = MapSpec::new(MapType::Arena, 0, 0, 1 << 20).with_flags(BPF_F_MMAPABLE);
    assert_eq!(shared_len(&arena), Some(4 << 30));
    assert_eq!(shared_len(&MapSpec::new(MapType::Hash, 4, 4, 1)), None);
    assert!(
        Map::shared_len(&MapSpec::new(MapType::Ringbuf, 0, 0, 5000)).is_err(),
        "not what no map can be made of"
    );
}

#[test]
fn a_user_ring_is_written_from_outside() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let (file, pages) = page_file(3 * 4096);
    let map = Map::over(MapSpec::new(MapType::UserRingbuf, 0, 0, 4096), &cx, &pages).unwrap();
    // As libbpf's user_ring_buffer does: a record in the data, then the producer's position.
    file.write_all_at(b"\x07\0\0\0\0\0\0\0outside", 8192).unwrap();
    file.write_all_at(&16u64.to_le_bytes(), 4096).unwrap();
    let ring = map.user_ring().unwrap();
    let Some(Sample::Ready(addr, 7)) = ring.peek(&memory, None).unwrap() else { panic!("a record") };
    let mut seen = [0; 7];
    memory.read(addr, &mut seen).unwrap();
    assert_eq!(&seen, b"outside");
    ring.release(&memory, addr, 7, None).unwrap();
    assert_eq!(bytes(&file, 0), 16u64.to_le_bytes(), "the consumer's position");
}

#[test]
#[cfg(target_os = "linux")]
fn an_arena_of_4_gib_is_a_sparse_file() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let (file, pages) = page_file(4 << 30);
    let spec = MapSpec::new(MapType::Arena, 0, 0, 1 << 20).with_flags(BPF_F_MMAPABLE);
    let mut map = Map::over(spec, &cx, &pages).unwrap();
    let base = map.pages().unwrap();
    let arena = map.arena_mut().unwrap();
    let start = arena.user_start();

    // What a program takes and writes is in the file.
    let user = arena.alloc(&memory, start + 0x5000, 1).unwrap();
    memory.store(arena.to_memory(user), 8, 0x1122).unwrap();
    assert_eq!(bytes(&file, 0x5000), 0x1122u64.to_le_bytes());

    // What user space touches is there for programs, and taken.
    file.write_all_at(b"touched", 0x9004).unwrap();
    assert!(memory.load(base + 0x9004, 1).is_err(), "nobody noticed yet");
    arena.notice(&memory);
    assert_eq!(memory.load(base + 0x9004, 1), Ok(u64::from(b't')));
    assert_eq!((arena.present(), arena.alloc(&memory, start + 0x9000, 1)), (2, None));

    // What is given back is zero for everybody, and again nobody's.
    assert_eq!(arena.free(&memory, start + 0x5000, 5), 5);
    assert_eq!(bytes(&file, 0x5000), [0; 8]);
    assert_eq!(bytes(&file, 0x9004), [0; 8]);
    arena.notice(&memory);
    assert_eq!(arena.present(), 0);
    assert!(arena.alloc(&memory, start + 0x9000, 1).is_some());
    assert!(map.destroy(&memory).is_empty());
    assert!(memory.objects().is_empty());
}

#[test]
fn the_first_mapping_settles_where_an_arena_is() {
    let memory = Memory::new().unwrap();
    let cx = Cx::new(&memory, 1);
    let spec = MapSpec::new(MapType::Arena, 0, 0, 4).with_flags(BPF_F_MMAPABLE);
    let mut map = Map::new(spec.clone(), &cx).unwrap();
    let arena = map.arena_mut().unwrap();
    assert!(!arena.is_placed());
    let start = 0x7f00_0000_4000;
    assert_eq!(arena.settle(Some(start + 1), 0x4000), Err(Errno::EINVAL));
    assert_eq!(arena.settle(Some(start), 0x4001), Err(Errno::EINVAL));
    assert_eq!(arena.settle(Some(0x7f00_ffff_f000), 0x4000), Err(Errno::EINVAL), "across 4 GiB");
    assert_eq!(arena.settle(Some(start), 0x4000), Ok(()));
    assert_eq!((arena.user_start(), arena.user_end()), (start, start + 0x4000));
    assert_eq!(arena.settle(Some(start), 0x4000), Ok(()));
    assert_eq!(arena.settle(None, 0x4000), Ok(()));
    assert_eq!(arena.settle(Some(start + 0x1000), 0x4000), Err(Errno::EBUSY));
    assert_eq!(arena.settle(Some(start), 0x3000), Err(Errno::EBUSY));
    assert_eq!(arena.alloc(&memory, 0, 4), Some(start));

    let mut map = Map::new(MapSpec { map_extra: start, ..spec }, &cx).unwrap();
    let arena = map.arena_mut().unwrap();
    assert!(arena.is_placed(), "map_extra says where");
    assert_eq!(arena.settle(Some(start + 0x1000), 0x4000), Err(Errno::EBUSY));
}
