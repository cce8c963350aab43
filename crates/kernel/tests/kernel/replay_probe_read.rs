//! The `bpf_probe_read` family: what Linux 6.18 answered and left in the destination, at every kind of address.

use crate::support::{eval, hex, kernel, recording, set_value, value, value_map};
use serde::Deserialize;
use skep_abi::helpers::helper_by_name;
use skep_kernel::{Fd, Kernel};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Recording {
    user: BTreeMap<String, String>,
    user_len: usize,
    kernel_memory: String,
    cases: Vec<(String, Place, u32, i64, String)>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Place {
    Address(u64),
    /// `user+8`, `kernel+8`.
    In(String),
}

/// Where user memory is: at the start of a page, with nothing behind it.
const USER: u64 = 0x7fff_1234_5000;

struct Replay {
    kernel: Kernel,
    dst: Fd,
    src: Fd,
}

impl Replay {
    fn new(recording: &Recording) -> Replay {
        let mut kernel = kernel();
        let mut user = vec![0; recording.user_len];
        for (at, bytes) in &recording.user {
            let (at, bytes) = (at.parse::<usize>().expect("a number"), hex(bytes));
            user[at..at + bytes.len()].copy_from_slice(&bytes);
        }
        kernel.user_memory_mut().insert(USER, user).expect("free user memory");
        let (dst, src) = (value_map(&mut kernel, 64), value_map(&mut kernel, 64));
        set_value(&mut kernel, src, &hex(&recording.kernel_memory));
        Replay { kernel, dst, src }
    }

    /// What a helper returns and leaves.
    fn ask(&mut self, helper: &str, place: &Place, size: u32) -> (i64, Vec<u8>) {
        set_value(&mut self.kernel, self.dst, &[0xaa; 64]);
        let (dst, src) = (self.dst, self.src);
        let source = match place {
            Place::Address(addr) => format!("r3 = {addr:#x} ll"),
            Place::In(place) => {
                let (area, offset) = place.split_once('+').expect("a place");
                let offset = offset.parse::<u64>().expect("an offset");
                match area {
                    "user" => format!("r3 = {:#x} ll", USER + offset),
                    _ => format!("r3 = map[fd:{src}][0]+{offset} ll"),
                }
            }
        };
        let id = helper_by_name(helper).expect("a helper").id;
        let text = format!("r1 = map[fd:{dst}][0]+0 ll\nr2 = {size}\n{source}\ncall {id}\nexit");
        (eval(&mut self.kernel, &text), value(&self.kernel, dst))
    }
}

#[test]
fn every_address_as_on_linux() {
    let recording: Recording = recording("kernel-probe-read.json");
    let mut replay = Replay::new(&recording);
    for (helper, place, size, ret, dst) in &recording.cases {
        let (ours, left) = replay.ask(helper, place, *size);
        let at = match place {
            Place::Address(addr) => format!("{addr:#x}"),
            Place::In(place) => place.clone(),
        };
        assert_eq!(ours, *ret, "{helper}({size}, {at})");
        let mut wanted = hex(dst);
        wanted.resize(64, 0xaa);
        assert_eq!(left, wanted, "{helper}({size}, {at})");
    }
    assert!(recording.cases.len() > 1800);
}
