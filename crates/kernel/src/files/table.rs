//! The file descriptors of one process.

use super::Fd;
use skep_abi::Errno;

/// The first number that is given out: the standard streams have those before.
pub(super) const FIRST: usize = 3;
/// As many descriptors as a process may have (`fs.nr_open`).
pub(super) const MOST: u32 = 1 << 20;

/// What a descriptor is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    /// The number of the open file.
    pub(super) slot: u32,
    /// `FD_CLOEXEC`.
    pub(super) cloexec: bool,
}

/// Descriptors by number.
#[derive(Clone, Debug)]
pub(super) struct FdTable {
    entries: Vec<Option<Entry>>,
    /// No number below is free.
    lowest: usize,
    /// `RLIMIT_NOFILE`: numbers are smaller.
    pub(super) limit: u32,
}

impl Default for FdTable {
    fn default() -> FdTable {
        FdTable { entries: Vec::new(), lowest: FIRST, limit: MOST }
    }
}

impl FdTable {
    /// Whether a descriptor of at least this number can be given out.
    ///
    /// # Errors
    /// `EMFILE`: none.
    pub(super) fn room(&self, min: usize) -> Result<(), Errno> {
        if self.lowest_from(min) < self.limit as usize { Ok(()) } else { Err(Errno::EMFILE) }
    }

    fn lowest_from(&self, min: usize) -> usize {
        let start = min.max(self.lowest);
        let taken = self.entries.iter().skip(start).take_while(|it| it.is_some()).count();
        start + taken
    }

    /// Gives out the lowest number that is free and not below `min`. Whoever may be refused asked for
    /// [`room`](FdTable::room).
    pub(super) fn add(&mut self, entry: Entry, min: usize) -> Fd {
        let number = self.lowest_from(min);
        if min <= self.lowest {
            self.lowest = number + 1;
        }
        *self.place(number) = Some(entry);
        Fd(number as i32)
    }

    /// Makes a number stand for something; what it stood for before.
    ///
    /// # Errors
    /// `EBADF`: there cannot be such a number.
    pub(super) fn set(&mut self, fd: Fd, entry: Entry) -> Result<Option<Entry>, Errno> {
        let number = usize::try_from(fd.0).ok().filter(|it| *it < self.limit as usize).ok_or(Errno::EBADF)?;
        Ok(self.place(number).replace(entry))
    }

    fn place(&mut self, number: usize) -> &mut Option<Entry> {
        if self.entries.len() <= number {
            self.entries.resize(number + 1, None);
        }
        &mut self.entries[number]
    }

    /// # Errors
    /// `EBADF`: it is not open.
    pub(super) fn get(&self, fd: Fd) -> Result<Entry, Errno> {
        let entry = usize::try_from(fd.0).ok().and_then(|it| *self.entries.get(it)?);
        entry.ok_or(Errno::EBADF)
    }

    /// # Errors
    /// `EBADF`: it is not open.
    pub(super) fn get_mut(&mut self, fd: Fd) -> Result<&mut Entry, Errno> {
        let entry = usize::try_from(fd.0).ok().and_then(|it| self.entries.get_mut(it)?.as_mut());
        entry.ok_or(Errno::EBADF)
    }

    /// # Errors
    /// `EBADF`: it is not open.
    pub(super) fn remove(&mut self, fd: Fd) -> Result<Entry, Errno> {
        let entry = self.get(fd)?;
        let number = fd.0 as usize;
        self.entries[number] = None;
        // The standard streams' numbers are not given out again.
        self.lowest = self.lowest.min(number.max(FIRST));
        Ok(entry)
    }

    /// All descriptors, by number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Fd, Entry)> {
        let numbered = self.entries.iter().enumerate();
        numbered.filter_map(|(number, entry)| entry.map(|it| (Fd(number as i32), it)))
    }
}
