//! A perf ring against a model, under any interleaving of sending and reading.

use crate::support::{kernel, load, set_value, value_map, word};
use proptest::prelude::*;
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Fd, Kernel, MapSpec, PerfEventAttr, PerfRing, Run};
use std::collections::VecDeque;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Send so many bytes.
    Send(u32),
    /// Read so many records.
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0u32..600).prop_map(Step::Send),
        1 => (3000u32..4200).prop_map(Step::Send),
        2 => (1usize..6).prop_map(Step::Read),
    ]
}

/// What a record is, to the model and to a reader.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Record {
    Sample(Vec<u8>),
    Lost(u64),
}

/// What a ring does, in words of records.
struct Model {
    records: VecDeque<(usize, Record)>,
    size: usize,
    lost: u64,
}

impl Model {
    fn send(&mut self, payload: &[u8]) -> Result<(), Errno> {
        let sample = (8 + 4 + payload.len()).next_multiple_of(8);
        let needed = sample + if self.lost > 0 { 24 } else { 0 };
        let used: usize = self.records.iter().map(|it| it.0).sum();
        if self.size - 1 - used < needed {
            self.lost += 1;
            return Err(Errno::ENOSPC);
        }
        if self.lost > 0 {
            self.records.push_back((24, Record::Lost(std::mem::take(&mut self.lost))));
        }
        self.records.push_back((sample, Record::Sample(payload.to_vec())));
        Ok(())
    }
}

/// The ring itself, filled by a program and read as user space does.
struct Ring {
    kernel: Kernel,
    ring: PerfRing,
    data: Fd,
    size: Fd,
    prog: Fd,
}

impl Ring {
    fn new(pages: u32) -> Ring {
        let mut kernel = kernel();
        let array = kernel.map_create(&MapSpec::new(MapType::PerfEventArray, 4, 4, 1)).unwrap();
        let event = kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
        let ring = kernel.perf_mmap(event, pages).unwrap();
        kernel.map_update_elem(array, &word(0), &word(event.0), 0).unwrap();
        let (data, size) = (value_map(&mut kernel, 4200), value_map(&mut kernel, 4));
        let text = format!(
            "r4 = map[fd:{size}][0]+0 ll\nr5 = *(u32 *)(r4 + 0)\nr2 = map[fd:{array}] ll\nr3 = 0
             r4 = map[fd:{data}][0]+0 ll\ncall 25\nexit"
        );
        let prog = load(&mut kernel, ProgType::RawTracepoint, &text);
        Ring { kernel, ring, data, size, prog }
    }

    fn send(&mut self, payload: &[u8]) -> i64 {
        let mut value = payload.to_vec();
        value.resize(4200, 0xee);
        set_value(&mut self.kernel, self.data, &value);
        set_value(&mut self.kernel, self.size, &word(payload.len() as i32));
        self.kernel.run(self.prog, Run::default()).unwrap().r0 as i64
    }

    /// The next record, as libbpf's perf buffer finds it.
    fn read(&mut self) -> Option<Record> {
        let memory = self.kernel.memory();
        let (head, tail) = (self.ring.data_head(memory), self.ring.data_tail(memory));
        if head == tail {
            return None;
        }
        let mut header = [0; 8];
        assert!(self.ring.read_at(memory, tail, &mut header));
        let size = u16::from_le_bytes([header[6], header[7]]);
        let mut record = vec![0; size as usize];
        assert!(self.ring.read_at(memory, tail, &mut record));
        self.ring.set_data_tail(memory, tail + u64::from(size));
        Some(match header[0] {
            2 => Record::Lost(u64::from_le_bytes(record[16..24].try_into().unwrap())),
            _ => {
                let raw = u32::from_le_bytes(record[8..12].try_into().unwrap());
                assert_eq!(raw as usize + 12, record.len());
                Record::Sample(record[12..].to_vec())
            }
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_interleaving(pages in prop::sample::select(vec![1u32, 2]), steps in prop::collection::vec(step(), 0..80)) {
        let mut model = Model { records: VecDeque::new(), size: pages as usize * 4096, lost: 0 };
        let mut ring = Ring::new(pages);
        for (i, step) in steps.into_iter().enumerate() {
            match step {
                Step::Send(len) => {
                    let payload: Vec<u8> = (0..len).map(|at| (at as usize * 31 + i) as u8).collect();
                    let wanted = model.send(&payload).err().map_or(0, Errno::neg);
                    prop_assert_eq!(ring.send(&payload), wanted, "step {}: {} bytes", i, len);
                }
                Step::Read(count) => {
                    for _ in 0..count {
                        let wanted = model.records.pop_front().map(|it| it.1);
                        let found = ring.read();
                        match (wanted, found) {
                            // A reader gets the padding, too.
                            (Some(Record::Sample(sent)), Some(Record::Sample(raw))) => {
                                prop_assert!(raw.len() - sent.len() < 8);
                                prop_assert_eq!(&raw[..sent.len()], &sent[..]);
                            }
                            (wanted, found) => prop_assert_eq!(wanted, found),
                        }
                    }
                }
            }
        }
    }
}
