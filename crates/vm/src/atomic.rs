//! Atomic instructions on simulated memory.
#![expect(unsafe_code, reason = "an atomic cell over bytes of the window; safe Rust has no way to make one")]

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use skep_isa::{AtomicOp, Size};
use skep_memory::{Access, Fault, Memory};

/// Does one atomic operation; the answer is the old value, zero-extended.
///
/// Pages may be shared with another process (a ring buffer's), so what is naturally aligned is atomic on the host too.
/// Elsewhere x86 would lock the bus, arm64 fault; here it is a load and a store.
pub(crate) fn apply(
    memory: &Memory,
    op: AtomicOp,
    size: Size,
    addr: u64,
    operand: u64,
    r0: u64,
) -> Result<u64, Fault> {
    let (window, bytes) = (memory.window(), size.bytes());
    // SAFETY: the memory is borrowed, so alive, and not shared with other threads.
    if op.loads() && !unsafe { window.can_load(addr, bytes) } {
        return Err(memory.fault(addr, bytes, Access::Load));
    }
    // SAFETY: as above.
    if op.stores() && !unsafe { window.can_store(addr, bytes) } {
        return Err(memory.fault(addr, bytes, Access::Store));
    }
    let cell = window.data_at(addr);
    if !cell.addr().is_multiple_of(bytes) {
        // SAFETY: one of the checks above found the bytes accessible.
        return Ok(unsafe { plain(window, op, size, addr, operand, r0) });
    }
    // SAFETY: accessible, aligned, and other accesses to the same bytes in this process come from this thread.
    Ok(unsafe { on_cell(cell, op, size, operand, r0) })
}

/// # Safety
/// `size` bytes at `addr` are accessible.
unsafe fn plain(
    window: skep_memory::Window,
    op: AtomicOp,
    size: Size,
    addr: u64,
    operand: u64,
    r0: u64,
) -> u64 {
    // SAFETY: as of the caller.
    let old = unsafe { window.load(addr, size.bytes()) };
    if op.stores() {
        // SAFETY: as of the caller.
        unsafe { window.store(addr, size.bytes(), op.eval(size, old, operand, r0)) };
    }
    old
}

/// # Safety
/// `cell` is aligned to `size` and valid for reads and writes of it, and nobody accesses it in any other way meanwhile.
#[inline(always)]
pub(crate) unsafe fn on_cell(cell: *mut u8, op: AtomicOp, size: Size, operand: u64, r0: u64) -> u64 {
    macro_rules! on {
        ($atomic:ident, $int:ty) => {{
            // SAFETY: as of the caller.
            let cell = unsafe { $atomic::from_ptr(cell.cast::<$int>()) };
            let old = match op {
                AtomicOp::LoadAcquire => cell.load(Ordering::Acquire),
                AtomicOp::StoreRelease => {
                    cell.store((operand as $int).to_le(), Ordering::Release);
                    0
                }
                AtomicOp::Add | AtomicOp::FetchAdd if cfg!(target_endian = "little") => {
                    cell.fetch_add(operand as $int, Ordering::SeqCst)
                }
                _ => {
                    let new = |old| {
                        let old = u64::from(<$int>::from_le(old));
                        Some((op.eval(size, old, operand, r0) as $int).to_le())
                    };
                    match cell.fetch_update(Ordering::SeqCst, Ordering::SeqCst, new) {
                        Ok(old) | Err(old) => old,
                    }
                }
            };
            u64::from(<$int>::from_le(old))
        }};
    }
    match size {
        Size::B => on!(AtomicU8, u8),
        Size::H => on!(AtomicU16, u16),
        Size::W => on!(AtomicU32, u32),
        Size::DW => on!(AtomicU64, u64),
    }
}
