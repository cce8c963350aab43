//! Perf events as system calls make them: probes, programs of events, shared rings, readiness.

use crate::support::{asm, kernel, load, word};
use skep_abi::uapi::attr_bits::{DISABLED, WATERMARK, WRITE_BACKWARD};
use skep_abi::uapi::ioctl::*;
use skep_abi::uapi::*;
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{
    Caps, Credentials, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM, Fd, Kernel, MapSpec,
    Mmap, PERF_TYPE_KPROBE, PERF_TYPE_UPROBE, ProgLoad, Run, RunError, Waiter,
};
use skep_memory::UserRanges;
use std::sync::{Arc, Mutex};

const PAGE: u64 = 4096;

/// Attributes, by the offsets of fields of up to eight bytes.
fn attr(fields: &[(&skep_abi::ctx::Field, u64)]) -> Vec<u8> {
    let mut bytes = vec![0; 136];
    bytes[4..8].copy_from_slice(&136u32.to_le_bytes());
    for (field, value) in fields {
        bytes[field.range()].copy_from_slice(&value.to_le_bytes()[..field.size()]);
    }
    bytes
}

/// What programs send samples to.
fn output(flags: u64) -> Vec<u8> {
    attr(&[
        (&perf_event_attr::r#type, PERF_TYPE_SOFTWARE.into()),
        (&perf_event_attr::config, PERF_COUNT_SW_BPF_OUTPUT),
        (&perf_event_attr::sample_type, PERF_SAMPLE_RAW),
        (&perf_event_attr::sample_period, 1),
        (&perf_event_attr::wakeup_events, 1),
        (&perf_event_attr::flags, flags),
    ])
}

fn open_in(kernel: &mut Kernel, mut attr: Vec<u8>, group: i32) -> Result<Fd, Errno> {
    kernel.perf_event_open_raw(&mut attr, -1, 0, group, 0, &mut UserRanges::new())
}

fn open(kernel: &mut Kernel, attr: Vec<u8>) -> Fd {
    open_in(kernel, attr, -1).unwrap()
}

fn ioctl(kernel: &mut Kernel, fd: Fd, request: u32, arg: u64) -> Result<i32, Errno> {
    kernel.perf_ioctl(fd, request, arg, &mut UserRanges::new())
}

/// An array of events, and a program that sends 8 bytes to the first.
struct Sender {
    array: Fd,
    prog: Fd,
}

impl Sender {
    fn new(kernel: &mut Kernel) -> Sender {
        let array = kernel.map_create(&MapSpec::new(MapType::PerfEventArray, 4, 4, 4)).unwrap();
        let text = format!(
            "r2 = 0x1122334455667788 ll\n*(u64 *)(r10 - 8) = r2\nr2 = map[fd:{array}] ll\nr3 = 0
             r4 = r10\nr4 += -8\nr5 = 8\ncall 25\nexit"
        );
        Sender { array, prog: load(kernel, ProgType::RawTracepoint, &text) }
    }

    fn send_to(&self, kernel: &mut Kernel, event: Fd) -> i64 {
        kernel.map_update_elem(self.array, &word(0), &word(event.0), 0).unwrap();
        kernel.run(self.prog, Run::default()).unwrap().r0 as i64
    }
}

fn tracepoint(kernel: &mut Kernel, name: &str) -> Fd {
    let id = kernel.tracepoint_id(name).unwrap();
    let kind = PERF_TYPE_TRACEPOINT.into();
    open(kernel, attr(&[(&perf_event_attr::r#type, kind), (&perf_event_attr::config, id.into())]))
}

fn program(kernel: &mut Kernel, kind: ProgType) -> Fd {
    load(kernel, kind, "r0 = 0\nexit")
}

/// The answer to PERF_EVENT_IOC_QUERY_BPF, how many programs it says there are, and their ids.
fn query(kernel: &mut Kernel, event: Fd, room: u32) -> (Result<i32, Errno>, u32, Vec<u32>) {
    let mut user = UserRanges::new();
    let mut given = room.to_le_bytes().to_vec();
    given.resize(8 + 4 * room as usize, 0xee);
    user.insert(0x1000, given.clone()).unwrap();
    let answer = kernel.perf_ioctl(event, PERF_EVENT_IOC_QUERY_BPF, 0x1000, &mut user);
    user.read(0x1000, &mut given).unwrap();
    let mut words = given.chunks(4).map(|it| u32::from_le_bytes(it.try_into().unwrap())).skip(1);
    (answer, words.next().unwrap(), words.collect())
}

#[test]
fn programs_of_a_tracepoint() {
    let mut kernel = kernel();
    let (one, two) =
        (tracepoint(&mut kernel, "sched/sched_switch"), tracepoint(&mut kernel, "sched/sched_switch"));
    let other = tracepoint(&mut kernel, "sched/sched_wakeup");
    let progs = [(); 2].map(|()| program(&mut kernel, ProgType::Tracepoint));
    assert_eq!(query(&mut kernel, one, 2), (Ok(0), 0, vec![0, 0]));
    assert_eq!(ioctl(&mut kernel, one, PERF_EVENT_IOC_SET_BPF, progs[0].0 as u64), Ok(0));
    assert_eq!(kernel.perf_set_bpf(one, progs[1]), Err(Errno::EEXIST), "the event has one");
    assert_eq!(kernel.perf_set_bpf(two, progs[0]), Err(Errno::EEXIST), "the tracepoint has this one");
    assert_eq!(kernel.perf_set_bpf(other, progs[0]), Ok(()), "another tracepoint");
    assert_eq!(kernel.perf_set_bpf(two, progs[1]), Ok(()));

    let ids = progs.map(|it| kernel.prog_id(it).unwrap());
    assert_eq!(query(&mut kernel, two, 2), (Ok(0), 2, ids.to_vec()), "the oldest first");
    assert_eq!(query(&mut kernel, one, 3), (Ok(0), 2, vec![ids[0], ids[1], 0]));
    assert_eq!(query(&mut kernel, one, 1), (Err(Errno::ENOSPC), 2, vec![ids[0]]));
    assert_eq!(query(&mut kernel, one, 0), (Ok(0), 2, vec![]));

    // A program stays until its event goes.
    kernel.close(progs[0]).unwrap();
    assert_eq!(query(&mut kernel, two, 1).1, 2);
    kernel.close(one).unwrap();
    assert_eq!(query(&mut kernel, two, 2), (Ok(0), 1, vec![ids[1], 0]));
}

#[test]
fn a_tracepoint_has_64_programs() {
    let mut kernel = kernel();
    for i in 0..65 {
        let event = tracepoint(&mut kernel, "a/b");
        let prog = program(&mut kernel, ProgType::Tracepoint);
        let expected = if i < 64 { Ok(()) } else { Err(Errno::E2BIG) };
        assert_eq!(kernel.perf_set_bpf(event, prog), expected, "{i}");
    }
}

/// An event of a probe, by the text at its first config field.
fn probe(kernel: &mut Kernel, kind: u32, config: u64, text: &[u8], offset: u64) -> Result<Fd, Errno> {
    let mut user = UserRanges::new();
    let at = if text.is_empty() { 0 } else { 0x1000 };
    if at != 0 {
        user.insert(at, text.to_vec()).unwrap();
    }
    let mut attr = attr(&[
        (&perf_event_attr::r#type, kind.into()),
        (&perf_event_attr::config, config),
        (&perf_event_attr::config1, at),
        (&perf_event_attr::config2, offset),
    ]);
    kernel.perf_event_open_raw(&mut attr, -1, 0, -1, 0, &mut user)
}

#[test]
fn probes() {
    let mut kernel = kernel();
    for (kind, config, text, offset, answer) in [
        (PERF_TYPE_KPROBE, 0, &b"vfs_read\0"[..], 0, Ok(())),
        (PERF_TYPE_KPROBE, 1, b"vfs_read\0", 0, Ok(())),
        (PERF_TYPE_KPROBE, 0, b"do_sys.isra.0\0", 8, Ok(())),
        (PERF_TYPE_KPROBE, 0, b"", 0xffff_ffff_8100_0000, Ok(())),
        (PERF_TYPE_KPROBE, 0, b"\0", 0xffff_ffff_8100_0000, Ok(())),
        (PERF_TYPE_KPROBE, 0, b"no function\0", 0, Err(Errno::ENOENT)),
        (PERF_TYPE_KPROBE, 0, b"no end", 0, Err(Errno::EFAULT)),
        (PERF_TYPE_KPROBE, 0, &[b'a'; 512], 0, Err(Errno::E2BIG)),
        (PERF_TYPE_UPROBE, 0, b"/bin/bash\0", 0x1000, Ok(())),
        (PERF_TYPE_UPROBE, 1 | 0x30 << 32, b"/bin/bash\0", 0x1000, Ok(())),
        (PERF_TYPE_UPROBE, 0, b"", 0, Err(Errno::EINVAL)),
        (PERF_TYPE_UPROBE, 0, b"\0", 0, Err(Errno::EINVAL)),
        (PERF_TYPE_UPROBE, 0, &[b'a'; 4096], 0, Err(Errno::E2BIG)),
    ] {
        let opened = probe(&mut kernel, kind, config, text, offset);
        assert_eq!(opened.map(drop), answer, "{kind} {config:#x} {:?}", String::from_utf8_lossy(text));
    }
}

#[test]
fn programs_of_probes() {
    let mut kernel = kernel();
    let entry = probe(&mut kernel, PERF_TYPE_KPROBE, 0, b"vfs_read\0", 0).unwrap();
    let again = probe(&mut kernel, PERF_TYPE_KPROBE, 0, b"vfs_read\0", 0).unwrap();
    let inside = probe(&mut kernel, PERF_TYPE_KPROBE, 0, b"vfs_read\0", 4).unwrap();
    let user = probe(&mut kernel, PERF_TYPE_UPROBE, 0, b"/bin/sh\0", 4).unwrap();
    let plain = program(&mut kernel, ProgType::Kprobe);
    let trace = program(&mut kernel, ProgType::Tracepoint);
    for event in [entry, user] {
        assert_eq!(kernel.perf_set_bpf(event, trace), Err(Errno::EINVAL));
    }
    assert_eq!(kernel.perf_set_bpf(entry, plain), Ok(()));
    assert_eq!(kernel.perf_set_bpf(entry, plain), Err(Errno::EEXIST));
    assert_eq!(kernel.perf_set_bpf(again, plain), Ok(()), "each event of a probe has programs of its own");
    assert_eq!(kernel.perf_set_bpf(user, plain), Ok(()));
    assert_eq!(query(&mut kernel, entry, 1).0, Err(Errno::EINVAL), "that is for tracepoints");

    let sleeps = ProgLoad {
        flags: skep_abi::flags::BPF_F_SLEEPABLE,
        verify: false,
        ..ProgLoad::new("sleeps", ProgType::Kprobe, asm("r0 = 0\nexit"))
    };
    let sleeps = kernel.prog_load(sleeps).unwrap();
    assert_eq!(
        kernel.perf_set_bpf(inside, sleeps),
        Err(Errno::EINVAL),
        "functions of the kernel do not sleep"
    );

    let changes = "r1 = r1\nr2 = 0\ncall 58\nr0 = 0\nexit";
    let changes = ProgLoad { verify: false, ..ProgLoad::new("changes", ProgType::Kprobe, asm(changes)) };
    let changes = kernel.prog_load(changes).unwrap();
    let fresh = probe(&mut kernel, PERF_TYPE_UPROBE, 0, b"/bin/sh\0", 4).unwrap();
    assert_eq!(kernel.perf_set_bpf(fresh, changes), Err(Errno::EINVAL), "no return of user space's");
    assert_eq!(kernel.perf_set_bpf(inside, changes), Err(Errno::EINVAL), "at entries alone");
    let fresh = probe(&mut kernel, PERF_TYPE_KPROBE, 0, b"vfs_read\0", 0).unwrap();
    assert_eq!(kernel.perf_set_bpf(fresh, changes), Ok(()));
}

#[test]
fn programs_for_samples() {
    let mut kernel = kernel();
    let event = open(&mut kernel, output(0));
    let prog = program(&mut kernel, ProgType::PerfEvent);
    let other = program(&mut kernel, ProgType::Kprobe);
    assert_eq!(kernel.perf_set_bpf(event, other), Err(Errno::EINVAL));
    assert_eq!(kernel.perf_set_bpf(event, prog), Ok(()));
    assert_eq!(kernel.perf_set_bpf(event, other), Err(Errno::EEXIST));
    assert_eq!(query(&mut kernel, event, 1).0, Err(Errno::EINVAL));
}

#[test]
fn without_capabilities() {
    let mut kernel = kernel();
    let probes = |kernel: &mut Kernel| {
        [PERF_TYPE_KPROBE, PERF_TYPE_UPROBE].map(|kind| probe(kernel, kind, 0, b"name\0", 0).map(drop).err())
    };
    let perfmon = Caps { perfmon: true, ..Caps::NONE };
    for (caps, expected) in [
        (Caps::ALL, [None, None]),
        (perfmon, [None, Some(Errno::EACCES)]),
        (Caps::NONE, [Some(Errno::EACCES), Some(Errno::EACCES)]),
    ] {
        kernel.set_credentials(Credentials { caps, ..Credentials::ROOT });
        assert_eq!(probes(&mut kernel), expected, "{caps:?}");
    }
    assert_eq!(open_in(&mut kernel, output(0), -1), Err(Errno::EACCES), "what the kernel does");
    let user_only = output(attr_bits::EXCLUDE_KERNEL);
    assert_eq!(open_in(&mut kernel, user_only.clone(), -1), Err(Errno::EACCES), "of everybody");
    let mut own = user_only;
    assert!(kernel.perf_event_open_raw(&mut own, 0, -1, -1, 0, &mut UserRanges::new()).is_ok(), "of oneself");
}

#[test]
fn a_mapping_makes_the_ring_and_ends_it() {
    let mut kernel = kernel();
    let sender = Sender::new(&mut kernel);
    let event = open(&mut kernel, output(0));
    assert_eq!(sender.send_to(&mut kernel, event), Errno::ENOSPC.neg(), "no ring");
    let mapping = kernel.mmap(event, &Mmap::shared(2 * PAGE)).unwrap();
    let parts: Vec<_> = mapping.parts.iter().map(|it| (it.at, it.len, it.writable)).collect();
    assert_eq!(parts, [(0, PAGE, true), (PAGE, PAGE, false)]);
    assert_eq!(sender.send_to(&mut kernel, event), 0);
    assert_eq!(kernel.perf_ring(event).unwrap().data_head(kernel.memory()), 24);
    kernel.munmap(mapping.id).unwrap();
    assert_eq!(sender.send_to(&mut kernel, event), Errno::ENOSPC.neg(), "no ring any more");
    let again = kernel.mmap(event, &Mmap::shared(3 * PAGE)).unwrap();
    assert_eq!(kernel.perf_ring(event).unwrap().data_head(kernel.memory()), 0, "a new one");
    kernel.munmap(again.id).unwrap();
}

#[test]
fn a_mapping_keeps_the_event() {
    let mut kernel = kernel();
    let sender = Sender::new(&mut kernel);
    let event = open(&mut kernel, output(0));
    let mapping = kernel.mmap(event, &Mmap::shared(2 * PAGE)).unwrap();
    assert_eq!(sender.send_to(&mut kernel, event), 0);
    kernel.close(event).unwrap();
    let head = mapping.at(1024).unwrap();
    assert_eq!(kernel.memory().peek_u64(head), Ok(24), "what was sent is there");
    assert_eq!(kernel.run(sender.prog, Run::default()).unwrap().r0, 0, "and the array has the event");
    kernel.munmap(mapping.id).unwrap();
    assert_eq!(kernel.run(sender.prog, Run::default()).unwrap().r0 as i64, Errno::ENOSPC.neg());
}

#[test]
fn a_ring_that_nobody_empties() {
    let mut kernel = kernel();
    let sender = Sender::new(&mut kernel);
    let event = open(&mut kernel, output(0));
    kernel.mmap(event, &Mmap::shared(2 * PAGE).read_only()).unwrap();
    // 170 of 24 bytes fit. A mapping to read only says that what is old may go.
    for i in 0..400 {
        assert_eq!(sender.send_to(&mut kernel, event), 0, "{i}");
    }
    let ring = kernel.perf_ring(event).unwrap();
    assert_eq!(ring.data_head(kernel.memory()), 400 * 24);
}

#[test]
fn a_ring_that_is_written_backward() {
    let mut kernel = kernel();
    let sender = Sender::new(&mut kernel);
    let event = open(&mut kernel, output(WRITE_BACKWARD));
    kernel.mmap(event, &Mmap::shared(2 * PAGE)).unwrap();
    let ring = kernel.perf_ring(event).unwrap();
    for i in 1..=170u64 {
        assert_eq!(sender.send_to(&mut kernel, event), 0, "{i}");
        assert_eq!(ring.data_head(kernel.memory()), (i * 24).wrapping_neg());
        let mut record = [0; 24];
        assert!(ring.read_at(kernel.memory(), ring.data_head(kernel.memory()), &mut record));
        assert_eq!(record[12..20], 0x1122_3344_5566_7788u64.to_le_bytes(), "{i}");
    }
    assert_eq!(sender.send_to(&mut kernel, event), Errno::ENOSPC.neg());
}

#[test]
fn a_pause() {
    let mut kernel = kernel();
    let sender = Sender::new(&mut kernel);
    let mut lost = output(0);
    lost[perf_event_attr::read_format.range()].copy_from_slice(&PERF_FORMAT_LOST.to_le_bytes());
    let event = open(&mut kernel, lost);
    assert_eq!(kernel.perf_pause_output(event, true), Err(Errno::EINVAL), "no ring");
    kernel.mmap(event, &Mmap::shared(2 * PAGE)).unwrap();
    kernel.perf_pause_output(event, true).unwrap();
    assert_eq!(sender.send_to(&mut kernel, event), Errno::ENOSPC.neg());
    assert_eq!(ioctl(&mut kernel, event, PERF_EVENT_IOC_PAUSE_OUTPUT, 0), Ok(0));
    assert_eq!(sender.send_to(&mut kernel, event), 0);
    let ring = kernel.perf_ring(event).unwrap();
    assert_eq!(ring.data_head(kernel.memory()), 24 + 24, "a record of the one that was lost");
    assert_eq!(kernel.perf_read(event, 16).unwrap()[8..], 1u64.to_le_bytes());
}

#[test]
fn one_ring_for_two() {
    let mut kernel = kernel();
    let sender = Sender::new(&mut kernel);
    let mut with_id = output(0);
    with_id[perf_event_attr::sample_type.range()]
        .copy_from_slice(&(PERF_SAMPLE_RAW | PERF_SAMPLE_IDENTIFIER).to_le_bytes());
    let events = [(); 2].map(|()| open(&mut kernel, with_id.clone()));
    let mapping = kernel.mmap(events[0], &Mmap::shared(2 * PAGE)).unwrap();
    kernel.perf_set_output(events[1], Some(events[0])).unwrap();
    for event in events {
        assert_eq!(sender.send_to(&mut kernel, event), 0);
    }
    let ring = kernel.perf_ring(events[1]).unwrap();
    for (i, event) in events.into_iter().enumerate() {
        let mut id = [0; 8];
        assert!(ring.read_at(kernel.memory(), i as u64 * 32 + 8, &mut id));
        assert_eq!(u64::from_le_bytes(id), kernel.perf_id(event).unwrap());
    }
    // The ring ends with its last mapping, for both.
    kernel.munmap(mapping.id).unwrap();
    for event in events {
        assert_eq!(sender.send_to(&mut kernel, event), Errno::ENOSPC.neg());
        assert_eq!(kernel.poll(event, EPOLLIN), Ok(EPOLLHUP));
    }
}

#[test]
fn a_leader_that_does_not_count() {
    let mut kernel = kernel();
    let sender = Sender::new(&mut kernel);
    let leader = open(&mut kernel, output(DISABLED));
    let event = open_in(&mut kernel, output(0), leader.0).unwrap();
    kernel.mmap(event, &Mmap::shared(2 * PAGE)).unwrap();
    assert_eq!(sender.send_to(&mut kernel, event), Errno::EOPNOTSUPP.neg());
    kernel.perf_enable(leader).unwrap();
    assert_eq!(sender.send_to(&mut kernel, event), 0);
    ioctl(&mut kernel, event, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP.into()).unwrap();
    kernel.perf_enable(event).unwrap();
    assert_eq!(sender.send_to(&mut kernel, event), Errno::EOPNOTSUPP.neg(), "the leader is still off");
    // Without its leader it leads itself.
    kernel.close(leader).unwrap();
    assert_eq!(sender.send_to(&mut kernel, event), 0);
}

#[test]
fn fields_of_samples_that_are_not_emulated() {
    let mut kernel = kernel();
    let sender = Sender::new(&mut kernel);
    let mut chains = output(0);
    chains[perf_event_attr::sample_type.range()]
        .copy_from_slice(&(PERF_SAMPLE_RAW | PERF_SAMPLE_CALLCHAIN).to_le_bytes());
    let event = open(&mut kernel, chains);
    kernel.mmap(event, &Mmap::shared(2 * PAGE)).unwrap();
    kernel.map_update_elem(sender.array, &word(0), &word(event.0), 0).unwrap();
    let Err(RunError::Fault(report)) = kernel.run(sender.prog, Run::default()) else { panic!("it went on") };
    assert!(report.to_string().contains("PERF_SAMPLE_CALLCHAIN"), "{report}");
}

/// Whom the kernel woke.
fn listen(kernel: &mut Kernel) -> Arc<Mutex<Vec<Waiter>>> {
    let woken = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&woken);
    kernel.on_wakeup(Some(Box::new(move |waiter| told.lock().unwrap().push(waiter))));
    woken
}

#[test]
fn readiness_of_events() {
    let mut kernel = kernel();
    let woken = listen(&mut kernel);
    let sender = Sender::new(&mut kernel);
    let event = open(&mut kernel, output(0));
    assert_eq!(kernel.poll(event, EPOLLIN), Ok(EPOLLHUP), "no ring");
    kernel.mmap(event, &Mmap::shared(2 * PAGE)).unwrap();
    assert_eq!(kernel.poll(event, EPOLLIN), Ok(0));
    assert_eq!(sender.send_to(&mut kernel, event), 0);
    assert_eq!(*woken.lock().unwrap(), [kernel.waiter(event).unwrap()]);
    assert_eq!(kernel.poll(event, u32::MAX), Ok(EPOLLIN | EPOLLRDNORM));
    assert_eq!(kernel.poll(event, u32::MAX), Ok(0), "asking takes it away");

    // A watermark in bytes: more than 100 of them, and more than 100 after the last time.
    let mut marked = output(WATERMARK);
    marked[perf_event_attr::wakeup_events.range()].copy_from_slice(&100u32.to_le_bytes());
    let event = open(&mut kernel, marked);
    kernel.mmap(event, &Mmap::shared(2 * PAGE)).unwrap();
    let ready: Vec<u32> = (0..10)
        .map(|_| {
            assert_eq!(sender.send_to(&mut kernel, event), 0);
            kernel.poll(event, EPOLLIN).unwrap()
        })
        .collect();
    assert_eq!(ready, [0, 0, 0, 0, 1, 0, 0, 0, 1, 0], "24 bytes each");
    assert_eq!(woken.lock().unwrap().len(), 3);
}

#[test]
fn readiness_of_ring_buffers() {
    let mut kernel = kernel();
    let woken = listen(&mut kernel);
    let map = kernel.map_create(&MapSpec::new(MapType::Ringbuf, 0, 0, 4096)).unwrap();
    let text = |flags: u32| {
        format!(
            "*(u64 *)(r10 - 8) = 0\nr1 = map[fd:{map}] ll\nr2 = r10\nr2 += -8\nr3 = 8\nr4 = {flags}\ncall 130\nr0 = 0\nexit"
        )
    };
    let prog = load(&mut kernel, ProgType::SocketFilter, &text(0));
    assert_eq!(kernel.poll(map, EPOLLIN), Ok(0));
    for _ in 0..2 {
        kernel.run(prog, Run::default()).unwrap();
    }
    let waiter = kernel.waiter(map).unwrap();
    assert_eq!(*woken.lock().unwrap(), [waiter], "the second finds a reader that is behind");
    for _ in 0..2 {
        assert_eq!(kernel.poll(map, u32::MAX), Ok(EPOLLIN | EPOLLRDNORM), "as long as there is something");
    }
    let consumer = kernel.mmap(map, &Mmap::shared(PAGE)).unwrap();
    kernel.memory().poke_u64(consumer.at(0).unwrap(), 32).unwrap();
    assert_eq!(kernel.poll(map, EPOLLIN), Ok(0));
    let quiet = load(&mut kernel, ProgType::SocketFilter, &text(1));
    kernel.run(quiet, Run::default()).unwrap();
    assert_eq!(
        (woken.lock().unwrap().len(), kernel.poll(map, EPOLLIN)),
        (1, Ok(EPOLLIN)),
        "BPF_RB_NO_WAKEUP"
    );
}

#[test]
fn readiness_of_the_rest() {
    let mut kernel = kernel();
    let orders = kernel.map_create(&MapSpec::new(MapType::UserRingbuf, 0, 0, 4096)).unwrap();
    assert_eq!(kernel.poll(orders, u32::MAX), Ok(EPOLLOUT | EPOLLWRNORM));
    let producer = kernel.mmap(orders, &Mmap::shared(PAGE).at_offset(PAGE)).unwrap();
    kernel.memory().poke_u64(producer.at(0).unwrap(), 4096).unwrap();
    assert_eq!(kernel.poll(orders, u32::MAX), Ok(0), "full");
    let map = kernel.map_create(&MapSpec::new(MapType::Hash, 4, 4, 4)).unwrap();
    let prog = program(&mut kernel, ProgType::SocketFilter);
    assert_eq!(kernel.poll(map, EPOLLIN), Ok(EPOLLERR));
    assert_eq!(kernel.poll(prog, EPOLLIN | EPOLLOUT), Ok(EPOLLIN | EPOLLOUT), "never waits");
    assert_eq!((kernel.pollable(map), kernel.pollable(prog)), (Ok(()), Err(Errno::EPERM)));
    assert_eq!(kernel.poll(Fd(99), EPOLLIN), Err(Errno::EBADF));
    assert_eq!(kernel.pollable(Fd(99)), Err(Errno::EBADF));
}

#[cfg(target_os = "linux")]
#[test]
fn a_ring_of_pages_from_outside() {
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use rustix::io::{pread, pwrite};
    use skep_kernel::{PageFile, Pages, PagesKind, PagesWanted};

    struct Memfds;

    impl Pages for Memfds {
        fn supply(&mut self, wanted: &PagesWanted<'_>) -> Option<PageFile> {
            if wanted.kind != PagesKind::PerfRing {
                return None;
            }
            assert_eq!((wanted.len, wanted.name), (3 * PAGE, "perf ring of CPU 0"));
            let file = memfd_create("ring", MemfdFlags::CLOEXEC).ok()?;
            ftruncate(&file, wanted.len).ok()?;
            Some(PageFile::new(file, 0))
        }
    }

    let mut kernel = kernel();
    kernel.set_pages(Some(Box::new(Memfds)));
    let sender = Sender::new(&mut kernel);
    let event = open(&mut kernel, output(0));
    let mapping = kernel.mmap(event, &Mmap::shared(3 * PAGE)).unwrap();
    let (file, at) = mapping.parts[1].file.clone().unwrap();
    assert_eq!(at, PAGE);
    let mut room = 2 * PAGE;
    while room > 24 {
        assert_eq!(sender.send_to(&mut kernel, event), 0);
        room -= 24;
    }
    let mut head = [0; 8];
    pread(file.fd(), &mut head, 1024).unwrap();
    assert_eq!(u64::from_le_bytes(head), 2 * PAGE - room);
    let mut record = [0; 24];
    pread(file.fd(), &mut record, PAGE + 24).unwrap();
    assert_eq!(record[12..20], 0x1122_3344_5566_7788u64.to_le_bytes());
    assert_eq!(sender.send_to(&mut kernel, event), Errno::ENOSPC.neg());
    // A reader outside moves the tail.
    pwrite(file.fd(), &head, 1032).unwrap();
    assert_eq!(sender.send_to(&mut kernel, event), 0);
}
