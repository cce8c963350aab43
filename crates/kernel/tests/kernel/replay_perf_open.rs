//! What `perf_event_open(2)` answered on Linux 6.18 to attributes, targets, groups and flags of all kinds.

use crate::support::{hex, kernel_with, recording};
use serde::Deserialize;
use skep_abi::{Errno, MapType};
use skep_kernel::{Config, Fd, Kernel, MapSpec, PERF_TYPE_UPROBE};
use skep_memory::UserRanges;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Recording {
    cpus: u32,
    pmus: BTreeMap<String, u32>,
    cases: Vec<Case>,
}

#[derive(Deserialize, Debug)]
struct Case {
    /// The event stays open, and groups may name it so.
    keep: Option<String>,
    /// Without the zeroes at its end.
    attr: String,
    #[serde(default = "default_len")]
    len: usize,
    #[serde(default = "default_pid")]
    pid: Pid,
    #[serde(default)]
    cpu: i32,
    group: Option<Group>,
    #[serde(default)]
    flags: u64,
    #[serde(default)]
    ret: i64,
    /// What the call left in the attributes as their size, where it changed it.
    size: Option<u32>,
}

fn default_len() -> usize {
    136
}

fn default_pid() -> Pid {
    Pid::Number(-1)
}

#[derive(Deserialize, Debug)]
#[serde(untagged)]
enum Pid {
    Number(i32),
    /// `"self"`.
    Itself(Itself),
}

#[derive(Deserialize, Debug)]
enum Itself {
    #[serde(rename = "self")]
    Itself,
}

#[derive(Deserialize, Debug)]
#[serde(untagged)]
enum Group {
    Number(i32),
    Named(String),
}

/// As much of memory as the recording gave.
const ROOM: usize = 8192;

struct Machine {
    kernel: Kernel,
    named: BTreeMap<String, i32>,
}

impl Machine {
    fn new(cpus: u32) -> Machine {
        let mut kernel = kernel_with(Config { cpus, ..Config::default() });
        let file = kernel.map_create(&MapSpec::new(MapType::Array, 4, 4, 1)).unwrap();
        let named = [("none".to_owned(), 1000), ("a file".to_owned(), file.0)];
        Machine { kernel, named: BTreeMap::from(named) }
    }

    /// The answer, and the size that is in the attributes afterwards.
    fn open(&mut self, case: &Case, attr: &[u8]) -> (Result<Fd, Errno>, u32) {
        let mut given = attr.to_vec();
        given.resize(ROOM.max(case.len), 0);
        let pid = match &case.pid {
            Pid::Number(pid) => *pid,
            Pid::Itself(_) => self.kernel.task().pid as i32,
        };
        let group = match &case.group {
            None => -1,
            Some(Group::Number(group)) => *group,
            Some(Group::Named(name)) => self.named[name],
        };
        let mut user = UserRanges::new();
        let opened = self.kernel.perf_event_open_raw(&mut given, pid, case.cpu, group, case.flags, &mut user);
        (opened, u32::from_le_bytes(given[4..8].try_into().unwrap()))
    }
}

#[test]
fn every_answer() {
    let recording: Recording = recording("kernel-perf-open.json");
    let mut machine = Machine::new(recording.cpus);
    let (mut done, mut wrong) = (0, Vec::new());
    for case in &recording.cases {
        let mut attr = hex(&case.attr);
        attr.resize(attr.len().max(8), 0);
        // Types that are numbered as the machine has them.
        let kind = u32::from_le_bytes(attr[..4].try_into().unwrap());
        if recording.pmus.get("msr") == Some(&kind) {
            continue;
        }
        if recording.pmus.get("uprobe") == Some(&kind) {
            attr[..4].copy_from_slice(&PERF_TYPE_UPROBE.to_le_bytes());
        }
        let before = u32::from_le_bytes(attr[4..8].try_into().unwrap());
        let (opened, size) = machine.open(case, &attr);
        let said = opened.err().map_or(0, Errno::neg);
        if (said, size) != (case.ret, case.size.unwrap_or(before)) {
            wrong.push(format!("{said}, size {size}: {case:?}"));
        }
        done += 1;
        match (opened, &case.keep) {
            (Ok(fd), Some(name)) => drop(machine.named.insert(name.clone(), fd.0)),
            (Ok(fd), None) => machine.kernel.close(fd).unwrap(),
            _ => {}
        }
    }
    assert!(done > 4000, "{done} cases");
    assert!(wrong.is_empty(), "{} of {done}:\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}
