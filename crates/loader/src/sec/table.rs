//! The built-in SEC() table of libbpf.
//!
//! The names, types and forms are libbpf 1.5's (`section_defs` in its `libbpf.c`); they are interface.

use skep_abi::{AttachType as A, ProgType as P};

/// What a section name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecDef {
    /// The pattern: `"xdp"` matches exactly; `"kprobe+"` matches `kprobe` and `kprobe/...`; `"x/"` only `x/...`.
    pub sec: &'static str,
    /// The program type.
    pub prog_type: P,
    /// The attach type that goes into `expected_attach_type`, where the section implies one.
    pub attach_type: Option<A>,
    /// Properties, of [`flags`].
    pub flags: u8,
    /// How libbpf attaches such a program by itself (`bpf_program__attach`), if it does.
    pub auto_attach: Option<AutoAttach>,
}

/// The function of libbpf that attaches a program to what its section says. A section that names nothing is attached to
/// nothing, without an error, by some of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AutoAttach {
    /// `attach_kprobe`: nothing for `SEC("kprobe")`.
    Kprobe,
    /// `attach_uprobe`: nothing for `SEC("uprobe")`.
    Uprobe,
    /// `attach_ksyscall`: nothing for `SEC("ksyscall")`.
    Ksyscall,
    /// `attach_usdt`: nothing for `SEC("usdt")`.
    Usdt,
    /// `attach_tp`: nothing for `SEC("tp")`.
    Tracepoint,
    /// `attach_raw_tp`: nothing for `SEC("raw_tp")`.
    RawTracepoint,
    /// `attach_trace`: what the program was loaded for.
    Trace,
    /// `attach_kprobe_multi`: nothing for `SEC("kprobe.multi")`.
    KprobeMulti,
    /// `attach_kprobe_session`: nothing for `SEC("kprobe.session")`.
    KprobeSession,
    /// `attach_uprobe_multi`: nothing for `SEC("uprobe.multi")`.
    UprobeMulti,
    /// `attach_lsm`: what the program was loaded for.
    Lsm,
    /// `attach_iter`: an iterator without parameters.
    Iter,
}

/// Properties of a section.
pub mod flags {
    /// None of the others.
    pub const NONE: u8 = 0;
    /// `expected_attach_type` is always passed to the kernel.
    pub const ATTACHABLE: u8 = 1;
    /// `expected_attach_type` may be left out for kernels that do not know it.
    pub const ATTACHABLE_OPT: u8 = 1 | 2;
    /// The program may sleep (`BPF_F_SLEEPABLE`).
    pub const SLEEPABLE: u8 = 4;
    /// The target is a BTF id, found by the name behind the slash.
    pub const ATTACH_BTF: u8 = 8;
    /// The program handles multi-buffer packets (`BPF_F_XDP_HAS_FRAGS`).
    pub const XDP_FRAGS: u8 = 16;
    /// A USDT probe.
    pub const USDT: u8 = 32;
}
use AutoAttach as Auto;
use flags::{ATTACH_BTF, ATTACHABLE, ATTACHABLE_OPT, NONE, SLEEPABLE, USDT, XDP_FRAGS};

const fn row(
    sec: &'static str,
    prog_type: P,
    attach_type: Option<A>,
    flags: u8,
    auto_attach: Option<AutoAttach>,
) -> SecDef {
    SecDef { sec, prog_type, attach_type, flags, auto_attach }
}

