//! What a link is: what `bpf_link_info` says.

use super::iter::Aux;
use super::{Link, Place, netns};
use crate::files::Fd;
use crate::state::Core;
use skep_abi::{Errno, LinkType};
use skep_maps::ObjRef;

/// What a link is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkInfo {
    /// Its type.
    pub kind: LinkType,
    /// Its id.
    pub id: u32,
    /// The id of its program; 0: it has none.
    pub prog_id: u32,
    /// Where it is.
    pub details: LinkDetails,
}

/// Where a link is. What it was attached to and is not any longer is 0 in here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkDetails {
    /// At a tracepoint.
    RawTracepoint {
        /// Its name.
        name: String,
        /// What `bpf_get_attach_cookie` answers.
        cookie: u64,
    },
    /// At a function.
    Tracing {
        /// How, as a number.
        attach_type: u32,
        /// The id of the program whose function it is, or of the types that have it.
        target_obj_id: u32,
        /// The function in these types.
        target_btf_id: u32,
        /// What `bpf_get_attach_cookie` answers.
        cookie: u64,
    },
    /// At a cgroup.
    Cgroup {
        /// Its id.
        cgroup_id: u64,
        /// How, as a number.
        attach_type: u32,
    },
    /// An iterator.
    Iter {
        /// Over what: `task`.
        target: String,
        /// Over which.
        over: IterInfo,
    },
    /// At a network namespace.
    Netns {
        /// Its inode.
        ino: u32,
        /// How, as a number.
        attach_type: u32,
    },
    /// At a device's XDP.
    Xdp {
        /// The device.
        ifindex: u32,
    },
    /// A perf event's program.
    PerfEvent(PerfLinkInfo),
    /// At many kernel functions.
    KprobeMulti {
        /// Names, addresses and cookies.
        functions: Vec<(String, u64, u64)>,
        /// `BPF_F_KPROBE_MULTI_RETURN`.
        flags: u32,
        /// How many calls were missed.
        missed: u64,
    },
    /// At many places in a file.
    UprobeMulti {
        /// The file.
        path: String,
        /// Offsets, those of counters, and cookies.
        probes: Vec<(u64, u64, u64)>,
        /// `BPF_F_UPROBE_MULTI_RETURN`.
        flags: u32,
        /// The process; 0: all.
        pid: u32,
    },
    /// A struct of functions.
    StructOps {
        /// The map.
        map_id: Option<u32>,
    },
    /// At a netfilter hook.
    Netfilter {
        /// `NFPROTO_*`.
        pf: u32,
        /// `NF_INET_*`.
        hooknum: u32,
        /// The lowest runs first.
        priority: i32,
        /// `BPF_F_NETFILTER_IP_DEFRAG`.
        flags: u32,
    },
    /// At a device's tcx.
    Tcx {
        /// The device.
        ifindex: u32,
        /// How, as a number.
        attach_type: u32,
    },
    /// At a netkit device.
    Netkit {
        /// The device.
        ifindex: u32,
        /// How, as a number.
        attach_type: u32,
    },
    /// At a sockmap.
    Sockmap {
        /// The map.
        map_id: u32,
        /// How, as a number.
        attach_type: u32,
    },
}

/// Over which objects an iterator goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IterInfo {
    /// All there are, of something that wants to be told nothing.
    Plain,
    /// A map's elements.
    Map {
        /// The map.
        map_id: u32,
    },
    /// Cgroups.
    Cgroup {
        /// Where it begins.
        cgroup_id: u64,
        /// `BPF_CGROUP_ITER_*`.
        order: u32,
    },
    /// All tasks.
    Tasks,
    /// One thread.
    Tid(u32),
    /// The threads of one process.
    Pid(u32),
}

/// What kind of perf event a program is at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PerfLinkInfo {
    /// A place in a file.
    Uprobe {
        /// The file.
        name: String,
        /// The place, in bytes.
        offset: u64,
        /// Where the counter of a USDT probe is.
        ref_ctr_offset: u64,
        /// What `bpf_get_attach_cookie` answers.
        cookie: u64,
        /// Its return.
        ret: bool,
    },
    /// A kernel function.
    Kprobe {
        /// The function; none, if it was named by its address.
        name: Option<String>,
        /// The place in it, in bytes.
        offset: u64,
        /// Its address.
        addr: u64,
        /// How many calls were missed.
        missed: u64,
        /// What `bpf_get_attach_cookie` answers.
        cookie: u64,
        /// Its return.
        ret: bool,
    },
    /// A tracepoint.
    Tracepoint {
        /// Its name, without its category.
        name: String,
        /// What `bpf_get_attach_cookie` answers.
        cookie: u64,
    },
    /// Another event's overflow.
    Event {
        /// `perf_event_attr.type`.
        kind: u32,
        /// `perf_event_attr.config`.
        config: u64,
        /// What `bpf_get_attach_cookie` answers.
        cookie: u64,
    },
}

