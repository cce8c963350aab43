//! Whatever bytes `skep run` is given as object, packet, capture or context: it ends by itself, soon, with exit code 0,
//! 1 or 2, and says something. Nothing here looks at what it says.
//!
//! Inputs are made from a seed, so that a failure comes back; its message names the command and keeps the files.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Far more than an optimized build takes, which is less than a second: a debug build on a busy machine is slow.
/// In pauses: tests read no clock either.
const PATIENCE: u32 = 120_000;
const PAUSE: Duration = Duration::from_millis(1);

/// xorshift64: enough to spoil files.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// The bytes cut short, or with some of them, or of the words in them, replaced.
    fn spoil(&mut self, bytes: &[u8]) -> Vec<u8> {
        const WORDS: [u32; 8] = [0, 1, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, u32::MAX];
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(8) {
            let at = self.below(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(at),
                1..=3 if bytes.len() - at >= 4 => {
                    bytes[at..at + 4].copy_from_slice(&WORDS[self.below(WORDS.len())].to_le_bytes());
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = self.next() as u8;
                    }
                }
            }
        }
        bytes
    }
}

/// A folder with the files of one test.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Scratch {
        Scratch(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> OsString {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.into_os_string()
    }

    /// Runs `skep run` and checks how it ends. Its output goes to files: a pipe that nobody reads would stop it.
    fn run(&self, args: &[OsString]) -> i32 {
        let open = |name: &str| fs::File::create(self.0.path().join(name)).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_skep"))
            .args(["run", "--no-verify"])
            .args(args)
            .stdin(Stdio::null())
            .stdout(open("stdout"))
            .stderr(open("stderr"))
            .spawn()
            .unwrap();
        let mut pauses = 0;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Ok(status),
                None if pauses == PATIENCE => break Err("it does not end".to_owned()),
                None => {
                    if let Err(why) = check_use(child.id()) {
                        break Err(why);
                    }
                    pauses += 1;
                    sleep(PAUSE);
                }
            }
        };
        if status.is_err() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let read = |name: &str| fs::read(self.0.path().join(name)).unwrap();
        let failed = |why: &str| -> ! {
            let kept = std::env::temp_dir().join("skep-hostile");
            let _ = fs::create_dir_all(&kept);
            for file in fs::read_dir(self.0.path()).unwrap().flatten() {
                let _ = fs::copy(file.path(), kept.join(file.file_name()));
            }
            panic!("{why}: skep run {args:?}; the files are in {}", kept.display());
        };
        let status = status.unwrap_or_else(|why| failed(&why));
        let output = Output { status, stdout: read("stdout"), stderr: read("stderr") };
        match check(&output) {
            Ok(code) => code,
            Err(why) => failed(&why),
        }
    }
}

/// Looks at what a process took of the host so far. Only where there is a `/proc` to look at.
fn check_use(id: u32) -> Result<(), String> {
    let read = |name: &str| fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default();
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let status = read("status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
    let peak = peak.and_then(number).unwrap_or(0) << 10;
    if peak > MEMORY {
        return Err(format!("it takes {} MiB", peak >> 20));
    }
    // Ticks of a hundredth of a second, in user and in kernel mode, behind a name that may hold anything.
    let stat = read("stat");
    let fields = stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11).take(2);
    let seconds = fields.filter_map(number).sum::<u64>() as f64 / 100.0;
    if seconds > SECONDS * SLACK && !cfg!(debug_assertions) {
        return Err(format!("it takes {seconds} seconds of a processor"));
    }
    Ok(())
}

