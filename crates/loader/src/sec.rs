//! The built-in SEC() table of libbpf, and how a section name is matched against it.
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
    /// Whether libbpf can attach such a program by itself (`bpf_program__attach`).
    pub auto_attach: bool,
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
use flags::{ATTACH_BTF, ATTACHABLE, ATTACHABLE_OPT, NONE, SLEEPABLE, USDT, XDP_FRAGS};

const fn row(
    sec: &'static str,
    prog_type: P,
    attach_type: Option<A>,
    flags: u8,
    auto_attach: bool,
) -> SecDef {
    SecDef { sec, prog_type, attach_type, flags, auto_attach }
}

/// In libbpf's order: the first row that matches wins.
#[rustfmt::skip]
pub static SECTIONS: &[SecDef] = &[
    row("socket", P::SocketFilter, None, NONE, false),
    row("sk_reuseport/migrate", P::SkReuseport, Some(A::SkReuseportSelectOrMigrate), ATTACHABLE, false),
    row("sk_reuseport", P::SkReuseport, Some(A::SkReuseportSelect), ATTACHABLE, false),
    row("kprobe+", P::Kprobe, None, NONE, true),
    row("uprobe+", P::Kprobe, None, NONE, true),
    row("uprobe.s+", P::Kprobe, None, SLEEPABLE, true),
    row("kretprobe+", P::Kprobe, None, NONE, true),
    row("uretprobe+", P::Kprobe, None, NONE, true),
    row("uretprobe.s+", P::Kprobe, None, SLEEPABLE, true),
    row("kprobe.multi+", P::Kprobe, Some(A::TraceKprobeMulti), NONE, true),
    row("kretprobe.multi+", P::Kprobe, Some(A::TraceKprobeMulti), NONE, true),
    row("kprobe.session+", P::Kprobe, Some(A::TraceKprobeSession), NONE, true),
    row("uprobe.multi+", P::Kprobe, Some(A::TraceUprobeMulti), NONE, true),
    row("uretprobe.multi+", P::Kprobe, Some(A::TraceUprobeMulti), NONE, true),
    row("uprobe.multi.s+", P::Kprobe, Some(A::TraceUprobeMulti), SLEEPABLE, true),
    row("uretprobe.multi.s+", P::Kprobe, Some(A::TraceUprobeMulti), SLEEPABLE, true),
    row("ksyscall+", P::Kprobe, None, NONE, true),
    row("kretsyscall+", P::Kprobe, None, NONE, true),
    row("usdt+", P::Kprobe, None, USDT, true),
    row("usdt.s+", P::Kprobe, None, USDT | SLEEPABLE, true),
    row("tc/ingress", P::SchedCls, Some(A::TcxIngress), NONE, false),
    row("tc/egress", P::SchedCls, Some(A::TcxEgress), NONE, false),
    row("tcx/ingress", P::SchedCls, Some(A::TcxIngress), NONE, false),
    row("tcx/egress", P::SchedCls, Some(A::TcxEgress), NONE, false),
    row("tc", P::SchedCls, None, NONE, false),
    row("classifier", P::SchedCls, None, NONE, false),
    row("action", P::SchedAct, None, NONE, false),
    row("netkit/primary", P::SchedCls, Some(A::NetkitPrimary), NONE, false),
    row("netkit/peer", P::SchedCls, Some(A::NetkitPeer), NONE, false),
    row("tracepoint+", P::Tracepoint, None, NONE, true),
    row("tp+", P::Tracepoint, None, NONE, true),
    row("raw_tracepoint+", P::RawTracepoint, None, NONE, true),
    row("raw_tp+", P::RawTracepoint, None, NONE, true),
    row("raw_tracepoint.w+", P::RawTracepointWritable, None, NONE, true),
    row("raw_tp.w+", P::RawTracepointWritable, None, NONE, true),
    row("tp_btf+", P::Tracing, Some(A::TraceRawTp), ATTACH_BTF, true),
    row("fentry+", P::Tracing, Some(A::TraceFentry), ATTACH_BTF, true),
    row("fmod_ret+", P::Tracing, Some(A::ModifyReturn), ATTACH_BTF, true),
    row("fexit+", P::Tracing, Some(A::TraceFexit), ATTACH_BTF, true),
    row("fentry.s+", P::Tracing, Some(A::TraceFentry), ATTACH_BTF | SLEEPABLE, true),
    row("fmod_ret.s+", P::Tracing, Some(A::ModifyReturn), ATTACH_BTF | SLEEPABLE, true),
    row("fexit.s+", P::Tracing, Some(A::TraceFexit), ATTACH_BTF | SLEEPABLE, true),
    row("freplace+", P::Ext, None, ATTACH_BTF, true),
    row("lsm+", P::Lsm, Some(A::LsmMac), ATTACH_BTF, true),
    row("lsm.s+", P::Lsm, Some(A::LsmMac), ATTACH_BTF | SLEEPABLE, true),
    row("lsm_cgroup+", P::Lsm, Some(A::LsmCgroup), ATTACH_BTF, false),
    row("iter+", P::Tracing, Some(A::TraceIter), ATTACH_BTF, true),
    row("iter.s+", P::Tracing, Some(A::TraceIter), ATTACH_BTF | SLEEPABLE, true),
    row("syscall", P::Syscall, None, SLEEPABLE, false),
    row("xdp.frags/devmap", P::Xdp, Some(A::XdpDevmap), XDP_FRAGS, false),
    row("xdp/devmap", P::Xdp, Some(A::XdpDevmap), ATTACHABLE, false),
    row("xdp.frags/cpumap", P::Xdp, Some(A::XdpCpumap), XDP_FRAGS, false),
    row("xdp/cpumap", P::Xdp, Some(A::XdpCpumap), ATTACHABLE, false),
    row("xdp.frags", P::Xdp, Some(A::Xdp), XDP_FRAGS, false),
    row("xdp", P::Xdp, Some(A::Xdp), ATTACHABLE_OPT, false),
    row("perf_event", P::PerfEvent, None, NONE, false),
    row("lwt_in", P::LwtIn, None, NONE, false),
    row("lwt_out", P::LwtOut, None, NONE, false),
    row("lwt_xmit", P::LwtXmit, None, NONE, false),
    row("lwt_seg6local", P::LwtSeg6local, None, NONE, false),
    row("sockops", P::SockOps, Some(A::CgroupSockOps), ATTACHABLE_OPT, false),
    row("sk_skb/stream_parser", P::SkSkb, Some(A::SkSkbStreamParser), ATTACHABLE_OPT, false),
    row("sk_skb/stream_verdict", P::SkSkb, Some(A::SkSkbStreamVerdict), ATTACHABLE_OPT, false),
    row("sk_skb/verdict", P::SkSkb, Some(A::SkSkbVerdict), ATTACHABLE_OPT, false),
    row("sk_skb", P::SkSkb, None, NONE, false),
    row("sk_msg", P::SkMsg, Some(A::SkMsgVerdict), ATTACHABLE_OPT, false),
    row("lirc_mode2", P::LircMode2, Some(A::LircMode2), ATTACHABLE_OPT, false),
    row("flow_dissector", P::FlowDissector, Some(A::FlowDissector), ATTACHABLE_OPT, false),
    row("cgroup_skb/ingress", P::CgroupSkb, Some(A::CgroupInetIngress), ATTACHABLE_OPT, false),
    row("cgroup_skb/egress", P::CgroupSkb, Some(A::CgroupInetEgress), ATTACHABLE_OPT, false),
    row("cgroup/skb", P::CgroupSkb, None, NONE, false),
    row("cgroup/sock_create", P::CgroupSock, Some(A::CgroupInetSockCreate), ATTACHABLE, false),
    row("cgroup/sock_release", P::CgroupSock, Some(A::CgroupInetSockRelease), ATTACHABLE, false),
    row("cgroup/sock", P::CgroupSock, Some(A::CgroupInetSockCreate), ATTACHABLE_OPT, false),
    row("cgroup/post_bind4", P::CgroupSock, Some(A::CgroupInet4PostBind), ATTACHABLE, false),
    row("cgroup/post_bind6", P::CgroupSock, Some(A::CgroupInet6PostBind), ATTACHABLE, false),
    row("cgroup/bind4", P::CgroupSockAddr, Some(A::CgroupInet4Bind), ATTACHABLE, false),
    row("cgroup/bind6", P::CgroupSockAddr, Some(A::CgroupInet6Bind), ATTACHABLE, false),
    row("cgroup/connect4", P::CgroupSockAddr, Some(A::CgroupInet4Connect), ATTACHABLE, false),
    row("cgroup/connect6", P::CgroupSockAddr, Some(A::CgroupInet6Connect), ATTACHABLE, false),
    row("cgroup/connect_unix", P::CgroupSockAddr, Some(A::CgroupUnixConnect), ATTACHABLE, false),
    row("cgroup/sendmsg4", P::CgroupSockAddr, Some(A::CgroupUdp4Sendmsg), ATTACHABLE, false),
    row("cgroup/sendmsg6", P::CgroupSockAddr, Some(A::CgroupUdp6Sendmsg), ATTACHABLE, false),
    row("cgroup/sendmsg_unix", P::CgroupSockAddr, Some(A::CgroupUnixSendmsg), ATTACHABLE, false),
    row("cgroup/recvmsg4", P::CgroupSockAddr, Some(A::CgroupUdp4Recvmsg), ATTACHABLE, false),
    row("cgroup/recvmsg6", P::CgroupSockAddr, Some(A::CgroupUdp6Recvmsg), ATTACHABLE, false),
    row("cgroup/recvmsg_unix", P::CgroupSockAddr, Some(A::CgroupUnixRecvmsg), ATTACHABLE, false),
    row("cgroup/getpeername4", P::CgroupSockAddr, Some(A::CgroupInet4Getpeername), ATTACHABLE, false),
    row("cgroup/getpeername6", P::CgroupSockAddr, Some(A::CgroupInet6Getpeername), ATTACHABLE, false),
    row("cgroup/getpeername_unix", P::CgroupSockAddr, Some(A::CgroupUnixGetpeername), ATTACHABLE, false),
    row("cgroup/getsockname4", P::CgroupSockAddr, Some(A::CgroupInet4Getsockname), ATTACHABLE, false),
    row("cgroup/getsockname6", P::CgroupSockAddr, Some(A::CgroupInet6Getsockname), ATTACHABLE, false),
    row("cgroup/getsockname_unix", P::CgroupSockAddr, Some(A::CgroupUnixGetsockname), ATTACHABLE, false),
    row("cgroup/sysctl", P::CgroupSysctl, Some(A::CgroupSysctl), ATTACHABLE, false),
    row("cgroup/getsockopt", P::CgroupSockopt, Some(A::CgroupGetsockopt), ATTACHABLE, false),
    row("cgroup/setsockopt", P::CgroupSockopt, Some(A::CgroupSetsockopt), ATTACHABLE, false),
    row("cgroup/dev", P::CgroupDevice, Some(A::CgroupDevice), ATTACHABLE_OPT, false),
    row("struct_ops+", P::StructOps, None, NONE, false),
    row("struct_ops.s+", P::StructOps, None, SLEEPABLE, false),
    row("sk_lookup", P::SkLookup, Some(A::SkLookup), ATTACHABLE, false),
    row("netfilter", P::Netfilter, Some(A::Netfilter), NONE, false),
];