impl Core {
    /// What the link of a descriptor is.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: there is none. `EOPNOTSUPP`: its perf event says nothing.
    pub(crate) fn link_info(&self, fd: Fd) -> Result<LinkInfo, Errno> {
        self.info_of_link(self.link_of(fd)?)
    }

    pub(crate) fn info_of_link(&self, id: ObjRef) -> Result<LinkInfo, Errno> {
        let link = self.objects.link(id).ok_or(Errno::EINVAL)?;
        Ok(LinkInfo {
            kind: link.place.link_type(),
            id: self.objects.number(id),
            prog_id: link.prog.map_or(0, |prog| self.objects.number(prog)),
            details: self.link_details(link)?,
        })
    }

    fn link_details(&self, link: &Link) -> Result<LinkDetails, Errno> {
        let (attach_type, cookie) = (link.attach_type, link.cookie);
        let there = |number: u32| if link.attached { number } else { 0 };
        Ok(match &link.place {
            Place::RawTracepoint { name } => LinkDetails::RawTracepoint { name: name.clone(), cookie },
            Place::Func { target_obj_id, target_btf_id, .. } => LinkDetails::Tracing {
                attach_type,
                target_obj_id: *target_obj_id,
                target_btf_id: *target_btf_id,
                cookie,
            },
            Place::Cgroup { id, .. } => {
                LinkDetails::Cgroup { cgroup_id: if link.attached { *id } else { 0 }, attach_type }
            }
            Place::Iter { target, aux } => {
                LinkDetails::Iter { target: (*target).to_owned(), over: self.over(target, aux) }
            }
            Place::Netns { .. } => LinkDetails::Netns { ino: there(netns::INO), attach_type },
            Place::Xdp { ifindex } => LinkDetails::Xdp { ifindex: there(*ifindex) },
            Place::Perf { event } => LinkDetails::PerfEvent(self.perf_info(*event)?),
            Place::KprobeMulti(probes) => LinkDetails::KprobeMulti {
                functions: probes.functions.iter().map(|it| (it.name.clone(), it.addr, it.cookie)).collect(),
                flags: probes.flags,
                missed: 0,
            },
            Place::UprobeMulti(it) => {
                let of = |list: &[u64], index: usize| list.get(index).copied().unwrap_or(0);
                let probe = |(index, offset): (usize, &u64)| {
                    (*offset, of(&it.ref_ctr_offsets, index), of(&it.cookies, index))
                };
                LinkDetails::UprobeMulti {
                    path: it.path.clone(),
                    probes: it.offsets.iter().enumerate().map(probe).collect(),
                    flags: it.flags,
                    pid: it.pid,
                }
            }
            Place::StructOps { map } => {
                LinkDetails::StructOps { map_id: link.attached.then(|| self.objects.number(*map)) }
            }
            Place::Netfilter { pf, hook, priority, flags } => {
                LinkDetails::Netfilter { pf: *pf, hooknum: *hook, priority: *priority, flags: *flags }
            }
            Place::Tcx { ifindex, .. } => LinkDetails::Tcx { ifindex: there(*ifindex), attach_type },
            Place::Netkit { ifindex, .. } => LinkDetails::Netkit { ifindex: there(*ifindex), attach_type },
            Place::Sockmap { map, .. } => {
                let map_id = if link.attached { self.objects.number(*map) } else { 0 };
                LinkDetails::Sockmap { map_id, attach_type }
            }
        })
    }

    fn over(&self, target: &str, aux: &Aux) -> IterInfo {
        match *aux {
            Aux::All if target.starts_with("task") => IterInfo::Tasks,
            Aux::All => IterInfo::Plain,
            Aux::Map(map) => IterInfo::Map { map_id: self.objects.number(map) },
            Aux::Cgroup { id, order } => IterInfo::Cgroup { cgroup_id: id, order },
            Aux::Tid(tid) => IterInfo::Tid(tid),
            Aux::Pid(pid) => IterInfo::Pid(pid),
        }
    }
}
