//! Events of a process: `perf_event_open(2)`, and waiting for what can be read or written.

use crate::process::HostProcess;
use skep_abi::Errno;
use skep_kernel::{Fd, UserMemory};
use std::os::fd::RawFd;

/// The longest `struct perf_event_attr` that is looked at.
const MAX_PERF_ATTR: u32 = 4096;

/// `EPOLLIN`, as in `poll(2)`.
const READ: u32 = 0x001;
/// `EPOLLOUT`.
const WRITE: u32 = 0x004;

impl HostProcess {
    /// `perf_event_open(2)`: `attr` is the address of a `struct perf_event_attr`.
    ///
    /// # Errors
    /// The kernel's.
    pub fn perf_event_open(
        &mut self,
        attr: u64,
        pid: i32,
        cpu: i32,
        group: i32,
        flags: u64,
    ) -> Result<i32, Errno> {
        self.notice_closed();
        // Its second word is its size.
        let mut words = [0; 8];
        self.memory.read(attr, &mut words)?;
        let [_, _, _, _, size @ ..] = words;
        let size = u32::from_le_bytes(size).clamp(8, MAX_PERF_ATTR);
        let mut before = vec![0; size as usize];
        self.memory.read(attr, &mut before)?;
        let mut after = before.clone();
        let result = self.kernel.perf_event_open_raw(&mut after, pid, cpu, group, flags, &mut self.memory);
        self.write_back(attr, &before, &after);
        result.map(|fd| fd.0)
    }

    /// `ioctl(2)` of an event.
    ///
    /// # Errors
    /// The kernel's; `ENOTTY` for what has no such calls.
    pub fn ioctl(&mut self, fd: RawFd, request: u32, argument: u64) -> Result<i32, Errno> {
        self.notice_closed();
        self.kernel.perf_ioctl(Fd(fd), request, argument, &mut self.memory)
    }

    /// `read(2)`: at most `len` bytes to an address.
    ///
    /// # Errors
    /// The kernel's; `EFAULT`.
    pub fn read(&mut self, fd: RawFd, into: u64, len: u64) -> Result<i64, Errno> {
        self.notice_closed();
        // As much as one `read(2)` moves at most.
        let len = usize::try_from(len.min(0x7fff_f000)).map_err(|_| Errno::EINVAL)?;
        let bytes = self.kernel.perf_read(Fd(fd), len)?;
        self.memory.write(into, &bytes)?;
        Ok(bytes.len() as i64)
    }

    /// Notes what `epoll_ctl(2)` does with a descriptor of ours; the host has to do the same with the placeholder.
    ///
    /// # Errors
    /// `EPERM`: there is nothing to wait for.
    pub fn watch(&mut self, epoll: RawFd, operation: i32, fd: RawFd, events: u32) -> Result<(), Errno> {
        self.notice_closed();
        match operation {
            libc::EPOLL_CTL_DEL => {
                self.watched.get_mut(&epoll).map(|it| it.remove(&fd));
            }
            _ => {
                self.kernel.pollable(Fd(fd))?;
                self.watched.entry(epoll).or_default().insert(fd, events);
            }
        }
        Ok(())
    }

    pub(crate) fn unwatch(&mut self, fd: RawFd) {
        for set in self.watched.values_mut() {
            set.remove(&fd);
        }
        self.watched.retain(|_, set| !set.is_empty());
    }

    /// Makes the placeholders in an epoll set as ready as what they stand for, for the host's `epoll_wait(2)`. Whether there
    /// are any.
    pub fn refresh_epoll(&mut self, epoll: RawFd) -> bool {
        self.notice_closed();
        let list: Vec<(RawFd, u32)> = self
            .watched
            .get(&epoll)
            .map(|set| set.iter().map(|(fd, it)| (*fd, *it)).collect())
            .unwrap_or_default();
        self.refresh(&list)
    }

    /// The same for descriptors and the `EPOLL*` bits that are waited for, those of the host among them.
    pub fn refresh(&mut self, list: &[(RawFd, u32)]) -> bool {
        let mut any = false;
        for (fd, events) in list {
            if !self.descriptors().has(*fd) {
                continue;
            }
            any = true;
            // What cannot be polled is always ready, as `poll(2)` has it.
            let ready = self.kernel.poll(Fd(*fd), *events).unwrap_or(*events);
            if events & READ != 0 {
                self.descriptors().set_readable(*fd, ready & READ != 0);
            }
            if events & WRITE != 0 {
                self.descriptors().set_writable(*fd, ready & WRITE != 0);
            }
        }
        any
    }
}
