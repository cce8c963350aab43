//! `/proc/self/fdinfo` (`show_fdinfo` of each kind of file).

use super::Fd;
use crate::kernel::Kernel;
use crate::object::{MapObject, Object};
use crate::prog::Prog;
use skep_abi::Errno;
use skep_maps::Cx;
use std::fmt::Write as _;

/// Bytes of `struct bpf_prog` before its instructions.
const PROG: usize = 72;
/// `O_WRONLY`.
const O_WRONLY: u32 = 1;
/// `O_RDWR`.
const O_RDWR: u32 = 2;
/// `O_CLOEXEC`.
const O_CLOEXEC: u32 = 0o2000000;
/// Where files are that are in no directory: the mount of Linux's own, and the one inode they share.
const ANON: (u32, u64) = (15, 1);

impl Kernel {
    /// What `/proc/self/fdinfo` says about an fd. Numbers of mounts and inodes are this machine's.
    ///
    /// # Errors
    /// `EBADF`: it is not open.
    pub fn fdinfo(&self, fd: Fd) -> Result<String, Errno> {
        let core = &self.core;
        let (file, cloexec) = (core.files.file(fd)?, self.cloexec(fd)?);
        let access = match (file.access.read, file.access.write) {
            (_, false) => 0,
            (false, true) => O_WRONLY,
            (true, true) => O_RDWR,
        };
        let flags = access | if cloexec { O_CLOEXEC } else { 0 };
        let (mount, inode) = ANON;
        let mut text = format!("pos:\t0\nflags:\t0{flags:o}\nmnt_id:\t{mount}\nino:\t{inode}\n");
        match core.objects.get(file.object) {
            Some(Object::Map(map)) => {
                show_map(&mut text, &core.cx(&self.memory), map, core.objects.number(file.object))
            }
            Some(Object::Prog(prog)) => show_prog(&mut text, prog, core.objects.number(file.object)),
            Some(Object::Btf(_)) => {
                let _ = writeln!(text, "btf_id:\t{}", core.objects.number(file.object));
            }
            Some(Object::Token(token)) => text += &token.show(),
            Some(Object::Link(_)) => text += &core.link_show(file.object)?,
            _ => {}
        }
        Ok(text)
    }
}

/// `bpf_map_show_fdinfo`. Nothing is compiled here, so owners are not.
fn show_map(text: &mut String, cx: &Cx<'_>, object: &MapObject, id: u32) {
    let spec = object.map.spec();
    let _ = write!(
        text,
        "map_type:\t{}\nkey_size:\t{}\nvalue_size:\t{}\nmax_entries:\t{}\nmap_flags:\t{}\nmap_extra:\t{}\n\
         memlock:\t{}\nmap_id:\t{id}\nfrozen:\t{}\n",
        spec.kind.to_u32(),
        spec.key_size,
        spec.value_size,
        spec.max_entries,
        hex(u64::from(spec.flags)),
        hex(spec.map_extra),
        super::usage::of(&object.map, cx),
        u32::from(object.map.is_frozen()),
    );
    if let Some(owner) = &object.owner {
        let _ = write!(text, "owner_prog_type:\t{}\nowner_jited:\t0\n", owner.prog_type.to_u32());
    }
}

/// `bpf_prog_show_fdinfo`. Nothing is compiled here.
fn show_prog(text: &mut String, prog: &Prog, id: u32) {
    let told = &prog.told;
    let tag: String = told.digest[..8].iter().map(|it| format!("{it:02x}")).collect();
    // `struct bpf_prog` and its instructions, in whole pages.
    let size = (PROG + 8 * prog.program.insns().len()).next_multiple_of(4096);
    let _ = write!(
        text,
        "prog_type:\t{}\nprog_jited:\t0\nprog_tag:\t{tag}\nmemlock:\t{size}\nprog_id:\t{id}\n\
         run_time_ns:\t{}\nrun_cnt:\t{}\nrecursion_misses:\t0\nverified_insns:\t{}\n",
        prog.info.prog_type.to_u32(),
        told.run_time_ns,
        told.run_cnt,
        told.verified_insns,
    );
}

/// A number as `%#x` prints it in C in the kernel: zero with its prefix too.
fn hex(number: u64) -> String {
    format!("{number:#x}")
}
