//! Objects by id, and what they tell of themselves.
#![expect(unsafe_code, reason = "functions that C calls by name")]

use crate::attr::{Attr, Opts, done};
use crate::given::Given;
use crate::layout::get_fd_by_id;
use skep_abi::attr::{Cmd, get_id, info};
use std::ffi::{c_int, c_void};

/// # Safety
/// `next` may be written.
unsafe fn next_id(cmd: Cmd, start: u32, next: *mut u32) -> c_int {
    let mut attr = Attr::until(&get_id::open_flags);
    let result = attr.put(&get_id::start_id, start).call(cmd);
    if result == Ok(0) {
        // SAFETY: the caller's number.
        unsafe { *next = attr.get(&get_id::next_id) as u32 };
    }
    done(result)
}

/// # Safety
/// `opts` are options, or null.
unsafe fn fd_by_id(cmd: Cmd, id: u32, opts: Opts) -> c_int {
    // SAFETY: the caller's options.
    let given = unsafe { Given::new(opts, get_fd_by_id::OPTIONS) };
    done(given.and_then(|given| {
        let mut attr = Attr::until(&get_id::open_flags);
        attr.put(&get_id::prog_id, id).put(&get_id::open_flags, given.u32(get_fd_by_id::open_flags)).open(cmd)
    }))
}

/// Rows: the command that walks and its function, the command that opens and its two, the function that tells.
macro_rules! objects {
    ($( $next:ident $next_id:ident; $open:ident $by_id:ident $by_id_opts:ident; $info:ident; )*) => { $(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $next_id(start_id: u32, next: *mut u32) -> c_int {
            // SAFETY: as bpf.h says.
            unsafe { next_id(Cmd::$next, start_id, next) }
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $by_id_opts(id: u32, opts: Opts) -> c_int {
            // SAFETY: as bpf.h says.
            unsafe { fd_by_id(Cmd::$open, id, opts) }
        }

        #[unsafe(no_mangle)]
        extern "C" fn $by_id(id: u32) -> c_int {
            // SAFETY: no options.
            unsafe { fd_by_id(Cmd::$open, id, std::ptr::null()) }
        }

        #[unsafe(no_mangle)]
        unsafe extern "C" fn $info(fd: c_int, info: *mut c_void, info_len: *mut u32) -> c_int {
            // SAFETY: as bpf.h says.
            unsafe { bpf_obj_get_info_by_fd(fd, info, info_len) }
        }
    )* };
}

objects! {
    ProgGetNextId bpf_prog_get_next_id;
    ProgGetFdById bpf_prog_get_fd_by_id bpf_prog_get_fd_by_id_opts;
    bpf_prog_get_info_by_fd;

    MapGetNextId bpf_map_get_next_id;
    MapGetFdById bpf_map_get_fd_by_id bpf_map_get_fd_by_id_opts;
    bpf_map_get_info_by_fd;

    BtfGetNextId bpf_btf_get_next_id;
    BtfGetFdById bpf_btf_get_fd_by_id bpf_btf_get_fd_by_id_opts;
    bpf_btf_get_info_by_fd;

    LinkGetNextId bpf_link_get_next_id;
    LinkGetFdById bpf_link_get_fd_by_id bpf_link_get_fd_by_id_opts;
    bpf_link_get_info_by_fd;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_obj_get_info_by_fd(fd: c_int, at: *mut c_void, len: *mut u32) -> c_int {
    let mut attr = Attr::until(&info::info);
    attr.put(&info::bpf_fd, fd)
        // SAFETY: the caller's number.
        .put(&info::info_len, unsafe { *len })
        .put(&info::info, at);
    let result = attr.call(Cmd::ObjGetInfoByFd);
    if result == Ok(0) {
        // SAFETY: the caller's number.
        unsafe { *len = attr.get(&info::info_len) as u32 };
    }
    done(result)
}
