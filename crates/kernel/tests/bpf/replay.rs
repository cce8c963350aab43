//! Runs the cases of a recording on an emulated kernel and compares every answer.

use crate::memory::Pages;
use crate::pattern;
use skep_abi::Errno;
use skep_kernel::{Config, Fd, Kernel, TargetBtf, Task, UserMemory, vmlinux};
use std::collections::HashMap;
use std::sync::OnceLock;

/// One sequence of a recording.
pub(crate) struct Case<'a> {
    pub(crate) name: &'a str,
    steps: Vec<Step<'a>>,
}

/// A step: the script's line, and the lines that say what was done and what came of it, with their letters.
struct Step<'a> {
    text: &'a str,
    lines: Vec<(&'a str, &'a str)>,
}

/// The cases of a recording.
pub(crate) fn cases(text: &str) -> impl Iterator<Item = Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in text.lines() {
        let (letter, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (letter, cases.last_mut()) {
            ("=", _) => cases.push(Case { name: rest, steps: Vec::new() }),
            (">", Some(case)) => case.steps.push(Step { text: rest, lines: Vec::new() }),
            (_, Some(case)) => case.steps.last_mut().expect("a step").lines.push((letter, rest)),
            _ => {}
        }
    }
    cases.into_iter()
}

impl Case<'_> {
    /// Runs the case on a new kernel, up to the first step that is not answered as it was.
    pub(crate) fn replay(&self) -> Result<(), String> {
        let mut machine = Machine::new();
        for step in &self.steps {
            machine.step(step).map_err(|difference| format!("`{}`\n    {difference}", step.text))?;
        }
        Ok(())
    }
}

/// A kernel and the process that calls it.
struct Machine {
    kernel: Kernel,
    memory: Pages,
    names: HashMap<String, Fd>,
    ids: HashMap<String, u32>,
}

/// What came of a step here.
#[derive(Default)]
struct Done {
    answer: Option<Result<i32, Errno>>,
    attr: Vec<u8>,
}

impl Machine {
    /// As the process that was recorded: root, of a machine with two processors.
    fn new() -> Machine {
        static TYPES: OnceLock<TargetBtf> = OnceLock::new();
        let btf = TYPES.get_or_init(vmlinux::bundled).clone();
        let task = Task { uid: 0, gid: 0, ..Task::default() };
        let kernel = Kernel::new(Config { cpus: 2, btf: Some(btf), task, ..Config::default() });
        let kernel = kernel.expect("address space");
        Machine { kernel, memory: Pages::default(), names: HashMap::new(), ids: HashMap::new() }
    }

    fn number(&self, name: &str) -> u32 {
        let known = match name.strip_suffix(".id") {
            Some(name) => self.ids.get(name).copied(),
            None => self.names.get(name).map(|fd| fd.0 as u32),
        };
        known.unwrap_or(u32::MAX)
    }

    fn pattern(&self, text: &str) -> Vec<Option<u8>> {
        pattern::bytes(text, |name| self.number(name))
    }

    /// Bytes that are all given.
    fn bytes(&self, text: &str) -> Vec<u8> {
        self.pattern(text).into_iter().map(Option::unwrap_or_default).collect()
    }

    fn step(&mut self, step: &Step<'_>) -> Result<(), String> {
        let mut done = Done::default();
        let mut expected = Expected::default();
        for &(letter, rest) in &step.lines {
            match letter {
                "b" | "w" => {
                    let (addr, bytes) = placed(rest);
                    let bytes = self.bytes(bytes);
                    self.memory.map(addr, &bytes);
                }
                "c" => {
                    let mut words = rest.split(' ');
                    let command = number(words.next());
                    let size = number(words.next()) as usize;
                    let mut attr = self.bytes(words.next().unwrap_or_default());
                    attr.resize(size, 0);
                    expected = Expected::nothing_of(&attr, &self.memory);
                    done.answer = Some(self.kernel.bpf(command, &mut attr, &mut self.memory));
                    done.attr = attr;
                }
                "x" => {
                    expected = Expected::nothing_of(&[], &self.memory);
                    done.answer = Some(self.other(rest)?);
                }
                "r" => self.answer(rest, done.answer.ok_or("no call")?)?,
                "a" => {
                    let (at, bytes) = rest.split_once(' ').expect("an offset");
                    expected.attr_at(at.parse().expect("an offset"), &self.pattern(bytes));
                }
                "m" => {
                    let (addr, bytes) = placed(rest);
                    expected.memory_at(addr, &self.pattern(bytes));
                }
                _ => return Err(format!("the recording says: {rest}")),
            }
        }
        if done.answer.is_some() { expected.compare(&done.attr, &self.memory) } else { Ok(()) }
    }

    /// What is no call of `bpf(2)`.
    fn other(&mut self, what: &str) -> Result<Result<i32, Errno>, String> {
        let fd = |name: &str| self.names.get(name).copied().unwrap_or(Fd(-1));
        match what.split_once(' ') {
            Some(("close", name)) => {
                let fd = fd(name);
                Ok(self.kernel.close(fd).map(|()| 0))
            }
            Some(("dup", name)) => {
                let fd = fd(name);
                Ok(self.kernel.dup(fd).map(|it| it.0))
            }
            Some(("perf_event_open", words)) => self.perf_event_open(words),
            Some(("ioctl", words)) => self.ioctl(words),
            Some(("open", path)) => Ok(self.kernel.open_dir(path).map(|it| it.0)),
            _ => Err(format!("`{what}` is not emulated")),
        }
    }

