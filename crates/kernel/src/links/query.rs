//! `BPF_PROG_QUERY`: what is attached to a place.

use super::{check, net};
use crate::files::{Cap, Fd};
use crate::hooks::{Attached, Hook};
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::flags::BPF_F_QUERY_EFFECTIVE;
use skep_abi::{AttachType, Errno, ProgType};

/// What to ask for: the attributes of `BPF_PROG_QUERY`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProgQuery {
    /// Of what: a descriptor of a cgroup, a map..., or a device's index.
    pub target: u32,
    /// Attached how, as a number.
    pub attach_type: u32,
    /// `BPF_F_QUERY_EFFECTIVE`: of a cgroup, what runs with what those above it have.
    pub flags: u32,
    /// `attach_flags`, which is an answer: tcx and netkit want it to be 0.
    pub attach_flags: u32,
}

impl ProgQuery {
    /// What is attached there.
    pub fn new(attach_type: AttachType, target: u32) -> ProgQuery {
        ProgQuery { target, attach_type: attach_type.to_u32(), flags: 0, attach_flags: 0 }
    }
}

/// What is attached to a place.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Queried {
    /// What a cgroup's list was begun with (`BPF_F_ALLOW_*`); 0 elsewhere.
    pub attach_flags: u32,
    /// Counts the changes, from 1, where the place does; otherwise 0.
    pub revision: u64,
    /// The programs, in the order in which they run.
    pub progs: Vec<QueriedProg>,
}

/// A program that is attached to a place.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct QueriedProg {
    /// Its id.
    pub prog_id: u32,
    /// Of a cgroup, what the list was begun with.
    pub attach_flags: u32,
    /// Its link's id, where the place tells; otherwise 0.
    pub link_id: u32,
}

/// Which places answer alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Places {
    /// tcx, netkit (`bpf_mprog_query`).
    Mprog,
    /// Cgroups (`__cgroup_bpf_query`); `lsm`: of all hooks at once.
    Cgroup { lsm: bool },
    /// Network namespaces (`__netns_bpf_prog_query`).
    Netns,
    /// Sockmaps (`sock_map_bpf_prog_query`).
    Sockmap,
}

/// How the places of an attach type answer, if they do.
pub(crate) fn places_of(attach_type: u32) -> Option<Places> {
    let attach = AttachType::from_u32(attach_type)?;
    match check::prog_type_of(attach)? {
        ProgType::FlowDissector | ProgType::SkLookup => Some(Places::Netns),
        ProgType::SkSkb | ProgType::SkMsg => Some(Places::Sockmap),
        ProgType::SchedCls => Some(Places::Mprog),
        other if check::is_cgroup_type(other) && attach != AttachType::LsmMac => {
            Some(Places::Cgroup { lsm: attach == AttachType::LsmCgroup })
        }
        _ => None,
    }
}

impl Core {
    fn queried(&self, list: &[Attached], flags: u32, links: bool) -> Vec<QueriedProg> {
        let row = |it: &Attached| QueriedProg {
            prog_id: self.objects.number(it.prog),
            attach_flags: flags,
            link_id: it.link.filter(|_| links).map_or(0, |link| self.objects.number(link)),
        };
        list.iter().map(row).collect()
    }
}

impl Sys<'_> {
    /// `BPF_PROG_QUERY`.
    pub(crate) fn prog_query(&mut self, query: &ProgQuery) -> Result<Queried, Errno> {
        if !self.core.capable(Cap::NetAdmin) {
            return Err(Errno::EPERM);
        }
        if query.flags & !BPF_F_QUERY_EFFECTIVE != 0 {
            return Err(Errno::EINVAL);
        }
        let attach = AttachType::from_u32(query.attach_type).ok_or(Errno::EINVAL)?;
        let plain = if query.flags == 0 { Ok(()) } else { Err(Errno::EINVAL) };
        let target = Fd(query.target as i32);
        match places_of(query.attach_type).ok_or(Errno::EINVAL)? {
            Places::Netns => {
                plain?;
                self.core.check_netns(target)?;
                let list = self.core.hooks.at(&Hook::Netns { attach });
                Ok(Queried { progs: self.core.queried(&list, 0, false), ..Queried::default() })
            }
            Places::Sockmap => {
                plain?;
                let map = self.core.map_of(target)?;
                let list = self.core.sockmap_prog(map, attach)?;
                Ok(Queried { progs: self.core.queried(list.as_slice(), 0, false), ..Queried::default() })
            }
            Places::Mprog => {
                let hook = net::mprog_hook(self.core, attach, query.target)?;
                plain?;
                if query.attach_flags != 0 {
                    return Err(Errno::EINVAL);
                }
                let mprog = self.core.hooks.mprogs.get(&hook).filter(|it| !self.is_idle(&hook, it));
                let (list, revision) = mprog.map_or((&[][..], 1), |it| (it.list(), it.revision()));
                Ok(Queried { attach_flags: 0, revision, progs: self.core.queried(list, 0, true) })
            }
            Places::Cgroup { .. } => self.query_cgroup(attach, query),
        }
    }

    /// Nobody is attached to a netkit device: it is as if nobody ever had been.
    fn is_idle(&self, hook: &Hook, mprog: &crate::hooks::mprog::Mprog) -> bool {
        matches!(hook, Hook::Netkit { .. }) && mprog.list().is_empty()
    }

    fn query_cgroup(&mut self, attach: AttachType, query: &ProgQuery) -> Result<Queried, Errno> {
        let id = self.core.cgroup_of(self.memory, Fd(query.target as i32))?;
        let cgroups = &self.core.hooks.cgroups;
        let effective = query.flags & BPF_F_QUERY_EFFECTIVE != 0;
        let of_lsm = attach == AttachType::LsmCgroup;
        let kinds: Vec<_> = match of_lsm {
            true => cgroups.lsm_hooks().map(|hook| (attach, hook)).collect(),
            false => vec![(attach, 0)],
        };
        let mut answer = Queried::default();
        for kind in kinds {
            let level = cgroups.level(id, kind);
            if effective {
                answer.progs.extend(self.core.queried(&cgroups.effective(id, kind), 0, false));
            } else {
                answer.progs.extend(self.core.queried(&level.progs, level.flags, false));
                if !of_lsm {
                    (answer.attach_flags, answer.revision) = (level.flags, level.revision);
                }
            }
        }
        Ok(answer)
    }
}
