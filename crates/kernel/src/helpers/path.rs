//! `bpf_d_path`: the path of a file, from its dentries and mounts (`d_path`, `fs/d_path.c`).

use super::env::{Answer, Env, ret};
use crate::fields::Fields;
use crate::state::Core;
use skep_abi::Errno;

/// Names deeper than this are a ring.
const MAX_DEPTH: usize = 4096;
/// What one step costs, in units of one instruction.
const STEP_COST: u64 = 8;
/// The longest name (`NAME_MAX`).
const NAME_MAX: u64 = 255;

/// `bpf_d_path(path, buf, sz)`: how long the path is, its NUL included.
pub(super) fn d_path(env: &mut Env<'_, '_>) -> Answer {
    let size = env.arg(2) as u32 as usize;
    if size == 0 { ret(0) } else { written(env, size) }
}

/// `bpf_path_d_path(path, buf, buf__sz)`: the same as a kernel function.
pub(crate) fn path_d_path(env: &mut Env<'_, '_>) -> Answer {
    match usize::try_from(env.arg(2)) {
        Ok(0) => Err(Errno::EINVAL.into()),
        Ok(size) => written(env, size),
        Err(_) => Err(env.bad_arg(2, "is no size")),
    }
}

fn written(env: &mut Env<'_, '_>, size: usize) -> Answer {
    let path = env.arg(0);
    env.check_write(1, size)?;
    let memory = env.memory();
    let fields = env.fields()?;
    let mut copy = vec![0; fields.size("path").unwrap_or(16) as usize];
    fields.read(path, &mut copy)?;
    let task = env.current_task().unwrap_or(0);
    let mut walk = Walk { fields: &fields, steps: 0 };
    let text = walk.path(env.core, path, task);
    env.call.charge(STEP_COST * walk.steps as u64);
    let mut buffer = vec![0; size];
    memory.peek(env.arg(1), &mut buffer).map_err(|_| Errno::EFAULT)?;
    // The kernel writes backward from the end, then moves what it wrote to the start.
    let kept = text.len().min(size);
    buffer[size - kept..].copy_from_slice(&text[text.len() - kept..]);
    if text.len() > size {
        env.write(1, &buffer)?;
        return Err(Errno::ENAMETOOLONG.into());
    }
    buffer.copy_within(size - kept.., 0);
    env.write(1, &buffer)?;
    ret(text.len() as u64)
}

struct Walk<'f, 'm> {
    fields: &'f Fields<'m>,
    steps: usize,
}

impl Walk<'_, '_> {
    /// The text, with its NUL.
    fn path(&mut self, core: &Core, path: u64, task: u64) -> Vec<u8> {
        let (mnt, dentry) = (self.word(path, "path", "mnt"), self.word(path, "path", "dentry"));
        if let Some(mut text) = self.own_name(core, mnt, dentry) {
            text.push(0);
            return text;
        }
        let fs = self.word(task, "task_struct", "fs");
        let root = [self.word(fs, "fs_struct", "root.mnt"), self.word(fs, "fs_struct", "root.dentry")];
        let deleted = self.is_unhashed(dentry) && !self.is_root(dentry);
        let mut text = self.names(mnt, dentry, root);
        text.extend_from_slice(if deleted { b" (deleted)\0" } else { b"\0" });
        text
    }

    /// `prepend_path`: the names up to the root, mount by mount.
    fn names(&mut self, mnt: u64, dentry: u64, root: [u64; 2]) -> Vec<u8> {
        let mut names: Vec<Vec<u8>> = Vec::new();
        let (mut mnt, mut dentry) = (mnt, dentry);
        while [mnt, dentry] != root && dentry != 0 && self.steps < MAX_DEPTH {
            self.steps += 1;
            if mnt != 0 && dentry == self.word(mnt, "vfsmount", "mnt_root") {
                let Some(parent) = self.above(mnt) else { break };
                (mnt, dentry) = parent;
                continue;
            }
            if self.is_root(dentry) {
                break;
            }
            names.push(self.name(dentry));
            dentry = self.word(dentry, "dentry", "d_parent");
        }
        match names.is_empty() {
            true => b"/".to_vec(),
            false => names.iter().rev().flat_map(|name| [b"/", name.as_slice()].concat()).collect(),
        }
    }

    /// Where a mount is mounted: the mount that that is in, and the directory. `None` at the top.
    fn above(&self, mnt: u64) -> Option<(u64, u64)> {
        let inner = self.fields.offset("mount", "mnt")?;
        let outer = mnt.wrapping_sub(inner);
        let parent = self.word(outer, "mount", "mnt_parent");
        let point = self.word(outer, "mount", "mnt_mountpoint");
        (parent != 0 && parent != outer).then(|| (parent.wrapping_add(inner), point))
    }

    /// What file systems without directories make up, by their `d_dname`.
    fn own_name(&self, core: &Core, mnt: u64, dentry: u64) -> Option<Vec<u8>> {
        let ops = self.word(dentry, "dentry", "d_op");
        let func = self.word(ops, "dentry_operations", "d_dname");
        if ops == 0 || func == 0 || self.is_root(dentry) && dentry == self.word(mnt, "vfsmount", "mnt_root") {
            return None;
        }
        let inode = self.word(dentry, "dentry", "d_inode");
        let number = self.word(inode, "inode", "i_ino");
        let name = String::from_utf8_lossy(&self.name(dentry)).into_owned();
        let text = match core.symbols.at(func)?.0 {
            "pipefs_dname" => format!("pipe:[{number}]"),
            "sockfs_dname" => format!("socket:[{number}]"),
            "anon_inodefs_dname" => format!("anon_inode:{name}"),
            "simple_dname" | "dmabuffs_dname" => format!("/{name} (deleted)"),
            "ns_dname" => format!("{name}:[{number}]"),
            _ => return None,
        };
        Some(text.into_bytes())
    }

    /// A name, as long as it says; one that does not say ends at its NUL.
    fn name(&self, dentry: u64) -> Vec<u8> {
        let (at, len) =
            (self.word(dentry, "dentry", "d_name.name"), self.word(dentry, "dentry", "d_name.len"));
        let len = if len == 0 { NAME_MAX } else { len.min(NAME_MAX) };
        let mut name = Vec::new();
        for i in 0..len {
            let mut byte = [0];
            if self.fields.read(at.wrapping_add(i), &mut byte).is_err() || byte == [0] {
                break;
            }
            name.push(byte[0]);
        }
        name
    }

    /// `IS_ROOT`; without a parent, too.
    fn is_root(&self, dentry: u64) -> bool {
        let parent = self.word(dentry, "dentry", "d_parent");
        parent == dentry || parent == 0
    }

    /// Whether nothing finds it by name any more (`d_unhashed`).
    fn is_unhashed(&self, dentry: u64) -> bool {
        self.word(dentry, "dentry", "d_hash.pprev") == 0
    }

    fn word(&self, addr: u64, name: &str, path: &str) -> u64 {
        self.fields.word(addr, name, path).unwrap_or(0)
    }
}
