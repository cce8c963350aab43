//! The option structures of libbpf 1.5's `bpf.h` and `libbpf.h`, field by field as C lays them out.
//!
//! They are never made here: what a caller gives is as long as the caller's libbpf says (`sz`), so it is read through
//! [`Given`](crate::given::Given), which needs offsets only.

/// One field of an option structure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) offset: usize,
    pub(crate) size: usize,
}

impl Field {
    pub(crate) const fn end(self) -> usize {
        self.offset + self.size
    }
}

/// A structure that begins with its size (`sz`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Its C name.
    #[cfg_attr(not(test), expect(dead_code, reason = "for messages of tests"))]
    pub(crate) name: &'static str,
    /// Where the last field that this library knows ends: what is behind must be zero.
    pub(crate) end: usize,
}

/// Rows: the name here, the name in C, the last field, all fields behind `sz`. A union is a row for each of its members,
/// with what stands before it.
macro_rules! options {
    ($( $name:ident $c:literal $end:expr; { $( $field:ident: $type:ty, )* } )*) => { $(
        #[doc = concat!("`struct ", $c, "`")]
        #[allow(non_upper_case_globals, dead_code, reason = "C's names, and offsets of all fields")]
        pub(crate) mod $name {
            use super::{Field, Options};
            use std::mem::offset_of;

            #[repr(C)]
            struct Layout { sz: usize, $( $field: $type, )* }

            pub(crate) const sz: Field = Field { offset: offset_of!(Layout, sz), size: size_of::<usize>() };
            $(
                pub(crate) const $field: Field =
                    Field { offset: offset_of!(Layout, $field), size: size_of::<$type>() };
            )*
            pub(crate) const OPTIONS: Options = Options { name: $c, end: $end };
        }
    )* };
}

options! {
    map_create "bpf_map_create_opts" token_fd.end(); {
        btf_fd: u32, btf_key_type_id: u32, btf_value_type_id: u32, btf_vmlinux_value_type_id: u32,
        inner_map_fd: u32, map_flags: u32, map_extra: u64, numa_node: u32, map_ifindex: u32,
        value_type_btf_obj_fd: i32, token_fd: u32,
    }

    prog_load "bpf_prog_load_opts" token_fd.end(); {
        attempts: i32, expected_attach_type: u32, prog_btf_fd: u32, prog_flags: u32, prog_ifindex: u32,
        kern_version: u32, attach_btf_id: u32, attach_prog_fd: u32, attach_btf_obj_fd: u32, fd_array: u64,
        func_info: u64, func_info_cnt: u32, func_info_rec_size: u32, line_info: u64, line_info_cnt: u32,
        line_info_rec_size: u32, log_level: u32, log_size: u32, log_buf: u64, log_true_size: u32, token_fd: u32,
    }

    btf_load "bpf_btf_load_opts" token_fd.end(); {
        log_buf: u64, log_level: u32, log_size: u32, log_true_size: u32, btf_flags: u32, token_fd: u32,
    }

    map_batch "bpf_map_batch_opts" flags.end(); { elem_flags: u64, flags: u64, }

    obj_pin "bpf_obj_pin_opts" path_fd.end(); { file_flags: u32, path_fd: i32, }

    obj_get "bpf_obj_get_opts" path_fd.end(); { file_flags: u32, path_fd: i32, }

    prog_attach "bpf_prog_attach_opts" expected_revision.end(); {
        flags: u32, replace_fd: i32, relative_fd: i32, relative_id: u32, expected_revision: u64,
    }

    prog_detach "bpf_prog_detach_opts" expected_revision.end(); {
        flags: u32, relative_fd: i32, relative_id: u32, expected_revision: u64,
    }

    link_create "bpf_link_create_opts" super::link_create_uprobe_multi::pid.end(); {
        flags: u32, iter_info: u64, iter_info_len: u32, target_btf_id: u32,
    }

    link_create_perf_event "bpf_link_create_opts" super::link_create::OPTIONS.end; {
        head: [u64; 3], bpf_cookie: u64,
    }

    link_create_kprobe_multi "bpf_link_create_opts" super::link_create::OPTIONS.end; {
        head: [u64; 3], flags: u32, cnt: u32, syms: u64, addrs: u64, cookies: u64,
    }

    link_create_uprobe_multi "bpf_link_create_opts" super::link_create::OPTIONS.end; {
        head: [u64; 3], flags: u32, cnt: u32, path: u64, offsets: u64, ref_ctr_offsets: u64, cookies: u64, pid: u32,
    }

    link_create_tracing "bpf_link_create_opts" super::link_create::OPTIONS.end; {
        head: [u64; 3], cookie: u64,
    }

    link_create_netfilter "bpf_link_create_opts" super::link_create::OPTIONS.end; {
        head: [u64; 3], pf: u32, hooknum: u32, priority: i32, flags: u32,
    }

    link_create_mprog "bpf_link_create_opts" super::link_create::OPTIONS.end; {
        head: [u64; 3], relative_fd: u32, relative_id: u32, expected_revision: u64,
    }

    link_update "bpf_link_update_opts" old_map_fd.end(); { flags: u32, old_prog_fd: u32, old_map_fd: u32, }

    get_fd_by_id "bpf_get_fd_by_id_opts" open_flags.end(); { open_flags: u32, }

    prog_query "bpf_prog_query_opts" revision.end(); {
        query_flags: u32, attach_flags: u32, prog_ids: u64, count: u32, prog_attach_flags: u64, link_ids: u64,
        link_attach_flags: u64, revision: u64,
    }

    raw_tp "bpf_raw_tp_opts" cookie.end(); { tp_name: u64, cookie: u64, }

    prog_bind "bpf_prog_bind_opts" flags.end(); { flags: u32, }

    test_run "bpf_test_run_opts" batch_size.end(); {
        data_in: u64, data_out: u64, data_size_in: u32, data_size_out: u32, ctx_in: u64, ctx_out: u64,
        ctx_size_in: u32, ctx_size_out: u32, retval: u32, repeat: i32, duration: u32, flags: u32, cpu: u32,
        batch_size: u32,
    }

    prog_handler "libbpf_prog_handler_opts" prog_attach_fn.end(); {
        cookie: i64, prog_setup_fn: u64, prog_prepare_load_fn: u64, prog_attach_fn: u64,
    }

    object_open "bpf_object_open_opts" bpf_token_path.end(); {
        object_name: u64, relaxed_maps: u8, pin_root_path: u64, attach_prog_fd_unused: u32, kconfig: u64,
        btf_custom_path: u64, kernel_log_buf: u64, kernel_log_size: usize, kernel_log_level: u32, bpf_token_path: u64,
    }

    token_create "bpf_token_create_opts" flags.end(); { flags: u32, }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends that a C compiler gives on x86-64 and arm64.
    #[test]
    fn ends() {
        let ends = [
            (map_create::OPTIONS, 56),
            (prog_load::OPTIONS, 112),
            (btf_load::OPTIONS, 36),
            (map_batch::OPTIONS, 24),
            (obj_pin::OPTIONS, 16),
            (prog_attach::OPTIONS, 32),
            (prog_detach::OPTIONS, 32),
            (link_create::OPTIONS, 76),
            (link_update::OPTIONS, 20),
            (get_fd_by_id::OPTIONS, 12),
            (prog_query::OPTIONS, 64),
            (raw_tp::OPTIONS, 24),
            (prog_bind::OPTIONS, 12),
            (test_run::OPTIONS, 80),
            (token_create::OPTIONS, 12),
        ];
        for (options, end) in ends {
            assert_eq!(options.end, end, "{}", options.name);
        }
    }
}
