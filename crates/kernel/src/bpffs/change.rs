//! Making, removing and renaming files (`fs/namei.c`, `fs/libfs.c`).

use super::Place;
use super::tree::{NodeId, STICKY, Tree, What};
use super::walk::{EXEC, Last, Name, PATH_MAX, WRITE};
use crate::files::Credentials;
use crate::kernel::Kernel;
use crate::state::Core;
use skep_abi::Errno;

impl Tree {
    /// Where a path has a new file (`filename_create`, `may_create`).
    pub(super) fn vacant(
        &self,
        who: &Credentials,
        from: NodeId,
        path: &[u8],
        dir: bool,
    ) -> Result<(NodeId, Vec<u8>), Errno> {
        let Last { dir: parent, name, slash } = self.parent(who, from, path)?;
        let Name::Norm(name) = name else { return Err(Errno::EEXIST) };
        if self.child(parent, &name)?.is_some() {
            return Err(Errno::EEXIST);
        }
        if slash && !dir { Err(Errno::ENOENT) } else { Ok((parent, name)) }
    }

    /// Whether somebody may make a file in a directory (`may_create`).
    pub(super) fn may_create(&self, who: &Credentials, dir: NodeId) -> Result<(), Errno> {
        // A directory that was removed while it is open.
        let node = self.node(dir)?;
        if node.names == 0 && self.system(dir).is_none_or(|it| it.root != dir) {
            return Err(Errno::ENOENT);
        }
        self.permits(who, dir, WRITE | EXEC)
    }

    /// Whether somebody may take a file out of a directory (`may_delete`).
    fn may_delete(&self, who: &Credentials, dir: NodeId, id: NodeId, is_dir: bool) -> Result<(), Errno> {
        self.permits(who, dir, WRITE | EXEC)?;
        let (parent, node) = (self.node(dir)?, self.node(id)?);
        let owns = who.overrides() || node.uid == who.uid || parent.uid == who.uid;
        if parent.mode & STICKY != 0 && !owns {
            return Err(Errno::EPERM);
        }
        match (is_dir, self.is_dir(id)) {
            (true, false) => Err(Errno::ENOTDIR),
            (false, true) => Err(Errno::EISDIR),
            _ => Ok(()),
        }
    }

    fn is_empty(&self, id: NodeId) -> bool {
        self.dir(id).map_or(true, |it| it.entries.is_empty())
    }

    fn is_covered(&self, id: NodeId) -> bool {
        self.dir(id).is_ok_and(|it| it.covered.is_some())
    }

    fn mkdir(&mut self, who: &Credentials, from: NodeId, path: &[u8], mode: u32) -> Result<(), Errno> {
        let (parent, name) = self.vacant(who, from, path, true)?;
        self.may_create(who, parent)?;
        let dir = super::tree::Dir { parent, entries: Default::default(), covered: None };
        let id = self.make_in(parent, mode & (0o777 | STICKY), who, What::Dir(dir));
        self.enter(parent, &name, id);
        Ok(())
    }

    fn rmdir(&mut self, who: &Credentials, from: NodeId, path: &[u8]) -> Result<(), Errno> {
        let Last { dir, name, .. } = self.parent(who, from, path)?;
        let name = match name {
            Name::Norm(name) => name,
            Name::Dot => return Err(Errno::EINVAL),
            Name::DotDot => return Err(Errno::ENOTEMPTY),
            Name::Root => return Err(Errno::EBUSY),
        };
        let id = self.child(dir, &name)?.ok_or(Errno::ENOENT)?;
        self.may_delete(who, dir, id, true)?;
        if self.is_covered(id) {
            return Err(Errno::EBUSY);
        }
        if !self.is_empty(id) {
            return Err(Errno::ENOTEMPTY);
        }
        self.leave(dir, &name);
        Ok(())
    }

    fn unlink(&mut self, who: &Credentials, from: NodeId, path: &[u8]) -> Result<(), Errno> {
        let Last { dir, name, slash } = self.parent(who, from, path)?;
        let Name::Norm(name) = name else { return Err(Errno::EISDIR) };
        let id = self.child(dir, &name)?.ok_or(Errno::ENOENT)?;
        if slash {
            return Err(if self.is_dir(id) { Errno::EISDIR } else { Errno::ENOTDIR });
        }
        self.may_delete(who, dir, id, false)?;
        self.leave(dir, &name);
        Ok(())
    }

