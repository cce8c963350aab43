//! Runs cases on the kernel underneath.

use std::collections::HashMap;
use std::fmt::Write;
use std::io;

use skep_abi::Errno;

use super::parse::PAGE;
use super::script::{Act, Bytes, Call, Case, Perf, Step, Symbol};
use crate::sys::{Answer, Pages, in_child};

/// Where attributes are: pages that end at [`ATTR_END`].
const ATTR_PAGES: u64 = 4;
const ATTR_END: u64 = (1 << 35) + ATTR_PAGES * PAGE;

/// Runs a case in a process of its own and answers its recording.
///
/// # Errors
/// The process could not be made, or did not end well.
pub fn record(case: &Case) -> io::Result<String> {
    let bpffs = case.steps.iter().any(|step| step.text.contains("/sys/fs/bpf"));
    in_child(bpffs, || {
        let mut live = Live::default();
        let mut text = format!("= {}\n", case.name);
        match live.run(case, &mut text) {
            Ok(()) => text,
            Err(error) => format!("{text}! {error}\n"),
        }
    })
}

/// A descriptor with a name.
#[derive(Clone, Copy, Debug)]
struct Named {
    fd: i32,
    /// The object's id; 0 for what has none.
    id: u32,
}

#[derive(Default)]
struct Live {
    pages: Pages,
    /// What is in user memory: address and bytes.
    memory: Vec<(u64, Vec<u8>)>,
    names: HashMap<String, Named>,
}

