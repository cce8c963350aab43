//! Texts that C gives and takes.
#![expect(unsafe_code, reason = "a text in C is an address")]

use std::ffi::{CStr, c_char};

/// A text, or none for null.
///
/// # Safety
/// It is null, or ends with a NUL, and stays for as long as it is used.
pub(crate) unsafe fn text<'a>(at: *const c_char) -> Option<&'a CStr> {
    // SAFETY: it is not null, so it ends with a NUL.
    if at.is_null() { None } else { Some(unsafe { CStr::from_ptr(at) }) }
}

/// Copies a text, cut to what fits with its NUL.
///
/// # Safety
/// `size` bytes at `into` may be written.
pub(crate) unsafe fn put_text(into: *mut c_char, size: usize, text: &str) {
    if into.is_null() || size == 0 {
        return;
    }
    let len = text.len().min(size - 1);
    // SAFETY: len + 1 <= size.
    unsafe {
        into.cast::<u8>().copy_from(text.as_ptr(), len);
        *into.add(len) = 0;
    }
}
