//! `BPF_LINK_CREATE`: who does it.

use super::{LinkCreate, check};
use crate::files::Fd;
use crate::state::Core;
use crate::sys::Sys;
use skep_abi::{AttachType, Errno, ProgType};
use skep_maps::ObjRef;

/// What kind of link a program and an attach type ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wants {
    Cgroup,
    /// A function; `ext`: whatever the attach type.
    Func,
    RawTracepoint,
    Iter,
    Netns(AttachType),
    Sockmap(AttachType),
    Xdp,
    Tcx {
        ingress: bool,
    },
    Netkit {
        peer: bool,
    },
    Netfilter,
    PerfEvent,
    KprobeMulti,
    UprobeMulti,
    StructOps,
}

impl Core {
    /// What kind of link is asked for (`link_create`), and of which program.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no program, or one that is not linked in this way. `EPERM`: not by this process.
    pub(crate) fn link_wants(&self, prog: Fd, attach_type: u32) -> Result<(Wants, ObjRef), Errno> {
        if attach_type == AttachType::StructOps.to_u32() {
            return self.map_of(prog).map(|map| (Wants::StructOps, map));
        }
        let id = self.prog_of(prog)?;
        check::check(self, id, attach_type)?;
        let info = &self.objects.prog(id).ok_or(Errno::EINVAL)?.info;
        let attach = AttachType::from_u32(attach_type);
        // An EXT program may say whatever it likes.
        let Some(attach) = attach.filter(|_| info.prog_type != ProgType::Ext) else {
            return if info.prog_type == ProgType::Ext { Ok((Wants::Func, id)) } else { Err(Errno::EINVAL) };
        };
        let wants = match info.prog_type {
            ProgType::CgroupSkb
            | ProgType::CgroupSock
            | ProgType::CgroupSockAddr
            | ProgType::SockOps
            | ProgType::CgroupDevice
            | ProgType::CgroupSysctl
            | ProgType::CgroupSockopt => Wants::Cgroup,
            ProgType::Lsm | ProgType::Tracing if attach_type != info.expected_attach_type => {
                return Err(Errno::EINVAL);
            }
            ProgType::Lsm | ProgType::Tracing => match attach {
                AttachType::TraceRawTp => Wants::RawTracepoint,
                AttachType::TraceIter => Wants::Iter,
                AttachType::LsmCgroup => Wants::Cgroup,
                _ => Wants::Func,
            },
            ProgType::FlowDissector | ProgType::SkLookup => Wants::Netns(attach),
            ProgType::SkMsg | ProgType::SkSkb => Wants::Sockmap(attach),
            ProgType::Xdp => Wants::Xdp,
            ProgType::SchedCls => match attach {
                AttachType::TcxIngress => Wants::Tcx { ingress: true },
                AttachType::TcxEgress => Wants::Tcx { ingress: false },
                _ => Wants::Netkit { peer: attach == AttachType::NetkitPeer },
            },
            ProgType::Netfilter => Wants::Netfilter,
            ProgType::PerfEvent | ProgType::Tracepoint => Wants::PerfEvent,
            ProgType::Kprobe => match attach {
                AttachType::TraceKprobeMulti | AttachType::TraceKprobeSession => Wants::KprobeMulti,
                AttachType::TraceUprobeMulti | AttachType::TraceUprobeSession => Wants::UprobeMulti,
                _ => Wants::PerfEvent,
            },
            _ => return Err(Errno::EINVAL),
        };
        Ok((wants, id))
    }
}

impl Sys<'_> {
    /// `BPF_LINK_CREATE`.
    pub(crate) fn link_create(&mut self, create: &LinkCreate) -> Result<Fd, Errno> {
        let (wants, prog) = self.core.link_wants(create.prog, create.attach_type)?;
        match wants {
            Wants::Cgroup => self.link_cgroup(prog, create),
            Wants::Func => self.link_func(prog, create),
            Wants::RawTracepoint => self.link_btf_tracepoint(prog, create),
            Wants::Iter => self.link_iter(prog, create),
            Wants::Netns(attach) => self.link_netns(prog, attach, create),
            Wants::Sockmap(attach) => self.link_sockmap(prog, attach, create),
            Wants::Xdp => self.link_xdp(prog, create),
            Wants::Tcx { ingress } => self.link_tcx(prog, ingress, create),
            Wants::Netkit { peer } => self.link_netkit(prog, peer, create),
            Wants::Netfilter => self.link_netfilter(prog, create),
            Wants::PerfEvent => self.link_perf(prog, create),
            Wants::KprobeMulti => self.link_kprobe_multi(prog, create),
            Wants::UprobeMulti => self.link_uprobe_multi(prog, create),
            Wants::StructOps => self.link_struct_ops(prog, create),
        }
    }
}
