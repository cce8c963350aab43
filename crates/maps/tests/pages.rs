//! Maps over pages that somebody else sees too.

#![cfg(all(unix, not(skep_portable_memory)))]

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use skep_abi::MapType;
use skep_abi::flags::BPF_F_MMAPABLE;
use skep_maps::{CreateClass, Cx, Map, MapSpec, Side};
use skep_memory::{HostPages, Memory};

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
