//! Open files, and the file descriptors of simulated processes that stand for them.
//!
//! - `file`: open files (`struct file`), each counted by its descriptors
//! - `table`: the descriptors of one process
//! - `process`: processes: who has which table, and who may do what
//! - `fdinfo`, `usage`: what `/proc` says about them
//! - `ids`: objects by id
//! - `release`: what the end of an open file does
//! - `calls`: what a process does with descriptors: `dup`, `close`, `fcntl`, passing one on

mod calls;
mod fdinfo;
mod file;
mod ids;
mod numbers;
mod process;
mod release;
mod table;
mod usage;

pub(crate) use file::{FileId, OpenFile};
pub(crate) use ids::access_of;
pub(crate) use process::Cap;
pub use process::{Credentials, Process, UserNs};

use self::file::OpenFiles;
use self::numbers::Numbers;
use self::process::Processes;
use self::table::{Entry, FIRST, FdTable};
use skep_abi::Errno;
use skep_maps::{Access, ObjRef};
use std::fmt;

/// A file descriptor of a [`Kernel`](crate::Kernel)'s current process: of a map, a program, a perf event...
///
/// It is a plain number, as in `bpf(2)`: copying it makes no new reference, and [`Kernel::close`](crate::Kernel::close)
/// ends its life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Fd(pub i32);

impl fmt::Display for Fd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An open file that something other than a descriptor keeps open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Held(u32);

/// What a descriptor may do that may do everything (`O_RDWR`).
pub(crate) const BOTH: Access = Access { read: true, write: true };

/// What a descriptor may do that may only read (`O_RDONLY`).
pub(crate) const READ_ONLY: Access = Access { read: true, write: false };

/// All open files, and the processes that have descriptors of them.
#[derive(Debug, Default)]
pub(crate) struct Files {
    open: OpenFiles,
    processes: Processes,
    numbers: Numbers,
}

impl Files {
    /// Opens an object, for reading and writing, with a reference that the caller hands over.
    pub(crate) fn open(&mut self, id: ObjRef) -> Fd {
        self.open_with(id, BOTH)
    }

    /// Opens an object, with a reference that the caller hands over. The descriptor is the lowest that is free, and does
    /// not outlive `execve(2)`, as all that `bpf(2)` opens.
    pub(crate) fn open_with(&mut self, id: ObjRef, access: Access) -> Fd {
        let slot = self.open.add(id, access);
        let entry = Entry { slot, cloexec: true };
        let table = &mut self.processes.current_mut().table;
        match self.numbers.take().filter(|it| table.get(*it).is_err()) {
            Some(number) if table.set(number, entry).is_ok() => number,
            _ => table.add(entry, 0),
        }
    }

    /// Whether the current process may have one more descriptor.
    ///
    /// # Errors
    /// `EMFILE`: it has as many as it may.
    pub(crate) fn room(&self) -> Result<(), Errno> {
        self.numbers.reserve()?;
        self.table().room(0)
    }

    /// What an fd stands for.
    ///
    /// # Errors
    /// `EBADF`: nothing.
    pub(crate) fn get(&self, fd: Fd) -> Result<ObjRef, Errno> {
        self.file(fd).map(|it| it.object)
    }

    /// The open file of an fd.
    ///
    /// # Errors
    /// `EBADF`: there is none. `EINVAL`: it is a standard stream, which is open, but nothing that `bpf(2)` knows.
    pub(crate) fn file(&self, fd: Fd) -> Result<&OpenFile, Errno> {
        let stream = usize::try_from(fd.0).is_ok_and(|it| it < FIRST);
        let entry = self.table().get(fd).map_err(|errno| if stream { Errno::EINVAL } else { errno })?;
        self.open.get(entry.slot).ok_or(Errno::EBADF)
    }

    /// Closes an fd. The open file comes back if that was its last one, with the reference it has.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub(crate) fn close(&mut self, fd: Fd) -> Result<Option<OpenFile>, Errno> {
        let entry = self.table_mut().remove(fd)?;
        Ok(self.open.drop_one(entry.slot))
    }

    /// Keeps the open file of an fd open, until [`Files::let_go`] of the number that it answers: for a mapping.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub(crate) fn hold(&mut self, fd: Fd) -> Result<Held, Errno> {
        let slot = self.table().get(fd)?.slot;
        self.open.keep(slot);
        Ok(Held(slot))
    }

    /// Keeps it open once more, for a second mapping.
    pub(crate) fn hold_again(&mut self, held: &Held) -> Held {
        self.open.keep(held.0);
        Held(held.0)
    }

    /// Ends that. The open file comes back if nothing else keeps it.
    pub(crate) fn let_go(&mut self, held: Held) -> Option<OpenFile> {
        self.open.drop_one(held.0)
    }

    /// Says whether a descriptor is closed by `execve(2)`.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub(crate) fn set_cloexec(&mut self, fd: Fd, cloexec: bool) -> Result<(), Errno> {
        self.table_mut().get_mut(fd)?.cloexec = cloexec;
        Ok(())
    }

    fn table(&self) -> &FdTable {
        &self.processes.current().table
    }

    fn table_mut(&mut self) -> &mut FdTable {
        &mut self.processes.current_mut().table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_free_number() {
        let mut files = Files::default();
        assert_eq!([1, 2, 3].map(|id| files.open(ObjRef(id))), [Fd(3), Fd(4), Fd(5)]);
        assert_eq!(files.close(Fd(4)).unwrap().unwrap().object, ObjRef(2));
        assert_eq!(files.get(Fd(4)), Err(Errno::EBADF));
        assert_eq!(files.close(Fd(4)).unwrap_err(), Errno::EBADF);
        assert_eq!(files.open(ObjRef(9)), Fd(4));
        for stream in [0, 1, 2] {
            assert_eq!(files.get(Fd(stream)), Err(Errno::EINVAL), "{stream}");
        }
        for bad in [-1, 6, i32::MAX, i32::MIN] {
            assert_eq!(files.get(Fd(bad)), Err(Errno::EBADF), "{bad}");
        }
    }
}
