//! What libbpf's calls of libc arrive at.
//!
//! Rust's standard library is linked with the same options, so its calls arrive here as well, those that are made in the
//! middle of a call of ours among them: whether something is ours to answer is asked without a lock.
#![expect(unsafe_code, reason = "these are functions of libc: their arguments are as C has them")]

use libc::{c_int, c_long, c_ulong, c_void, epoll_event, nfds_t, off_t, pollfd, size_t, ssize_t};
use skep_abi::Errno;
use skep_exec::{HostProcess, has_mappings, is_placeholder};
use skep_kernel::Kernel;
use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The process that libbpf runs in. Its memory and its descriptors are this process's.
static PROCESS: Mutex<Option<HostProcess>> = Mutex::new(None);

thread_local! {
    /// This thread has the process: what the emulated kernel itself asks of the host is for the host.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// How long the host waits before the emulated kernel is asked again: programs may run in another thread meanwhile.
const SLICE_MS: c_int = 5;

/// One test at a time has libbpf.
static TURN: Mutex<()> = Mutex::new(());

/// libbpf on an emulated kernel, for as long as this lives.
#[derive(Debug)]
pub struct Machine {
    _turn: MutexGuard<'static, ()>,
}

impl Machine {
    /// Puts libbpf on a kernel, when no other test has it.
    ///
    /// # Panics
    /// The host has no descriptors left, or lets no process read its own memory.
    pub fn start(kernel: Kernel) -> Machine {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let process = HostProcess::new(kernel).expect("a process on the emulated kernel");
        *lock() = Some(process);
        Machine { _turn: turn }
    }

    /// Asks the kernel.
    ///
    /// # Panics
    /// Never: it is there for as long as this.
    pub fn with<T>(&self, ask: impl FnOnce(&mut HostProcess) -> T) -> T {
        inside(|process| ask(process.expect("it is there")))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let process = lock().take();
        crate::paths::forget();
        drop(process);
    }
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

pub(crate) fn answer_int(run: impl FnOnce(&mut HostProcess) -> Result<i32, Errno>) -> c_int {
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
    fn __real_ioctl(fd: c_int, request: c_ulong, argument: c_long) -> c_int;
    fn __real_read(fd: c_int, into: *mut c_void, len: size_t) -> ssize_t;
    fn __real_mmap(
        a: *mut c_void,
        len: size_t,
        prot: c_int,
        flags: c_int,
        fd: c_int,
        offset: off_t,
    ) -> *mut c_void;
    fn __real_mmap64(
        a: *mut c_void,
        len: size_t,
        prot: c_int,
        flags: c_int,
        fd: c_int,
        offset: off_t,
    ) -> *mut c_void;
    fn __real_munmap(addr: *mut c_void, len: size_t) -> c_int;
    fn __real_epoll_ctl(epoll: c_int, operation: c_int, fd: c_int, event: *mut epoll_event) -> c_int;
    fn __real_epoll_wait(epoll: c_int, events: *mut epoll_event, max: c_int, timeout: c_int) -> c_int;
    fn __real_poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int;
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
        libc::SYS_perf_event_open => {
            answer(|it| it.perf_event_open(a as u64, b as i32, c as i32, d as i32, e as u64).map(i64::from))
        }
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

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_ioctl(fd: c_int, request: c_ulong, argument: c_long) -> c_int {
    if ours(fd) {
        return answer_int(|it| it.ioctl(fd, request as u32, argument as u64));
    }
    // SAFETY: the caller's call, as it was.
    unsafe { __real_ioctl(fd, request, argument) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_read(fd: c_int, into: *mut c_void, len: size_t) -> ssize_t {
    if ours(fd) {
        return answer(|it| it.read(fd, into.expose_provenance() as u64, len as u64)) as ssize_t;
    }
    // SAFETY: the caller's call, as it was.
    unsafe { __real_read(fd, into, len) }
}

fn map(addr: *mut c_void, len: size_t, prot: c_int, flags: c_int, fd: c_int, offset: off_t) -> *mut c_void {
    let addr = addr.expose_provenance() as u64;
    let at = answer(|it| it.mmap(fd, addr, len as u64, prot, flags, offset as u64).map(|at| at as i64));
    // -1 is MAP_FAILED.
    std::ptr::with_exposed_provenance_mut(at as usize)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_mmap(
    addr: *mut c_void,
    len: size_t,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    if flags & libc::MAP_ANONYMOUS == 0 && ours(fd) {
        return map(addr, len, prot, flags, fd, offset);
    }
    // SAFETY: the caller's call, as it was.
    unsafe { __real_mmap(addr, len, prot, flags, fd, offset) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_mmap64(
    addr: *mut c_void,
    len: size_t,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    if flags & libc::MAP_ANONYMOUS == 0 && ours(fd) {
        return map(addr, len, prot, flags, fd, offset);
    }
    // SAFETY: the caller's call, as it was.
    unsafe { __real_mmap64(addr, len, prot, flags, fd, offset) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_munmap(addr: *mut c_void, len: size_t) -> c_int {
    if has_mappings() && !INSIDE.get() {
        let addr = addr.expose_provenance() as u64;
        inside(|process| process.map(|it| it.unmapped(addr, len as u64)));
    }
    // SAFETY: the caller's call, as it was.
    unsafe { __real_munmap(addr, len) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_epoll_ctl(
    epoll: c_int,
    operation: c_int,
    fd: c_int,
    event: *mut epoll_event,
) -> c_int {
    if ours(fd) {
        // SAFETY: null, or an event that the caller wrote; the host is asked about the same one right away.
        let events = unsafe { event.as_ref() }.map_or(0, |it| it.events);
        if answer_int(|it| it.watch(epoll, operation, fd, events).map(|()| 0)) < 0 {
            return -1;
        }
    }
    // SAFETY: the caller's call, as it was.
    unsafe { __real_epoll_ctl(epoll, operation, fd, event) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_epoll_wait(
    epoll: c_int,
    events: *mut epoll_event,
    max: c_int,
    timeout: c_int,
) -> c_int {
    waiting(
        timeout,
        || inside(|process| process.is_some_and(|it| it.refresh_epoll(epoll))),
        // SAFETY: the caller's call, with a shorter time to wait.
        |timeout| unsafe { __real_epoll_wait(epoll, events, max, timeout) },
    )
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __wrap_poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int {
    let list: Vec<(c_int, u32)> = if fds.is_null() || count > 1 << 16 || INSIDE.get() {
        Vec::new()
    } else {
        // SAFETY: `poll` takes an array of that many, and it is not null.
        let fds = unsafe { std::slice::from_raw_parts(fds, count as usize) };
        fds.iter().filter(|it| is_placeholder(it.fd)).map(|it| (it.fd, it.events as u32)).collect()
    };
    waiting(
        timeout,
        || !list.is_empty() && inside(|process| process.is_some_and(|it| it.refresh(&list))),
        // SAFETY: the caller's call, with a shorter time to wait.
        |timeout| unsafe { __real_poll(fds, count, timeout) },
    )
}

/// Waits in slices if the emulated kernel has a say in it (`refresh`), else as the caller said.
fn waiting(timeout: c_int, mut refresh: impl FnMut() -> bool, mut wait: impl FnMut(c_int) -> c_int) -> c_int {
    if INSIDE.get() || !refresh() {
        return wait(timeout);
    }
    let mut left = timeout;
    loop {
        let slice = if left < 0 { SLICE_MS } else { left.min(SLICE_MS) };
        let ready = wait(slice);
        if ready != 0 || left == slice {
            return ready;
        }
        left = if left < 0 { left } else { left - slice };
        refresh();
    }
}