    /// Whether a directory is another, or somewhere under it.
    fn is_under(&self, mut dir: NodeId, top: NodeId) -> bool {
        loop {
            if dir == top {
                return true;
            }
            match self.dir(dir) {
                Ok(it) if it.parent != dir => dir = it.parent,
                _ => return false,
            }
        }
    }

    fn rename(
        &mut self,
        who: &Credentials,
        (from, old): (NodeId, &[u8]),
        (to, new): (NodeId, &[u8]),
    ) -> Result<(), Errno> {
        let (old, new) = (self.parent(who, from, old)?, self.parent(who, to, new)?);
        if self.node(old.dir)?.fs != self.node(new.dir)?.fs {
            return Err(Errno::EXDEV);
        }
        let (Name::Norm(old_name), Name::Norm(new_name)) = (&old.name, &new.name) else {
            return Err(Errno::EBUSY);
        };
        let id = self.child(old.dir, old_name)?.ok_or(Errno::ENOENT)?;
        let target = self.child(new.dir, new_name)?;
        let is_dir = self.is_dir(id);
        if !is_dir && (old.slash || new.slash) {
            return Err(Errno::ENOTDIR);
        }
        if is_dir && self.is_under(new.dir, id) {
            return Err(Errno::EINVAL);
        }
        if let Some(target) = target.filter(|it| self.is_dir(*it))
            && self.is_under(old.dir, target)
        {
            return Err(Errno::ENOTEMPTY);
        }
        if target == Some(id) {
            return Ok(());
        }
        self.may_delete(who, old.dir, id, is_dir)?;
        match target {
            None => self.may_create(who, new.dir)?,
            Some(target) => self.may_delete(who, new.dir, target, is_dir)?,
        }
        if is_dir && new.dir != old.dir {
            self.permits(who, id, WRITE)?;
        }
        if self.is_covered(id) || target.is_some_and(|it| self.is_covered(it)) {
            return Err(Errno::EBUSY);
        }
        if target.is_some_and(|it| !self.is_empty(it)) {
            return Err(Errno::ENOTEMPTY);
        }
        self.leave(new.dir, new_name);
        self.enter(new.dir, new_name, id);
        self.leave(old.dir, old_name);
        if let Ok(moved) = self.dir_mut(id) {
            moved.parent = new.dir;
        }
        Ok(())
    }

    fn link(
        &mut self,
        who: &Credentials,
        (from, old): (NodeId, &[u8]),
        (to, new): (NodeId, &[u8]),
    ) -> Result<(), Errno> {
        let id = self.find(who, from, old, false)?;
        let (dir, name) = self.vacant(who, to, new, false)?;
        if self.node(id)?.fs != self.node(dir)?.fs {
            return Err(Errno::EXDEV);
        }
        self.may_create(who, dir)?;
        if self.is_dir(id) {
            return Err(Errno::EPERM);
        }
        self.enter(dir, &name, id);
        Ok(())
    }

    fn symlink(&mut self, who: &Credentials, target: &[u8], from: NodeId, path: &[u8]) -> Result<(), Errno> {
        match target.len() {
            0 => return Err(Errno::ENOENT),
            PATH_MAX.. => return Err(Errno::ENAMETOOLONG),
            _ => {}
        }
        let (dir, name) = self.vacant(who, from, path, false)?;
        self.may_create(who, dir)?;
        let id = self.make_in(dir, 0o777, who, What::Symlink(target.to_vec()));
        self.enter(dir, &name, id);
        Ok(())
    }
}

impl Core {
    /// Changes the tree, and lets go of what is pinned no more.
    fn change_tree(
        &mut self,
        run: impl FnOnce(&mut Tree, &Credentials) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let who = self.files.credentials();
        let result = run(&mut self.tree, &who);
        self.drop_unpinned();
        result
    }

