//! `bpf_d_path`: names of dentries up to the root, mount by mount.

use crate::support::{eval, set_value, value, value_map};
use crate::types::{kernel_with_types, object, text};
use skep_abi::Errno;
use skep_kernel::{Fd, Kernel};

const BUFFER: usize = 64;

/// A machine with `/` on one mount and another mount at `/mnt`; dentries are found by name unless they say otherwise.
struct Tree {
    kernel: Kernel,
    buffer: Fd,
    root: u64,
    /// The two mounts' `struct vfsmount`.
    mounts: [u64; 2],
}

impl Tree {
    fn new() -> Tree {
        let mut kernel = kernel_with_types();
        let buffer = value_map(&mut kernel, BUFFER as u32);
        let root = object(&mut kernel, "dentry", &[("d_hash.pprev", 1)]);
        kernel.object_at(root, "dentry").unwrap().set("d_parent", root).unwrap();
        let mut tree = Tree { kernel, buffer, root, mounts: [0; 2] };
        let point = tree.dentry(root, "mnt");
        let outer = object(&mut tree.kernel, "mount", &[("mnt.mnt_root", root)]);
        tree.kernel.object_at(outer, "mount").unwrap().set("mnt_parent", outer).unwrap();
        let inner_root = object(&mut tree.kernel, "dentry", &[("d_hash.pprev", 1)]);
        tree.kernel.object_at(inner_root, "dentry").unwrap().set("d_parent", inner_root).unwrap();
        let inner = object(
            &mut tree.kernel,
            "mount",
            &[("mnt.mnt_root", inner_root), ("mnt_parent", outer), ("mnt_mountpoint", point)],
        );
        // Where `mnt` is in a `mount`.
        tree.mounts = [outer + 32, inner + 32];
        tree
    }

    fn dentry(&mut self, parent: u64, name: &str) -> u64 {
        let at = text(&self.kernel, name);
        let fields = [
            ("d_parent", parent),
            ("d_name.name", at),
            ("d_name.len", name.len() as u64),
            ("d_hash.pprev", 1),
        ];
        object(&mut self.kernel, "dentry", &fields)
    }

    fn set(&mut self, dentry: u64, field: &str, value: u64) {
        self.kernel.object_at(dentry, "dentry").unwrap().set(field, value).unwrap();
    }

    /// What the helper answers, and the buffer.
    fn d_path(&mut self, mnt: u64, dentry: u64, size: usize) -> (i64, Vec<u8>) {
        let path = object(&mut self.kernel, "path", &[("mnt", mnt), ("dentry", dentry)]);
        self.d_path_at(path, size)
    }

    fn d_path_at(&mut self, path: u64, size: usize) -> (i64, Vec<u8>) {
        set_value(&mut self.kernel, self.buffer, &[0xaa; BUFFER]);
        let buffer = self.buffer;
        let text = format!("r1 = {path:#x} ll\nr2 = map[fd:{buffer}][0]+0 ll\nr3 = {size}\ncall 147\nexit");
        (eval(&mut self.kernel, &text), value(&self.kernel, self.buffer))
    }

    fn text(&mut self, mnt: u64, dentry: u64) -> String {
        let (len, buffer) = self.d_path(mnt, dentry, BUFFER);
        assert!(len > 0, "{len}");
        assert_eq!(buffer[len as usize - 1], 0);
        String::from_utf8(buffer[..len as usize - 1].to_vec()).unwrap()
    }
}

#[test]
fn names_up_to_the_root() {
    let mut tree = Tree::new();
    let usr = tree.dentry(tree.root, "usr");
    let bin = tree.dentry(usr, "bin");
    let bash = tree.dentry(bin, "bash");
    let [outer, inner] = tree.mounts;
    assert_eq!(tree.text(outer, bash), "/usr/bin/bash");
    assert_eq!(tree.text(outer, tree.root), "/");
    assert_eq!(tree.text(0, bash), "/usr/bin/bash", "dentries alone will do");
    let inner_root = {
        let mut id = tree.kernel.object_at(inner, "vfsmount").unwrap();
        id.get("mnt_root").unwrap().as_u64().unwrap()
    };
    let file = tree.dentry(inner_root, "file");
    assert_eq!(tree.text(inner, file), "/mnt/file");
    assert_eq!(tree.text(inner, inner_root), "/mnt");
}

