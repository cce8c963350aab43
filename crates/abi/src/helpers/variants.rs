//! Prototypes that some program types see otherwise than most.

use super::build::*;
use super::{Helper, Proto, func};
use crate::AttachType;
use crate::ProgType::{self, *};

impl Helper {
    /// The prototype that programs of this type and attach type see; [`Helper::proto`] unless they differ.
    ///
    /// ```
    /// use skep_abi::helpers::{ArgKind, func, helper};
    /// use skep_abi::ProgType;
    ///
    /// let cookie = helper(func::get_socket_cookie).ok_or("no such helper")?;
    /// assert_eq!(cookie.proto.args[0].kind, ArgKind::Ctx);
    /// assert_eq!(cookie.proto_for(ProgType::Tracing, None).args[0].kind, ArgKind::BtfIdSockCommon);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn proto_for(&self, prog: ProgType, attach: Option<AttachType>) -> Proto {
        variant(self, prog, attach).unwrap_or(self.proto)
    }
}

/// From the functions that [`Helper::allowed`] names, and `net/core/bpf_sk_storage.c`.
fn variant(it: &Helper, prog: ProgType, attach: Option<AttachType>) -> Option<Proto> {
    let typed = matches!(prog, Tracing | Lsm | Syscall);
    let of_task = !matches!(prog, SchedCls | SchedAct | LwtIn | LwtOut | LwtXmit | LwtSeg6local);
    Some(match it.id {
        func::get_smp_processor_id if !has_fast_cpu_id(prog) => proto(INT, &[]),
        func::get_cgroup_classid if of_task => proto(INT, &[]),
        func::get_stackid if prog == PerfEvent => Proto { gpl_only: false, ..it.proto },
        func::get_socket_cookie if typed || prog == SkReuseport => first_is(it, or_null(SOCK_BTF)),
        func::setsockopt | func::getsockopt if matches!(prog, CgroupSockopt | Lsm | StructOps) => {
            first_is(it, SOCK_BTF)
        }
        func::get_stack if matches!(prog, RawTracepoint | RawTracepointWritable) || typed => {
            gpl(proto(INT, &[CTX, MEM_OUT, SIZE0, ANY]))
        }
        func::sk_lookup_tcp | func::sk_lookup_udp | func::skc_lookup_tcp if prog == CgroupSockAddr => {
            Proto { pkt_access: false, ..it.proto }
        }
        func::sk_storage_get if prog == CgroupSock => {
            proto(maybe(RET_VALUE), &[MAP, CTX, or_null(VALUE), ANY])
        }
        func::sk_storage_get if matches!(prog, Tracing | Syscall) => {
            proto(maybe(RET_VALUE), &[MAP, or_null(btf("sock_common")), or_null(VALUE), ANY])
        }
        func::sk_storage_delete if matches!(prog, Tracing | Syscall) => {
            proto(INT, &[MAP, or_null(btf("sock_common"))])
        }
        func::sk_assign if prog == SkLookup => proto(INT, &[CTX, or_null(SOCKET), ANY]),
        func::get_func_ip if is_multi(attach) => Proto { gpl_only: false, ..it.proto },
        func::xdp_get_buff_len if typed => first_is(it, btf("xdp_buff")),
        _ => return None,
    })
}

fn first_is(it: &Helper, first: super::ArgType) -> Proto {
    let [_, rest @ ..] = it.proto.args;
    let [b, c, d, e] = rest;
    Proto { args: [first, b, c, d, e], ..it.proto }
}

/// The base set's version of the helper does not follow the `bpf_fastcall` contract.
fn has_fast_cpu_id(prog: ProgType) -> bool {
    matches!(
        prog,
        SchedCls
            | SchedAct
            | Xdp
            | LwtIn
            | LwtOut
            | LwtXmit
            | LwtSeg6local
            | Kprobe
            | Tracepoint
            | PerfEvent
            | RawTracepoint
            | RawTracepointWritable
            | Tracing
            | Lsm
            | Syscall
    )
}

fn is_multi(attach: Option<AttachType>) -> bool {
    use AttachType::*;
    matches!(attach, Some(TraceKprobeMulti | TraceKprobeSession | TraceUprobeMulti | TraceUprobeSession))
}
