//! Which context a program gets, and what it may do with each field.

use super::layout::{Field, Layout};
use super::layouts::*;
use crate::AttachType::{self, *};
use crate::ProgType;

/// What a program may do with a field of its context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Nothing: the program is rejected.
    None,
    /// Read.
    Read,
    /// Read and write.
    ReadWrite,
}

/// The context of a program type, perhaps only at some attach types.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// The program type.
    pub prog: ProgType,
    /// The attach types that the row is for; empty: all that have no row of their own.
    pub attach: &'static [AttachType],
    /// The struct that R1 points to.
    pub layout: &'static Layout,
    /// Fields that may be written as well as read.
    pub writable: &'static [Field],
    /// Fields that may not even be read.
    pub hidden: &'static [Field],
}

impl Context {
    /// What a program with this context may do with the field.
    pub fn access(&self, field: &Field) -> Access {
        if self.hidden.contains(field) {
            Access::None
        } else if self.writable.contains(field) {
            Access::ReadWrite
        } else {
            Access::Read
        }
    }
}

/// Fields of `struct bpf_sock` that cannot be read of a socket that is perhaps not a full one (`sock_common`).
pub static SOCK_COMMON_HIDDEN: &[Field] =
    &[bpf_sock::r#type, bpf_sock::protocol, bpf_sock::mark, bpf_sock::priority];

/// A context of which the kernel knows nothing but the size: any aligned access between two offsets is allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlainContext {
    /// The program type.
    pub prog: ProgType,
    /// The first offset where an access may begin.
    pub start: u32,
    /// One past the last.
    pub end: u32,
    /// Whether it may be written, too.
    pub writable: bool,
}

/// The contexts without fields: a tracepoint's record behind its first eight bytes (`tp_prog_is_valid_access`), and what
/// a syscall program is given (`syscall_prog_is_valid_access`).
pub static PLAIN_CONTEXTS: &[PlainContext] = &[
    PlainContext { prog: ProgType::Tracepoint, start: 8, end: 8192, writable: false },
    PlainContext { prog: ProgType::Syscall, start: 0, end: 0xffff, writable: true },
];

/// The context of programs of this type, when the table has a fixed layout for it.
///
/// Tracepoints (their record is described by the tracepoint's format), struct_ops and ext programs (the function's
/// BTF describes the arguments) and syscall programs (any bytes) have none. Registers are those of x86-64.
pub fn context(prog: ProgType, attach: Option<AttachType>) -> Option<&'static Context> {
    let mut rows = CONTEXTS.iter().filter(|it| it.prog == prog);
    let exact = attach.and_then(|attach| rows.clone().find(|it| it.attach.contains(&attach)));
    exact.or_else(|| rows.find(|it| it.attach.is_empty()))
}

/// Fields of `__sk_buff` that only sk_skb and cgroup programs see.
macro_rules! socket_fields {
    ($($more:ident),*) => {
        &[
            sk_buff::family, sk_buff::remote_ip4, sk_buff::local_ip4, sk_buff::remote_ip6, sk_buff::local_ip6,
            sk_buff::remote_port, sk_buff::local_port, sk_buff::flow_keys, $( sk_buff::$more ),*
        ]
    };
}

macro_rules! contexts {
    ($(
        $prog:ident $([$($attach:ident),+])? $module:ident { writes [$($writable:ident),*] $hides:tt }
    )*) => {
        /// The context rows, from the `*_is_valid_access` functions of the kernel's `net/core/filter.c`,
        /// `kernel/bpf/cgroup.c`, `kernel/trace/bpf_trace.c`, `net/netfilter/nf_bpf_link.c` and
        /// `drivers/media/rc/bpf-lirc.c`.
        pub static CONTEXTS: &[Context] = &[ $( Context {
            prog: ProgType::$prog,
            attach: &[ $($($attach),+)? ],
            layout: &$module::LAYOUT,
            writable: &[ $( $module::$writable ),* ],
            hidden: hides!($module $hides),
        } ),* ];
    };
}

macro_rules! hides {
    ($module:ident (socket $($field:ident)*)) => { socket_fields!($($field),*) };
    ($module:ident ($($field:ident)*)) => { &[ $( $module::$field ),* ] };
}

