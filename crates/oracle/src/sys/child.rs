//! A process that starts from nothing: for recordings in which descriptors and addresses are to be the same each time.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::FromRawFd;

/// Where the child's end of the pipe is, out of the way of what it opens.
const PIPE: i32 = 900;
/// Seconds after which a child is ended.
const PATIENCE: u32 = 60;

/// What a call of `bpf(2)` answered: a number, or a positive errno.
pub type Answer = Result<i64, i32>;

fn check(answer: i32) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Runs something in a new process that has nothing open but 0, 1 and 2, runs on CPU 0, and has its own mount and
/// network namespaces; with `bpffs`, a bpffs of its own at `/sys/fs/bpf`. Answers the text that it makes.
///
/// # Errors
/// No process or pipe, or the process did not end well.
pub fn in_child(bpffs: bool, run: impl FnOnce() -> String) -> io::Result<String> {
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    check(unsafe { libc::pipe(ends.as_mut_ptr()) })?;
    // SAFETY: this program has one thread.
    let pid = unsafe { libc::fork() };
    check(pid)?;
    if pid == 0 {
        let status = i32::from(child(ends[1], bpffs, run).is_err());
        // SAFETY: ends the child without running what the parent registered for its own end.
        unsafe { libc::_exit(status) };
    }
    // SAFETY: both ends are ours; the child has its own.
    let mut reader = unsafe {
        libc::close(ends[1]);
        File::from_raw_fd(ends[0])
    };
    let mut text = String::new();
    let read = reader.read_to_string(&mut text);
    let mut status = 0;
    // SAFETY: our own child.
    unsafe { libc::waitpid(pid, &mut status, 0) };
    read?;
    if status == 0 {
        Ok(text)
    } else {
        Err(io::Error::other(format!("the child ended with {status:#x}: {text}")))
    }
}

fn child(pipe: i32, bpffs: bool, run: impl FnOnce() -> String) -> io::Result<()> {
    // SAFETY: descriptors of this process, none of which is owned by anything that runs here.
    unsafe {
        check(libc::dup2(pipe, PIPE))?;
        libc::close_range(3, PIPE as u32 - 1, 0);
        libc::close_range(PIPE as u32 + 1, u32::MAX, 0);
        libc::alarm(PATIENCE);
        check(libc::unshare(libc::CLONE_NEWNS | libc::CLONE_NEWNET))?;
    }
    super::pin_to_cpu(0)?;
    if bpffs {
        mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE)?;
        mount("bpf", "/sys/fs/bpf", "bpf", 0)?;
    }
    let text = run();
    // SAFETY: nobody else owns it.
    unsafe { File::from_raw_fd(PIPE) }.write_all(text.as_bytes())
}

fn mount(source: &str, target: &str, kind: &str, flags: u64) -> io::Result<()> {
    let [source, target, kind] = [CString::new(source)?, CString::new(target)?, CString::new(kind)?];
    // SAFETY: three strings that end in zero.
    check(unsafe { libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, std::ptr::null()) })
}

/// User memory at places of one's choosing, in a process made for it.
#[derive(Debug)]
pub struct Pages(());

impl Pages {
    /// The memory of a child: nothing that the program itself uses lies below 64 GiB and above 4.
    pub fn new() -> Pages {
        Pages(())
    }

    /// Maps zeroes. Whole pages, between 4 and 64 GiB.
    ///
    /// # Errors
    /// The kernel's.
    pub fn map(&mut self, address: u64, len: usize) -> io::Result<()> {
        assert!(address >= 1 << 32 && address + (len as u64) < 1 << 36, "{address:#x}");
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
        // SAFETY: MAP_FIXED_NOREPLACE touches nothing that is mapped already.
        let at = unsafe { libc::mmap(address as *mut libc::c_void, len, prot, flags, -1, 0) };
        if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Copies bytes to an address, by way of the kernel.
    ///
    /// # Errors
    /// `EFAULT`: nothing is mapped there.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> io::Result<()> {
        let local = libc::iovec { iov_base: bytes.as_ptr() as *mut libc::c_void, iov_len: bytes.len() };
        let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
        // SAFETY: the kernel checks the address; what it overwrites lies where only `map` maps.
        whole(bytes.len(), unsafe { libc::process_vm_writev(libc::getpid(), &local, 1, &remote, 1, 0) })
    }

    /// Copies bytes from an address, by way of the kernel.
    ///
    /// # Errors
    /// `EFAULT`: nothing is mapped there.
    pub fn read(&self, address: u64, bytes: &mut [u8]) -> io::Result<()> {
        let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: bytes.len() };
        // SAFETY: the kernel checks the address.
        whole(bytes.len(), unsafe { libc::process_vm_readv(libc::getpid(), &local, 1, &remote, 1, 0) })
    }

    /// `bpf(2)` with an attribute in this memory.
    pub fn bpf(&mut self, command: u32, attr: u64, size: u32) -> Answer {
        // SAFETY: pointers of scripts are numbers that lie in `map`'s range, or nowhere.
        answer(unsafe { libc::syscall(libc::SYS_bpf, command, attr, size) })
    }

    /// `perf_event_open(2)` with attributes in this memory.
    pub fn perf_event_open(&mut self, attr: u64, pid: i32, cpu: i32, group: i32, flags: u64) -> Answer {
        // SAFETY: as for `bpf`.
        answer(unsafe { libc::syscall(libc::SYS_perf_event_open, attr, pid, cpu, group, flags) })
    }

    /// `ioctl(2)` with a number, or an address of this memory.
    pub fn ioctl(&mut self, fd: i32, request: u32, argument: u64) -> Answer {
        // SAFETY: as for `bpf`.
        answer(unsafe { libc::syscall(libc::SYS_ioctl, fd, request, argument) })
    }

    /// Closes a descriptor.
    pub fn close(&mut self, fd: i32) -> Answer {
        // SAFETY: descriptors of a child that owns none of them through a type.
        answer(i64::from(unsafe { libc::close(fd) }))
    }

    /// Duplicates a descriptor.
    pub fn dup(&mut self, fd: i32) -> Answer {
        // SAFETY: as for `close`.
        answer(i64::from(unsafe { libc::dup(fd) }))
    }

    /// Opens a directory.
    pub fn open(&mut self, path: &str) -> Answer {
        let path = CString::new(path).map_err(|_| libc::EINVAL)?;
        // SAFETY: a string that ends in zero.
        answer(i64::from(unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY) }))
    }
}

impl Default for Pages {
    fn default() -> Pages {
        Pages::new()
    }
}

fn answer(number: i64) -> Answer {
    if number < 0 { Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)) } else { Ok(number) }
}

fn whole(len: usize, done: isize) -> io::Result<()> {
    match usize::try_from(done) {
        Err(_) => Err(io::Error::last_os_error()),
        Ok(done) if done == len => Ok(()),
        Ok(_) => Err(io::Error::from_raw_os_error(libc::EFAULT)),
    }
}
