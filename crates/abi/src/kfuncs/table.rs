//! The kernel functions of Linux 6.18, by the set that they are registered in.

use super::flags::*;
use super::{Hook, Kfunc, Only, Set};

const fn k(name: &'static str, flags: u32, major: u16, minor: u16) -> Kfunc {
    Kfunc::new(name, flags, major, minor)
}

/// Of every program.
#[rustfmt::skip]
const COMMON: &[Kfunc] = &[
    k("__bpf_trap", 0, 6, 16),
    k("bpf_arena_alloc_pages", TRUSTED_ARGS | SLEEPABLE | ARENA_RET | ARENA_ARG2, 6, 9),
    k("bpf_arena_free_pages", TRUSTED_ARGS | SLEEPABLE | ARENA_ARG2, 6, 9),
    k("bpf_arena_reserve_pages", TRUSTED_ARGS | SLEEPABLE | ARENA_ARG2, 6, 17),
    k("bpf_cast_to_kern_ctx", FASTCALL, 6, 2),
    k("bpf_cgroup_read_xattr", RCU, 6, 17),
    k("bpf_copy_from_user_dynptr", SLEEPABLE, 6, 16),
    k("bpf_copy_from_user_str", SLEEPABLE, 6, 12),
    k("bpf_copy_from_user_str_dynptr", SLEEPABLE, 6, 16),
    k("bpf_copy_from_user_task_dynptr", SLEEPABLE | TRUSTED_ARGS, 6, 16),
    k("bpf_copy_from_user_task_str", SLEEPABLE, 6, 15),
    k("bpf_copy_from_user_task_str_dynptr", SLEEPABLE | TRUSTED_ARGS, 6, 16),
    k("bpf_dynptr_adjust", 0, 6, 5),
    k("bpf_dynptr_clone", 0, 6, 5),
    k("bpf_dynptr_copy", 0, 6, 15),
    k("bpf_dynptr_is_null", 0, 6, 5),
    k("bpf_dynptr_is_rdonly", 0, 6, 5),
    k("bpf_dynptr_memset", 0, 6, 17),
    k("bpf_dynptr_size", 0, 6, 5),
    k("bpf_dynptr_slice", RET_NULL, 6, 4),
    k("bpf_dynptr_slice_rdwr", RET_NULL, 6, 4),
    k("bpf_get_kmem_cache", 0, 6, 13),
    k("bpf_iter_bits_destroy", ITER_DESTROY, 6, 11),
    k("bpf_iter_bits_new", ITER_NEW, 6, 11),
    k("bpf_iter_bits_next", ITER_NEXT | RET_NULL, 6, 11),
    k("bpf_iter_css_destroy", ITER_DESTROY, 6, 7),
    k("bpf_iter_css_new", ITER_NEW | TRUSTED_ARGS | RCU_PROTECTED, 6, 7),
    k("bpf_iter_css_next", ITER_NEXT | RET_NULL, 6, 7),
    k("bpf_iter_css_task_destroy", ITER_DESTROY, 6, 7),
    k("bpf_iter_css_task_new", ITER_NEW | TRUSTED_ARGS, 6, 7),
    k("bpf_iter_css_task_next", ITER_NEXT | RET_NULL, 6, 7),
    k("bpf_iter_dmabuf_destroy", ITER_DESTROY | SLEEPABLE, 6, 16),
    k("bpf_iter_dmabuf_new", ITER_NEW | SLEEPABLE, 6, 16),
    k("bpf_iter_dmabuf_next", ITER_NEXT | RET_NULL | SLEEPABLE, 6, 16),
    k("bpf_iter_kmem_cache_destroy", ITER_DESTROY | SLEEPABLE, 6, 13),
    k("bpf_iter_kmem_cache_new", ITER_NEW | SLEEPABLE, 6, 13),
    k("bpf_iter_kmem_cache_next", ITER_NEXT | RET_NULL | SLEEPABLE, 6, 13),
    k("bpf_iter_num_destroy", ITER_DESTROY, 6, 4),
    k("bpf_iter_num_new", ITER_NEW, 6, 4),
    k("bpf_iter_num_next", ITER_NEXT | RET_NULL, 6, 4),
    k("bpf_iter_task_destroy", ITER_DESTROY, 6, 7),
    k("bpf_iter_task_new", ITER_NEW | TRUSTED_ARGS | RCU_PROTECTED, 6, 7),
    k("bpf_iter_task_next", ITER_NEXT | RET_NULL, 6, 7),
    k("bpf_iter_task_vma_destroy", ITER_DESTROY, 6, 7),
    k("bpf_iter_task_vma_new", ITER_NEW | RCU, 6, 7),
    k("bpf_iter_task_vma_next", ITER_NEXT | RET_NULL, 6, 7),
    k("bpf_local_irq_restore", 0, 6, 14),
    k("bpf_local_irq_save", 0, 6, 14),
    k("bpf_map_sum_elem_count", TRUSTED_ARGS, 6, 6),
    k("bpf_modify_return_test_tp", 0, 6, 9),
    k("bpf_preempt_disable", 0, 6, 10),
    k("bpf_preempt_enable", 0, 6, 10),
    k("bpf_probe_read_kernel_dynptr", 0, 6, 16),
    k("bpf_probe_read_kernel_str_dynptr", 0, 6, 16),
    k("bpf_probe_read_user_dynptr", 0, 6, 16),
    k("bpf_probe_read_user_str_dynptr", 0, 6, 16),
    k("bpf_rcu_read_lock", 0, 6, 2),
    k("bpf_rcu_read_unlock", 0, 6, 2),
    k("bpf_rdonly_cast", FASTCALL, 6, 2),
    k("bpf_res_spin_lock", RET_NULL, 6, 15),
    k("bpf_res_spin_lock_irqsave", RET_NULL, 6, 15),
    k("bpf_res_spin_unlock", 0, 6, 15),
    k("bpf_res_spin_unlock_irqrestore", 0, 6, 15),
    k("bpf_strcasecmp", 0, 6, 18),
    k("bpf_strchr", 0, 6, 17),
    k("bpf_strchrnul", 0, 6, 17),
    k("bpf_strcmp", 0, 6, 17),
    k("bpf_strcspn", 0, 6, 17),
    k("bpf_stream_vprintk_impl", TRUSTED_ARGS, 6, 17),
    k("bpf_strlen", 0, 6, 17),
    k("bpf_strnchr", 0, 6, 17),
    k("bpf_strnlen", 0, 6, 17),
    k("bpf_strnstr", 0, 6, 17),
    k("bpf_strrchr", 0, 6, 17),
    k("bpf_strspn", 0, 6, 17),
    k("bpf_strstr", 0, 6, 17),
    k("bpf_task_work_schedule_resume_impl", TRUSTED_ARGS, 6, 18),
    k("bpf_task_work_schedule_signal_impl", TRUSTED_ARGS, 6, 18),
    k("bpf_wq_init", 0, 6, 10),
    k("bpf_wq_set_callback_impl", 0, 6, 10),
    k("bpf_wq_start", 0, 6, 10),
];

