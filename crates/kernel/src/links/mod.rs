//! Links: attachments that are objects. A link keeps its program where it is attached; it ends with its last descriptor
//! or pin, when it is detached, or when the place goes away, after which it is *defunct*: still there, attached nowhere.
//!
//! - `create`, `with`: `BPF_LINK_CREATE`: what is asked for, and who does it
//! - `check`: which program types go with which attach types
//! - one file for each kind of place: `cgroup`, `net` (XDP, tcx, netkit), `netns`, `netfilter`, `sockmap`, `tracing`,
//!   `raw_tp`, `probes` (kprobe_multi, uprobe_multi), `perf`, `iter`, `struct_ops`
//! - `netlink`: XDP without links, and traffic control's filters
//! - `update`, `unhook`: other programs for links, and their ends
//! - `attach`, `query`: the same places without links: `BPF_PROG_ATTACH`, `BPF_PROG_DETACH`, `BPF_PROG_QUERY`
//! - `info`, `show`: what user space is told
//!
//! What may be together where, and in which order it runs, is [`crate::hooks`].

mod api;
mod attach;
mod cgroup;
mod check;
mod create;
mod info;
mod iter;
mod net;
mod netfilter;
mod netlink;
mod netns;
mod perf;
mod probes;
mod query;
mod raw_tp;
mod relative;
mod show;
mod sockmap;
mod struct_ops;
mod task_fd;
mod tracing;
mod unhook;
mod update;
mod with;

pub use attach::ProgAttach;
pub(crate) use create::Wants;
pub use info::{IterInfo, LinkDetails, LinkInfo, PerfLinkInfo};
pub(crate) use iter::{Aux, IterFile};
pub use netlink::{TcFilter, XdpProgs};
pub(crate) use probes::{Lists, check_kprobe_multi, check_uprobe_multi};
pub(crate) use query::{Places, places_of};
pub use query::{ProgQuery, Queried, QueriedProg};
pub use task_fd::{FdType, TaskFd};
pub use with::{Functions, IterLink, KprobeMulti, LinkCreate, LinkWith, UprobeMulti};

use crate::files::Fd;
use crate::hooks::{Attached, Func, cgroup::Kind, trampoline::Way};
use crate::object::Object;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::{AttachType, Errno, LinkType};
use skep_maps::ObjRef;
use std::sync::Arc;

/// A program that is attached somewhere (`struct bpf_link`).
#[derive(Debug)]
pub(crate) struct Link {
    /// The program, with a reference; none of a struct_ops link.
    pub(crate) prog: Option<ObjRef>,
    /// How it is attached, as the call said it.
    pub(crate) attach_type: u32,
    /// What `bpf_get_attach_cookie` answers.
    pub(crate) cookie: u64,
    /// Where it is, or was.
    pub(crate) place: Place,
    /// It is attached there.
    pub(crate) attached: bool,
}

/// Where a link is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    RawTracepoint {
        name: String,
    },
    Func {
        func: Func,
        way: Way,
        /// The program whose function it is, with a reference while it is attached.
        target: Option<ObjRef>,
        /// The id of that program, or of the types that have the function.
        target_obj_id: u32,
        target_btf_id: u32,
    },
    Cgroup {
        id: u64,
        kind: Kind,
    },
    Iter {
        target: &'static str,
        aux: iter::Aux,
    },
    Netns {
        attach: AttachType,
    },
    Xdp {
        ifindex: u32,
    },
    Perf {
        /// With a reference.
        event: ObjRef,
    },
    KprobeMulti(Arc<probes::Kprobes>),
    UprobeMulti(Arc<UprobeMulti>),
    StructOps {
        /// With a reference while it is attached.
        map: ObjRef,
    },
    Netfilter {
        pf: u32,
        hook: u32,
        priority: i32,
        flags: u32,
    },
    Tcx {
        ifindex: u32,
        ingress: bool,
    },
    Netkit {
        /// The device that the call named, the primary of the pair.
        ifindex: u32,
        peer: bool,
    },
    Sockmap {
        /// With a reference of user space's while it is attached.
        map: ObjRef,
        attach: AttachType,
    },
}

