//! What iterators of the kernel hand to programs (`struct bpf_iter_reg`).

use crate::state::types::{Base, Flags, RegType};

/// What an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum IterArg {
    /// An object of this struct, or NULL.
    Object(&'static str),
    /// The same, trusted.
    Trusted(&'static str),
    /// A buffer, or NULL.
    Buf,
    /// One that may only be read.
    ReadBuf,
}

impl IterArg {
    pub(super) fn ty(self) -> RegType {
        let null = Flags::MAYBE_NULL;
        match self {
            IterArg::Object(_) => RegType::with(Base::PtrToBtfId, null),
            IterArg::Trusted(_) => RegType::with(Base::PtrToBtfId, null | Flags::TRUSTED),
            IterArg::Buf => RegType::with(Base::PtrToBuf, null),
            IterArg::ReadBuf => RegType::with(Base::PtrToBuf, null | Flags::RDONLY),
        }
    }

    pub(super) fn object(self) -> Option<&'static str> {
        match self {
            IterArg::Object(name) | IterArg::Trusted(name) => Some(name),
            IterArg::Buf | IterArg::ReadBuf => None,
        }
    }
}

use IterArg::{Buf, Object, ReadBuf, Trusted};

/// The name behind `bpf_iter_`; the member of `struct bpf_iter__<name>` and what it is.
const ITERS: &[(&str, &[(&str, IterArg)])] = &[
    ("bpf_link", &[("link", Object("bpf_link"))]),
    ("bpf_map", &[("map", Trusted("bpf_map"))]),
    ("bpf_map_elem", &[("key", ReadBuf), ("value", Buf)]),
    ("bpf_prog", &[("prog", Object("bpf_prog"))]),
    ("bpf_sk_storage_map", &[("sk", Object("sock")), ("value", Buf)]),
    ("cgroup", &[("cgroup", Trusted("cgroup"))]),
    ("dmabuf", &[("dmabuf", Object("dma_buf"))]),
    ("ipv6_route", &[("rt", Object("fib6_info"))]),
    ("kmem_cache", &[("s", Trusted("kmem_cache"))]),
    ("ksym", &[("ksym", Object("kallsym_iter"))]),
    ("netlink", &[("sk", Object("netlink_sock"))]),
    ("sockmap", &[("key", ReadBuf), ("sk", Object("sock"))]),
    ("task", &[("task", Trusted("task_struct"))]),
    ("task_file", &[("task", Object("task_struct")), ("file", Object("file"))]),
    ("task_vma", &[("task", Object("task_struct")), ("vma", Object("vm_area_struct"))]),
    ("tcp", &[("sk_common", Trusted("sock_common"))]),
    ("udp", &[("udp_sk", Trusted("udp_sock"))]),
    ("unix", &[("unix_sk", Object("unix_sock"))]),
];

/// The arguments of an iterator; `None`: there is no such one.
pub(super) fn iter_args(target: &str) -> Option<&'static [(&'static str, IterArg)]> {
    ITERS.iter().find(|(name, _)| *name == target).map(|(_, args)| *args)
}