/// Objects, lists, trees, tasks, control groups and keys.
#[rustfmt::skip]
const GENERIC: &[Kfunc] = &[
    k("bpf_cgroup_acquire", ACQUIRE | RCU | RET_NULL, 6, 2),
    k("bpf_cgroup_ancestor", ACQUIRE | RCU | RET_NULL, 6, 2),
    k("bpf_cgroup_from_id", ACQUIRE | RET_NULL, 6, 4),
    k("bpf_cgroup_release", RELEASE, 6, 2),
    k("bpf_key_put", RELEASE, 6, 1),
    k("bpf_list_back", RET_NULL, 6, 16),
    k("bpf_list_front", RET_NULL, 6, 16),
    k("bpf_list_pop_back", ACQUIRE | RET_NULL, 6, 2),
    k("bpf_list_pop_front", ACQUIRE | RET_NULL, 6, 2),
    k("bpf_list_push_back_impl", 0, 6, 2),
    k("bpf_list_push_front_impl", 0, 6, 2),
    k("bpf_lookup_system_key", ACQUIRE | RET_NULL, 6, 1),
    k("bpf_lookup_user_key", ACQUIRE | RET_NULL | SLEEPABLE, 6, 1),
    k("bpf_obj_drop_impl", RELEASE, 6, 2),
    k("bpf_obj_new_impl", ACQUIRE | RET_NULL, 6, 2),
    k("bpf_percpu_obj_drop_impl", RELEASE, 6, 7),
    k("bpf_percpu_obj_new_impl", ACQUIRE | RET_NULL, 6, 7),
    k("bpf_rbtree_add_impl", 0, 6, 3),
    k("bpf_rbtree_first", RET_NULL, 6, 3),
    k("bpf_rbtree_left", RET_NULL, 6, 16),
    k("bpf_rbtree_remove", ACQUIRE | RET_NULL, 6, 3),
    k("bpf_rbtree_right", RET_NULL, 6, 16),
    k("bpf_rbtree_root", RET_NULL, 6, 16),
    k("bpf_refcount_acquire_impl", ACQUIRE | RET_NULL | RCU, 6, 4),
    k("bpf_send_signal_task", TRUSTED_ARGS, 6, 13),
    k("bpf_task_acquire", ACQUIRE | RCU | RET_NULL, 6, 2),
    k("bpf_task_from_pid", ACQUIRE | RET_NULL, 6, 2),
    k("bpf_task_from_vpid", ACQUIRE | RET_NULL, 6, 13),
    k("bpf_task_get_cgroup1", ACQUIRE | RCU | RET_NULL, 6, 8),
    k("bpf_task_release", RELEASE, 6, 2),
    k("bpf_task_under_cgroup", RCU, 6, 5),
    k("bpf_throw", 0, 6, 7),
    k("bpf_verify_pkcs7_signature", SLEEPABLE, 6, 1),
];

