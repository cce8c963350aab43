//! The ring against a model, under any order of reserving, committing and reading; with mirrored pages and without.

use std::collections::VecDeque;

use proptest::prelude::*;
use skep_memory::{Arena, Cause};

use super::*;

const SIZE: u64 = 4096;

fn ring(memory: &Memory, mirrored: bool) -> RingBuffer {
    let origin = Origin::new(ObjectKind::Ring, "events");
    let (head, data) = (2 * PAGE_SIZE as usize, SIZE as usize);
    let base = if mirrored {
        memory.alloc_mirrored(Arena::Pages, head, data, origin.clone()).unwrap()
    } else {
        memory.alloc(Arena::Pages, head + 2 * data, head / 2, Rights::NONE, origin.clone()).unwrap()
    };
    RingBuffer { base, size: SIZE, mirrored, reserved: RefCell::default(), origin }
}

/// Both kinds, where the host has both.
fn kinds() -> impl Iterator<Item = bool> {
    let can_mirror = cfg!(all(target_os = "linux", not(skep_portable_memory)));
    [false, true].into_iter().filter(move |&mirrored| can_mirror || !mirrored)
}

#[derive(Clone, Debug)]
enum Op {
    Reserve { size: u64, flags: u64 },
    Commit { which: usize, flags: u64, discard: bool },
    Output { size: usize, flags: u64 },
    Consume,
    Query,
}

