//! Paths (`fs/namei.c`).

use super::tree::{NodeId, Tree, What};
use crate::files::Credentials;
use skep_abi::Errno;

/// The longest name.
const NAME_MAX: usize = 255;
/// The longest path, with its NUL.
pub(super) const PATH_MAX: usize = 4096;
/// Symbolic links that a path may lead through.
const MAX_LINKS: u32 = 40;

/// May be read, written, and searched or executed.
pub(super) const READ: u32 = 4;
pub(super) const WRITE: u32 = 2;
pub(super) const EXEC: u32 = 1;

/// The last component of a path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Last {
    /// The directory it is in.
    pub(super) dir: NodeId,
    pub(super) name: Name,
    /// A slash comes behind it.
    pub(super) slash: bool,
}

/// What the last component is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Name {
    /// A name.
    Norm(Vec<u8>),
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// There is none.
    Root,
}

impl Tree {
    /// Whether somebody may do something with a file (`generic_permission`); root may do everything.
    pub(super) fn permits(&self, who: &Credentials, id: NodeId, wanted: u32) -> Result<(), Errno> {
        let node = self.node(id)?;
        let bits = match () {
            () if who.overrides() => return Ok(()),
            () if node.uid == who.uid => node.mode >> 6,
            () if node.gid == who.gid => node.mode >> 3,
            () => node.mode,
        };
        if wanted & !bits == 0 { Ok(()) } else { Err(Errno::EACCES) }
    }

    /// The file at a path. A symbolic link at its end is followed if `follow` says so, or a slash.
    pub(super) fn find(
        &self,
        who: &Credentials,
        from: NodeId,
        path: &[u8],
        follow: bool,
    ) -> Result<NodeId, Errno> {
        check(path)?;
        let mut walk = Walk { tree: self, who, at: from, links: 0 };
        walk.to(path, follow)?;
        Ok(walk.at)
    }

    /// The last component of a path, and the directory it is in.
    pub(super) fn parent(&self, who: &Credentials, from: NodeId, path: &[u8]) -> Result<Last, Errno> {
        check(path)?;
        Walk { tree: self, who, at: from, links: 0 }.walk_to_last(path)
    }

    /// What a name in a directory stands for (`bpf_lookup`): not what is mounted there.
    ///
    /// # Errors
    /// `ENAMETOOLONG`. `EPERM`: names with dots are reserved in `bpf` file systems.
    pub(super) fn child(&self, dir: NodeId, name: &[u8]) -> Result<Option<NodeId>, Errno> {
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        if self.is_bpf(dir) && self.node(dir)?.mode != 0 && name.contains(&b'.') {
            return Err(Errno::EPERM);
        }
        Ok(self.dir(dir)?.entries.get(name).copied())
    }

    /// The root of what is mounted on a directory, if anything is.
    pub(super) fn above(&self, mut id: NodeId) -> NodeId {
        while let Ok(Some(root)) = self.dir(id).map(|it| it.covered) {
            id = root;
        }
        id
    }
}

fn check(path: &[u8]) -> Result<(), Errno> {
    match path.len() {
        0 => Err(Errno::ENOENT),
        PATH_MAX.. => Err(Errno::ENAMETOOLONG),
        _ => Ok(()),
    }
}

struct Walk<'t> {
    tree: &'t Tree,
    who: &'t Credentials,
    at: NodeId,
    links: u32,
}

impl Walk<'_> {
    /// All components of a path.
    fn to(&mut self, path: &[u8], follow: bool) -> Result<(), Errno> {
        let last = self.walk_to_last(path)?;
        match &last.name {
            Name::Norm(name) => self.step(name, follow || last.slash)?,
            Name::DotDot => self.up()?,
            Name::Dot | Name::Root => {}
        }
        if last.slash && !self.tree.is_dir(self.at) { Err(Errno::ENOTDIR) } else { Ok(()) }
    }

    /// All components of a path but the last.
    fn walk_to_last(&mut self, path: &[u8]) -> Result<Last, Errno> {
        if path.first() == Some(&b'/') {
            self.at = self.tree.above(self.tree.root);
        }
        let slash = path.last() == Some(&b'/');
        let mut names = path.split(|it| *it == b'/').filter(|it| !it.is_empty()).peekable();
        loop {
            let Some(name) = names.next() else {
                return Ok(Last { dir: self.at, name: Name::Root, slash });
            };
            if !self.tree.is_dir(self.at) {
                return Err(Errno::ENOTDIR);
            }
            self.tree.permits(self.who, self.at, EXEC)?;
            let kind = match name {
                b"." => Name::Dot,
                b".." => Name::DotDot,
                name => Name::Norm(name.to_vec()),
            };
            if names.peek().is_none() {
                return Ok(Last { dir: self.at, name: kind, slash });
            }
            match kind {
                Name::Norm(name) => self.step(&name, true)?,
                Name::DotDot => self.up()?,
                Name::Dot | Name::Root => {}
            }
        }
    }

    /// Goes to what a name stands for.
    fn step(&mut self, name: &[u8], follow: bool) -> Result<(), Errno> {
        let id = self.tree.child(self.at, name)?.ok_or(Errno::ENOENT)?;
        match &self.tree.node(id)?.what {
            What::Symlink(target) if follow => {
                self.links += 1;
                if self.links > MAX_LINKS {
                    return Err(Errno::ELOOP);
                }
                check(target)?;
                self.to(target, true)
            }
            _ => {
                self.at = self.tree.above(id);
                Ok(())
            }
        }
    }

    /// Goes to the directory above, out of a file system at its root.
    fn up(&mut self) -> Result<(), Errno> {
        while let Some(system) = self.tree.system(self.at).filter(|it| it.root == self.at) {
            let Some(place) = system.place else { return Ok(()) };
            self.at = place;
        }
        self.at = self.tree.above(self.tree.dir(self.at)?.parent);
        Ok(())
    }
}
