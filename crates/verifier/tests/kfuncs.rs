//! Programs that call kernel functions, against what Linux 6.18.44 said of them: verdict, errno, last line of the log,
//! instructions processed.
//!
//! `data/kfuncs-6.18.txt` has programs that were composed at random and loaded into a real kernel, one of each kind of
//! message and some that it accepts. Instructions are hexadecimal, as in memory; calls and maps are by name. The maps and
//! their values are described by `data/kfuncs.btf`, made of `data/kfuncs.c`. Numbers of functions are left out of lines.

use std::fmt::Write;
use std::sync::Arc;

use skep_abi::{AttachType, Errno, KernelVersion, MapType, ProgType};
use skep_btf::{Btf, Kind, TypeId};
use skep_isa::Insn;
use skep_verifier::{Attach, Caps, Env, Func, MapInfo, Options, Program, verify};

const CASES: &str = include_str!("data/kfuncs-6.18.txt");
const OWN: &[u8] = include_bytes!("data/kfuncs.btf");
/// What is in the map `ro`.
const STRINGS: [u8; 16] = *b"user.test\0%d\0abc";

/// Maps, the structs of their values, and how many elements they have.
const MAPS: &[(&str, Option<&str>, u32, u32)] = &[
    ("val", Some("value"), 0, 4),
    ("rval", Some("rvalue"), 0, 4),
    ("wval", Some("wvalue"), 0, 4),
    ("plain", None, 64, 4),
    ("ro", None, 16, 1),
];

struct World {
    kernel: Arc<Btf>,
    maps: Vec<MapInfo>,
}

impl World {
    fn new(kernel: Arc<Btf>, own: &Arc<Btf>) -> World {
        let int = own.find(Kind::Int, "int").unwrap();
        let maps = MAPS.iter().enumerate().map(|(handle, (name, value, size, max_entries))| {
            let value = value.map(|value| own.find(Kind::Struct, value).unwrap());
            let read_only = *name == "ro";
            MapInfo {
                kind: MapType::Array,
                key_size: 4,
                value_size: value.map_or(*size, |id| own.size_of(id).unwrap() as u32),
                max_entries: *max_entries,
                flags: if read_only { skep_abi::flags::BPF_F_RDONLY_PROG } else { 0 },
                name: (*name).to_owned(),
                frozen: read_only,
                btf: value.map(|_| Arc::clone(own)),
                key_type: value.map_or(TypeId::VOID, |_| int),
                value_type: value.unwrap_or(TypeId::VOID),
                inner: None,
                handle: handle as u64,
                arena: (0, 0),
            }
        });
        World { kernel, maps: maps.collect() }
    }
}

impl Env for World {
    fn version(&self) -> KernelVersion {
        KernelVersion::new(6, 18)
    }

    fn kernel_btf(&self) -> Option<Arc<Btf>> {
        Some(Arc::clone(&self.kernel))
    }

    fn map_by_fd(&self, fd: i32) -> Result<MapInfo, Errno> {
        self.maps.get(fd as usize).cloned().ok_or(Errno::EBADF)
    }

    fn map_bytes(&self, map: &MapInfo, off: u32, size: u32) -> Option<u64> {
        let bytes = STRINGS.get(off as usize..(off + size) as usize).filter(|_| map.name == "ro")?;
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        Some(u64::from_le_bytes(word))
    }
}

/// One program, and what the kernel said.
struct Case<'a> {
    head: Vec<&'a str>,
    line: &'a str,
    funcs: Vec<Func>,
    insns: Vec<Insn>,
}

fn bytes(hex: &str) -> [u8; 8] {
    std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
}

fn wide(dst: &str, src: u8, imm: i32) -> [Insn; 2] {
    let dst = dst.trim_start_matches('r').parse().unwrap();
    [Insn::new(0x18, dst, src, 0, imm), Insn::default()]
}

