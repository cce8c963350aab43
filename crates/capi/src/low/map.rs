//! Making maps.
#![expect(unsafe_code, reason = "functions that C calls by name")]

use crate::attr::{Attr, Opts, done};
use crate::given::Given;
use crate::layout;
use crate::text::text;
use skep_abi::Errno;
use skep_abi::attr::{Cmd, map_create};
use std::ffi::{c_char, c_int};

#[unsafe(no_mangle)]
unsafe extern "C" fn bpf_map_create(
    map_type: u32,
    map_name: *const c_char,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    opts: Opts,
) -> c_int {
    let create = || -> Result<i32, Errno> {
        // SAFETY: the caller's options.
        let given = unsafe { Given::new(opts, layout::map_create::OPTIONS) }?;
        let mut attr = Attr::until(&map_create::map_token_fd);
        attr.put(&map_create::map_type, map_type)
            // SAFETY: null, or a text.
            .put_name(&map_create::map_name, unsafe { text(map_name) })
            .put(&map_create::key_size, key_size)
            .put(&map_create::value_size, value_size)
            .put(&map_create::max_entries, max_entries)
            .copy(&given, OPTIONS)
            .open(Cmd::MapCreate)
    };
    done(create())
}

const OPTIONS: &[(&skep_abi::ctx::Field, layout::Field)] = {
    use layout::map_create as opts;
    &[
        (&map_create::btf_fd, opts::btf_fd),
        (&map_create::btf_key_type_id, opts::btf_key_type_id),
        (&map_create::btf_value_type_id, opts::btf_value_type_id),
        (&map_create::btf_vmlinux_value_type_id, opts::btf_vmlinux_value_type_id),
        (&map_create::value_type_btf_obj_fd, opts::value_type_btf_obj_fd),
        (&map_create::inner_map_fd, opts::inner_map_fd),
        (&map_create::map_flags, opts::map_flags),
        (&map_create::map_extra, opts::map_extra),
        (&map_create::numa_node, opts::numa_node),
        (&map_create::map_ifindex, opts::map_ifindex),
        (&map_create::map_token_fd, opts::token_fd),
    ]
};
