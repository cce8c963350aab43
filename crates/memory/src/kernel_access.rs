//! `Memory`: accesses of the kernel.
#![expect(unsafe_code, reason = "uses the window while the memory is borrowed")]

use crate::fault::{Access, Cause, Fault};
use crate::layout::extend;
use crate::memory::{Memory, low};
use crate::resident::Plane;
use crate::space::Span;
use crate::table::Table;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// # Accesses of the kernel
/// Rights do not matter; every byte has to belong to a live allocation (any: allocations that touch are one to this).
impl Memory {
    /// Reads bytes.
    ///
    /// # Errors
    /// Some are not of a live allocation; then `into` is as it was.
    pub fn peek(&self, addr: u64, into: &mut [u8]) -> Result<(), Fault> {
        self.check_live(addr, into.len(), Access::Load)?;
        // SAFETY: the range was just found to be live.
        unsafe { self.copy_out(addr, into) };
        Ok(())
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// Some are not of a live allocation; then nothing was written.
    pub fn poke(&self, addr: u64, from: &[u8]) -> Result<(), Fault> {
        self.check_live(addr, from.len(), Access::Store)?;
        // SAFETY: the range was just found to be live.
        unsafe { self.copy_in(addr, from) };
        Ok(())
    }

    /// Reads a string: all bytes up to the first NUL, that included, but at most `into.len()`, the last of which is
    /// then made a NUL. Answers how many it wrote, as `bpf_probe_read_kernel_str` does (mm/maccess.c,
    /// `strncpy_from_kernel_nofault`). 0 if `into` is empty.
    ///
    /// # Errors
    /// An allocation ended before the string did; `into` then holds what came before.
    pub fn peek_str(&self, addr: u64, into: &mut [u8]) -> Result<usize, Fault> {
        let mut done = 0;
        while done < into.len() {
            let at = addr.wrapping_add(done as u64);
            let live = low(at).map_or(0, |low| self.table().borrow().live_from(low)) as usize;
            if live == 0 {
                return Err(self.dead(at, 1, Access::Load));
            }
            let upto = into.len().min(done.saturating_add(live));
            self.check_live(at, upto - done, Access::Load)?;
            // SAFETY: the bytes were just found to be live.
            if let Some(len) = unsafe { self.copy_string(at, &mut into[done..upto]) } {
                return Ok(done + len);
            }
            done = upto;
        }
        if let Some(last) = into.last_mut() {
            *last = 0;
        }
        Ok(done)
    }

    /// Copies `len` bytes from one place to another. They may overlap.
    ///
    /// # Errors
    /// Some, at either place, are not of a live allocation; then nothing was written.
    pub fn copy(&self, to: u64, from: u64, len: usize) -> Result<(), Fault> {
        self.check_live(from, len, Access::Load)?;
        self.check_live(to, len, Access::Store)?;
        let window = self.window();
        // SAFETY: both ranges were just found to be live.
        unsafe { window.data_at(to).copy_from(window.data_at(from), len) };
        Ok(())
    }

    /// Sets `len` bytes to `byte`.
    ///
    /// # Errors
    /// Some are not of a live allocation; then nothing was written.
    pub fn fill(&self, addr: u64, len: usize, byte: u8) -> Result<(), Fault> {
        self.check_live(addr, len, Access::Store)?;
        // SAFETY: the range was just found to be live.
        unsafe { self.window().data_at(addr).write_bytes(byte, len) };
        Ok(())
    }

    /// Reads a little-endian number.
    ///
    /// # Errors
    /// As for [`peek`](Memory::peek).
    pub fn peek_u32(&self, addr: u64) -> Result<u32, Fault> {
        let mut bytes = [0; 4];
        self.peek(addr, &mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Reads a little-endian number.
    ///
    /// # Errors
    /// As for [`peek`](Memory::peek).
    pub fn peek_u64(&self, addr: u64) -> Result<u64, Fault> {
        let mut bytes = [0; 8];
        self.peek(addr, &mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Writes a little-endian number.
    ///
    /// # Errors
    /// As for [`poke`](Memory::poke).
    pub fn poke_u32(&self, addr: u64, value: u32) -> Result<(), Fault> {
        self.poke(addr, &value.to_le_bytes())
    }

    /// Writes a little-endian number.
    ///
    /// # Errors
    /// As for [`poke`](Memory::poke).
    pub fn poke_u64(&self, addr: u64, value: u64) -> Result<(), Fault> {
        self.poke(addr, &value.to_le_bytes())
    }

    /// Reads a number that somebody outside may be writing: what they wrote before it is seen after this.
    ///
    /// # Errors
    /// As for [`peek`](Memory::peek); or the address is not a multiple of 4.
    pub fn load_acquire_u32(&self, addr: u64) -> Result<u32, Fault> {
        self.check_aligned(addr, 4, Access::Load)?;
        // SAFETY: live, aligned, and only ever accessed through raw pointers and atomics.
        let value = unsafe { AtomicU32::from_ptr(self.window().data_at(addr).cast()) };
        Ok(u32::from_le(value.load(Ordering::Acquire)))
    }

    /// Reads a number that somebody outside may be writing: what they wrote before it is seen after this.
    ///
    /// # Errors
    /// As for [`peek`](Memory::peek); or the address is not a multiple of 8.
    pub fn load_acquire_u64(&self, addr: u64) -> Result<u64, Fault> {
        self.check_aligned(addr, 8, Access::Load)?;
        // SAFETY: as in `load_acquire_u32`.
        let value = unsafe { AtomicU64::from_ptr(self.window().data_at(addr).cast()) };
        Ok(u64::from_le(value.load(Ordering::Acquire)))
    }

    /// Writes a number that somebody outside may be reading: who sees it sees all that was written before.
    ///
    /// # Errors
    /// As for [`poke`](Memory::poke); or the address is not a multiple of 4.
    pub fn store_release_u32(&self, addr: u64, value: u32) -> Result<(), Fault> {
        self.check_aligned(addr, 4, Access::Store)?;
        // SAFETY: as in `load_acquire_u32`.
        let at = unsafe { AtomicU32::from_ptr(self.window().data_at(addr).cast()) };
        at.store(value.to_le(), Ordering::Release);
        Ok(())
    }

    /// Writes a number that somebody outside may be reading: who sees it sees all that was written before.
    ///
    /// # Errors
    /// As for [`poke`](Memory::poke); or the address is not a multiple of 8.
    pub fn store_release_u64(&self, addr: u64, value: u64) -> Result<(), Fault> {
        self.check_aligned(addr, 8, Access::Store)?;
        // SAFETY: as in `load_acquire_u32`.
        let at = unsafe { AtomicU64::from_ptr(self.window().data_at(addr).cast()) };
        at.store(value.to_le(), Ordering::Release);
        Ok(())
    }

    fn check_aligned(&self, addr: u64, size: usize, access: Access) -> Result<(), Fault> {
        self.check_live(addr, size, access)?;
        if self.window().data_at(addr).addr().is_multiple_of(size) {
            return Ok(());
        }
        let object = self.object_at(addr).map(Box::new);
        Err(Fault { access, addr, size, cause: Cause::Misaligned, object })
    }

    /// Whether all of a range is live.
    #[inline]
    fn check_live(&self, addr: u64, len: usize, access: Access) -> Result<(), Fault> {
        // SAFETY: as in `load`. What a program may load as one object is live, and counted.
        if unsafe { self.window().can_load_range(addr, len) } {
            return Ok(());
        }
        self.check_books(addr, len, access)
    }

    /// The same by the books, and counts the pages that the access takes: those that are written to; of a file, those
    /// that are read, too.
    fn check_books(&self, addr: u64, len: usize, access: Access) -> Result<(), Fault> {
        let mut table = self.table().borrow_mut();
        let (mut at, mut left) = (addr, len as u64);
        let mut takes = access == Access::Store;
        while left > 0 {
            let Some((span, is_mapped)) = low(at).and_then(|low| table.bytes_at(low)) else {
                drop(table);
                return Err(self.dead(addr, len, access));
            };
            takes |= is_mapped;
            let here = extend(span.end()).wrapping_sub(at);
            // In the last object, this is not used any more.
            at = at.wrapping_add(here);
            left = left.saturating_sub(here);
        }
        // It lies in objects, which is why it fits 32 bits.
        let span = Span { start: addr as u32, len: len as u32 };
        if takes && self.within_limit(table.space.resident.take(&[Plane::Data], span)).is_err() {
            return Err(Fault { access, addr, size: len, cause: Cause::OverLimit, object: None });
        }
        Ok(())
    }
}

impl Memory {
    /// Stops after a NUL, and answers how many bytes that were. Nothing behind it is written.
    ///
    /// # Safety
    /// All bytes belong to a live object.
    unsafe fn copy_string(&self, addr: u64, into: &mut [u8]) -> Option<usize> {
        let from = self.window().data_at(addr).cast_const();
        for (index, byte) in into.iter_mut().enumerate() {
            // SAFETY: live by contract.
            *byte = unsafe { from.add(index).read() };
            if *byte == 0 {
                return Some(index + 1);
            }
        }
        None
    }
}

impl Table {
    /// How many bytes from `addr` on are of the live allocation there.
    fn live_from(&self, addr: u32) -> u32 {
        self.containing(addr).map_or(0, |object| object.span.end() - addr)
    }
}
