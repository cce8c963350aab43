//! What is where.

use super::Place;
use super::tree::What;
use super::walk::READ;
use crate::kernel::Kernel;
use crate::object::Noun;
use skep_abi::Errno;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum FileKind {
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A pinned object.
    Pinned(Noun),
}

/// What `stat(2)` says of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileStat {
    /// What it is.
    pub kind: FileKind,
    /// Permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its number.
    pub ino: u64,
    /// It is in a `bpf` file system (`statfs(2)` says `BPF_FS_MAGIC`).
    pub bpffs: bool,
}

/// # Looking at files
impl Kernel {
    /// What is at a path; a symbolic link is followed.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`. `EPERM`: a name with a dot.
    pub fn stat<'a>(&self, at: impl Into<Place<'a>>) -> Result<FileStat, Errno> {
        self.look(at.into(), true)
    }

    /// What is at a path, which may be a symbolic link (`lstat(2)`).
    ///
    /// # Errors
    /// As for [`Kernel::stat`].
    pub fn lstat<'a>(&self, at: impl Into<Place<'a>>) -> Result<FileStat, Errno> {
        self.look(at.into(), false)
    }

    fn look(&self, at: Place<'_>, follow: bool) -> Result<FileStat, Errno> {
        let (core, tree) = (&self.core, &self.core.tree);
        let id = tree.find(&core.files.credentials(), core.start(at)?, at.path, follow)?;
        let node = tree.node(id)?;
        let kind = match &node.what {
            What::Dir(_) => FileKind::Dir,
            What::Symlink(_) => FileKind::Symlink,
            What::Object(id) => FileKind::Pinned(core.objects.noun(*id).ok_or(Errno::ENOENT)?),
        };
        let bpffs = tree.is_bpf(id);
        Ok(FileStat { kind, mode: node.mode, uid: node.uid, gid: node.gid, ino: node.ino, bpffs })
    }

    /// The names in a directory, in order.
    ///
    /// # Errors
    /// As for [`Kernel::stat`]; `ENOTDIR`: it is none.
    pub fn read_dir<'a>(&self, at: impl Into<Place<'a>>) -> Result<Vec<String>, Errno> {
        let at = at.into();
        let (core, tree) = (&self.core, &self.core.tree);
        let who = core.files.credentials();
        let id = tree.find(&who, core.start(at)?, at.path, true)?;
        let dir = tree.dir(id)?;
        tree.permits(&who, id, READ)?;
        Ok(dir.entries.keys().map(|it| String::from_utf8_lossy(it).into_owned()).collect())
    }

    /// How many files there are in all file systems, directories among them.
    pub fn file_count(&self) -> usize {
        self.core.tree.len()
    }
}
