//! `BPF_OBJ_PIN`, `BPF_OBJ_GET`.

use super::Place;
use super::tree::{NodeId, What};
use super::walk::{READ, WRITE};
use crate::files::{BOTH, Fd, READ_ONLY, access_of};
use crate::kernel::Kernel;
use crate::object::{Noun, Object};
use crate::state::Core;
use skep_abi::Errno;
use skep_maps::{Access, ObjRef};

/// # Pins
impl Kernel {
    /// Has a file of a `bpf` file system keep a map, program or link (`BPF_OBJ_PIN`).
    ///
    /// # Errors
    /// `EINVAL`: the fd is none of those, or not open. `EPERM`: not in a `bpf` file system, or a name with a dot.
    /// `EEXIST`, `ENOENT`, `ENOTDIR`, `EACCES`.
    pub fn obj_pin<'a>(&mut self, fd: Fd, at: impl Into<Place<'a>>) -> Result<(), Errno> {
        let id = self.core.pinnable(fd)?;
        self.core.obj_pin(id, at.into())
    }

    /// Opens what is pinned at a path (`BPF_OBJ_GET`), for reading and writing.
    ///
    /// # Errors
    /// As for [`Kernel::obj_get_with`].
    pub fn obj_get<'a>(&mut self, at: impl Into<Place<'a>>) -> Result<Fd, Errno> {
        self.obj_get_with(at, 0)
    }

    /// The same with `file_flags`: `BPF_F_RDONLY` or `BPF_F_WRONLY`, for maps. (`BPF_F_PATH_FD` is [`Place::dir`].)
    ///
    /// # Errors
    /// `EINVAL`: other flags; any for links. `EACCES`: a directory, or not permitted. `ENOENT`, `ENOTDIR`, `EPERM` for a
    /// name with a dot, `EMFILE`.
    pub fn obj_get_with<'a>(&mut self, at: impl Into<Place<'a>>, flags: u32) -> Result<Fd, Errno> {
        self.core.obj_get(at.into(), access_of(flags)?)
    }
}

impl Core {
    /// Where a path begins.
    ///
    /// # Errors
    /// `EBADF`: the descriptor is not open. `ENOTDIR`: it is not of a directory.
    pub(crate) fn start(&self, at: Place<'_>) -> Result<NodeId, Errno> {
        match at.dir {
            Some(fd) if at.path.first() != Some(&b'/') && !at.path.is_empty() => {
                match self.objects.get(self.files.get(fd)?) {
                    Some(Object::Dir(id)) => Ok(*id),
                    _ => Err(Errno::ENOTDIR),
                }
            }
            _ => Ok(self.tree.above(self.tree.root)),
        }
    }

    /// What an fd stands for, if that can be pinned (`bpf_fd_probe_obj`).
    ///
    /// # Errors
    /// `EINVAL`: it cannot, or there is nothing.
    pub(crate) fn pinnable(&self, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.files.get(fd).map_err(|_| Errno::EINVAL)?;
        let noun = self.objects.noun(id);
        match noun {
            Some(Noun::Map | Noun::Prog | Noun::Link) => Ok(id),
            Some(Noun::Btf) | None => Err(Errno::EINVAL),
        }
    }

    pub(crate) fn obj_pin(&mut self, id: ObjRef, at: Place<'_>) -> Result<(), Errno> {
        let who = self.files.credentials();
        let from = self.start(at)?;
        let (dir, name) = self.tree.vacant(&who, from, at.path, false)?;
        if !self.tree.is_bpf(dir) {
            return Err(Errno::EPERM);
        }
        self.tree.may_create(&who, dir)?;
        let mode = 0o600 & !self.files.umask();
        let node = self.tree.make_in(dir, mode, &who, What::Object(id));
        self.tree.enter(dir, &name, node);
        self.retain_user(id);
        Ok(())
    }

    pub(crate) fn obj_get(&mut self, at: Place<'_>, access: Access) -> Result<Fd, Errno> {
        let who = self.files.credentials();
        let from = self.start(at)?;
        let node = self.tree.find(&who, from, at.path, true)?;
        let wanted = if access.read { READ } else { 0 } | if access.write { WRITE } else { 0 };
        self.tree.permits(&who, node, wanted)?;
        let What::Object(id) = self.tree.node(node)?.what else { return Err(Errno::EACCES) };
        let access = match self.objects.noun(id) {
            Some(Noun::Map) => access,
            Some(Noun::Link) if access == BOTH => READ_ONLY,
            Some(Noun::Link) => return Err(Errno::EINVAL),
            _ => BOTH,
        };
        self.files.room()?;
        self.retain_user(id);
        Ok(self.files.open_with(id, access))
    }
}