/// Sets of CPUs.
#[rustfmt::skip]
const CPUMASK: &[Kfunc] = &[
    k("bpf_cpumask_acquire", ACQUIRE | TRUSTED_ARGS, 6, 3),
    k("bpf_cpumask_and", RCU, 6, 3),
    k("bpf_cpumask_any_and_distribute", RCU, 6, 5),
    k("bpf_cpumask_any_distribute", RCU, 6, 5),
    k("bpf_cpumask_clear", RCU, 6, 3),
    k("bpf_cpumask_clear_cpu", RCU, 6, 3),
    k("bpf_cpumask_copy", RCU, 6, 3),
    k("bpf_cpumask_create", ACQUIRE | RET_NULL, 6, 3),
    k("bpf_cpumask_empty", RCU, 6, 3),
    k("bpf_cpumask_equal", RCU, 6, 3),
    k("bpf_cpumask_first", RCU, 6, 3),
    k("bpf_cpumask_first_and", RCU, 6, 5),
    k("bpf_cpumask_first_zero", RCU, 6, 3),
    k("bpf_cpumask_full", RCU, 6, 3),
    k("bpf_cpumask_intersects", RCU, 6, 3),
    k("bpf_cpumask_or", RCU, 6, 3),
    k("bpf_cpumask_populate", RCU, 6, 15),
    k("bpf_cpumask_release", RELEASE, 6, 3),
    k("bpf_cpumask_set_cpu", RCU, 6, 3),
    k("bpf_cpumask_setall", RCU, 6, 3),
    k("bpf_cpumask_subset", RCU, 6, 3),
    k("bpf_cpumask_test_and_clear_cpu", RCU, 6, 3),
    k("bpf_cpumask_test_and_set_cpu", RCU, 6, 3),
    k("bpf_cpumask_test_cpu", RCU, 6, 3),
    k("bpf_cpumask_weight", RCU, 6, 8),
    k("bpf_cpumask_xor", RCU, 6, 3),
];

/// Keys of the crypto API are made by programs that may sleep.
#[rustfmt::skip]
const CRYPTO_INIT: &[Kfunc] = &[
    k("bpf_crypto_ctx_acquire", ACQUIRE | RCU | RET_NULL, 6, 10),
    k("bpf_crypto_ctx_create", ACQUIRE | RET_NULL | SLEEPABLE, 6, 10),
    k("bpf_crypto_ctx_release", RELEASE, 6, 10),
];

