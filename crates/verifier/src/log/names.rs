//! Names of what registers hold.

use crate::state::reg::{DynptrKind, IterState};
use crate::state::types::{Base, Flags, RegType};

/// What a register of this type is called in the log (`reg_type_str`): `"rdonly_mem_or_null"`. The name of a kernel
/// object's type comes behind `"ptr_"`.
pub(crate) fn type_name(ty: RegType) -> String {
    const PREFIXES: [(Flags, &str); 7] = [
        (Flags::RDONLY, "rdonly_"),
        (Flags::RINGBUF, "ringbuf_"),
        (Flags::USER, "user_"),
        (Flags::PERCPU, "percpu_"),
        (Flags::RCU, "rcu_"),
        (Flags::UNTRUSTED, "untrusted_"),
        (Flags::TRUSTED, "trusted_"),
    ];
    let prefix = PREFIXES.iter().filter(|(flag, _)| ty.has(*flag)).map(|(_, text)| *text);
    let mut name: String = prefix.collect();
    name.push_str(base_name(ty.base));
    if ty.may_be_null() {
        name.push_str(if ty.base == Base::PtrToBtfId { "or_null_" } else { "_or_null" });
    }
    name
}

const fn base_name(base: Base) -> &'static str {
    match base {
        Base::NotInit => "?",
        Base::Scalar => "scalar",
        Base::PtrToCtx => "ctx",
        Base::ConstPtrToMap => "map_ptr",
        Base::PtrToMapValue => "map_value",
        Base::PtrToMapKey => "map_key",
        Base::PtrToStack => "fp",
        Base::PtrToPacketMeta => "pkt_meta",
        Base::PtrToPacket => "pkt",
        Base::PtrToPacketEnd => "pkt_end",
        Base::PtrToFlowKeys => "flow_keys",
        Base::PtrToSocket => "sock",
        Base::PtrToSockCommon => "sock_common",
        Base::PtrToTcpSock => "tcp_sock",
        Base::PtrToTpBuffer => "tp_buffer",
        Base::PtrToXdpSock => "xdp_sock",
        Base::PtrToBtfId => "ptr_",
        Base::PtrToMem => "mem",
        Base::PtrToArena => "arena",
        Base::PtrToBuf => "buf",
        Base::PtrToFunc => "func",
        Base::ConstPtrToDynptr => "dynptr_ptr",
    }
}

/// What kind of dynptr it is (`dynptr_type_str`).
pub(crate) const fn dynptr_name(kind: DynptrKind) -> &'static str {
    match kind {
        DynptrKind::Invalid => "<invalid>",
        DynptrKind::Local => "local",
        DynptrKind::Ringbuf => "ringbuf",
        DynptrKind::Skb => "skb",
        DynptrKind::Xdp => "xdp",
        DynptrKind::SkbMeta => "skb_meta",
        DynptrKind::File => "file",
    }
}

/// How far an iterator is (`iter_state_str`).
pub(crate) const fn iter_state_name(state: IterState) -> &'static str {
    match state {
        IterState::Invalid => "<invalid>",
        IterState::Active => "active",
        IterState::Drained => "drained",
    }
}

/// The name of an iterator's type (`iter_type_str`), of a struct's name.
pub(crate) fn iter_name(type_name: &str) -> &str {
    type_name.strip_prefix("bpf_iter_").unwrap_or("<invalid>")
}
