//! The end of attachments: a link is detached, nobody has it any more, or its place goes away.

use super::net::mprog_hook;
use super::{Link, Place};
use crate::files::Fd;
use crate::hooks::mprog::{Relative, Wish};
use crate::hooks::trampoline::Way;
use crate::hooks::{Attached, Hook};
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::{AttachType, Errno};
use skep_maps::ObjRef;

/// Whatever comes: a link that ends names no neighbour and knows no revision.
const NOTHING: Wish = Wish { flags: 0, relative: Ok(Relative { prog: None, link: None }), revision: 0 };

impl Sys<'_> {
    /// `BPF_LINK_DETACH`.
    pub(crate) fn link_detach(&mut self, fd: Fd) -> Result<(), Errno> {
        let id = self.core.link_of(fd)?;
        let place = self.core.objects.link(id).ok_or(Errno::EINVAL)?.place.clone();
        match place {
            Place::RawTracepoint { .. }
            | Place::Func { .. }
            | Place::Iter { .. }
            | Place::Perf { .. }
            | Place::KprobeMulti(_)
            | Place::UprobeMulti(_) => Err(Errno::EOPNOTSUPP),
            _ => {
                self.core.make_defunct(id);
                Ok(())
            }
        }
    }
}

impl Core {
    /// Takes a link away from its place. The link stays, with its program.
    pub(super) fn make_defunct(&mut self, id: ObjRef) {
        let Some(link) = self.objects.link_mut(id).filter(|it| it.attached) else { return };
        link.attached = false;
        let (place, prog) = (link.place.clone(), link.prog);
        self.unhook(id, &place, prog);
    }

    /// Ends a link that nobody has any more.
    pub(crate) fn end_link(&mut self, id: ObjRef, link: &Link) {
        if link.attached {
            self.unhook(id, &link.place, link.prog);
        }
        if let Some(prog) = link.prog {
            self.objects.release(prog);
        }
    }

    fn unhook(&mut self, id: ObjRef, place: &Place, prog: Option<ObjRef>) {
        match place {
            Place::RawTracepoint { name } => {
                self.hooks.remove(&Hook::RawTracepoint { name: name.clone() }, id);
            }
            Place::Func { func, way, target, .. } => {
                self.unhook_func(func, id);
                if let Some(target) = target {
                    if let (Way::Replace, Some(prog)) = (way, prog) {
                        let _ = self.unextend(prog, *target);
                    }
                    self.objects.release(*target);
                }
            }
            Place::Cgroup { id: cgroup, kind } => {
                let _ = self.hooks.cgroups.detach(*cgroup, *kind, None, Some(id), 0);
            }
            Place::Iter { aux, .. } => self.end_aux(aux),
            Place::Netns { attach } => {
                if let Some(list) = self.hooks.netns.get_mut(attach) {
                    list.0.retain(|it| it.link != Some(id));
                }
            }
            Place::Xdp { ifindex } => {
                if let Some(xdp) = self.hooks.xdp.get_mut(ifindex) {
                    xdp.remove(id);
                }
            }
            Place::Perf { event } => {
                self.perf_detach(*event);
                self.objects.release(*event);
            }
            Place::KprobeMulti(probes) => {
                for (hook, _) in probes.hooks(Attached::new(id)) {
                    self.hooks.remove(&hook, id);
                }
            }
            Place::UprobeMulti(probes) => {
                for (hook, _) in
                    probes.hooks(Attached::new(id), true).chain(probes.hooks(Attached::new(id), false))
                {
                    self.hooks.remove(&hook, id);
                }
            }
            Place::StructOps { map } => {
                if let Ok(ops) = self.struct_ops_of(*map) {
                    self.hooks.remove(&Hook::StructOps { ops }, id);
                }
                self.objects.release(*map);
            }
            Place::Netfilter { pf, hook, .. } => {
                if let Some(list) = self.hooks.netfilter.get_mut(&(*pf, *hook)) {
                    list.0.retain(|it| it.1.link != Some(id));
                }
            }
            Place::Tcx { ifindex, ingress } => {
                self.unhook_mprog(&Hook::Tcx { ifindex: *ifindex, ingress: *ingress }, id, prog);
            }
            Place::Netkit { ifindex, peer } => {
                self.unhook_mprog(&Hook::Netkit { ifindex: *ifindex, peer: *peer }, id, prog);
            }
            Place::Sockmap { map, attach } => {
                self.hooks.lists.remove(&Hook::Sockmap { map: *map, attach: *attach });
                self.release_user(*map);
            }
        }
    }

    fn unhook_mprog(&mut self, hook: &Hook, id: ObjRef, prog: Option<ObjRef>) {
        if let Some(mprog) = self.hooks.mprogs.get_mut(hook) {
            let _ = mprog.detach(prog, Some(id), &NOTHING);
        }
        self.tidy_mprog(hook);
    }

    /// Drops a program that was attached without a link.
    pub(super) fn release_prog(&mut self, gone: Option<Attached>) {
        if let Some(it) = gone.filter(|it| it.link.is_none()) {
            self.objects.release(it.prog);
        }
    }

    /// Ends everything that is attached to a device that goes away: links become defunct, programs are dropped.
    pub(crate) fn unhook_device(&mut self, ifindex: u32) {
        let mut gone: Vec<Attached> = self
            .hooks
            .xdp
            .remove(&ifindex)
            .iter()
            .flat_map(|it| it.all().copied().collect::<Vec<_>>())
            .collect();
        let attaches = [
            AttachType::TcxIngress,
            AttachType::TcxEgress,
            AttachType::NetkitPrimary,
            AttachType::NetkitPeer,
        ];
        for attach in attaches {
            if let Ok(hook) = mprog_hook(self, attach, ifindex)
                && let Some(mprog) = self.hooks.mprogs.remove(&hook)
            {
                gone.extend_from_slice(mprog.list());
            }
        }
        for ingress in [true, false] {
            let filters = self.hooks.clsact.remove(&(ifindex, ingress));
            gone.extend(filters.into_iter().flat_map(|it| it.0).map(|it| it.attached));
        }
        self.forget(gone);
    }

    /// Ends everything that is attached to a cgroup that goes away.
    pub(crate) fn unhook_cgroup(&mut self, id: u64) {
        let gone = self.hooks.cgroups.remove(id).into_iter().map(|it| it.1).collect();
        self.forget(gone);
    }

    /// What has been taken away from its place already.
    fn forget(&mut self, gone: Vec<Attached>) {
        for it in gone {
            match it.link.and_then(|id| self.objects.link_mut(id)) {
                Some(link) => link.attached = false,
                None => self.release_prog(Some(it)),
            }
        }
    }
}
