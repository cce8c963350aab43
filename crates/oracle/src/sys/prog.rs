//! Programs of the real kernel: load and test-run.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use skep_isa::Insn;

use super::{Attr, Cmd, bpf, bpf_fd};

/// Arguments of `BPF_PROG_LOAD`; the numbers are the kernel's.
#[derive(Clone, Debug, Default)]
pub struct ProgLoad<'a> {
    /// `BPF_PROG_TYPE_*`.
    pub prog_type: u32,
    /// The program, with real descriptors in its map loads.
    pub insns: &'a [Insn],
    /// License, "GPL" for all helpers.
    pub license: &'a str,
    /// 0: no log; 1: the verifier's log; 2: with states; 4: statistics.
    pub log_level: u32,
    /// `BPF_F_*`.
    pub flags: u32,
    /// At most 15 bytes are used.
    pub name: &'a str,
    /// `BPF_*` attach type where the program type wants one.
    pub expected_attach_type: u32,
    /// BTF id of what is attached to, for the types that want one.
    pub attach_btf_id: u32,
    /// BTF object of the program, 0 is none.
    pub btf_fd: i32,
    /// `struct bpf_func_info` records of 8 bytes.
    pub func_info: &'a [u8],
    /// `struct bpf_line_info` records of 16 bytes.
    pub line_info: &'a [u8],
    /// Descriptors that kinds 5 and 6 of `ldimm64` and kernel function calls index.
    pub fd_array: &'a [i32],
}

/// A program that the kernel did not load.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Positive errno.
    pub errno: i32,
    /// The verifier's log, empty if none was asked for.
    pub log: String,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", io::Error::from_raw_os_error(self.errno))?;
        match self.message() {
            "" => Ok(()),
            message => write!(f, ": {message}"),
        }
    }
}

impl std::error::Error for Rejected {}

impl Rejected {
    /// The log's last line before the statistics.
    pub fn message(&self) -> &str {
        self.log.lines().rfind(|line| !line.is_empty() && !is_statistics(line)).unwrap_or_default()
    }
}

fn is_statistics(line: &str) -> bool {
    ["processed ", "verification time", "stack depth"].iter().any(|start| line.starts_with(start))
}

/// A program of the real kernel, attached to nothing. Closed on drop.
#[derive(Debug)]
pub struct Prog {
    fd: OwnedFd,
    /// The verifier's log, empty if none was asked for.
    pub log: String,
}

/// Bytes of log the kernel may write; more is cut off with ENOSPC.
const LOG_BYTES: usize = 16 << 20;

impl ProgLoad<'_> {
    /// Loads the program.
    ///
    /// # Errors
    /// The kernel's errno with the log.
    pub fn load(&self) -> Result<Prog, Rejected> {
        let text = Insn::to_vec(self.insns);
        let license = [self.license.as_bytes(), b"\0"].concat();
        let mut name = [0u8; 16];
        let len = self.name.len().min(15);
        name[..len].copy_from_slice(&self.name.as_bytes()[..len]);
        let fd_array: Vec<u8> = self.fd_array.iter().flat_map(|fd| fd.to_ne_bytes()).collect();
        let mut log = vec![0u8; if self.log_level == 0 { 0 } else { LOG_BYTES }];
        let mut attr = Attr::new()
            .u32(0, self.prog_type)
            .u32(4, self.insns.len() as u32)
            .input(8, &text)
            .input(16, &license)
            .u32(24, self.log_level)
            .u32(28, log.len() as u32)
            .output(32, &mut log)
            .u32(44, self.flags)
            .put(48, &name)
            .u32(68, self.expected_attach_type)
            .u32(72, self.btf_fd as u32)
            .u32(76, if self.func_info.is_empty() { 0 } else { 8 })
            .input(80, self.func_info)
            .u32(88, (self.func_info.len() / 8) as u32)
            .u32(92, if self.line_info.is_empty() { 0 } else { 16 })
            .input(96, self.line_info)
            .u32(104, (self.line_info.len() / 16) as u32)
            .u32(108, self.attach_btf_id)
            .input(120, &fd_array)
            .u32(148, if fd_array.is_empty() { 0 } else { self.fd_array.len() as u32 });
        // SAFETY: counts and sizes are those of the buffers the pointers were taken from; the license ends in a zero.
        let answer = unsafe { bpf_fd(Cmd::ProgLoad, &mut attr) };
        let end = log.iter().position(|&b| b == 0).unwrap_or(log.len());
        let log = String::from_utf8_lossy(&log[..end]).into_owned();
        match answer {
            Ok(fd) => Ok(Prog { fd, log }),
            Err(error) => Err(Rejected { errno: error.raw_os_error().unwrap_or(libc::EIO), log }),
        }
    }
}