/// In libbpf's order: the first row that matches wins.
#[rustfmt::skip]
pub static SECTIONS: &[SecDef] = &[
    row("socket", P::SocketFilter, None, NONE, None),
    row("sk_reuseport/migrate", P::SkReuseport, Some(A::SkReuseportSelectOrMigrate), ATTACHABLE, None),
    row("sk_reuseport", P::SkReuseport, Some(A::SkReuseportSelect), ATTACHABLE, None),
    row("kprobe+", P::Kprobe, None, NONE, Some(Auto::Kprobe)),
    row("uprobe+", P::Kprobe, None, NONE, Some(Auto::Uprobe)),
    row("uprobe.s+", P::Kprobe, None, SLEEPABLE, Some(Auto::Uprobe)),
    row("kretprobe+", P::Kprobe, None, NONE, Some(Auto::Kprobe)),
    row("uretprobe+", P::Kprobe, None, NONE, Some(Auto::Uprobe)),
    row("uretprobe.s+", P::Kprobe, None, SLEEPABLE, Some(Auto::Uprobe)),
    row("kprobe.multi+", P::Kprobe, Some(A::TraceKprobeMulti), NONE, Some(Auto::KprobeMulti)),
    row("kretprobe.multi+", P::Kprobe, Some(A::TraceKprobeMulti), NONE, Some(Auto::KprobeMulti)),
    row("kprobe.session+", P::Kprobe, Some(A::TraceKprobeSession), NONE, Some(Auto::KprobeSession)),
    row("uprobe.multi+", P::Kprobe, Some(A::TraceUprobeMulti), NONE, Some(Auto::UprobeMulti)),
    row("uretprobe.multi+", P::Kprobe, Some(A::TraceUprobeMulti), NONE, Some(Auto::UprobeMulti)),
    row("uprobe.multi.s+", P::Kprobe, Some(A::TraceUprobeMulti), SLEEPABLE, Some(Auto::UprobeMulti)),
    row("uretprobe.multi.s+", P::Kprobe, Some(A::TraceUprobeMulti), SLEEPABLE, Some(Auto::UprobeMulti)),
    row("ksyscall+", P::Kprobe, None, NONE, Some(Auto::Ksyscall)),
    row("kretsyscall+", P::Kprobe, None, NONE, Some(Auto::Ksyscall)),
    row("usdt+", P::Kprobe, None, USDT, Some(Auto::Usdt)),
    row("usdt.s+", P::Kprobe, None, USDT | SLEEPABLE, Some(Auto::Usdt)),
    row("tc/ingress", P::SchedCls, Some(A::TcxIngress), NONE, None),
    row("tc/egress", P::SchedCls, Some(A::TcxEgress), NONE, None),
    row("tcx/ingress", P::SchedCls, Some(A::TcxIngress), NONE, None),
    row("tcx/egress", P::SchedCls, Some(A::TcxEgress), NONE, None),
    row("tc", P::SchedCls, None, NONE, None),
    row("classifier", P::SchedCls, None, NONE, None),
    row("action", P::SchedAct, None, NONE, None),
    row("netkit/primary", P::SchedCls, Some(A::NetkitPrimary), NONE, None),
    row("netkit/peer", P::SchedCls, Some(A::NetkitPeer), NONE, None),
    row("tracepoint+", P::Tracepoint, None, NONE, Some(Auto::Tracepoint)),
    row("tp+", P::Tracepoint, None, NONE, Some(Auto::Tracepoint)),
    row("raw_tracepoint+", P::RawTracepoint, None, NONE, Some(Auto::RawTracepoint)),
    row("raw_tp+", P::RawTracepoint, None, NONE, Some(Auto::RawTracepoint)),
    row("raw_tracepoint.w+", P::RawTracepointWritable, None, NONE, Some(Auto::RawTracepoint)),
    row("raw_tp.w+", P::RawTracepointWritable, None, NONE, Some(Auto::RawTracepoint)),
    row("tp_btf+", P::Tracing, Some(A::TraceRawTp), ATTACH_BTF, Some(Auto::Trace)),
    row("fentry+", P::Tracing, Some(A::TraceFentry), ATTACH_BTF, Some(Auto::Trace)),
    row("fmod_ret+", P::Tracing, Some(A::ModifyReturn), ATTACH_BTF, Some(Auto::Trace)),
    row("fexit+", P::Tracing, Some(A::TraceFexit), ATTACH_BTF, Some(Auto::Trace)),
    row("fentry.s+", P::Tracing, Some(A::TraceFentry), ATTACH_BTF | SLEEPABLE, Some(Auto::Trace)),
    row("fmod_ret.s+", P::Tracing, Some(A::ModifyReturn), ATTACH_BTF | SLEEPABLE, Some(Auto::Trace)),
    row("fexit.s+", P::Tracing, Some(A::TraceFexit), ATTACH_BTF | SLEEPABLE, Some(Auto::Trace)),
    row("freplace+", P::Ext, None, ATTACH_BTF, Some(Auto::Trace)),
    row("lsm+", P::Lsm, Some(A::LsmMac), ATTACH_BTF, Some(Auto::Lsm)),
    row("lsm.s+", P::Lsm, Some(A::LsmMac), ATTACH_BTF | SLEEPABLE, Some(Auto::Lsm)),
    row("lsm_cgroup+", P::Lsm, Some(A::LsmCgroup), ATTACH_BTF, None),
    row("iter+", P::Tracing, Some(A::TraceIter), ATTACH_BTF, Some(Auto::Iter)),
    row("iter.s+", P::Tracing, Some(A::TraceIter), ATTACH_BTF | SLEEPABLE, Some(Auto::Iter)),
    row("syscall", P::Syscall, None, SLEEPABLE, None),
    row("xdp.frags/devmap", P::Xdp, Some(A::XdpDevmap), XDP_FRAGS, None),
    row("xdp/devmap", P::Xdp, Some(A::XdpDevmap), ATTACHABLE, None),
    row("xdp.frags/cpumap", P::Xdp, Some(A::XdpCpumap), XDP_FRAGS, None),
    row("xdp/cpumap", P::Xdp, Some(A::XdpCpumap), ATTACHABLE, None),
    row("xdp.frags", P::Xdp, Some(A::Xdp), XDP_FRAGS, None),
    row("xdp", P::Xdp, Some(A::Xdp), ATTACHABLE_OPT, None),
    row("perf_event", P::PerfEvent, None, NONE, None),
    row("lwt_in", P::LwtIn, None, NONE, None),
    row("lwt_out", P::LwtOut, None, NONE, None),
    row("lwt_xmit", P::LwtXmit, None, NONE, None),
    row("lwt_seg6local", P::LwtSeg6local, None, NONE, None),
    row("sockops", P::SockOps, Some(A::CgroupSockOps), ATTACHABLE_OPT, None),
    row("sk_skb/stream_parser", P::SkSkb, Some(A::SkSkbStreamParser), ATTACHABLE_OPT, None),
    row("sk_skb/stream_verdict", P::SkSkb, Some(A::SkSkbStreamVerdict), ATTACHABLE_OPT, None),
    row("sk_skb/verdict", P::SkSkb, Some(A::SkSkbVerdict), ATTACHABLE_OPT, None),
    row("sk_skb", P::SkSkb, None, NONE, None),
    row("sk_msg", P::SkMsg, Some(A::SkMsgVerdict), ATTACHABLE_OPT, None),
    row("lirc_mode2", P::LircMode2, Some(A::LircMode2), ATTACHABLE_OPT, None),
    row("flow_dissector", P::FlowDissector, Some(A::FlowDissector), ATTACHABLE_OPT, None),
    row("cgroup_skb/ingress", P::CgroupSkb, Some(A::CgroupInetIngress), ATTACHABLE_OPT, None),
    row("cgroup_skb/egress", P::CgroupSkb, Some(A::CgroupInetEgress), ATTACHABLE_OPT, None),
    row("cgroup/skb", P::CgroupSkb, None, NONE, None),
    row("cgroup/sock_create", P::CgroupSock, Some(A::CgroupInetSockCreate), ATTACHABLE, None),
    row("cgroup/sock_release", P::CgroupSock, Some(A::CgroupInetSockRelease), ATTACHABLE, None),
    row("cgroup/sock", P::CgroupSock, Some(A::CgroupInetSockCreate), ATTACHABLE_OPT, None),
    row("cgroup/post_bind4", P::CgroupSock, Some(A::CgroupInet4PostBind), ATTACHABLE, None),
    row("cgroup/post_bind6", P::CgroupSock, Some(A::CgroupInet6PostBind), ATTACHABLE, None),
    row("cgroup/bind4", P::CgroupSockAddr, Some(A::CgroupInet4Bind), ATTACHABLE, None),
    row("cgroup/bind6", P::CgroupSockAddr, Some(A::CgroupInet6Bind), ATTACHABLE, None),
    row("cgroup/connect4", P::CgroupSockAddr, Some(A::CgroupInet4Connect), ATTACHABLE, None),
    row("cgroup/connect6", P::CgroupSockAddr, Some(A::CgroupInet6Connect), ATTACHABLE, None),
    row("cgroup/connect_unix", P::CgroupSockAddr, Some(A::CgroupUnixConnect), ATTACHABLE, None),
    row("cgroup/sendmsg4", P::CgroupSockAddr, Some(A::CgroupUdp4Sendmsg), ATTACHABLE, None),
    row("cgroup/sendmsg6", P::CgroupSockAddr, Some(A::CgroupUdp6Sendmsg), ATTACHABLE, None),
    row("cgroup/sendmsg_unix", P::CgroupSockAddr, Some(A::CgroupUnixSendmsg), ATTACHABLE, None),
    row("cgroup/recvmsg4", P::CgroupSockAddr, Some(A::CgroupUdp4Recvmsg), ATTACHABLE, None),
    row("cgroup/recvmsg6", P::CgroupSockAddr, Some(A::CgroupUdp6Recvmsg), ATTACHABLE, None),
    row("cgroup/recvmsg_unix", P::CgroupSockAddr, Some(A::CgroupUnixRecvmsg), ATTACHABLE, None),
    row("cgroup/getpeername4", P::CgroupSockAddr, Some(A::CgroupInet4Getpeername), ATTACHABLE, None),
    row("cgroup/getpeername6", P::CgroupSockAddr, Some(A::CgroupInet6Getpeername), ATTACHABLE, None),
    row("cgroup/getpeername_unix", P::CgroupSockAddr, Some(A::CgroupUnixGetpeername), ATTACHABLE, None),
    row("cgroup/getsockname4", P::CgroupSockAddr, Some(A::CgroupInet4Getsockname), ATTACHABLE, None),
    row("cgroup/getsockname6", P::CgroupSockAddr, Some(A::CgroupInet6Getsockname), ATTACHABLE, None),
    row("cgroup/getsockname_unix", P::CgroupSockAddr, Some(A::CgroupUnixGetsockname), ATTACHABLE, None),
    row("cgroup/sysctl", P::CgroupSysctl, Some(A::CgroupSysctl), ATTACHABLE, None),
    row("cgroup/getsockopt", P::CgroupSockopt, Some(A::CgroupGetsockopt), ATTACHABLE, None),
    row("cgroup/setsockopt", P::CgroupSockopt, Some(A::CgroupSetsockopt), ATTACHABLE, None),
    row("cgroup/dev", P::CgroupDevice, Some(A::CgroupDevice), ATTACHABLE_OPT, None),
    row("struct_ops+", P::StructOps, None, NONE, None),
    row("struct_ops.s+", P::StructOps, None, SLEEPABLE, None),
    row("sk_lookup", P::SkLookup, Some(A::SkLookup), ATTACHABLE, None),
    row("netfilter", P::Netfilter, Some(A::Netfilter), NONE, None),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What only libbpf's table could say wrong: rows whose type lets them be attached to what their section names.
    #[test]
    fn what_is_attached_by_itself() {
        let by_itself: Vec<_> = SECTIONS.iter().filter(|it| it.auto_attach.is_some()).collect();
        assert_eq!(by_itself.len(), 35);
        for def in by_itself {
            assert!(def.sec.ends_with('+'), "{}", def.sec);
        }
    }

    #[test]
    fn sleepable_names_end_so() {
        for def in SECTIONS {
            let stem = def.sec.trim_end_matches('+').split('/').next().unwrap();
            let sleeps = def.flags & SLEEPABLE != 0;
            assert_eq!(sleeps, stem.ends_with(".s") || stem == "syscall", "{}", def.sec);
        }
    }
}
