//! `bpf` file systems and their options (`bpf_parse_param`, `bpf_fill_super`).

use super::tree::{NodeId, Tree};
use super::{Place, Token};
use crate::files::{Credentials, UserNs};
use crate::kernel::Kernel;
use skep_abi::attr::Cmd;
use skep_abi::{AttachType, Errno, MapType, ProgType};

/// A file system.
#[derive(Debug)]
pub(super) struct Super {
    pub(super) root: NodeId,
    /// The directory that it is mounted on.
    pub(super) place: Option<NodeId>,
    /// What there is to say about a `bpf` file system.
    pub(super) bpf: Option<Bpf>,
}

/// A `bpf` file system.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bpf {
    /// Who has capabilities over it.
    pub(super) owner: UserNs,
    pub(super) options: Options,
}

/// Options of a mount.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options {
    uid: Option<u32>,
    gid: Option<u32>,
    mode: Option<u32>,
    /// What tokens of this file system allow.
    pub(super) delegate: Delegate,
}

/// Bits by number of a command, map type, program type, attach type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Delegate {
    pub(super) cmds: u64,
    pub(super) maps: u64,
    pub(super) progs: u64,
    pub(super) attachs: u64,
}

impl Super {
    /// The file system of everything that is no other's.
    pub(super) fn plain(root: NodeId) -> Super {
        Super { root, place: None, bpf: None }
    }

    /// A `bpf` file system that has no root yet.
    pub(super) fn bpf(owner: UserNs, options: Options) -> Super {
        Super { root: NodeId(0), place: None, bpf: Some(Bpf { owner, options }) }
    }
}

impl Tree {
    /// Mounts a file system on a directory, over what was mounted there before.
    pub(super) fn mount(&mut self, place: NodeId, mut system: Super, who: &Credentials) {
        let fs = self.systems.iter().position(Option::is_none).unwrap_or(self.systems.len());
        let options = system.bpf.map(|it| it.options).unwrap_or_default();
        let mode = super::tree::STICKY | options.mode.unwrap_or(0o777);
        let root = self.make_dir(place, fs, mode, who);
        if let Ok(node) = self.node_mut(root) {
            node.uid = options.uid.unwrap_or(node.uid);
            node.gid = options.gid.unwrap_or(node.gid);
            node.names = 1;
        }
        if let Ok(dir) = self.dir_mut(root) {
            dir.parent = root;
        }
        if let Ok(dir) = self.dir_mut(place) {
            dir.covered = Some(root);
        }
        system.root = root;
        system.place = Some(place);
        match self.systems.get_mut(fs) {
            Some(slot) => *slot = Some(system),
            None => self.systems.push(Some(system)),
        }
    }

    /// Ends a file system, and everything in it.
    ///
    /// # Errors
    /// `EINVAL`: it is not the root of one, or of that of everything. `EBUSY`: a file of it is open, or something is
    /// mounted in it.
    fn umount(&mut self, root: NodeId) -> Result<(), Errno> {
        let fs = self.node(root)?.fs;
        let system = self.systems.get(fs).and_then(Option::as_ref).ok_or(Errno::EINVAL)?;
        let place = system.place.filter(|_| system.root == root).ok_or(Errno::EINVAL)?;
        let nodes = self.nodes_of(fs);
        let is_covered = |id: &NodeId| self.dir(*id).is_ok_and(|it| it.covered.is_some());
        let is_open = |id: &NodeId| self.node(*id).is_ok_and(|it| it.opens > 0);
        if nodes.iter().any(|it| is_open(it) || is_covered(it)) {
            return Err(Errno::EBUSY);
        }
        self.dir_mut(place)?.covered = None;
        self.systems[fs] = None;
        for id in nodes {
            self.node_mut(id)?.names = 0;
            self.collect(id);
        }
        Ok(())
    }
}

impl Options {
    /// Reads options as `mount(8)` has them. Those that are not known are passed over.
    ///
    /// # Errors
    /// `EINVAL`: no number where one is asked for. `EPERM`: `who` may not delegate.
    fn parse(text: &str, may_delegate: bool) -> Result<Options, Errno> {
        let mut options = Options::default();
        for option in text.split(',').filter(|it| !it.is_empty()) {
            let Some((key, value)) = option.split_once('=') else {
                if matches!(option, "uid" | "gid" | "mode") || option.starts_with("delegate_") {
                    return Err(Errno::EINVAL);
                }
                continue;
            };
            let delegate = &mut options.delegate;
            let (mask, more) = match key {
                "uid" => {
                    options.uid = Some(number(value)? as u32);
                    continue;
                }
                "gid" => {
                    options.gid = Some(number(value)? as u32);
                    continue;
                }
                "mode" => {
                    options.mode = Some(u32::from_str_radix(value, 8).map_err(|_| Errno::EINVAL)? & 0o7777);
                    continue;
                }
                "delegate_cmds" => (&mut delegate.cmds, mask(value, &cmd)?),
                "delegate_maps" => (&mut delegate.maps, mask(value, &map)?),
                "delegate_progs" => (&mut delegate.progs, mask(value, &prog)?),
                "delegate_attachs" => (&mut delegate.attachs, mask(value, &attach)?),
                _ => continue,
            };
            if more != 0 && !may_delegate {
                return Err(Errno::EPERM);
            }
            *mask |= more;
        }
        Ok(options)
    }
}

/// The bits of names and numbers with colons between. As in the kernel, a number takes the place of what is before it.
fn mask(text: &str, by_name: &dyn Fn(&str) -> Option<u32>) -> Result<u64, Errno> {
    let mut mask = 0;
    for part in text.split(':') {
        match by_name(part) {
            _ if part == "any" => mask = u64::MAX,
            Some(bit) => mask |= 1 << bit,
            None => mask = number(part)?,
        }
    }
    Ok(mask)
}