/// Packets are encrypted.
#[rustfmt::skip]
const CRYPTO: &[Kfunc] = &[
    k("bpf_crypto_decrypt", RCU, 6, 10),
    k("bpf_crypto_encrypt", RCU, 6, 10),
];

/// Connection tracking.
#[rustfmt::skip]
const CONNTRACK: &[Kfunc] = &[
    k("bpf_ct_change_status", TRUSTED_ARGS, 6, 0),
    k("bpf_ct_change_timeout", TRUSTED_ARGS, 6, 0),
    k("bpf_ct_insert_entry", ACQUIRE | RET_NULL | RELEASE, 6, 0),
    k("bpf_ct_release", RELEASE, 5, 18),
    k("bpf_ct_set_nat_info", TRUSTED_ARGS, 6, 1),
    k("bpf_ct_set_status", TRUSTED_ARGS, 6, 0),
    k("bpf_ct_set_timeout", TRUSTED_ARGS, 6, 0),
    k("bpf_skb_ct_alloc", ACQUIRE | RET_NULL, 6, 0),
    k("bpf_skb_ct_lookup", ACQUIRE | RET_NULL, 5, 18),
    k("bpf_xdp_ct_alloc", ACQUIRE | RET_NULL, 6, 0),
    k("bpf_xdp_ct_lookup", ACQUIRE | RET_NULL, 5, 18),
];

/// Packets.
#[rustfmt::skip]
const SKB: &[Kfunc] = &[
    k("bpf_dynptr_from_skb", TRUSTED_ARGS, 6, 4),
];

/// Metadata of packets.
#[rustfmt::skip]
const SKB_META: &[Kfunc] = &[
    k("bpf_dynptr_from_skb_meta", TRUSTED_ARGS, 6, 18),
];

/// Frames.
#[rustfmt::skip]
const XDP: &[Kfunc] = &[
    k("bpf_dynptr_from_xdp", 0, 6, 4),
    k("bpf_xdp_flow_lookup", TRUSTED_ARGS | RET_NULL, 6, 11),
    k("bpf_xdp_get_xfrm_state", RET_NULL | ACQUIRE, 6, 8),
    k("bpf_xdp_metadata_rx_hash", TRUSTED_ARGS, 6, 3),
    k("bpf_xdp_metadata_rx_timestamp", TRUSTED_ARGS, 6, 3),
    k("bpf_xdp_metadata_rx_vlan_tag", TRUSTED_ARGS, 6, 8),
    k("bpf_xdp_pull_data", 0, 6, 18),
    k("bpf_xdp_xfrm_state_release", RELEASE, 6, 8),
];

/// Tunnels.
#[rustfmt::skip]
const TUNNEL: &[Kfunc] = &[
    k("bpf_skb_get_fou_encap", 0, 6, 4),
    k("bpf_skb_get_xfrm_info", 0, 6, 2),
    k("bpf_skb_set_fou_encap", 0, 6, 4),
    k("bpf_skb_set_xfrm_info", 0, 6, 2),
];

/// Files and what hangs on them.
#[rustfmt::skip]
const FS: &[Kfunc] = &[
    k("bpf_get_dentry_xattr", SLEEPABLE | TRUSTED_ARGS, 6, 12),
    k("bpf_get_file_xattr", SLEEPABLE | TRUSTED_ARGS, 6, 8),
    k("bpf_get_fsverity_digest", SLEEPABLE | TRUSTED_ARGS, 6, 8),
    k("bpf_get_task_exe_file", ACQUIRE | TRUSTED_ARGS | RET_NULL, 6, 12),
    k("bpf_path_d_path", TRUSTED_ARGS, 6, 12),
    k("bpf_put_file", RELEASE, 6, 12),
    k("bpf_remove_dentry_xattr", SLEEPABLE | TRUSTED_ARGS, 6, 15),
    k("bpf_set_dentry_xattr", SLEEPABLE | TRUSTED_ARGS, 6, 15),
];

/// Of the kernel's own tests.
#[rustfmt::skip]
const TEST: &[Kfunc] = &[
    k("bpf_kfunc_call_memb_release", RELEASE, 5, 18),
    k("bpf_kfunc_call_test_release", RELEASE, 5, 18),
];

