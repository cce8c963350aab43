//! `bpf_perf_event_output`: which ring, what it answers, and what a reader finds.

use crate::support::{asm, hex, kernel, load, value_map, word};
use skep_abi::flags::BPF_F_PRESERVE_ELEMS;
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Context, Fd, Kernel, MapSpec, PacketCtx, PerfEventAttr, PerfRing, ProgLoad, PtRegs, Run};

const CURRENT_CPU: u64 = 0xffff_ffff;

/// An array of events and a program that sends eight bytes, with flags in r3.
struct Setup {
    kernel: Kernel,
    array: Fd,
}

impl Setup {
    fn new() -> Setup {
        let mut kernel = kernel();
        let array = kernel.map_create(&MapSpec::new(MapType::PerfEventArray, 4, 4, 4)).unwrap();
        Setup { kernel, array }
    }

    /// Opens an event on a CPU, maps a page, and stores it in the slot of that number.
    fn open(&mut self, cpu: u32) -> (Fd, PerfRing) {
        let attr = PerfEventAttr::bpf_output();
        let event = self.kernel.perf_event_open(&attr, -1, cpu as i32).unwrap();
        let ring = self.kernel.perf_mmap(event, 1).unwrap();
        self.store(cpu as i32, event).unwrap();
        (event, ring)
    }

    fn store(&mut self, index: i32, event: Fd) -> Result<(), Errno> {
        self.kernel.map_update_elem(self.array, &word(index), &word(event.0), 0)
    }

