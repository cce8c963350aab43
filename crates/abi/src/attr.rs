//! `union bpf_attr` of Linux 6.18: what each command of `bpf(2)` reads and writes, in the form of [`crate::ctx`].
//!
//! ```
//! use skep_abi::attr::{self, Cmd};
//!
//! assert_eq!(Cmd::from_u32(1), Some(Cmd::MapLookupElem));
//! assert_eq!((attr::elem::key.offset, Cmd::MapLookupElem.used()), (8, 32));
//! ```

use crate::ctx::Field;
use crate::ctx::layout::layouts;

/// `sizeof(union bpf_attr)`.
pub const SIZE: usize = 168;

macro_rules! commands {
    ($( $number:literal $name:ident $uapi:literal $last:expr; )*) => {
        /// A command of `bpf(2)` (`enum bpf_cmd`).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u32)]
        pub enum Cmd {
            $(
                #[doc = concat!("`", $uapi, "`")]
                $name = $number,
            )*
        }

        impl Cmd {
            /// Every command, by number.
            pub const ALL: &[Cmd] = &[ $( Cmd::$name ),* ];

            /// The C name.
            pub const fn uapi(self) -> &'static str {
                match self { $( Cmd::$name => $uapi, )* }
            }

            /// The last field that the command knows (`CHECK_ATTR`).
            const fn last(self) -> Field {
                match self { $( Cmd::$name => $last, )* }
            }
        }
    };
}

commands! {
    0 MapCreate "BPF_MAP_CREATE" map_create::excl_prog_hash_size;
    1 MapLookupElem "BPF_MAP_LOOKUP_ELEM" elem::flags;
    2 MapUpdateElem "BPF_MAP_UPDATE_ELEM" elem::flags;
    3 MapDeleteElem "BPF_MAP_DELETE_ELEM" elem::key;
    4 MapGetNextKey "BPF_MAP_GET_NEXT_KEY" elem::next_key;
    5 ProgLoad "BPF_PROG_LOAD" prog_load::keyring_id;
    6 ObjPin "BPF_OBJ_PIN" obj::path_fd;
    7 ObjGet "BPF_OBJ_GET" obj::path_fd;
    8 ProgAttach "BPF_PROG_ATTACH" attach::expected_revision;
    9 ProgDetach "BPF_PROG_DETACH" attach::expected_revision;
    10 ProgTestRun "BPF_PROG_TEST_RUN" test::batch_size;
    11 ProgGetNextId "BPF_PROG_GET_NEXT_ID" get_id::next_id;
    12 MapGetNextId "BPF_MAP_GET_NEXT_ID" get_id::next_id;
    13 ProgGetFdById "BPF_PROG_GET_FD_BY_ID" get_id::prog_id;
    14 MapGetFdById "BPF_MAP_GET_FD_BY_ID" get_id::open_flags;
    15 ObjGetInfoByFd "BPF_OBJ_GET_INFO_BY_FD" info::info;
    16 ProgQuery "BPF_PROG_QUERY" query::revision;
    17 RawTracepointOpen "BPF_RAW_TRACEPOINT_OPEN" raw_tracepoint::cookie;
    18 BtfLoad "BPF_BTF_LOAD" btf_load::btf_token_fd;
    19 BtfGetFdById "BPF_BTF_GET_FD_BY_ID" get_id::fd_by_id_token_fd;
    20 TaskFdQuery "BPF_TASK_FD_QUERY" task_fd_query::probe_addr;
    21 MapLookupAndDeleteElem "BPF_MAP_LOOKUP_AND_DELETE_ELEM" elem::flags;
    22 MapFreeze "BPF_MAP_FREEZE" elem::map_fd;
    23 BtfGetNextId "BPF_BTF_GET_NEXT_ID" get_id::next_id;
    24 MapLookupBatch "BPF_MAP_LOOKUP_BATCH" batch::flags;
    25 MapLookupAndDeleteBatch "BPF_MAP_LOOKUP_AND_DELETE_BATCH" batch::flags;
    26 MapUpdateBatch "BPF_MAP_UPDATE_BATCH" batch::flags;
    27 MapDeleteBatch "BPF_MAP_DELETE_BATCH" batch::flags;
    28 LinkCreate "BPF_LINK_CREATE" link_create_uprobe_multi::pid;
    29 LinkUpdate "BPF_LINK_UPDATE" link_update::old_prog_fd;
    30 LinkGetFdById "BPF_LINK_GET_FD_BY_ID" get_id::link_id;
    31 LinkGetNextId "BPF_LINK_GET_NEXT_ID" get_id::next_id;
    32 EnableStats "BPF_ENABLE_STATS" enable_stats::r#type;
    33 IterCreate "BPF_ITER_CREATE" iter_create::flags;
    34 LinkDetach "BPF_LINK_DETACH" link_detach::link_fd;
    35 ProgBindMap "BPF_PROG_BIND_MAP" prog_bind_map::flags;
    36 TokenCreate "BPF_TOKEN_CREATE" token_create::bpffs_fd;
    37 ProgStreamReadByFd "BPF_PROG_STREAM_READ_BY_FD" prog_stream_read::prog_fd;
}