/// Sessions of kprobes.
#[rustfmt::skip]
const SESSION: &[Kfunc] = &[
    k("bpf_session_cookie", 0, 6, 10),
    k("bpf_session_is_return", 0, 6, 10),
];

/// Handshakes without state.
#[rustfmt::skip]
const TCP_REQSK: &[Kfunc] = &[
    k("bpf_sk_assign_tcp_reqsk", TRUSTED_ARGS, 6, 9),
];

/// Addresses of sockets.
#[rustfmt::skip]
const SOCK_ADDR: &[Kfunc] = &[
    k("bpf_sock_addr_set_sun_path", 0, 6, 7),
];

/// Events of TCP sockets.
#[rustfmt::skip]
const SOCK_OPS: &[Kfunc] = &[
    k("bpf_sock_ops_enable_tx_tstamp", TRUSTED_ARGS, 6, 15),
];

/// Sockets that an iterator comes by.
#[rustfmt::skip]
const SOCK_ITER: &[Kfunc] = &[
    k("bpf_sock_destroy", TRUSTED_ARGS, 6, 5),
];

/// Statistics of control groups.
#[rustfmt::skip]
const RSTAT: &[Kfunc] = &[
    k("css_rstat_flush", SLEEPABLE, 6, 1),
    k("css_rstat_updated", 0, 6, 1),
];

/// Congestion control.
#[rustfmt::skip]
const TCP_CA: &[Kfunc] = &[
    k("bbr_cwnd_event", 0, 5, 13),
    k("bbr_init", 0, 5, 13),
    k("bbr_main", 0, 5, 13),
    k("bbr_min_tso_segs", 0, 5, 13),
    k("bbr_set_state", 0, 5, 13),
    k("bbr_sndbuf_expand", 0, 5, 13),
    k("bbr_ssthresh", 0, 5, 13),
    k("bbr_undo_cwnd", 0, 5, 13),
    k("cubictcp_acked", 0, 5, 13),
    k("cubictcp_cong_avoid", 0, 5, 13),
    k("cubictcp_cwnd_event", 0, 5, 13),
    k("cubictcp_init", 0, 5, 13),
    k("cubictcp_recalc_ssthresh", 0, 5, 13),
    k("cubictcp_state", 0, 5, 13),
    k("tcp_cong_avoid_ai", 0, 5, 13),
    k("tcp_reno_cong_avoid", 0, 5, 13),
    k("tcp_reno_ssthresh", 0, 5, 13),
    k("tcp_reno_undo_cwnd", 0, 5, 13),
    k("tcp_slow_start", 0, 5, 13),
];

/// Queueing disciplines.
#[rustfmt::skip]
const QDISC: &[Kfunc] = &[
    k("bpf_dynptr_from_skb", TRUSTED_ARGS, 6, 4),
    k("bpf_kfree_skb", RELEASE, 6, 16),
    k("bpf_qdisc_bstats_update", TRUSTED_ARGS, 6, 16),
    k("bpf_qdisc_init_prologue", TRUSTED_ARGS, 6, 16),
    k("bpf_qdisc_reset_destroy_epilogue", TRUSTED_ARGS, 6, 16),
    k("bpf_qdisc_skb_drop", RELEASE, 6, 16),
    k("bpf_qdisc_watchdog_schedule", TRUSTED_ARGS, 6, 16),
    k("bpf_skb_get_hash", TRUSTED_ARGS, 6, 16),
];

