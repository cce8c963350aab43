//! Reservations made with `mmap`: nothing is resident or counted against the host's memory before it is touched.
#![expect(unsafe_code, reason = "mmap and its relatives are raw system calls")]

use super::Initial;
use rustix::io;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};
use std::ffi::c_void;
use std::os::fd::BorrowedFd;

/// No host counts a reservation as memory: Linux and macOS by this flag (and because nothing is writable yet), the
/// BSDs without being asked.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "netbsd"))]
const NORESERVE: MapFlags = MapFlags::NORESERVE;
#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple", target_os = "netbsd")))]
const NORESERVE: MapFlags = MapFlags::empty();

/// Bytes of a page of the host.
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// One range of host address space that this value owns. Offsets and lengths given to its methods must lie inside it
/// and be multiples of the page size.
pub(crate) struct Region {
    base: *mut c_void,
    len: usize,
}

// SAFETY: the mapping belongs to this value, not to a thread.
unsafe impl Send for Region {}

impl Region {
    /// Whether what was reserved is worth keeping for the next user.
    pub(crate) const POOLED: bool = true;

    /// Reserves `len` bytes.
    pub(crate) fn reserve(len: usize, initial: Initial) -> std::io::Result<Region> {
        let flags = MapFlags::PRIVATE | NORESERVE;
        // SAFETY: the kernel chooses the place, so no existing mapping is touched.
        let base = unsafe { mmap_anonymous(std::ptr::null_mut(), len, protection(initial), flags)? };
        let region = Region { base, len };
        region.refuse_huge_pages();
        Ok(region)
    }

    /// With huge pages a single byte written would make 2 MiB resident (three times over, with the shadows).
    fn refuse_huge_pages(&self) {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: the range is exactly the mapping this value owns; the advice does not change its contents.
        unsafe {
            // Only advice: kernels without huge pages answer EINVAL, which is fine.
            let _ = rustix::mm::madvise(self.base, self.len, rustix::mm::Advice::LinuxNoHugepage);
        }
    }

    /// The first byte.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.cast()
    }

    /// The start of a range; panics if the range is not inside, which would be a bug of this crate.
    fn at(&self, offset: usize, len: usize) -> *mut c_void {
        assert!(offset <= self.len && len <= self.len - offset, "range outside of the reservation");
        debug_assert!(offset.is_multiple_of(page_size()) && len.is_multiple_of(page_size()));
        self.base().wrapping_add(offset).cast()
    }

    /// Makes a range readable and writable; its bytes are kept (zero, the first time).
    pub(crate) fn commit(&self, offset: usize, len: usize) -> io::Result<()> {
        // SAFETY: the range lies in the mapping this value owns.
        unsafe { mprotect(self.at(offset, len), len, MprotectFlags::READ | MprotectFlags::WRITE) }
    }

    /// Makes a committed range read as zero again and gives its pages back to the host.
    pub(crate) fn purge(&self, offset: usize, len: usize) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: the range lies in the private anonymous mapping this value owns; nobody holds a reference into it.
        unsafe {
            rustix::mm::madvise(self.at(offset, len), len, rustix::mm::Advice::LinuxDontNeed)
        }
        // Elsewhere the same advice is free to keep the old bytes.
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        self.renew(offset, len)
    }

    /// Puts fresh, committed zero pages in place of a range, whatever was mapped there.
    pub(crate) fn renew(&self, offset: usize, len: usize) -> io::Result<()> {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | NORESERVE;
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the range lies in the mapping this value owns; nobody holds a reference into it.
        unsafe { mmap_anonymous(self.at(offset, len), len, prot, flags)? };
        Ok(())
    }

    /// Maps `len` bytes of a file, from `file_offset`, over a range.
    pub(crate) fn map_file(
        &self,
        offset: usize,
        len: usize,
        file: BorrowedFd<'_>,
        file_offset: u64,
    ) -> io::Result<()> {
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: as in `renew`.
        unsafe { mmap(self.at(offset, len), len, prot, flags, file, file_offset)? };
        Ok(())
    }
}

fn protection(initial: Initial) -> ProtFlags {
    match initial {
        Initial::NoAccess => ProtFlags::empty(),
        // Not writable: so it counts nothing under strict overcommit, and a stray write of ours cannot grant rights.
        Initial::Zeros => ProtFlags::READ,
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: this value owns the mapping, and nothing outlives it (see `Memory`).
        let unmapped = unsafe { munmap(self.base, self.len) };
        debug_assert!(unmapped.is_ok());
    }
}
