//! What libbpf's calls of libc arrive at.
//!
//! Rust's standard library is linked with the same options, so its calls arrive here as well, those that are made in the
//! middle of a call of ours among them: whether something is ours to answer is asked without a lock.
#![expect(unsafe_code, reason = "these are functions of libc: their arguments are as C has them")]

use libc::{c_int, c_long};
use skep_abi::Errno;
use skep_exec::{HostProcess, is_placeholder};
use skep_kernel::Kernel;
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The process that libbpf runs in. Its memory and its descriptors are this process's.
static PROCESS: Mutex<Option<HostProcess>> = Mutex::new(None);

thread_local! {
    /// This thread has the process: what the emulated kernel itself asks of the host is for the host.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Puts libbpf on this kernel from now on.
///
/// What was opened on the kernel before is closed, as far as this can be seen: descriptors of it are no longer emulated ones.
///
/// # Panics
/// The host has what a process needs for none.
pub fn start(kernel: Kernel) {
    let process = HostProcess::new(kernel).expect("a process on the emulated kernel");
    *lock() = Some(process);
}

/// Asks the kernel that libbpf is on.
///
/// # Panics
/// Nothing was [started](start).
pub fn with<T>(ask: impl FnOnce(&mut HostProcess) -> T) -> T {
    inside(|process| ask(process.expect("start() comes first")))
}

fn lock() -> MutexGuard<'static, Option<HostProcess>> {
    // A test that failed with the lock held is reported by its own thread.
    PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inside<T>(run: impl FnOnce(Option<&mut HostProcess>) -> T) -> T {
    let mut guard = lock();
    let before = INSIDE.replace(true);
    let result = run(guard.as_mut());
    INSIDE.set(before);
    result
}

/// Whether a call about this descriptor is for the emulated kernel.
fn ours(fd: c_int) -> bool {
    is_placeholder(fd) && !INSIDE.get()
}

/// What a function of libc returns for an answer of the emulated kernel.
fn answer(run: impl FnOnce(&mut HostProcess) -> Result<i64, Errno>) -> c_long {
    let result = inside(|process| process.map_or(Err(Errno::ENOSYS), run));
    result.unwrap_or_else(|error| {
        // SAFETY: a thread's own errno is its to set.
        unsafe { *libc::__errno_location() = error.code() };
        -1
    })
}

fn answer_int(run: impl FnOnce(&mut HostProcess) -> Result<i32, Errno>) -> c_int {
    // It was an i32.
    answer(|process| run(process).map(i64::from)) as c_int
}

unsafe extern "C" {
    fn __real_syscall(
        number: c_long,
        a: c_long,
        b: c_long,
        c: c_long,
        d: c_long,
        e: c_long,
        f: c_long,
    ) -> c_long;
    fn __real_close(fd: c_int) -> c_int;
    fn __real_dup(fd: c_int) -> c_int;
    fn __real_dup2(from: c_int, to: c_int) -> c_int;
    fn __real_dup3(from: c_int, to: c_int, flags: c_int) -> c_int;
    fn __real_fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int;
    fn __real_fcntl64(fd: c_int, command: c_int, argument: c_long) -> c_int;
}

// In C the last arguments of `syscall`, `fcntl` and `ioctl` are `...`; callers put them where those of a function with
// that many arguments are, and what they left out is not looked at.

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    match number {
        libc::SYS_bpf => answer(|it| it.bpf(a as u32, b as u64, c as u32).map(i64::from)),
        // SAFETY: the same call.
        libc::SYS_dup3 => unsafe { c_long::from(__wrap_dup3(a as c_int, b as c_int, c as c_int)) },
        // SAFETY: the same call.
        libc::SYS_close => unsafe { c_long::from(__wrap_close(a as c_int)) },
        // SAFETY: the caller's call, as it was.
        _ => unsafe { __real_syscall(number, a, b, c, d, e, f) },
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_close(fd: c_int) -> c_int {
    if ours(fd) {
        return answer_int(|it| it.close(fd).map(|()| 0));
    }
    // SAFETY: the caller's call, as it was.
    unsafe { __real_close(fd) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_dup(fd: c_int) -> c_int {
    if ours(fd) {
        return answer_int(|it| it.dup(fd, 0));
    }
    // SAFETY: the caller's call, as it was.
    unsafe { __real_dup(fd) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_dup2(from: c_int, to: c_int) -> c_int {
    if ours(from) {
        return answer_int(|it| it.dup_to(from, to));
    }
    give_up(to);
    // SAFETY: the caller's call, as it was.
    unsafe { __real_dup2(from, to) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_dup3(from: c_int, to: c_int, flags: c_int) -> c_int {
    if ours(from) {
        return answer_int(|it| if from == to { Err(Errno::EINVAL) } else { it.dup_to(from, to) });
    }
    give_up(to);
    // SAFETY: the caller's call, as it was.
    unsafe { __real_dup3(from, to, flags) }
}

/// The number of an emulated descriptor is about to become another file's.
fn give_up(fd: c_int) {
    if ours(fd) {
        // It was one: there is nothing that closing could answer but this.
        answer_int(|it| it.close(fd).map(|()| 0));
    }
}

fn duplicates(fd: c_int, command: c_int, least: c_long) -> Option<c_int> {
    let duplicates = matches!(command, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC);
    (duplicates && ours(fd)).then(|| answer_int(|it| it.dup(fd, least as c_int)))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_fcntl(fd: c_int, command: c_int, argument: c_long) -> c_int {
    // SAFETY: the caller's call, as it was.
    duplicates(fd, command, argument).unwrap_or_else(|| unsafe { __real_fcntl(fd, command, argument) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_fcntl64(fd: c_int, command: c_int, argument: c_long) -> c_int {
    // SAFETY: the caller's call, as it was.
    duplicates(fd, command, argument).unwrap_or_else(|| unsafe { __real_fcntl64(fd, command, argument) })
}
