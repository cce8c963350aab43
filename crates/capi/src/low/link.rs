//! Links.
#![expect(unsafe_code, reason = "functions that C calls by name")]

use super::attach::BY_ID;
use crate::attr::{Attr, Opts, done};
use crate::given::Given;
use crate::layout::{self, Field, link_create as opts};
use skep_abi::attr::{self, Cmd, iter_create, link_create, link_detach, link_update};
use skep_abi::{AttachType, Errno};
use std::ffi::c_int;

/// What attach types make of the rest of the options.
enum Rest {
    /// Fields, the last of which is the last that may be set.
    Fields(&'static [(&'static skep_abi::ctx::Field, Field)], Field),
    /// Another program or link, before or after which this goes, and a revision.
    Other,
}

const PERF_EVENT: Rest = {
    use layout::link_create_perf_event as from;
    Rest::Fields(&[(&attr::link_create_perf_event::bpf_cookie, from::bpf_cookie)], from::bpf_cookie)
};

const KPROBE_MULTI: Rest = {
    use attr::link_create_kprobe_multi as into;
    use layout::link_create_kprobe_multi as from;
    let fields = &[
        (&into::flags, from::flags),
        (&into::cnt, from::cnt),
        (&into::syms, from::syms),
        (&into::addrs, from::addrs),
        (&into::cookies, from::cookies),
    ];
    Rest::Fields(fields, from::cookies)
};

const UPROBE_MULTI: Rest = {
    use attr::link_create_uprobe_multi as into;
    use layout::link_create_uprobe_multi as from;
    let fields = &[
        (&into::flags, from::flags),
        (&into::cnt, from::cnt),
        (&into::path, from::path),
        (&into::offsets, from::offsets),
        (&into::ref_ctr_offsets, from::ref_ctr_offsets),
        (&into::cookies, from::cookies),
        (&into::pid, from::pid),
    ];
    Rest::Fields(fields, from::pid)
};

const TRACING: Rest = {
    use layout::link_create_tracing as from;
    Rest::Fields(&[(&attr::link_create_tracing::cookie, from::cookie)], from::cookie)
};

const NETFILTER: Rest = {
    use attr::link_create_netfilter as into;
    use layout::link_create_netfilter as from;
    let fields = &[
        (&into::pf, from::pf),
        (&into::hooknum, from::hooknum),
        (&into::priority, from::priority),
        (&into::flags, from::flags),
    ];
    Rest::Fields(fields, from::flags)
};

const ITER: Rest =
    // What is behind was looked at already, if any of these is set.
    Rest::Fields(
        &[(&link_create::iter_info, opts::iter_info), (&link_create::iter_info_len, opts::iter_info_len)],
        layout::link_create_uprobe_multi::pid,
    );

const PLAIN: Rest = Rest::Fields(&[], opts::flags);

