//! Pinned objects.
#![expect(unsafe_code, reason = "functions that C calls by name")]

use crate::attr::{Attr, Opts, done};
use crate::given::Given;
use crate::layout::{obj_get, obj_pin};
use skep_abi::Errno;
use skep_abi::attr::{Cmd, obj};
use std::ffi::{c_char, c_int};

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_obj_pin_opts(fd: c_int, pathname: *const c_char, opts: Opts) -> c_int {
    let pin = || -> Result<i32, Errno> {
        // SAFETY: the caller's options.
        let given = unsafe { Given::new(opts, obj_pin::OPTIONS) }?;
        Attr::until(&obj::path_fd)
            .put(&obj::pathname, pathname)
            .put(&obj::bpf_fd, fd)
            .copy(&given, &[(&obj::path_fd, obj_pin::path_fd), (&obj::file_flags, obj_pin::file_flags)])
            .call(Cmd::ObjPin)
    };
    done(pin())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_obj_pin(fd: c_int, pathname: *const c_char) -> c_int {
    // SAFETY: no options.
    unsafe { bpf_obj_pin_opts(fd, pathname, std::ptr::null()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_obj_get_opts(pathname: *const c_char, opts: Opts) -> c_int {
    let get = || -> Result<i32, Errno> {
        // SAFETY: the caller's options.
        let given = unsafe { Given::new(opts, obj_get::OPTIONS) }?;
        Attr::until(&obj::path_fd)
            .put(&obj::pathname, pathname)
            .copy(&given, &[(&obj::path_fd, obj_get::path_fd), (&obj::file_flags, obj_get::file_flags)])
            .open(Cmd::ObjGet)
    };
    done(get())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_obj_get(pathname: *const c_char) -> c_int {
    // SAFETY: no options.
    unsafe { bpf_obj_get_opts(pathname, std::ptr::null()) }
}
