//! Logs against those of Linux 6.18.44, line for line (`fixtures/oracle/traces-6.18.txt.gz`; `record-traces` of
//! `skep-oracle` wrote it): small programs for one message each, and random ones.

use std::io::Read;

use skep_abi::{Errno, KernelVersion, MapType, ProgType};
use skep_isa::Insn;
use skep_verifier::{Caps, Env, MapInfo, Options, Program, verify};

/// The maps of the recording, and nothing else.
struct Maps;

impl Env for Maps {
    fn version(&self) -> KernelVersion {
        KernelVersion::new(6, 18)
    }

    fn map_by_fd(&self, fd: i32) -> Result<MapInfo, Errno> {
        let (kind, key_size, value_size, max_entries) = match fd {
            1001 => (MapType::Array, 4, 64, 4),
            1002 => (MapType::Hash, 8, 48, 4),
            1003 => (MapType::Ringbuf, 0, 0, 4096),
            0..3 => return Err(Errno::EINVAL),
            _ => return Err(Errno::EBADF),
        };
        Ok(MapInfo {
            kind,
            key_size,
            value_size,
            max_entries,
            flags: 0,
            name: String::new(),
            frozen: false,
            btf: None,
            key_type: Default::default(),
            value_type: Default::default(),
            inner: None,
            handle: fd as u64,
            arena: (0, 0),
        })
    }
}

/// What the kernel said of a program.
struct Recorded<'a> {
    name: &'a str,
    prog_type: ProgType,
    caps: Caps,
    flags: u32,
    insns: Vec<Insn>,
    errno: i32,
    log: Vec<&'a str>,
}

fn recorded(text: &str) -> Recorded<'_> {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().expect("a name").split(' ').collect();
    let [name, _, prog_type, _, caps, _, flags] = head[..] else { panic!("{head:?}") };
    let hex = lines.next().expect("instructions");
    let bytes: Vec<u8> =
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hex")).collect();
    let errno = lines.next().and_then(|line| line.strip_prefix("errno ")?.parse().ok());
    let prog_type = prog_type.parse().ok().and_then(ProgType::from_u32);
    Recorded {
        name,
        prog_type: prog_type.expect("a program type"),
        caps: if caps == "all" { Caps::DEFAULT } else { Caps { perfmon: false, ..Caps::DEFAULT } },
        flags: flags.parse().expect("flags"),
        insns: Insn::from_slice(&bytes).expect("whole instructions"),
        errno: errno.expect("an errno"),
        log: lines.map(|line| line.get(1..).unwrap_or_default()).collect(),
    }
}

/// Where the logs part, with what comes before; `None`: they do not.
fn difference(theirs: &Recorded<'_>) -> Option<String> {
    let program = Program {
        name: "",
        prog_type: theirs.prog_type,
        attach_type: None,
        flags: theirs.flags,
        gpl: true,
        insns: &theirs.insns,
        btf: None,
        funcs: &[],
        lines: &[],
        attach: None,
    };
    let options = Options { log_level: 2, caps: theirs.caps, ..Options::default() };
    let outcome = verify(&program, &Maps, options);
    let errno = outcome.errno.map_or(0, Errno::code);
    let ours: Vec<&str> = outcome.log.lines().collect();
    if errno == theirs.errno && ours == theirs.log {
        return None;
    }
    let same = ours.iter().zip(&theirs.log).take_while(|(a, b)| a == b).count();
    let line = |log: &[&str]| log.get(same).map_or(String::from("(its end)"), |line| line.to_string());
    let before = theirs.log[same.saturating_sub(4)..same].join("\n  ");
    Some(format!(
        "{}: errno {} of the kernel, {errno} of ours\n  {before}\nkernel {}\nours   {}",
        theirs.name,
        theirs.errno,
        line(&theirs.log),
        line(&ours)
    ))
}

#[test]
fn the_kernel_writes_the_same() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/oracle/traces-6.18.txt.gz");
    let file = std::fs::File::open(path).expect("the recording is there");
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("it is text");
    let programs: Vec<Recorded<'_>> = text.split("\nprogram ").skip(1).map(recorded).collect();
    let differences: Vec<String> = programs.iter().filter_map(difference).collect();
    for difference in differences.iter().take(5) {
        eprintln!("{difference}\n");
    }
    assert!(differences.is_empty(), "{} of {} programs differ", differences.len(), programs.len());
    assert!(programs.len() > 700 && programs.iter().filter(|it| it.errno == 0).count() > 150);
}
