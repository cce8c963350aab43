//! `bpf_perf_event_output(ctx, map, flags, data, size)`, clause by clause, with a reader that makes system calls alone:
//! `perf_event_open(2)`, `bpf(2)`, `mmap(2)`, `poll(2)`.

use crate::support::{kernel, load};
use skep_abi::attr::{self, Cmd, elem, map_create};
use skep_abi::ctx::Field;
use skep_abi::flags::{BPF_F_CURRENT_CPU, BPF_F_INDEX_MASK};
use skep_abi::uapi::attr_bits::{DISABLED, INHERIT};
use skep_abi::uapi::ioctl::{PERF_EVENT_IOC_DISABLE, PERF_EVENT_IOC_ENABLE};
use skep_abi::uapi::perf_event_attr as event;
use skep_abi::uapi::*;
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Context, EPOLLIN, Fd, Kernel, Mapping, Mmap, PacketCtx, Run};
use skep_memory::UserRanges;

const PAGE: u64 = 4096;
/// Where keys and values are in the reader's memory.
const KEY: u64 = 0x1000;
const VALUE: u64 = 0x2000;
/// Slots of the array.
const SLOTS: u64 = 4;

fn put(bytes: &mut [u8], fields: &[(&Field, u64)]) {
    for (field, value) in fields {
        bytes[field.range()].copy_from_slice(&value.to_le_bytes()[..field.size()]);
    }
}

/// A process with an array of events.
struct Reader {
    kernel: Kernel,
    user: UserRanges,
    array: Fd,
}

impl Reader {
    fn new() -> Reader {
        let mut user = UserRanges::new();
        user.insert(KEY, [0; 4]).unwrap();
        user.insert(VALUE, [0; 4]).unwrap();
        let mut reader = Reader { kernel: kernel(), user, array: Fd(-1) };
        let made = reader.bpf(
            Cmd::MapCreate,
            &[
                (&map_create::map_type, MapType::PerfEventArray as u64),
                (&map_create::key_size, 4),
                (&map_create::value_size, 4),
                (&map_create::max_entries, SLOTS),
            ],
        );
        reader.array = Fd(made.unwrap());
        reader
    }

    fn bpf(&mut self, cmd: Cmd, fields: &[(&Field, u64)]) -> Result<i32, Errno> {
        let mut bytes = [0; attr::SIZE];
        put(&mut bytes, fields);
        self.kernel.bpf(cmd as u32, &mut bytes, &mut self.user)
    }

