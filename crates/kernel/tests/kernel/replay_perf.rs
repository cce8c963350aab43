//! Perf rings: what sending answered on Linux 6.18, where the head went, and the bytes in the ring.

use crate::support::{eval, hex, kernel, recording, set_value, value_map, word};
use serde::Deserialize;
use skep_abi::uapi::attr_bits::{DISABLED, INHERIT, SAMPLE_ID_ALL};
use skep_abi::{Errno, MapType};
use skep_kernel::{Context, Kernel, MapSpec, PerfEventAttr, Run};

#[derive(Deserialize)]
struct Recording {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    attr: Attr,
    pages: Option<u32>,
    stored: i64,
    cpu: u32,
    id: u64,
    steps: Vec<Step>,
    ring: Option<String>,
}

#[derive(Deserialize)]
struct Attr {
    config: Option<u64>,
    sample_type: Option<u64>,
    #[serde(default)]
    bits: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Read {
        #[allow(dead_code, reason = "its name tells the steps apart")]
        read: bool,
    },
    Send {
        send: u32,
        ret: i64,
        head: u64,
    },
}

impl Attr {
    fn ours(&self) -> PerfEventAttr {
        let default = PerfEventAttr::bpf_output();
        PerfEventAttr {
            config: self.config.unwrap_or(default.config),
            sample_type: self.sample_type.unwrap_or(default.sample_type),
            disabled: self.bits & DISABLED != 0,
            inherit: self.bits & INHERIT != 0,
            sample_id_all: self.bits & SAMPLE_ID_ALL != 0,
            ..default
        }
    }
}

fn replay(case: &Case) {
    let name = &case.name;
    let mut kernel = kernel();
    // The recording sends the start of one large value.
    let data = value_map(&mut kernel, 200_000);
    let bytes: Vec<u8> = (0..200_000u32).map(|i| (i * 7 + 1) as u8).collect();
    set_value(&mut kernel, data, &bytes);
    let array = kernel.map_create(&MapSpec::new(MapType::PerfEventArray, 4, 4, 4)).unwrap();
    let event = kernel.perf_event_open(&case.attr.ours(), -1, 0).unwrap();
    let stored = kernel.map_update_elem(array, &word(0), &word(event.0), 0);
    assert_eq!(stored.err().map_or(0, Errno::neg), case.stored, "{name}: storing");
    let ring = case.pages.map(|pages| kernel.perf_mmap(event, pages).unwrap());
    for step in &case.steps {
        match *step {
            Step::Read { .. } => {
                let ring = ring.unwrap();
                ring.set_data_tail(kernel.memory(), ring.data_head(kernel.memory()));
            }
            Step::Send { send, ret, head } => {
                let text = format!(
                    "r4 = map[fd:{data}][0]+0 ll\nr2 = map[fd:{array}] ll\nr3 = 0\nr5 = {send}\ncall 25\nexit"
                );
                assert_eq!(send_on(&mut kernel, &text, case.cpu), ret, "{name}: sending {send}");
                let ours = ring.map_or(0, |it| it.data_head(kernel.memory()));
                assert_eq!(ours, head, "{name}: head after {send}");
            }
        }
    }
    if let (Some(theirs), Some(ring)) = (&case.ring, ring) {
        let mut theirs = hex(theirs);
        theirs.resize(ring.data_size() as usize, 0);
        let mut ours = vec![0; theirs.len()];
        assert!(ring.read_at(kernel.memory(), 0, &mut ours));
        // Events are numbered since boot.
        replace(&mut theirs, case.id, 1);
        assert!(ours == theirs, "{name}:\n ours   {ours:02x?}\n theirs {theirs:02x?}");
    }
}

/// Replaces the event's id in lost records: behind a header of kind 2.
fn replace(ring: &mut [u8], from: u64, to: u64) {
    let lost = [2, 0, 0, 0, 0, 0];
    for at in (0..=ring.len() - 16).step_by(8) {
        if ring[at..at + 6] == lost && ring[at + 8..at + 16] == from.to_le_bytes() {
            ring[at + 8..at + 16].copy_from_slice(&to.to_le_bytes());
        }
    }
}

fn send_on(kernel: &mut Kernel, text: &str, cpu: u32) -> i64 {
    if cpu == 0 {
        return eval(kernel, text);
    }
    let prog = crate::support::load(kernel, skep_abi::ProgType::RawTracepoint, text);
    let ran = kernel.run(prog, Run::new(Context::None).on(cpu)).unwrap();
    kernel.close(prog).unwrap();
    ran.r0 as i64
}

#[test]
fn rings_hold_what_they_held_on_linux() {
    let recording: Recording = recording("kernel-perf.json");
    assert!(recording.cases.len() > 20);
    recording.cases.iter().for_each(replay);
}
