//! Layouts of the contexts: `field: offset, width [* elements], kind;`.
//!
//! Offsets are those of `linux/bpf.h`, `asm/ptrace.h` and `linux/bpf_perf_event.h`; kinds are those of the
//! `*_is_valid_access` functions in the kernel's `net/core/filter.c`, `kernel/bpf/cgroup.c` and
//! `kernel/trace/bpf_trace.c`.

use super::layout::layouts;

layouts! {
    /// What programs on `sk_buff`s see. Addresses and `remote_port` are in network byte order.
    mod sk_buff "__sk_buff" 192 {
        len: 0, 4, Number;
        pkt_type: 4, 4, Number;
        mark: 8, 4, Number;
        queue_mapping: 12, 4, Number;
        protocol: 16, 4, Number;
        vlan_present: 20, 4, Number;
        vlan_tci: 24, 4, Number;
        vlan_proto: 28, 4, Number;
        priority: 32, 4, Number;
        ingress_ifindex: 36, 4, Number;
        ifindex: 40, 4, Number;
        tc_index: 44, 4, Number;
        cb: 48, 4 * 5, Bytes;
        hash: 68, 4, Number;
        tc_classid: 72, 4, Number;
        data: 76, 4, PacketStart;
        data_end: 80, 4, PacketEnd;
        napi_id: 84, 4, Number;
        family: 88, 4, Number;
        remote_ip4: 92, 4, Whole;
        local_ip4: 96, 4, Whole;
        remote_ip6: 100, 4 * 4, Whole;
        local_ip6: 116, 4 * 4, Whole;
        remote_port: 132, 4, Number;
        local_port: 136, 4, Number;
        data_meta: 140, 4, PacketMeta;
        flow_keys: 144, 8, FlowKeys;
        tstamp: 152, 8, Whole;
        wire_len: 160, 4, Number;
        gso_segs: 164, 4, Number;
        sk: 168, 8, SockCommonOrNull;
        gso_size: 176, 4, Number;
        tstamp_type: 180, 1, Whole;
        hwtstamp: 184, 8, Whole;
    }

    /// What XDP programs see.
    mod xdp_md "xdp_md" 24 {
        data: 0, 4, PacketStart;
        data_end: 4, 4, PacketEnd;
        data_meta: 8, 4, PacketMeta;
        ingress_ifindex: 12, 4, Whole;
        rx_queue_index: 16, 4, Whole;
        egress_ifindex: 20, 4, Whole;
    }

    /// A socket: the context of cgroup/sock programs, and what the lookup helpers return. Addresses and
    /// `dst_port` are in network byte order.
    mod bpf_sock "bpf_sock" 80 {
        bound_dev_if: 0, 4, Whole;
        family: 4, 4, Head;
        r#type: 8, 4, Head;
        protocol: 12, 4, Head;
        mark: 16, 4, Whole;
        priority: 20, 4, Whole;
        src_ip4: 24, 4, Number;
        src_ip6: 28, 4 * 4, Number;
        src_port: 44, 4, Head;
        dst_port: 48, 2, Port;
        dst_ip4: 52, 4, Number;
        dst_ip6: 56, 4 * 4, Number;
        state: 72, 4, Head;
        rx_queue_mapping: 76, 4, Head;
    }

    /// What programs on addresses of system calls see. Addresses and ports are in network byte order.
    mod bpf_sock_addr "bpf_sock_addr" 72 {
        user_family: 0, 4, Whole;
        user_ip4: 4, 4, Number;
        user_ip6: 8, 4 * 4, Wide;
        user_port: 24, 4, Number;
        family: 28, 4, Whole;
        r#type: 32, 4, Whole;
        protocol: 36, 4, Whole;
        msg_src_ip4: 40, 4, Number;
        msg_src_ip6: 44, 4 * 4, Wide;
        sk: 64, 8, Socket;
    }

    /// What sock_ops programs see. Remote addresses and ports are in network byte order; `args`,
    /// `reply` and `replylong` are one union.
    mod bpf_sock_ops "bpf_sock_ops" 224 {
        op: 0, 4, Whole;
        args: 4, 4 * 4, Whole;
        reply: 4, 4, Whole;
        replylong: 4, 4 * 4, Whole;
        family: 20, 4, Whole;
        remote_ip4: 24, 4, Whole;
        local_ip4: 28, 4, Whole;
        remote_ip6: 32, 4 * 4, Whole;
        local_ip6: 48, 4 * 4, Whole;
        remote_port: 64, 4, Whole;
        local_port: 68, 4, Whole;
        is_fullsock: 72, 4, Whole;
        snd_cwnd: 76, 4, Whole;
        srtt_us: 80, 4, Whole;
        bpf_sock_ops_cb_flags: 84, 4, Whole;
        state: 88, 4, Whole;
        rtt_min: 92, 4, Whole;
        snd_ssthresh: 96, 4, Whole;
        rcv_nxt: 100, 4, Whole;
        snd_nxt: 104, 4, Whole;
        snd_una: 108, 4, Whole;
        mss_cache: 112, 4, Whole;
        ecn_flags: 116, 4, Whole;
        rate_delivered: 120, 4, Whole;
        rate_interval_us: 124, 4, Whole;
        packets_out: 128, 4, Whole;
        retrans_out: 132, 4, Whole;
        total_retrans: 136, 4, Whole;
        segs_in: 140, 4, Whole;
        data_segs_in: 144, 4, Whole;
        segs_out: 148, 4, Whole;
        data_segs_out: 152, 4, Whole;
        lost_out: 156, 4, Whole;
        sacked_out: 160, 4, Whole;
        sk_txhash: 164, 4, Whole;
        bytes_received: 168, 8, Whole;
        bytes_acked: 176, 8, Whole;
        sk: 184, 8, SocketOrNull;
        skb_data: 192, 8, PacketStart;
        skb_data_end: 200, 8, PacketEnd;
        skb_len: 208, 4, Whole;
        skb_tcp_flags: 212, 4, Head;
        skb_hwtstamp: 216, 8, Whole;
    }

    /// What sk_msg programs see.
    mod sk_msg_md "sk_msg_md" 80 {
        data: 0, 8, PacketStart;
        data_end: 8, 8, PacketEnd;
        family: 16, 4, Whole;
        remote_ip4: 20, 4, Whole;
        local_ip4: 24, 4, Whole;
        remote_ip6: 28, 4 * 4, Whole;
        local_ip6: 44, 4 * 4, Whole;
        remote_port: 60, 4, Whole;
        local_port: 64, 4, Whole;
        size: 68, 4, Whole;
        sk: 72, 8, Socket;
    }

    /// What sk_reuseport programs see.
    mod sk_reuseport_md "sk_reuseport_md" 56 {
        data: 0, 8, PacketStart;
        data_end: 8, 8, PacketEnd;
        len: 16, 4, Number;
        eth_protocol: 20, 4, Halves;
        ip_protocol: 24, 4, Number;
        bind_inany: 28, 4, Number;
        hash: 32, 4, Whole;
        sk: 40, 8, Socket;
        migrating_sk: 48, 8, SockCommonOrNull;
    }

    /// What sk_lookup programs see; `cookie` is only for test runs.
    mod bpf_sk_lookup "bpf_sk_lookup" 72 {
        sk: 0, 8, SocketOrNull;
        cookie: 0, 8, Whole;
        family: 8, 4, Number;
        protocol: 12, 4, Number;
        remote_ip4: 16, 4, Number;
        remote_ip6: 20, 4 * 4, Number;
        remote_port: 36, 2, PaddedPort;
        local_ip4: 40, 4, Number;
        local_ip6: 44, 4 * 4, Number;
        local_port: 60, 4, Number;
        ingress_ifindex: 64, 4, Number;
    }

    /// What cgroup/dev programs see: `access_type` is `(access << 16) | type`.
    mod bpf_cgroup_dev_ctx "bpf_cgroup_dev_ctx" 12 {
        access_type: 0, 4, Number;
        major: 4, 4, Whole;
        minor: 8, 4, Whole;
    }

    /// What cgroup/sysctl programs see.
    mod bpf_sysctl "bpf_sysctl" 8 {
        write: 0, 4, Number;
        file_pos: 4, 4, Number;
    }

    /// What cgroup/getsockopt and setsockopt programs see.
    mod bpf_sockopt "bpf_sockopt" 40 {
        sk: 0, 8, Socket;
        optval: 8, 8, PacketStart;
        optval_end: 16, 8, PacketEnd;
        level: 24, 4, Whole;
        optname: 28, 4, Whole;
        optlen: 32, 4, Whole;
        retval: 36, 4, Whole;
    }

    /// Registers of x86-64 (`struct pt_regs`), as kprobe, uprobe and perf_event programs see them.
    mod pt_regs_x86_64 "pt_regs" 168 {
        r15: 0, 8, Number;
        r14: 8, 8, Number;
        r13: 16, 8, Number;
        r12: 24, 8, Number;
        rbp: 32, 8, Number;
        rbx: 40, 8, Number;
        r11: 48, 8, Number;
        r10: 56, 8, Number;
        r9: 64, 8, Number;
        r8: 72, 8, Number;
        rax: 80, 8, Number;
        rcx: 88, 8, Number;
        rdx: 96, 8, Number;
        rsi: 104, 8, Number;
        rdi: 112, 8, Number;
        orig_rax: 120, 8, Number;
        rip: 128, 8, Number;
        cs: 136, 8, Number;
        eflags: 144, 8, Number;
        rsp: 152, 8, Number;
        ss: 160, 8, Number;
    }

    /// Registers of arm64 (`struct user_pt_regs`), as kprobe, uprobe and perf_event programs see them.
    mod pt_regs_arm64 "user_pt_regs" 272 {
        regs: 0, 8 * 31, Number;
        sp: 248, 8, Number;
        pc: 256, 8, Number;
        pstate: 264, 8, Number;
    }

    /// What perf_event programs see on x86-64: the registers, then the sample.
    mod bpf_perf_event_data_x86_64 "bpf_perf_event_data" 184 {
        regs: 0, 8 * 21, Whole;
        sample_period: 168, 8, Number;
        addr: 176, 8, Number;
    }

    /// What perf_event programs see on arm64: the registers, then the sample.
    mod bpf_perf_event_data_arm64 "bpf_perf_event_data" 288 {
        regs: 0, 8 * 34, Whole;
        sample_period: 272, 8, Number;
        addr: 280, 8, Number;
    }

    /// The raw arguments of a tracepoint, a traced function or a hook (`MAX_BPF_FUNC_ARGS` of them at most).
    mod bpf_raw_tracepoint_args "bpf_raw_tracepoint_args" 96 {
        args: 0, 8 * 12, Number;
    }

    /// What netfilter programs see.
    mod bpf_nf_ctx "bpf_nf_ctx" 16 {
        state: 0, 8, BtfId("nf_hook_state");
        skb: 8, 8, BtfId("sk_buff");
    }

    /// What infrared decoders see: one `u32` of the pulse and space stream.
    mod lirc_mode2 "u32" 4 {
        sample: 0, 4, Whole;
    }
}
