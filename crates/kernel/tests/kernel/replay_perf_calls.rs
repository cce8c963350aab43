//! What `mmap(2)`, `ioctl(2)`, `read(2)` and `poll(2)` of perf events answered on Linux 6.18, and which events an array took.

use crate::support::{asm, hex, kernel_with, recording, word};
use serde::Deserialize;
use skep_abi::uapi::PERF_TYPE_TRACEPOINT;
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Config, Fd, Kernel, MapSpec, MappingId, Mmap, ProgLoad};
use skep_memory::UserRanges;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Recording {
    cpus: u32,
    /// The number of a tracepoint there.
    tracepoint: u64,
    sessions: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    name: String,
    steps: Vec<Step>,
}

#[derive(Deserialize, Debug)]
#[serde(untagged)]
enum Step {
    Open { open: String, attr: String, pid: i32, cpu: i32, group: String, flags: u64, ret: i64 },
    Program { program: String, kind: u32 },
    Close { close: String },
    Map { mmap: String, request: (u64, u32, u32, u64), ret: i64 },
    Unmap { munmap: usize },
    Poke { poke: usize, offset: u64, word: u64 },
    Ioctl(Ioctl),
    Read { read: String, room: usize, ret: i64, words: Option<Vec<Word>> },
    Poll { poll: String, ready: u32 },
    Store { store: String, index: i32, flags: u64, ret: i64 },
}

#[derive(Deserialize, Debug)]
struct Ioctl {
    ioctl: String,
    request: u32,
    arg: Option<u64>,
    /// What was at the address that was given, and its start afterwards.
    given: Option<String>,
    after: Option<String>,
    /// Whose descriptor was given.
    to: Option<String>,
    ret: i64,
}

/// A word that was read: a number, the id of an event, or a time.
#[derive(Deserialize, Debug)]
#[serde(untagged)]
enum Word {
    Number(u64),
    Id(String),
    Time(()),
}

/// Where what is given is.
const GIVEN: u64 = 0x10_0000;

struct Session {
    kernel: Kernel,
    tracepoint: u64,
    fds: BTreeMap<String, i32>,
    /// Simulated address and name of what was mapped, by the number of the step.
    mapped: BTreeMap<usize, (u64, MappingId)>,
}

fn number<T>(result: Result<T, Errno>) -> i64 {
    result.err().map_or(0, Errno::neg)
}

impl Session {
    fn new(recording: &Recording) -> Session {
        let mut kernel = kernel_with(Config { cpus: recording.cpus, ..Config::default() });
        let mut fds = BTreeMap::from([("-1".to_owned(), -1), ("none".to_owned(), 1000)]);
        let file = kernel.open_new(skep_kernel::OutsideKind::Inode).unwrap();
        let map = kernel.map_create(&MapSpec::new(MapType::Array, 4, 4, 1)).unwrap();
        let events = kernel.map_create(&MapSpec::new(MapType::PerfEventArray, 4, 4, 4)).unwrap();
        fds.extend(
            [("a file", file), ("a map", map), ("events", events)].map(|it| (it.0.to_owned(), it.1.0)),
        );
        Session { kernel, tracepoint: recording.tracepoint, fds, mapped: BTreeMap::new() }
    }

    fn fd(&self, name: &str) -> Fd {
        Fd(self.fds[name])
    }