/// A number in C's notation (`kstrtou64` with base 0).
fn number(text: &str) -> Result<u64, Errno> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16),
        None if text.len() > 1 && text.starts_with('0') => u64::from_str_radix(text, 8),
        None => text.parse(),
    };
    parsed.map_err(|_| Errno::EINVAL)
}

/// Whether a constant's name is this one, whatever the case, without its prefix.
fn is(constant: &str, prefix: &str, name: &str) -> bool {
    constant.strip_prefix(prefix).is_some_and(|it| it.eq_ignore_ascii_case(name))
}

fn cmd(name: &str) -> Option<u32> {
    Cmd::ALL.iter().find(|it| is(it.uapi(), "BPF_", name)).map(|it| *it as u32)
}

fn map(name: &str) -> Option<u32> {
    MapType::ALL.iter().find(|it| is(it.uapi(), "BPF_MAP_TYPE_", name)).map(|it| it.to_u32())
}

fn prog(name: &str) -> Option<u32> {
    ProgType::ALL.iter().find(|it| is(it.uapi(), "BPF_PROG_TYPE_", name)).map(|it| it.to_u32())
}

fn attach(name: &str) -> Option<u32> {
    AttachType::ALL.iter().find(|it| is(it.uapi(), "BPF_", name)).map(|it| it.to_u32())
}

impl Delegate {
    pub(super) fn token(self, owner: UserNs) -> Option<Token> {
        let Delegate { cmds, maps, progs, attachs } = self;
        let any = self != Delegate::default();
        any.then_some(Token { owner, cmds, maps, progs, attachs })
    }
}

/// # Mounts
impl Kernel {
    /// Mounts a `bpf` file system on a directory, over what is there. Options are those of `mount(8)`: `uid=`, `gid=`,
    /// `mode=` (octal), and `delegate_cmds=`, `delegate_maps=`, `delegate_progs=`, `delegate_attachs=` with names in any
    /// case without prefix (`map_create`, `ringbuf`, `xdp`, `tcx_ingress`), numbers, or `any`, with colons between.
    ///
    /// It belongs to the user namespace of the current process.
    ///
    /// # Errors
    /// `EPERM`: not without `CAP_SYS_ADMIN`; delegation asks for it in the first user namespace. `EINVAL`: no number
    /// where one is asked for. `ENOENT`, `ENOTDIR`, `EACCES`: there is no such directory.
    pub fn mount_bpffs<'a>(&mut self, at: impl Into<Place<'a>>, options: &str) -> Result<(), Errno> {
        let owner = self.credentials().userns;
        self.mount_bpffs_for(owner, at, options)
    }

    /// Mounts a `bpf` file system that belongs to a user namespace: what a privileged process does for another, which
    /// opened it with `fsopen(2)` and passed the descriptor on.
    ///
    /// # Errors
    /// As for [`Kernel::mount_bpffs`].
    pub fn mount_bpffs_for<'a>(
        &mut self,
        owner: UserNs,
        at: impl Into<Place<'a>>,
        options: &str,
    ) -> Result<(), Errno> {
        let at = at.into();
        let who = self.credentials();
        if !who.caps.sys_admin {
            return Err(Errno::EPERM);
        }
        let options = Options::parse(options, who.userns == UserNs::INITIAL)?;
        let from = self.core.start(at)?;
        let place = self.core.tree.find(&who, from, at.path, true)?;
        self.core.tree.dir(place)?;
        self.core.tree.mount(place, Super::bpf(owner, options), &who);
        Ok(())
    }

    /// Ends a `bpf` file system and all pins in it.
    ///
    /// # Errors
    /// `EPERM`: not without `CAP_SYS_ADMIN`. `EINVAL`: the path is no file system's root. `EBUSY`: something of it is
    /// open, or mounted in it.
    pub fn umount<'a>(&mut self, at: impl Into<Place<'a>>) -> Result<(), Errno> {
        let at = at.into();
        let who = self.credentials();
        if !who.caps.sys_admin {
            return Err(Errno::EPERM);
        }
        let from = self.core.start(at)?;
        let root = self.core.tree.find(&who, from, at.path, true)?;
        let result = self.core.tree.umount(root);
        self.core.drop_unpinned();
        self.core.sweep(&self.memory);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_as_mount_has_them() {
        let parse = |text| Options::parse(text, true);
        let it = parse("mode=0700,uid=7,gid=0x10,nonsense,delegate_cmds=map_create:PROG_LOAD").unwrap();
        assert_eq!((it.uid, it.gid, it.mode), (Some(7), Some(16), Some(0o700)));
        assert_eq!(it.delegate, Delegate { cmds: 1 | 1 << 5, ..Delegate::default() });
        let it = parse(
            "delegate_maps=ringbuf:array,delegate_progs=any,delegate_attachs=0x6,delegate_attachs=tcx_ingress",
        );
        let all = Delegate { cmds: 0, maps: 1 << 27 | 1 << 2, progs: u64::MAX, attachs: 6 | 1 << 46 };
        assert_eq!(it.unwrap().delegate, all);
        // A number replaces the names before it.
        assert_eq!(parse("delegate_maps=ringbuf:4:array").unwrap().delegate.maps, 4 | 1 << 2);
        for bad in ["mode=9", "uid=", "gid=-1", "delegate_maps=no_such_type", "mode", "delegate_cmds"] {
            assert_eq!(parse(bad).unwrap_err(), Errno::EINVAL, "{bad}");
        }
        assert_eq!(Options::parse("delegate_maps=array", false).unwrap_err(), Errno::EPERM);
        assert!(Options::parse("delegate_maps=0", false).is_ok());
    }
}
