//! Programs, and the whole log that the verifier of the real kernel writes of them at level 2.
//!
//! A program is a few lines about it, then assembler:
//!
//! ```text
//! == a name
//! type xdp
//! map array 4 8 1 counters
//! func main global ctx:xdp_md
//! func helper static
//! lines
//! --
//! r0 = 0
//! exit
//! ```
//!
//! `type` is a program type as libbpf calls it; `attach` and `flags` are numbers. Maps are used by index
//! (`r1 = map[idx:0] ll`). `func` describes the functions by address: linkage, then parameters (`int`, `ctx:NAME` a
//! pointer to that struct, `mem` a pointer to an int). With `lines` every instruction has a line of C. A recording has
//! the same, with the instructions in hex in place of the assembler, BTF and its records in hex, and the log after `>`.

mod btf;
mod compose;
mod raw;

use std::fmt::Write;
use std::io;

use skep_abi::{MapType, ProgType};
use skep_isa::Insn;
use skep_isa::asm::assemble;

pub use compose::{compose, compose_with};
pub use raw::raw;

use crate::sys::{Map, MapCreate, ProgLoad, btf_load};

/// All paths, and statistics.
pub const DEFAULT_LEVEL: u32 = 6;

/// A map of a program.
#[derive(Clone, Debug)]
pub struct MapText {
    kind: MapType,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
    name: String,
}

/// A function of a program.
#[derive(Clone, Debug)]
pub struct FuncText {
    name: String,
    global: bool,
    params: Vec<String>,
}

/// A program to record.
#[derive(Clone, Debug, Default)]
pub struct Case {
    name: String,
    prog_type: ProgTypeText,
    attach: u32,
    flags: u32,
    maps: Vec<MapText>,
    funcs: Vec<FuncText>,
    lines: bool,
    text: String,
}

/// A program type; socket filters are the first.
type ProgTypeText = Option<ProgType>;

/// Reads programs.
///
/// # Errors
/// A line that is not understood.
pub fn parse(text: &str) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    for part in text.split("\n== ").map(|part| part.strip_prefix("== ").unwrap_or(part)) {
        if part.trim_start().starts_with('#') || part.trim().is_empty() {
            continue;
        }
        let (head, text) = part.split_once("\n--\n").ok_or_else(|| format!("no `--` in {part}"))?;
        let mut lines = head.lines();
        let name = lines.next().unwrap_or_default().trim().to_owned();
        let mut case = Case { name, text: text.to_owned(), ..Case::default() };
        for line in lines {
            attribute(&mut case, line).ok_or_else(|| format!("{}: {line}", case.name))?;
        }
        cases.push(case);
    }
    Ok(cases)
}

fn attribute(case: &mut Case, line: &str) -> Option<()> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["type", name] => case.prog_type = Some(ProgType::from_name(name)?),
        ["attach", number] => case.attach = number.parse().ok()?,
        ["flags", number] => case.flags = number.parse().ok()?,
        ["lines"] => case.lines = true,
        ["map", kind, key, value, max, name, rest @ ..] => case.maps.push(MapText {
            kind: MapType::from_name(kind)?,
            key_size: key.parse().ok()?,
            value_size: value.parse().ok()?,
            max_entries: max.parse().ok()?,
            flags: rest.first().map_or(Some(0), |flags| flags.parse().ok())?,
            name: (*name).to_owned(),
        }),
        ["func", name, linkage, params @ ..] => case.funcs.push(FuncText {
            name: (*name).to_owned(),
            global: *linkage == "global",
            params: params.iter().map(|it| (*it).to_owned()).collect(),
        }),
        [] => {}
        _ => return None,
    }
    Some(())
}