    fn text(&self, flags: u64, size: u32) -> String {
        format!(
            "r2 = 0x1122334455667788 ll\n*(u64 *)(r10 - 8) = r2\n*(u64 *)(r10 - 16) = r2\nr2 = map[fd:{}] ll
             r3 = {flags:#x} ll\nr4 = r10\nr4 += -16\nr5 = {size}\ncall 25\nexit",
            self.array
        )
    }

    fn send(&mut self, flags: u64, cpu: u32) -> i64 {
        self.send_as(ProgType::RawTracepoint, Context::Raw(vec![0]), flags, cpu)
    }

    fn send_as(&mut self, prog_type: ProgType, ctx: Context, flags: u64, cpu: u32) -> i64 {
        let text = self.text(flags, 8);
        let prog = load(&mut self.kernel, prog_type, &text);
        let ran = self.kernel.run(prog, Run::new(ctx).on(cpu)).unwrap_or_else(|error| panic!("{error}"));
        self.kernel.close(prog).unwrap();
        ran.r0 as i64
    }

    /// Every byte that was written to a ring and not read.
    fn take(&self, ring: PerfRing) -> Vec<u8> {
        let memory = self.kernel.memory();
        let (tail, head) = (ring.data_tail(memory), ring.data_head(memory));
        let mut bytes = vec![0; (head - tail) as usize];
        assert!(ring.read_at(memory, tail, &mut bytes));
        ring.set_data_tail(memory, head);
        bytes
    }
}

/// A sample of eight bytes: header, size of the raw data, the data, four bytes of padding.
const SAMPLE: &str = "0900000001001800_0c000000_8877665544332211_00000000";

fn sample() -> Vec<u8> {
    hex(&SAMPLE.replace('_', ""))
}

#[test]
fn without_an_event_in_the_slot() {
    assert_eq!(Setup::new().send(0, 0), Errno::ENOENT.neg());
    assert_eq!(Setup::new().send(CURRENT_CPU, 3), Errno::ENOENT.neg());
}

#[test]
fn an_index_past_the_end() {
    let mut setup = Setup::new();
    assert_eq!(setup.send(4, 0), Errno::E2BIG.neg());
    assert_eq!(setup.send(0xffff_fffe, 0), Errno::E2BIG.neg());
    // The running CPU's number is an index like any other.
    let small = setup.kernel.map_create(&MapSpec::new(MapType::PerfEventArray, 4, 4, 2)).unwrap();
    setup.array = small;
    assert_eq!(setup.send(CURRENT_CPU, 2), Errno::E2BIG.neg());
}

#[test]
fn flag_bits_beyond_the_index() {
    let mut setup = Setup::new();
    setup.open(0);
    for flags in [1 << 32, 1 << 51, 1 << 52, 1 << 63] {
        assert_eq!(setup.send(flags, 0), Errno::EINVAL.neg(), "{flags:#x}");
    }
    // They are looked at first.
    assert_eq!(setup.send(1 << 32 | 99, 0), Errno::EINVAL.neg());
}

#[test]
fn the_current_cpu_on_each_cpu() {
    let mut setup = Setup::new();
    let rings: Vec<_> = (0..4).map(|cpu| setup.open(cpu).1).collect();
    for cpu in 0..4 {
        assert_eq!(setup.send(CURRENT_CPU, cpu), 0);
        for (other, ring) in rings.iter().enumerate() {
            let found = setup.take(*ring);
            assert_eq!(found, if other as u32 == cpu { sample() } else { vec![] }, "CPU {cpu}, ring {other}");
        }
    }
}

#[test]
fn an_event_that_does_not_run_here() {
    let mut setup = Setup::new();
    let (event, ring) = setup.open(1);
    assert_eq!(setup.send(1, 0), Errno::EOPNOTSUPP.neg(), "another CPU's");
    assert_eq!(setup.send(1, 1), 0);
    setup.kernel.perf_disable(event).unwrap();
    assert_eq!(setup.send(1, 1), Errno::EOPNOTSUPP.neg(), "disabled");
    setup.kernel.perf_enable(event).unwrap();
    assert_eq!(setup.send(1, 1), 0);
    assert_eq!(setup.take(ring), [sample(), sample()].concat());
}

#[test]
fn an_event_of_another_kind() {
    let mut setup = Setup::new();
    for (kind, config) in [(1, 0), (1, 9), (1, 11)] {
        let attr = PerfEventAttr { kind, config, ..PerfEventAttr::bpf_output() };
        let event = setup.kernel.perf_event_open(&attr, -1, 0).unwrap();
        setup.store(0, event).unwrap();
        assert_eq!(setup.send(0, 0), Errno::EINVAL.neg(), "type {kind}, config {config}");
    }
}

#[test]
fn an_event_of_a_thread() {
    let mut setup = Setup::new();
    let pid = setup.kernel.task().pid as i32;
    for (thread, cpu) in [(pid, -1), (0, -1), (0, 2)] {
        let event = setup.kernel.perf_event_open(&PerfEventAttr::bpf_output(), thread, cpu).unwrap();
        setup.kernel.perf_mmap(event, 1).unwrap();
        setup.store(0, event).unwrap();
        assert_eq!(setup.send(0, 2), 0, "{thread} on {cpu}");
        let mut other = setup.kernel.task().clone();
        other.pid += 1;
        let current = setup.kernel.task().clone();
        setup.kernel.set_task(other);
        assert_eq!(setup.send(0, 2), Errno::EOPNOTSUPP.neg(), "another thread, {cpu}");
        setup.kernel.set_task(current);
    }
}

#[test]
fn what_can_be_opened() {
    let mut kernel = kernel();
    let ours = PerfEventAttr::bpf_output();
    let mut open = |attr: &PerfEventAttr, pid, cpu| kernel.perf_event_open(attr, pid, cpu).err();
    assert_eq!(open(&ours, -1, 3), None);
    for (pid, cpu, errno) in [
        (-1, -1, Errno::EINVAL),
        (-1, 4, Errno::EINVAL),
        (-1, -2, Errno::EINVAL),
        (999_999, 0, Errno::ESRCH),
        (-2, 0, Errno::ESRCH),
    ] {
        assert_eq!(open(&ours, pid, cpu), Some(errno), "{pid} {cpu}");
    }
    let attr = PerfEventAttr { kind: 4, ..ours };
    assert_eq!(open(&attr, -1, 0), Some(Errno::ENOENT));
    let attr = PerfEventAttr { config: 12, ..ours };
    assert_eq!(open(&attr, -1, 0), Some(Errno::ENOENT));
    let attr = PerfEventAttr { sample_period: 1 << 63, ..ours };
    assert_eq!(open(&attr, -1, 0), Some(Errno::EINVAL));
    let attr = PerfEventAttr { sample_type: 1 << 5, ..ours };
    assert_eq!(open(&attr, -1, 0), Some(Errno::EOPNOTSUPP));
}

#[test]
fn mapping_a_ring() {
    let mut kernel = kernel();
    let event = kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
    assert_eq!(kernel.perf_ring(event), Err(Errno::ENXIO));
    assert_eq!(kernel.perf_mmap(event, 3), Err(Errno::EINVAL));
    let ring = kernel.perf_mmap(event, 4).unwrap();
    assert_eq!(kernel.perf_mmap(event, 4), Ok(ring), "mapped twice");
    assert_eq!(kernel.perf_mmap(event, 2), Err(Errno::EINVAL), "another size");
    assert_eq!(kernel.perf_ring(event), Ok(ring));
    assert_eq!((ring.data_addr() - ring.addr(), ring.data_size()), (4096, 4 * 4096));
    // data_offset and data_size, as user space reads them.
    assert_eq!(kernel.memory().peek_u64(ring.addr() + 0x410).unwrap(), 4096);
    assert_eq!(kernel.memory().peek_u64(ring.addr() + 0x418).unwrap(), 4 * 4096);
    let map = value_map(&mut kernel, 8);
    assert_eq!(kernel.perf_mmap(map, 1), Err(Errno::EINVAL));
    assert_eq!(kernel.perf_mmap(Fd(77), 1), Err(Errno::EBADF));
    kernel.close(event).unwrap();
    assert!(!ring.read_at(kernel.memory(), 0, &mut [0; 8]), "the ring went with its event");
}

#[test]
fn only_events_go_into_the_array() {
    let mut setup = Setup::new();
    let map = value_map(&mut setup.kernel, 8);
    assert_eq!(setup.store(0, map), Err(Errno::EBADF));
    assert_eq!(setup.store(0, Fd(55)), Err(Errno::EBADF));
    let attr = PerfEventAttr { inherit: true, ..PerfEventAttr::bpf_output() };
    let inherited = setup.kernel.perf_event_open(&attr, 0, 0).unwrap();
    assert_eq!(setup.store(0, inherited), Err(Errno::EOPNOTSUPP));
    let (event, _) = setup.open(0);
    assert_eq!(setup.store(4, event), Err(Errno::E2BIG));
    assert_eq!(setup.kernel.map_lookup_elem(setup.array, &word(0)), Err(Errno::ENOTSUPP));
}

/// A full ring refuses whole samples, and says later how many.
#[test]
fn a_full_ring_and_what_was_lost() {
    let mut setup = Setup::new();
    let (_, ring) = setup.open(0);
    let fits = 4096 / 24;
    for i in 0..fits {
        assert_eq!(setup.send(0, 0), 0, "sample {i}");
    }
    for _ in 0..3 {
        assert_eq!(setup.send(0, 0), Errno::ENOSPC.neg());
    }
    assert_eq!(setup.take(ring), sample().repeat(fits));
    assert_eq!(setup.send(0, 0), 0);
    // type 2, size 24; the event's id; 3 lost; then the sample, whose padding shows what was there before.
    let lost = hex("020000000000180001000000000000000300000000000000");
    let found = setup.take(ring);
    assert_eq!(found[..44], [lost, sample()].concat()[..44]);
    assert_eq!(found[44..], sample()[4..8], "padding is not written");
    assert_eq!(setup.send(0, 0), 0);
    assert_eq!(setup.take(ring)[..20], sample()[..20], "said once");
}

#[test]
fn an_event_without_a_ring() {
    let mut setup = Setup::new();
    let event = setup.kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
    setup.store(0, event).unwrap();
    assert_eq!(setup.send(0, 0), Errno::ENOSPC.neg());
}

/// Programs with a packet append its start.
#[test]
fn bytes_of_the_packet() {
    let packet: Vec<u8> = (0..60).collect();
    for prog_type in [ProgType::Xdp, ProgType::SchedCls, ProgType::SocketFilter] {
        let mut setup = Setup::new();
        let (_, ring) = setup.open(0);
        let ctx = || Context::Packet(PacketCtx::new((0..60).collect()));
        let mut send = |flags| setup.send_as(prog_type, ctx(), flags, 0);
        assert_eq!(send(5 << 32), 0);
        assert_eq!(send(60 << 32), 0);
        assert_eq!(send(61 << 32), Errno::EFAULT.neg(), "past the packet");
        assert_eq!(send(0xfffff << 32), Errno::EFAULT.neg(), "all bits of the length");
        assert_eq!(send(1 << 52), Errno::EINVAL.neg(), "the first bit beyond");
        assert_eq!(send(61 << 32 | 9), Errno::EFAULT.neg(), "before the index is looked at");
        let found = setup.take(ring);
        let mut first = hex("0900000001002000140000008877665544332211");
        first.extend([0, 1, 2, 3, 4]);
        assert_eq!(found[..25], first, "{prog_type:?}");
        assert_eq!(found[32 + 20..32 + 80], packet, "{prog_type:?}");
        assert_eq!(found.len(), 32 + 80, "{prog_type:?}");
    }
}

#[test]
fn a_probe_of_user_space_says_so() {
    let mut setup = Setup::new();
    let (_, ring) = setup.open(0);
    let user = PtRegs { cs: 0x33, ..PtRegs::call(&[]) };
    for (regs, misc) in [(PtRegs::call(&[]), 1), (user, 2)] {
        assert_eq!(setup.send_as(ProgType::Kprobe, Context::Regs(regs), 0, 0), 0);
        assert_eq!(setup.take(ring)[4], misc);
    }
}

#[test]
fn all_fields_of_a_sample() {
    let mut setup = Setup::new();
    let sample_type = 1 | 2 | 4 | 8 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 16;
    let attr = PerfEventAttr { sample_type, ..PerfEventAttr::bpf_output() };
    let event = setup.kernel.perf_event_open(&attr, -1, 2).unwrap();
    let ring = setup.kernel.perf_mmap(event, 1).unwrap();
    setup.store(0, event).unwrap();
    let regs = PtRegs { rip: 0xffff_ffff_8100_0000, ..PtRegs::call(&[]) };
    assert_eq!(setup.send_as(ProgType::Kprobe, Context::Regs(regs), 0, 2), 0);
    let words: Vec<u64> =
        setup.take(ring).chunks(8).map(|it| u64::from_le_bytes(it.try_into().unwrap())).collect();
    let (task, now) = (setup.kernel.task(), setup.kernel.clock().monotonic_ns);
    let thread = u64::from(task.tgid) | u64::from(task.pid) << 32;
    // Header, identifier, ip, thread, time, address, id, stream, CPU, period.
    let header = 9 | 1 << 32 | 96 << 48;
    assert_eq!(words[..10], [header, 1, 0xffff_ffff_8100_0000, thread, now, 0, 1, 1, 2, 0]);
    assert_eq!(words[10..], [0x5566_7788_0000_000c, 0x1122_3344]);
}

#[test]
fn when_a_reader_is_woken() {
    let mut setup = Setup::new();
    let (event, _) = setup.open(0);
    assert_eq!(setup.kernel.perf_poll(event), Ok(false));
    assert_eq!(setup.send(0, 0), 0);
    assert_eq!(setup.kernel.perf_poll(event), Ok(true));
    assert_eq!(setup.kernel.perf_poll(event), Ok(false), "once");

    let attr = PerfEventAttr { wakeup: 3, ..PerfEventAttr::bpf_output() };
    let event = setup.kernel.perf_event_open(&attr, -1, 0).unwrap();
    setup.kernel.perf_mmap(event, 1).unwrap();
    setup.store(0, event).unwrap();
    let woken: Vec<_> = (0..6)
        .map(|_| {
            setup.send(0, 0);
            setup.kernel.perf_poll(event).unwrap()
        })
        .collect();
    assert_eq!(woken, [false, false, true, false, false, true], "every third sample");

    let attr = PerfEventAttr { wakeup: 50, watermark: true, ..PerfEventAttr::bpf_output() };
    let event = setup.kernel.perf_event_open(&attr, -1, 0).unwrap();
    setup.kernel.perf_mmap(event, 1).unwrap();
    setup.store(0, event).unwrap();
    let woken: Vec<_> = (0..6)
        .map(|_| {
            setup.send(0, 0);
            setup.kernel.perf_poll(event).unwrap()
        })
        .collect();
    // 24 bytes a sample: more than 50 bytes after the third, more than 100 after the fifth.
    assert_eq!(woken, [false, false, true, false, true, false], "every fifty bytes");
}

/// Events stay in the array without their fds, and leave it with the array's, unless it keeps them.
#[test]
fn who_keeps_an_event() {
    for (flags, left) in [(0, Errno::ENOENT.neg()), (BPF_F_PRESERVE_ELEMS, 0)] {
        let mut setup = Setup::new();
        let spec = MapSpec::new(MapType::PerfEventArray, 4, 4, 4).with_flags(flags);
        setup.array = setup.kernel.map_create(&spec).unwrap();
        let (event, _) = setup.open(0);
        let text = setup.text(0, 8);
        let load = ProgLoad::new("send", ProgType::RawTracepoint, asm(&text));
        let prog = setup.kernel.prog_load(load).unwrap();
        setup.kernel.close(event).unwrap();
        assert_eq!(setup.kernel.run(prog, Run::default()).unwrap().r0, 0);
        setup.kernel.close(setup.array).unwrap();
        assert_eq!(setup.kernel.run(prog, Run::default()).unwrap().r0 as i64, left, "flags {flags:#x}");
    }
}
