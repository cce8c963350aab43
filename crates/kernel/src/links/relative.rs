//! Neighbours: programs and links that another one's place is said relative to, by descriptor or by id.

use crate::files::Fd;
use crate::hooks::{cgroup, mprog};
use crate::object::Noun;
use crate::state::Core;
use skep_abi::flags::{BPF_F_ID, BPF_F_LINK};
use skep_abi::{Errno, ProgType};
use skep_maps::ObjRef;

impl Core {
    /// The program or link of a descriptor or, with `BPF_F_ID`, of an id; with `BPF_F_LINK` it is a link.
    ///
    /// # Errors
    /// `EBADF`, `ENOENT`: there is none. `EINVAL`: something else, or no descriptor at all.
    fn neighbour(&self, flags: u32, relative: u32) -> Result<ObjRef, Errno> {
        let noun = if flags & BPF_F_LINK != 0 { Noun::Link } else { Noun::Prog };
        if flags & BPF_F_ID != 0 {
            return self.objects.by_number(noun, relative).ok_or(Errno::ENOENT);
        }
        match relative {
            0 => Err(Errno::EINVAL),
            fd if noun == Noun::Link => self.link_of(Fd(fd as i32)),
            fd => self.prog_of(Fd(fd as i32)),
        }
    }

    /// The same for tcx and netkit, where it has to be of the same program type (`bpf_mprog_tuple_relative`).
    pub(super) fn mprog_relative(
        &self,
        prog_type: Option<ProgType>,
        flags: u32,
        relative: u32,
    ) -> Result<mprog::Relative, Errno> {
        if flags & (BPF_F_LINK | BPF_F_ID) == 0 && relative == 0 {
            return Ok(mprog::Relative::default());
        }
        let id = self.neighbour(flags, relative)?;
        let (prog, link) = match self.objects.link(id) {
            Some(link) => (link.prog.ok_or(Errno::EINVAL)?, Some(id)),
            None => (id, None),
        };
        let info = &self.objects.prog(prog).ok_or(Errno::EINVAL)?.info;
        if prog_type.is_some_and(|it| it != info.prog_type) {
            return Err(Errno::EINVAL);
        }
        Ok(mprog::Relative { prog: Some(prog), link })
    }

    /// The same for cgroups (`get_prog_list`, `kernel/bpf/cgroup.c`).
    pub(super) fn cgroup_relative(
        &self,
        flags: u32,
        relative: u32,
    ) -> Option<Result<cgroup::Relative, Errno>> {
        if flags & (BPF_F_LINK | BPF_F_ID) == 0 && relative == 0 {
            return None;
        }
        Some(self.neighbour(flags, relative).map(|id| match self.objects.link(id) {
            Some(_) => cgroup::Relative::Link(id),
            None => cgroup::Relative::Prog(id),
        }))
    }
}