    /// Lets go of objects whose last pin is gone.
    pub(crate) fn drop_unpinned(&mut self) {
        for id in std::mem::take(&mut self.tree.unpinned) {
            self.release_user(id);
        }
    }
}

/// # Files
///
/// There is one tree of directories, with a `bpf` file system at `/sys/fs/bpf`: nowhere else can objects be pinned.
impl Kernel {
    /// Makes a directory (`mkdirat(2)`).
    ///
    /// # Errors
    /// `EEXIST`, `ENOENT`, `ENOTDIR`, `EACCES`. `EPERM`: a name with a dot, in a `bpf` file system.
    pub fn mkdir<'a>(&mut self, at: impl Into<Place<'a>>, mode: u32) -> Result<(), Errno> {
        let at = at.into();
        let from = self.core.start(at)?;
        let mode = mode & !self.core.files.umask();
        self.core.change_tree(|tree, who| tree.mkdir(who, from, at.path, mode))
    }

    /// Removes an empty directory (`rmdir(2)`).
    ///
    /// # Errors
    /// `ENOTEMPTY`, `ENOENT`, `ENOTDIR`, `EACCES`. `EBUSY`: something is mounted on it. `EINVAL`: the path ends in `.`.
    /// `EPERM`: a name with a dot, or somebody else's directory in a sticky one.
    pub fn rmdir<'a>(&mut self, at: impl Into<Place<'a>>) -> Result<(), Errno> {
        let at = at.into();
        let from = self.core.start(at)?;
        self.core.change_tree(|tree, who| tree.rmdir(who, from, at.path))
    }

    /// Takes the name of a file away (`unlink(2)`); a pinned object is unpinned.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EISDIR`, `EACCES`. `EPERM`: a name with a dot, or somebody else's file in a sticky directory.
    pub fn unlink<'a>(&mut self, at: impl Into<Place<'a>>) -> Result<(), Errno> {
        let at = at.into();
        let from = self.core.start(at)?;
        let result = self.core.change_tree(|tree, who| tree.unlink(who, from, at.path));
        self.core.sweep(&self.memory);
        result
    }

    /// Renames a file or directory, in place of what is there (`rename(2)`).
    ///
    /// # Errors
    /// `EXDEV`: not in one file system. `EINVAL`: a directory into itself. `ENOTEMPTY`, `ENOENT`, `ENOTDIR`, `EISDIR`,
    /// `EBUSY`, `EACCES`, `EPERM`.
    pub fn rename<'a, 'b>(
        &mut self,
        old: impl Into<Place<'a>>,
        new: impl Into<Place<'b>>,
    ) -> Result<(), Errno> {
        let (old, new) = (old.into(), new.into());
        let (from, to) = (self.core.start(old)?, self.core.start(new)?);
        let result = self.core.change_tree(|tree, who| tree.rename(who, (from, old.path), (to, new.path)));
        self.core.sweep(&self.memory);
        result
    }

    /// Gives a file another name (`link(2)`).
    ///
    /// # Errors
    /// `EXDEV`: not in one file system. `EPERM`: a directory, or a name with a dot. `EEXIST`, `ENOENT`, `ENOTDIR`,
    /// `EACCES`.
    pub fn link<'a, 'b>(
        &mut self,
        old: impl Into<Place<'a>>,
        new: impl Into<Place<'b>>,
    ) -> Result<(), Errno> {
        let (old, new) = (old.into(), new.into());
        let (from, to) = (self.core.start(old)?, self.core.start(new)?);
        self.core.change_tree(|tree, who| tree.link(who, (from, old.path), (to, new.path)))
    }

    /// Makes a symbolic link (`symlink(2)`).
    ///
    /// # Errors
    /// `EEXIST`, `ENOENT`, `ENOTDIR`, `EACCES`, `ENAMETOOLONG`. `EPERM`: a name with a dot.
    pub fn symlink<'a>(&mut self, target: &str, at: impl Into<Place<'a>>) -> Result<(), Errno> {
        let at = at.into();
        let from = self.core.start(at)?;
        self.core.change_tree(|tree, who| tree.symlink(who, target.as_bytes(), from, at.path))
    }
}
