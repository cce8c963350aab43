//! Files that a kernel shows of itself, and that libbpf reads by name: what is in them is the emulated kernel's.
//!
//! Everything else is read from the host.
#![expect(unsafe_code, reason = "these are functions of libc: their arguments are as C has them")]

use libc::{FILE, c_char, c_int, c_void, mode_t};
use skep_abi::Errno;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::io::Write as _;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

/// Names that begin so are the emulated kernel's alone: where it has no such file, there is none.
const ITS_OWN: &[&str] = &[
    "/sys/kernel/",
    "/sys/fs/bpf",
    "/sys/bus/event_source/",
    "/sys/devices/system/cpu/",
    "/proc/kallsyms",
    "/proc/config.gz",
    "/proc/version_signature",
    "/boot/config-",
];

/// What bpffs is to `statfs(2)` (`BPF_FS_MAGIC`).
const BPF_FS_MAGIC: i64 = 0xcafe_4a11;

/// Files by name: the descriptor of a memfd.
static FILES: Mutex<BTreeMap<String, OwnedFd>> = Mutex::new(BTreeMap::new());

/// Has the emulated kernel show a file.
///
/// # Panics
/// The host has no memory for it.
pub fn show(name: &str, bytes: &[u8]) {
    // SAFETY: a name, and a flag.
    let number = unsafe { libc::memfd_create(c"skep-file".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(number >= 0, "a memfd for {name}");
    // SAFETY: it was just opened, for nobody else.
    let mut file = std::fs::File::from(unsafe { OwnedFd::from_raw_fd(number) });
    file.write_all(bytes).expect("room for a file");
    FILES.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), file.into());
}

/// Shows none any more.
pub(crate) fn forget() {
    FILES.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// Where the host has what a name stands for: elsewhere for the emulated kernel's files, or nowhere.
enum Place {
    Here,
    There(CString),
    Nowhere,
}

/// # Safety
/// `name` is a text, or null.
unsafe fn place(name: *const c_char) -> Place {
    if name.is_null() {
        return Place::Here;
    }
    // SAFETY: a text.
    let Ok(name) = (unsafe { CStr::from_ptr(name) }).to_str() else { return Place::Here };
    if !ITS_OWN.iter().any(|it| name.starts_with(it)) {
        return Place::Here;
    }
    let files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    match files.get(name) {
        // Opening it by this name starts at its beginning, whoever else reads it.
        Some(file) => {
            Place::There(CString::new(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default())
        }
        None => Place::Nowhere,
    }
}

fn nowhere() {
    // SAFETY: a thread's own errno is its to set.
    unsafe { *libc::__errno_location() = Errno::ENOENT.code() };
}

unsafe extern "C" {
    fn __real_fopen64(name: *const c_char, mode: *const c_char) -> *mut FILE;
    fn __real_open64(name: *const c_char, flags: c_int, mode: mode_t) -> c_int;
    fn __real_faccessat(folder: c_int, name: *const c_char, mode: c_int, flags: c_int) -> c_int;
    fn __real_access(name: *const c_char, mode: c_int) -> c_int;
    fn __real_statfs64(name: *const c_char, into: *mut libc::statfs64) -> c_int;
    fn __real_gzopen64(name: *const c_char, mode: *const c_char) -> *mut c_void;
    fn __real_mkdir(name: *const c_char, mode: mode_t) -> c_int;
    fn __real_unlink(name: *const c_char) -> c_int;
}

/// Calls a function of libc with the name that the host has; what it answers where there is nothing.
macro_rules! at {
    ($name:ident, $none:expr, |$place:ident| $call:expr) => {
        // SAFETY: as the function of libc says.
        match unsafe { place($name) } {
            Place::Here => {
                let $place = $name;
                // SAFETY: the caller's call, as it was.
                unsafe { $call }
            }
            Place::There(name) => {
                let $place = name.as_ptr();
                // SAFETY: the caller's call, with the name of another file.
                unsafe { $call }
            }
            Place::Nowhere => {
                nowhere();
                $none
            }
        }
    };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_fopen64(name: *const c_char, mode: *const c_char) -> *mut FILE {
    at!(name, std::ptr::null_mut(), |it| __real_fopen64(it, mode))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_open64(name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    at!(name, -1, |it| __real_open64(it, flags, mode))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_faccessat(
    folder: c_int,
    name: *const c_char,
    mode: c_int,
    flags: c_int,
) -> c_int {
    at!(name, -1, |it| __real_faccessat(folder, it, mode, flags))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_access(name: *const c_char, mode: c_int) -> c_int {
    at!(name, -1, |it| __real_access(it, mode))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_gzopen64(name: *const c_char, mode: *const c_char) -> *mut c_void {
    at!(name, std::ptr::null_mut(), |it| __real_gzopen64(it, mode))
}

/// Whether a name is in the emulated bpffs.
///
/// # Safety
/// `name` is a text.
unsafe fn in_bpffs(name: *const c_char) -> Option<String> {
    // SAFETY: a text.
    let name = unsafe { CStr::from_ptr(name) }.to_str().ok()?;
    (name == "/sys/fs/bpf" || name.starts_with("/sys/fs/bpf/")).then(|| name.to_owned())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_statfs64(name: *const c_char, into: *mut libc::statfs64) -> c_int {
    // SAFETY: a text.
    if unsafe { in_bpffs(name) }.is_none() {
        // SAFETY: the caller's call, as it was.
        return unsafe { __real_statfs64(name, into) };
    }
    // SAFETY: the caller's place for it; zeros are one.
    unsafe {
        into.write_bytes(0, 1);
        (*into).f_type = BPF_FS_MAGIC;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_mkdir(name: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: a text.
    match unsafe { in_bpffs(name) } {
        Some(name) => crate::wrap::answer_int(|it| it.kernel_mut().mkdir(&name, mode).map(|()| 0)),
        // SAFETY: the caller's call, as it was.
        None => unsafe { __real_mkdir(name, mode) },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_unlink(name: *const c_char) -> c_int {
    // SAFETY: a text.
    match unsafe { in_bpffs(name) } {
        Some(name) => crate::wrap::answer_int(|it| it.kernel_mut().unlink(&name).map(|()| 0)),
        // SAFETY: the caller's call, as it was.
        None => unsafe { __real_unlink(name) },
    }
}
