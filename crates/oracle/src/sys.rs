//! `bpf(2)` of the kernel underneath: the raw call and safe wrappers for loading, test-running and maps.
//!
//! Nothing here attaches a program to anything. Wrappers return the kernel's own errno in an [`io::Error`]
//! (`raw_os_error`). Layout of the attribute: `union bpf_attr` in include/uapi/linux/bpf.h.

#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper in libc")]

mod child;
mod map;
mod prog;
mod ring;

use std::io;
use std::marker::PhantomData;
use std::os::fd::{FromRawFd, OwnedFd};

pub use child::{Answer, Pages, in_child};
pub use map::{Map, MapCreate};
pub use prog::{Prog, ProgLoad, Rejected, TestRun, TestRunResult, btf_load, possible_cpus};
pub use ring::{RingPages, pin_to_cpu};

/// Commands of `bpf(2)` that are used here.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Cmd {
    MapCreate = 0,
    MapLookupElem = 1,
    MapUpdateElem = 2,
    MapDeleteElem = 3,
    MapGetNextKey = 4,
    ProgLoad = 5,
    ProgTestRun = 10,
    BtfLoad = 18,
    MapLookupAndDeleteElem = 21,
    MapFreeze = 22,
}

impl Cmd {
    /// Whether its answer is a new file descriptor.
    const fn makes_fd(self) -> bool {
        matches!(self, Cmd::MapCreate | Cmd::ProgLoad | Cmd::BtfLoad)
    }
}

/// A `union bpf_attr` under construction: bytes at offsets, zero elsewhere. It borrows what its pointers point to.
struct Attr<'a> {
    bytes: [u8; Attr::SIZE],
    used: usize,
    borrowed: PhantomData<&'a mut [u8]>,
}

impl<'a> Attr<'a> {
    /// Room for the largest command.
    const SIZE: usize = 160;

    fn new() -> Attr<'a> {
        Attr { bytes: [0; Attr::SIZE], used: 0, borrowed: PhantomData }
    }

    fn put(mut self, offset: usize, bytes: &[u8]) -> Attr<'a> {
        self.bytes[offset..offset + bytes.len()].copy_from_slice(bytes);
        self.used = self.used.max(offset + bytes.len());
        self
    }

    fn u32(self, offset: usize, value: u32) -> Attr<'a> {
        self.put(offset, &value.to_ne_bytes())
    }

    fn u64(self, offset: usize, value: u64) -> Attr<'a> {
        self.put(offset, &value.to_ne_bytes())
    }

    /// A pointer the kernel reads from; NULL if empty.
    fn input(self, offset: usize, bytes: &'a [u8]) -> Attr<'a> {
        let pointer = if bytes.is_empty() { 0 } else { bytes.as_ptr() as u64 };
        self.u64(offset, pointer)
    }

    /// A pointer the kernel writes to; NULL if empty.
    fn output(self, offset: usize, bytes: &'a mut [u8]) -> Attr<'a> {
        let pointer = if bytes.is_empty() { 0 } else { bytes.as_mut_ptr() as u64 };
        self.u64(offset, pointer)
    }

    /// A number the kernel left in the attribute.
    fn get_u32(&self, offset: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.bytes[offset..offset + 4]);
        u32::from_ne_bytes(bytes)
    }
}

/// The call itself.
///
/// # Safety
/// Every pointer in `attr` must be good for as many bytes as `cmd` makes the kernel read or write there.
unsafe fn bpf(cmd: Cmd, attr: &mut Attr<'_>) -> io::Result<i64> {
    // SAFETY: `attr.bytes` is valid for `attr.used` bytes, which never exceeds its length; what its pointers point to is
    // the caller's promise.
    let answer =
        unsafe { libc::syscall(libc::SYS_bpf, cmd as u32, attr.bytes.as_mut_ptr(), attr.used as u32) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// [`bpf`] for a command that makes a file descriptor.
///
/// # Safety
/// As for [`bpf`].
unsafe fn bpf_fd(cmd: Cmd, attr: &mut Attr<'_>) -> io::Result<OwnedFd> {
    debug_assert!(cmd.makes_fd());
    // SAFETY: the caller's promise.
    let fd = unsafe { bpf(cmd, attr)? };
    // SAFETY: these commands answer with a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}

/// Takes `CAP_PERFMON` and `CAP_SYS_ADMIN` from this thread, for good: what it loads is looked at as if the processor
/// could be made to mispredict.
///
/// # Errors
/// The kernel's errno.
pub fn without_perfmon() -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    const SYS_ADMIN: u32 = 21;
    const PERFMON: u32 = 38;
    let header = [VERSION_3, 0];
    // Effective, permitted and inheritable: the low 32 of each, then the high ones.
    let mut sets = [0u32; 6];
    // SAFETY: the header is two words, and version 3 has two times three words of sets.
    let got = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()) };
    for cap in [SYS_ADMIN, PERFMON] {
        for set in 0..2 {
            sets[(cap / 32 * 3 + set) as usize] &= !(1 << (cap % 32));
        }
    }
    // SAFETY: as above.
    let set = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) };
    if got < 0 || set < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The release of the running kernel (`uname -r`), to stand beside what it said in a recording.
pub fn kernel_release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| "unknown".into(), |s| s.trim().into())
}