fn op() -> impl Strategy<Value = Op> {
    let size = prop_oneof![6 => 0..200u64, 3 => 200..2000u64, 1 => 2000..4200u64, 1 => Just(1 << 30)];
    let flags = prop_oneof![6 => Just(0u64), 1 => Just(1), 1 => Just(2), 1 => Just(3), 1 => Just(4)];
    prop_oneof![
        4 => (size.clone(), 0..20u64).prop_map(|(size, flags)| Op::Reserve { size, flags: flags / 19 }),
        4 => (0..8usize, flags.clone(), prop::bool::ANY).prop_map(|(which, flags, discard)| Op::Commit { which, flags, discard }),
        2 => (0..500usize, flags).prop_map(|(size, flags)| Op::Output { size, flags }),
        4 => Just(Op::Consume),
        1 => Just(Op::Query),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Busy,
    Done,
    Dropped,
}

struct Record {
    /// Position of its header.
    at: u64,
    addr: u64,
    bytes: Vec<u8>,
    state: State,
}

/// Records that were not read yet, oldest first.
#[derive(Default)]
struct Model {
    records: VecDeque<Record>,
    producer: u64,
    consumer: u64,
    /// Makes each record's bytes different.
    count: u8,
}

impl Model {
    /// The oldest record that is not committed. The consumer cannot be past it.
    fn pending(&self) -> u64 {
        self.records.iter().find(|it| it.state == State::Busy).map_or(self.producer, |it| it.at)
    }

    fn fits(&self, size: u64) -> Result<u64, Refused> {
        let len = (size + 8).div_ceil(8) * 8;
        if size > u64::from(u32::MAX / 4) || len > SIZE {
            return Err(Refused::TooBig);
        }
        let end = self.producer + len;
        if end - self.consumer >= SIZE || end - self.pending() >= SIZE { Err(Refused::Full) } else { Ok(end) }
    }

    fn bytes(&mut self, size: usize) -> Vec<u8> {
        self.count = self.count.wrapping_add(1);
        (0..size).map(|at| self.count.wrapping_mul(31).wrapping_add(at as u8)).collect()
    }

    fn push(&mut self, end: u64, addr: u64, bytes: Vec<u8>, state: State) {
        self.records.push_back(Record { at: self.producer, addr, bytes, state });
        self.producer = end;
    }

    /// Whether a reader is woken when the record at `at` is committed.
    fn wakes(&self, at: u64, flags: u64) -> bool {
        flags & 2 != 0 || (flags & 1 == 0 && at % SIZE == self.consumer % SIZE)
    }

    fn consume(&mut self) -> Option<Vec<u8>> {
        loop {
            if self.records.front()?.state == State::Busy {
                return None;
            }
            let record = self.records.pop_front()?;
            self.consumer = self.records.front().map_or(self.producer, |next| next.at);
            if record.state == State::Done {
                return Some(record.bytes);
            }
        }
    }
}

fn step(memory: &Memory, ring: &RingBuffer, model: &mut Model, op: &Op) -> Result<(), TestCaseError> {
    match *op {
        Op::Reserve { size, flags } => {
            let ours = ring.reserve(memory, size, flags, None);
            let expected = if flags == 0 { model.fits(size) } else { Err(Refused::Flags) };
            prop_assert_eq!(ours.err(), expected.err());
            if let (Ok(addr), Ok(end)) = (ours, expected) {
                let bytes = model.bytes(size as usize);
                prop_assert!(ring.is_reserved(addr));
                memory.write(addr, &bytes).unwrap();
                prop_assert!(memory.store(addr - 8, 8, 0).is_err(), "a program can write the header");
                prop_assert!(memory.store(addr + size, 1, 0).is_err(), "a program can write past the record");
                model.push(end, addr, bytes, State::Busy);
            }
        }
        Op::Commit { which, flags, discard } => {
            let busy = model.records.iter().filter(|it| it.state == State::Busy).count();
            let Some(at) = which.checked_rem(busy) else {
                prop_assert_eq!(ring.commit(memory, ring.data() + 8, flags, discard), Err(Errno::EINVAL));
                return Ok(());
            };
            let record = model.records.iter_mut().filter(|it| it.state == State::Busy).nth(at).unwrap();
            record.state = if discard { State::Dropped } else { State::Done };
            let (addr, at, empty) = (record.addr, record.at, record.bytes.is_empty());
            prop_assert_eq!(ring.commit(memory, addr, flags, discard), Ok(model.wakes(at, flags)));
            prop_assert_eq!(ring.commit(memory, addr, flags, discard), Err(Errno::EINVAL), "twice");
            if !empty {
                prop_assert_eq!(memory.load(addr, 1).map_err(|fault| fault.cause), Err(Cause::Freed));
            }
        }
        Op::Output { size, flags } => {
            let bytes = model.bytes(size);
            let expected = match model.fits(size as u64) {
                _ if flags > 3 => Err(Errno::EINVAL),
                Err(_) => Err(Errno::EAGAIN),
                Ok(end) => {
                    let wakes = model.wakes(model.producer, flags);
                    model.push(end, 0, bytes.clone(), State::Done);
                    Ok(wakes)
                }
            };
            prop_assert_eq!(ring.output(memory, &bytes, flags), expected);
        }
        Op::Consume => prop_assert_eq!(ring.consume(memory).unwrap(), model.consume()),
        Op::Query => {
            let answers = [0, 1, 2, 3, 4].map(|flag| ring.query(memory, flag));
            let waiting = model.producer - model.consumer;
            prop_assert_eq!(answers, [waiting, SIZE, model.consumer, model.producer, 0]);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn records_are_those_of_the_model(ops in prop::collection::vec(op(), 1..200)) {
        for mirrored in kinds() {
            let memory = Memory::new().unwrap();
            let ring = ring(&memory, mirrored);
            let mut model = Model::default();
            for op in &ops {
                step(&memory, &ring, &mut model, op)?;
            }
        }
    }

    /// User space may store any consumer position; nothing hangs or leaves the ring's own pages.
    #[test]
    fn a_lying_consumer_harms_nobody(positions in prop::collection::vec(any::<u64>(), 1..20), size in 0..5000u64) {
        for mirrored in kinds() {
            let memory = Memory::new().unwrap();
            let ring = ring(&memory, mirrored);
            for &position in &positions {
                ring.set_consumer_pos(&memory, position).unwrap();
                if let Ok(addr) = ring.reserve(&memory, size, 0, None) {
                    ring.commit(&memory, addr, 0, false).unwrap();
                }
                ring.head(&memory).unwrap();
                ring.consume(&memory).unwrap();
            }
        }
    }
}

/// Pages that come from outside may hold anything.
#[test]
fn rubbish_in_the_pages_neither_hangs_nor_panics() {
    for fill in [0x00, 0x07, 0x3f, 0x7f, 0xff] {
        let memory = Memory::new().unwrap();
        let ring = ring(&memory, false);
        memory.fill(ring.pages(), (2 * PAGE_SIZE + 2 * SIZE) as usize, fill).unwrap();
        let reserved = ring.reserve(&memory, 16, 0, None);
        if let Ok(addr) = reserved {
            ring.commit(&memory, addr, 0, true).unwrap();
        }
        ring.head(&memory).unwrap();
        memory.poke_u64(ring.pages(), 0).unwrap();
        ring.consume(&memory).unwrap();
    }
}

/// A consumer that is past a record which is not committed does not let others be written over it.
#[test]
fn a_busy_record_is_never_overwritten() {
    for mirrored in kinds() {
        let memory = Memory::new().unwrap();
        let ring = ring(&memory, mirrored);
        let busy = ring.reserve(&memory, 8, 0, None).unwrap();
        for _ in 0..4 {
            ring.output(&memory, &[0x33; 992], 0).unwrap();
            ring.set_consumer_pos(&memory, ring.query(&memory, BPF_RB_PROD_POS)).unwrap();
        }
        assert_eq!(ring.reserve(&memory, 72, 0, None), Err(Refused::Full));
        assert_eq!(ring.output(&memory, &[0; 72], 0), Err(Errno::EAGAIN));
        ring.commit(&memory, busy, 0, false).unwrap();
        assert!(ring.reserve(&memory, 72, 0, None).is_ok());
    }
}

#[test]
fn an_output_that_wraps_is_at_the_start_too() {
    for mirrored in kinds() {
        let memory = Memory::new().unwrap();
        let ring = ring(&memory, mirrored);
        ring.output(&memory, &[0x11; 4072], 0).unwrap();
        ring.consume(&memory).unwrap();
        ring.output(&memory, &[0x22; 16], 0).unwrap();
        assert_eq!(memory.peek_u64(ring.data()), Ok(0x2222_2222_2222_2222), "mirrored={mirrored}");
    }
}

#[test]
fn a_record_that_wraps_is_contiguous_and_starts_with_old_bytes() {
    for mirrored in kinds() {
        let memory = Memory::new().unwrap();
        let ring = ring(&memory, mirrored);
        ring.output(&memory, &[0x11; 3000], 0).unwrap();
        ring.consume(&memory).unwrap();
        let addr = ring.reserve(&memory, 2000, 0, None).unwrap();
        let mut old = [0; 2000];
        memory.read(addr, &mut old).unwrap();
        assert_eq!(old[1079..1082], [0, 0xb8, 0x0b], "the part over the end shows the ring's first record");
        memory.write(addr, &[0x22; 2000]).unwrap();
        ring.commit(&memory, addr, 0, false).unwrap();
        assert_eq!(memory.load_acquire_u32(ring.data() + 4), Ok(0x2222_2222), "mirrored={mirrored}");
        assert_eq!(ring.consume(&memory), Ok(Some(vec![0x22; 2000])));
    }
}