    fn perf_event_open(&mut self, words: &str) -> Result<Result<i32, Errno>, String> {
        let words: Vec<&str> = words.split(' ').collect();
        let &[addr, pid, cpu, group, flags] = words.as_slice() else { return Err("five arguments".into()) };
        let addr = u64::from_str_radix(addr, 16).expect("an address");
        let [pid, cpu] = [pid, cpu].map(|it| it.parse().expect("a number"));
        let group = i32::from_le_bytes(self.bytes(group).try_into().expect("four bytes"));
        let flags: u64 = flags.parse().expect("a number");
        // As much as there is up to the end of the page.
        let mut attr = vec![0; (4096 - addr % 4096) as usize];
        if self.memory.read(addr, &mut attr).is_err() {
            return Ok(Err(Errno::EFAULT));
        }
        let given = attr.clone();
        let answer = self.kernel.perf_event_open_raw(&mut attr, pid, cpu, group, flags, &mut self.memory);
        if attr != given {
            self.memory.write(addr, &attr).expect("what was read");
        }
        Ok(answer.map(|it| it.0))
    }

    fn ioctl(&mut self, words: &str) -> Result<Result<i32, Errno>, String> {
        let words: Vec<&str> = words.split(' ').collect();
        let &[name, request, argument] = words.as_slice() else { return Err("three arguments".into()) };
        let fd = self.names.get(name).copied().unwrap_or(Fd(-1));
        let argument = u64::from_le_bytes(self.bytes(argument).try_into().expect("eight bytes"));
        let request = request.parse().expect("a number");
        Ok(self.kernel.perf_ioctl(fd, request, argument, &mut self.memory))
    }

    /// Compares an answer; a descriptor gets its name.
    fn answer(&mut self, theirs: &str, ours: Result<i32, Errno>) -> Result<(), String> {
        let mut words = theirs.split(' ');
        let theirs = words.next().unwrap_or_default();
        let show = match ours {
            Ok(number) => number.to_string(),
            Err(errno) => errno.to_string(),
        };
        if theirs != "fd" {
            return if theirs == show { Ok(()) } else { Err(format!("answered {show}, Linux {theirs}")) };
        }
        let number = words.next().unwrap_or_default();
        let name = words.next().unwrap_or_default().to_string();
        if number != show {
            return Err(format!("answered {show}, Linux descriptor {number}"));
        }
        let fd = Fd(number.parse().expect("a number"));
        if let Ok(id) = self.kernel.id_of(fd) {
            self.ids.insert(name.clone(), id);
        }
        self.names.insert(name, fd);
        Ok(())
    }
}

/// What is to be found after a call.
#[derive(Default)]
struct Expected {
    attr: Vec<Option<u8>>,
    memory: Pages,
    /// Addresses of bytes that are not compared.
    free: Vec<u64>,
}

impl Expected {
    /// All as it was.
    fn nothing_of(attr: &[u8], memory: &Pages) -> Expected {
        Expected { attr: attr.iter().copied().map(Some).collect(), memory: memory.clone(), free: Vec::new() }
    }

    fn attr_at(&mut self, at: usize, bytes: &[Option<u8>]) {
        self.attr[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn memory_at(&mut self, addr: u64, bytes: &[Option<u8>]) {
        for (byte, addr) in bytes.iter().zip(addr..) {
            match byte {
                Some(byte) => self.memory.write(addr, &[*byte]).expect("mapped"),
                None => self.free.push(addr),
            }
        }
    }

    fn compare(&self, attr: &[u8], memory: &Pages) -> Result<(), String> {
        let differs = |it: &usize| self.attr[*it].is_some_and(|byte| byte != attr[*it]);
        if let Some(at) = (0..attr.len()).find(differs) {
            let theirs = self.attr[at].unwrap_or_default();
            return Err(format!("attribute, byte {at}: {:02x}, Linux {theirs:02x}", attr[at]));
        }
        for ((addr, ours), (_, theirs)) in memory.pages().zip(self.memory.pages()) {
            let differs = |it: &usize| ours[*it] != theirs[*it] && !self.free.contains(&(addr + *it as u64));
            if let Some(at) = (0..ours.len()).find(differs) {
                let end = (at + 16).min(ours.len());
                let (ours, theirs) = (&ours[at..end], &theirs[at..end]);
                return Err(format!(
                    "memory at {:x}\n    ours  {ours:02x?}\n    Linux {theirs:02x?}",
                    addr + at as u64
                ));
            }
        }
        Ok(())
    }
}

fn placed(text: &str) -> (u64, &str) {
    let (addr, bytes) = text.split_once(' ').unwrap_or((text, ""));
    (u64::from_str_radix(addr, 16).expect("an address"), bytes)
}

fn number(word: Option<&str>) -> u32 {
    word.and_then(|it| it.parse().ok()).expect("a number")
}
