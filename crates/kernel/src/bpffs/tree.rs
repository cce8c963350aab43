//! Directories, links and pinned objects.

use super::mount::Super;
use crate::files::{Credentials, UserNs};
use skep_abi::Errno;
use skep_maps::ObjRef;
use std::collections::BTreeMap;

/// The sticky bit of a directory: only who owns a file in it may remove the file.
pub(super) const STICKY: u32 = 0o1000;
/// New files of a directory belong to its group.
const SETGID: u32 = 0o2000;

/// A file, whether or not it has a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct NodeId(pub(super) u32);

/// A file (`struct inode`).
#[derive(Debug)]
pub(super) struct Node {
    pub(super) ino: u64,
    /// Which file system it is in.
    pub(super) fs: usize,
    /// Permissions.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Names of it.
    pub(super) names: u32,
    /// Open files of it.
    pub(super) opens: u32,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Dir(Dir),
    Symlink(Vec<u8>),
    /// A pinned object, with a reference of user space's.
    Object(ObjRef),
}

/// A directory.
#[derive(Debug)]
pub(super) struct Dir {
    /// Itself for the root of a file system.
    pub(super) parent: NodeId,
    pub(super) entries: BTreeMap<Vec<u8>, NodeId>,
    /// The root of what is mounted here.
    pub(super) covered: Option<NodeId>,
}

/// All files of a machine.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Option<Node>>,
    free: Vec<u32>,
    pub(super) systems: Vec<Option<Super>>,
    pub(super) root: NodeId,
    inos: u64,
    /// Objects whose last pin is gone; whoever changes the tree drops the references.
    pub(super) unpinned: Vec<ObjRef>,
}

impl Default for Tree {
    /// `/`, `/tmp`, and a `bpf` file system at `/sys/fs/bpf`.
    fn default() -> Tree {
        let root = NodeId(0);
        let mut tree = Tree {
            nodes: Vec::new(),
            free: Vec::new(),
            systems: vec![Some(Super::plain(root))],
            root,
            inos: 0,
            unpinned: Vec::new(),
        };
        tree.make_dir(root, 0, 0o755, &Credentials::ROOT);
        let under = |tree: &mut Tree, parent: NodeId, name: &str, mode: u32| {
            let dir = tree.make_dir(parent, 0, mode, &Credentials::ROOT);
            tree.enter(parent, name.as_bytes(), dir);
            dir
        };
        under(&mut tree, root, "tmp", 0o777 | STICKY);
        let sys = under(&mut tree, root, "sys", 0o755);
        let fs = under(&mut tree, sys, "fs", 0o755);
        let bpf = under(&mut tree, fs, "bpf", 0o755);
        tree.mount(bpf, Super::bpf(UserNs::INITIAL, Default::default()), &Credentials::ROOT);
        tree
    }
}

impl Tree {
    pub(super) fn node(&self, id: NodeId) -> Result<&Node, Errno> {
        self.nodes.get(id.0 as usize).and_then(Option::as_ref).ok_or(Errno::ENOENT)
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(id.0 as usize).and_then(Option::as_mut).ok_or(Errno::ENOENT)
    }

    pub(super) fn dir(&self, id: NodeId) -> Result<&Dir, Errno> {
        match &self.node(id)?.what {
            What::Dir(dir) => Ok(dir),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub(super) fn dir_mut(&mut self, id: NodeId) -> Result<&mut Dir, Errno> {
        match &mut self.node_mut(id)?.what {
            What::Dir(dir) => Ok(dir),
            _ => Err(Errno::ENOTDIR),
        }
    }

    pub(super) fn is_dir(&self, id: NodeId) -> bool {
        self.dir(id).is_ok()
    }

    /// The file system that a file is in.
    pub(super) fn system(&self, id: NodeId) -> Option<&Super> {
        self.systems.get(self.node(id).ok()?.fs)?.as_ref()
    }

    /// Whether it is in a `bpf` file system.
    pub(super) fn is_bpf(&self, id: NodeId) -> bool {
        self.system(id).is_some_and(|it| it.bpf.is_some())
    }

    /// A new file of a user's, without a name (`bpf_get_inode`).
    pub(super) fn make(&mut self, fs: usize, mode: u32, who: &Credentials, what: What) -> NodeId {
        self.inos += 1;
        let (uid, gid) = (who.uid, who.gid);
        let node = Node { ino: self.inos, fs, mode, uid, gid, names: 0, opens: 0, what };
        match self.free.pop() {
            Some(index) => {
                self.nodes[index as usize] = Some(node);
                NodeId(index)
            }
            None => {
                self.nodes.push(Some(node));
                NodeId(self.nodes.len() as u32 - 1)
            }
        }
    }

    /// The same in a directory, which may have its group belong to all that is in it (`inode_init_owner`).
    pub(super) fn make_in(&mut self, dir: NodeId, mode: u32, who: &Credentials, what: What) -> NodeId {
        let (fs, gid) =
            self.node(dir).map_or((0, None), |it| (it.fs, (it.mode & SETGID != 0).then_some(it.gid)));
        let is_dir = matches!(what, What::Dir(_));
        let id = self.make(fs, mode, who, what);
        if let (Some(gid), Ok(node)) = (gid, self.node_mut(id)) {
            node.gid = gid;
            node.mode |= if is_dir { SETGID } else { 0 };
        }
        id
    }

    /// A new directory; its parent, unless it is to be a root, is in the same file system.
    pub(super) fn make_dir(&mut self, parent: NodeId, fs: usize, mode: u32, who: &Credentials) -> NodeId {
        let dir = Dir { parent, entries: BTreeMap::new(), covered: None };
        self.make(fs, mode, who, What::Dir(dir))
    }

    /// Gives a file a name.
    pub(super) fn enter(&mut self, dir: NodeId, name: &[u8], id: NodeId) {
        if let Ok(dir) = self.dir_mut(dir) {
            dir.entries.insert(name.to_vec(), id);
        }
        if let Ok(node) = self.node_mut(id) {
            node.names += 1;
        }
    }

    /// Takes a name away, and the file with its last one.
    pub(super) fn leave(&mut self, dir: NodeId, name: &[u8]) {
        let Ok(Some(id)) = self.dir_mut(dir).map(|it| it.entries.remove(name)) else { return };
        if let Ok(node) = self.node_mut(id) {
            node.names = node.names.saturating_sub(1);
        }
        self.collect(id);
    }

    /// One more open file of it.
    pub(crate) fn open(&mut self, id: NodeId) {
        if let Ok(node) = self.node_mut(id) {
            node.opens += 1;
        }
    }

    /// One open file of it less.
    pub(crate) fn close(&mut self, id: NodeId) {
        if let Ok(node) = self.node_mut(id) {
            node.opens = node.opens.saturating_sub(1);
        }
        self.collect(id);
    }

    /// Ends a file that has neither a name nor is open.
    pub(super) fn collect(&mut self, id: NodeId) {
        let unused = |it: &Node| it.names == 0 && it.opens == 0;
        let Some(place) = self.nodes.get_mut(id.0 as usize) else { return };
        if let Some(node) = place.take_if(|it| unused(it)) {
            self.free.push(id.0);
            if let What::Object(object) = node.what {
                self.unpinned.push(object);
            }
        }
    }

    /// How many files there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// All files of a file system.
    pub(super) fn nodes_of(&self, fs: usize) -> Vec<NodeId> {
        let all = self.nodes.iter().enumerate();
        let of = all.filter(|(_, it)| it.as_ref().is_some_and(|it| it.fs == fs));
        of.map(|(index, _)| NodeId(index as u32)).collect()
    }
}
