//! A process of the host that lives on an emulated kernel.

use crate::descriptors::Descriptors;
use crate::mapping::Mappings;
use crate::memory::ProcessMemory;
use crate::pages::MemfdPages;
use skep_abi::Errno;
use skep_kernel::{Fd, Kernel, UserMemory};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The kernel asks for numbers while it makes descriptors, and knows nothing of the process.
type Shared = Arc<Mutex<Descriptors>>;

fn lock(descriptors: &Shared) -> MutexGuard<'_, Descriptors> {
    // They are whole between any two calls.
    descriptors.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The most that attributes of `bpf(2)` may be given as (a page).
const MAX_ATTR: u32 = 4096;

/// This process of the host, with `bpf(2)` and what belongs to it answered by an emulated kernel.
///
/// Addresses are of the process's own memory. Descriptors have numbers of the process's own table, where each is a
/// placeholder (see [`is_placeholder`](crate::is_placeholder)).
#[derive(Debug)]
pub struct HostProcess {
    pub(crate) kernel: Kernel,
    pub(crate) memory: ProcessMemory,
    descriptors: Shared,
    pub(crate) mappings: Mappings,
    /// What is waited for, by the descriptor of an epoll set.
    pub(crate) watched: BTreeMap<RawFd, BTreeMap<RawFd, u32>>,
}

impl HostProcess {
    /// Puts this process on a kernel. What was opened there before keeps its numbers, and is no descriptor of the host.
    ///
    /// # Errors
    /// The host has no descriptor left, or lets no process read its own memory.
    pub fn new(mut kernel: Kernel) -> io::Result<HostProcess> {
        let descriptors: Shared = Arc::new(Mutex::new(Descriptors::new()?));
        let numbers = Arc::clone(&descriptors);
        kernel.set_fd_numbers(Some(Box::new(move || lock(&numbers).reserve(0))));
        kernel.set_pages(Some(Box::new(MemfdPages)));
        Ok(HostProcess {
            kernel,
            memory: ProcessMemory::own()?,
            descriptors,
            mappings: Mappings::default(),
            watched: BTreeMap::new(),
        })
    }

    pub(crate) fn descriptors(&self) -> MutexGuard<'_, Descriptors> {
        lock(&self.descriptors)
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The kernel, to run programs, fire events and make a world.
    pub fn kernel_mut(&mut self) -> &mut Kernel {
        &mut self.kernel
    }

    /// `bpf(2)`: `attr` is the address of `size` bytes of attributes.
    ///
    /// # Errors
    /// The kernel's; `EFAULT` for attributes that are not there.
    pub fn bpf(&mut self, cmd: u32, attr: u64, size: u32) -> Result<i32, Errno> {
        if size > MAX_ATTR {
            return Err(Errno::E2BIG);
        }
        let mut before = vec![0; size as usize];
        self.memory.read(attr, &mut before)?;
        let mut after = before.clone();
        let result = self.bpf_with(cmd, &mut after);
        self.write_back(attr, &before, &after);
        result
    }

    /// `bpf(2)` with attributes that are at hand, and have its answers afterwards.
    ///
    /// # Errors
    /// The kernel's.
    pub fn bpf_with(&mut self, cmd: u32, attr: &mut [u8]) -> Result<i32, Errno> {
        self.notice_closed();
        self.kernel.bpf(cmd, attr, &mut self.memory)
    }

    /// The memory of this process.
    pub fn memory(&mut self) -> &mut ProcessMemory {
        &mut self.memory
    }

    /// Writes back what a call changed in its attributes, and nothing else: they may be constants.
    pub(crate) fn write_back(&mut self, addr: u64, before: &[u8], after: &[u8]) {
        let mut at = 0;
        while let Some(start) = (at..after.len()).find(|it| before[*it] != after[*it]) {
            let end = (start..after.len()).find(|it| before[*it] == after[*it]).unwrap_or(after.len());
            // The kernel does not look whether this worked, either.
            let _ = self.memory.write(addr.wrapping_add(start as u64), &after[start..end]);
            at = end;
        }
    }

    /// Closes on the kernel what was closed on the host without telling us.
    pub(crate) fn notice_closed(&mut self) {
        let gone = self.descriptors().hung_up();
        for number in gone {
            let _ = self.kernel.close(Fd(number));
            self.unwatch(number);
        }
    }

    /// `close(2)`, of the placeholder too.
    ///
    /// # Errors
    /// `EBADF`: it is no descriptor of the emulated kernel.
    pub fn close(&mut self, fd: RawFd) -> Result<(), Errno> {
        self.notice_closed();
        if !self.descriptors().has(fd) {
            return Err(Errno::EBADF);
        }
        self.unwatch(fd);
        self.descriptors().close(fd);
        self.kernel.close(Fd(fd))
    }

    /// `fcntl(2)` with `F_DUPFD` or `F_DUPFD_CLOEXEC`: the lowest free number that is not below `min`.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`, `EMFILE`.
    pub fn dup(&mut self, fd: RawFd, min: RawFd) -> Result<RawFd, Errno> {
        self.notice_closed();
        if !self.descriptors().has(fd) {
            return Err(Errno::EBADF);
        }
        let number = self.descriptors().reserve(min)?;
        self.kernel.dup_to(Fd(fd), Fd(number), true)?;
        Ok(number)
    }

    /// `dup2(2)` and `dup3(2)`: `to` becomes a descriptor of what `fd` is; what it was is closed.
    ///
    /// # Errors
    /// `EBADF`.
    pub fn dup_to(&mut self, fd: RawFd, to: RawFd) -> Result<RawFd, Errno> {
        self.notice_closed();
        if !self.descriptors().has(fd) {
            return Err(Errno::EBADF);
        }
        if fd != to {
            self.unwatch(to);
            self.descriptors().replace(to)?;
            self.kernel.dup_to(Fd(fd), Fd(to), true)?;
        }
        Ok(to)
    }
}
