//! Opening files (`open(2)`).

use super::Place;
use super::tree::What;
use super::walk::READ;
use crate::files::Fd;
use crate::kernel::Kernel;
use crate::object::Noun;
use skep_abi::Errno;
use skep_maps::ObjRef;

/// # Opening files
impl Kernel {
    /// Opens a file for reading (`open(2)`): of the pinned link of an iterator, a new run of it begins; of a directory,
    /// the answer is as [`Kernel::open_dir`]'s.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`. `EPERM`: a name with a dot. `EIO`: another pinned object,
    /// which is not for reading. `EOPNOTSUPP`: a map with types, whose text is not emulated. `EMFILE`, `ENFILE`: too
    /// many are open.
    pub fn open_file<'a>(&mut self, at: impl Into<Place<'a>>) -> Result<Fd, Errno> {
        let at = at.into();
        let who = self.core.files.credentials();
        let node = self.core.tree.find(&who, self.core.start(at)?, at.path, true)?;
        self.core.tree.permits(&who, node, READ)?;
        let id = match self.core.tree.node(node)?.what {
            What::Object(id) => id,
            What::Dir(_) | What::Symlink(_) => return self.open_dir(at),
        };
        match self.core.objects.noun(id) {
            Some(Noun::Link) => self.sys().open_iter(id).map_err(not_for_reading),
            Some(Noun::Map) if self.core.has_text(id) => Err(Errno::EOPNOTSUPP),
            _ => Err(Errno::EIO),
        }
    }
}

/// A link of no iterator is as any other object.
fn not_for_reading(errno: Errno) -> Errno {
    if errno == Errno::EINVAL { Errno::EIO } else { errno }
}

impl crate::state::Core {
    /// Whether Linux would show a map's elements (`bpf_map_support_seq_show`).
    fn has_text(&self, id: ObjRef) -> bool {
        use skep_abi::MapType::{
            Array, CgroupStorage, Hash, LruHash, LruPercpuHash, PercpuArray, PercpuCgroupStorage, PercpuHash,
            ProgArray, StructOps,
        };
        let shown = |kind| {
            matches!(kind, Array | PercpuArray | ProgArray | Hash | PercpuHash | LruHash | LruPercpuHash)
                || matches!(kind, CgroupStorage | PercpuCgroupStorage | StructOps)
        };
        self.objects.map(id).is_some_and(|it| it.types.is_some() && shown(it.map.spec().kind))
    }
}
