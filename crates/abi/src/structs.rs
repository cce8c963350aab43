//! Layouts of the structs that helpers take and return, in the form of [`crate::ctx`].
//!
//! ```
//! use skep_abi::structs::bpf_fib_lookup;
//! assert_eq!((bpf_fib_lookup::dmac.offset, bpf_fib_lookup::LAYOUT.size), (58, 64));
//! ```

use crate::ctx::layout::layouts;

layouts! {
    /// What a flow dissector fills; `ipv4_*` and `ipv6_*` are one union.
    mod bpf_flow_keys "bpf_flow_keys" 56 {
        nhoff: 0, 2, Number;
        thoff: 2, 2, Number;
        addr_proto: 4, 2, Number;
        is_frag: 6, 1, Number;
        is_first_frag: 7, 1, Number;
        is_encap: 8, 1, Number;
        ip_proto: 9, 1, Number;
        n_proto: 10, 2, Number;
        sport: 12, 2, Number;
        dport: 14, 2, Number;
        ipv4_src: 16, 4, Number;
        ipv4_dst: 20, 4, Number;
        ipv6_src: 16, 4 * 4, Number;
        ipv6_dst: 32, 4 * 4, Number;
        flags: 48, 4, Number;
        flow_label: 52, 4, Number;
    }

    /// A TCP socket as `bpf_tcp_sock` returns it.
    mod bpf_tcp_sock "bpf_tcp_sock" 112 {
        snd_cwnd: 0, 4, Whole;
        srtt_us: 4, 4, Whole;
        rtt_min: 8, 4, Whole;
        snd_ssthresh: 12, 4, Whole;
        rcv_nxt: 16, 4, Whole;
        snd_nxt: 20, 4, Whole;
        snd_una: 24, 4, Whole;
        mss_cache: 28, 4, Whole;
        ecn_flags: 32, 4, Whole;
        rate_delivered: 36, 4, Whole;
        rate_interval_us: 40, 4, Whole;
        packets_out: 44, 4, Whole;
        retrans_out: 48, 4, Whole;
        total_retrans: 52, 4, Whole;
        segs_in: 56, 4, Whole;
        data_segs_in: 60, 4, Whole;
        segs_out: 64, 4, Whole;
        data_segs_out: 68, 4, Whole;
        lost_out: 72, 4, Whole;
        sacked_out: 76, 4, Whole;
        bytes_received: 80, 8, Whole;
        bytes_acked: 88, 8, Whole;
        dsack_dups: 96, 4, Whole;
        delivered: 100, 4, Whole;
        delivered_ce: 104, 4, Whole;
        icsk_retransmits: 108, 4, Whole;
    }

    /// An AF_XDP socket as a lookup in a map of them gives it.
    mod bpf_xdp_sock "bpf_xdp_sock" 4 {
        queue_id: 0, 4, Whole;
    }

    /// Question and answer of `bpf_fib_lookup`.
    mod bpf_fib_lookup "bpf_fib_lookup" 64 {
        family: 0, 1, Number;
        l4_protocol: 1, 1, Number;
        sport: 2, 2, Number;
        dport: 4, 2, Number;
        tot_len: 6, 2, Number;
        mtu_result: 6, 2, Number;
        ifindex: 8, 4, Number;
        tos: 12, 1, Number;
        flowinfo: 12, 4, Number;
        rt_metric: 12, 4, Number;
        ipv4_src: 16, 4, Number;
        ipv6_src: 16, 4 * 4, Number;
        ipv4_dst: 32, 4, Number;
        ipv6_dst: 32, 4 * 4, Number;
        h_vlan_proto: 48, 2, Number;
        h_vlan_TCI: 50, 2, Number;
        tbid: 48, 4, Number;
        mark: 52, 4, Number;
        smac: 52, 1 * 6, Number;
        dmac: 58, 1 * 6, Number;
    }

    /// The next hop for `bpf_redirect_neigh`.
    mod bpf_redir_neigh "bpf_redir_neigh" 20 {
        nh_family: 0, 4, Number;
        ipv4_nh: 4, 4, Number;
        ipv6_nh: 4, 4 * 4, Number;
    }

    /// A tunnel's key.
    mod bpf_tunnel_key "bpf_tunnel_key" 44 {
        tunnel_id: 0, 4, Number;
        remote_ipv4: 4, 4, Number;
        remote_ipv6: 4, 4 * 4, Number;
        tunnel_tos: 20, 1, Number;
        tunnel_ttl: 21, 1, Number;
        tunnel_ext: 22, 2, Number;
        tunnel_flags: 22, 2, Number;
        tunnel_label: 24, 4, Number;
        local_ipv4: 28, 4, Number;
        local_ipv6: 28, 4 * 4, Number;
    }

    /// An IPsec state as `bpf_skb_get_xfrm_state` gives it.
    mod bpf_xfrm_state "bpf_xfrm_state" 28 {
        reqid: 0, 4, Number;
        spi: 4, 4, Number;
        family: 8, 2, Number;
        ext: 10, 2, Number;
        remote_ipv4: 12, 4, Number;
        remote_ipv6: 12, 4 * 4, Number;
    }

    /// What `bpf_get_ns_current_pid_tgid` fills.
    mod bpf_pidns_info "bpf_pidns_info" 8 {
        pid: 0, 4, Number;
        tgid: 4, 4, Number;
    }

    /// A counter with its times, in nanoseconds.
    mod bpf_perf_event_value "bpf_perf_event_value" 24 {
        counter: 0, 8, Number;
        enabled: 8, 8, Number;
        running: 16, 8, Number;
    }

    /// One frame of a stack trace by build id; `offset` and `ip` are one union.
    mod bpf_stack_build_id "bpf_stack_build_id" 32 {
        status: 0, 4, Number;
        build_id: 4, 1 * 20, Number;
        offset: 24, 8, Number;
        ip: 24, 8, Number;
    }

    /// Addresses and ports of a socket lookup over IPv4, in network byte order.
    mod bpf_sock_tuple_ipv4 "bpf_sock_tuple" 12 {
        saddr: 0, 4, Number;
        daddr: 4, 4, Number;
        sport: 8, 2, Number;
        dport: 10, 2, Number;
    }

    /// Addresses and ports of a socket lookup over IPv6, in network byte order.
    mod bpf_sock_tuple_ipv6 "bpf_sock_tuple" 36 {
        saddr: 0, 4 * 4, Number;
        daddr: 16, 4 * 4, Number;
        sport: 32, 2, Number;
        dport: 34, 2, Number;
    }
}
