//! What `BPF_LINK_CREATE` is asked for.

use crate::files::Fd;

/// What to link: the attributes of `BPF_LINK_CREATE`.
///
/// ```
/// use skep_abi::AttachType;
/// use skep_kernel::{Fd, LinkCreate};
///
/// // A program for XDP on device 2.
/// let create = LinkCreate::new(Fd(3), AttachType::Xdp).on(2);
/// assert_eq!((create.target, create.flags), (2, 0));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkCreate {
    /// The program; of [`AttachType::StructOps`](skep_abi::AttachType::StructOps) the map.
    pub prog: Fd,
    /// What it is attached to: a descriptor (`target_fd`), or a device's index (`target_ifindex`).
    pub target: u32,
    /// How, as a number.
    pub attach_type: u32,
    /// `BPF_F_*` of the kind; of XDP `XDP_FLAGS_*`.
    pub flags: u32,
    /// What the kind wants to know beside.
    pub with: LinkWith,
}

impl LinkCreate {
    /// Without target, flags or anything beside.
    pub fn new(prog: Fd, attach_type: skep_abi::AttachType) -> LinkCreate {
        LinkCreate { prog, target: 0, attach_type: attach_type.to_u32(), flags: 0, with: LinkWith::Nothing }
    }

    /// The same with a target: a descriptor's number, or a device's index.
    #[must_use]
    pub fn on(self, target: u32) -> LinkCreate {
        LinkCreate { target, ..self }
    }

    /// The same with flags.
    #[must_use]
    pub fn flags(self, flags: u32) -> LinkCreate {
        LinkCreate { flags, ..self }
    }

    /// The same with what the kind wants to know.
    #[must_use]
    pub fn with(self, with: LinkWith) -> LinkCreate {
        LinkCreate { with, ..self }
    }
}

/// What kinds of links want to know beside. What another kind wants counts for nothing.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum LinkWith {
    /// Nothing.
    #[default]
    Nothing,
    /// tcx, netkit, cgroups: where among the others.
    Relative {
        /// A descriptor or, with `BPF_F_ID`, an id: a program's or, with `BPF_F_LINK`, a link's.
        relative: u32,
        /// The revision that is expected; 0: any.
        expected_revision: u64,
    },
    /// fentry, fexit, fmod_ret, LSM, freplace, tracepoints by BTF.
    Tracing {
        /// The function in the target's types, where `target` is a program.
        target_btf_id: u32,
        /// What `bpf_get_attach_cookie` answers.
        cookie: u64,
    },
    /// Perf events.
    PerfEvent {
        /// What `bpf_get_attach_cookie` answers.
        cookie: u64,
    },
    /// Many kernel functions.
    KprobeMulti(KprobeMulti),
    /// Many places in a file.
    UprobeMulti(UprobeMulti),
    /// Iterators: over what.
    Iter(IterLink),
    /// Netfilter.
    Netfilter {
        /// `NFPROTO_IPV4` or `NFPROTO_IPV6`.
        pf: u32,
        /// `NF_INET_*`.
        hooknum: u32,
        /// The lowest runs first.
        priority: i32,
        /// `BPF_F_NETFILTER_IP_DEFRAG`.
        flags: u32,
    },
}

/// Many kernel functions: `link_create.kprobe_multi`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KprobeMulti {
    /// `BPF_F_KPROBE_MULTI_RETURN`.
    pub flags: u32,
    /// Which.
    pub functions: Functions,
    /// What `bpf_get_attach_cookie` answers in each; empty: 0.
    pub cookies: Vec<u64>,
}

/// Kernel functions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Functions {
    /// By name.
    Names(Vec<String>),
    /// By address.
    Addresses(Vec<u64>),
}

impl Functions {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Functions::Names(names) => names.len(),
            Functions::Addresses(addrs) => addrs.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Many places in a file: `link_create.uprobe_multi`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct UprobeMulti {
    /// The file.
    pub path: String,
    /// The places, in bytes from the file's start.
    pub offsets: Vec<u64>,
    /// Where the counters of USDT probes are, for each; empty: nowhere.
    pub ref_ctr_offsets: Vec<u64>,
    /// What `bpf_get_attach_cookie` answers in each; empty: 0.
    pub cookies: Vec<u64>,
    /// `BPF_F_UPROBE_MULTI_RETURN`.
    pub flags: u32,
    /// Only in this process; 0: in all.
    pub pid: u32,
}

/// Over what an iterator goes: `union bpf_iter_link_info`, whose variants lie one over the other.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct IterLink {
    /// `map.map_fd`, `cgroup.order`, `task.tid`.
    pub first: u32,
    /// `cgroup.cgroup_fd`, `task.pid`.
    pub second: u32,
    /// `cgroup.cgroup_id`; its low half is `task.pid_fd`.
    pub third: u64,
}

impl IterLink {
    /// Over a map's elements.
    pub fn map(fd: Fd) -> IterLink {
        IterLink { first: fd.0 as u32, ..IterLink::default() }
    }

    /// Over one thread.
    pub fn tid(tid: u32) -> IterLink {
        IterLink { first: tid, ..IterLink::default() }
    }

    /// Over the threads of one process.
    pub fn pid(pid: u32) -> IterLink {
        IterLink { second: pid, ..IterLink::default() }
    }

    /// Over cgroups from one on, in an order (`BPF_CGROUP_ITER_*`).
    pub fn cgroup(fd: Fd, order: u32) -> IterLink {
        IterLink { first: order, second: fd.0 as u32, third: 0 }
    }
}
