//! Classes of tracepoints: events of one class have records of one form, named after the class.
//!
//! ```
//! use skep_abi::events::class_of;
//!
//! // Its record is struct trace_event_raw_sched_process_template.
//! assert_eq!(class_of("sched", "sched_process_exit"), Some("sched_process_template"));
//! assert_eq!(class_of("sched", "sched_switch"), None);
//! ```

/// The class of an event, if it has not the event's own name. Of the subsystems that tools attach to, as Linux 6.12 has
/// them (`DEFINE_EVENT` in `include/trace/events`).
pub fn class_of(category: &str, event: &str) -> Option<&'static str> {
    let of_category = CLASSES.iter().filter(|it| it.0 == category);
    of_category.filter(|it| it.2.split(' ').any(|name| name == event)).map(|it| it.1).next()
}

/// Subsystem, class, events.
#[rustfmt::skip]
static CLASSES: &[(&str, &str, &str)] = &[
    ("alarmtimer", "alarm_class", "alarmtimer_cancel alarmtimer_fired alarmtimer_start"),
    ("block", "block_bio", "block_bio_backmerge block_bio_bounce block_bio_frontmerge block_bio_queue block_getrq"),
    ("block", "block_buffer", "block_dirty_buffer block_touch_buffer"),
    ("block", "block_rq", "block_io_done block_io_start block_rq_insert block_rq_issue block_rq_merge"),
    ("block", "block_rq_completion", "block_rq_complete block_rq_error"),
    ("cgroup", "cgroup", "cgroup_freeze cgroup_mkdir cgroup_release cgroup_rename cgroup_rmdir cgroup_unfreeze"),
    ("cgroup", "cgroup_event", "cgroup_notify_frozen cgroup_notify_populated"),
    ("cgroup", "cgroup_migrate", "cgroup_attach_task cgroup_transfer_tasks"),
    ("cgroup", "cgroup_root", "cgroup_destroy_root cgroup_remount cgroup_setup_root"),
    ("cgroup", "cgroup_rstat", "cgroup_rstat_cpu_lock_contended cgroup_rstat_cpu_lock_contended_fastpath cgroup_rstat_cpu_locked cgroup_rstat_cpu_locked_fastpath cgroup_rstat_cpu_unlock cgroup_rstat_cpu_unlock_fastpath cgroup_rstat_lock_contended cgroup_rstat_locked cgroup_rstat_unlock"),
    ("clk", "clk", "clk_disable clk_disable_complete clk_enable clk_enable_complete clk_prepare clk_prepare_complete clk_unprepare clk_unprepare_complete"),
    ("clk", "clk_duty_cycle", "clk_set_duty_cycle clk_set_duty_cycle_complete"),
    ("clk", "clk_parent", "clk_set_parent clk_set_parent_complete"),
    ("clk", "clk_phase", "clk_set_phase clk_set_phase_complete"),
    ("clk", "clk_rate", "clk_set_max_rate clk_set_min_rate clk_set_rate clk_set_rate_complete"),
    ("clk", "clk_rate_range", "clk_set_rate_range"),
    ("clk", "clk_rate_request", "clk_rate_request_done clk_rate_request_start"),
    ("compaction", "kcompactd_wake_template", "mm_compaction_kcompactd_wake mm_compaction_wakeup_kcompactd"),
    ("compaction", "mm_compaction_defer_template", "mm_compaction_defer_compaction mm_compaction_defer_reset mm_compaction_deferred"),
    ("compaction", "mm_compaction_isolate_template", "mm_compaction_fast_isolate_freepages mm_compaction_isolate_freepages mm_compaction_isolate_migratepages"),
    ("compaction", "mm_compaction_suitable_template", "mm_compaction_finished mm_compaction_suitable"),
    ("csd", "csd_function", "csd_function_entry csd_function_exit"),
    ("error_report", "error_report_template", "error_report_end"),
    ("ext4", "ext4__bitmap_load", "ext4_load_inode_bitmap ext4_mb_bitmap_load ext4_mb_buddy_bitmap_load"),
    ("ext4", "ext4__es_extent", "ext4_es_cache_extent ext4_es_insert_extent"),
    ("ext4", "ext4__es_shrink_enter", "ext4_es_shrink_count ext4_es_shrink_scan_enter"),
    ("ext4", "ext4__fallocate_mode", "ext4_fallocate_enter ext4_punch_hole ext4_zero_range"),
    ("ext4", "ext4__folio_op", "ext4_read_folio ext4_release_folio"),
    ("ext4", "ext4__map_blocks_enter", "ext4_ext_map_blocks_enter ext4_ind_map_blocks_enter"),
    ("ext4", "ext4__map_blocks_exit", "ext4_ext_map_blocks_exit ext4_ind_map_blocks_exit"),
    ("ext4", "ext4__mb_new_pa", "ext4_mb_new_group_pa ext4_mb_new_inode_pa"),
    ("ext4", "ext4__mballoc", "ext4_mballoc_discard ext4_mballoc_free"),
    ("ext4", "ext4__trim", "ext4_trim_all_free ext4_trim_extent"),
    ("ext4", "ext4__truncate", "ext4_truncate_enter ext4_truncate_exit"),
    ("ext4", "ext4__write_begin", "ext4_da_write_begin ext4_write_begin"),
    ("ext4", "ext4__write_end", "ext4_da_write_end ext4_journalled_write_end ext4_write_end"),
    ("ext4", "ext4_fc_track_dentry", "ext4_fc_track_"),

    ("ext4", "ext4_invalidate_folio_op", "ext4_invalidate_folio ext4_journalled_invalidate_folio"),
    ("filelock", "filelock_lease", "break_lease_block break_lease_noblock break_lease_unblock generic_delete_lease time_out_leases"),
    ("filelock", "filelock_lock", "fcntl_setlk flock_lock_inode locks_remove_posix posix_lock_inode"),
    ("filemap", "mm_filemap_op_page_cache", "mm_filemap_add_to_page_cache mm_filemap_delete_from_page_cache"),
    ("filemap", "mm_filemap_op_page_cache_range", "mm_filemap_get_pages mm_filemap_map_pages"),
    ("iommu", "iommu_device_event", "attach_device_to_domain"),
    ("iommu", "iommu_error", "io_page_fault"),
    ("iommu", "iommu_group_event", "add_device_to_group remove_device_from_group"),
    ("ipi", "ipi_handler", "ipi_entry ipi_exit"),
    ("irq", "softirq", "softirq_entry softirq_exit softirq_raise"),
    ("irq", "tasklet", "tasklet_entry tasklet_exit"),
    ("irq_matrix", "irq_matrix_cpu", "irq_matrix_alloc irq_matrix_alloc_managed irq_matrix_alloc_reserved irq_matrix_assign irq_matrix_free irq_matrix_remove_managed irq_matrix_reserve_managed"),
    ("irq_matrix", "irq_matrix_global", "irq_matrix_offline irq_matrix_online irq_matrix_remove_reserved irq_matrix_reserve"),
    ("irq_matrix", "irq_matrix_global_update", "irq_matrix_assign_system"),
    ("jbd2", "jbd2_commit", "jbd2_commit_flushing jbd2_commit_locking jbd2_commit_logging jbd2_drop_transaction jbd2_start_commit"),
    ("jbd2", "jbd2_handle_start_class", "jbd2_handle_restart jbd2_handle_start"),
    ("jbd2", "jbd2_journal_shrink", "jbd2_shrink_count jbd2_shrink_scan_enter"),
    ("kmem", "mm_page", "mm_page_alloc_zone_locked"),
    ("lock", "lock", "lock_acquired lock_contended lock_release"),
    ("migrate", "migration_pte", "remove_migration_pte set_migration_pte"),
    ("module", "module_refcnt", "module_get module_put"),
    ("mptcp", "mptcp_dump_mpext", "get_mapping_status mptcp_sendmsg_frag"),
    ("neigh", "neigh__update", "neigh_cleanup_and_release neigh_event_send_dead neigh_event_send_done neigh_timer_handler neigh_update_done"),
    ("net", "net_dev_rx_exit_template", "napi_gro_frags_exit napi_gro_receive_exit netif_receive_skb_exit netif_receive_skb_list_exit netif_rx_exit"),
    ("net", "net_dev_rx_verbose_template", "napi_gro_frags_entry napi_gro_receive_entry netif_receive_skb_entry netif_receive_skb_list_entry netif_rx_entry"),
    ("net", "net_dev_template", "net_dev_queue netif_receive_skb netif_rx"),
    ("notifier", "notifier_info", "notifier_register notifier_run notifier_unregister"),
    ("page_ref", "page_ref_mod_and_test_template", "page_ref_freeze page_ref_mod_and_return page_ref_mod_and_test page_ref_mod_unless"),
    ("page_ref", "page_ref_mod_template", "page_ref_mod page_ref_set page_ref_unfreeze"),
    ("power", "clock", "clock_disable clock_enable clock_set_rate"),
    ("power", "cpu", "cpu_frequency cpu_idle"),
    ("power", "cpu_latency_qos_request", "pm_qos_add_request pm_qos_remove_request pm_qos_update_request"),
    ("power", "dev_pm_qos_request", "dev_pm_qos_add_request dev_pm_qos_remove_request dev_pm_qos_update_request"),
    ("power", "pm_qos_update", "pm_qos_update_flags pm_qos_update_target"),
    ("power", "power_domain", "power_domain_target"),
    ("power", "wakeup_source", "wakeup_source_activate wakeup_source_deactivate"),
    ("preemptirq", "preemptirq_template", "irq_disable irq_enable preempt_disable preempt_enable"),
    ("rpm", "rpm_internal", "rpm_idle rpm_resume rpm_suspend rpm_usage"),
    ("sched", "sched_numa_pair_template", "sched_stick_numa sched_swap_numa"),
    ("sched", "sched_process_template", "sched_process_exit sched_process_free sched_wait_task"),
    ("sched", "sched_stat_template", "sched_stat_blocked sched_stat_iowait sched_stat_sleep sched_stat_wait"),
    ("sched", "sched_wakeup_template", "sched_wakeup sched_wakeup_new sched_waking"),
    ("scsi", "scsi_cmd_done_timeout_template", "scsi_dispatch_cmd_done scsi_dispatch_cmd_timeout"),
    ("sock", "sock_msg_length", "sock_recv_length sock_send_length"),
    ("tcp", "tcp_ao_event", "tcp_ao_handshake_failure tcp_ao_key_not_found tcp_ao_mismatch tcp_ao_rnext_request tcp_ao_wrong_maclen"),
    ("tcp", "tcp_ao_event_sk", "tcp_ao_synack_no_key"),
    ("tcp", "tcp_ao_event_sne", "tcp_ao_rcv_sne_update tcp_ao_snd_sne_update"),
    ("tcp", "tcp_event_sk", "tcp_destroy_sock tcp_rcv_space_adjust tcp_receive_reset"),
    ("tcp", "tcp_event_sk_skb", "tcp_retransmit_skb"),
    ("tcp", "tcp_event_skb", "tcp_bad_csum"),
    ("tcp", "tcp_hash_event", "tcp_hash_ao_required tcp_hash_bad_header tcp_hash_md5_mismatch tcp_hash_md5_required tcp_hash_md5_unexpected"),
    ("thp", "hugepage_set", "hugepage_set_pmd hugepage_set_pud"),
    ("thp", "hugepage_update", "hugepage_update_pmd hugepage_update_pud"),
    ("thp", "migration_pmd", "remove_migration_pmd set_migration_pmd"),
    ("timer", "hrtimer_class", "hrtimer_cancel hrtimer_expire_exit"),
    ("timer", "timer_class", "timer_cancel timer_expire_exit timer_init"),
    ("vmscan", "mm_vmscan_direct_reclaim_begin_template", "mm_vmscan_direct_reclaim_begin mm_vmscan_memcg_reclaim_begin mm_vmscan_memcg_softlimit_reclaim_begin"),
    ("vmscan", "mm_vmscan_direct_reclaim_end_template", "mm_vmscan_direct_reclaim_end mm_vmscan_memcg_reclaim_end mm_vmscan_memcg_softlimit_reclaim_end mm_vmscan_node_reclaim_end"),

    ("writeback", "writeback_dirty_inode_template", "writeback_dirty_inode writeback_dirty_inode_start writeback_mark_inode_dirty"),
    ("writeback", "writeback_folio_template", "folio_wait_writeback writeback_dirty_folio"),
    ("writeback", "writeback_inode_template", "sb_clear_inode_writeback sb_mark_inode_writeback writeback_dirty_inode_enqueue writeback_lazytime writeback_lazytime_iput"),
    ("writeback", "writeback_single_inode_template", "writeback_single_inode writeback_single_inode_start"),

    ("writeback", "writeback_write_inode_template", "writeback_write_inode writeback_write_inode_start"),
    ("xdp", "xdp_redirect_template", "xdp_redirect xdp_redirect_err xdp_redirect_map xdp_redirect_map_err"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_one_class() {
        for (at, (category, class, events)) in CLASSES.iter().enumerate() {
            for event in events.split(' ') {
                assert_eq!(class_of(category, event), Some(*class));
                let others = CLASSES[at + 1..].iter().filter(|it| it.0 == *category);
                assert!(!others.clone().any(|it| it.2.split(' ').any(|name| name == event)), "{event}");
            }
        }
    }
}
