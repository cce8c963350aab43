//! Hooks of security modules and functions of the kernel, by what programs may do there.

/// Hooks whose programs may sleep (`sleepable_lsm_hooks`), without `bpf_lsm_`. By name.
const SLEEPABLE: &[&str] = &[
    "bpf",
    "bpf_map",
    "bpf_map_create",
    "bpf_map_free",
    "bpf_prog",
    "bpf_prog_free",
    "bpf_prog_load",
    "bpf_token_capable",
    "bpf_token_cmd",
    "bpf_token_create",
    "bpf_token_free",
    "bprm_check_security",
    "bprm_committed_creds",
    "bprm_committing_creds",
    "bprm_creds_for_exec",
    "bprm_creds_from_file",
    "capget",
    "capset",
    "cred_prepare",
    "current_getsecid_subj",
    "file_ioctl",
    "file_lock",
    "file_open",
    "file_post_open",
    "file_receive",
    "inet_conn_established",
    "inode_create",
    "inode_free_security",
    "inode_getattr",
    "inode_getxattr",
    "inode_mknod",
    "inode_need_killpriv",
    "inode_post_removexattr",
    "inode_post_setxattr",
    "inode_readlink",
    "inode_removexattr",
    "inode_rename",
    "inode_rmdir",
    "inode_setattr",
    "inode_setxattr",
    "inode_symlink",
    "inode_unlink",
    "kernel_module_request",
    "kernel_read_file",
    "kernfs_init_security",
    "mmap_file",
    "netlink_send",
    "path_chmod",
    "path_chown",
    "path_link",
    "path_mkdir",
    "path_notify",
    "path_rename",
    "path_rmdir",
    "path_symlink",
    "path_truncate",
    "path_unlink",
    "release_secctx",
    "sb_alloc_security",
    "sb_eat_lsm_opts",
    "sb_kern_mount",
    "sb_mount",
    "sb_remount",
    "sb_set_mnt_opts",
    "sb_show_options",
    "sb_statfs",
    "sb_umount",
    "settime",
    "socket_accept",
    "socket_bind",
    "socket_connect",
    "socket_create",
    "socket_getpeername",
    "socket_getpeersec_dgram",
    "socket_getsockname",
    "socket_getsockopt",
    "socket_listen",
    "socket_post_create",
    "socket_recvmsg",
    "socket_sendmsg",
    "socket_shutdown",
    "socket_socketpair",
    "syslog",
    "task_alloc",
    "task_getsecid_obj",
    "task_prctl",
    "task_setscheduler",
    "task_to_inode",
    "userns_create",
];

/// Hooks whose arguments may be half made or half gone (`untrusted_lsm_hooks`), without `bpf_lsm_`. By name.
const UNTRUSTED: &[&str] = &[
    "bpf_map_free",
    "bpf_prog_free",
    "file_alloc_security",
    "file_free_security",
    "sk_alloc_security",
    "sk_free_security",
    "task_free",
];

/// Hooks that no program may attach to (`bpf_lsm_disabled_hooks`), without `bpf_lsm_`. By name.
const DISABLED: &[&str] = &[
    "audit_rule_match",
    "file_alloc_security",
    "getprocattr",
    "getselfattr",
    "inode_copy_up_xattr",
    "inode_getsecurity",
    "inode_listsecurity",
    "inode_need_killpriv",
    "ismaclabel",
    "key_getsecurity",
    "setprocattr",
    "vm_enough_memory",
    "xfrm_decode_session",
];

/// Functions that no tracing program may attach to (`btf_id_deny`).
const DENIED: &[&str] = &[
    "___migrate_enable",
    "__rcu_read_lock",
    "__rcu_read_unlock",
    "migrate_disable",
    "migrate_enable",
    "preempt_count_add",
    "preempt_count_sub",
    "rcu_read_unlock_strict",
];

/// Functions that do not return (`noreturn_deny`).
const NO_RETURN: &[&str] = &[
    "__ia32_sys_exit",
    "__ia32_sys_exit_group",
    "__module_put_and_kthread_exit",
    "__x64_sys_exit",
    "__x64_sys_exit_group",
    "do_exit",
    "do_group_exit",
    "kthread_complete_and_exit",
    "kthread_exit",
    "make_task_dead",
];

/// Functions that may fail on purpose, but whose callers may not sleep (`btf_non_sleepable_error_inject`).
const NON_SLEEPABLE: &[&str] = &["__filemap_add_folio", "should_fail_alloc_page", "should_failslab"];

/// Functions whose return value programs may change (`register_btf_fmodret_id_set`); `true`: they may sleep.
const MODIFIABLE: &[(&str, bool)] = &[
    ("bpf_fentry_test1", true),
    ("bpf_modify_return_test", false),
    ("bpf_modify_return_test2", false),
    ("bpf_modify_return_test_tp", false),
];

fn has(table: &[&str], name: &str) -> bool {
    table.binary_search(&name).is_ok()
}

fn hook(function: &str) -> &str {
    function.strip_prefix("bpf_lsm_").unwrap_or("")
}

/// Whether a hook is one whose programs may sleep (`bpf_lsm_is_sleepable_hook`).
pub(crate) fn is_sleepable_hook(function: &str) -> bool {
    has(SLEEPABLE, hook(function))
}

/// Whether the arguments of a hook are to be trusted (`bpf_lsm_is_trusted`).
pub(crate) fn is_trusted_hook(function: &str) -> bool {
    !has(UNTRUSTED, hook(function))
}

pub(super) fn is_disabled_hook(function: &str) -> bool {
    has(DISABLED, hook(function))
}

pub(super) fn is_denied(function: &str) -> bool {
    has(DENIED, function)
}

pub(super) fn does_not_return(function: &str) -> bool {
    has(NO_RETURN, function)
}

pub(super) fn is_non_sleepable(function: &str) -> bool {
    has(NON_SLEEPABLE, function)
}

/// Whether programs may change what a function returns, and if so whether they may sleep.
pub(super) fn modifiable(function: &str) -> Option<bool> {
    MODIFIABLE.iter().find(|(name, _)| *name == function).map(|(_, sleepable)| *sleepable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_order() {
        for table in [SLEEPABLE, UNTRUSTED, DISABLED, DENIED, NO_RETURN, NON_SLEEPABLE] {
            assert!(table.is_sorted(), "{table:?}");
        }
    }
}
