//! Option structures of our own: numbers and pointers behind their size.
#![expect(unsafe_code, reason = "an option structure is as long as its first word says")]

use crate::skep::{skep_kernel_opts, skep_run_opts};
use skep_abi::Errno;

/// Copies options in: what the caller's are too short for is 0.
///
/// # Safety
/// They begin with their size and have as many bytes.
pub(crate) unsafe fn take<T: Options>(from: *const T) -> Result<T, Errno> {
    // SAFETY: they begin with it.
    let size = unsafe { from.cast::<usize>().read_unaligned() };
    if size < size_of::<usize>() {
        return Err(Errno::EINVAL);
    }
    // SAFETY: they have that many bytes.
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), size) };
    let (known, unknown) = bytes.split_at(size.min(size_of::<T>()));
    if unknown.iter().any(|it| *it != 0) {
        return Err(Errno::EINVAL);
    }
    let mut into = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: `known` is no longer than a T, which is numbers and pointers, so any bytes are one.
    unsafe {
        into.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(known.as_ptr(), known.len());
        Ok(into.assume_init())
    }
}

/// Copies options back, as much of them as the caller has.
///
/// # Safety
/// They may be written, as many bytes as they say.
pub(crate) unsafe fn give<T: Options>(into: *mut T, from: &T) {
    // SAFETY: they begin with it.
    let size = unsafe { into.cast::<usize>().read_unaligned() };
    let len = size.min(size_of::<T>());
    // SAFETY: both have that many bytes.
    unsafe { into.cast::<u8>().copy_from(std::ptr::from_ref(from).cast(), len) };
}

/// A structure of numbers and pointers that begins with its size.
pub(crate) trait Options {}
impl Options for skep_kernel_opts {}
impl Options for skep_run_opts {}
