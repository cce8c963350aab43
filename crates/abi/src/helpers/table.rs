//! One row for each helper of Linux 6.12 and 6.18: `id name (since) [argument: type, ...] -> result, attributes;`.
//!
//! Ids, names and argument names are those of `linux/bpf.h`; types and attributes are those of the `bpf_func_proto`
//! values in `kernel/bpf/helpers.c`, `kernel/trace/bpf_trace.c`, `net/core/filter.c` and the few other files that
//! define one. Attributes: `gpl` (GPL-compatible programs only), `packet` (memory arguments may be packet bytes),
//! `sleeps` (sleepable programs only), `fast` (`bpf_fastcall`).

use super::Helper;
use super::build::*;
use super::proto::Dynptr;
use crate::KernelVersion;

macro_rules! attributes {
    ($proto:expr,) => { $proto };
    ($proto:expr, $first:ident $($rest:ident)*) => { attributes!($first($proto), $($rest)*) };
}

macro_rules! helpers {
    ($(
        $id:literal $name:ident ($major:literal, $minor:literal) [$($arg:tt: $type:expr),*]
            -> $ret:expr $(, $($attribute:ident)+)?;
    )*) => {
        /// Every helper; the one with id `n` at index `n - 1`.
        pub static HELPERS: &[Helper] = &[ $( Helper {
            id: $id,
            name: crate::name::bare(stringify!($name)),
            since: KernelVersion::new($major, $minor),
            arg_names: &[ $( stringify!($arg) ),* ],
            proto: attributes!(proto($ret, &[ $( $type ),* ]), $($($attribute)+)?),
        }, )* ];

        /// The ids, spelled as behind `BPF_FUNC_`.
        #[expect(non_upper_case_globals, reason = "the UAPI spelling")]
        pub mod func {
            $(
                #[doc = concat!("`bpf_", stringify!($name), "`, since Linux ", $major, ".", $minor, ".")]
                pub const $name: u32 = $id;
            )*
        }
    };
}