    /// What was said there, and what is said here.
    fn step(&mut self, i: usize, step: &Step) -> (String, String) {
        let said = |there: i64, here: i64| (there.to_string(), here.to_string());
        match step {
            Step::Open { open, attr, pid, cpu, group, flags, ret } => {
                let mut attr = self.attr(attr);
                let (group, mut user) = (self.fds[group], UserRanges::new());
                let opened = self.kernel.perf_event_open_raw(&mut attr, *pid, *cpu, group, *flags, &mut user);
                if let Ok(fd) = opened {
                    self.fds.insert(open.clone(), fd.0);
                }
                said(*ret, number(opened))
            }
            Step::Program { program, kind } => {
                let kind = ProgType::from_u32(*kind).unwrap();
                let load = ProgLoad { verify: false, ..ProgLoad::new("p", kind, asm("r0 = 0\nexit")) };
                let fd = self.kernel.prog_load(load).unwrap();
                self.fds.insert(program.clone(), fd.0);
                said(0, 0)
            }
            Step::Close { close } => {
                let fd = Fd(self.fds.remove(close).unwrap());
                said(0, number(self.kernel.close(fd)))
            }
            Step::Map { mmap, request: (len, prot, flags, offset), ret } => {
                let request = Mmap { addr: 0, len: *len, prot: *prot, flags: *flags, offset: *offset };
                let made = self.kernel.mmap(self.fd(mmap), &request);
                if let Ok(mapping) = &made {
                    self.mapped.insert(i, (mapping.at(0).unwrap(), mapping.id));
                }
                said(*ret, number(made))
            }
            Step::Unmap { munmap } => {
                said(0, number(self.kernel.munmap(self.mapped.remove(munmap).unwrap().1)))
            }
            Step::Poke { poke, offset, word } => {
                self.kernel.memory().poke_u64(self.mapped[poke].0 + offset, *word).unwrap();
                said(0, 0)
            }
            Step::Ioctl(call) => self.ioctl(call),
            Step::Read { read, room, ret, words } => {
                let found = self.kernel.perf_read(self.fd(read), *room);
                let len = found.as_ref().map_or_else(|errno| errno.neg(), |it| it.len() as i64);
                let found = found.unwrap_or_default();
                let found = found.chunks(8).map(|it| u64::from_le_bytes(it.try_into().unwrap()));
                let found: Vec<u64> = found.collect();
                let same = words.iter().flatten().zip(&found).all(|(word, found)| match word {
                    Word::Number(number) => number == found,
                    Word::Id(name) => self.kernel.perf_id(self.fd(name)) == Ok(*found),
                    Word::Time(()) => true,
                });
                (
                    format!("{ret}, as {words:?}"),
                    if same { format!("{len}, as {words:?}") } else { format!("{found:?}") },
                )
            }
            Step::Poll { poll, ready } => {
                said(i64::from(*ready), self.kernel.poll(self.fd(poll), 0x3ff).unwrap().into())
            }
            Step::Store { store, index, flags, ret } => {
                let (events, fd) = (self.fd("events"), self.fd(store));
                said(*ret, number(self.kernel.map_update_elem(events, &word(*index), &word(fd.0), *flags)))
            }
        }
    }

    fn ioctl(&mut self, call: &Ioctl) -> (String, String) {
        let mut user = UserRanges::new();
        if let Some(given) = &call.given {
            let given = if call.request & 0xff == 11 { self.attr(given) } else { hex(given) };
            user.insert(GIVEN, given).unwrap();
        }
        let arg = match (&call.given, &call.to) {
            (Some(_), _) => GIVEN,
            (_, Some(to)) => self.fds[to] as u64,
            _ => call.arg.unwrap_or(0),
        };
        let ret = number(self.kernel.perf_ioctl(self.fd(&call.ioctl), call.request, arg, &mut user));
        let mut after = vec![0; call.after.as_ref().map_or(0, |it| it.len() / 2)];
        user.read(GIVEN, &mut after).unwrap_or_default();
        let shown: String = after.iter().map(|it| format!("{it:02x}")).collect();
        let there = format!("{} {}", call.ret, call.after.as_deref().unwrap_or_default());
        (there, format!("{ret} {shown}"))
    }

    /// Attributes, of a tracepoint of this machine where they were of one there.
    fn attr(&mut self, text: &str) -> Vec<u8> {
        let mut attr = hex(text);
        attr.resize(8192, 0);
        let (kind, config) =
            (u32::from_le_bytes(attr[..4].try_into().unwrap()), self.tracepoint.to_le_bytes());
        if kind == PERF_TYPE_TRACEPOINT && attr[8..16] == config {
            let id = self.kernel.tracepoint_id("sched/sched_switch").unwrap();
            attr[8..16].copy_from_slice(&u64::from(id).to_le_bytes());
        }
        attr
    }
}

#[test]
fn every_answer() {
    let recording: Recording = recording("kernel-perf-calls.json");
    let mut wrong = Vec::new();
    for recorded in &recording.sessions {
        let mut session = Session::new(&recording);
        for (i, step) in recorded.steps.iter().enumerate() {
            let (there, here) = session.step(i, step);
            if there != here {
                wrong.push(format!("{}, step {i}: {here}, not {there}: {step:?}", recorded.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}
