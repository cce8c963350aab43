//! The fast path: three biased host pointers, and the checks that need nothing else.
#![expect(unsafe_code, reason = "raw access to the reservation; the shadows say which bytes exist")]

use crate::layout::is_address;

/// Host pointers for simulated address 0: the byte of simulated address `a` is at
/// `data.wrapping_offset(a as i64 as isize)`, and its shadow bytes are at the same offset of the other two.
///
/// A shadow byte is the number of bytes of the object that are left from there, at most 8; 0 where nothing may be
/// accessed. So an access of `size` bytes (1 to 8) at `a` is allowed exactly if `a` is a sign-extended 32-bit number
/// and `shadow[a] >= size`. Both shadows are readable at every simulated address, and 32 KiB + 8 bytes below the
/// lowest and above the highest.
///
/// # Safety
///
/// All methods are unsafe with the same contract: the `Memory` that gave this window ([`Memory::window`]) is alive,
/// and is not used by another thread at the same time.
///
/// [`Memory::window`]: crate::Memory::window
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// The bytes.
    pub data: *mut u8,
    /// Bytes that may be loaded from here.
    pub load_shadow: *const u8,
    /// Bytes that may be stored to from here.
    pub store_shadow: *const u8,
}

impl Window {
    /// Whether a program may load `size` bytes (1 to 8) at `addr`.
    ///
    /// # Safety
    /// The memory is alive (see [`Window`]).
    #[inline(always)]
    pub unsafe fn can_load(self, addr: u64, size: usize) -> bool {
        // SAFETY: as of the caller.
        unsafe { covers(self.load_shadow, addr, size) }
    }

    /// Whether a program may store `size` bytes (1 to 8) at `addr`.
    ///
    /// # Safety
    /// The memory is alive (see [`Window`]).
    #[inline(always)]
    pub unsafe fn can_store(self, addr: u64, size: usize) -> bool {
        // SAFETY: as of the caller.
        unsafe { covers(self.store_shadow, addr, size) }
    }

    /// Whether a program may load all of `len` bytes at `addr`, as one object. True for no bytes, anywhere.
    ///
    /// # Safety
    /// The memory is alive (see [`Window`]).
    #[inline]
    pub unsafe fn can_load_range(self, addr: u64, len: usize) -> bool {
        // SAFETY: as of the caller.
        unsafe { covers_range(self.load_shadow, addr, len) }
    }

    /// Whether a program may store to all of `len` bytes at `addr`, as one object. True for no bytes, anywhere.
    ///
    /// # Safety
    /// The memory is alive (see [`Window`]).
    #[inline]
    pub unsafe fn can_store_range(self, addr: u64, len: usize) -> bool {
        // SAFETY: as of the caller.
        unsafe { covers_range(self.store_shadow, addr, len) }
    }

    /// Loads `size` bytes (1, 2, 4 or 8), little-endian, zero-extended. Any other size: 0.
    ///
    /// # Safety
    /// The memory is alive (see [`Window`]) and the bytes are accessible: `can_load` or `can_store` holds for them,
    /// or they belong to a live object.
    #[inline(always)]
    pub unsafe fn load(self, addr: u64, size: usize) -> u64 {
        let at = self.data_at(addr).cast_const();
        // SAFETY: the caller says that these bytes are accessible; no alignment is assumed.
        unsafe {
            match size {
                1 => u64::from(at.read()),
                2 => u64::from(u16::from_le(at.cast::<u16>().read_unaligned())),
                4 => u64::from(u32::from_le(at.cast::<u32>().read_unaligned())),
                8 => u64::from_le(at.cast::<u64>().read_unaligned()),
                _ => 0,
            }
        }
    }

    /// Stores the low `size` bytes (1, 2, 4 or 8) of `value`, little-endian. Any other size: nothing.
    ///
    /// # Safety
    /// As for [`load`](Window::load).
    #[inline(always)]
    pub unsafe fn store(self, addr: u64, size: usize, value: u64) {
        let at = self.data_at(addr);
        // SAFETY: as in `load`.
        unsafe {
            match size {
                1 => at.write(value as u8),
                2 => at.cast::<u16>().write_unaligned((value as u16).to_le()),
                4 => at.cast::<u32>().write_unaligned((value as u32).to_le()),
                8 => at.cast::<u64>().write_unaligned(value.to_le()),
                _ => {}
            }
        }
    }

    /// The host address of a simulated one. Computing it is always fine; using it is not.
    #[inline(always)]
    pub fn data_at(self, addr: u64) -> *mut u8 {
        self.data.wrapping_offset(addr as i64 as isize)
    }
}

/// # Safety
/// `shadow` is a shadow pointer of a window whose memory is alive.
#[inline(always)]
unsafe fn covers(shadow: *const u8, addr: u64, size: usize) -> bool {
    // SAFETY: a shadow is readable at every simulated address, and the sign test comes first.
    is_address(addr) && unsafe { usize::from(shadow.wrapping_offset(addr as i64 as isize).read()) } >= size
}

/// Shadow bytes that are looked at together in the inner loop of a long range.
const CHUNK: usize = 64;

/// Looks at every 7th shadow byte: 8 bytes left there mean that the next byte looked at is of the same object, which
/// every 8th would not.
///
/// # Safety
/// As for [`covers`].
#[inline]
unsafe fn covers_range(shadow: *const u8, addr: u64, len: usize) -> bool {
    let (mut addr, mut left) = (addr, len);
    if left == 0 {
        return true;
    }
    if !is_address(addr) {
        return false;
    }
    // SAFETY (whole loops): each address is in the window: the first by the test above, and one after the other
    // because the bytes up to it were just found to belong to an object. A chunk may end up to 64 bytes further on,
    // which the guard covers.
    while left > CHUNK + 8 {
        // SAFETY: see above.
        if !unsafe { all_eight(shadow.wrapping_offset(addr as i64 as isize)) } {
            break;
        }
        addr += CHUNK as u64;
        left -= CHUNK;
    }
    loop {
        // SAFETY: see above.
        let here = unsafe { usize::from(shadow.wrapping_offset(addr as i64 as isize).read()) };
        if here < left.min(8) {
            return false;
        }
        if left <= 8 {
            return true;
        }
        addr += 7;
        left -= 7;
    }
}

/// # Safety
/// [`CHUNK`] bytes at `shadow` are readable.
#[inline]
unsafe fn all_eight(shadow: *const u8) -> bool {
    // SAFETY: as of the caller; a byte array has no alignment, and shadows are only written between checks.
    let bytes = unsafe { shadow.cast::<[u8; CHUNK]>().read() };
    bytes.iter().fold(true, |all, byte| all & (*byte == 8))
}