fn parse<'a>(text: &'a str, kernel: &Btf, own: &Btf) -> Case<'a> {
    let mut lines = text.lines();
    let head = lines.next().unwrap().split(' ').collect();
    let line = lines.next().unwrap().trim_start();
    let (mut funcs, mut insns) = (Vec::new(), Vec::new());
    for text in lines {
        let words: Vec<&str> = text.split_whitespace().collect();
        let map = |name: &str| MAPS.iter().position(|(known, ..)| *known == name).unwrap() as i32;
        match words[..] {
            ["func", slot, name] => {
                let type_id = own.find(Kind::Func, name).unwrap();
                funcs.push(Func { slot: slot.parse().unwrap(), type_id });
            }
            ["map", dst, name] => insns.extend(wide(dst, 1, map(name))),
            ["value", dst, name] => insns.extend(wide(dst, 2, map(name))),
            ["fn", dst, distance] => insns.extend(wide(dst, 4, distance.parse().unwrap())),
            ["call", name] => {
                let id = kernel.find(Kind::Func, name).unwrap_or_else(|| panic!("no {name}"));
                insns.push(Insn::new(0x85, 0, 2, 0, id.0 as i32));
            }
            [hex] => insns.push(Insn::from_bytes(bytes(hex))),
            _ => panic!("{text}"),
        }
    }
    Case { head, line, funcs, insns }
}

/// A line without the numbers of functions.
fn without_ids(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        if c == '#' && !out.ends_with("arg#") && !out.ends_with("args#") {
            while chars.peek().is_some_and(char::is_ascii_digit) {
                chars.next();
            }
            out.push('N');
        }
    }
    out
}

/// What we say of a case, if it is not what the kernel said.
fn differs(case: &Case<'_>, world: &World, own: &Arc<Btf>) -> Option<String> {
    let [_, _, ty, target, flags, errno, processed] = case.head[..] else { panic!("{:?}", case.head) };
    let prog_type = ProgType::from_name(ty).unwrap();
    let kernel = &world.kernel;
    let (attach_type, id) = match target {
        "-" => (None, None),
        _ if target.starts_with("btf_trace_") => {
            (Some(AttachType::TraceRawTp), kernel.find(Kind::Typedef, target))
        }
        _ if target.starts_with("bpf_iter_") => {
            (Some(AttachType::TraceIter), kernel.find(Kind::Func, target))
        }
        _ => (None, kernel.find(Kind::Struct, target)),
    };
    let program = Program {
        name: "",
        prog_type,
        attach_type,
        flags: flags.parse().unwrap(),
        gpl: true,
        insns: &case.insns,
        btf: Some(own),
        funcs: &case.funcs,
        lines: &[],
        attach: id.map(|id| Attach { btf: kernel, id, prog: None, member: 0 }),
    };
    let caps = Caps { bpf: true, perfmon: true, net_admin: true, sys_admin: true };
    let outcome = verify(&program, world, Options { log_level: 1, caps, ..Options::default() });
    let has_errno = outcome.errno.map_or(0, |it| it.code()).to_string();
    let line = without_ids(&outcome.message);
    let same = has_errno == errno && line == case.line && outcome.stats.insns.to_string() == processed;
    (!same).then(|| format!("{has_errno} {} {line}", outcome.stats.insns))
}

#[test]
fn linux_says_the_same() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../kernel/vmlinux/vmlinux.btf");
    let kernel = Arc::new(Btf::parse(&std::fs::read(path).unwrap()).unwrap());
    let own = Arc::new(Btf::parse(OWN).unwrap());
    let world = World::new(Arc::clone(&kernel), &own);
    let (mut report, mut accepted, mut count) = (String::new(), 0, 0);
    for text in CASES.split("case ").skip(1) {
        let text = format!("case {text}");
        let case = parse(&text, &kernel, &own);
        count += 1;
        accepted += u32::from(case.head[5] == "0");
        if let Some(ours) = differs(&case, &world, &own) {
            let (errno, processed) = (case.head[5], case.head[6]);
            let kernel = format!("{errno} {processed} {}", case.line);
            let _ = writeln!(report, "case {}\n  kernel: {kernel}\n  ours:   {ours}", case.head[1]);
        }
    }
    assert!(report.is_empty(), "{report}");
    assert!(count > 100 && accepted > 10, "{count} cases, {accepted} accepted");
}
