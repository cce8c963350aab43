//! `Memory`: accesses of programs.
#![expect(unsafe_code, reason = "uses the window while the memory is borrowed")]

use crate::fault::{Access, Fault};
use crate::memory::Memory;

/// # Accesses of a program
/// Exact: every byte has to belong to one object that the program has the right to.
impl Memory {
    /// Loads `size` bytes (1, 2, 4 or 8), little-endian, zero-extended.
    ///
    /// # Errors
    /// The program may not load these bytes.
    #[inline]
    pub fn load(&self, addr: u64, size: usize) -> Result<u64, Fault> {
        let window = self.window();
        // SAFETY: the memory is alive while `self` is borrowed, and `Memory` is not `Sync`.
        unsafe {
            if window.can_load(addr, size) && is_size(size) {
                return Ok(window.load(addr, size));
            }
        }
        Err(self.fault(addr, size, Access::Load))
    }

    /// Stores the low `size` bytes (1, 2, 4 or 8) of `value`, little-endian.
    ///
    /// # Errors
    /// The program may not store to these bytes; nothing was stored.
    #[inline]
    pub fn store(&self, addr: u64, size: usize, value: u64) -> Result<(), Fault> {
        let window = self.window();
        // SAFETY: as in `load`.
        unsafe {
            if window.can_store(addr, size) && is_size(size) {
                window.store(addr, size, value);
                return Ok(());
            }
        }
        Err(self.fault(addr, size, Access::Store))
    }

    /// Reads a helper's memory argument. No bytes can be read from anywhere.
    ///
    /// # Errors
    /// The program may not load all of these bytes as one object; then `into` is as it was.
    #[inline]
    pub fn read(&self, addr: u64, into: &mut [u8]) -> Result<(), Fault> {
        // SAFETY: as in `load`.
        if !unsafe { self.window().can_load_range(addr, into.len()) } {
            return Err(self.fault(addr, into.len(), Access::Load));
        }
        // SAFETY: the range was just found accessible.
        unsafe { self.copy_out(addr, into) };
        Ok(())
    }

    /// Writes a helper's memory argument. No bytes can be written to anywhere.
    ///
    /// # Errors
    /// The program may not store to all of these bytes as one object; then nothing was stored.
    #[inline]
    pub fn write(&self, addr: u64, from: &[u8]) -> Result<(), Fault> {
        self.check_write(addr, from.len())?;
        // SAFETY: the range was just found accessible.
        unsafe { self.copy_in(addr, from) };
        Ok(())
    }

    /// Whether a helper could [`read`](Memory::read) these bytes.
    ///
    /// # Errors
    /// It could not.
    pub fn check_read(&self, addr: u64, len: usize) -> Result<(), Fault> {
        // SAFETY: as in `load`.
        let fine = unsafe { self.window().can_load_range(addr, len) };
        if fine { Ok(()) } else { Err(self.fault(addr, len, Access::Load)) }
    }

    /// Whether a helper could [`write`](Memory::write) these bytes.
    ///
    /// # Errors
    /// It could not.
    pub fn check_write(&self, addr: u64, len: usize) -> Result<(), Fault> {
        // SAFETY: as in `load`.
        let fine = unsafe { self.window().can_store_range(addr, len) };
        if fine { Ok(()) } else { Err(self.fault(addr, len, Access::Store)) }
    }

    /// Whether programs have any right to the byte at `addr`.
    #[inline]
    pub(crate) fn is_visible(&self, addr: u64) -> bool {
        let window = self.window();
        // SAFETY: as in `load`.
        unsafe { window.can_load(addr, 1) || window.can_store(addr, 1) }
    }
}

impl Memory {
    /// # Safety
    /// All bytes belong to a live object.
    pub(crate) unsafe fn copy_out(&self, addr: u64, into: &mut [u8]) {
        // SAFETY: live by contract; `into` cannot overlap, since nobody can have a reference into the reservation.
        unsafe { into.as_mut_ptr().copy_from_nonoverlapping(self.window().data_at(addr), into.len()) };
    }

    /// # Safety
    /// All bytes belong to a live object.
    pub(crate) unsafe fn copy_in(&self, addr: u64, from: &[u8]) {
        // SAFETY: as in `copy_out`.
        unsafe { self.window().data_at(addr).copy_from_nonoverlapping(from.as_ptr(), from.len()) };
    }
}

#[inline(always)]
fn is_size(size: usize) -> bool {
    matches!(size, 1 | 2 | 4 | 8)
}
