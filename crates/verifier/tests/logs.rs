//! Whole logs against what the verifier of Linux 6.18.44 writes at level 2 with statistics
//! (`fixtures/oracle/logs-6.18.txt.gz`; `record-logs` of `skep-oracle` wrote it, from `fixtures/verifier/logs.txt` and
//! programs that it composes).

use std::fmt::Write;
use std::io::Read;
use std::sync::Arc;

use skep_abi::{AttachType, Errno, KernelVersion, MapType, ProgType};
use skep_btf::{Btf, TypeId};
use skep_isa::Insn;
use skep_verifier::{Caps, Env, Func, Line, MapInfo, Options, Outcome, Program, verify};

/// A recorded program.
#[derive(Default)]
struct Case {
    name: String,
    prog_type: u32,
    attach: u32,
    flags: u32,
    without_perfmon: bool,
    level: u32,
    maps: Vec<MapInfo>,
    insns: Vec<Insn>,
    btf: Option<Arc<Btf>>,
    funcs: Vec<u32>,
    lines: Vec<u32>,
    errno: i32,
    log: Vec<String>,
}

struct Kernel<'a> {
    maps: &'a [MapInfo],
    btf: &'a Arc<Btf>,
}

impl Env for Kernel<'_> {
    fn version(&self) -> KernelVersion {
        KernelVersion::new(6, 18)
    }

    fn kernel_btf(&self) -> Option<Arc<Btf>> {
        Some(self.btf.clone())
    }

    fn module_btf_at(&self, _index: i16) -> Result<(Arc<str>, Arc<Btf>), Errno> {
        Err(Errno::EINVAL)
    }

    fn map_by_fd(&self, _fd: i32) -> Result<MapInfo, Errno> {
        Err(Errno::EBADF)
    }

    fn map_by_index(&self, index: i32) -> Result<MapInfo, Errno> {
        self.maps.get(index as usize).cloned().ok_or(Errno::EFAULT)
    }

    fn bound_maps(&self) -> Vec<MapInfo> {
        self.maps.to_vec()
    }
}

/// `LOGS`: another recording; `ONLY`: the one program whose log is printed; `KERNEL_BTF`: the BTF that it was made with.
#[expect(clippy::disallowed_methods, reason = "these ask for it, by hand")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn recording(name: &str) -> String {
    let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/oracle/{}-6.18.txt.gz"), name);
    let path = variable("LOGS").unwrap_or(path);
    let file = std::fs::File::open(path).expect("the recording is there");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("it is text");
    text
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex")).collect()
}

fn words(hex: &str) -> Vec<u32> {
    bytes(hex).chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect()
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            cases.push(Case { name: name.to_owned(), level: 6, ..Case::default() });
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        if let Some(log) = line.strip_prefix('>') {
            case.log.push(log.to_owned());
            continue;
        }
        let (word, rest) = line.split_once(' ').expect("a word and more");
        match word {
            "prog" => {
                let mut numbers = rest.split(' ').map(|word| word.parse().expect("a number"));
                let mut next = || numbers.next().expect("three numbers");
                (case.prog_type, case.attach, case.flags) = (next(), next(), next());
            }
            "level" => case.level = rest.parse().expect("a number"),
            "caps" => case.without_perfmon = true,
            "map" => case.maps.push(map(rest, case.maps.len())),
            "insns" => case.insns = Insn::from_slice(&bytes(rest)).expect("whole slots"),
            "btf" => case.btf = Some(Arc::new(Btf::parse(&bytes(rest)).expect("BTF"))),
            "funcs" => case.funcs = words(rest),
            "lines" => case.lines = words(rest),
            "errno" => case.errno = rest.parse().expect("a number"),
            _ => panic!("{line}"),
        }
    }
    cases
}

fn map(text: &str, nr: usize) -> MapInfo {
    let words: Vec<&str> = text.split(' ').collect();
    let number = |i: usize| words[i].parse::<u32>().expect("a number");
    MapInfo {
        kind: MapType::from_u32(number(0)).expect("a map type"),
        key_size: number(1),
        value_size: number(2),
        max_entries: number(3),
        flags: number(4),
        name: words[5].into(),
        frozen: false,
        btf: None,
        key_type: TypeId::VOID,
        value_type: TypeId::VOID,
        inner: None,
        handle: nr as u64 + 1,
        arena: (0, 0),
    }
}

impl Case {
    /// What our verifier says of it.
    fn replay(&self, btf: &Arc<Btf>, log_level: u32) -> Outcome {
        let funcs: Vec<Func> =
            self.funcs.chunks(2).map(|it| Func { slot: it[0], type_id: TypeId(it[1]) }).collect();
        let text = |off: u32| self.btf.as_ref().map_or("", |btf| btf.str(skep_btf::StrOff(off)));
        let line = |it: &[u32]| Line {
            slot: it[0],
            file: text(it[1]),
            text: text(it[2]),
            line: it[3] >> 10,
            column: it[3] & 0x3ff,
        };
        let lines: Vec<Line<'_>> = self.lines.chunks(4).map(line).collect();
        let program = Program {
            name: "",
            prog_type: ProgType::from_u32(self.prog_type).expect("a program type"),
            attach_type: AttachType::from_u32(self.attach).filter(|_| self.attach != 0),
            flags: self.flags,
            gpl: true,
            insns: &self.insns,
            btf: self.btf.as_ref(),
            funcs: &funcs,
            lines: &lines,
            attach: None,
        };
        let caps = match self.without_perfmon {
            true => Caps { perfmon: false, ..Caps::DEFAULT },
            false => Caps { sys_admin: true, ..Caps::DEFAULT },
        };
        let options = Options { log_level, caps, ..Options::default() };
        verify(&program, &Kernel { maps: &self.maps, btf }, options)
    }
}

