//! What is special about some helpers.

use skep_abi::MapType;
use skep_abi::helpers::{func, helper};

/// The helper's name in messages (`func_id_name`).
pub(crate) fn func_name(id: u32) -> String {
    match helper(id) {
        Some(it) => format!("bpf_{}", it.name),
        None if id == 0 => "bpf_unspec".to_owned(),
        None => "unknown".to_owned(),
    }
}

/// What it returns has to be released (`is_acquire_function`).
pub(super) fn acquires(id: u32, map: Option<MapType>) -> bool {
    match id {
        func::sk_lookup_tcp
        | func::sk_lookup_udp
        | func::skc_lookup_tcp
        | func::ringbuf_reserve
        | func::kptr_xchg => true,
        func::map_lookup_elem => matches!(map, Some(MapType::Sockmap | MapType::Sockhash)),
        _ => false,
    }
}

/// It returns its argument as another type (`is_ptr_cast_function`).
pub(super) const fn casts(id: u32) -> bool {
    matches!(
        id,
        func::tcp_sock
            | func::sk_fullsock
            | func::skc_to_tcp_sock
            | func::skc_to_tcp6_sock
            | func::skc_to_udp6_sock
            | func::skc_to_mptcp_sock
            | func::skc_to_tcp_timewait_sock
            | func::skc_to_tcp_request_sock
    )
}

/// It takes memory of the kernel's for what it stores (`is_storage_get_function`).
pub(super) const fn gets_storage(id: u32) -> bool {
    matches!(
        id,
        func::sk_storage_get | func::inode_storage_get | func::task_storage_get | func::cgrp_storage_get
    )
}

/// Maps whose lookup cannot fail for a key that is known (`can_elide_value_nullness`).
pub(super) const fn has_all_elements(kind: MapType) -> bool {
    matches!(kind, MapType::Array | MapType::PercpuArray)
}
