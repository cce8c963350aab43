//! What `mmap(2)` of maps answered on Linux 6.18, and what mappings did to BPF_MAP_FREEZE.

use crate::support::{kernel, recording};
use serde::Deserialize;
use skep_abi::{Errno, MapType};
use skep_kernel::{MapSpec, MappingId, Mmap};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Recording {
    sessions: Vec<Session>,
}

#[derive(Deserialize)]
struct Session {
    map: Made,
    steps: Vec<Step>,
}

#[derive(Deserialize, Debug)]
struct Made {
    #[serde(rename = "type")]
    kind: u32,
    key: u32,
    value: u32,
    entries: u32,
    flags: u32,
    extra: u64,
}

#[derive(Deserialize, Debug)]
#[serde(untagged)]
enum Step {
    /// Length, protection, flags, offset; an address, or the bytes from where the first mapping was.
    Map {
        mmap: (u64, u32, u32, u64),
        at: Option<u64>,
        ret: i64,
    },
    Unmap {
        munmap: usize,
    },
    Freeze {
        ret: i64,
    },
}

/// Where addresses begin that are no offsets.
const PLACE: u64 = 0x7e00_0000_0000;

fn number<T>(result: Result<T, Errno>) -> i64 {
    result.err().map_or(0, Errno::neg)
}

impl Session {
    fn replay(&self) {
        let Made { kind, key, value, entries, flags, extra } = self.map;
        let mut kernel = kernel();
        let kind = MapType::from_u32(kind).unwrap();
        let spec = MapSpec { map_extra: extra, ..MapSpec::new(kind, key, value, entries).with_flags(flags) };
        let fd = kernel.map_create(&spec).unwrap();
        let mut live: BTreeMap<usize, MappingId> = BTreeMap::new();
        let mut first = None;
        for (i, step) in self.steps.iter().enumerate() {
            let said = match step {
                Step::Map { mmap: (len, prot, flags, offset), at, ret } => {
                    let addr = match *at {
                        None => 0,
                        Some(at) if at >= PLACE => at,
                        Some(at) => first.unwrap_or(PLACE) + at,
                    };
                    let request = Mmap { addr, len: *len, prot: *prot, flags: *flags, offset: *offset };
                    let made = kernel.mmap(fd, &request);
                    if let Ok(mapping) = &made {
                        first = first.or(Some(mapping.addr));
                        live.insert(i, mapping.id);
                        let parts: u64 = mapping.parts.iter().map(|it| it.len).sum();
                        assert_eq!(parts, len.next_multiple_of(4096), "{:?}: {step:?}", self.map);
                    }
                    (number(made), *ret)
                }
                Step::Unmap { munmap } => (number(kernel.munmap(live.remove(munmap).unwrap())), 0),
                Step::Freeze { ret } => (number(kernel.map_freeze(fd)), *ret),
            };
            assert_eq!(said.0, said.1, "{:?}: step {i}: {step:?}", self.map);
        }
    }
}

#[test]
fn every_answer() {
    let recording: Recording = recording("kernel-mmap.json");
    let steps: usize = recording.sessions.iter().map(|it| it.steps.len()).sum();
    assert!(steps > 1000, "{steps} steps");
    for session in &recording.sessions {
        session.replay();
    }
}
