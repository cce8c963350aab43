//! `errno`.
#![expect(unsafe_code, reason = "errno is a place that libc hands out")]

use skep_abi::Errno;

/// Sets the calling thread's `errno`.
pub(crate) fn set(error: Errno) {
    // SAFETY: it is the calling thread's own, for as long as the thread lives.
    unsafe { *libc::__errno_location() = error.code() };
}

/// The calling thread's `errno`.
pub(crate) fn get() -> i32 {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() }
}
