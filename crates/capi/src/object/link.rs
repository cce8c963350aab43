//! Links, in the hands of C.
#![expect(unsafe_code, reason = "functions that C calls by name, with what C points to")]

use super::Link;
use crate::attr::done;
use crate::machine::default_kernel;
use std::ffi::c_int;

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_link__fd(link: *const Link) -> c_int {
    // SAFETY: the caller's link.
    unsafe { (*link).0.fd().0 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_link__destroy(link: *mut Link) -> c_int {
    if link.is_null() {
        return 0;
    }
    // SAFETY: it came out of a box, and goes back there once.
    let link = unsafe { Box::from_raw(link) };
    done(default_kernel().and_then(|kernel| kernel.with(|it| it.close(link.0.fd().0))).map(|()| 0))
}
