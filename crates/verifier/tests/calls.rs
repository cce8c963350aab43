//! Calls of helpers and functions against what the verifier of Linux 6.18.44 says of them, log for log
//! (`fixtures/oracle/calls-6.18.txt.gz`; `record-calls` of `skep-oracle` wrote it).

use std::io::Read;
use std::sync::Arc;

use skep_abi::{AttachType, Errno, KernelVersion, MapType, ProgType};
use skep_btf::{Btf, TypeId};
use skep_isa::Insn;
use skep_verifier::{Caps, Env, Func, MapInfo, Options, Program, verify};

/// What is in the map that nobody can write, and its number.
const TEXT: (&[u8; 16], u64) = (b"%d %s\0abc\0%x\0\0\0\0", 4);

/// What all programs of the recording share.
struct World {
    kernel: Arc<Btf>,
    btf: Arc<Btf>,
    maps: Vec<MapInfo>,
}

impl Env for World {
    fn version(&self) -> KernelVersion {
        KernelVersion::new(6, 18)
    }

    fn kernel_btf(&self) -> Option<Arc<Btf>> {
        Some(self.kernel.clone())
    }

    fn module_btf_at(&self, _: i16) -> Result<(Arc<str>, Arc<Btf>), Errno> {
        Err(Errno::EBADF)
    }

    fn map_by_fd(&self, fd: i32) -> Result<MapInfo, Errno> {
        self.maps.get(fd as usize).cloned().ok_or(Errno::EBADF)
    }

    fn map_by_index(&self, _: i32) -> Result<MapInfo, Errno> {
        Err(Errno::EBADF)
    }

    fn map_bytes(&self, map: &MapInfo, off: u32, size: u32) -> Option<u64> {
        let (text, handle) = TEXT;
        let bytes = text.get(off as usize..(off + size) as usize).filter(|_| map.handle == handle)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    // What the machine that was asked has switched off, or was built without: probe_write_user, override_return.
    fn has_helper(&self, id: u32) -> bool {
        id != 36 && id != 58
    }
}

/// A program, and what the kernel said.
struct Case<'a> {
    prog_type: ProgType,
    attach: Option<AttachType>,
    errno: i32,
    funcs: Vec<Func>,
    insns: Vec<Insn>,
    log: Vec<&'a str>,
}

fn read(path: &str) -> Vec<u8> {
    let path = format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    if !path.ends_with(".gz") {
        return bytes;
    }
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut text).expect("it is packed");
    text
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex"))
        .collect()
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn map_info(at: usize, line: &str, btf: &Arc<Btf>) -> MapInfo {
    let words: Vec<&str> = line.split(' ').collect();
    let value: u32 = number(words[5]);
    MapInfo {
        kind: MapType::from_name(words[0]).expect("a map type"),
        key_size: number(words[1]),
        value_size: number(words[2]),
        max_entries: number(words[3]),
        flags: number(words[4]),
        name: format!("m{at}"),
        frozen: at as u64 == TEXT.1,
        btf: (value != 0).then(|| btf.clone()),
        key_type: btf.find(skep_btf::Kind::Int, "int").filter(|_| value != 0).unwrap_or_default(),
        value_type: TypeId(value),
        inner: None,
        handle: at as u64,
        arena: (0, 0),
    }
}

fn func(text: &str) -> Func {
    let (slot, id) = text.split_once(':').expect("slot and type");
    Func { slot: number(slot), type_id: TypeId(number(id)) }
}

fn case(line: &str) -> Case<'_> {
    let words: Vec<&str> = line.split(' ').collect();
    Case {
        prog_type: ProgType::from_name(words[0]).expect("a program type"),
        attach: AttachType::from_name(words[1]),
        errno: number(words[2]),
        funcs: words[3].split(',').map(func).collect(),
        insns: Insn::from_slice(&unhex(words[4])).expect("instructions"),
        log: Vec::new(),
    }
}

/// Addresses, and the blanks that fill lines up to what is known, are left out.
fn plain(line: &str) -> String {
    let line = match line.split_once("(18) r").and_then(|(a, b)| Some((a, b.split_once(" = ")?))) {
        Some((before, (reg, value))) => {
            let rest = value
                .trim_start_matches("0x")
                .trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == 'X');
            format!("{before}(18) r{reg} = X{rest}")
        }
        None => line.to_owned(),
    };
    match line.split_once(" ; ") {
        Some((insn, state)) => format!("{} ; {state}", insn.trim_end()),
        None => line,
    }
}

#[test]
fn logs_are_the_kernels() {
    let text = String::from_utf8(read("fixtures/oracle/calls-6.18.txt.gz")).expect("text");
    let kernel = Btf::parse(&read("crates/kernel/vmlinux/vmlinux.btf")).expect("the bundled types");
    let mut world = World {
        kernel: Arc::new(kernel),
        btf: Arc::new(Btf::parse(&unhex(line_of(&text, "b "))).expect("types")),
        maps: Vec::new(),
    };
    let rows = text.lines().filter_map(|line| line.strip_prefix("m "));
    world.maps = rows.enumerate().map(|(at, line)| map_info(at, line, &world.btf)).collect();
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("p ") {
            cases.push(case(line));
        } else if let (Some(line), Some(case)) = (line.strip_prefix('\t'), cases.last_mut()) {
            case.log.push(line);
        }
    }
    assert!(cases.len() > 900, "{}", cases.len());
    let accepted = cases.iter().filter(|it| it.errno == 0).count();
    assert!(accepted > 60, "{accepted}");
    let wrong: Vec<String> =
        cases.iter().enumerate().filter_map(|(at, case)| difference(&world, at, case)).collect();
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
}

fn line_of<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find_map(|line| line.strip_prefix(start)).expect("a line of the header")
}

/// What of the log or the errno differs first; nothing for programs that read structs which the bundled types lack.
fn difference(world: &World, at: usize, case: &Case<'_>) -> Option<String> {
    if case.log.iter().any(|line| line.contains(" = *(") && line.contains("=map_ptr(")) {
        return None;
    }
    let program = Program {
        name: "calls",
        prog_type: case.prog_type,
        attach_type: case.attach,
        // Programs of system calls have to say that they may sleep.
        flags: if case.prog_type == ProgType::Syscall { 1 << 4 } else { 0 },
        gpl: true,
        insns: &case.insns,
        btf: Some(&world.btf),
        funcs: &case.funcs,
        lines: &[],
        attach: None,
    };
    let caps = Caps { bpf: true, perfmon: true, net_admin: true, sys_admin: true };
    let outcome = verify(&program, world, Options { log_level: 2, caps, ..Options::default() });
    let ours: Vec<String> = outcome.log.lines().map(plain).collect();
    let theirs: Vec<String> = case.log.iter().map(|line| plain(line)).collect();
    let name = format!("program {at} ({})", case.prog_type);
    if let Some(line) = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs) {
        return Some(format!("{name}, line {line}:\n  {}\n  {}", ours[line], theirs[line]));
    }
    let errno = outcome.errno.map_or(0, |errno| errno.code());
    let same = ours.len() == theirs.len() && errno == case.errno;
    (!same)
        .then(|| format!("{name}: {errno}, {} lines; kernel: {}, {}", ours.len(), case.errno, theirs.len()))
}
