//! Raw tracepoints, statistics, tokens, and what a descriptor of a process stands for.
#![expect(unsafe_code, reason = "functions that C calls by name")]

use crate::attr::{Attr, Opts, done};
use crate::given::Given;
use crate::layout::{prog_bind, raw_tp, token_create as token_opts};
use skep_abi::Errno;
use skep_abi::attr::{Cmd, enable_stats, prog_bind_map, raw_tracepoint, task_fd_query, token_create};
use std::ffi::{c_char, c_int};

/// Attaches a program to a raw tracepoint, or to what it was loaded for.
pub(super) fn open_raw_tracepoint(prog_fd: c_int, name: *const c_char, cookie: u64) -> Result<i32, Errno> {
    let mut attr = Attr::until(&raw_tracepoint::cookie);
    attr.put(&raw_tracepoint::prog_fd, prog_fd)
        .put(&raw_tracepoint::name, name)
        .put(&raw_tracepoint::cookie, cookie)
        .open(Cmd::RawTracepointOpen)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_raw_tracepoint_open_opts(prog_fd: c_int, opts: Opts) -> c_int {
    // SAFETY: the caller's options.
    let given = unsafe { Given::new(opts, raw_tp::OPTIONS) };
    done(given.and_then(|given| {
        let name = std::ptr::with_exposed_provenance(given.u64(raw_tp::tp_name) as usize);
        open_raw_tracepoint(prog_fd, name, given.u64(raw_tp::cookie))
    }))
}

#[unsafe(no_mangle)]
extern "C" fn bpf_raw_tracepoint_open(name: *const c_char, prog_fd: c_int) -> c_int {
    done(open_raw_tracepoint(prog_fd, name, 0))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_task_fd_query(
    pid: c_int,
    fd: c_int,
    flags: u32,
    buf: *mut c_char,
    buf_len: *mut u32,
    prog_id: *mut u32,
    fd_type: *mut u32,
    probe_offset: *mut u64,
    probe_addr: *mut u64,
) -> c_int {
    let mut attr = Attr::until(&task_fd_query::probe_addr);
    attr.put(&task_fd_query::pid, pid)
        .put(&task_fd_query::fd, fd)
        .put(&task_fd_query::flags, flags)
        .put(&task_fd_query::buf, buf)
        // SAFETY: the caller's number.
        .put(&task_fd_query::buf_len, unsafe { *buf_len });
    let result = attr.call(Cmd::TaskFdQuery);
    // SAFETY: the caller's numbers. They are written whatever the result.
    unsafe {
        *buf_len = attr.get(&task_fd_query::buf_len) as u32;
        *prog_id = attr.get(&task_fd_query::prog_id) as u32;
        *fd_type = attr.get(&task_fd_query::fd_type) as u32;
        *probe_offset = attr.get(&task_fd_query::probe_offset);
        *probe_addr = attr.get(&task_fd_query::probe_addr);
    }
    done(result)
}

#[unsafe(no_mangle)]
extern "C" fn bpf_enable_stats(kind: u32) -> c_int {
    done(Attr::until(&enable_stats::r#type).put(&enable_stats::r#type, kind).open(Cmd::EnableStats))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_prog_bind_map(prog_fd: c_int, map_fd: c_int, opts: Opts) -> c_int {
    // SAFETY: the caller's options.
    let given = unsafe { Given::new(opts, prog_bind::OPTIONS) };
    done(given.and_then(|given| {
        Attr::until(&prog_bind_map::flags)
            .put(&prog_bind_map::prog_fd, prog_fd)
            .put(&prog_bind_map::map_fd, map_fd)
            .put(&prog_bind_map::flags, given.u32(prog_bind::flags))
            .call(Cmd::ProgBindMap)
    }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_token_create(bpffs_fd: c_int, opts: Opts) -> c_int {
    // SAFETY: the caller's options.
    let given = unsafe { Given::new(opts, token_opts::OPTIONS) };
    done(given.and_then(|given| {
        Attr::until(&token_create::bpffs_fd)
            .put(&token_create::bpffs_fd, bpffs_fd)
            .put(&token_create::flags, given.u32(token_opts::flags))
            .open(Cmd::TokenCreate)
    }))
}
