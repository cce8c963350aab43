//! Whole logs against what the verifier of Linux 6.18.44 writes at level 2 with statistics
//! (`fixtures/oracle/logs-6.18.txt.gz`; `record-logs` of `skep-oracle` wrote it, from `fixtures/verifier/logs.txt` and
//! programs that it composes).

use std::fmt::Write;
use std::io::Read;
use std::sync::Arc;

use skep_abi::{AttachType, Errno, KernelVersion, MapType, ProgType};
use skep_btf::{Btf, TypeId};
use skep_isa::Insn;
use skep_verifier::{Caps, Env, Func, Line, MapInfo, Options, Program, verify};

/// Programs whose logs differ, and why.
const KNOWN: [&str; 1] = [
    // FIXME: the BTF used here has no `bpf_ctx_convert`, by which contexts of global functions are known.
    "a static function of global",
];

/// A recorded program.
#[derive(Default)]
struct Case {
    name: String,
    prog_type: u32,
    attach: u32,
    flags: u32,
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

    fn module_btf(&self, _fd: i32) -> Result<(Arc<str>, Arc<Btf>), Errno> {
        Err(Errno::EBADF)
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

    fn map_bytes(&self, _map: &MapInfo, _off: u32, _size: u32) -> Option<u64> {
        None
    }
}

fn recording() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/oracle/logs-6.18.txt.gz");
    let path = std::env::var("LOGS").unwrap_or_else(|_| path.into());
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
            cases.push(Case { name: name.to_owned(), ..Case::default() });
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
    fn replay(&self, btf: &Arc<Btf>) -> (i32, Vec<String>) {
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
        let caps = Caps { sys_admin: true, ..Caps::DEFAULT };
        let options = Options { log_level: 6, caps, ..Options::default() };
        let outcome = verify(&program, &Kernel { maps: &self.maps, btf }, options);
        (outcome.errno.map_or(0, Errno::code), outcome.log.lines().map(str::to_owned).collect())
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

#[test]
fn logs() {
    let text = recording();
    let only = std::env::var("ONLY").ok();
    let cases = cases(&text);
    let btf = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../kernel/vmlinux/vmlinux.btf"));
    let btf = Arc::new(Btf::parse(&btf.expect("the kernel's BTF")).expect("BTF"));
    let mut different = Vec::new();
    for case in cases.iter().filter(|it| only.as_ref().is_none_or(|only| it.name == *only)) {
        let (errno, log) = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case.replay(&btf)))
        {
            Ok(answer) => answer,
            Err(_) => (-1, Vec::new()),
        };
        if only.is_some() {
            println!("{}", log.join("\n"));
        }
        let known = KNOWN.contains(&case.name.as_str());
        match difference(case, errno, &log) {
            None if known => different.push(format!("{}: equal now", case.name)),
            text => different.extend(text.filter(|_| !known || only.is_some())),
        }
    }
    assert!(different.is_empty(), "{} of {} differ\n{}", different.len(), cases.len(), different.join("\n"));
}
