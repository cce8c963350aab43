//! Reservations made with the allocator of the standard library, for hosts without `mmap`.
//!
//! The allocator is asked for zeroed memory, which every large allocator hands out lazily; but some hosts count all
//! of it against a commit limit, and nothing here stops an access that no check stopped before.
#![expect(unsafe_code, reason = "raw allocation")]

use super::Initial;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::io;

/// The unit in which this backend commits and clears.
pub(crate) fn page_size() -> usize {
    4096
}

/// One range of host memory that this value owns.
pub(crate) struct Region {
    base: *mut u8,
    layout: Layout,
}

// SAFETY: the allocation belongs to this value, not to a thread.
unsafe impl Send for Region {}

/// More alignment than the allocator gives by itself would make it clear the memory by hand, all 4 GiB.
const ALIGN: usize = 16;

impl Region {
    /// A new allocation is as clean as a reused one, and cheaper.
    pub(crate) const POOLED: bool = false;

    /// Allocates `len` bytes.
    pub(crate) fn reserve(len: usize, _initial: Initial) -> io::Result<Region> {
        let layout = Layout::from_size_align(len, ALIGN).map_err(io::Error::other)?;
        // SAFETY: the size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        if base.is_null() {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(Region { base, layout })
    }

    /// The first byte.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// All of it is readable and writable from the start.
    pub(crate) fn commit(&self, _offset: usize, _len: usize) -> io::Result<()> {
        Ok(())
    }

    /// Makes a range read as zero again.
    pub(crate) fn purge(&self, offset: usize, len: usize) -> io::Result<()> {
        assert!(offset <= self.layout.size() && len <= self.layout.size() - offset);
        // SAFETY: the range was just checked to lie in the allocation; nobody holds a reference into it.
        unsafe { self.base.add(offset).write_bytes(0, len) };
        Ok(())
    }

    /// The same: nothing else is ever mapped into this backend's memory.
    pub(crate) fn renew(&self, offset: usize, len: usize) -> io::Result<()> {
        self.purge(offset, len)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: allocated by `reserve` with this layout, and nothing outlives it (see `Memory`).
        unsafe { dealloc(self.base, self.layout) };
    }
}