/// Schedulers: everywhere.
#[rustfmt::skip]
const SCX_ANY: &[Kfunc] = &[
    k("bpf_iter_scx_dsq_destroy", ITER_DESTROY, 6, 12),
    k("bpf_iter_scx_dsq_new", ITER_NEW | RCU_PROTECTED, 6, 12),
    k("bpf_iter_scx_dsq_next", ITER_NEXT | RET_NULL, 6, 12),
    k("scx_bpf_cpu_curr", RET_NULL | RCU_PROTECTED, 6, 12),
    k("scx_bpf_cpu_node", 0, 6, 12),
    k("scx_bpf_cpu_rq", 0, 6, 12),
    k("scx_bpf_cpuperf_cap", 0, 6, 12),
    k("scx_bpf_cpuperf_cur", 0, 6, 12),
    k("scx_bpf_cpuperf_set", 0, 6, 12),
    k("scx_bpf_destroy_dsq", 0, 6, 12),
    k("scx_bpf_dsq_nr_queued", 0, 6, 12),
    k("scx_bpf_dump_bstr", TRUSTED_ARGS, 6, 12),
    k("scx_bpf_error_bstr", TRUSTED_ARGS, 6, 12),
    k("scx_bpf_events", TRUSTED_ARGS, 6, 12),
    k("scx_bpf_exit_bstr", TRUSTED_ARGS, 6, 12),
    k("scx_bpf_get_idle_cpumask", ACQUIRE, 6, 12),
    k("scx_bpf_get_idle_cpumask_node", ACQUIRE, 6, 12),
    k("scx_bpf_get_idle_smtmask", ACQUIRE, 6, 12),
    k("scx_bpf_get_idle_smtmask_node", ACQUIRE, 6, 12),
    k("scx_bpf_get_online_cpumask", ACQUIRE, 6, 12),
    k("scx_bpf_get_possible_cpumask", ACQUIRE, 6, 12),
    k("scx_bpf_kick_cpu", 0, 6, 12),
    k("scx_bpf_locked_rq", RET_NULL, 6, 12),
    k("scx_bpf_now", 0, 6, 12),
    k("scx_bpf_nr_cpu_ids", 0, 6, 12),
    k("scx_bpf_nr_node_ids", 0, 6, 12),
    k("scx_bpf_pick_any_cpu", RCU, 6, 12),
    k("scx_bpf_pick_any_cpu_node", RCU, 6, 12),
    k("scx_bpf_pick_idle_cpu", RCU, 6, 12),
    k("scx_bpf_pick_idle_cpu_node", RCU, 6, 12),
    k("scx_bpf_put_cpumask", RELEASE, 6, 12),
    k("scx_bpf_put_idle_cpumask", RELEASE, 6, 12),
    k("scx_bpf_select_cpu_and", RCU, 6, 12),
    k("scx_bpf_select_cpu_dfl", RCU, 6, 12),
    k("scx_bpf_task_cgroup", RCU | ACQUIRE, 6, 12),
    k("scx_bpf_task_cpu", RCU, 6, 12),
    k("scx_bpf_task_running", RCU, 6, 12),
    k("scx_bpf_test_and_clear_cpu_idle", 0, 6, 12),
];

/// Schedulers: without a lock of a run queue.
#[rustfmt::skip]
const SCX_UNLOCKED: &[Kfunc] = &[
    k("scx_bpf_create_dsq", SLEEPABLE, 6, 12),
    k("scx_bpf_dsq_move", RCU, 6, 12),
    k("scx_bpf_dsq_move_set_slice", RCU, 6, 12),
    k("scx_bpf_dsq_move_set_vtime", RCU, 6, 12),
    k("scx_bpf_dsq_move_vtime", RCU, 6, 12),
];

/// Schedulers: operations.
#[rustfmt::skip]
const SCX_OPS: &[Kfunc] = &[
    k("scx_bpf_consume", 0, 6, 12),
    k("scx_bpf_dispatch", RCU, 6, 12),
    k("scx_bpf_dispatch_cancel", 0, 6, 12),
    k("scx_bpf_dispatch_from_dsq", RCU, 6, 12),
    k("scx_bpf_dispatch_from_dsq_set_slice", RCU, 6, 12),
    k("scx_bpf_dispatch_from_dsq_set_vtime", RCU, 6, 12),
    k("scx_bpf_dispatch_nr_slots", 0, 6, 12),
    k("scx_bpf_dispatch_vtime", RCU, 6, 12),
    k("scx_bpf_dispatch_vtime_from_dsq", RCU, 6, 12),
    k("scx_bpf_dsq_insert", RCU, 6, 12),
    k("scx_bpf_dsq_insert_vtime", RCU, 6, 12),
    k("scx_bpf_dsq_move_to_local", 0, 6, 12),
    k("scx_bpf_reenqueue_local", 0, 6, 12),
];

