//! What `BPF_OBJ_GET_INFO_BY_FD` of Linux 6.18 tells of maps, programs, types and links, in the form of [`crate::ctx`].
//!
//! ```
//! use skep_abi::info::bpf_map_info;
//! assert_eq!((bpf_map_info::id.offset, bpf_map_info::LAYOUT.size), (4, 104));
//! ```

use crate::ctx::layout::layouts;

layouts! {
    /// `struct bpf_map_info`, as `BPF_OBJ_GET_INFO_BY_FD` fills it.
    mod bpf_map_info "bpf_map_info" 104 {
        r#type: 0, 4, Number;
        id: 4, 4, Number;
        key_size: 8, 4, Number;
        value_size: 12, 4, Number;
        max_entries: 16, 4, Number;
        map_flags: 20, 4, Number;
        name: 24, 1 * 16, Number;
        ifindex: 40, 4, Number;
        btf_vmlinux_value_type_id: 44, 4, Number;
        netns_dev: 48, 8, Number;
        netns_ino: 56, 8, Number;
        btf_id: 64, 4, Number;
        btf_key_type_id: 68, 4, Number;
        btf_value_type_id: 72, 4, Number;
        btf_vmlinux_id: 76, 4, Number;
        map_extra: 80, 8, Number;
        hash: 88, 8, Number;
        hash_size: 96, 4, Number;
    }

    /// `struct bpf_prog_info`, as `BPF_OBJ_GET_INFO_BY_FD` fills it.
    mod bpf_prog_info "bpf_prog_info" 232 {
        r#type: 0, 4, Number;
        id: 4, 4, Number;
        tag: 8, 1 * 8, Number;
        jited_prog_len: 16, 4, Number;
        xlated_prog_len: 20, 4, Number;
        jited_prog_insns: 24, 8, Number;
        xlated_prog_insns: 32, 8, Number;
        load_time: 40, 8, Number;
        created_by_uid: 48, 4, Number;
        nr_map_ids: 52, 4, Number;
        map_ids: 56, 8, Number;
        name: 64, 1 * 16, Number;
        ifindex: 80, 4, Number;
        gpl_compatible: 84, 4, Number;
        netns_dev: 88, 8, Number;
        netns_ino: 96, 8, Number;
        nr_jited_ksyms: 104, 4, Number;
        nr_jited_func_lens: 108, 4, Number;
        jited_ksyms: 112, 8, Number;
        jited_func_lens: 120, 8, Number;
        btf_id: 128, 4, Number;
        func_info_rec_size: 132, 4, Number;
        func_info: 136, 8, Number;
        nr_func_info: 144, 4, Number;
        nr_line_info: 148, 4, Number;
        line_info: 152, 8, Number;
        jited_line_info: 160, 8, Number;
        nr_jited_line_info: 168, 4, Number;
        line_info_rec_size: 172, 4, Number;
        jited_line_info_rec_size: 176, 4, Number;
        nr_prog_tags: 180, 4, Number;
        prog_tags: 184, 8, Number;
        run_time_ns: 192, 8, Number;
        run_cnt: 200, 8, Number;
        recursion_misses: 208, 8, Number;
        verified_insns: 216, 4, Number;
        attach_btf_obj_id: 220, 4, Number;
        attach_btf_id: 224, 4, Number;
    }

    /// `struct bpf_btf_info`, as `BPF_OBJ_GET_INFO_BY_FD` fills it.
    mod bpf_btf_info "bpf_btf_info" 32 {
        btf: 0, 8, Number;
        btf_size: 8, 4, Number;
        id: 12, 4, Number;
        name: 16, 8, Number;
        name_len: 24, 4, Number;
        kernel_btf: 28, 4, Number;
    }

    /// `struct bpf_link_info`, as `BPF_OBJ_GET_INFO_BY_FD` fills it.
    mod bpf_link_info "bpf_link_info" 64 {
        r#type: 0, 4, Number;
        id: 4, 4, Number;
        prog_id: 8, 4, Number;
    }

    /// What `bpf_link_info` says of `raw_tracepoint` links.
    mod bpf_link_info_raw_tracepoint "bpf_link_info" 64 {
        tp_name: 16, 8, Number;
        tp_name_len: 24, 4, Number;
        cookie: 32, 8, Number;
    }

    /// What `bpf_link_info` says of `tracing` links.
    mod bpf_link_info_tracing "bpf_link_info" 64 {
        attach_type: 16, 4, Number;
        target_obj_id: 20, 4, Number;
        target_btf_id: 24, 4, Number;
        cookie: 32, 8, Number;
    }

    /// What `bpf_link_info` says of `cgroup` links.
    mod bpf_link_info_cgroup "bpf_link_info" 64 {
        cgroup_id: 16, 8, Number;
        attach_type: 24, 4, Number;
    }

    /// What `bpf_link_info` says of `iter` links.
    mod bpf_link_info_iter "bpf_link_info" 64 {
        target_name: 16, 8, Number;
        target_name_len: 24, 4, Number;
    }

    /// What `bpf_link_info` says of `iter_map` links.
    mod bpf_link_info_iter_map "bpf_link_info" 64 {
        map_id: 28, 4, Number;
    }

    /// What `bpf_link_info` says of `iter_cgroup` links.
    mod bpf_link_info_iter_cgroup "bpf_link_info" 64 {
        cgroup_id: 32, 8, Number;
        order: 40, 4, Number;
    }

    /// What `bpf_link_info` says of `iter_task` links.
    mod bpf_link_info_iter_task "bpf_link_info" 64 {
        tid: 32, 4, Number;
        pid: 36, 4, Number;
    }

    /// What `bpf_link_info` says of `netns` links.
    mod bpf_link_info_netns "bpf_link_info" 64 {
        netns_ino: 16, 4, Number;
        attach_type: 20, 4, Number;
    }

    /// What `bpf_link_info` says of `xdp` links.
    mod bpf_link_info_xdp "bpf_link_info" 64 {
        ifindex: 16, 4, Number;
    }

    /// What `bpf_link_info` says of `struct_ops` links.
    mod bpf_link_info_struct_ops "bpf_link_info" 64 {
        map_id: 16, 4, Number;
    }

    /// What `bpf_link_info` says of `netfilter` links.
    mod bpf_link_info_netfilter "bpf_link_info" 64 {
        pf: 16, 4, Number;
        hooknum: 20, 4, Number;
        priority: 24, 4, Number;
        flags: 28, 4, Number;
    }

    /// What `bpf_link_info` says of `kprobe_multi` links.
    mod bpf_link_info_kprobe_multi "bpf_link_info" 64 {
        addrs: 16, 8, Number;
        count: 24, 4, Number;
        flags: 28, 4, Number;
        missed: 32, 8, Number;
        cookies: 40, 8, Number;
    }

    /// What `bpf_link_info` says of `uprobe_multi` links.
    mod bpf_link_info_uprobe_multi "bpf_link_info" 64 {
        path: 16, 8, Number;
        offsets: 24, 8, Number;
        ref_ctr_offsets: 32, 8, Number;
        cookies: 40, 8, Number;
        path_size: 48, 4, Number;
        count: 52, 4, Number;
        flags: 56, 4, Number;
        pid: 60, 4, Number;
    }

    /// What `bpf_link_info` says of `perf_event` links.
    mod bpf_link_info_perf_event "bpf_link_info" 64 {
        r#type: 16, 4, Number;
    }

    /// What `bpf_link_info` says of `perf_event_uprobe` links.
    mod bpf_link_info_perf_event_uprobe "bpf_link_info" 64 {
        file_name: 24, 8, Number;
        name_len: 32, 4, Number;
        offset: 36, 4, Number;
        cookie: 40, 8, Number;
        ref_ctr_offset: 48, 8, Number;
    }

    /// What `bpf_link_info` says of `perf_event_kprobe` links.
    mod bpf_link_info_perf_event_kprobe "bpf_link_info" 64 {
        func_name: 24, 8, Number;
        name_len: 32, 4, Number;
        offset: 36, 4, Number;
        addr: 40, 8, Number;
        missed: 48, 8, Number;
        cookie: 56, 8, Number;
    }

    /// What `bpf_link_info` says of `perf_event_tracepoint` links.
    mod bpf_link_info_perf_event_tracepoint "bpf_link_info" 64 {
        tp_name: 24, 8, Number;
        name_len: 32, 4, Number;
        cookie: 40, 8, Number;
    }

    /// What `bpf_link_info` says of `perf_event_event` links.
    mod bpf_link_info_perf_event_event "bpf_link_info" 64 {
        config: 24, 8, Number;
        r#type: 32, 4, Number;
        cookie: 40, 8, Number;
    }

    /// What `bpf_link_info` says of `tcx` links.
    mod bpf_link_info_tcx "bpf_link_info" 64 {
        ifindex: 16, 4, Number;
        attach_type: 20, 4, Number;
    }

    /// What `bpf_link_info` says of `netkit` links.
    mod bpf_link_info_netkit "bpf_link_info" 64 {
        ifindex: 16, 4, Number;
        attach_type: 20, 4, Number;
    }

    /// What `bpf_link_info` says of `sockmap` links.
    mod bpf_link_info_sockmap "bpf_link_info" 64 {
        map_id: 16, 4, Number;
        attach_type: 20, 4, Number;
    }
}