impl Cmd {
    /// The command with this number.
    pub fn from_u32(number: u32) -> Option<Cmd> {
        Cmd::ALL.get(number as usize).copied()
    }

    /// How many bytes of the union the command knows: those behind them must be zero.
    pub const fn used(self) -> usize {
        let last = self.last();
        last.offset + last.size()
    }
}

layouts! {
    /// `BPF_MAP_CREATE`.
    mod map_create "bpf_attr" 168 {
        map_type: 0, 4, Number;
        key_size: 4, 4, Number;
        value_size: 8, 4, Number;
        max_entries: 12, 4, Number;
        map_flags: 16, 4, Number;
        inner_map_fd: 20, 4, Number;
        numa_node: 24, 4, Number;
        map_name: 28, 1 * 16, Number;
        map_ifindex: 44, 4, Number;
        btf_fd: 48, 4, Number;
        btf_key_type_id: 52, 4, Number;
        btf_value_type_id: 56, 4, Number;
        btf_vmlinux_value_type_id: 60, 4, Number;
        map_extra: 64, 8, Number;
        value_type_btf_obj_fd: 72, 4, Number;
        map_token_fd: 76, 4, Number;
        excl_prog_hash: 80, 8, Number;
        excl_prog_hash_size: 88, 4, Number;
    }

    /// `BPF_MAP_LOOKUP_ELEM` and its kin, and `BPF_MAP_FREEZE`.
    mod elem "bpf_attr" 168 {
        map_fd: 0, 4, Number;
        key: 8, 8, Number;
        value: 16, 8, Number;
        next_key: 16, 8, Number;
        flags: 24, 8, Number;
    }

    /// `BPF_MAP_LOOKUP_BATCH` and its kin.
    mod batch "bpf_attr" 168 {
        in_batch: 0, 8, Number;
        out_batch: 8, 8, Number;
        keys: 16, 8, Number;
        values: 24, 8, Number;
        count: 32, 4, Number;
        map_fd: 36, 4, Number;
        elem_flags: 40, 8, Number;
        flags: 48, 8, Number;
    }

    /// `BPF_PROG_LOAD`.
    mod prog_load "bpf_attr" 168 {
        prog_type: 0, 4, Number;
        insn_cnt: 4, 4, Number;
        insns: 8, 8, Number;
        license: 16, 8, Number;
        log_level: 24, 4, Number;
        log_size: 28, 4, Number;
        log_buf: 32, 8, Number;
        kern_version: 40, 4, Number;
        prog_flags: 44, 4, Number;
        prog_name: 48, 1 * 16, Number;
        prog_ifindex: 64, 4, Number;
        expected_attach_type: 68, 4, Number;
        prog_btf_fd: 72, 4, Number;
        func_info_rec_size: 76, 4, Number;
        func_info: 80, 8, Number;
        func_info_cnt: 88, 4, Number;
        line_info_rec_size: 92, 4, Number;
        line_info: 96, 8, Number;
        line_info_cnt: 104, 4, Number;
        attach_btf_id: 108, 4, Number;
        attach_prog_fd: 112, 4, Number;
        attach_btf_obj_fd: 112, 4, Number;
        core_relo_cnt: 116, 4, Number;
        fd_array: 120, 8, Number;
        core_relos: 128, 8, Number;
        core_relo_rec_size: 136, 4, Number;
        log_true_size: 140, 4, Number;
        prog_token_fd: 144, 4, Number;
        fd_array_cnt: 148, 4, Number;
        signature: 152, 8, Number;
        signature_size: 160, 4, Number;
        keyring_id: 164, 4, Number;
    }

    /// `BPF_OBJ_PIN`, `BPF_OBJ_GET`.
    mod obj "bpf_attr" 168 {
        pathname: 0, 8, Number;
        bpf_fd: 8, 4, Number;
        file_flags: 12, 4, Number;
        path_fd: 16, 4, Number;
    }

    /// `BPF_PROG_ATTACH`, `BPF_PROG_DETACH`.
    mod attach "bpf_attr" 168 {
        target_fd: 0, 4, Number;
        target_ifindex: 0, 4, Number;
        attach_bpf_fd: 4, 4, Number;
        attach_type: 8, 4, Number;
        attach_flags: 12, 4, Number;
        replace_bpf_fd: 16, 4, Number;
        relative_fd: 20, 4, Number;
        relative_id: 20, 4, Number;
        expected_revision: 24, 8, Number;
    }

    /// `BPF_PROG_TEST_RUN`.
    mod test "bpf_attr" 168 {
        prog_fd: 0, 4, Number;
        retval: 4, 4, Number;
        data_size_in: 8, 4, Number;
        data_size_out: 12, 4, Number;
        data_in: 16, 8, Number;
        data_out: 24, 8, Number;
        repeat: 32, 4, Number;
        duration: 36, 4, Number;
        ctx_size_in: 40, 4, Number;
        ctx_size_out: 44, 4, Number;
        ctx_in: 48, 8, Number;
        ctx_out: 56, 8, Number;
        flags: 64, 4, Number;
        cpu: 68, 4, Number;
        batch_size: 72, 4, Number;
    }

    /// `BPF_*_GET_NEXT_ID`, `BPF_*_GET_FD_BY_ID`: ids of all kinds are one field.
    mod get_id "bpf_attr" 168 {
        start_id: 0, 4, Number;
        prog_id: 0, 4, Number;
        map_id: 0, 4, Number;
        btf_id: 0, 4, Number;
        link_id: 0, 4, Number;
        next_id: 4, 4, Number;
        open_flags: 8, 4, Number;
        fd_by_id_token_fd: 12, 4, Number;
    }

    /// `BPF_OBJ_GET_INFO_BY_FD`.
    mod info "bpf_attr" 168 {
        bpf_fd: 0, 4, Number;
        info_len: 4, 4, Number;
        info: 8, 8, Number;
    }

    /// `BPF_PROG_QUERY`.
    mod query "bpf_attr" 168 {
        target_fd: 0, 4, Number;
        target_ifindex: 0, 4, Number;
        attach_type: 4, 4, Number;
        query_flags: 8, 4, Number;
        attach_flags: 12, 4, Number;
        prog_ids: 16, 8, Number;
        prog_cnt: 24, 4, Number;
        count: 24, 4, Number;
        prog_attach_flags: 32, 8, Number;
        link_ids: 40, 8, Number;
        link_attach_flags: 48, 8, Number;
        revision: 56, 8, Number;
    }

    /// `BPF_RAW_TRACEPOINT_OPEN`.
    mod raw_tracepoint "bpf_attr" 168 {
        name: 0, 8, Number;
        prog_fd: 8, 4, Number;
        cookie: 16, 8, Number;
    }

    /// `BPF_BTF_LOAD`.
    mod btf_load "bpf_attr" 168 {
        btf: 0, 8, Number;
        btf_log_buf: 8, 8, Number;
        btf_size: 16, 4, Number;
        btf_log_size: 20, 4, Number;
        btf_log_level: 24, 4, Number;
        btf_log_true_size: 28, 4, Number;
        btf_flags: 32, 4, Number;
        btf_token_fd: 36, 4, Number;
    }

    /// `BPF_TASK_FD_QUERY`.
    mod task_fd_query "bpf_attr" 168 {
        pid: 0, 4, Number;
        fd: 4, 4, Number;
        flags: 8, 4, Number;
        buf_len: 12, 4, Number;
        buf: 16, 8, Number;
        prog_id: 24, 4, Number;
        fd_type: 28, 4, Number;
        probe_offset: 32, 8, Number;
        probe_addr: 40, 8, Number;
    }

    /// `BPF_LINK_CREATE`: what all links have in common.
    mod link_create "bpf_attr" 168 {
        prog_fd: 0, 4, Number;
        map_fd: 0, 4, Number;
        target_fd: 4, 4, Number;
        target_ifindex: 4, 4, Number;
        attach_type: 8, 4, Number;
        flags: 12, 4, Number;
        target_btf_id: 16, 4, Number;
        iter_info: 16, 8, Number;
        iter_info_len: 24, 4, Number;
    }

    /// `link_create.perf_event`.
    mod link_create_perf_event "bpf_attr" 168 {
        bpf_cookie: 16, 8, Number;
    }

    /// `link_create.kprobe_multi`.
    mod link_create_kprobe_multi "bpf_attr" 168 {
        flags: 16, 4, Number;
        cnt: 20, 4, Number;
        syms: 24, 8, Number;
        addrs: 32, 8, Number;
        cookies: 40, 8, Number;
    }

    /// `link_create.tracing`.
    mod link_create_tracing "bpf_attr" 168 {
        target_btf_id: 16, 4, Number;
        cookie: 24, 8, Number;
    }

    /// `link_create.netfilter`.
    mod link_create_netfilter "bpf_attr" 168 {
        pf: 16, 4, Number;
        hooknum: 20, 4, Number;
        priority: 24, 4, Number;
        flags: 28, 4, Number;
    }

    /// `link_create.tcx`.
    mod link_create_tcx "bpf_attr" 168 {
        relative_fd: 16, 4, Number;
        relative_id: 16, 4, Number;
        expected_revision: 24, 8, Number;
    }

    /// `link_create.uprobe_multi`.
    mod link_create_uprobe_multi "bpf_attr" 168 {
        path: 16, 8, Number;
        offsets: 24, 8, Number;
        ref_ctr_offsets: 32, 8, Number;
        cookies: 40, 8, Number;
        cnt: 48, 4, Number;
        flags: 52, 4, Number;
        pid: 56, 4, Number;
    }

    /// `link_create.netkit`.
    mod link_create_netkit "bpf_attr" 168 {
        relative_fd: 16, 4, Number;
        relative_id: 16, 4, Number;
        expected_revision: 24, 8, Number;
    }

    /// `link_create.cgroup`.
    mod link_create_cgroup "bpf_attr" 168 {
        relative_fd: 16, 4, Number;
        relative_id: 16, 4, Number;
        expected_revision: 24, 8, Number;
    }

    /// `BPF_LINK_UPDATE`.
    mod link_update "bpf_attr" 168 {
        link_fd: 0, 4, Number;
        new_prog_fd: 4, 4, Number;
        new_map_fd: 4, 4, Number;
        flags: 8, 4, Number;
        old_prog_fd: 12, 4, Number;
        old_map_fd: 12, 4, Number;
    }

    /// `BPF_LINK_DETACH`.
    mod link_detach "bpf_attr" 168 {
        link_fd: 0, 4, Number;
    }

    /// `BPF_ENABLE_STATS`.
    mod enable_stats "bpf_attr" 168 {
        r#type: 0, 4, Number;
    }

    /// `BPF_ITER_CREATE`.
    mod iter_create "bpf_attr" 168 {
        link_fd: 0, 4, Number;
        flags: 4, 4, Number;
    }

    /// `BPF_PROG_BIND_MAP`.
    mod prog_bind_map "bpf_attr" 168 {
        prog_fd: 0, 4, Number;
        map_fd: 4, 4, Number;
        flags: 8, 4, Number;
    }

    /// `BPF_TOKEN_CREATE`.
    mod token_create "bpf_attr" 168 {
        flags: 0, 4, Number;
        bpffs_fd: 4, 4, Number;
    }

    /// `BPF_PROG_STREAM_READ_BY_FD`.
    mod prog_stream_read "bpf_attr" 168 {
        stream_buf: 0, 8, Number;
        stream_buf_len: 8, 4, Number;
        stream_id: 12, 4, Number;
        prog_fd: 16, 4, Number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_in_order() {
        for (index, cmd) in Cmd::ALL.iter().enumerate() {
            assert_eq!(*cmd as usize, index);
            assert!(cmd.used() <= SIZE, "{cmd:?}");
        }
        assert_eq!(Cmd::ALL.len(), 38);
    }

    #[test]
    fn fields_lie_inside() {
        for layout in LAYOUTS {
            for field in layout.fields {
                assert!(field.range().end <= SIZE.max(layout.size), "{}.{}", layout.name, field.name);
            }
        }
    }
}