/// Input devices: operations.
#[rustfmt::skip]
const HID: &[Kfunc] = &[
    k("hid_bpf_allocate_context", ACQUIRE | RET_NULL | SLEEPABLE, 6, 3),
    k("hid_bpf_get_data", RET_NULL, 6, 3),
    k("hid_bpf_hw_output_report", SLEEPABLE, 6, 10),
    k("hid_bpf_hw_request", SLEEPABLE, 6, 3),
    k("hid_bpf_input_report", SLEEPABLE, 6, 10),
    k("hid_bpf_release_context", RELEASE | SLEEPABLE, 6, 3),
    k("hid_bpf_try_input_report", 0, 6, 11),
];

/// Input devices: programs that are run.
#[rustfmt::skip]
const HID_SYSCALL: &[Kfunc] = &[
    k("hid_bpf_allocate_context", ACQUIRE | RET_NULL | SLEEPABLE, 6, 3),
    k("hid_bpf_hw_output_report", SLEEPABLE, 6, 10),
    k("hid_bpf_hw_request", SLEEPABLE, 6, 3),
    k("hid_bpf_input_report", SLEEPABLE, 6, 10),
    k("hid_bpf_release_context", RELEASE | SLEEPABLE, 6, 3),
];

/// All sets.
pub(super) const SETS: &[Set] = &[
    Set { hooks: &[Hook::Common], only: None, funcs: COMMON },
    Set {
        hooks: &[Hook::Tracing, Hook::Tc, Hook::Xdp, Hook::StructOps, Hook::Syscall, Hook::Cgroup],
        only: None,
        funcs: GENERIC,
    },
    Set { hooks: &[Hook::Tracing, Hook::StructOps, Hook::Syscall], only: None, funcs: CPUMASK },
    Set { hooks: &[Hook::Syscall], only: None, funcs: CRYPTO_INIT },
    Set { hooks: &[Hook::Tc, Hook::SchedAct, Hook::Xdp], only: None, funcs: CRYPTO },
    Set { hooks: &[Hook::Tc, Hook::Xdp], only: None, funcs: CONNTRACK },
    Set {
        hooks: &[
            Hook::Tc,
            Hook::SchedAct,
            Hook::SkSkb,
            Hook::SocketFilter,
            Hook::Cgroup,
            Hook::Lwt,
            Hook::Netfilter,
            Hook::Tracing,
        ],
        only: None,
        funcs: SKB,
    },
    Set { hooks: &[Hook::Tc, Hook::SchedAct], only: None, funcs: SKB_META },
    Set { hooks: &[Hook::Xdp], only: None, funcs: XDP },
    Set { hooks: &[Hook::Tc], only: None, funcs: TUNNEL },
    Set { hooks: &[Hook::Tracing], only: Some(Only::Lsm), funcs: FS },
    Set { hooks: &[Hook::Tc, Hook::Tracing, Hook::Syscall], only: None, funcs: TEST },
    Set { hooks: &[Hook::Kprobe], only: Some(Only::Session), funcs: SESSION },
    Set { hooks: &[Hook::Tc], only: None, funcs: TCP_REQSK },
    Set { hooks: &[Hook::Cgroup], only: None, funcs: SOCK_ADDR },
    Set { hooks: &[Hook::Cgroup], only: None, funcs: SOCK_OPS },
    Set { hooks: &[Hook::Tracing], only: Some(Only::Iter), funcs: SOCK_ITER },
    Set { hooks: &[Hook::Tracing], only: None, funcs: RSTAT },
    Set { hooks: &[Hook::StructOps], only: None, funcs: TCP_CA },
    Set { hooks: &[Hook::StructOps], only: Some(Only::Qdisc), funcs: QDISC },
    Set { hooks: &[Hook::StructOps, Hook::Tracing, Hook::Syscall], only: None, funcs: SCX_ANY },
    Set { hooks: &[Hook::StructOps, Hook::Syscall], only: None, funcs: SCX_UNLOCKED },
    Set { hooks: &[Hook::StructOps], only: Some(Only::Scx), funcs: SCX_OPS },
    Set { hooks: &[Hook::StructOps], only: None, funcs: HID },
    Set { hooks: &[Hook::Syscall], only: None, funcs: HID_SYSCALL },
];
