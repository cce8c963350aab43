//! Programs on hooks, without a link.
#![expect(unsafe_code, reason = "functions that C calls by name")]

use crate::attr::{Attr, Opts, done};
use crate::given::Given;
use crate::layout::{Field, prog_attach, prog_detach, prog_query};
use skep_abi::Errno;
use skep_abi::attr::{Cmd, attach, query};
use std::ffi::c_int;

/// `BPF_F_ID`: the other program is named by its id.
pub(super) const BY_ID: u32 = 1 << 5;

/// The other program, before or after which one goes: by descriptor or by id, and the flags that say so.
fn relative(given: &Given, flags: u32, fd: Field, id: Field) -> Result<(u32, u32), Errno> {
    match (given.u32(fd), given.u32(id)) {
        (0, 0) => Ok((flags, 0)),
        (fd, 0) => Ok((flags, fd)),
        (0, id) => Ok((flags | BY_ID, id)),
        _ => Err(Errno::EINVAL),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_prog_attach_opts(
    prog_fd: c_int,
    target: c_int,
    attach_type: u32,
    opts: Opts,
) -> c_int {
    // SAFETY: the caller's options.
    let given = unsafe { Given::new(opts, prog_attach::OPTIONS) };
    done(given.and_then(|given| {
        let flags = given.u32(prog_attach::flags);
        let (flags, other) = relative(&given, flags, prog_attach::relative_fd, prog_attach::relative_id)?;
        put_on(prog_fd, target, attach_type, flags)
            .put(&attach::relative_fd, other)
            .copy(
                &given,
                &[
                    (&attach::replace_bpf_fd, prog_attach::replace_fd),
                    (&attach::expected_revision, prog_attach::expected_revision),
                ],
            )
            .call(Cmd::ProgAttach)
    }))
}

fn put_on(prog_fd: c_int, target: c_int, attach_type: u32, flags: u32) -> Attr {
    let mut attr = Attr::until(&attach::expected_revision);
    attr.put(&attach::target_fd, target)
        .put(&attach::attach_bpf_fd, prog_fd)
        .put(&attach::attach_type, attach_type)
        .put(&attach::attach_flags, flags);
    attr
}

#[unsafe(no_mangle)]
extern "C" fn bpf_prog_attach(prog_fd: c_int, target: c_int, attach_type: u32, flags: u32) -> c_int {
    done(put_on(prog_fd, target, attach_type, flags).call(Cmd::ProgAttach))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_prog_detach_opts(
    prog_fd: c_int,
    target: c_int,
    attach_type: u32,
    opts: Opts,
) -> c_int {
    // SAFETY: the caller's options.
    let given = unsafe { Given::new(opts, prog_detach::OPTIONS) };
    done(given.and_then(|given| {
        let flags = given.u32(prog_detach::flags);
        let (flags, other) = relative(&given, flags, prog_detach::relative_fd, prog_detach::relative_id)?;
        put_on(prog_fd, target, attach_type, flags)
            .put(&attach::relative_fd, other)
            .copy(&given, &[(&attach::expected_revision, prog_detach::expected_revision)])
            .call(Cmd::ProgDetach)
    }))
}

#[unsafe(no_mangle)]
extern "C" fn bpf_prog_detach(target: c_int, attach_type: u32) -> c_int {
    bpf_prog_detach2(0, target, attach_type)
}

#[unsafe(no_mangle)]
extern "C" fn bpf_prog_detach2(prog_fd: c_int, target: c_int, attach_type: u32) -> c_int {
    done(put_on(prog_fd, target, attach_type, 0).call(Cmd::ProgDetach))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_prog_query_opts(target: c_int, attach_type: u32, opts: Opts) -> c_int {
    // SAFETY: the caller's options.
    let given = match unsafe { Given::new(opts, prog_query::OPTIONS) } {
        Ok(given) => given,
        Err(error) => return done(Err(error)),
    };
    let mut attr = Attr::until(&query::revision);
    attr.put(&query::target_fd, target).put(&query::attach_type, attach_type).copy(
        &given,
        &[
            (&query::query_flags, prog_query::query_flags),
            (&query::count, prog_query::count),
            (&query::prog_ids, prog_query::prog_ids),
            (&query::link_ids, prog_query::link_ids),
            (&query::prog_attach_flags, prog_query::prog_attach_flags),
            (&query::link_attach_flags, prog_query::link_attach_flags),
        ],
    );
    let result = attr.call(Cmd::ProgQuery);
    // SAFETY: the caller's options may be written. They are, whatever the result.
    unsafe {
        given.set(prog_query::attach_flags, attr.get(&query::attach_flags));
        given.set(prog_query::revision, attr.get(&query::revision));
        given.set(prog_query::count, attr.get(&query::count));
    }
    done(result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_prog_query(
    target: c_int,
    attach_type: u32,
    query_flags: u32,
    attach_flags: *mut u32,
    prog_ids: *mut u32,
    prog_cnt: *mut u32,
) -> c_int {
    let mut attr = Attr::until(&query::revision);
    attr.put(&query::target_fd, target)
        .put(&query::attach_type, attach_type)
        .put(&query::query_flags, query_flags)
        .put(&query::prog_ids, prog_ids)
        // SAFETY: the caller's number.
        .put(&query::count, unsafe { *prog_cnt });
    let result = attr.call(Cmd::ProgQuery);
    // SAFETY: the caller's numbers; only the first may be null.
    unsafe {
        if !attach_flags.is_null() {
            *attach_flags = attr.get(&query::attach_flags) as u32;
        }
        *prog_cnt = attr.get(&query::count) as u32;
    }
    done(result)
}