impl SecDef {
    /// Whether `section` is of this kind.
    ///
    /// ```
    /// use skep_loader::sec::find;
    /// assert_eq!(find("kprobe/do_unlinkat").unwrap().sec, "kprobe+");
    /// assert_eq!(find("kprobe").unwrap().sec, "kprobe+");
    /// assert!(find("kprobes").is_none());
    /// assert!(find("xdp/anything").is_none());
    /// ```
    pub fn matches(&self, section: &str) -> bool {
        if self.sec.ends_with('/') {
            section.starts_with(self.sec)
        } else if let Some(stem) = self.sec.strip_suffix('+') {
            section.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        } else {
            section == self.sec
        }
    }
}

/// The row for `section`, without the `?` that switches off auto-loading.
pub fn find(section: &str) -> Option<&'static SecDef> {
    SECTIONS.iter().find(|def| def.matches(section))
}

/// Section names that are close to `section`, best first: what a misspelt one may have meant.
pub fn suggest(section: &str) -> Option<&'static str> {
    let stem = section.split('/').next().unwrap_or(section);
    SECTIONS
        .iter()
        .map(|def| def.sec.trim_end_matches(['+', '/']))
        .map(|name| (distance(stem, name), name))
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance; both names are short (a section name is cut at 32 bytes).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<u8> = a.bytes().take(32).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(*ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_match_as_in_libbpf() {
        let exact = SECTIONS.iter().find(|d| d.sec == "tc").unwrap();
        assert!(exact.matches("tc") && !exact.matches("tc/ingress") && !exact.matches("tcx"));
        let plus = SECTIONS.iter().find(|d| d.sec == "tp_btf+").unwrap();
        assert!(plus.matches("tp_btf") && plus.matches("tp_btf/sched_switch") && !plus.matches("tp_btfx"));
        let slash = SecDef { sec: "sec/", ..*exact };
        assert!(slash.matches("sec/x") && slash.matches("sec/") && !slash.matches("sec"));
    }

    #[test]
    fn order_decides_between_a_longer_and_a_shorter_name() {
        assert_eq!(find("xdp.frags/devmap").unwrap().attach_type, Some(A::XdpDevmap));
        assert_eq!(find("sk_reuseport/migrate").unwrap().attach_type, Some(A::SkReuseportSelectOrMigrate));
        assert_eq!(find("uprobe.multi.s/x").unwrap().sec, "uprobe.multi.s+");
    }

    #[test]
    fn every_pattern_finds_itself() {
        for def in SECTIONS {
            let name = def.sec.trim_end_matches('+');
            assert_eq!(find(name).map(|d| d.sec), Some(def.sec));
        }
    }

    #[test]
    fn a_misspelt_section_gets_a_suggestion() {
        assert_eq!(suggest("xpd"), Some("xdp"));
        assert_eq!(suggest("krpobe/do_exit"), Some("kprobe"));
        assert_eq!(suggest("something-else-entirely"), None);
    }
}