/// Arguments of `BPF_PROG_TEST_RUN`.
#[derive(Clone, Debug, Default)]
pub struct TestRun<'a> {
    /// Packet.
    pub data_in: &'a [u8],
    /// Room for the packet afterwards, in bytes.
    pub data_out: usize,
    /// Context.
    pub ctx_in: &'a [u8],
    /// Room for the context afterwards, in bytes.
    pub ctx_out: usize,
    /// Times; 0 is once.
    pub repeat: u32,
    /// `BPF_F_TEST_*`.
    pub flags: u32,
    /// CPU, with its flag.
    pub cpu: u32,
}

/// What a test run left behind.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TestRunResult {
    /// What the program returned; the kernel keeps 32 bits of it.
    pub retval: u32,
    /// Average nanoseconds of a run.
    pub duration_ns: u32,
    /// Packet afterwards.
    pub data_out: Vec<u8>,
    /// Context afterwards. The `syscall` program type writes back `ctx_in` itself.
    pub ctx_out: Vec<u8>,
}

impl Prog {
    /// The raw descriptor number, for program arrays.
    pub fn raw_fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// `BPF_PROG_TEST_RUN`.
    ///
    /// # Errors
    /// The kernel's errno; 524 (ENOTSUPP) for types that cannot be test-run.
    pub fn test_run(&self, run: &TestRun<'_>) -> io::Result<TestRunResult> {
        let mut data_out = vec![0; run.data_out];
        let mut ctx_out = vec![0; run.ctx_out];
        // The `syscall` type copies its context back to where it came from.
        let mut ctx_in = run.ctx_in.to_vec();
        let mut attr = Attr::new()
            .u32(0, self.raw_fd() as u32)
            .u32(8, run.data_in.len() as u32)
            .u32(12, run.data_out as u32)
            .input(16, run.data_in)
            .output(24, &mut data_out)
            .u32(32, run.repeat)
            .u32(40, ctx_in.len() as u32)
            .u32(44, run.ctx_out as u32)
            .output(48, &mut ctx_in)
            .output(56, &mut ctx_out)
            .u32(64, run.flags)
            .u32(68, run.cpu)
            .u32(72, 0);
        // SAFETY: every size is that of its buffer, and the one input the kernel writes to is a copy of ours.
        unsafe { bpf(Cmd::ProgTestRun, &mut attr)? };
        let (retval, duration_ns) = (attr.get_u32(4), attr.get_u32(36));
        let (data_len, ctx_len) = (attr.get_u32(12) as usize, attr.get_u32(44) as usize);
        data_out.truncate(data_len);
        if ctx_out.is_empty() {
            ctx_out = ctx_in;
        } else {
            ctx_out.truncate(ctx_len);
        }
        Ok(TestRunResult { retval, duration_ns, data_out, ctx_out })
    }
}

impl AsFd for Prog {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// `BPF_BTF_LOAD`.
///
/// # Errors
/// The kernel's errno with the log.
pub fn btf_load(btf: &[u8]) -> Result<OwnedFd, Rejected> {
    let mut log = vec![0u8; 1 << 20];
    let mut attr =
        Attr::new().input(0, btf).output(8, &mut log).u32(16, btf.len() as u32).u32(20, 1 << 20).u32(24, 1);
    // SAFETY: both sizes are those of the buffers.
    let answer = unsafe { bpf_fd(Cmd::BtfLoad, &mut attr) };
    let end = log.iter().position(|&b| b == 0).unwrap_or(log.len());
    let log = String::from_utf8_lossy(&log[..end]).into_owned();
    answer.map_err(|error| Rejected { errno: error.raw_os_error().unwrap_or(libc::EIO), log })
}

/// How many CPUs the kernel has room for: the copies in the value of a per-CPU map.
///
/// # Errors
/// If /sys/devices/system/cpu/possible cannot be read.
pub fn possible_cpus() -> io::Result<usize> {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/possible")?;
    let last = text.trim().rsplit(['-', ',']).next().unwrap_or_default();
    let last: usize = last.parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(last + 1)
}
