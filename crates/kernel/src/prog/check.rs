//! What `BPF_PROG_LOAD` checks before it looks at instructions (`bpf_prog_load`, `kernel/bpf/syscall.c`).

use super::ProgLoad;
use crate::report::LoadError;
use skep_abi::flags::*;
use skep_abi::uapi::BPF_COMPLEXITY_LIMIT_INSNS;
use skep_abi::{AttachType, Errno, ProgType};
use skep_verifier::Caps;

/// `BPF_MAXINSNS`.
const UNPRIVILEGED_INSNS: usize = 4096;

/// The flags that Linux 6.18 knows.
const KNOWN_FLAGS: u32 = BPF_F_STRICT_ALIGNMENT
    | BPF_F_ANY_ALIGNMENT
    | BPF_F_TEST_STATE_FREQ
    | BPF_F_SLEEPABLE
    | BPF_F_TEST_RND_HI32
    | BPF_F_XDP_HAS_FRAGS
    | BPF_F_XDP_DEV_BOUND_ONLY
    | BPF_F_TEST_REG_INVARIANTS
    | BPF_F_TOKEN_FD;

/// The licenses that GPL-only helpers accept (`license_is_gpl_compatible`, `include/linux/license.h`).
const GPL_COMPATIBLE: [&str; 6] =
    ["GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"];

/// Whether a license lets a program use helpers for GPL programs. `bpf(2)` reads 127 bytes of it.
pub(crate) fn is_gpl_compatible(license: &str) -> bool {
    GPL_COMPATIBLE.contains(&license)
}

/// Whether there are no flags that the kernel does not know.
pub(crate) const fn knows_flags(flags: u32) -> bool {
    flags & !KNOWN_FLAGS == 0
}

/// Who may load a program at all. Of a type that there is none of, only whether it is for everybody is known.
///
/// # Errors
/// `E2BIG`: no instructions, or too many. `EPERM`: not this caller.
pub(crate) fn may_load(prog_type: Option<ProgType>, insns: usize, caps: Caps) -> Result<(), Errno> {
    use ProgType::*;
    let most = if caps.bpf { BPF_COMPLEXITY_LIMIT_INSNS } else { UNPRIVILEGED_INSNS };
    if insns == 0 || insns > most {
        return Err(Errno::E2BIG);
    }
    let for_all = matches!(prog_type, Some(SocketFilter | CgroupSkb));
    let for_tracing = matches!(
        prog_type,
        Some(
            Kprobe
                | Tracepoint
                | PerfEvent
                | RawTracepoint
                | RawTracepointWritable
                | Tracing
                | Lsm
                | StructOps
                | Ext
        )
    );
    let for_net = !for_all
        && !matches!(prog_type, None | Some(SkReuseport | Syscall))
        && (!for_tracing || prog_type == Some(Ext));
    if !for_all && !caps.bpf || for_net && !caps.net_admin || for_tracing && !caps.perfmon {
        return Err(Errno::EPERM);
    }
    Ok(())
}

/// The attach type to load with: types that had none once take 0 for the one they had then
/// (`bpf_prog_load_fixup_attach_type`).
pub(crate) fn attach_type(prog_type: Option<ProgType>, given: u32) -> u32 {
    match (prog_type, given) {
        (Some(ProgType::CgroupSock), 0) => AttachType::CgroupInetSockCreate.to_u32(),
        (Some(ProgType::SkReuseport), 0) => AttachType::SkReuseportSelect.to_u32(),
        (_, given) => given,
    }
}

/// Flags, size and attach type, in the kernel's order. Answers the attach type to load with.
pub(super) fn front(load: &ProgLoad) -> Result<u32, LoadError> {
    let refused = |errno, message: String| Err(LoadError::rejected(errno, None, message));
    if load.flags & !KNOWN_FLAGS != 0 {
        return refused(Errno::EINVAL, format!("unknown program flags {:#x}", load.flags & !KNOWN_FLAGS));
    }
    let count = load.insns.len();
    if count == 0 || count > BPF_COMPLEXITY_LIMIT_INSNS {
        let text = format!("a program has 1 to {BPF_COMPLEXITY_LIMIT_INSNS} instructions, not {count}");
        return refused(Errno::E2BIG, text);
    }
    let attach = attach_type(Some(load.prog_type), load.expected_attach_type);
    if !attaches(load.prog_type, attach) {
        let name = AttachType::from_u32(attach).map_or_else(|| attach.to_string(), |it| it.name().to_owned());
        let text = format!("{} programs have no attach type {name}", load.prog_type.name());
        return refused(Errno::EINVAL, text);
    }
    Ok(attach)
}

/// Whether a program type has an attach type (`bpf_prog_load_check_attach`). Most types do not look at it.
pub(crate) fn attaches(prog_type: ProgType, attach: u32) -> bool {
    use AttachType::*;
    let allowed: &[AttachType] = match prog_type {
        ProgType::CgroupSock => {
            &[CgroupInetSockCreate, CgroupInetSockRelease, CgroupInet4PostBind, CgroupInet6PostBind]
        }
        ProgType::CgroupSockAddr => &[
            CgroupInet4Bind,
            CgroupInet6Bind,
            CgroupInet4Connect,
            CgroupInet6Connect,
            CgroupUnixConnect,
            CgroupInet4Getpeername,
            CgroupInet6Getpeername,
            CgroupUnixGetpeername,
            CgroupInet4Getsockname,
            CgroupInet6Getsockname,
            CgroupUnixGetsockname,
            CgroupUdp4Sendmsg,
            CgroupUdp6Sendmsg,
            CgroupUnixSendmsg,
            CgroupUdp4Recvmsg,
            CgroupUdp6Recvmsg,
            CgroupUnixRecvmsg,
        ],
        ProgType::CgroupSkb => &[CgroupInetIngress, CgroupInetEgress],
        ProgType::CgroupSockopt => &[CgroupSetsockopt, CgroupGetsockopt],
        ProgType::SkLookup => &[SkLookup],
        ProgType::SkReuseport => &[SkReuseportSelect, SkReuseportSelectOrMigrate],
        ProgType::Netfilter => &[Netfilter],
        ProgType::Syscall | ProgType::Ext => return attach == 0,
        _ => return true,
    };
    allowed.iter().any(|it| it.to_u32() == attach)
}