#[test]
fn what_is_no_longer_found_by_name_is_deleted() {
    let mut tree = Tree::new();
    let file = tree.dentry(tree.root, "tmp.1");
    tree.set(file, "d_hash.pprev", 0);
    let [outer, _] = tree.mounts;
    assert_eq!(tree.text(outer, file), "/tmp.1 (deleted)");
    let root = tree.root;
    tree.set(root, "d_hash.pprev", 0);
    assert_eq!(tree.text(outer, root), "/", "a root cannot be");
}

#[test]
fn a_process_sees_paths_from_its_own_root() {
    let mut tree = Tree::new();
    let jail = tree.dentry(tree.root, "jail");
    let etc = tree.dentry(jail, "etc");
    let [outer, _] = tree.mounts;
    let fs = object(&mut tree.kernel, "fs_struct", &[("root.mnt", outer), ("root.dentry", jail)]);
    let task = object(&mut tree.kernel, "task_struct", &[("fs", fs)]);
    tree.kernel.set_current(0, task).unwrap();
    assert_eq!(tree.text(outer, etc), "/etc");
    assert_eq!(tree.text(outer, jail), "/");
}

#[test]
fn file_systems_without_directories() {
    let mut tree = Tree::new();
    for (func, expected) in [
        ("pipefs_dname", "pipe:[4711]"),
        ("sockfs_dname", "socket:[4711]"),
        ("anon_inodefs_dname", "anon_inode:[eventpoll]"),
        ("simple_dname", "/[eventpoll] (deleted)"),
        ("some_dname", "/[eventpoll]"),
    ] {
        let func = tree.kernel.symbol_address(func);
        let ops = object(&mut tree.kernel, "dentry_operations", &[("d_dname", func)]);
        let inode = object(&mut tree.kernel, "inode", &[("i_ino", 4711)]);
        let dentry = tree.dentry(tree.root, "[eventpoll]");
        tree.set(dentry, "d_op", ops);
        tree.set(dentry, "d_inode", inode);
        assert_eq!(tree.text(0, dentry), expected);
    }
}

#[test]
fn what_fits_and_what_does_not() {
    let mut tree = Tree::new();
    let file = tree.dentry(tree.root, "abcdef");
    let [outer, _] = tree.mounts;
    let padded = |text: &[u8]| [text, &vec![0xaa; BUFFER - text.len()]].concat();
    assert_eq!(tree.d_path(outer, file, 8), (8, padded(b"/abcdef\0")));
    // The kernel writes at the end, and moves to the start.
    assert_eq!(tree.d_path(outer, file, 12), (8, padded(b"/abcdef\0def\0")));
    assert_eq!(tree.d_path(outer, file, 7), (Errno::ENAMETOOLONG.neg(), padded(b"abcdef\0")));
    assert_eq!(tree.d_path(outer, file, 1), (Errno::ENAMETOOLONG.neg(), padded(b"\0")));
    assert_eq!(tree.d_path(outer, file, 0), (0, padded(b"")));
    assert_eq!(tree.d_path_at(0xffff_8000_0000_0000, 8), (Errno::EFAULT.neg(), padded(b"")));
    assert_eq!(tree.d_path_at(0, 8), (Errno::ERANGE.neg(), padded(b"")));
}

#[test]
fn rings_end() {
    let mut tree = Tree::new();
    let first = tree.dentry(tree.root, "a");
    let second = tree.dentry(first, "b");
    tree.set(first, "d_parent", second);
    assert_eq!(tree.d_path(0, first, 16).0, Errno::ENAMETOOLONG.neg());
}
