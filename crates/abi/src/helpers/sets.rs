//! Which helpers which programs may call, as sets of helpers and the sets of each program type.
//!
//! The sets are the `*_func_proto` functions of Linux 6.12 (`kernel/bpf/helpers.c`, `kernel/trace/bpf_trace.c`,
//! `net/core/filter.c`, `kernel/bpf/cgroup.c`, `kernel/bpf/syscall.c`, `kernel/bpf/bpf_lsm.c`,
//! `drivers/media/rc/bpf-lirc.c`); `since` and `before` are what a kernel 6.18 does otherwise. A change between the
//! two is dated 6.18, the release that it was seen in.

use super::allowed::{Need, Set};
use super::func::*;
use crate::KernelVersion;
use crate::ProgType::{self, *};

macro_rules! version {
    ($major:literal, $minor:literal) => {
        Some(KernelVersion::new($major, $minor))
    };
    () => {
        None
    };
}

macro_rules! sets {
    ($(
        $(#[$doc:meta])*
        $name:ident: $need:ident
            $(, since ($since_major:literal, $since_minor:literal))?
            $(, before ($before_major:literal, $before_minor:literal))?
            { $($helper:ident)* }
    )*) => {
        $(
            $(#[$doc])*
            const $name: Set = Set {
                need: Need::$need,
                since: version!($($since_major, $since_minor)?),
                before: version!($($before_major, $before_minor)?),
                helpers: &[ $($helper),* ],
            };
        )*
    };
}

sets! {
    /// What every program type has, whoever loads it.
    BASE: Nothing {
        map_lookup_elem map_update_elem map_delete_elem ktime_get_ns get_prandom_u32 get_smp_processor_id
        tail_call get_current_pid_tgid get_numa_node_id map_push_elem map_pop_elem map_peek_elem strtol
        strtoul get_ns_current_pid_tgid ktime_get_boot_ns ringbuf_output ringbuf_reserve ringbuf_submit
        ringbuf_discard ringbuf_query strncmp map_lookup_percpu_elem ktime_get_tai_ns
    }
    /// What every program type has besides with CAP_BPF.
    BASE_BPF: Bpf {
        get_current_cgroup_id spin_lock spin_unlock jiffies64 get_current_ancestor_cgroup_id per_cpu_ptr
        this_cpu_ptr for_each_map_elem timer_init timer_set_callback timer_start timer_cancel r#loop
        kptr_xchg dynptr_from_mem ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr
        dynptr_read dynptr_write dynptr_data user_ringbuf_drain cgrp_storage_get cgrp_storage_delete
    }
    /// What every program type has besides with CAP_PERFMON.
    BASE_PERFMON: Perfmon {
        trace_printk get_current_task probe_read_user probe_read_kernel probe_read_user_str
        probe_read_kernel_str snprintf_btf get_current_task_btf snprintf task_pt_regs trace_vprintk
    }
    /// What every program type has besides with CAP_BPF since some kernel after 6.12.
    NEWER_BPF: Bpf, since (6, 18) {
        get_current_uid_gid get_cgroup_classid current_task_under_cgroup task_storage_get task_storage_delete
    }
    /// What every program type has besides with CAP_PERFMON since some kernel after 6.12.
    NEWER_PERFMON: Perfmon, since (6, 18) {
        get_current_comm perf_event_read perf_event_read_value send_signal send_signal_thread get_task_stack
        copy_from_user get_branch_snapshot find_vma copy_from_user_task
    }
    /// What networking programs have besides.
    SOCKETS: Nothing {
        ktime_get_coarse_ns
    }
    /// What networking programs have besides with CAP_PERFMON.
    SOCKETS_PERFMON: Perfmon {
        skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock
        skc_to_unix_sock skc_to_mptcp_sock
    }
    /// What packet programs have since some kernel after 6.12.
    NETNS_COOKIE: Nothing, since (6, 18) {
        get_netns_cookie
    }
    /// What programs attached to cgroups have besides.
    CGROUP: Nothing {
        get_local_storage get_retval set_retval
    }
    /// What programs attached to cgroups know of the running task before some kernel after 6.12.
    CURRENT: Nothing, before (6, 18) {
        get_current_uid_gid get_current_comm get_cgroup_classid current_task_under_cgroup
    }
    /// What is left of that.
    CURRENT_NEWER: Nothing, since (6, 18) {
        get_current_uid_gid get_cgroup_classid current_task_under_cgroup
    }
    /// What tracing programs have besides.
    TRACING: Nothing {
        probe_read get_current_uid_gid get_current_comm perf_event_read probe_write_user
        current_task_under_cgroup probe_read_str perf_event_read_value send_signal send_signal_thread
        get_task_stack copy_from_user task_storage_get task_storage_delete get_func_ip get_branch_snapshot
        find_vma copy_from_user_task
    }
    KPROBE: Nothing {
        perf_event_output get_stackid override_return get_stack get_func_ip get_attach_cookie
    }
    TRACEPOINT: Nothing {
        perf_event_output get_stackid get_stack get_attach_cookie
    }
    PERF_EVENT: Nothing {
        perf_event_output get_stackid perf_prog_read_value get_stack read_branch_records get_attach_cookie
    }
    RAW_TRACEPOINT: Nothing {
        perf_event_output get_stackid get_stack get_attach_cookie
    }
    TYPED_TRACING: Nothing {
        get_socket_cookie sk_storage_get sk_storage_delete skb_output xdp_output seq_printf seq_write
        skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock
        d_path seq_printf_btf sock_from_file get_attach_cookie skc_to_unix_sock get_func_arg get_func_ret
        get_func_arg_cnt xdp_get_buff_len skc_to_mptcp_sock
    }
    SOCKET_FILTER: Nothing {
        perf_event_output skb_load_bytes get_socket_cookie get_socket_uid skb_load_bytes_relative
    }
    CGROUP_SKB: Nothing {
        perf_event_output skb_cgroup_id skb_ancestor_cgroup_id sk_lookup_tcp sk_lookup_udp sk_release
        sk_fullsock tcp_sock skb_ecn_set_ce get_listener_sock skc_lookup_tcp sk_storage_get sk_storage_delete
        sk_cgroup_id sk_ancestor_cgroup_id
    }
    CGROUP_SOCK: Nothing {
        perf_event_output get_socket_cookie sk_storage_get get_netns_cookie ktime_get_coarse_ns
    }
    CGROUP_SOCK_ADDR: Nothing {
        perf_event_output get_socket_cookie setsockopt getsockopt bind sk_lookup_tcp sk_lookup_udp sk_release
        skc_lookup_tcp sk_storage_get sk_storage_delete get_netns_cookie
    }
    TC: Nothing {
        get_smp_processor_id skb_store_bytes l3_csum_replace l4_csum_replace clone_redirect
        get_cgroup_classid skb_vlan_push skb_vlan_pop skb_get_tunnel_key skb_set_tunnel_key redirect
        get_route_realm perf_event_output skb_load_bytes csum_diff skb_get_tunnel_opt skb_set_tunnel_opt
        skb_change_proto skb_change_type skb_under_cgroup get_hash_recalc skb_change_tail skb_pull_data
        csum_update set_hash_invalid skb_change_head get_socket_cookie get_socket_uid set_hash
        skb_adjust_room skb_get_xfrm_state skb_load_bytes_relative fib_lookup skb_cgroup_id
        skb_ancestor_cgroup_id sk_lookup_tcp sk_lookup_udp sk_release sk_fullsock tcp_sock skb_ecn_set_ce
        get_listener_sock skc_lookup_tcp tcp_check_syncookie sk_storage_get sk_storage_delete
        tcp_gen_syncookie sk_assign csum_level skb_cgroup_classid redirect_neigh redirect_peer check_mtu
        skb_set_tstamp tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 tcp_raw_check_syncookie_ipv4
        tcp_raw_check_syncookie_ipv6
    }
    XDP: Nothing {
        get_smp_processor_id redirect perf_event_output csum_diff xdp_adjust_head redirect_map
        xdp_adjust_meta xdp_adjust_tail fib_lookup sk_lookup_tcp sk_lookup_udp sk_release skc_lookup_tcp
        tcp_check_syncookie tcp_gen_syncookie check_mtu xdp_get_buff_len xdp_load_bytes xdp_store_bytes
        tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 tcp_raw_check_syncookie_ipv4
        tcp_raw_check_syncookie_ipv6
    }
    SOCK_OPS: Nothing {
        perf_event_output get_socket_cookie setsockopt sock_map_update getsockopt sock_ops_cb_flags_set
        sock_hash_update tcp_sock sk_storage_get sk_storage_delete get_netns_cookie load_hdr_opt
        store_hdr_opt reserve_hdr_opt
    }
    SK_MSG: Nothing {
        get_current_uid_gid get_cgroup_classid perf_event_output msg_redirect_map msg_apply_bytes
        msg_cork_bytes msg_pull_data msg_redirect_hash msg_push_data msg_pop_data sk_storage_get
        sk_storage_delete get_netns_cookie
    }
    SK_SKB: Nothing {
        skb_store_bytes perf_event_output skb_load_bytes skb_change_tail skb_pull_data skb_change_head
        get_socket_cookie get_socket_uid skb_adjust_room sk_redirect_map sk_redirect_hash sk_lookup_tcp
        sk_lookup_udp sk_release skc_lookup_tcp
    }
    FLOW_DISSECTOR: Nothing {
        skb_load_bytes
    }
    LWT: Nothing {
        get_smp_processor_id get_cgroup_classid get_route_realm perf_event_output skb_load_bytes csum_diff
        skb_under_cgroup get_hash_recalc skb_pull_data
    }
    LWT_IN: Nothing {
        lwt_push_encap
    }
    LWT_XMIT: Nothing {
        skb_store_bytes l3_csum_replace l4_csum_replace clone_redirect skb_get_tunnel_key skb_set_tunnel_key
        redirect skb_get_tunnel_opt skb_set_tunnel_opt skb_change_tail csum_update set_hash_invalid
        skb_change_head lwt_push_encap csum_level
    }
    LWT_SEG6: Nothing {
        lwt_seg6_store_bytes lwt_seg6_adjust_srh lwt_seg6_action
    }
    SK_REUSEPORT: Nothing {
        skb_load_bytes get_socket_cookie skb_load_bytes_relative sk_select_reuseport ktime_get_coarse_ns
    }
    SK_LOOKUP: Nothing {
        perf_event_output sk_release sk_assign
    }
    CGROUP_DEVICE: Nothing {
        perf_event_output
    }
    CGROUP_SYSCTL: Nothing {
        perf_event_output sysctl_get_name sysctl_get_current_value sysctl_get_new_value sysctl_set_new_value
        ktime_get_coarse_ns
    }
    CGROUP_SOCKOPT: Nothing {
        perf_event_output setsockopt getsockopt tcp_sock sk_storage_get sk_storage_delete get_netns_cookie
    }
    SYSCALL: Nothing {
        btf_find_by_name_kind sys_close kallsyms_lookup_name
    }
    SYSCALL_PERFMON: Perfmon {
        sys_bpf
    }
    LSM: Nothing {
        setsockopt getsockopt spin_lock spin_unlock sk_storage_get sk_storage_delete inode_storage_get
        inode_storage_delete bprm_opts_set ima_inode_hash get_attach_cookie ima_file_hash
    }
    LIRC: Nothing {
        map_lookup_elem map_update_elem map_delete_elem ktime_get_ns get_prandom_u32 tail_call rc_repeat
        rc_keydown map_push_elem map_pop_elem map_peek_elem rc_pointer_rel ktime_get_boot_ns
    }
    LIRC_PERFMON: Perfmon {
        trace_printk
    }
}

/// The sets of a program type; the first that has a helper decides what it needs. `None` when the type alone does not
/// say: an extension has what the program it extends has.
pub(super) fn sets(prog: ProgType) -> Option<&'static [&'static [&'static Set]]> {
    const ANY: &[&Set] = &[&BASE, &BASE_BPF, &BASE_PERFMON, &NEWER_BPF, &NEWER_PERFMON];
    const SOCK: &[&Set] = &[&SOCKETS, &SOCKETS_PERFMON];
    const TASK: &[&Set] = &[&CGROUP, &CURRENT, &CURRENT_NEWER];
    const TYPED: &[&Set] = &[&TYPED_TRACING, &RAW_TRACEPOINT, &TRACING];
    Some(match prog {
        SocketFilter => &[&[&SOCKET_FILTER, &NETNS_COOKIE], SOCK, ANY],
        Kprobe => &[&[&KPROBE, &TRACING], ANY],
        SchedCls | SchedAct => &[&[&TC, &NETNS_COOKIE], SOCK, ANY],
        Tracepoint => &[&[&TRACEPOINT, &TRACING], ANY],
        Xdp => &[&[&XDP], SOCK, ANY],
        PerfEvent => &[&[&PERF_EVENT, &TRACING], ANY],
        CgroupSkb => &[&[&CGROUP, &CGROUP_SKB, &SOCKET_FILTER, &NETNS_COOKIE], SOCK, ANY],
        CgroupSock => &[TASK, &[&CGROUP_SOCK], ANY],
        LwtIn => &[&[&LWT_IN, &LWT], SOCK, ANY],
        LwtOut => &[&[&LWT], SOCK, ANY],
        LwtXmit => &[&[&LWT_XMIT, &LWT], SOCK, ANY],
        LwtSeg6local => &[&[&LWT_SEG6, &LWT], SOCK, ANY],
        SockOps => &[&[&CGROUP, &SOCK_OPS], SOCK, ANY],
        SkSkb => &[&[&SK_SKB], SOCK, ANY],
        CgroupDevice => &[TASK, &[&CGROUP_DEVICE], ANY],
        SkMsg => &[&[&SK_MSG], SOCK, ANY],
        RawTracepoint | RawTracepointWritable => &[&[&RAW_TRACEPOINT, &TRACING], ANY],
        CgroupSockAddr => &[TASK, &[&CGROUP_SOCK_ADDR], SOCK, ANY],
        LircMode2 => &[&[&LIRC, &LIRC_PERFMON]],
        SkReuseport => &[&[&SK_REUSEPORT], ANY],
        FlowDissector => &[&[&FLOW_DISSECTOR], SOCK, ANY],
        CgroupSysctl => &[TASK, &[&CGROUP_SYSCTL], ANY],
        CgroupSockopt => &[TASK, &[&CGROUP_SOCKOPT], ANY],
        Tracing => &[TYPED, ANY],
        StructOps => &[ANY],
        Lsm => &[&[&LSM], TYPED, ANY],
        SkLookup => &[&[&SK_LOOKUP], SOCK, ANY],
        // What tracing programs have by themselves up to 6.12 is for those with CAP_PERFMON since.
        Syscall => &[&[&SYSCALL, &SYSCALL_PERFMON, &NEWER_BPF, &NEWER_PERFMON], TYPED, ANY],
        Netfilter => &[ANY],
        Ext => return None,
    })
}