helpers! {
    1 map_lookup_elem (3, 19) [map: MAP, key: KEY] -> maybe(RET_VALUE), packet;
    2 map_update_elem (3, 19) [map: MAP, key: KEY, value: VALUE, flags: ANY] -> INT, packet;
    3 map_delete_elem (3, 19) [map: MAP, key: KEY] -> INT, packet;
    4 probe_read (4, 1) [dst: MEM_OUT, size: SIZE0, unsafe_ptr: ANY] -> INT, gpl;
    5 ktime_get_ns (4, 1) [] -> INT;
    6 trace_printk (4, 1) [fmt: MEM_IN, fmt_size: SIZE] -> INT, gpl;
    7 get_prandom_u32 (4, 1) [] -> INT;
    8 get_smp_processor_id (4, 1) [] -> INT, fast;
    9 skb_store_bytes (4, 1) [skb: CTX, offset: ANY, from: MEM_IN, len: SIZE, flags: ANY] -> INT;
    10 l3_csum_replace (4, 1) [skb: CTX, offset: ANY, from: ANY, to: ANY, size: ANY] -> INT;
    11 l4_csum_replace (4, 1) [skb: CTX, offset: ANY, from: ANY, to: ANY, flags: ANY] -> INT;
    12 tail_call (4, 2) [ctx: CTX, prog_array_map: MAP, index: ANY] -> VOID;
    13 clone_redirect (4, 2) [skb: CTX, ifindex: ANY, flags: ANY] -> INT;
    14 get_current_pid_tgid (4, 2) [] -> INT;
    15 get_current_uid_gid (4, 2) [] -> INT;
    16 get_current_comm (4, 2) [buf: MEM_OUT, size_of_buf: SIZE] -> INT;
    17 get_cgroup_classid (4, 3) [skb: CTX] -> INT;
    18 skb_vlan_push (4, 3) [skb: CTX, vlan_proto: ANY, vlan_tci: ANY] -> INT;
    19 skb_vlan_pop (4, 3) [skb: CTX] -> INT;
    20 skb_get_tunnel_key (4, 3) [skb: CTX, key: MEM_OUT, size: SIZE, flags: ANY] -> INT;
    21 skb_set_tunnel_key (4, 3) [skb: CTX, key: MEM_IN, size: SIZE, flags: ANY] -> INT;
    22 perf_event_read (4, 3) [map: MAP, flags: ANY] -> INT, gpl;
    23 redirect (4, 4) [ifindex: ANY, flags: ANY] -> INT;
    24 get_route_realm (4, 4) [skb: CTX] -> INT;
    25 perf_event_output (4, 4) [ctx: CTX, map: MAP, flags: ANY, data: MEM_IN, size: SIZE0] -> INT, gpl;
    26 skb_load_bytes (4, 5) [skb: CTX, offset: ANY, to: MEM_OUT, len: SIZE] -> INT;
    27 get_stackid (4, 6) [ctx: CTX, map: MAP, flags: ANY] -> INT, gpl;
    28 csum_diff (4, 6)
        [from: or_null(MEM_IN), from_size: SIZE0, to: or_null(MEM_IN), to_size: SIZE0, seed: ANY]
        -> INT, packet;
    29 skb_get_tunnel_opt (4, 6) [skb: CTX, opt: MEM_OUT, size: SIZE] -> INT;
    30 skb_set_tunnel_opt (4, 6) [skb: CTX, opt: MEM_IN, size: SIZE] -> INT;
    31 skb_change_proto (4, 8) [skb: CTX, proto: ANY, flags: ANY] -> INT;
    32 skb_change_type (4, 8) [skb: CTX, type: ANY] -> INT;
    33 skb_under_cgroup (4, 8) [skb: CTX, map: MAP, index: ANY] -> INT;
    34 get_hash_recalc (4, 8) [skb: CTX] -> INT;
    35 get_current_task (4, 8) [] -> INT, gpl;
    36 probe_write_user (4, 8) [dst: ANY, src: MEM_IN, len: SIZE] -> INT, gpl;
    37 current_task_under_cgroup (4, 9) [map: MAP, index: ANY] -> INT;
    38 skb_change_tail (4, 9) [skb: CTX, len: ANY, flags: ANY] -> INT;
    39 skb_pull_data (4, 9) [skb: CTX, len: ANY] -> INT;
    40 csum_update (4, 9) [skb: CTX, csum: ANY] -> INT;
    41 set_hash_invalid (4, 9) [skb: CTX] -> INT;
    42 get_numa_node_id (4, 10) [] -> INT;
    43 skb_change_head (4, 10) [skb: CTX, len: ANY, flags: ANY] -> INT;
    44 xdp_adjust_head (4, 10) [xdp_md: CTX, delta: ANY] -> INT;
    45 probe_read_str (4, 11) [dst: MEM_OUT, size: SIZE0, unsafe_ptr: ANY] -> INT, gpl;
    46 get_socket_cookie (4, 12) [skb: CTX] -> INT;
    47 get_socket_uid (4, 12) [skb: CTX] -> INT;
    48 set_hash (4, 13) [skb: CTX, hash: ANY] -> INT;
    49 setsockopt (4, 13) [bpf_socket: CTX, level: ANY, optname: ANY, optval: MEM_IN, optlen: SIZE] -> INT;
    50 skb_adjust_room (4, 13) [skb: CTX, len_diff: ANY, mode: ANY, flags: ANY] -> INT;
    51 redirect_map (4, 14) [map: MAP, key: ANY, flags: ANY] -> INT;
    52 sk_redirect_map (4, 14) [skb: CTX, map: MAP, key: ANY, flags: ANY] -> INT;
    53 sock_map_update (4, 14) [skops: CTX, map: MAP, key: KEY, flags: ANY] -> INT, packet;
    54 xdp_adjust_meta (4, 15) [xdp_md: CTX, delta: ANY] -> INT;
    55 perf_event_read_value (4, 15) [map: MAP, flags: ANY, buf: MEM_OUT, buf_size: SIZE] -> INT, gpl;
    56 perf_prog_read_value (4, 15) [ctx: CTX, buf: MEM_OUT, buf_size: SIZE] -> INT, gpl;
    57 getsockopt (4, 15) [bpf_socket: CTX, level: ANY, optname: ANY, optval: MEM_OUT, optlen: SIZE] -> INT;
    58 override_return (4, 16) [regs: CTX, rc: ANY] -> INT, gpl;
    59 sock_ops_cb_flags_set (4, 16) [bpf_sock: CTX, argval: ANY] -> INT;
    60 msg_redirect_map (4, 17) [msg: CTX, map: MAP, key: ANY, flags: ANY] -> INT;
    61 msg_apply_bytes (4, 17) [msg: CTX, bytes: ANY] -> INT;
    62 msg_cork_bytes (4, 17) [msg: CTX, bytes: ANY] -> INT;
    63 msg_pull_data (4, 17) [msg: CTX, start: ANY, end: ANY, flags: ANY] -> INT;
    64 bind (4, 17) [ctx: CTX, addr: MEM_IN, addr_len: SIZE] -> INT;
    65 xdp_adjust_tail (4, 18) [xdp_md: CTX, delta: ANY] -> INT;
    66 skb_get_xfrm_state (4, 18) [skb: CTX, index: ANY, xfrm_state: MEM_OUT, size: SIZE, flags: ANY] -> INT;
    67 get_stack (4, 18) [ctx: CTX, buf: MEM_OUT, size: SIZE0, flags: ANY] -> INT, gpl;
    68 skb_load_bytes_relative (4, 18) [skb: CTX, offset: ANY, to: MEM_OUT, len: SIZE, start_header: ANY]
        -> INT;
    69 fib_lookup (4, 18) [ctx: CTX, params: MEM_IN_OUT, plen: SIZE, flags: ANY] -> INT, gpl;
    70 sock_hash_update (4, 18) [skops: CTX, map: MAP, key: KEY, flags: ANY] -> INT, packet;
    71 msg_redirect_hash (4, 18) [msg: CTX, map: MAP, key: KEY, flags: ANY] -> INT;
    72 sk_redirect_hash (4, 18) [skb: CTX, map: MAP, key: KEY, flags: ANY] -> INT;
    73 lwt_push_encap (4, 18) [skb: CTX, type: ANY, hdr: MEM_IN, len: SIZE] -> INT;
    74 lwt_seg6_store_bytes (4, 18) [skb: CTX, offset: ANY, from: MEM_IN, len: SIZE] -> INT;
    75 lwt_seg6_adjust_srh (4, 18) [skb: CTX, offset: ANY, delta: ANY] -> INT;
    76 lwt_seg6_action (4, 18) [skb: CTX, action: ANY, param: MEM_IN, param_len: SIZE] -> INT;
    77 rc_repeat (4, 18) [ctx: CTX] -> INT, gpl;
    78 rc_keydown (4, 18) [ctx: CTX, protocol: ANY, scancode: ANY, toggle: ANY] -> INT, gpl;
    79 skb_cgroup_id (4, 18) [skb: CTX] -> INT;
    80 get_current_cgroup_id (4, 18) [] -> INT;
    81 get_local_storage (4, 19) [map: MAP, flags: ANY] -> RET_VALUE;
    82 sk_select_reuseport (4, 19) [reuse: CTX, map: MAP, key: KEY, flags: ANY] -> INT;
    83 skb_ancestor_cgroup_id (4, 19) [skb: CTX, ancestor_level: ANY] -> INT;
    84 sk_lookup_tcp (4, 20) [ctx: CTX, tuple: MEM_IN, tuple_size: SIZE0, netns: ANY, flags: ANY]
        -> maybe(RET_SOCKET), packet;
    85 sk_lookup_udp (4, 20) [ctx: CTX, tuple: MEM_IN, tuple_size: SIZE0, netns: ANY, flags: ANY]
        -> maybe(RET_SOCKET), packet;
    86 sk_release (4, 20) [sock: release(SOCK_BTF)] -> INT;
    87 map_push_elem (4, 20) [map: MAP, value: VALUE, flags: ANY] -> INT, packet;
    88 map_pop_elem (4, 20) [map: MAP, value: VALUE_OUT] -> INT;
    89 map_peek_elem (4, 20) [map: MAP, value: VALUE_OUT] -> INT;
    90 msg_push_data (4, 20) [msg: CTX, start: ANY, len: ANY, flags: ANY] -> INT;
    91 msg_pop_data (5, 0) [msg: CTX, start: ANY, len: ANY, flags: ANY] -> INT;
    92 rc_pointer_rel (5, 0) [ctx: CTX, rel_x: ANY, rel_y: ANY] -> INT, gpl;
    93 spin_lock (5, 1) [lock: SPIN_LOCK] -> VOID;
    94 spin_unlock (5, 1) [lock: SPIN_LOCK] -> VOID;
    95 sk_fullsock (5, 1) [sk: SOCK_COMMON] -> maybe(RET_SOCKET);
    96 tcp_sock (5, 1) [sk: SOCK_COMMON] -> maybe(RET_TCP_SOCK);
    97 skb_ecn_set_ce (5, 1) [skb: CTX] -> INT;
    98 get_listener_sock (5, 1) [sk: SOCK_COMMON] -> maybe(RET_SOCKET);
    99 skc_lookup_tcp (5, 2) [ctx: CTX, tuple: MEM_IN, tuple_size: SIZE0, netns: ANY, flags: ANY]
        -> maybe(RET_SOCK_COMMON), packet;
    100 tcp_check_syncookie (5, 2) [sk: SOCK_BTF, iph: MEM_IN, iph_len: SIZE, th: MEM_IN, th_len: SIZE]
        -> INT, gpl packet;
    101 sysctl_get_name (5, 2) [ctx: CTX, buf: MEM_IN_OUT, buf_len: SIZE, flags: ANY] -> INT;
    102 sysctl_get_current_value (5, 2) [ctx: CTX, buf: MEM_OUT, buf_len: SIZE] -> INT;
    103 sysctl_get_new_value (5, 2) [ctx: CTX, buf: MEM_OUT, buf_len: SIZE] -> INT;
    104 sysctl_set_new_value (5, 2) [ctx: CTX, buf: MEM_IN, buf_len: SIZE] -> INT;
    105 strtol (5, 2) [buf: MEM_IN, buf_len: SIZE, flags: ANY, res: fixed_out(8)] -> INT;
    106 strtoul (5, 2) [buf: MEM_IN, buf_len: SIZE, flags: ANY, res: fixed_out(8)] -> INT;
    107 sk_storage_get (5, 2) [map: MAP, sk: SOCK_BTF, value: or_null(VALUE), flags: ANY] -> maybe(RET_VALUE);
    108 sk_storage_delete (5, 2) [map: MAP, sk: SOCK_BTF] -> INT;
    109 send_signal (5, 3) [sig: ANY] -> INT;
    110 tcp_gen_syncookie (5, 4) [sk: SOCK_BTF, iph: MEM_IN, iph_len: SIZE, th: MEM_IN, th_len: SIZE]
        -> INT, gpl packet;
    111 skb_output (5, 5) [ctx: btf("sk_buff"), map: MAP, flags: ANY, data: MEM_IN, size: SIZE0] -> INT, gpl;
    112 probe_read_user (5, 5) [dst: MEM_OUT, size: SIZE0, unsafe_ptr: ANY] -> INT, gpl;
    113 probe_read_kernel (5, 5) [dst: MEM_OUT, size: SIZE0, unsafe_ptr: ANY] -> INT, gpl;
    114 probe_read_user_str (5, 5) [dst: MEM_OUT, size: SIZE0, unsafe_ptr: ANY] -> INT, gpl;
    115 probe_read_kernel_str (5, 5) [dst: MEM_OUT, size: SIZE0, unsafe_ptr: ANY] -> INT, gpl;
    116 tcp_send_ack (5, 6) [tp: btf("tcp_sock"), rcv_nxt: ANY] -> INT;
    117 send_signal_thread (5, 6) [sig: ANY] -> INT;
    118 jiffies64 (5, 6) [] -> INT;
    119 read_branch_records (5, 7) [ctx: CTX, buf: or_null(MEM_IN_OUT), size: SIZE0, flags: ANY] -> INT, gpl;
    120 get_ns_current_pid_tgid (5, 7) [dev: ANY, ino: ANY, nsdata: MEM_OUT, size: SIZE] -> INT;
    121 xdp_output (5, 7) [ctx: btf("xdp_buff"), map: MAP, flags: ANY, data: MEM_IN, size: SIZE0] -> INT, gpl;
    122 get_netns_cookie (5, 7) [ctx: or_null(CTX)] -> INT;
    123 get_current_ancestor_cgroup_id (5, 7) [ancestor_level: ANY] -> INT;
    124 sk_assign (5, 7) [skb: CTX, sk: SOCK_BTF, flags: ANY] -> INT;
    125 ktime_get_boot_ns (5, 8) [] -> INT;
    126 seq_printf (5, 8)
        [m: btf("seq_file"), fmt: MEM_IN, fmt_size: SIZE, data: or_null(MEM_IN), data_len: SIZE0]
        -> INT, gpl;
    127 seq_write (5, 8) [m: btf("seq_file"), data: MEM_IN, len: SIZE0] -> INT, gpl;
    128 sk_cgroup_id (5, 8) [sk: SOCK_BTF] -> INT;
    129 sk_ancestor_cgroup_id (5, 8) [sk: SOCK_BTF, ancestor_level: ANY] -> INT;
    130 ringbuf_output (5, 8) [ringbuf: MAP, data: MEM_IN, size: SIZE0, flags: ANY] -> INT;
    131 ringbuf_reserve (5, 8) [ringbuf: MAP, size: ALLOC_SIZE, flags: ANY] -> maybe(RET_RINGBUF_MEM);
    132 ringbuf_submit (5, 8) [data: release(RINGBUF_MEM), flags: ANY] -> VOID;
    133 ringbuf_discard (5, 8) [data: release(RINGBUF_MEM), flags: ANY] -> VOID;
    134 ringbuf_query (5, 8) [ringbuf: MAP, flags: ANY] -> INT;
    135 csum_level (5, 8) [skb: CTX, level: ANY] -> INT;
    136 skc_to_tcp6_sock (5, 9) [sk: SOCK_BTF] -> maybe(ret_btf("tcp6_sock"));
    137 skc_to_tcp_sock (5, 9) [sk: SOCK_BTF] -> maybe(ret_btf("tcp_sock"));
    138 skc_to_tcp_timewait_sock (5, 9) [sk: SOCK_BTF] -> maybe(ret_btf("tcp_timewait_sock"));
    139 skc_to_tcp_request_sock (5, 9) [sk: SOCK_BTF] -> maybe(ret_btf("tcp_request_sock"));
    140 skc_to_udp6_sock (5, 9) [sk: SOCK_BTF] -> maybe(ret_btf("udp6_sock"));
    141 get_task_stack (5, 9) [task: btf("task_struct"), buf: MEM_OUT, size: SIZE0, flags: ANY] -> INT;
    142 load_hdr_opt (5, 10) [skops: CTX, searchby_res: MEM_IN_OUT, len: SIZE, flags: ANY] -> INT;
    143 store_hdr_opt (5, 10) [skops: CTX, from: MEM_IN, len: SIZE, flags: ANY] -> INT;
    144 reserve_hdr_opt (5, 10) [skops: CTX, len: ANY, flags: ANY] -> INT;
    145 inode_storage_get (5, 10) [map: MAP, inode: or_null(btf("inode")), value: or_null(VALUE), flags: ANY]
        -> maybe(RET_VALUE);
    146 inode_storage_delete (5, 10) [map: MAP, inode: or_null(btf("inode"))] -> INT;
    147 d_path (5, 10) [path: btf("path"), buf: MEM_IN_OUT, sz: SIZE0] -> INT;
    148 copy_from_user (5, 10) [dst: MEM_OUT, size: SIZE0, user_ptr: ANY] -> INT, sleeps;
    149 snprintf_btf (5, 10) [str: MEM_IN_OUT, str_size: SIZE, ptr: MEM_IN, btf_ptr_size: SIZE, flags: ANY] -> INT;
    150 seq_printf_btf (5, 10) [m: btf("seq_file"), ptr: MEM_IN, ptr_size: SIZE0, flags: ANY] -> INT, gpl;
    151 skb_cgroup_classid (5, 10) [skb: CTX] -> INT;
    152 redirect_neigh (5, 10) [ifindex: ANY, params: or_null(MEM_IN), plen: SIZE0, flags: ANY] -> INT;
    153 per_cpu_ptr (5, 10) [percpu_ptr: PERCPU, cpu: ANY] -> maybe(RET_PERCPU);
    154 this_cpu_ptr (5, 10) [percpu_ptr: PERCPU] -> RET_PERCPU;
    155 redirect_peer (5, 10) [ifindex: ANY, flags: ANY] -> INT;
    156 task_storage_get (5, 11)
        [map: MAP, task: or_null(btf("task_struct")), value: or_null(VALUE), flags: ANY]
        -> maybe(RET_VALUE);
    157 task_storage_delete (5, 11) [map: MAP, task: or_null(btf("task_struct"))] -> INT;
    158 get_current_task_btf (5, 11) [] -> trusted(ret_btf("task_struct")), gpl;
    159 bprm_opts_set (5, 11) [bprm: btf("linux_binprm"), flags: ANY] -> INT;
    160 ktime_get_coarse_ns (5, 11) [] -> INT;
    161 ima_inode_hash (5, 11) [inode: btf("inode"), dst: MEM_OUT, size: SIZE] -> INT, sleeps;
    162 sock_from_file (5, 11) [file: btf("file")] -> maybe(ret_btf("socket"));
    163 check_mtu (5, 12) [ctx: CTX, ifindex: ANY, mtu_len: fixed_in_out(4), len_diff: ANY, flags: ANY]
        -> INT, gpl;
    164 for_each_map_elem (5, 13) [map: MAP, callback_fn: FUNC, callback_ctx: or_null(STACK), flags: ANY]
        -> INT;
    165 snprintf (5, 13)
        [str: or_null(MEM_IN_OUT), str_size: SIZE0, fmt: STR, data: or_null(MEM_IN), data_len: SIZE0]
        -> INT, gpl;
    166 sys_bpf (5, 14) [cmd: ANY, attr: MEM_IN, attr_size: SIZE] -> INT, sleeps;
    167 btf_find_by_name_kind (5, 14) [name: MEM_IN, name_sz: SIZE, kind: ANY, flags: ANY] -> INT, sleeps;
    168 sys_close (5, 14) [fd: ANY] -> INT, sleeps;
    169 timer_init (5, 15) [timer: TIMER, map: MAP, flags: ANY] -> INT, gpl;
    170 timer_set_callback (5, 15) [timer: TIMER, callback_fn: FUNC] -> INT, gpl;
    171 timer_start (5, 15) [timer: TIMER, nsecs: ANY, flags: ANY] -> INT, gpl;
    172 timer_cancel (5, 15) [timer: TIMER] -> INT, gpl;
    173 get_func_ip (5, 15) [ctx: CTX] -> INT, gpl;
    174 get_attach_cookie (5, 15) [ctx: CTX] -> INT;
    175 task_pt_regs (5, 15) [task: btf("task_struct")] -> ret_btf("pt_regs"), gpl;
    176 get_branch_snapshot (5, 16) [entries: MEM_OUT, size: SIZE0] -> INT, gpl;
    177 trace_vprintk (5, 16) [fmt: MEM_IN, fmt_size: SIZE, data: or_null(MEM_IN), data_len: SIZE0]
        -> INT, gpl;
    178 skc_to_unix_sock (5, 16) [sk: SOCK_BTF] -> maybe(ret_btf("unix_sock"));
    179 kallsyms_lookup_name (5, 16) [name: MEM_IN, name_sz: SIZE0, flags: ANY, res: fixed_out(8)] -> INT;
    180 find_vma (5, 17)
        [task: btf("task_struct"), addr: ANY, callback_fn: FUNC, callback_ctx: or_null(STACK), flags: ANY]
        -> INT;
    181 r#loop (5, 17) [nr_loops: ANY, callback_fn: FUNC, callback_ctx: or_null(STACK), flags: ANY] -> INT;
    182 strncmp (5, 17) [s1: MEM_IN, s1_sz: SIZE, s2: STR] -> INT;
    183 get_func_arg (5, 17) [ctx: CTX, n: ANY, value: fixed_out(8)] -> INT;
    184 get_func_ret (5, 17) [ctx: CTX, value: fixed_out(8)] -> INT;
    185 get_func_arg_cnt (5, 17) [ctx: CTX] -> INT;
    186 get_retval (5, 18) [] -> INT;
    187 set_retval (5, 18) [retval: ANY] -> INT;
    188 xdp_get_buff_len (5, 18) [xdp_md: CTX] -> INT;
    189 xdp_load_bytes (5, 18) [xdp_md: CTX, offset: ANY, buf: MEM_OUT, len: SIZE] -> INT;
    190 xdp_store_bytes (5, 18) [xdp_md: CTX, offset: ANY, buf: MEM_IN, len: SIZE] -> INT;
    191 copy_from_user_task (5, 18)
        [dst: MEM_OUT, size: SIZE0, user_ptr: ANY, tsk: btf("task_struct"), flags: ANY]
        -> INT, gpl sleeps;
    192 skb_set_tstamp (5, 18) [skb: CTX, tstamp: ANY, tstamp_type: ANY] -> INT;
    193 ima_file_hash (5, 18) [file: btf("file"), dst: MEM_OUT, size: SIZE] -> INT, sleeps;
    194 kptr_xchg (5, 19) [dst: KPTR_DEST, ptr: release(or_null(OWNED))] -> maybe(RET_OWNED);
    195 map_lookup_percpu_elem (5, 19) [map: MAP, key: KEY, cpu: ANY] -> maybe(RET_VALUE), packet;
    196 skc_to_mptcp_sock (5, 19) [sk: SOCK_COMMON] -> maybe(ret_btf("mptcp_sock"));
    197 dynptr_from_mem (5, 19) [data: MEM_OUT, size: SIZE0, flags: ANY, ptr: dynptr_out(Dynptr::Local)]
        -> INT;
    198 ringbuf_reserve_dynptr (5, 19) [ringbuf: MAP, size: ANY, flags: ANY, ptr: dynptr_out(Dynptr::Ringbuf)]
        -> INT;
    199 ringbuf_submit_dynptr (5, 19) [ptr: release(dynptr(Dynptr::Ringbuf)), flags: ANY] -> VOID;
    200 ringbuf_discard_dynptr (5, 19) [ptr: release(dynptr(Dynptr::Ringbuf)), flags: ANY] -> VOID;
    201 dynptr_read (5, 19)
        [dst: MEM_OUT, len: SIZE0, src: read_only(dynptr(Dynptr::Any)), offset: ANY, flags: ANY]
        -> INT;
    202 dynptr_write (5, 19)
        [dst: read_only(dynptr(Dynptr::Any)), offset: ANY, src: MEM_IN, len: SIZE0, flags: ANY]
        -> INT;
    203 dynptr_data (5, 19) [ptr: read_only(dynptr(Dynptr::Any)), offset: ANY, len: ALLOC_SIZE]
        -> maybe(RET_MEM);
    204 tcp_raw_gen_syncookie_ipv4 (6, 0) [iph: read_only(fixed(20)), th: MEM_IN, th_len: SIZE0] -> INT, gpl packet;
    205 tcp_raw_gen_syncookie_ipv6 (6, 0) [iph: read_only(fixed(40)), th: MEM_IN, th_len: SIZE0] -> INT, gpl packet;
    206 tcp_raw_check_syncookie_ipv4 (6, 0) [iph: read_only(fixed(20)), th: read_only(fixed(20))] -> INT, gpl packet;
    207 tcp_raw_check_syncookie_ipv6 (6, 0) [iph: read_only(fixed(40)), th: read_only(fixed(20))] -> INT, gpl packet;
    208 ktime_get_tai_ns (6, 1) [] -> INT;
    209 user_ringbuf_drain (6, 1) [map: MAP, callback_fn: FUNC, ctx: or_null(STACK), flags: ANY] -> INT;
    210 cgrp_storage_get (6, 2) [map: MAP, cgroup: or_null(btf("cgroup")), value: or_null(VALUE), flags: ANY]
        -> maybe(RET_VALUE);
    211 cgrp_storage_delete (6, 2) [map: MAP, cgroup: or_null(btf("cgroup"))] -> INT;
}