impl Place {
    pub(crate) fn link_type(&self) -> LinkType {
        match self {
            Place::RawTracepoint { .. } => LinkType::RawTracepoint,
            Place::Func { .. } => LinkType::Tracing,
            Place::Cgroup { .. } => LinkType::Cgroup,
            Place::Iter { .. } => LinkType::Iter,
            Place::Netns { .. } => LinkType::Netns,
            Place::Xdp { .. } => LinkType::Xdp,
            Place::Perf { .. } => LinkType::PerfEvent,
            Place::KprobeMulti(_) => LinkType::KprobeMulti,
            Place::UprobeMulti(_) => LinkType::UprobeMulti,
            Place::StructOps { .. } => LinkType::StructOps,
            Place::Netfilter { .. } => LinkType::Netfilter,
            Place::Tcx { .. } => LinkType::Tcx,
            Place::Netkit { .. } => LinkType::Netkit,
            Place::Sockmap { .. } => LinkType::Sockmap,
        }
    }
}

impl Link {
    /// A link that is not attached yet.
    fn new(prog: Option<ObjRef>, attach_type: u32, cookie: u64, place: Place) -> Link {
        Link { prog, attach_type, cookie, place, attached: false }
    }
}

impl Core {
    /// The link that an fd stands for.
    ///
    /// # Errors
    /// `EBADF`: nothing. `EINVAL`: something else.
    pub(crate) fn link_of(&self, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.files.get(fd)?;
        self.objects.link(id).map(|_| id).ok_or(Errno::EINVAL)
    }

    /// The program of a type that an fd stands for (`bpf_prog_get_type`).
    ///
    /// # Errors
    /// `EBADF`: nothing. `EINVAL`: something else, or a program of another type.
    pub(crate) fn prog_of_type(&self, fd: Fd, prog_type: skep_abi::ProgType) -> Result<ObjRef, Errno> {
        let id = self.prog_of(fd)?;
        let prog = self.objects.prog(id).filter(|it| it.info.prog_type == prog_type);
        prog.map(|_| id).ok_or(Errno::EINVAL)
    }
}

impl Core {
    /// Whether there is a task of an id.
    pub(crate) fn is_process(&self, pid: u32) -> bool {
        [self.task.pid, self.task.tgid].contains(&pid) || self.world.tasks.contains_key(&pid)
    }

    /// What the file of a link in `/proc/PID/fdinfo` says.
    pub(crate) fn link_show(&self, id: ObjRef) -> Result<String, Errno> {
        let info = match self.info_of_link(id) {
            // An event that says nothing has no lines.
            Err(Errno::EOPNOTSUPP | Errno::ENOENT) => return Ok(String::new()),
            other => other?,
        };
        let tag = self.objects.link(id).and_then(|it| it.prog).and_then(|it| self.objects.prog_tag(it));
        let cgroup = match info.details {
            LinkDetails::Iter { over: IterInfo::Cgroup { cgroup_id, .. }, .. } => {
                self.hooks.cgroups.path_text(cgroup_id)
            }
            _ => String::new(),
        };
        Ok(info.show(tag, &cgroup))
    }
}

impl Sys<'_> {
    /// Makes a link that is not attached yet; it has its id from now on (`bpf_link_prime`). The program and everything
    /// else that it keeps gets a reference.
    fn prime(&mut self, link: Link) -> Result<ObjRef, Errno> {
        self.core.room()?;
        if let Some(prog) = link.prog {
            self.core.objects.retain(prog);
        }
        Ok(self.core.objects.insert(Object::Link(Box::new(link))))
    }

    /// Gives a link its descriptor if it could be attached, or ends it; its id is gone then (`bpf_link_settle`,
    /// `bpf_link_cleanup`).
    fn settle(&mut self, id: ObjRef, result: Result<(), Errno>) -> Result<Fd, Errno> {
        match result {
            Ok(()) => {
                if let Some(link) = self.core.objects.link_mut(id) {
                    link.attached = true;
                }
                Ok(self.core.files.open(id))
            }
            Err(errno) => {
                self.core.objects.release(id);
                Err(errno)
            }
        }
    }

    /// What a link is at its hook.
    fn attached(&self, id: ObjRef) -> Result<Attached, Errno> {
        let link = self.core.objects.link(id).ok_or(Errno::EINVAL)?;
        let prog = link.prog.ok_or(Errno::EINVAL)?;
        Ok(Attached { link: Some(id), cookie: link.cookie, ..Attached::new(prog) })
    }
}