fn check(output: &Output) -> Result<i32, String> {
    let text = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code().ok_or_else(|| format!("{}: {text}", output.status))?;
    if !(0..=2).contains(&code) || text.contains("panicked") {
        return Err(format!("exit code {code}: {text}"));
    }
    let says = |bytes: &[u8]| bytes.iter().any(u8::is_ascii_graphic);
    match code {
        2 if !says(&output.stderr) => Err("exit code 2 without a word".to_owned()),
        1 if !says(&output.stderr) && !says(&output.stdout) => Err("exit code 1 without a word".to_owned()),
        _ => Ok(code),
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// Files with one of these endings, sorted.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)))
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn objects() -> Vec<PathBuf> {
    files(&fixtures(), &[".bpf.o"])
}

/// The names of an object's programs.
fn programs(object: &Path) -> Vec<String> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_skep")).args(["inspect", "--json"]).arg(object).output().unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let programs = report["programs"].as_array().unwrap().iter();
    programs
        .filter(|program| program["section"] != ".text")
        .map(|program| program["name"].as_str().unwrap().to_owned())
        .collect()
}

fn hex(bytes: &[u8]) -> OsString {
    format!("hex:{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()).into()
}

fn args<const N: usize>(parts: [&str; N]) -> [OsString; N] {
    parts.map(OsString::from)
}

#[test]
fn spoiled_objects() {
    let (scratch, mut random) = (Scratch::new(), Random(0x5eed_0001));
    let budget = args(["--budget", "1000000", "--json"]);
    for object in objects() {
        let bytes = fs::read(&object).unwrap();
        let program = programs(&object).first().cloned();
        for turn in 0..6 {
            let spoiled = scratch.file("object", &random.spoil(&bytes));
            let packet = random.bytes(60);
            let mut line = vec![spoiled];
            line.extend(program.clone().map(OsString::from));
            line.extend(if turn % 2 == 0 {
                ["--packet".into(), hex(&packet)]
            } else {
                ["--ctx".into(), hex(&packet)]
            });
            line.extend(budget.clone());
            scratch.run(&line);
        }
    }
}

#[test]
fn every_program_on_random_packets_and_contexts() {
    let (scratch, mut random) = (Scratch::new(), Random(0x5eed_0002));
    let budget = args(["--budget", "1000000"]);
    for object in objects() {
        for program in programs(&object) {
            for len in [0, 13, 14 + random.below(600)] {
                let bytes = scratch.file("input", &random.bytes(len));
                for option in ["--packet", "--ctx"] {
                    let mut line =
                        vec![object.clone().into(), OsString::from(&program), option.into(), bytes.clone()];
                    line.extend(budget.clone());
                    scratch.run(&line);
                }
            }
        }
    }
}

#[test]
fn spoiled_captures() {
    let (scratch, mut random) = (Scratch::new(), Random(0x5eed_0003));
    let object = fixtures().join("xdp_sample.bpf.o");
    for capture in files(&fixtures().join("captures"), &[".pcap", ".pcapng", ".bin"]) {
        let mut bytes = fs::read(&capture).unwrap();
        bytes.truncate(16 << 10);
        for turn in 0..12 {
            let spoiled = if turn == 0 { bytes.clone() } else { random.spoil(&bytes) };
            let mut line = vec![object.clone().into()];
            line.extend(programs(&object).first().map(OsString::from));
            line.extend(["--pcap".into(), scratch.file("capture", &spoiled), "--json".into()]);
            scratch.run(&line);
        }
    }
}

/// No size that an object may name is too much. Every occurrence of `max_entries` and of value sizes in BTF is an array's
/// length; in the legacy section it is a word of the definition. Both are 4-byte words: all are replaced in turn.
#[test]
fn huge_sizes_everywhere() {
    let scratch = Scratch::new();
    let object = fs::read(data().join("hostile.bpf.o")).unwrap();
    let sizes: [u32; 6] = [16 << 20, 4, 1 << 24, 1 << 16, 1 << 20, 4 << 20];
    let places = (0..object.len() - 3).step_by(4).filter(|at| {
        let word = object[*at..*at + 4].iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
        sizes.contains(&word) && word != 4
    });
    for at in places {
        for size in [u32::MAX, 0x7fff_ffff, 1 << 30, 0] {
            let mut bytes = object.clone();
            bytes[at..at + 4].copy_from_slice(&size.to_le_bytes());
            let mut line = vec![scratch.file("object", &bytes)];
            line.extend(args(["scatter", "--budget", "10000", "--json"]));
            scratch.run(&line);
        }
    }
}

/// Programs that run into the limit on memory before they run out of budget.
const HOARDERS: [&str; 18] = [
    "bit_iterators",
    "everything",
    "fill_array",
    "fill_large_hash",
    "fill_large_lru",
    "fill_percpu_hash",
    "grow_list",
    "long_insert",
    "many_pages",
    "objects",
    "pages",
    "percpu_objects",
    "reserve_large",
    "reserve_medium",
    "reserve_page",
    "scatter",
    "walk_array",
    "write_half_a_thousand",
];

/// What `skep run` may take of the host: memory, all together; and time, on a machine that does nothing else.
const MEMORY: u64 = 256 << 20;
const SECONDS: f64 = 1.0;
/// What is left of a processor's second, and more, on a machine that has other things to do.
const SLACK: f64 = 4.0;

/// Programs that never end, or print, send, fill, keep and copy all they can, at the default budget. Each ends with the
/// budget, or with the memory that there is for it.
#[test]
fn greedy_programs() {
    let scratch = Scratch::new();
    let capture = fixtures().join("captures/web.pcap");
    for object in objects_of_our_own() {
        for program in programs(&object) {
            let mut line = vec![object.clone().into(), OsString::from(&program), "--json".into()];
            line.extend(match program.as_str() {
                "burn" => ["--pcap".into(), capture.clone().into()],
                // What is no packet's program has a context of one.
                _ if program.starts_with("move_") || program.starts_with("grow_") => {
                    ["--packet".into(), hex(&[0; 1400])]
                }
                _ => ["--ctx".into(), hex(&[0; 64])],
            });
            let hoards = HOARDERS.contains(&program.as_str());
            // Debug builds take some 40 times as long as the second that is promised.
            if cfg!(debug_assertions) {
                line.extend(args(if hoards { ["--memory", "24M"] } else { ["--budget", "2000000"] }));
            }
            assert_eq!(scratch.run(&line), if hoards { 2 } else { 1 }, "{program}");
        }
    }
}

/// The same on the largest machine: no per-CPU map makes more of it.
#[test]
fn greedy_programs_on_many_cpus() {
    let scratch = Scratch::new();
    for object in objects_of_our_own() {
        for program in programs(&object).iter().filter(|it| it.contains("percpu") || it.contains("perf")) {
            let mut line = vec![object.clone().into(), OsString::from(program)];
            line.extend(args(["--cpus", "256", "--json"]));
            if cfg!(debug_assertions) {
                line.extend(args(["--budget", "2000000"]));
            }
            assert!(scratch.run(&line) > 0, "{program}");
        }
    }
}

/// Contexts and packets of any size that is read at all.
#[test]
fn large_inputs() {
    let scratch = Scratch::new();
    let zeros = scratch.file("zeros", &vec![0; 40 << 20]);
    for (object, program, option) in [
        (data().join("hostile.bpf.o"), "tail_refused", "--ctx"),
        (data().join("hoard.bpf.o"), "move_head", "--packet"),
        (data().join("hoard.bpf.o"), "grow_tail", "--packet"),
    ] {
        let mut line = vec![object.into(), program.into(), option.into(), zeros.clone()];
        line.extend(args(["--budget", "1000", "--json"]));
        assert!(scratch.run(&line) > 0, "{program}");
    }
}

fn objects_of_our_own() -> [PathBuf; 3] {
    ["hostile.bpf.o", "hoard.bpf.o", "grab.bpf.o"].map(|name| data().join(name))
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}