impl Live {
    fn run(&mut self, case: &Case, text: &mut String) -> io::Result<()> {
        self.pages.map(ATTR_END - ATTR_PAGES * PAGE, (ATTR_PAGES * PAGE) as usize)?;
        for step in &case.steps {
            let _ = writeln!(text, "> {}", step.text);
            self.step(step, text)?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step, text: &mut String) -> io::Result<()> {
        for (address, bytes) in &step.buffers {
            let start = address / PAGE * PAGE;
            let len = (address + bytes.bytes.len() as u64).next_multiple_of(PAGE).max(start + PAGE) - start;
            self.pages.map(start, len as usize)?;
            self.memory.push((*address, vec![0; bytes.bytes.len()]));
            self.put(*address, bytes)?;
            let _ = writeln!(text, "b {address:x} {}", bytes.text(|_| false));
        }
        match &step.act {
            Act::Nothing => {}
            Act::Put(address, bytes) => {
                self.put(*address, bytes)?;
                let _ = writeln!(text, "w {address:x} {}", bytes.text(|_| false));
            }
            Act::Call(call) => self.call(call, text)?,
            Act::Close(name) => {
                let answer = self.pages.close(self.fd(name));
                let _ = writeln!(text, "x close {name}\nr {}", shown(answer));
            }
            Act::Dup(bind, name) => {
                let answer = self.pages.dup(self.fd(name));
                let _ = writeln!(text, "x dup {name}");
                self.bind(answer, Some(bind), text)?;
            }
            Act::Open(bind, path) => {
                let answer = self.pages.open(path);
                let _ = writeln!(text, "x open {path}");
                self.bind(answer, Some(bind), text)?;
            }
            Act::Perf(perf) => {
                let group = self.filled(&perf.group);
                let group = i32::from_le_bytes([group[0], group[1], group[2], group[3]]);
                let Perf { attr, pid, cpu, flags, .. } = *perf;
                let shown = perf.group.text(|_| false);
                let _ = writeln!(text, "x perf_event_open {attr:x} {pid} {cpu} {shown} {flags}");
                let answer = self.pages.perf_event_open(attr, pid, cpu, group, flags);
                self.bind(answer, perf.bind.as_ref(), text)?;
                self.memory_changes(&[], text)?;
            }
            Act::Ioctl(name, request, arg) => {
                let filled = self.filled(arg);
                let number = filled.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
                let answer = self.pages.ioctl(self.fd(name), *request, number);
                let _ =
                    writeln!(text, "x ioctl {name} {request} {}\nr {}", arg.text(|_| false), shown(answer));
                self.memory_changes(&[], text)?;
            }
        }
        Ok(())
    }

    fn fd(&self, name: &str) -> i32 {
        self.names.get(name).map_or(-1, |it| it.fd)
    }

    /// Bytes with symbols as the numbers that they are.
    fn filled(&self, bytes: &Bytes) -> Vec<u8> {
        let mut filled = bytes.bytes.clone();
        for (at, symbol) in &bytes.symbols {
            let named = self.names.get(&symbol.name);
            let number = named.map_or(-1, |it| if symbol.id { it.id as i32 } else { it.fd });
            filled[*at..at + 4].copy_from_slice(&number.to_le_bytes());
        }
        filled
    }

    fn put(&mut self, address: u64, bytes: &Bytes) -> io::Result<()> {
        let filled = self.filled(bytes);
        self.pages.write(address, &filled)?;
        let holder = self.memory.iter_mut().find(|(at, it)| (*at..at + it.len() as u64).contains(&address));
        if let Some((at, it)) = holder {
            let from = (address - *at) as usize;
            it[from..from + filled.len()].copy_from_slice(&filled);
        }
        Ok(())
    }

    fn call(&mut self, call: &Call, text: &mut String) -> io::Result<()> {
        let before = self.filled(&call.attr);
        let address = ATTR_END - before.len() as u64;
        self.pages.write(address, &before)?;
        let shown = call.attr.clone().trimmed().text(|_| false);
        let _ = writeln!(text, "c {} {} {shown}", call.command, before.len());
        let answer = self.pages.bpf(call.command, address, before.len() as u32);
        self.bind(answer, call.bind.as_ref(), text)?;
        let mut after = vec![0; before.len()];
        self.pages.read(address, &mut after)?;
        let masked = |at: usize| call.attr_masks.iter().any(|(from, len)| (*from..from + len).contains(&at));
        for (at, run) in self.changes(&before, &after, masked) {
            let _ = writeln!(text, "a {at} {}", run.text(|it| masked(at + it)));
        }
        self.memory_changes(&call.masks, text)
    }

    /// Writes down what changed in user memory since the last time.
    fn memory_changes(&mut self, masks: &[(u64, usize)], text: &mut String) -> io::Result<()> {
        for which in 0..self.memory.len() {
            let (address, before) = self.memory[which].clone();
            let mut after = vec![0; before.len()];
            self.pages.read(address, &mut after)?;
            let masked = |at: usize| {
                masks.iter().any(|(from, len)| (*from..from + *len as u64).contains(&(address + at as u64)))
            };
            for (at, run) in self.changes(&before, &after, masked) {
                let _ = writeln!(text, "m {:x} {}", address + at as u64, run.text(|it| masked(at + it)));
            }
            self.memory[which].1 = after;
        }
        Ok(())
    }

    /// Writes an answer down; a descriptor gets its name.
    fn bind(&mut self, answer: Answer, bind: Option<&String>, text: &mut String) -> io::Result<()> {
        let (Ok(fd), Some(bind)) = (answer, bind) else {
            let _ = writeln!(text, "r {}", shown(answer));
            return Ok(());
        };
        let fd = fd as i32;
        let target = std::fs::read_link(format!("/proc/self/fd/{fd}"))?;
        let target = target.to_string_lossy();
        // Where the id is in the object's information.
        let (kind, at) = match target.as_ref() {
            "anon_inode:bpf-map" => ("map", 4),
            "anon_inode:bpf-prog" => ("prog", 4),
            "anon_inode:btf" => ("btf", 12),
            "anon_inode:bpf_link" => ("link", 4),
            _ => ("other", 0),
        };
        let id = if at == 0 { 0 } else { self.id(fd, at)? };
        self.names.insert(bind.clone(), Named { fd, id });
        let _ = writeln!(text, "r fd {fd} {bind} {kind}");
        Ok(())
    }

    /// The id of an object, asked for in the lowest page of attributes.
    fn id(&mut self, fd: i32, at: u64) -> io::Result<u32> {
        let attr = ATTR_END - ATTR_PAGES * PAGE;
        let info = attr + 256;
        self.pages.write(info, &[0; 256])?;
        let words = [fd.to_le_bytes(), 16u32.to_le_bytes()].concat();
        self.pages.write(attr, &[words.as_slice(), &info.to_le_bytes()].concat())?;
        self.pages.bpf(15, attr, 16).map_err(io::Error::from_raw_os_error)?;
        let mut id = [0; 4];
        self.pages.read(info + at, &mut id)?;
        Ok(u32::from_le_bytes(id))
    }

    /// Runs of bytes that changed, ids by their names. What is not compared counts as changed.
    fn changes(&self, before: &[u8], after: &[u8], masked: impl Fn(usize) -> bool) -> Vec<(usize, Bytes)> {
        let mut changed: Vec<bool> =
            (0..after.len()).map(|at| masked(at) || before[at] != after[at]).collect();
        let mut symbols = Vec::new();
        for at in (0..after.len().saturating_sub(3)).step_by(4) {
            let word = u32::from_le_bytes([after[at], after[at + 1], after[at + 2], after[at + 3]]);
            if !masked(at)
                && changed[at..at + 4].contains(&true)
                && let Some(name) = self.name_of(word)
            {
                changed[at..at + 4].fill(true);
                symbols.push((at, Symbol { name, id: true }));
            }
        }
        let mut runs = Vec::new();
        let mut at = 0;
        while at < after.len() {
            let len = changed[at..].iter().take_while(|it| **it).count();
            if len > 0 {
                let inside = symbols.iter().filter(|(it, _)| (at..at + len).contains(it));
                let symbols = inside.map(|(it, symbol)| (it - at, symbol.clone())).collect();
                runs.push((at, Bytes { bytes: after[at..at + len].to_vec(), symbols }));
            }
            at += len.max(1);
        }
        runs
    }

    /// The name of what has this id. Small numbers are no ids: the running kernel has counted further.
    fn name_of(&self, id: u32) -> Option<String> {
        let mut names: Vec<&String> =
            self.names.iter().filter(|(_, it)| it.id == id && id > 1000).map(|(name, _)| name).collect();
        names.sort();
        names.first().map(|it| (*it).clone())
    }
}

fn shown(answer: Answer) -> String {
    match answer {
        Ok(number) => number.to_string(),
        Err(errno) => Errno::from_code(errno).map_or_else(|| errno.to_string(), |it| it.to_string()),
    }
}
