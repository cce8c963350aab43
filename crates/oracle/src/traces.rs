//! Whole logs of the real kernel's verifier: programs of random arithmetic, branches and accesses, and small ones written
//! for one message each.
//!
//! A recording is one program after another:
//! ```text
//! program NAME type TYPE caps all|bpf flags FLAGS
//! its instructions in hex; wide loads name the maps of `Maps::FDS`
//! errno ERRNO
//!  lines of the log, each behind a space
//! ```

pub mod cases;
pub mod random;

use std::io;
use std::thread;

use skep_isa::Insn;

use crate::sys::{Map, MapCreate, ProgLoad, without_perfmon};

/// `BPF_PROG_TYPE_SOCKET_FILTER`.
pub const SOCKET_FILTER: u32 = 1;
/// `BPF_PROG_TYPE_SCHED_CLS`.
pub const SCHED_CLS: u32 = 3;
/// `BPF_PROG_TYPE_XDP`.
pub const XDP: u32 = 6;

/// `BPF_F_TEST_STATE_FREQ`.
pub const TEST_STATE_FREQ: u32 = 1 << 3;
/// `BPF_F_TEST_REG_INVARIANTS`.
pub const TEST_REG_INVARIANTS: u32 = 1 << 7;

/// A program to ask the kernel about.
pub struct Case {
    /// What it is called in the recording.
    pub name: String,
    /// `BPF_PROG_TYPE_*`.
    pub prog_type: u32,
    /// Without `CAP_PERFMON`, so that speculation is looked at.
    pub unprivileged: bool,
    /// `BPF_F_*` of the load.
    pub flags: u32,
    /// The program, with the descriptors of [`Maps::FDS`].
    pub insns: Vec<Insn>,
}

/// The maps that the programs use.
pub struct Maps([Map; 3]);

impl Maps {
    /// The descriptors that stand for them in a recording: an array (4 values of 64 bytes), a hash (keys of 8, values of
    /// 48 bytes), a ring buffer.
    pub const FDS: [i32; 3] = [1001, 1002, 1003];

    /// Makes them.
    ///
    /// # Errors
    /// The kernel's errno.
    pub fn new() -> io::Result<Maps> {
        let create = |kind, key_size, value_size, max_entries| {
            MapCreate { kind, key_size, value_size, max_entries, ..MapCreate::default() }.create()
        };
        Ok(Maps([create(2, 4, 64, 4)?, create(1, 8, 48, 4)?, create(27, 0, 0, 4096)?]))
    }

    /// The program with their real descriptors.
    fn fill_in(&self, insns: &[Insn]) -> Vec<Insn> {
        const WIDE: u8 = 0x18;
        const MAP_FD: u8 = 1;
        const MAP_VALUE: u8 = 2;
        let real = |insn: &Insn| {
            let names_map = insn.code == WIDE && matches!(insn.src, MAP_FD | MAP_VALUE);
            let map = Maps::FDS.iter().position(|fd| names_map && insn.imm == *fd);
            map.map_or(*insn, |at| Insn { imm: self.0[at].raw_fd(), ..*insn })
        };
        insns.iter().map(real).collect()
    }
}

impl Case {
    /// What the kernel says, as a recording has it.
    ///
    /// # Errors
    /// Capabilities cannot be dropped.
    pub fn ask(&self, maps: &Maps) -> io::Result<String> {
        let insns = maps.fill_in(&self.insns);
        let load = || {
            let load = ProgLoad {
                prog_type: self.prog_type,
                insns: &insns,
                license: "GPL",
                log_level: 2,
                flags: self.flags,
                ..ProgLoad::default()
            };
            match load.load() {
                Ok(prog) => (0, prog.log),
                Err(rejected) => (rejected.errno, rejected.log),
            }
        };
        let (errno, log) = if self.unprivileged { in_thread_without_perfmon(load)? } else { load() };
        let caps = if self.unprivileged { "bpf" } else { "all" };
        let hex: String = Insn::to_vec(&self.insns).iter().map(|byte| format!("{byte:02x}")).collect();
        let log: String = log.lines().map(|line| format!(" {}\n", without_address(line))).collect();
        let Case { name, prog_type, flags, .. } = self;
        Ok(format!("program {name} type {prog_type} caps {caps} flags {flags}\n{hex}\nerrno {errno}\n{log}"))
    }
}

/// Capabilities are the thread's: they are gone with it.
fn in_thread_without_perfmon<T: Send>(act: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = scope.spawn(|| without_perfmon().map(|()| act()));
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
    })
}

/// Without the address of a map, which the kernel shows to those who may see it; what stands behind in its column.
fn without_address(line: &str) -> String {
    const COLUMN: usize = 38;
    match line.split_once(" = 0xffff88") {
        Some((load, rest)) if load.contains("(18) r") => {
            let load = format!("{load} = 0x0");
            match rest.trim_start_matches(|c: char| c.is_ascii_hexdigit()).split_once("; ") {
                Some((_, state)) => format!("{load:COLUMN$}; {state}"),
                None => load,
            }
        }
        _ => line.into(),
    }
}
