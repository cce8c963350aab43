//! File descriptors: small numbers for objects.

use skep_abi::Errno;
use skep_maps::ObjRef;
use std::fmt;

/// A file descriptor of a [`Kernel`](crate::Kernel): a map, a program or a perf event.
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

/// The table of open files. New ones get the lowest free number; 0, 1 and 2 are never free.
#[derive(Debug, Default)]
pub(crate) struct Files {
    open: Vec<Option<ObjRef>>,
}

/// The first number that is given out.
const FIRST: usize = 3;

impl Files {
    /// Opens an object, with a reference that the caller hands over.
    pub(crate) fn open(&mut self, id: ObjRef) -> Fd {
        let index = match self.open.iter().position(Option::is_none) {
            Some(free) => free,
            None => {
                self.open.push(None);
                self.open.len() - 1
            }
        };
        self.open[index] = Some(id);
        Fd((index + FIRST) as i32)
    }

    /// What an fd stands for.
    ///
    /// # Errors
    /// `EBADF`: nothing.
    pub(crate) fn get(&self, fd: Fd) -> Result<ObjRef, Errno> {
        let index = usize::try_from(fd.0).ok().and_then(|it| it.checked_sub(FIRST));
        index.and_then(|it| *self.open.get(it)?).ok_or(Errno::EBADF)
    }

    /// Closes an fd and hands its reference back.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub(crate) fn close(&mut self, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.get(fd)?;
        self.open[fd.0 as usize - FIRST] = None;
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lowest_free_number() {
        let mut files = Files::default();
        assert_eq!([1, 2, 3].map(|id| files.open(ObjRef(id))), [Fd(3), Fd(4), Fd(5)]);
        assert_eq!(files.close(Fd(4)), Ok(ObjRef(2)));
        assert_eq!(files.get(Fd(4)), Err(Errno::EBADF));
        assert_eq!(files.close(Fd(4)), Err(Errno::EBADF));
        assert_eq!(files.open(ObjRef(9)), Fd(4));
        for bad in [-1, 0, 2, 6, i32::MAX, i32::MIN] {
            assert_eq!(files.get(Fd(bad)), Err(Errno::EBADF), "{bad}");
        }
    }
}
