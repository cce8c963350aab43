//! `BPF_LINK_UPDATE`: another program, or map, for a link.

use super::Place;
use crate::files::Fd;
use crate::hooks::mprog::{Relative, Wish};
use crate::hooks::{Attached, Hook};
use crate::prog::ProgInfo;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::flags::{BPF_F_ID, BPF_F_REPLACE};
use skep_maps::ObjRef;

impl Sys<'_> {
    /// `BPF_LINK_UPDATE`: `new` is a program, or the map of a struct_ops link; `old`, with `BPF_F_REPLACE` in the flags,
    /// what is expected to be there.
    pub(crate) fn link_update(&mut self, fd: Fd, new: Fd, flags: u32, old: Fd) -> Result<(), Errno> {
        if flags & !BPF_F_REPLACE != 0 {
            return Err(Errno::EINVAL);
        }
        let id = self.core.link_of(fd)?;
        let place = self.core.objects.link(id).ok_or(Errno::EINVAL)?.place.clone();
        let of_maps = matches!(place, Place::StructOps { .. });
        let get = |core: &Core, fd| if of_maps { core.map_of(fd) } else { core.prog_of(fd) };
        let new = get(self.core, new)?;
        let old = match (flags & BPF_F_REPLACE != 0, old.0) {
            (true, _) => Some(get(self.core, old)?),
            (false, 0) => None,
            (false, _) => return Err(Errno::EINVAL),
        };
        if of_maps {
            return self.update_struct_ops(id, new, old);
        }
        let change = self.core.change(id, &place, new, old)?;
        if change {
            let link = self.core.objects.link_mut(id).ok_or(Errno::EINVAL)?;
            let before = link.prog.replace(new);
            self.core.objects.retain(new);
            if let Some(before) = before {
                self.core.objects.release(before);
            }
        }
        Ok(())
    }
}

impl Core {
    /// Puts a program in the place of a link's. Answers whether it is another one.
    fn change(&mut self, id: ObjRef, place: &Place, new: ObjRef, old: Option<ObjRef>) -> Result<bool, Errno> {
        let link = self.objects.link(id).ok_or(Errno::EINVAL)?;
        let now = link.prog.ok_or(Errno::EINVAL)?;
        let gone = if link.attached { Ok(()) } else { Err(Errno::ENOLINK) };
        let expected = if old.is_some_and(|it| it != now) { Err(Errno::EPERM) } else { Ok(()) };
        let same_type = |check: fn(&ProgInfo, &ProgInfo) -> bool| -> Result<(), Errno> {
            let [a, b] = [now, new].map(|it| self.objects.prog(it).map(|it| &*it.info));
            let same = a.zip(b).is_some_and(|(a, b)| a.prog_type == b.prog_type && check(a, b));
            if same { Ok(()) } else { Err(Errno::EINVAL) }
        };
        let attach_types: fn(&ProgInfo, &ProgInfo) -> bool =
            |a, b| a.expected_attach_type == b.expected_attach_type;
        match place {
            Place::Cgroup { id: cgroup, kind } => {
                gone?;
                expected?;
                same_type(|_, _| true)?;
                let kind = super::cgroup::kind_of(self, kind.0, Some(new));
                self.hooks.cgroups.replace(*cgroup, kind, id, new)?;
                Ok(true)
            }
            Place::Xdp { ifindex } => {
                gone?;
                expected?;
                same_type(attach_types)?;
                if let Some(xdp) = self.hooks.xdp.get_mut(ifindex) {
                    xdp.replace(id, new);
                }
                Ok(new != now)
            }
            Place::Tcx { ifindex, ingress } => {
                gone?;
                expected?;
                self.change_mprog(&Hook::Tcx { ifindex: *ifindex, ingress: *ingress }, id, now, new)
            }
            Place::Netkit { ifindex, peer } => {
                gone?;
                expected?;
                self.change_mprog(&Hook::Netkit { ifindex: *ifindex, peer: *peer }, id, now, new)
            }
            Place::Netns { attach } => {
                expected?;
                same_type(|_, _| true)?;
                gone?;
                let list = self.hooks.netns.get_mut(attach).map(|it| &mut it.0);
                replace_in(list, id, new);
                Ok(true)
            }
            Place::Iter { .. } => {
                expected?;
                same_type(attach_types)?;
                let [a, b] = [now, new].map(|it| self.attach_btf_id(it));
                if a == b { Ok(true) } else { Err(Errno::EINVAL) }
            }
            Place::Sockmap { map, attach } => {
                expected?;
                same_type(attach_types)?;
                gone?;
                let hook = Hook::Sockmap { map: *map, attach: *attach };
                replace_in(self.hooks.lists.get_mut(&hook), id, new);
                Ok(true)
            }
            Place::Netfilter { .. } => Err(Errno::EOPNOTSUPP),
            Place::RawTracepoint { .. }
            | Place::Func { .. }
            | Place::Perf { .. }
            | Place::KprobeMulti(_)
            | Place::UprobeMulti(_)
            | Place::StructOps { .. } => Err(Errno::EINVAL),
        }
    }

    /// The same for tcx and netkit (`tcx_link_update`).
    fn change_mprog(&mut self, hook: &Hook, id: ObjRef, now: ObjRef, new: ObjRef) -> Result<bool, Errno> {
        if now == new {
            return Ok(false);
        }
        let types = [now, new].map(|it| self.objects.prog(it).map(|it| it.info.prog_type));
        let same = types[0] == types[1];
        let relative = if same { Ok(Relative { prog: Some(now), link: None }) } else { Err(Errno::EINVAL) };
        let wish = Wish { flags: BPF_F_REPLACE | BPF_F_ID, relative, revision: 0 };
        let mprog = self.hooks.mprogs.get_mut(hook).ok_or(Errno::ENOENT)?;
        let attached = Attached { link: Some(id), ..Attached::new(new) };
        mprog.attach(attached, Some(now), &wish)?;
        Ok(true)
    }
}

fn replace_in(list: Option<&mut Vec<Attached>>, link: ObjRef, prog: ObjRef) {
    for it in list.into_iter().flatten().filter(|it| it.link == Some(link)) {
        it.prog = prog;
    }
}
