//! A small kernel's types for tests of helpers that look into kernel structs.

use skep_btf::{BtfBuilder, Def, IntEncoding, Linkage, TypeId};
use skep_kernel::{Config, Kernel, TargetBtf};
use std::sync::Arc;

/// A struct by its members: name, type, offset in bytes.
type Layout = (&'static str, u32, &'static [(&'static str, &'static str, u32)]);

/// Members of types `u8` to `u64`, `comm` and `ptr` (to void), or of a struct before.
const STRUCTS: &[Layout] = &[
    ("hlist_bl_node", 16, &[("next", "ptr", 0), ("pprev", "ptr", 8)]),
    ("qstr", 16, &[("hash", "u32", 0), ("len", "u32", 4), ("name", "ptr", 8)]),
    ("path", 16, &[("mnt", "ptr", 0), ("dentry", "ptr", 8)]),
    ("ns_common", 24, &[("inum", "u32", 16)]),
    ("pid_namespace", 64, &[("level", "u32", 0), ("ns", "ns_common", 16)]),
    ("upid", 16, &[("nr", "u32", 0), ("ns", "ptr", 8)]),
    ("pid", 80, &[("level", "u32", 4), ("numbers", "upid", 16)]),
    ("signal_struct", 64, &[("pids", "pids", 16)]),
    ("fs_struct", 48, &[("root", "path", 16), ("pwd", "path", 32)]),
    ("cgroup", 64, &[("level", "u32", 0), ("ancestors", "pids", 8)]),
    ("css_set", 64, &[("dfl_cgrp", "ptr", 16)]),
    (
        "task_struct",
        512,
        &[
            ("pid", "u32", 40),
            ("tgid", "u32", 44),
            ("mm", "ptr", 64),
            ("thread_pid", "ptr", 72),
            ("signal", "ptr", 80),
            ("fs", "ptr", 88),
            ("cgroups", "ptr", 112),
            ("comm", "comm", 96),
        ],
    ),
    ("vfsmount", 32, &[("mnt_root", "ptr", 0)]),
    ("mount", 128, &[("mnt_parent", "ptr", 16), ("mnt_mountpoint", "ptr", 24), ("mnt", "vfsmount", 32)]),
    ("dentry_operations", 64, &[("d_dname", "ptr", 48)]),
    ("inode", 128, &[("i_ino", "u64", 64)]),
    (
        "dentry",
        128,
        &[
            ("d_hash", "hlist_bl_node", 8),
            ("d_parent", "ptr", 24),
            ("d_name", "qstr", 32),
            ("d_inode", "ptr", 48),
            ("d_op", "ptr", 96),
        ],
    ),
    (
        "file",
        128,
        &[("f_op", "ptr", 16), ("f_inode", "ptr", 24), ("private_data", "ptr", 32), ("f_path", "path", 64)],
    ),
    ("mm_struct", 64, &[("pgd", "ptr", 0)]),
    ("vm_area_struct", 64, &[("vm_start", "u64", 0), ("vm_end", "u64", 8), ("vm_mm", "ptr", 16)]),
    ("sock_common", 32, &[("skc_family", "u16", 16), ("skc_state", "u8", 18)]),
    ("sock", 64, &[("__sk_common", "sock_common", 0), ("sk_type", "u16", 48), ("sk_protocol", "u16", 50)]),
    ("socket", 64, &[("sk", "ptr", 24)]),
    ("linux_binprm", 64, &[("secureexec", "u32", 32)]),
    ("sk_buff", 64, &[("len", "u32", 0), ("data_len", "u32", 4), ("data", "ptr", 16)]),
    ("seq_file", 64, &[("buf", "ptr", 0)]),
    ("bpf_iter_meta", 24, &[("seq", "ptr", 0), ("session_id", "u64", 8), ("seq_num", "u64", 16)]),
    ("bpf_iter__task", 16, &[("meta", "ptr", 0), ("task", "ptr", 8)]),
    ("xdp_buff", 64, &[("data", "ptr", 0), ("data_end", "ptr", 8)]),
];

/// The types.
pub(crate) fn types() -> TargetBtf {
    let mut builder = BtfBuilder::new();
    let mut known: Vec<(&str, TypeId)> = Vec::new();
    for (name, size) in [("u8", 1), ("u16", 2), ("u32", 4), ("u64", 8)] {
        known.push((name, builder.int(name, size, IntEncoding::Unsigned)));
    }
    let char = builder.int("char", 1, IntEncoding::Signed);
    known.push(("ptr", builder.add("", Def::Ptr(TypeId(0)))));
    let find = |known: &[(&str, TypeId)], name| known.iter().find(|it| it.0 == name).expect(name).1;
    let index = find(&known, "u32");
    let mut array = |element, len| builder.add("", Def::Array(skep_btf::Array { element, index, len }));
    known.push(("comm", array(char, 16)));
    known.push(("pids", array(find(&known, "ptr"), 4)));
    for (name, size, members) in STRUCTS {
        let members: Vec<_> =
            members.iter().map(|(name, of, offset)| (*name, find(&known, of), offset * 8)).collect();
        known.push((name, builder.structure(name, *size, &members)));
    }
    let ptr = find(&known, "ptr");
    builder.func("bpf_iter_task", Linkage::Extern, index, &[("meta", ptr), ("task", ptr)]);
    TargetBtf::new("test", Arc::new(builder.build().expect("types")))
}

/// A machine with these types.
pub(crate) fn kernel_with_types() -> Kernel {
    Kernel::new(Config { btf: Some(types()), ..Config::default() }).expect("address space")
}

/// An object with some fields set; the answer is its address.
pub(crate) fn object(kernel: &mut Kernel, name: &str, fields: &[(&str, u64)]) -> u64 {
    let mut object = kernel.object(name).unwrap_or_else(|error| panic!("{error}"));
    for (path, value) in fields {
        object = object.set(path, *value).unwrap_or_else(|error| panic!("{error}"));
    }
    object.addr()
}

/// A string in kernel memory.
pub(crate) fn text(kernel: &Kernel, text: &str) -> u64 {
    use skep_memory::{Arena, ObjectKind, Origin, Rights};
    let origin = Origin::new(ObjectKind::KernelObject, "string");
    let addr = kernel.memory().alloc(Arena::Kernel, text.len() + 1, 8, Rights::RO, origin).expect("room");
    kernel.memory().poke(addr, text.as_bytes()).expect("just made");
    addr
}
