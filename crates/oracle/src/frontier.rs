//! What the live kernel's verifier says of samples: loads them, attaches nothing, runs nothing.

use std::io;
use std::os::fd::AsRawFd;

use skep_testkit::frontier::{MAPS, MapShape, PROGS, SAMPLE_BYTES, Said, Sample, bytes, sample, types};
use skep_testkit::fuzz::Input;

use crate::sys::{Map, MapCreate, ProgLoad, btf_load};

/// The live kernel with maps for samples.
#[derive(Debug)]
pub struct Live {
    maps: Vec<Map>,
    btf: std::os::fd::OwnedFd,
}

impl Live {
    /// Makes the maps and loads the types.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn new() -> io::Result<Live> {
        let mut maps: Vec<Map> = Vec::new();
        for shape in &MAPS {
            let inner = shape.inner.map_or(0, |it| maps[it].raw_fd());
            maps.push(create(shape, inner)?);
        }
        let btf = btf_load(&types().to_bytes()).map_err(|it| io::Error::from_raw_os_error(it.errno))?;
        Ok(Live { maps, btf })
    }

    /// What the kernel says of a sample, and its log. `None`: the log did not fit.
    pub fn ask(&self, sample: &Sample, log_level: u32) -> Option<(Said, String)> {
        // A program array belongs to the first program that uses it.
        let progs = create(&MAPS[PROGS], 0).ok()?;
        let fd = |at| if at == PROGS { progs.raw_fd() } else { self.maps.get(at).map_or(-1, Map::raw_fd) };
        let insns = sample.clone().with_maps(fd).insns;
        let func_info: Vec<u8> = sample
            .func_info()
            .iter()
            .flat_map(|(slot, id)| [slot.to_ne_bytes(), id.to_ne_bytes()])
            .flatten()
            .collect();
        let load = ProgLoad {
            prog_type: sample.prog_type as u32,
            insns: &insns,
            license: "GPL",
            log_level,
            flags: sample.flags,
            btf_fd: if func_info.is_empty() { 0 } else { self.btf.as_raw_fd() },
            func_info: &func_info,
            ..ProgLoad::default()
        };
        let (errno, message, log) = match load.load() {
            Ok(program) => (0, String::new(), program.log.clone()),
            Err(rejected) if rejected.errno == libc::ENOSPC => return None,
            Err(rejected) => (rejected.errno, rejected.message().to_owned(), rejected.log.clone()),
        };
        // Some messages have no end of line.
        let message = message.split("processed ").next().unwrap_or_default().to_owned();
        Some((Said { errno, processed: processed(&log), message }, log))
    }
}

fn create(shape: &MapShape, inner_map_fd: i32) -> io::Result<Map> {
    MapCreate {
        kind: shape.kind as u32,
        key_size: shape.key_size,
        value_size: shape.value_size,
        max_entries: shape.max_entries,
        flags: shape.flags,
        inner_map_fd,
        ..MapCreate::default()
    }
    .create()
}

fn processed(log: &str) -> u32 {
    let counts = log.rfind("processed ").and_then(|at| log.get(at..));
    counts.and_then(|text| text.split(' ').nth(1)?.parse().ok()).unwrap_or(0)
}

/// A sample out of a seed: its number `index`.
pub fn sample_of(seed: u64, index: u64) -> Sample {
    sample(&mut Input::new(&bytes(seed, index, SAMPLE_BYTES)))
}

/// How two verdicts differ, in words that many pairs share; `None`: they do not.
pub fn difference(ours: &Said, theirs: &Said) -> Option<String> {
    if ours.agrees(theirs) || ours.wants_types() || theirs.wants_types() {
        return None;
    }
    let text = |said: &Said| said.message.replace(|it: char| it.is_ascii_digit(), "#");
    Some(match (ours.errno, theirs.errno) {
        (0, 0) => "other instructions processed, accepted".to_owned(),
        (0, _) => format!("WRONG ACCEPT, {}: {}", theirs.errno, text(theirs)),
        (_, 0) => format!("wrong reject, {}: {}", ours.errno, text(ours)),
        (a, b) if a != b => format!("errno {a}, kernel's {b}: {} | {}", text(ours), text(theirs)),
        _ if ours.message == theirs.message => format!("other instructions processed: {}", text(ours)),
        _ => format!("message: {} | kernel's {}", text(ours), text(theirs)),
    })
}

/// The first line by which two logs differ, but for addresses of maps and for statistics.
pub fn log_difference(ours: &str, theirs: &str) -> Option<(String, String)> {
    let mut pairs = lines(ours).zip(lines(theirs));
    pairs.find(|(a, b)| a != b).or_else(|| {
        let (a, b) = (lines(ours).count(), lines(theirs).count());
        (a != b).then(|| (format!("{a} lines"), format!("{b} lines")))
    })
}

fn lines(log: &str) -> impl Iterator<Item = String> {
    log.lines().filter(|line| !line.starts_with("verification time")).map(|line| {
        match (line.contains("(18) r"), line.split_once(" = 0x")) {
            (true, Some((start, rest))) => {
                let rest = rest.trim_start_matches(|it: char| it.is_ascii_hexdigit()).trim_start();
                format!("{start} = {rest}")
            }
            _ => line.to_owned(),
        }
    })
}