    /// Opens the event that programs write to, but for what `fields` say.
    fn open(&mut self, cpu: i32, fields: &[(&Field, u64)]) -> Fd {
        let mut bytes = [0; PERF_ATTR_SIZE_VER8 as usize];
        let usual = [
            (&event::size, u64::from(PERF_ATTR_SIZE_VER8)),
            (&event::r#type, PERF_TYPE_SOFTWARE.into()),
            (&event::config, PERF_COUNT_SW_BPF_OUTPUT),
            (&event::sample_type, PERF_SAMPLE_RAW),
            (&event::sample_period, 1),
            (&event::wakeup_events, 1),
        ];
        put(&mut bytes, &usual);
        put(&mut bytes, fields);
        self.kernel
            .perf_event_open_raw(&mut bytes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC, &mut self.user)
            .unwrap()
    }

    /// Stores an event's descriptor in the array.
    fn store(&mut self, slot: u32, fd: i32) -> Result<i32, Errno> {
        self.user.write(KEY, &slot.to_le_bytes()).unwrap();
        self.user.write(VALUE, &fd.to_le_bytes()).unwrap();
        let array = self.array.0 as u64;
        let fields = [(&elem::map_fd, array), (&elem::key, KEY), (&elem::value, VALUE)];
        self.bpf(Cmd::MapUpdateElem, &fields)
    }

    /// An event on a CPU, its ring of one page, in the slot of that number.
    fn event(&mut self, cpu: i32) -> (Fd, Mapping) {
        let fd = self.open(cpu, &[]);
        let ring = self.kernel.mmap(fd, &Mmap::shared(2 * PAGE)).unwrap();
        self.store(cpu as u32, fd.0).unwrap();
        (fd, ring)
    }

    /// Sends `size` bytes, 0x11 each, on a CPU.
    fn send(&mut self, flags: u64, size: u32, cpu: u32) -> i64 {
        self.send_as(ProgType::RawTracepoint, Context::Raw(vec![0]), flags, size, cpu)
    }

    fn send_as(&mut self, kind: ProgType, ctx: Context, flags: u64, size: u32, cpu: u32) -> i64 {
        let array = self.array;
        let words: String = (1..=64).map(|i| format!("*(u64 *)(r10 - {}) = r2\n", i * 8)).collect();
        let text = format!(
            "r2 = 0x1111111111111111 ll\n{words}r2 = map[fd:{array}] ll\nr3 = {flags:#x} ll\nr4 = r10\nr4 += -512
             r5 = {size}\ncall 25\nexit"
        );
        let prog = load(&mut self.kernel, kind, &text);
        let ran = self.kernel.run(prog, Run::new(ctx).on(cpu)).unwrap_or_else(|error| panic!("{error}"));
        self.kernel.close(prog).unwrap();
        ran.r0 as i64
    }

    /// What was written to a ring and not read: all of it is read then.
    fn take(&self, ring: &Mapping) -> Vec<u8> {
        let memory = self.kernel.memory();
        let word = |at: u64| memory.peek_u64(ring.at(at).unwrap()).unwrap();
        let (head, tail) = (word(1024), word(1032));
        let byte = |at: u64| {
            let mut byte = [0];
            memory.peek(ring.at(PAGE + at % PAGE).unwrap(), &mut byte).unwrap();
            byte[0]
        };
        let bytes = (tail..head).map(byte).collect();
        memory.poke_u64(ring.at(1032).unwrap(), head).unwrap();
        bytes
    }
}

/// A sample of so many bytes: type 9, whose the header's other fields are, the length of the raw data, the data, and the bytes
/// that make the whole a multiple of 8.
fn sample(size: usize) -> Vec<u8> {
    let raw = (size + 4).next_multiple_of(8) - 4;
    let mut bytes = vec![9, 0, 0, 0, 1, 0];
    bytes.extend(((12 + raw) as u16).to_le_bytes());
    bytes.extend((raw as u32).to_le_bytes());
    bytes.extend(vec![0x11; size]);
    bytes.resize(12 + raw, 0);
    bytes
}

#[test]
fn a_raw_sample_goes_into_the_ring_at_the_index() {
    let mut reader = Reader::new();
    let (fd, ring) = reader.event(0);
    // Two slots, one event: it is the index that counts, not the CPU's number.
    reader.store(3, fd.0).unwrap();
    for index in [0, 3] {
        assert_eq!(reader.send(index, 4, 0), 0);
        assert_eq!(reader.kernel.poll(fd, EPOLLIN), Ok(EPOLLIN));
        assert_eq!(reader.take(&ring), sample(4));
    }
}

#[test]
fn or_into_that_of_the_running_cpu() {
    let mut reader = Reader::new();
    let rings: Vec<_> = (0..4).map(|cpu| reader.event(cpu).1).collect();
    for cpu in 0..4 {
        assert_eq!(reader.send(BPF_F_CURRENT_CPU, 12, cpu), 0);
        for (of, ring) in rings.iter().enumerate() {
            let expected = if of as u32 == cpu { sample(12) } else { Vec::new() };
            assert_eq!(reader.take(ring), expected, "sent on {cpu}, the ring of {of}");
        }
    }
}

#[test]
fn raw_data_is_padded_to_8() {
    let mut reader = Reader::new();
    let (_, ring) = reader.event(0);
    for size in 0..=40 {
        assert_eq!(reader.send(0, size, 0), 0);
        let (found, expected) = (reader.take(&ring), sample(size as usize));
        assert_eq!(found.len() % 8, 0);
        // What the padding is, nobody says.
        let sent = 12 + size as usize;
        assert_eq!((&found[..sent], found.len()), (&expected[..sent], expected.len()), "{size} bytes");
    }
}

#[test]
fn the_event_must_be_one_of_software_for_bpf_output() {
    let mut reader = Reader::new();
    let id = reader.kernel.tracepoint_id("sched/sched_switch").unwrap();
    let others: [&[(&Field, u64)]; 4] = [
        &[(&event::config, 0)],
        &[(&event::config, PERF_COUNT_SW_DUMMY)],
        &[(&event::config, 11)],
        &[(&event::r#type, PERF_TYPE_TRACEPOINT as u64), (&event::config, id as u64)],
    ];
    for fields in others {
        // Type and config are looked at when something is sent, not when the descriptor is stored.
        let fd = reader.open(0, fields);
        reader.kernel.mmap(fd, &Mmap::shared(2 * PAGE)).unwrap();
        assert_eq!(reader.store(0, fd.0), Ok(0));
        assert_eq!(reader.send(0, 8, 0), Errno::EINVAL.neg(), "{fields:?}");
    }
}

#[test]
fn without_raw_samples_there_is_a_header_alone() {
    let mut reader = Reader::new();
    let fd = reader.open(0, &[(&event::sample_type, 0)]);
    let ring = reader.kernel.mmap(fd, &Mmap::shared(2 * PAGE)).unwrap();
    reader.store(0, fd.0).unwrap();
    assert_eq!(reader.send(0, 8, 0), 0);
    assert_eq!(reader.take(&ring), [9, 0, 0, 0, 1, 0, 8, 0]);
}

#[test]
fn the_reader_stores_it_before() {
    let mut reader = Reader::new();
    assert_eq!(reader.send(0, 8, 0), Errno::ENOENT.neg(), "no descriptor there");
    assert_eq!(reader.send(BPF_F_CURRENT_CPU, 8, 2), Errno::ENOENT.neg());
    let (fd, _) = reader.event(0);
    assert_eq!(reader.send(0, 8, 0), 0);
    // The array keeps the event, and the mapping its ring.
    reader.kernel.close(fd).unwrap();
    assert_eq!(reader.send(0, 8, 0), 0);
    let array = reader.array.0 as u64;
    reader.bpf(Cmd::MapDeleteElem, &[(&elem::map_fd, array), (&elem::key, KEY)]).unwrap();
    assert_eq!(reader.send(0, 8, 0), Errno::ENOENT.neg());
}

#[test]
fn which_descriptors_may_be_stored() {
    let mut reader = Reader::new();
    let inherited = reader.open(0, &[(&event::flags, INHERIT)]);
    assert_eq!(reader.store(0, inherited.0), Err(Errno::EOPNOTSUPP));
    let prog = load(&mut reader.kernel, ProgType::SocketFilter, "r0 = 0\nexit");
    for no_event in [prog.0, reader.array.0, -1, 99] {
        assert_eq!(reader.store(0, no_event), Err(Errno::EBADF), "{no_event}");
    }
    let event = reader.open(0, &[]);
    assert_eq!(reader.store(SLOTS as u32, event.0), Err(Errno::E2BIG));
    assert_eq!(reader.send(0, 8, 0), Errno::ENOENT.neg(), "none was");
}

#[test]
fn flag_bits_beyond_the_mask() {
    let mut reader = Reader::new();
    let (_, ring) = reader.event(0);
    for bit in 32..64 {
        assert_eq!(reader.send(1 << bit, 8, 0), Errno::EINVAL.neg(), "bit {bit}");
        assert_eq!(reader.send(1 << bit | 77, 8, 0), Errno::EINVAL.neg(), "bit {bit}, before the index");
    }
    assert!(reader.take(&ring).is_empty());
}

#[test]
fn programs_with_packets_may_add_some_of_it() {
    let mut reader = Reader::new();
    let (_, ring) = reader.event(0);
    let packet: Vec<u8> = (0..60).collect();
    for kind in [ProgType::Xdp, ProgType::SchedCls] {
        let mut send = |len: u64| {
            let ctx = Context::Packet(PacketCtx::new(packet.clone()));
            reader.send_as(kind, ctx, len << 32, 4, 0)
        };
        assert_eq!(send(20), 0, "{kind:?}");
        assert_eq!(send(60), 0, "all of it");
        assert_eq!(send(61), Errno::EFAULT.neg(), "past its end");
        assert_eq!(send(1 << 20), Errno::EINVAL.neg(), "past the bits of the length");
        let found = reader.take(&ring);
        assert_eq!(found[12..16], [0x11; 4], "{kind:?}");
        assert_eq!(found[16..36], packet[..20], "{kind:?}");
    }
}

#[test]
fn an_index_past_the_end() {
    let mut reader = Reader::new();
    for index in [SLOTS, 1 << 31, BPF_F_INDEX_MASK - 1] {
        assert_eq!(reader.send(index, 8, 0), Errno::E2BIG.neg(), "{index:#x}");
    }
}

#[test]
fn an_event_of_another_cpu_or_disabled() {
    let mut reader = Reader::new();
    let (fd, ring) = reader.event(1);
    assert_eq!(reader.send(1, 8, 0), Errno::EOPNOTSUPP.neg());
    assert_eq!(reader.send(1, 8, 1), 0);
    reader.kernel.perf_ioctl(fd, PERF_EVENT_IOC_DISABLE, 0, &mut reader.user).unwrap();
    assert_eq!(reader.send(1, 8, 1), Errno::EOPNOTSUPP.neg());
    reader.kernel.perf_ioctl(fd, PERF_EVENT_IOC_ENABLE, 0, &mut reader.user).unwrap();
    assert_eq!(reader.send(1, 8, 1), 0);
    assert_eq!(reader.take(&ring), [sample(8), sample(8)].concat());
    let off = reader.open(0, &[(&event::flags, DISABLED)]);
    reader.kernel.mmap(off, &Mmap::shared(2 * PAGE)).unwrap();
    reader.store(0, off.0).unwrap();
    assert_eq!(reader.send(0, 8, 0), Errno::EOPNOTSUPP.neg(), "opened so");
}

#[test]
fn a_full_ring() {
    let mut reader = Reader::new();
    let (_, ring) = reader.event(0);
    // 7 of 520 bytes are 3,640 of 4,096.
    for i in 0..7 {
        assert_eq!(reader.send(0, 508, 0), 0, "{i}");
    }
    assert_eq!(reader.send(0, 508, 0), Errno::ENOSPC.neg());
    assert_eq!(reader.send(0, 508, 0), Errno::ENOSPC.neg());
    assert_eq!(reader.take(&ring).len(), 7 * 520);
    assert_eq!(reader.send(0, 4, 0), 0);
    // How many were lost comes before the next sample.
    let found = reader.take(&ring);
    assert_eq!(
        (found[..8].to_vec(), &found[16..24]),
        (vec![2, 0, 0, 0, 0, 0, 24, 0], &2u64.to_le_bytes()[..])
    );
    assert_eq!(found[24..], sample(4));
}
