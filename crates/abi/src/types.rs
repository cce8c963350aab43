//! Map, program and attach types: one row each.

use crate::KernelVersion;

/// Makes an enum, its numbers, names and versions from one table. A row without a comment of its own is documented
/// by its UAPI name.
macro_rules! vocabulary {
    (
        $(#[$outer:meta])*
        pub enum $name:ident {
            $(
                $(#[$doc:meta])*
                $variant:ident = $value:literal, $short:literal, $uapi:literal, ($major:literal, $minor:literal);
            )*
        }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u32)]
        pub enum $name {
            $(
                $(#[$doc])*
                #[doc = concat!("(`", $uapi, "`, since Linux ", $major, ".", $minor, ".)")]
                $variant = $value,
            )*
        }

        impl $name {
            /// Every row of the table, in the order of the numbers.
            pub const ALL: &'static [$name] = &[ $( $name::$variant, )* ];

            /// The type with this number, if the table knows it.
            pub const fn from_u32(value: u32) -> Option<$name> {
                match value {
                    $( $value => Some($name::$variant), )*
                    _ => None,
                }
            }

            /// The number in `union bpf_attr`.
            pub const fn to_u32(self) -> u32 {
                self as u32
            }

            /// The type that bpftool and libbpf call by this short name.
            pub fn from_name(name: &str) -> Option<$name> {
                Self::ALL.iter().copied().find(|it| it.name() == name)
            }

            /// The short name, as bpftool and libbpf print it.
            pub const fn name(self) -> &'static str {
                match self {
                    $( $name::$variant => $short, )*
                }
            }

            /// The name in `linux/bpf.h`.
            pub const fn uapi(self) -> &'static str {
                match self {
                    $( $name::$variant => $uapi, )*
                }
            }

            /// The first kernel that has it.
            pub const fn since(self) -> KernelVersion {
                match self {
                    $( $name::$variant => KernelVersion::new($major, $minor), )*
                }
            }
        }

        impl std::fmt::Display for $name {
            /// Writes the short name.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

vocabulary! {
    /// The map types (`enum bpf_map_type` without `UNSPEC`).
    pub enum MapType {
        /// A hash table with any key and value.
        Hash = 1, "hash", "BPF_MAP_TYPE_HASH", (3, 19);
        /// An array with `u32` keys whose elements always exist.
        Array = 2, "array", "BPF_MAP_TYPE_ARRAY", (3, 19);
        /// Programs by index, for tail calls.
        ProgArray = 3, "prog_array", "BPF_MAP_TYPE_PROG_ARRAY", (4, 2);
        /// Perf events by index (usually one a CPU), for perf_event_output and perf_event_read.
        PerfEventArray = 4, "perf_event_array", "BPF_MAP_TYPE_PERF_EVENT_ARRAY", (4, 3);
        /// A hash table with one value for each CPU.
        PercpuHash = 5, "percpu_hash", "BPF_MAP_TYPE_PERCPU_HASH", (4, 6);
        /// An array with one value for each CPU.
        PercpuArray = 6, "percpu_array", "BPF_MAP_TYPE_PERCPU_ARRAY", (4, 6);
        /// Stack traces by id, filled by get_stackid.
        StackTrace = 7, "stack_trace", "BPF_MAP_TYPE_STACK_TRACE", (4, 6);
        /// Cgroups by index.
        CgroupArray = 8, "cgroup_array", "BPF_MAP_TYPE_CGROUP_ARRAY", (4, 8);
        /// A hash table that evicts what was used least recently.
        LruHash = 9, "lru_hash", "BPF_MAP_TYPE_LRU_HASH", (4, 10);
        /// An evicting hash table with one value for each CPU.
        LruPercpuHash = 10, "lru_percpu_hash", "BPF_MAP_TYPE_LRU_PERCPU_HASH", (4, 10);
        /// Longest prefix match on keys of `{ u32 prefixlen; u8 data[] }`.
        LpmTrie = 11, "lpm_trie", "BPF_MAP_TYPE_LPM_TRIE", (4, 11);
        /// Maps by index.
        ArrayOfMaps = 12, "array_of_maps", "BPF_MAP_TYPE_ARRAY_OF_MAPS", (4, 12);
        /// Maps by any key.
        HashOfMaps = 13, "hash_of_maps", "BPF_MAP_TYPE_HASH_OF_MAPS", (4, 12);
        /// Network devices by index, for redirect_map.
        Devmap = 14, "devmap", "BPF_MAP_TYPE_DEVMAP", (4, 14);
        /// Sockets by index.
        Sockmap = 15, "sockmap", "BPF_MAP_TYPE_SOCKMAP", (4, 14);
        /// CPUs by index, for redirect_map.
        Cpumap = 16, "cpumap", "BPF_MAP_TYPE_CPUMAP", (4, 15);
        /// AF_XDP sockets by receive queue.
        Xskmap = 17, "xskmap", "BPF_MAP_TYPE_XSKMAP", (4, 18);
        /// Sockets by any key.
        Sockhash = 18, "sockhash", "BPF_MAP_TYPE_SOCKHASH", (4, 18);
        /// A value for each (cgroup, attach type); deprecated by `CgrpStorage`.
        CgroupStorage = 19, "cgroup_storage", "BPF_MAP_TYPE_CGROUP_STORAGE", (4, 19);
        /// Sockets of reuseport groups by index.
        ReuseportSockarray = 20, "reuseport_sockarray", "BPF_MAP_TYPE_REUSEPORT_SOCKARRAY", (4, 19);
        /// `CgroupStorage` with one value for each CPU; deprecated.
        PercpuCgroupStorage = 21, "percpu_cgroup_storage", "BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE", (4, 20);
        /// First in, first out; no key.
        Queue = 22, "queue", "BPF_MAP_TYPE_QUEUE", (4, 20);
        /// Last in, first out; no key.
        Stack = 23, "stack", "BPF_MAP_TYPE_STACK", (4, 20);
        /// A value hung on a socket.
        SkStorage = 24, "sk_storage", "BPF_MAP_TYPE_SK_STORAGE", (5, 2);
        /// Network devices by any `u32` key.
        DevmapHash = 25, "devmap_hash", "BPF_MAP_TYPE_DEVMAP_HASH", (5, 4);
        /// A table of programs that implements a kernel struct of function pointers.
        StructOps = 26, "struct_ops", "BPF_MAP_TYPE_STRUCT_OPS", (5, 6);
        /// One ring buffer from programs to user space, shared by all CPUs.
        Ringbuf = 27, "ringbuf", "BPF_MAP_TYPE_RINGBUF", (5, 8);
        /// A value hung on an inode.
        InodeStorage = 28, "inode_storage", "BPF_MAP_TYPE_INODE_STORAGE", (5, 10);
        /// A value hung on a task.
        TaskStorage = 29, "task_storage", "BPF_MAP_TYPE_TASK_STORAGE", (5, 11);
        /// A Bloom filter over values; no key.
        BloomFilter = 30, "bloom_filter", "BPF_MAP_TYPE_BLOOM_FILTER", (5, 16);
        /// A ring buffer from user space to programs.
        UserRingbuf = 31, "user_ringbuf", "BPF_MAP_TYPE_USER_RINGBUF", (6, 1);
        /// A value hung on a cgroup.
        CgrpStorage = 32, "cgrp_storage", "BPF_MAP_TYPE_CGRP_STORAGE", (6, 2);
        /// Pages shared by programs and user space, addressed by 32 bits.
        Arena = 33, "arena", "BPF_MAP_TYPE_ARENA", (6, 9);
    }
}

vocabulary! {
    /// The program types (`enum bpf_prog_type` without `UNSPEC`).
    pub enum ProgType {
        /// Filters what a socket receives.
        SocketFilter = 1, "socket_filter", "BPF_PROG_TYPE_SOCKET_FILTER", (3, 19);
        /// Runs at kprobes, kretprobes, uprobes and uretprobes.
        Kprobe = 2, "kprobe", "BPF_PROG_TYPE_KPROBE", (4, 1);
        /// Classifies packets in traffic control (tc, tcx, netkit).
        SchedCls = 3, "sched_cls", "BPF_PROG_TYPE_SCHED_CLS", (4, 1);
        /// A traffic control action.
        SchedAct = 4, "sched_act", "BPF_PROG_TYPE_SCHED_ACT", (4, 1);
        /// Runs at a tracepoint on its formatted record.
        Tracepoint = 5, "tracepoint", "BPF_PROG_TYPE_TRACEPOINT", (4, 7);
        /// Runs on packets in the driver, before the stack.
        Xdp = 6, "xdp", "BPF_PROG_TYPE_XDP", (4, 8);
        /// Runs when a perf event overflows.
        PerfEvent = 7, "perf_event", "BPF_PROG_TYPE_PERF_EVENT", (4, 9);
        /// Filters the packets of a cgroup.
        CgroupSkb = 8, "cgroup_skb", "BPF_PROG_TYPE_CGROUP_SKB", (4, 10);
        /// Runs when a cgroup's sockets are made, bound and released.
        CgroupSock = 9, "cgroup_sock", "BPF_PROG_TYPE_CGROUP_SOCK", (4, 10);
        /// Lightweight tunnel, receiving side.
        LwtIn = 10, "lwt_in", "BPF_PROG_TYPE_LWT_IN", (4, 10);
        /// Lightweight tunnel, sending side.
        LwtOut = 11, "lwt_out", "BPF_PROG_TYPE_LWT_OUT", (4, 10);
        /// Lightweight tunnel, just before transmission.
        LwtXmit = 12, "lwt_xmit", "BPF_PROG_TYPE_LWT_XMIT", (4, 10);
        /// Runs at events of TCP sockets.
        SockOps = 13, "sock_ops", "BPF_PROG_TYPE_SOCK_OPS", (4, 13);
        /// Parses and redirects the stream of a socket in a sockmap.
        SkSkb = 14, "sk_skb", "BPF_PROG_TYPE_SK_SKB", (4, 14);
        /// Allows or refuses device access of a cgroup.
        CgroupDevice = 15, "cgroup_device", "BPF_PROG_TYPE_CGROUP_DEVICE", (4, 15);
        /// Runs on sendmsg of a socket in a sockmap.
        SkMsg = 16, "sk_msg", "BPF_PROG_TYPE_SK_MSG", (4, 17);
        /// Runs at a tracepoint on its raw arguments.
        RawTracepoint = 17, "raw_tracepoint", "BPF_PROG_TYPE_RAW_TRACEPOINT", (4, 17);
        /// Rewrites addresses in bind, connect, sendmsg and their like.
        CgroupSockAddr = 18, "cgroup_sock_addr", "BPF_PROG_TYPE_CGROUP_SOCK_ADDR", (4, 17);
        /// An IPv6 segment routing action.
        LwtSeg6local = 19, "lwt_seg6local", "BPF_PROG_TYPE_LWT_SEG6LOCAL", (4, 18);
        /// Decodes infrared signals.
        LircMode2 = 20, "lirc_mode2", "BPF_PROG_TYPE_LIRC_MODE2", (4, 18);
        /// Chooses the socket of a reuseport group.
        SkReuseport = 21, "sk_reuseport", "BPF_PROG_TYPE_SK_REUSEPORT", (4, 19);
        /// Dissects packets into flow keys.
        FlowDissector = 22, "flow_dissector", "BPF_PROG_TYPE_FLOW_DISSECTOR", (4, 20);
        /// Runs when a cgroup reads or writes a sysctl.
        CgroupSysctl = 23, "cgroup_sysctl", "BPF_PROG_TYPE_CGROUP_SYSCTL", (5, 2);
        /// A raw tracepoint whose first argument can be written.
        RawTracepointWritable = 24, "raw_tracepoint_writable", "BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE", (5, 2);
        /// Runs at getsockopt and setsockopt of a cgroup.
        CgroupSockopt = 25, "cgroup_sockopt", "BPF_PROG_TYPE_CGROUP_SOCKOPT", (5, 3);
        /// fentry, fexit, fmod_ret, BTF raw tracepoints and iterators.
        Tracing = 26, "tracing", "BPF_PROG_TYPE_TRACING", (5, 5);
        /// A member function of a `StructOps` map.
        StructOps = 27, "struct_ops", "BPF_PROG_TYPE_STRUCT_OPS", (5, 6);
        /// Replaces a global function of another program.
        Ext = 28, "ext", "BPF_PROG_TYPE_EXT", (5, 6);
        /// Runs at a security hook.
        Lsm = 29, "lsm", "BPF_PROG_TYPE_LSM", (5, 7);
        /// Chooses the socket an incoming packet goes to.
        SkLookup = 30, "sk_lookup", "BPF_PROG_TYPE_SK_LOOKUP", (5, 9);
        /// Run by user space; may make bpf system calls.
        Syscall = 31, "syscall", "BPF_PROG_TYPE_SYSCALL", (5, 14);
        /// Runs at a netfilter hook.
        Netfilter = 32, "netfilter", "BPF_PROG_TYPE_NETFILTER", (6, 4);
    }
}

vocabulary! {
    /// Where a program can be attached (`enum bpf_attach_type`).
    pub enum AttachType {
        CgroupInetIngress = 0, "cgroup_inet_ingress", "BPF_CGROUP_INET_INGRESS", (4, 10);
        CgroupInetEgress = 1, "cgroup_inet_egress", "BPF_CGROUP_INET_EGRESS", (4, 10);
        CgroupInetSockCreate = 2, "cgroup_inet_sock_create", "BPF_CGROUP_INET_SOCK_CREATE", (4, 10);
        CgroupSockOps = 3, "cgroup_sock_ops", "BPF_CGROUP_SOCK_OPS", (4, 13);
        SkSkbStreamParser = 4, "sk_skb_stream_parser", "BPF_SK_SKB_STREAM_PARSER", (4, 14);
        SkSkbStreamVerdict = 5, "sk_skb_stream_verdict", "BPF_SK_SKB_STREAM_VERDICT", (4, 14);
        CgroupDevice = 6, "cgroup_device", "BPF_CGROUP_DEVICE", (4, 15);
        SkMsgVerdict = 7, "sk_msg_verdict", "BPF_SK_MSG_VERDICT", (4, 17);
        CgroupInet4Bind = 8, "cgroup_inet4_bind", "BPF_CGROUP_INET4_BIND", (4, 17);
        CgroupInet6Bind = 9, "cgroup_inet6_bind", "BPF_CGROUP_INET6_BIND", (4, 17);
        CgroupInet4Connect = 10, "cgroup_inet4_connect", "BPF_CGROUP_INET4_CONNECT", (4, 17);
        CgroupInet6Connect = 11, "cgroup_inet6_connect", "BPF_CGROUP_INET6_CONNECT", (4, 17);
        CgroupInet4PostBind = 12, "cgroup_inet4_post_bind", "BPF_CGROUP_INET4_POST_BIND", (4, 17);
        CgroupInet6PostBind = 13, "cgroup_inet6_post_bind", "BPF_CGROUP_INET6_POST_BIND", (4, 17);
        CgroupUdp4Sendmsg = 14, "cgroup_udp4_sendmsg", "BPF_CGROUP_UDP4_SENDMSG", (4, 18);
        CgroupUdp6Sendmsg = 15, "cgroup_udp6_sendmsg", "BPF_CGROUP_UDP6_SENDMSG", (4, 18);
        LircMode2 = 16, "lirc_mode2", "BPF_LIRC_MODE2", (4, 18);
        FlowDissector = 17, "flow_dissector", "BPF_FLOW_DISSECTOR", (4, 20);
        CgroupSysctl = 18, "cgroup_sysctl", "BPF_CGROUP_SYSCTL", (5, 2);
        CgroupUdp4Recvmsg = 19, "cgroup_udp4_recvmsg", "BPF_CGROUP_UDP4_RECVMSG", (5, 2);
        CgroupUdp6Recvmsg = 20, "cgroup_udp6_recvmsg", "BPF_CGROUP_UDP6_RECVMSG", (5, 2);
        CgroupGetsockopt = 21, "cgroup_getsockopt", "BPF_CGROUP_GETSOCKOPT", (5, 3);
        CgroupSetsockopt = 22, "cgroup_setsockopt", "BPF_CGROUP_SETSOCKOPT", (5, 3);
        TraceRawTp = 23, "trace_raw_tp", "BPF_TRACE_RAW_TP", (5, 5);
        TraceFentry = 24, "trace_fentry", "BPF_TRACE_FENTRY", (5, 5);
        TraceFexit = 25, "trace_fexit", "BPF_TRACE_FEXIT", (5, 5);
        ModifyReturn = 26, "modify_return", "BPF_MODIFY_RETURN", (5, 7);
        LsmMac = 27, "lsm_mac", "BPF_LSM_MAC", (5, 7);
        TraceIter = 28, "trace_iter", "BPF_TRACE_ITER", (5, 8);
        CgroupInet4Getpeername = 29, "cgroup_inet4_getpeername", "BPF_CGROUP_INET4_GETPEERNAME", (5, 8);
        CgroupInet6Getpeername = 30, "cgroup_inet6_getpeername", "BPF_CGROUP_INET6_GETPEERNAME", (5, 8);
        CgroupInet4Getsockname = 31, "cgroup_inet4_getsockname", "BPF_CGROUP_INET4_GETSOCKNAME", (5, 8);
        CgroupInet6Getsockname = 32, "cgroup_inet6_getsockname", "BPF_CGROUP_INET6_GETSOCKNAME", (5, 8);
        XdpDevmap = 33, "xdp_devmap", "BPF_XDP_DEVMAP", (5, 8);
        CgroupInetSockRelease = 34, "cgroup_inet_sock_release", "BPF_CGROUP_INET_SOCK_RELEASE", (5, 9);
        XdpCpumap = 35, "xdp_cpumap", "BPF_XDP_CPUMAP", (5, 9);
        SkLookup = 36, "sk_lookup", "BPF_SK_LOOKUP", (5, 9);
        Xdp = 37, "xdp", "BPF_XDP", (5, 9);
        SkSkbVerdict = 38, "sk_skb_verdict", "BPF_SK_SKB_VERDICT", (5, 13);
        SkReuseportSelect = 39, "sk_reuseport_select", "BPF_SK_REUSEPORT_SELECT", (5, 14);
        SkReuseportSelectOrMigrate = 40, "sk_reuseport_select_or_migrate", "BPF_SK_REUSEPORT_SELECT_OR_MIGRATE", (5, 14);
        PerfEvent = 41, "perf_event", "BPF_PERF_EVENT", (5, 15);
        TraceKprobeMulti = 42, "trace_kprobe_multi", "BPF_TRACE_KPROBE_MULTI", (5, 18);
        LsmCgroup = 43, "lsm_cgroup", "BPF_LSM_CGROUP", (6, 0);
        StructOps = 44, "struct_ops", "BPF_STRUCT_OPS", (6, 4);
        Netfilter = 45, "netfilter", "BPF_NETFILTER", (6, 4);
        TcxIngress = 46, "tcx_ingress", "BPF_TCX_INGRESS", (6, 6);
        TcxEgress = 47, "tcx_egress", "BPF_TCX_EGRESS", (6, 6);
        TraceUprobeMulti = 48, "trace_uprobe_multi", "BPF_TRACE_UPROBE_MULTI", (6, 6);
        CgroupUnixConnect = 49, "cgroup_unix_connect", "BPF_CGROUP_UNIX_CONNECT", (6, 7);
        CgroupUnixSendmsg = 50, "cgroup_unix_sendmsg", "BPF_CGROUP_UNIX_SENDMSG", (6, 7);
        CgroupUnixRecvmsg = 51, "cgroup_unix_recvmsg", "BPF_CGROUP_UNIX_RECVMSG", (6, 7);
        CgroupUnixGetpeername = 52, "cgroup_unix_getpeername", "BPF_CGROUP_UNIX_GETPEERNAME", (6, 7);
        CgroupUnixGetsockname = 53, "cgroup_unix_getsockname", "BPF_CGROUP_UNIX_GETSOCKNAME", (6, 7);
        NetkitPrimary = 54, "netkit_primary", "BPF_NETKIT_PRIMARY", (6, 7);
        NetkitPeer = 55, "netkit_peer", "BPF_NETKIT_PEER", (6, 7);
        TraceKprobeSession = 56, "trace_kprobe_session", "BPF_TRACE_KPROBE_SESSION", (6, 10);
        TraceUprobeSession = 57, "trace_uprobe_session", "BPF_TRACE_UPROBE_SESSION", (6, 13);
    }
}

vocabulary! {
    /// The link types (`enum bpf_link_type` without `UNSPEC`).
    pub enum LinkType {
        RawTracepoint = 1, "raw_tracepoint", "BPF_LINK_TYPE_RAW_TRACEPOINT", (5, 7);
        Tracing = 2, "tracing", "BPF_LINK_TYPE_TRACING", (5, 7);
        Cgroup = 3, "cgroup", "BPF_LINK_TYPE_CGROUP", (5, 7);
        Iter = 4, "iter", "BPF_LINK_TYPE_ITER", (5, 8);
        Netns = 5, "netns", "BPF_LINK_TYPE_NETNS", (5, 8);
        Xdp = 6, "xdp", "BPF_LINK_TYPE_XDP", (5, 9);
        PerfEvent = 7, "perf_event", "BPF_LINK_TYPE_PERF_EVENT", (5, 15);
        KprobeMulti = 8, "kprobe_multi", "BPF_LINK_TYPE_KPROBE_MULTI", (5, 18);
        StructOps = 9, "struct_ops", "BPF_LINK_TYPE_STRUCT_OPS", (6, 4);
        Netfilter = 10, "netfilter", "BPF_LINK_TYPE_NETFILTER", (6, 4);
        Tcx = 11, "tcx", "BPF_LINK_TYPE_TCX", (6, 6);
        UprobeMulti = 12, "uprobe_multi", "BPF_LINK_TYPE_UPROBE_MULTI", (6, 6);
        Netkit = 13, "netkit", "BPF_LINK_TYPE_NETKIT", (6, 7);
        Sockmap = 14, "sockmap", "BPF_LINK_TYPE_SOCKMAP", (6, 10);
    }
}