/// What an attach type makes of them (`bpf_link_create` in libbpf).
fn rest(attach_type: u32) -> Rest {
    match AttachType::from_u32(attach_type) {
        Some(AttachType::TraceIter) => ITER,
        Some(AttachType::PerfEvent) => PERF_EVENT,
        Some(AttachType::TraceKprobeMulti | AttachType::TraceKprobeSession) => KPROBE_MULTI,
        Some(AttachType::TraceUprobeMulti) => UPROBE_MULTI,
        Some(
            AttachType::TraceRawTp
            | AttachType::TraceFentry
            | AttachType::TraceFexit
            | AttachType::ModifyReturn
            | AttachType::LsmMac,
        ) => TRACING,
        Some(AttachType::Netfilter) => NETFILTER,
        Some(
            AttachType::TcxIngress
            | AttachType::TcxEgress
            | AttachType::NetkitPrimary
            | AttachType::NetkitPeer,
        ) => Rest::Other,
        _ => PLAIN,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_link_create(
    prog_fd: c_int,
    target_fd: c_int,
    attach_type: u32,
    opts: Opts,
) -> c_int {
    // SAFETY: the caller's options.
    let given = unsafe { Given::new(opts, opts::OPTIONS) };
    done(given.and_then(|given| create(prog_fd, target_fd, attach_type, &given)))
}

fn create(prog_fd: c_int, target_fd: c_int, attach_type: u32, given: &Given) -> Result<i32, Errno> {
    let (iter, btf_id) = (given.u32(opts::iter_info_len), given.u32(opts::target_btf_id));
    if (iter != 0 || btf_id != 0) && (iter != 0 && btf_id != 0 || !given.zero_after(opts::target_btf_id)) {
        return Err(Errno::EINVAL);
    }
    let mut attr = Attr::until(&attr::link_create_uprobe_multi::pid);
    attr.put(&link_create::prog_fd, prog_fd)
        .put(&link_create::target_fd, target_fd)
        .put(&link_create::attach_type, attach_type)
        .put(&link_create::flags, given.u32(opts::flags));
    if btf_id != 0 {
        attr.put(&link_create::target_btf_id, btf_id);
    } else {
        put_rest(&mut attr, attach_type, given)?;
    }
    match attr.open(Cmd::LinkCreate) {
        // Kernels that do not make such links yet say so, and have another call for some of them.
        Err(Errno::EINVAL) if target_fd == 0 && btf_id == 0 && given.zero_after(opts::sz) => {
            match AttachType::from_u32(attach_type) {
                Some(
                    AttachType::TraceRawTp
                    | AttachType::LsmMac
                    | AttachType::TraceFentry
                    | AttachType::TraceFexit
                    | AttachType::ModifyReturn,
                ) => super::misc::open_raw_tracepoint(prog_fd, std::ptr::null(), 0),
                _ => Err(Errno::EINVAL),
            }
        }
        result => result,
    }
}

fn put_rest(attr: &mut Attr, attach_type: u32, given: &Given) -> Result<(), Errno> {
    use attr::link_create_tcx as into;
    use layout::link_create_mprog as from;
    let last = match rest(attach_type) {
        Rest::Fields(fields, last) => {
            attr.copy(given, fields);
            last
        }
        Rest::Other => {
            let (fd, id) = (given.u32(from::relative_fd), given.u32(from::relative_id));
            if fd != 0 && id != 0 {
                return Err(Errno::EINVAL);
            }
            if id != 0 {
                attr.put(&link_create::flags, given.u32(opts::flags) | BY_ID);
            }
            attr.put(&into::relative_fd, fd | id)
                .put(&into::expected_revision, given.u64(from::expected_revision));
            from::expected_revision
        }
    };
    if given.zero_after(last) { Ok(()) } else { Err(Errno::EINVAL) }
}

#[unsafe(no_mangle)]
extern "C" fn bpf_link_detach(link_fd: c_int) -> c_int {
    done(Attr::until(&link_detach::link_fd).put(&link_detach::link_fd, link_fd).call(Cmd::LinkDetach))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_link_update(link_fd: c_int, new_prog_fd: c_int, opts: Opts) -> c_int {
    use layout::link_update as from;
    // SAFETY: the caller's options.
    let given = unsafe { Given::new(opts, from::OPTIONS) };
    done(given.and_then(|given| {
        let (prog, map) = (given.u32(from::old_prog_fd), given.u32(from::old_map_fd));
        if prog != 0 && map != 0 {
            return Err(Errno::EINVAL);
        }
        Attr::until(&link_update::old_prog_fd)
            .put(&link_update::link_fd, link_fd)
            .put(&link_update::new_prog_fd, new_prog_fd)
            .put(&link_update::old_prog_fd, prog | map)
            .put(&link_update::flags, given.u32(from::flags))
            .call(Cmd::LinkUpdate)
    }))
}

#[unsafe(no_mangle)]
extern "C" fn bpf_iter_create(link_fd: c_int) -> c_int {
    done(Attr::until(&iter_create::flags).put(&iter_create::link_fd, link_fd).open(Cmd::IterCreate))
}
