//! What user space shares with programs through mappings.

use crate::support::{asm, kernel, load, word};
use skep_abi::flags::{BPF_F_MMAPABLE, BPF_F_SLEEPABLE};
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Kernel, MapSpec, Mmap, PROT_EXEC, Process, ProgLoad, Run};

const PAGE: u64 = 4096;

fn array(kernel: &mut Kernel) -> skep_kernel::Fd {
    kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 16).with_flags(BPF_F_MMAPABLE)).unwrap()
}

#[test]
fn an_array_is_its_values() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    kernel.map_update_elem(map, &word(3), &7u64.to_le_bytes(), 0).unwrap();
    let mapping = kernel.mmap(map, &Mmap::shared(PAGE)).unwrap();
    assert!(mapping.writable && mapping.parts[0].writable && mapping.parts[0].file.is_none());
    let at = mapping.at(24).unwrap();
    assert_eq!(kernel.memory().peek_u64(at), Ok(7));
    kernel.memory().poke_u64(at, 8).unwrap();
    assert_eq!(kernel.map_lookup_elem(map, &word(3)), Ok(8u64.to_le_bytes().to_vec()));
    assert_eq!(mapping.at(PAGE), None);
}

#[test]
fn a_mapping_keeps_its_map() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    kernel.map_update_elem(map, &word(0), &7u64.to_le_bytes(), 0).unwrap();
    let mapping = kernel.mmap(map, &Mmap::shared(PAGE)).unwrap();
    kernel.close(map).unwrap();
    assert_eq!(kernel.memory().peek_u64(mapping.at(0).unwrap()), Ok(7));
    kernel.munmap(mapping.id).unwrap();
    assert!(kernel.memory().peek_u64(mapping.at(0).unwrap()).is_err(), "the last reference is gone");
    assert_eq!(kernel.munmap(mapping.id), Err(Errno::EINVAL));
}

#[test]
fn processes_have_mappings_of_their_own() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    let mapping = kernel.mmap(map, &Mmap::shared(PAGE)).unwrap();
    let child = kernel.fork().unwrap();
    kernel.munmap(mapping.id).unwrap();
    assert_eq!(kernel.map_freeze(map), Err(Errno::EBUSY), "the child has it, too");
    kernel.switch_process(child).unwrap();
    kernel.exec();
    kernel.switch_process(Process::FIRST).unwrap();
    assert_eq!(kernel.map_freeze(map), Ok(()), "exec unmapped it");

    let map = array(&mut kernel);
    let child = kernel.fork().unwrap();
    kernel.switch_process(child).unwrap();
    kernel.mmap(map, &Mmap::shared(PAGE)).unwrap();
    kernel.switch_process(Process::FIRST).unwrap();
    assert_eq!(kernel.map_freeze(map), Err(Errno::EBUSY));
    kernel.exit_process(child).unwrap();
    assert_eq!(kernel.map_freeze(map), Ok(()));
}

#[test]
fn what_is_no_map_or_event() {
    let mut kernel = kernel();
    let prog = load(&mut kernel, ProgType::SocketFilter, "r0 = 0\nexit");
    assert_eq!(kernel.mmap(prog, &Mmap::shared(PAGE)).err(), Some(Errno::ENODEV));
    assert_eq!(kernel.mmap(skep_kernel::Fd(77), &Mmap::shared(PAGE)).err(), Some(Errno::EBADF));
    let odd = Mmap::shared(PAGE).at_offset(1);
    assert_eq!(kernel.mmap(skep_kernel::Fd(77), &odd).err(), Some(Errno::EINVAL), "offsets come first");
    let map = kernel.map_create(&MapSpec::new(MapType::Hash, 4, 8, 16)).unwrap();
    assert_eq!(kernel.mmap(map, &Mmap::shared(PAGE)).err(), Some(Errno::ENOTSUPP));
    let exec = Mmap { prot: PROT_EXEC, ..Mmap::shared(PAGE) };
    assert_eq!(kernel.mmap(map, &exec).err(), Some(Errno::EPERM));
}