/// The first difference, with what is before it.
fn difference(case: &Case, errno: i32, log: &[String]) -> Option<String> {
    let at = (0..).find(|i| case.log.get(*i) != log.get(*i) || *i >= case.log.len())?;
    if at >= case.log.len() && errno == case.errno {
        return None;
    }
    let mut text = format!("{} (errno {} and {errno}), line {at}:\n", case.name, case.errno);
    for before in case.log.iter().take(at).rev().take(2).rev() {
        let _ = writeln!(text, "    {before}");
    }
    for (sign, log) in [('-', &case.log[..]), ('+', log)] {
        for line in log.iter().skip(at).take(3) {
            let _ = writeln!(text, "  {sign} {line}");
        }
    }
    Some(text)
}

fn kernel_btf() -> Arc<Btf> {
    let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernel/vmlinux/vmlinux.btf");
    let btf = std::fs::read(variable("KERNEL_BTF").unwrap_or_else(|| bundled.into()));
    Arc::new(Btf::parse(&btf.expect("the kernel's BTF")).expect("BTF"))
}

#[test]
fn logs() {
    replay("logs");
}

/// Accesses through every kind of pointer, and stacks (`fixtures/verifier/memory.txt`).
#[test]
fn memory() {
    replay("memory");
}

/// Slots with fields that they do not have.
#[test]
fn raw_slots() {
    replay("raw-slots");
}

/// The same programs, loaded without `CAP_PERFMON`: paths that only a wrong prediction takes are looked at, too.
#[test]
fn without_perfmon() {
    replay("logs-without-perfmon");
}

fn replay(name: &str) {
    let text = recording(name);
    let only = variable("ONLY");
    let cases = cases(&text);
    let btf = kernel_btf();
    let mut different = Vec::new();
    for case in cases.iter().filter(|it| only.as_ref().is_none_or(|only| it.name == *only)) {
        let outcome = case.replay(&btf, case.level);
        let errno = outcome.errno.map_or(0, Errno::code);
        let log: Vec<String> = outcome.log.lines().map(str::to_owned).collect();
        if only.is_some() {
            println!("{}", log.join("\n"));
        }
        different.extend(difference(case, errno, &log));
    }
    assert!(different.is_empty(), "{} of {} differ\n{}", different.len(), cases.len(), different.join("\n"));
}

/// What user space finds of the log of the program `counted loop` in a buffer: level, size, whether the answer is
/// `ENOSPC`, `log_true_size`, bytes of text and how the text begins.
const BUFFERS: &[(u32, u32, bool, u32, usize, &str)] = &[
    (1, 0, false, 1026, 0, ""),
    (1, 50, true, 1026, 49, "_insn 1 total_st"),
    (1, 100, true, 1026, 98, "processed 23 ins"),
    (1, 200, true, 1026, 98, "processed 23 ins"),
    (1, 1000, true, 1026, 98, "processed 23 ins"),
    (1, 6000, false, 1026, 98, "processed 23 ins"),
    (2, 0, false, 5856, 0, ""),
    (2, 50, true, 5856, 49, "_insn 1 total_st"),
    (2, 100, true, 5856, 99, "\nprocessed 23 in"),
    (2, 200, true, 5856, 199, "=P8 R1=ctx() R10"),
    (2, 1000, true, 5856, 999, ") r0 += 1       "),
    (2, 6000, false, 5856, 5855, "func#0 @0\nLive r"),
    (9, 0, false, 1026, 0, ""),
    (9, 50, true, 1026, 49, "processed 23 ins"),
    (9, 100, true, 1026, 98, "processed 23 ins"),
    (9, 200, true, 1026, 98, "processed 23 ins"),
    (9, 1000, true, 1026, 98, "processed 23 ins"),
    (9, 6000, false, 1026, 98, "processed 23 ins"),
    (10, 0, false, 5856, 0, ""),
    (10, 50, true, 5856, 49, "func#0 @0\nLive r"),
    (10, 100, true, 5856, 99, "func#0 @0\nLive r"),
    (10, 200, true, 5856, 199, "func#0 @0\nLive r"),
    (10, 1000, true, 5856, 999, "func#0 @0\nLive r"),
    (10, 6000, false, 5856, 5855, "func#0 @0\nLive r"),
];

#[test]
fn buffers() {
    let text = recording("logs");
    let case = cases(&text).into_iter().find(|it| it.name == "counted loop").expect("it is there");
    let btf = kernel_btf();
    for &(level, size, truncated, true_size, len, start) in BUFFERS {
        let outcome = case.replay(&btf, level);
        let buffer = outcome.log_extent.buffer(&outcome.log, level, size);
        let text = String::from_utf8(buffer.bytes).expect("text");
        let text = text.trim_end_matches('\0');
        let ours = (buffer.truncated, buffer.true_size, text.len(), &text[..text.len().min(16)]);
        assert_eq!(ours, (truncated, true_size, len, start), "level {level}, {size} bytes");
    }
}
