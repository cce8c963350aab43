//! What a process does with its descriptors.

use super::table::Entry;
use super::{Fd, Files, OpenFile};
use crate::kernel::Kernel;
use skep_abi::Errno;

impl Files {
    /// One more descriptor of an open file, not below `min`.
    fn dup(&mut self, fd: Fd, min: usize, cloexec: bool) -> Result<Fd, Errno> {
        let Entry { slot, .. } = self.table().get(fd)?;
        self.table().room(min)?;
        self.open.keep(slot);
        Ok(self.table_mut().add(Entry { slot, cloexec }, min))
    }

    /// Makes a number a descriptor of an open file. The file it stood for comes back, if that was its last one.
    fn dup_to(&mut self, fd: Fd, to: Fd, cloexec: bool) -> Result<Option<OpenFile>, Errno> {
        let Entry { slot, .. } = self.table().get(fd)?;
        let before = self.table_mut().set(to, Entry { slot, cloexec })?;
        self.open.keep(slot);
        Ok(before.and_then(|it| self.open.drop_one(it.slot)))
    }
}

/// # File descriptors
impl Kernel {
    /// Closes an fd. What it stood for ends when nothing else refers to it; a PROG_ARRAY that user space cannot get at
    /// any more is emptied, and a PERF_EVENT_ARRAY gives the events back that were put in through this open file.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub fn close(&mut self, fd: Fd) -> Result<(), Errno> {
        self.core.close_fd(fd)?;
        self.core.sweep(&self.memory);
        Ok(())
    }

    /// One more descriptor of the same open file, the lowest that is free (`dup(2)`). It outlives `execve(2)`.
    ///
    /// # Errors
    /// `EBADF`: it is not open. `EMFILE`: the process has as many as it may.
    pub fn dup(&mut self, fd: Fd) -> Result<Fd, Errno> {
        self.core.files.dup(fd, 0, false)
    }

    /// One more descriptor of the same open file, the lowest that is free and not below `min` (`F_DUPFD`,
    /// `F_DUPFD_CLOEXEC`).
    ///
    /// # Errors
    /// `EBADF`: it is not open. `EINVAL`: a descriptor cannot be that large. `EMFILE`: none is free.
    pub fn dup_from(&mut self, fd: Fd, min: i32, cloexec: bool) -> Result<Fd, Errno> {
        self.core.files.file(fd)?;
        let min = u32::try_from(min).ok().filter(|it| *it < self.core.files.table().limit);
        self.core.files.dup(fd, min.ok_or(Errno::EINVAL)? as usize, cloexec)
    }

    /// Has a descriptor of a chosen number stand for the same open file, and closes what it was before (`dup3(2)`).
    /// `dup2(2)` is this without `cloexec`, and nothing where both are the same open descriptor.
    ///
    /// # Errors
    /// `EINVAL`: both are the same. `EBADF`: the first is not open, or the second no possible descriptor.
    pub fn dup_to(&mut self, fd: Fd, to: Fd, cloexec: bool) -> Result<Fd, Errno> {
        if fd == to {
            return Err(Errno::EINVAL);
        }
        if let Some(file) = self.core.files.dup_to(fd, to, cloexec)? {
            self.core.release_file(&file);
            self.core.sweep(&self.memory);
        }
        Ok(to)
    }

    /// Whether a descriptor is closed by `execve(2)` (`F_GETFD`).
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub fn cloexec(&self, fd: Fd) -> Result<bool, Errno> {
        self.core.files.table().get(fd).map(|it| it.cloexec)
    }

    /// Says whether a descriptor is closed by `execve(2)` (`F_SETFD`).
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub fn set_cloexec(&mut self, fd: Fd, cloexec: bool) -> Result<(), Errno> {
        self.core.files.table_mut().get_mut(fd)?.cloexec = cloexec;
        Ok(())
    }

    /// Has somebody else give out the numbers of new descriptors, but for those made by `dup(2)`: an embedding that
    /// keeps descriptors of the host's under the same numbers. Its errors are those of calls that open something. A
    /// number that is open already is not used.
    pub fn set_fd_numbers(&mut self, source: Option<Box<dyn FnMut() -> Result<i32, Errno> + Send>>) {
        self.core.files.numbers.set(source);
    }

    /// The descriptors of the current process, by number.
    pub fn fds(&self) -> impl Iterator<Item = Fd> {
        self.core.files.table().iter().map(|it| it.0)
    }

    /// How many open files there are, in all processes.
    pub fn open_files(&self) -> usize {
        self.core.files.open.len()
    }
}