contexts! {
    SocketFilter sk_buff {
        writes [cb]
        (socket tc_classid data data_meta data_end tstamp wire_len hwtstamp tstamp_type)
    }
    SchedCls sk_buff {
        writes [mark, tc_index, priority, tc_classid, cb, tstamp, queue_mapping]
        (socket)
    }
    SchedAct sk_buff {
        writes [mark, tc_index, priority, tc_classid, cb, tstamp, queue_mapping]
        (socket)
    }
    CgroupSkb sk_buff {
        writes [mark, priority, cb, tstamp]
        (tc_classid data_meta wire_len flow_keys tstamp_type)
    }
    LwtIn sk_buff {
        writes [mark, priority, cb]
        (socket tc_classid data_meta tstamp wire_len hwtstamp tstamp_type)
    }
    LwtOut sk_buff {
        writes [mark, priority, cb]
        (socket tc_classid data_meta tstamp wire_len hwtstamp tstamp_type)
    }
    LwtXmit sk_buff {
        writes [mark, priority, cb]
        (socket tc_classid data_meta tstamp wire_len hwtstamp tstamp_type)
    }
    LwtSeg6local sk_buff {
        writes [mark, priority, cb]
        (socket tc_classid data_meta tstamp wire_len hwtstamp tstamp_type)
    }
    SkSkb sk_buff {
        writes [tc_index, priority]
        (mark tc_classid data_meta tstamp wire_len hwtstamp flow_keys tstamp_type)
    }
    FlowDissector sk_buff {
        writes []
        (len pkt_type mark queue_mapping protocol vlan_present vlan_tci vlan_proto priority ingress_ifindex
         ifindex tc_index cb hash tc_classid napi_id family remote_ip4 local_ip4 remote_ip6 local_ip6 remote_port
         local_port data_meta tstamp wire_len gso_segs sk gso_size tstamp_type hwtstamp)
    }
    Xdp [XdpDevmap] xdp_md { writes [] () }
    Xdp xdp_md { writes [] (egress_ifindex) }
    CgroupSock [CgroupInetSockCreate, CgroupInetSockRelease] bpf_sock {
        writes [bound_dev_if, mark, priority]
        (src_ip4 src_ip6 src_port)
    }
    CgroupSock [CgroupInet4PostBind] bpf_sock { writes [] (bound_dev_if mark priority src_ip6) }
    CgroupSock [CgroupInet6PostBind] bpf_sock { writes [] (bound_dev_if mark priority src_ip4) }
    CgroupSock bpf_sock { writes [bound_dev_if, mark, priority] (src_ip4 src_ip6 src_port) }
    CgroupSockAddr [
        CgroupInet4Bind, CgroupInet4Connect, CgroupInet4Getpeername, CgroupInet4Getsockname, CgroupUdp4Recvmsg
    ] bpf_sock_addr {
        writes [user_ip4, user_port]
        (user_ip6 msg_src_ip4 msg_src_ip6)
    }
    CgroupSockAddr [
        CgroupInet6Bind, CgroupInet6Connect, CgroupInet6Getpeername, CgroupInet6Getsockname, CgroupUdp6Recvmsg
    ] bpf_sock_addr {
        writes [user_ip6, user_port]
        (user_ip4 msg_src_ip4 msg_src_ip6)
    }
    CgroupSockAddr [CgroupUdp4Sendmsg] bpf_sock_addr {
        writes [user_ip4, user_port, msg_src_ip4]
        (user_ip6 msg_src_ip6)
    }
    CgroupSockAddr [CgroupUdp6Sendmsg] bpf_sock_addr {
        writes [user_ip6, user_port, msg_src_ip6]
        (user_ip4 msg_src_ip4)
    }
    CgroupSockAddr bpf_sock_addr { writes [user_port] (user_ip4 user_ip6 msg_src_ip4 msg_src_ip6) }
    SockOps bpf_sock_ops { writes [reply, sk_txhash] () }
    SkMsg sk_msg_md { writes [] () }
    SkReuseport sk_reuseport_md { writes [] () }
    SkLookup bpf_sk_lookup { writes [] () }
    CgroupDevice bpf_cgroup_dev_ctx { writes [] () }
    CgroupSysctl bpf_sysctl { writes [file_pos] () }
    CgroupSockopt [CgroupGetsockopt] bpf_sockopt { writes [optlen, retval] () }
    CgroupSockopt bpf_sockopt { writes [level, optname, optlen] (retval) }
    Kprobe pt_regs_x86_64 { writes [] () }
    PerfEvent bpf_perf_event_data_x86_64 { writes [] () }
    RawTracepoint bpf_raw_tracepoint_args { writes [] () }
    RawTracepointWritable bpf_raw_tracepoint_args { writes [] () }
    Tracing bpf_raw_tracepoint_args { writes [] () }
    Lsm bpf_raw_tracepoint_args { writes [] () }
    Netfilter bpf_nf_ctx { writes [] () }
    LircMode2 lirc_mode2 { writes [] () }
}
