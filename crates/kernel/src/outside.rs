//! Descriptors of kernel objects that are no BPF objects: sockets, cgroups, tasks, inodes. To maps and helpers they are
//! what their address is; what is behind the address is the test's business, or [`crate::world`]'s.

use crate::files::Fd;
use crate::kernel::Kernel;
use crate::object::Object;
use crate::state::Core;
use skep_abi::Errno;
use skep_maps::ObjRef;
use skep_memory::{Arena, ObjectKind, Origin, Rights};

/// What a descriptor is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum OutsideKind {
    /// A cgroup's directory.
    Cgroup,
    /// A socket of any family but AF_XDP.
    Socket,
    /// An AF_XDP socket.
    XdpSocket,
    /// A pidfd.
    Task,
    /// An open file: its inode.
    Inode,
    /// A network namespace's file; there is one namespace.
    Netns,
}

/// A kernel object that descriptors and maps refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outside {
    pub(crate) kind: OutsideKind,
    /// Where the object is.
    pub(crate) addr: u64,
    /// What identifies a socket for user space.
    pub(crate) cookie: u64,
    /// The object was made to be referred to, and has no other use.
    made: bool,
}

impl Kernel {
    /// Opens a descriptor of the kernel object at an address: `struct sock`, `struct cgroup`, `struct task_struct`,
    /// `struct inode`. Descriptors of one address stand for one object.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`: there are too many descriptors or objects.
    pub fn open_object(&mut self, kind: OutsideKind, addr: u64) -> Result<Fd, Errno> {
        self.core.files.room()?;
        let id = self.core.outside_at(kind, addr)?;
        Ok(self.core.files.open(id))
    }

    /// Opens a descriptor of a new object without content, for maps that only keep such objects apart.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`: there are too many descriptors or objects. `ENOMEM`: no room.
    pub fn open_new(&mut self, kind: OutsideKind) -> Result<Fd, Errno> {
        self.core.room()?;
        let origin = Origin::new(ObjectKind::KernelObject, format!("{kind:?}"));
        let addr = self.memory.alloc(Arena::Kernel, 64, 64, Rights::RO, origin).map_err(|_| Errno::ENOMEM)?;
        let id = self.core.outside_at(kind, addr)?;
        if let Some(Object::Outside(it)) = self.core.objects.get_mut(id) {
            it.made = true;
        }
        Ok(self.core.files.open(id))
    }

    /// The address of the kernel object that a descriptor stands for.
    ///
    /// # Errors
    /// `EBADF`: it is no such descriptor.
    pub fn object_of(&self, fd: Fd) -> Result<u64, Errno> {
        self.core.outside_of(fd).map(|(_, it)| it.addr)
    }
}

impl Core {
    /// The object at an address, with one more reference.
    pub(crate) fn outside_at(&mut self, kind: OutsideKind, addr: u64) -> Result<ObjRef, Errno> {
        if let Some(id) = self.outside.get(&(kind, addr)).copied() {
            self.objects.retain(id);
            return Ok(id);
        }
        self.objects.room()?;
        self.cookies += 1;
        let outside = Outside { kind, addr, cookie: self.cookies, made: false };
        let id = self.objects.insert(Object::Outside(outside));
        self.outside.insert((kind, addr), id);
        Ok(id)
    }

    /// The object that a descriptor stands for.
    ///
    /// # Errors
    /// `EBADF`: none.
    pub(crate) fn outside_of(&self, fd: Fd) -> Result<(ObjRef, Outside), Errno> {
        let id = self.files.get(fd).map_err(|_| Errno::EBADF)?;
        self.outside(id).map(|it| (id, it)).ok_or(Errno::EBADF)
    }

    pub(crate) fn outside(&self, id: ObjRef) -> Option<Outside> {
        match self.objects.get(id)? {
            Object::Outside(it) => Some(*it),
            _ => None,
        }
    }

    /// Ends an object that nobody refers to any more.
    pub(crate) fn end_outside(&mut self, memory: &skep_memory::Memory, it: Outside) {
        self.outside.remove(&(it.kind, it.addr));
        if it.made {
            memory.free(it.addr);
        }
    }
}
