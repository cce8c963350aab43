//! Elements of maps.
#![expect(unsafe_code, reason = "functions that C calls by name")]

use crate::attr::{Attr, Opts, done};
use crate::given::Given;
use crate::layout::map_batch;
use skep_abi::attr::{Cmd, batch, elem};
use std::ffi::{c_int, c_void};

/// A call with a key, a value or next key, and flags.
fn element(cmd: Cmd, fd: c_int, key: *const c_void, value: *const c_void, flags: u64) -> c_int {
    let mut attr = Attr::until(&elem::flags);
    attr.put(&elem::map_fd, fd).put(&elem::key, key).put(&elem::value, value).put(&elem::flags, flags);
    done(attr.call(cmd))
}

#[unsafe(no_mangle)]
extern "C" fn bpf_map_update_elem(fd: c_int, key: *const c_void, value: *const c_void, flags: u64) -> c_int {
    element(Cmd::MapUpdateElem, fd, key, value, flags)
}

#[unsafe(no_mangle)]
extern "C" fn bpf_map_lookup_elem(fd: c_int, key: *const c_void, value: *mut c_void) -> c_int {
    element(Cmd::MapLookupElem, fd, key, value, 0)
}

#[unsafe(no_mangle)]
extern "C" fn bpf_map_lookup_elem_flags(
    fd: c_int,
    key: *const c_void,
    value: *mut c_void,
    flags: u64,
) -> c_int {
    element(Cmd::MapLookupElem, fd, key, value, flags)
}

#[unsafe(no_mangle)]
extern "C" fn bpf_map_lookup_and_delete_elem(fd: c_int, key: *const c_void, value: *mut c_void) -> c_int {
    element(Cmd::MapLookupAndDeleteElem, fd, key, value, 0)
}

#[unsafe(no_mangle)]
extern "C" fn bpf_map_lookup_and_delete_elem_flags(
    fd: c_int,
    key: *const c_void,
    value: *mut c_void,
    flags: u64,
) -> c_int {
    element(Cmd::MapLookupAndDeleteElem, fd, key, value, flags)
}

#[unsafe(no_mangle)]
extern "C" fn bpf_map_delete_elem(fd: c_int, key: *const c_void) -> c_int {
    element(Cmd::MapDeleteElem, fd, key, std::ptr::null(), 0)
}

#[unsafe(no_mangle)]
extern "C" fn bpf_map_delete_elem_flags(fd: c_int, key: *const c_void, flags: u64) -> c_int {
    element(Cmd::MapDeleteElem, fd, key, std::ptr::null(), flags)
}

#[unsafe(no_mangle)]
extern "C" fn bpf_map_get_next_key(fd: c_int, key: *const c_void, next_key: *mut c_void) -> c_int {
    let mut attr = Attr::until(&elem::next_key);
    attr.put(&elem::map_fd, fd).put(&elem::key, key).put(&elem::next_key, next_key);
    done(attr.call(Cmd::MapGetNextKey))
}

#[unsafe(no_mangle)]
extern "C" fn bpf_map_freeze(fd: c_int) -> c_int {
    done(Attr::until(&elem::map_fd).put(&elem::map_fd, fd).call(Cmd::MapFreeze))
}

/// Where a batch is, and where it starts and ends.
struct Batch {
    from: *mut c_void,
    to: *mut c_void,
    keys: *const c_void,
    values: *const c_void,
}

impl Batch {
    /// A batch without a place in the map.
    fn of(keys: *const c_void, values: *const c_void) -> Batch {
        Batch { from: std::ptr::null_mut(), to: std::ptr::null_mut(), keys, values }
    }

    /// # Safety
    /// `count` is a number that may be written, and `opts` are options, or null.
    unsafe fn call(self, cmd: Cmd, fd: c_int, count: *mut u32, opts: Opts) -> c_int {
        // SAFETY: the caller's options.
        let given = match unsafe { Given::new(opts, map_batch::OPTIONS) } {
            Ok(given) => given,
            Err(error) => return done(Err(error)),
        };
        let mut attr = Attr::until(&batch::flags);
        attr.put(&batch::map_fd, fd)
            .put(&batch::in_batch, self.from)
            .put(&batch::out_batch, self.to)
            .put(&batch::keys, self.keys)
            .put(&batch::values, self.values)
            // SAFETY: the caller's number.
            .put(&batch::count, unsafe { *count })
            .copy(&given, &[(&batch::elem_flags, map_batch::elem_flags), (&batch::flags, map_batch::flags)]);
        let result = attr.call(cmd);
        // SAFETY: the caller's number. It is written whatever the result.
        unsafe { *count = attr.get(&batch::count) as u32 };
        done(result)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_map_delete_batch(
    fd: c_int,
    keys: *const c_void,
    count: *mut u32,
    opts: Opts,
) -> c_int {
    // SAFETY: as bpf.h says.
    unsafe { Batch::of(keys, std::ptr::null()).call(Cmd::MapDeleteBatch, fd, count, opts) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_map_update_batch(
    fd: c_int,
    keys: *const c_void,
    values: *const c_void,
    count: *mut u32,
    opts: Opts,
) -> c_int {
    // SAFETY: as bpf.h says.
    unsafe { Batch::of(keys, values).call(Cmd::MapUpdateBatch, fd, count, opts) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_map_lookup_batch(
    fd: c_int,
    from: *mut c_void,
    to: *mut c_void,
    keys: *mut c_void,
    values: *mut c_void,
    count: *mut u32,
    opts: Opts,
) -> c_int {
    // SAFETY: as bpf.h says.
    unsafe { Batch { from, to, keys, values }.call(Cmd::MapLookupBatch, fd, count, opts) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_map_lookup_and_delete_batch(
    fd: c_int,
    from: *mut c_void,
    to: *mut c_void,
    keys: *mut c_void,
    values: *mut c_void,
    count: *mut u32,
    opts: Opts,
) -> c_int {
    // SAFETY: as bpf.h says.
    unsafe { Batch { from, to, keys, values }.call(Cmd::MapLookupAndDeleteBatch, fd, count, opts) }
}