#[test]
fn a_ring_shows_its_data_twice() {
    let mut kernel = kernel();
    let map = kernel.map_create(&MapSpec::new(MapType::Ringbuf, 0, 0, 4096)).unwrap();
    let mapping = kernel.mmap(map, &Mmap::shared(3 * PAGE).read_only().at_offset(PAGE)).unwrap();
    let parts: Vec<_> = mapping.parts.iter().map(|it| (it.at, it.len, it.writable)).collect();
    assert_eq!(parts, [(0, 2 * PAGE, false), (2 * PAGE, PAGE, false)]);
    let ring = kernel.map(map).unwrap().ring().unwrap();
    ring.output(kernel.memory(), b"twice", 0).unwrap();
    for at in [PAGE, 2 * PAGE] {
        let mut seen = [0; 5];
        kernel.memory().peek(mapping.at(at + 8).unwrap(), &mut seen).unwrap();
        assert_eq!(&seen, b"twice", "{at}");
    }
}

#[test]
fn a_program_has_to_know_where_its_arena_is() {
    use skep_abi::attr::{self, Cmd, map_create as field};
    let mut kernel = kernel();
    kernel.set_verifier(Box::new(skep_kernel::Verifier::default()));
    let mut attr = [0; attr::SIZE];
    for (field, value) in [
        (&field::map_type, MapType::Arena as u32),
        (&field::max_entries, 4),
        (&field::map_flags, BPF_F_MMAPABLE),
    ] {
        attr[field.range()].copy_from_slice(&value.to_le_bytes());
    }
    let made = kernel.bpf(Cmd::MapCreate as u32, &mut attr, &mut skep_memory::UserRanges::new());
    let map = skep_kernel::Fd(made.unwrap());
    let load = || ProgLoad {
        flags: BPF_F_SLEEPABLE,
        ..ProgLoad::new("arena", ProgType::Syscall, asm(&format!("r1 = map[fd:{map}] ll\nr0 = 0\nexit")))
    };
    let error = kernel.prog_load(load()).unwrap_err();
    assert_eq!(error.errno, Errno::EINVAL, "{error}");
    assert!(error.to_string().contains("must be set via map_extra or mmap()"), "{error}");
    kernel.mmap(map, &Mmap { addr: 0x7000_0000_0000, ..Mmap::shared(4 * PAGE) }).unwrap();
    assert!(kernel.prog_load(load()).is_ok());
    // Who makes an arena without system calls need not map it.
    let map = kernel.map_create(&MapSpec::new(MapType::Arena, 0, 0, 4).with_flags(BPF_F_MMAPABLE)).unwrap();
    let text = format!("r1 = map[fd:{map}] ll\nr0 = 0\nexit");
    let load = ProgLoad { flags: BPF_F_SLEEPABLE, ..ProgLoad::new("arena", ProgType::Syscall, asm(&text)) };
    assert!(kernel.prog_load(load).is_ok());
}

#[cfg(target_os = "linux")]
mod from_outside {
    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use rustix::io::{pread, pwrite};
    use skep_kernel::{PageFile, Pages, PagesKind, PagesWanted};
    use std::sync::{Arc, Mutex};

    /// Supplies memfds, and keeps what they were wanted for.
    #[derive(Clone, Default)]
    struct Memfds(Arc<Mutex<Vec<Supplied>>>);

    /// What was wanted.
    type Supplied = (PagesKind, u64, String);

    impl Pages for Memfds {
        fn supply(&mut self, wanted: &PagesWanted<'_>) -> Option<PageFile> {
            let file = memfd_create("pages", MemfdFlags::CLOEXEC).ok()?;
            // They need not begin where the file does.
            ftruncate(&file, PAGE + wanted.len).ok()?;
            self.0.lock().unwrap().push((wanted.kind, wanted.len, wanted.name.to_owned()));
            Some(PageFile::new(file, PAGE))
        }
    }

    fn with_memfds() -> (Kernel, Memfds) {
        let (mut kernel, memfds) = (kernel(), Memfds::default());
        kernel.set_pages(Some(Box::new(memfds.clone())));
        (kernel, memfds)
    }

    fn seen<const N: usize>(file: &(PageFile, u64), at: u64) -> [u8; N] {
        let mut bytes = [0; N];
        assert_eq!(pread(file.0.fd(), &mut bytes, file.1 + at), Ok(N));
        bytes
    }