impl Case {
    /// Loads it, and gives what is recorded of it.
    ///
    /// # Errors
    /// A text that is no program, or a map that the kernel does not make.
    pub fn record(&self, log_level: u32) -> Result<String, String> {
        let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", self.name);
        let insns = assemble(&self.text).map_err(|error| fail(&error))?;
        let maps: Vec<Map> =
            self.maps.iter().map(create).collect::<io::Result<_>>().map_err(|error| fail(&error))?;
        let fds: Vec<i32> = maps.iter().map(Map::raw_fd).collect();
        let info = btf::Info::of(&self.funcs, self.lines, &insns).map_err(|error| fail(&error))?;
        let btf_fd = match &info {
            Some(info) => Some(btf_load(&info.bytes).map_err(|error| fail(&error))?),
            None => None,
        };
        let prog_type = self.prog_type.unwrap_or(ProgType::SocketFilter).to_u32();
        let load = ProgLoad {
            prog_type,
            insns: &insns,
            license: "GPL",
            log_level,
            flags: self.flags,
            expected_attach_type: self.attach,
            btf_fd: btf_fd.as_ref().map_or(0, std::os::fd::AsRawFd::as_raw_fd),
            func_info: info.as_ref().map_or(&[], |it| &it.funcs),
            line_info: info.as_ref().map_or(&[], |it| &it.lines),
            fd_array: &fds,
            ..ProgLoad::default()
        };
        let (errno, log) = match load.load() {
            Ok(prog) => (0, prog.log),
            Err(rejected) => (rejected.errno, rejected.log),
        };
        let text = self.recording(prog_type, &insns, info.as_ref(), errno, &log);
        let level = format!("\nlevel {log_level}\ninsns ");
        Ok(if log_level == DEFAULT_LEVEL { text } else { text.replacen("\ninsns ", &level, 1) })
    }

    fn recording(
        &self,
        prog_type: u32,
        insns: &[Insn],
        info: Option<&btf::Info>,
        errno: i32,
        log: &str,
    ) -> String {
        let mut text = format!("== {}\nprog {prog_type} {} {}\n", self.name, self.attach, self.flags);
        if !has_perfmon() {
            text.push_str("caps bpf net_admin\n");
        }
        for it in &self.maps {
            let kind = it.kind.to_u32();
            let _ = writeln!(
                text,
                "map {kind} {} {} {} {} {}",
                it.key_size, it.value_size, it.max_entries, it.flags, it.name
            );
        }
        let _ = writeln!(text, "insns {}", hex(&Insn::to_vec(insns)));
        if let Some(info) = info {
            let _ = writeln!(text, "btf {}", hex(&info.bytes));
            let _ = writeln!(text, "funcs {}", hex(&info.funcs));
            let _ = writeln!(text, "lines {}", hex(&info.lines));
        }
        let _ = writeln!(text, "errno {errno}");
        for line in log.lines() {
            let _ = writeln!(text, ">{}", without_address(line));
        }
        text
    }
}

/// Whether the recorder has `CAP_PERFMON` or `CAP_SYS_ADMIN`; `setpriv --bounding-set` and so on start it without.
fn has_perfmon() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let bits = effective.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(u64::MAX);
    bits & (1 << 38 | 1 << 21) != 0
}

fn create(map: &MapText) -> io::Result<Map> {
    MapCreate {
        kind: map.kind.to_u32(),
        key_size: map.key_size,
        value_size: map.value_size,
        max_entries: map.max_entries,
        flags: map.flags,
        name: map.name.clone(),
        ..MapCreate::default()
    }
    .create()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where maps are in the kernel, and how long it took, is different every time.
fn without_address(line: &str) -> String {
    if line.starts_with("verification time ") {
        return "verification time 0 usec".into();
    }
    let Some((before, after)) = line.split_once("(18) r") else { return line.into() };
    let Some((reg, value)) = after.split_once(" = 0xff") else { return line.into() };
    let rest = value.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    let dropped = value.len() - rest.len();
    if dropped != 14 {
        return line.into();
    }
    // The state stands behind, at a column that the length of the instruction decides.
    let rest = rest.trim_start();
    let start = format!("{before}(18) r{reg} = 0x0");
    match rest {
        "" => start,
        rest => {
            let pos = start.len() - start.find(|c: char| !c.is_whitespace()).unwrap_or(0) + 1;
            let column = 40.max(pos + 4).next_multiple_of(8) - pos - 1;
            format!("{start}{}{rest}", " ".repeat(column))
        }
    }
}
