//! What return values mean, by program type, and which of them the kernel lets a program return.

use crate::prog::ProgInfo;
use skep_abi::{AttachType, Errno, ProgType, ret_code, sk, tc, xdp};
use std::ops::RangeInclusive;

/// The name of a return value.
pub(crate) fn name(prog_type: ProgType, attach: Option<AttachType>, r0: u64) -> Option<&'static str> {
    use ProgType::*;
    let value = r0 as u32;
    match prog_type {
        Xdp => xdp::name(value),
        SchedCls | SchedAct => tc::name(value as i32),
        SkMsg | SkSkb | SkLookup | SkReuseport => sk::name(value),
        LwtIn | LwtOut | LwtXmit | LwtSeg6local | FlowDissector => ret_code::name(value),
        Netfilter => ["NF_DROP", "NF_ACCEPT"].get(value as usize).copied(),
        CgroupSkb | CgroupSock | CgroupSockAddr | CgroupDevice | CgroupSysctl | CgroupSockopt => {
            Some(if value & 1 == 1 { "allow" } else { "deny" })
        }
        Lsm if attach == Some(AttachType::LsmCgroup) => Some(if value == 1 { "allow" } else { "deny" }),
        Lsm => match value as i32 {
            0 => Some("allow"),
            error @ -4095..0 => Some(Errno::from_code(-error)?.name()),
            _ => None,
        },
        _ => None,
    }
}

/// What a program may return where its verifier looks at that (`check_return_code` in `kernel/bpf/verifier.c`).
/// `void`: what it is attached to returns nothing.
pub(crate) fn range(info: &ProgInfo, void: bool) -> Option<RangeInclusive<i64>> {
    use AttachType::*;
    let attach = AttachType::from_u32(info.expected_attach_type);
    match info.prog_type {
        ProgType::CgroupSockAddr => Some(match attach {
            Some(
                CgroupUdp4Recvmsg
                | CgroupUdp6Recvmsg
                | CgroupUnixRecvmsg
                | CgroupInet4Getpeername
                | CgroupInet6Getpeername
                | CgroupUnixGetpeername
                | CgroupInet4Getsockname
                | CgroupInet6Getsockname
                | CgroupUnixGetsockname,
            ) => 1..=1,
            Some(CgroupInet4Bind | CgroupInet6Bind) => 0..=3,
            _ => 0..=1,
        }),
        ProgType::CgroupSkb if attach == Some(CgroupInetEgress) => Some(0..=3),
        ProgType::CgroupSkb
        | ProgType::CgroupSock
        | ProgType::SockOps
        | ProgType::CgroupDevice
        | ProgType::CgroupSysctl
        | ProgType::CgroupSockopt
        | ProgType::SkLookup
        | ProgType::Netfilter => Some(0..=1),
        ProgType::Tracing => match attach {
            Some(TraceFentry | TraceFexit) => Some(0..=0),
            Some(TraceIter) => Some(0..=1),
            _ => None,
        },
        ProgType::Kprobe if attach == Some(TraceKprobeSession) => Some(0..=1),
        ProgType::Lsm => match (attach, void) {
            (Some(LsmCgroup), true) => Some(1..=1),
            (Some(LsmCgroup), false) => Some(0..=1),
            (_, true) => None,
            (_, false) => Some(-4095..=0),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_have_names() {
        let known = [
            (ProgType::Xdp, 2, Some("XDP_PASS")),
            (ProgType::SchedCls, 0xffff_ffff, Some("TC_ACT_UNSPEC")),
            (ProgType::SkMsg, 0, Some("SK_DROP")),
            (ProgType::CgroupSockAddr, 1, Some("allow")),
            (ProgType::CgroupDevice, 0, Some("deny")),
            (ProgType::Lsm, 0, Some("allow")),
            (ProgType::Lsm, -1i64 as u64, Some("EPERM")),
            (ProgType::Lsm, 0xffff_fff3, Some("EACCES")),
            (ProgType::Lsm, 1, None),
            (ProgType::Netfilter, 1, Some("NF_ACCEPT")),
            (ProgType::Kprobe, 0, None),
        ];
        for (prog_type, r0, expected) in known {
            assert_eq!(name(prog_type, None, r0), expected, "{prog_type} {r0:#x}");
        }
    }
}
