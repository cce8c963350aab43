//! Programs of cgroups (`kernel/bpf/cgroup.c`).

use super::{Link, LinkCreate, LinkWith, Place};
use crate::fields::Fields;
use crate::files::Fd;
use crate::hooks::cgroup::{Kind, ROOT, Wish};
use crate::kernel::Kernel;
use crate::outside::OutsideKind;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::flags::*;
use skep_abi::{AttachType, Errno};
use skep_maps::ObjRef;
use skep_memory::Memory;

/// The flags that a link to a cgroup may have (`BPF_F_LINK_ATTACH_MASK`).
const LINK_FLAGS: u32 = BPF_F_ID | BPF_F_BEFORE | BPF_F_AFTER | BPF_F_PREORDER | BPF_F_LINK;
/// How deep a hierarchy is at most.
const MAX_DEPTH: usize = 256;

/// The kind of program of a cgroup that an attach type is.
pub(super) fn kind_of(core: &Core, attach: AttachType, prog: Option<ObjRef>) -> Kind {
    let hook = prog.filter(|_| attach == AttachType::LsmCgroup).map_or(0, |prog| core.attach_btf_id(prog));
    (attach, hook)
}

impl Core {
    /// The id of the cgroup that a descriptor is of, whose place in the hierarchy is known from now on.
    ///
    /// # Errors
    /// `EBADF`: none.
    pub(super) fn cgroup_of(&mut self, memory: &Memory, fd: Fd) -> Result<u64, Errno> {
        let (_, outside) = self.outside_of(fd)?;
        if outside.kind != OutsideKind::Cgroup {
            return Err(Errno::EBADF);
        }
        let path = self.cgroup_path(memory, outside.addr);
        self.hooks.cgroups.know(&path);
        path.last().copied().ok_or(Errno::EBADF)
    }

    /// The ids of a cgroup and those above it, the root's first. One without content has its address for an id.
    fn cgroup_path(&self, memory: &Memory, addr: u64) -> Vec<u64> {
        let mut path = Vec::new();
        if let Some(fields) = Fields::new(self, memory) {
            let start = fields.offset("cgroup", "self").unwrap_or(0);
            let mut next = Some(addr);
            while let Some(addr) = next.filter(|_| path.len() < MAX_DEPTH) {
                let kn = fields.word(addr, "cgroup", "kn").filter(|it| *it != 0);
                let Some(id) = kn.and_then(|kn| fields.word(kn, "kernfs_node", "id")) else { break };
                path.push(id);
                let above = fields.word(addr, "cgroup", "self.parent").filter(|it| *it != 0);
                next = above.map(|css| css.wrapping_sub(start));
            }
        }
        if path.is_empty() {
            let is = |id: &ObjRef| self.outside(*id).is_some_and(|it| it.addr == addr);
            let opened = self.hooks.cgroup_dirs.iter().find(|it| is(it.1)).map(|it| *it.0);
            path.push(opened.unwrap_or(addr));
        }
        path.reverse();
        path
    }
}

impl Kernel {
    /// Opens the directory of a cgroup, by the ids from the root's, which is 1, to its own. It is made if it is not there.
    ///
    /// ```
    /// use skep_abi::{AttachType, ProgType};
    /// use skep_isa::asm::assemble;
    /// use skep_kernel::{Config, Kernel, LinkCreate, ProgLoad, ProgQuery};
    ///
    /// let mut kernel = Kernel::new(Config::default())?;
    /// let cgroup = kernel.open_cgroup(&[1, 20])?;
    /// let prog = kernel.prog_load(ProgLoad::new("deny", ProgType::CgroupSkb, assemble("r0 = 0\nexit")?))?;
    /// let attach = AttachType::CgroupInetIngress;
    /// let link = kernel.link_create(&LinkCreate::new(prog, attach).on(cgroup.0 as u32))?;
    /// let found = kernel.prog_query(&ProgQuery::new(attach, cgroup.0 as u32))?;
    /// assert_eq!(found.progs.len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `ENOENT`: no ids, or they do not begin at the root. `ENFILE`, `EMFILE`, `ENOMEM`: no room.
    pub fn open_cgroup(&mut self, path: &[u64]) -> Result<Fd, Errno> {
        let (Some(&ROOT), Some(&id)) = (path.first(), path.last()) else { return Err(Errno::ENOENT) };
        self.core.hooks.cgroups.know(path);
        let made = self.core.scene(&self.memory).ok().map(|mut scene| scene.cgroup_path(path));
        if let Some(made) = made {
            let addr = made.map_err(|_| Errno::ENOMEM)?;
            return self.open_object(OutsideKind::Cgroup, addr.ok_or(Errno::ENOENT)?);
        }
        if let Some(&dir) = self.core.hooks.cgroup_dirs.get(&id) {
            self.core.room()?;
            self.core.objects.retain(dir);
            return Ok(self.core.files.open(dir));
        }
        let fd = self.open_new(OutsideKind::Cgroup)?;
        let dir = self.core.files.get(fd)?;
        self.core.objects.retain(dir);
        self.core.hooks.cgroup_dirs.insert(id, dir);
        Ok(fd)
    }
}

impl Sys<'_> {
    /// A link to a cgroup.
    pub(super) fn link_cgroup(&mut self, prog: ObjRef, create: &LinkCreate) -> Result<Fd, Errno> {
        if create.flags & !LINK_FLAGS != 0 {
            return Err(Errno::EINVAL);
        }
        let attach = AttachType::from_u32(create.attach_type).ok_or(Errno::EINVAL)?;
        let id = self.core.cgroup_of(self.memory, Fd(create.target as i32))?;
        let kind = kind_of(self.core, attach, Some(prog));
        let link = self.prime(Link::new(Some(prog), create.attach_type, 0, Place::Cgroup { id, kind }))?;
        let (relative, revision) = match create.with {
            LinkWith::Relative { relative, expected_revision } => (relative, expected_revision),
            _ => (0, 0),
        };
        let flags = create.flags | BPF_F_ALLOW_MULTI;
        let relative = self.core.cgroup_relative(flags, relative);
        let wish = Wish { flags, relative, revision };
        let new = self.attached(link)?;
        let result = self.core.hooks.cgroups.attach(id, kind, new, None, &wish);
        self.settle(link, result.map(drop))
    }
}
