//! `mmap(2)` of emulated descriptors: the host maps the file that the kernel value keeps the bytes in.
#![expect(unsafe_code, reason = "mappings are made where a caller of mmap(2) wants them")]

use crate::process::HostProcess;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use rustix::param::page_size;
use skep_abi::Errno;
use skep_kernel::{Fd, Mapping, MappingId, Mmap};
use std::os::fd::RawFd;
use std::ptr::with_exposed_provenance_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many mappings there are, of all process values.
static MAPPINGS: AtomicUsize = AtomicUsize::new(0);

/// Whether anything of an emulated kernel is mapped into this process: if not, no `munmap(2)` is about it.
pub fn has_mappings() -> bool {
    MAPPINGS.load(Ordering::Acquire) > 0
}

/// What is mapped where.
#[derive(Debug, Default)]
pub(crate) struct Mappings(Vec<Range>);

#[derive(Debug)]
struct Range {
    start: u64,
    end: u64,
    id: MappingId,
}

impl Mappings {
    fn add(&mut self, start: u64, len: u64, id: MappingId) {
        self.0.push(Range { start, end: start + len, id });
        MAPPINGS.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes what lies in a range off the list. Of what is unmapped in part, the rest is still mapped.
    fn take(&mut self, start: u64, end: u64) -> Vec<MappingId> {
        let gone: Vec<Range> = self.0.extract_if(.., |it| start <= it.start && it.end <= end).collect();
        MAPPINGS.fetch_sub(gone.len(), Ordering::AcqRel);
        gone.into_iter().map(|it| it.id).collect()
    }
}

impl Drop for Mappings {
    fn drop(&mut self) {
        MAPPINGS.fetch_sub(self.0.len(), Ordering::AcqRel);
    }
}

/// # Mappings
impl HostProcess {
    /// `mmap(2)` of an emulated descriptor, with its numbers. What was there before a fixed mapping is unmapped.
    ///
    /// # Errors
    /// The kernel's; `ENOMEM`: the host has no room, or the kernel value keeps these bytes where no file of the host has them.
    pub fn mmap(
        &mut self,
        fd: RawFd,
        addr: u64,
        len: u64,
        prot: i32,
        flags: i32,
        offset: u64,
    ) -> Result<u64, Errno> {
        self.notice_closed();
        let page = page_size() as u64;
        let len = len.checked_next_multiple_of(page).filter(|it| *it > 0).ok_or(Errno::EINVAL)?;
        let fixed = flags & libc::MAP_FIXED != 0;
        let start = if fixed { addr } else { reserve(len)? };
        let request =
            Mmap { addr: start, len, prot: prot.cast_unsigned(), flags: flags.cast_unsigned(), offset };
        let mapped = self.kernel.mmap(Fd(fd), &request).and_then(|mapping| {
            let placed = place(&mapping, start, prot);
            if placed.is_err() {
                let _ = self.kernel.munmap(mapping.id);
            }
            placed.map(|()| mapping.id)
        });
        match mapped {
            Ok(id) => {
                self.unmapped(start, len);
                self.mappings.add(start, len, id);
                Ok(start)
            }
            Err(error) => {
                if !fixed {
                    release(start, len);
                }
                Err(error)
            }
        }
    }

    /// Notes that a range of this process's memory is being unmapped; the host does it.
    pub fn unmapped(&mut self, addr: u64, len: u64) {
        let len = len.checked_next_multiple_of(page_size() as u64).unwrap_or(u64::MAX);
        for id in self.mappings.take(addr, addr.saturating_add(len)) {
            let _ = self.kernel.munmap(id);
        }
    }
}

/// Maps the parts, one behind the other.
fn place(mapping: &Mapping, start: u64, prot: i32) -> Result<(), Errno> {
    let all = ProtFlags::from_bits_truncate(prot.cast_unsigned());
    mapping.parts.iter().try_for_each(|part| {
        let prot = if part.writable { all } else { all.difference(ProtFlags::WRITE) };
        let (file, offset) = part.file.as_ref().ok_or(Errno::ENOMEM)?;
        let at = with_exposed_provenance_mut(start.checked_add(part.at).ok_or(Errno::ENOMEM)? as usize);
        // SAFETY: the range was just reserved for this, or the caller of mmap(2) gave it up with MAP_FIXED.
        unsafe { mmap(at, part.len as usize, prot, MapFlags::SHARED | MapFlags::FIXED, file.fd(), *offset) }
            .map(|_| ())
            .map_err(|_| Errno::ENOMEM)
    })
}

/// Takes a range of addresses that nothing has, and that does not cross a multiple of 4 GiB: arenas must not.
fn reserve(len: u64) -> Result<u64, Errno> {
    const WINDOW: u64 = 1 << 32;
    let start = anonymous(len)?;
    if start / WINDOW == (start + len - 1) / WINDOW || len > WINDOW {
        return Ok(start);
    }
    release(start, len);
    let whole = anonymous(len + WINDOW)?;
    let start = whole.next_multiple_of(WINDOW);
    release(whole, start - whole);
    release(start + len, whole + WINDOW - start);
    Ok(start)
}

fn anonymous(len: u64) -> Result<u64, Errno> {
    let len = usize::try_from(len).map_err(|_| Errno::ENOMEM)?;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: the kernel chooses a place where nothing is.
    let start = unsafe { mmap_anonymous(std::ptr::null_mut(), len, ProtFlags::empty(), flags) };
    start.map(|it| it.expose_provenance() as u64).map_err(|_| Errno::ENOMEM)
}

/// Gives a range back that [`reserve`] took, with what was mapped over it.
fn release(start: u64, len: u64) {
    if len > 0 {
        // SAFETY: it was reserved here, and nobody else knows of it.
        let _ = unsafe { munmap(with_exposed_provenance_mut(start as usize), len as usize) };
    }
}
