//! A ring buffer whose reader writes anything into the page that it may write: programs notice nothing but a full ring.
//!
//! That a ring with an honest reader does what a model does is tested with the ring itself.

use skep_abi::MapType;
use skep_maps::{Cx, HEADER_SIZE, Map, MapSpec, RingBuffer};
use skep_memory::Memory;

use super::input::Input;

/// Calls of one sequence.
const MOST: usize = 400;
/// Bytes of the ring.
const SIZE: u64 = 4096;

/// Makes a ring and calls it as the bytes say.
pub fn rings(bytes: &[u8]) {
    let input = &mut Input::new(bytes);
    let memory = Memory::new().expect("the host has room for a window");
    let cx = Cx::new(&memory, 1);
    let map = Map::new(MapSpec::new(MapType::Ringbuf, 0, 0, SIZE as u32), &cx).expect("a ring of a page");
    let mut writer =
        Writer { memory: &memory, ring: map.ring().expect("it is a ring"), open: Vec::new(), made: 0 };
    for _ in 0..MOST {
        if input.is_empty() {
            break;
        }
        writer.call(input);
    }
    let _ = map.destroy(&memory);
}

/// A record that is reserved and not committed: all of its bytes are `fill`.
#[derive(Clone, Copy)]
struct Record {
    address: u64,
    len: usize,
    fill: u8,
}

/// A program that holds several records at once.
struct Writer<'a> {
    memory: &'a Memory,
    ring: &'a RingBuffer,
    open: Vec<Record>,
    made: u8,
}

impl Writer<'_> {
    fn call(&mut self, input: &mut Input<'_>) {
        let (memory, ring) = (self.memory, self.ring);
        match input.below(9) {
            0 | 1 => self.reserve(input.below(1200)),
            2 | 3 if !self.open.is_empty() => self.commit(input),
            4 => {
                let len = input.below(300);
                let _ = ring.output(memory, &vec![0xee; len], u64::from(input.byte() % 5));
            }
            5 => {
                let taken = ring.consume(memory).expect("the pages are there");
                assert!(taken.is_none_or(|bytes| bytes.len() as u64 <= SIZE));
            }
            6 => ring.set_consumer_pos(memory, position(input, ring, memory)).expect("the page is there"),
            7 => {
                let address = ring.data() + input.below(2 * SIZE as usize) as u64;
                if self.open.iter().all(|record| record.address != address) {
                    assert!(
                        ring.commit(memory, address, 0, false).is_err(),
                        "nothing is reserved at {address:#x}"
                    );
                }
            }
            _ => {
                let _ = ring.head(memory);
                let _ = [0, 1, 2, 3, 4].map(|flag| ring.query(memory, flag));
            }
        }
    }

    fn reserve(&mut self, len: usize) {
        let Ok(address) = self.ring.reserve(self.memory, len as u64, 0, None) else { return };
        let data = self.ring.data();
        assert!((data + HEADER_SIZE..=data + SIZE).contains(&address), "{address:#x}");
        self.made = self.made.wrapping_add(1);
        let record = Record { address, len, fill: self.made };
        self.memory.write(address, &vec![record.fill; len]).expect("the record is the program's");
        self.open.push(record);
        for record in &self.open {
            self.check(*record);
        }
    }

    fn commit(&mut self, input: &mut Input<'_>) {
        let record = self.open.swap_remove(input.below(self.open.len()));
        self.check(record);
        let flags = u64::from(input.byte() % 4);
        let committed = self.ring.commit(self.memory, record.address, flags, input.below(4) == 0);
        assert!(committed.is_ok(), "{committed:?}");
        assert!(record.len == 0 || self.memory.load(record.address, 1).is_err(), "it is the reader's now");
    }

    /// What was written is there, whatever was reserved since.
    fn check(&self, record: Record) {
        let mut bytes = vec![0; record.len];
        self.memory.read(record.address, &mut bytes).expect("the record is the program's");
        assert!(bytes.iter().all(|byte| *byte == record.fill), "records overlap");
    }
}

/// A position for the consumer: around the producer's, or anything.
fn position(input: &mut Input<'_>, ring: &RingBuffer, memory: &Memory) -> u64 {
    match input.below(3) {
        0 => u64::from_le_bytes(input.array()),
        1 => ring.producer_pos(memory).unwrap_or(0).wrapping_sub(input.below(5000) as u64),
        _ => ring.producer_pos(memory).unwrap_or(0).wrapping_add(input.below(5000) as u64 & !7),
    }
}