    #[test]
    fn each_map_that_can_be_mapped_asks_once() {
        let (mut kernel, memfds) = with_memfds();
        let named = |spec: MapSpec, name: &str| MapSpec { name: name.to_owned(), ..spec };
        for spec in [
            named(MapSpec::new(MapType::Array, 4, 12, 300).with_flags(BPF_F_MMAPABLE), "values"),
            MapSpec::new(MapType::Array, 4, 12, 300),
            MapSpec::new(MapType::Hash, 4, 4, 4),
            named(MapSpec::new(MapType::Ringbuf, 0, 0, 8192), "events"),
            named(MapSpec::new(MapType::UserRingbuf, 0, 0, 4096), "orders"),
            named(MapSpec::new(MapType::Arena, 0, 0, 1 << 20).with_flags(BPF_F_MMAPABLE), "heap"),
        ] {
            kernel.map_create(&spec).unwrap();
        }
        assert!(kernel.map_create(&MapSpec::new(MapType::Ringbuf, 0, 0, 5000)).is_err());
        let asked = memfds.0.lock().unwrap();
        let asked: Vec<_> = asked.iter().map(|it| (it.0, it.1 / PAGE, it.2.as_str())).collect();
        assert_eq!(
            asked,
            [
                (PagesKind::Array, 2, "values"),
                (PagesKind::RingBuffer, 4, "events"),
                (PagesKind::UserRingBuffer, 3, "orders"),
                (PagesKind::Arena, 1 << 20, "heap"),
            ]
        );
    }

    #[test]
    fn a_process_sees_what_a_program_stores() {
        let (mut kernel, _) = with_memfds();
        let spec = MapSpec::new(MapType::Array, 4, 16, 1).with_flags(BPF_F_MMAPABLE);
        let map = kernel.map_create(&spec).unwrap();
        let prog = load(
            &mut kernel,
            ProgType::SocketFilter,
            &format!(
                "r1 = map[fd:{map}][0]+8 ll\nr2 = *(u64 *)(r1 - 8)\nr2 += 1\n*(u64 *)(r1 + 0) = r2\nr0 = 0\nexit"
            ),
        );
        let mapping = kernel.mmap(map, &Mmap::shared(PAGE)).unwrap();
        let file = mapping.parts[0].file.clone().unwrap();
        pwrite(file.0.fd(), &41u64.to_le_bytes(), file.1).unwrap();
        kernel.run(prog, Run::default()).unwrap();
        assert_eq!(seen(&file, 8), 42u64.to_le_bytes());
    }

    #[test]
    fn the_second_half_of_a_ring_is_the_first() {
        let (mut kernel, _) = with_memfds();
        for kind in [MapType::Ringbuf, MapType::UserRingbuf] {
            let map = kernel.map_create(&MapSpec::new(kind, 0, 0, 8192)).unwrap();
            let whole = kernel.mmap(map, &Mmap::shared(6 * PAGE).read_only()).unwrap();
            let parts: Vec<_> =
                whole.parts.iter().map(|it| (it.at, it.len, it.file.as_ref().unwrap().1)).collect();
            assert_eq!(parts, [(0, 4 * PAGE, PAGE), (4 * PAGE, 2 * PAGE, 3 * PAGE)], "{kind}");
            let end = kernel.mmap(map, &Mmap::shared(PAGE).read_only().at_offset(5 * PAGE)).unwrap();
            let parts: Vec<_> =
                end.parts.iter().map(|it| (it.at, it.len, it.file.as_ref().unwrap().1)).collect();
            assert_eq!(parts, [(0, PAGE, 4 * PAGE)], "{kind}");
        }
    }

    #[test]
    fn an_arena_is_where_it_was_mapped() {
        let (mut kernel, _) = with_memfds();
        let spec = MapSpec::new(MapType::Arena, 0, 0, 1 << 20).with_flags(BPF_F_MMAPABLE);
        let map = kernel.map_create(&spec).unwrap();
        let place = 0x7f55_0000_0000;
        let mapping = kernel.mmap(map, &Mmap { addr: place, ..Mmap::shared(4 << 30) }).unwrap();
        assert_eq!(mapping.addr, place);
        let file = mapping.parts[0].file.clone().unwrap();
        // What user space touched is there for a program, which reads a word, and writes the next.
        pwrite(file.0.fd(), &41u64.to_le_bytes(), file.1 + 0x3000).unwrap();
        let text = format!(
            "r1 = map[fd:{map}] ll\nr1 = {:#x} ll\nr1 = addr_space_cast(r1, 0, 1)\nr2 = *(u64 *)(r1 + 0)
             r2 += 1\n*(u64 *)(r1 + 8) = r2\nr0 = r2\nexit",
            place + 0x3000
        );
        let load =
            ProgLoad { flags: BPF_F_SLEEPABLE, ..ProgLoad::new("arena", ProgType::Syscall, asm(&text)) };
        let prog = kernel.prog_load(load).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(kernel.run(prog, Run::default()).unwrap().r0, 42);
        assert_eq!(seen(&file, 0x3008), 42u64.to_le_bytes());
    }
}
