//! Which program types go with which attach types (`kernel/bpf/syscall.c`).

use crate::files::Cap;
use crate::state::Core;
use skep_abi::AttachType::*;
use skep_abi::{AttachType, Errno, ProgType};
use skep_maps::ObjRef;

/// The program type that goes with an attach type (`attach_type_to_prog_type`).
pub(super) fn prog_type_of(attach: AttachType) -> Option<ProgType> {
    Some(match attach {
        CgroupInetIngress | CgroupInetEgress => ProgType::CgroupSkb,
        CgroupInetSockCreate | CgroupInetSockRelease | CgroupInet4PostBind | CgroupInet6PostBind => {
            ProgType::CgroupSock
        }
        CgroupInet4Bind
        | CgroupInet6Bind
        | CgroupInet4Connect
        | CgroupInet6Connect
        | CgroupUnixConnect
        | CgroupInet4Getpeername
        | CgroupInet6Getpeername
        | CgroupUnixGetpeername
        | CgroupInet4Getsockname
        | CgroupInet6Getsockname
        | CgroupUnixGetsockname
        | CgroupUdp4Sendmsg
        | CgroupUdp6Sendmsg
        | CgroupUnixSendmsg
        | CgroupUdp4Recvmsg
        | CgroupUdp6Recvmsg
        | CgroupUnixRecvmsg => ProgType::CgroupSockAddr,
        CgroupSockOps => ProgType::SockOps,
        CgroupDevice => ProgType::CgroupDevice,
        SkMsgVerdict => ProgType::SkMsg,
        SkSkbStreamParser | SkSkbStreamVerdict | SkSkbVerdict => ProgType::SkSkb,
        LircMode2 => ProgType::LircMode2,
        FlowDissector => ProgType::FlowDissector,
        CgroupSysctl => ProgType::CgroupSysctl,
        CgroupGetsockopt | CgroupSetsockopt => ProgType::CgroupSockopt,
        TraceIter | TraceRawTp | TraceFentry | TraceFexit | ModifyReturn => ProgType::Tracing,
        LsmMac | LsmCgroup => ProgType::Lsm,
        SkLookup => ProgType::SkLookup,
        Xdp => ProgType::Xdp,
        TcxIngress | TcxEgress | NetkitPrimary | NetkitPeer => ProgType::SchedCls,
        XdpDevmap
        | XdpCpumap
        | SkReuseportSelect
        | SkReuseportSelectOrMigrate
        | PerfEvent
        | TraceKprobeMulti
        | StructOps
        | Netfilter
        | TraceUprobeMulti
        | TraceKprobeSession
        | TraceUprobeSession => return None,
    })
}

/// Whether programs of a type are attached to cgroups (`is_cgroup_prog_type`); LSM programs are, if they are loaded for it.
pub(super) fn is_cgroup_type(prog_type: ProgType) -> bool {
    matches!(
        prog_type,
        ProgType::CgroupDevice
            | ProgType::CgroupSkb
            | ProgType::CgroupSock
            | ProgType::CgroupSockAddr
            | ProgType::CgroupSockopt
            | ProgType::CgroupSysctl
            | ProgType::SockOps
            | ProgType::Lsm
    )
}

/// How a kprobe program says at load that it is attached to many places: it cannot be attached in another way then.
const MULTI: [AttachType; 4] = [TraceKprobeMulti, TraceKprobeSession, TraceUprobeMulti, TraceUprobeSession];

/// Whether a program may be attached in a way (`bpf_prog_attach_check_attach_type`).
///
/// # Errors
/// `EINVAL`: it may not. `EPERM`: unprivileged users can load packet filters of cgroups, but not attach them.
pub(super) fn check(core: &Core, prog: ObjRef, attach_type: u32) -> Result<(), Errno> {
    let info = &core.objects.prog(prog).ok_or(Errno::EINVAL)?.info;
    let expected = info.expected_attach_type;
    let attach = AttachType::from_u32(attach_type);
    let fits = match info.prog_type {
        ProgType::CgroupSock | ProgType::CgroupSockAddr | ProgType::CgroupSockopt | ProgType::SkLookup => {
            attach_type == expected
        }
        ProgType::CgroupSkb => {
            if !core.capable(Cap::NetAdmin) {
                return Err(Errno::EPERM);
            }
            // Not here: one that was loaded for egress and answers more than 0 and 1 is for egress alone
            // (`enforce_expected_attach_type`); only the verifier knows what it answers.
            attach.and_then(prog_type_of) == Some(ProgType::CgroupSkb)
        }
        ProgType::Ext => true,
        ProgType::Netfilter => attach == Some(Netfilter),
        ProgType::PerfEvent | ProgType::Tracepoint => attach == Some(PerfEvent),
        ProgType::Kprobe => match attach {
            Some(attach) => {
                let bound = MULTI.iter().any(|it| it.to_u32() == expected);
                (attach == PerfEvent || MULTI.contains(&attach)) && (!bound || attach_type == expected)
            }
            None => false,
        },
        ProgType::SchedCls => {
            matches!(attach, Some(TcxIngress | TcxEgress | NetkitPrimary | NetkitPeer))
        }
        other => attach.and_then(prog_type_of) == Some(other),
    };
    if fits { Ok(()) } else { Err(Errno::EINVAL) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_type_that_is_attached_has_an_attach_type() {
        let without = [
            ProgType::SocketFilter,
            ProgType::Kprobe,
            ProgType::SchedAct,
            ProgType::Tracepoint,
            ProgType::PerfEvent,
            ProgType::LwtIn,
            ProgType::LwtOut,
            ProgType::LwtXmit,
            ProgType::RawTracepoint,
            ProgType::LwtSeg6local,
            ProgType::SkReuseport,
            ProgType::RawTracepointWritable,
            ProgType::StructOps,
            ProgType::Ext,
            ProgType::Syscall,
            ProgType::Netfilter,
        ];
        for &prog_type in ProgType::ALL {
            let has = AttachType::ALL.iter().any(|it| prog_type_of(*it) == Some(prog_type));
            assert_eq!(has, !without.contains(&prog_type), "{prog_type}");
        }
    }

    #[test]
    fn cgroup_attach_types_are_of_cgroup_programs() {
        for &attach in AttachType::ALL {
            let of_cgroups = attach.name().starts_with("cgroup_") || attach == LsmCgroup;
            let prog_type = prog_type_of(attach);
            assert_eq!(prog_type.is_some_and(is_cgroup_type), of_cgroups || attach == LsmMac, "{attach}");
        }
    }
}
