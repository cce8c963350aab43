//! Whether a program may call a helper at all, by its type and attach type.

use super::{Helper, func, sets};
use crate::AttachType::{self, *};
use crate::{KernelVersion, ProgType};

/// What the one who loads the program has to be allowed for a helper, beside what the program type needs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Need {
    /// Nothing more.
    Nothing,
    /// `CAP_BPF`.
    Bpf,
    /// `CAP_PERFMON`.
    Perfmon,
}

/// Helpers that belong together.
pub(super) struct Set {
    pub(super) need: Need,
    /// The first kernel that has the set, if not all that have the helpers.
    pub(super) since: Option<KernelVersion>,
    /// The first kernel that no longer has it.
    pub(super) before: Option<KernelVersion>,
    pub(super) helpers: &'static [u32],
}

impl Helper {
    /// Whether programs of this type and attach type may call the helper on this kernel, and what their loader needs
    /// for it; `None`: the kernel answers "program of this type cannot use helper".
    ///
    /// True to Linux 6.12 and 6.18. For older kernels it is what 6.12 does with the helpers that were there. Of what a
    /// struct_ops program's struct adds (such as `setsockopt` for TCP congestion control) nothing is known here, and
    /// of extension programs nothing at all: they have what the program has that they extend. That a helper sleeps,
    /// or is for GPL-compatible programs, is in its prototype.
    ///
    /// ```
    /// use skep_abi::helpers::{Need, helper_by_name};
    /// use skep_abi::{KernelVersion, ProgType};
    ///
    /// let redirect = helper_by_name("redirect_map").ok_or("no such helper")?;
    /// let linux = KernelVersion::new(6, 12);
    /// assert_eq!(redirect.allowed(ProgType::Xdp, None, linux), Some(Need::Nothing));
    /// assert_eq!(redirect.allowed(ProgType::Kprobe, None, linux), None);
    /// # Ok::<(), &str>(())
    /// ```
    pub fn allowed(&self, prog: ProgType, attach: Option<AttachType>, kernel: KernelVersion) -> Option<Need> {
        if kernel < self.since || is_denied(self.id, prog, attach, kernel) {
            return None;
        }
        let sets = sets::sets(prog)?.iter().copied().flatten();
        let has = |set: &&&Set| {
            set.since.is_none_or(|since| kernel >= since)
                && set.before.is_none_or(|before| kernel < before)
                && set.helpers.contains(&self.id)
        };
        let mut found = sets.into_iter().filter(has);
        let first = found.next()?;
        // What a newer kernel has for all programs that trace it no longer has for some of them.
        let moved = found.find(|set| set.since.is_some() && set.need == Need::Perfmon);
        Some(moved.map_or(first.need, |set| set.need))
    }
}

/// Helpers that a program type has only at some attach types.
fn is_denied(id: u32, prog: ProgType, attach: Option<AttachType>, kernel: KernelVersion) -> bool {
    // To the kernel no attach type is the first, but for this type (`bpf_prog_load_fixup_attach_type`).
    let attach = attach.unwrap_or(match prog {
        ProgType::CgroupSock => CgroupInetSockCreate,
        _ => CgroupInetIngress,
    });
    match id {
        func::get_retval | func::set_retval => has_no_retval(attach),
        func::bind => !matches!(attach, CgroupInet4Connect | CgroupInet6Connect),
        func::setsockopt | func::getsockopt => match prog {
            ProgType::CgroupSockopt => attach != CgroupSetsockopt,
            ProgType::Lsm => attach != LsmCgroup,
            ProgType::CgroupSockAddr => {
                matches!(attach, CgroupUnixGetpeername | CgroupUnixGetsockname)
                    && kernel < KernelVersion::new(6, 18)
            }
            _ => false,
        },
        func::seq_printf | func::seq_write | func::seq_printf_btf => attach != TraceIter,
        func::get_func_arg | func::get_func_ret | func::get_func_arg_cnt => !has_trampoline(prog, attach),
        func::get_attach_cookie if matches!(prog, ProgType::Tracing | ProgType::Lsm | ProgType::Syscall) => {
            !(has_trampoline(prog, attach) || prog == ProgType::Tracing && attach == TraceRawTp)
        }
        func::skb_pull_data => prog == ProgType::LwtSeg6local && kernel < KernelVersion::new(6, 18),
        _ => false,
    }
}

/// `cgroup_common_func_proto` of `kernel/bpf/cgroup.c`: hooks whose return value nobody looks at.
fn has_no_retval(attach: AttachType) -> bool {
    matches!(
        attach,
        CgroupInetIngress
            | CgroupInetEgress
            | CgroupSockOps
            | CgroupUdp4Recvmsg
            | CgroupUdp6Recvmsg
            | CgroupUnixRecvmsg
            | CgroupInet4Getpeername
            | CgroupInet6Getpeername
            | CgroupUnixGetpeername
            | CgroupInet4Getsockname
            | CgroupInet6Getsockname
            | CgroupUnixGetsockname
    )
}

/// `bpf_prog_has_trampoline` of `kernel/bpf/trampoline.c`.
fn has_trampoline(prog: ProgType, attach: AttachType) -> bool {
    match prog {
        ProgType::Tracing => matches!(attach, TraceFentry | TraceFexit | ModifyReturn),
        ProgType::Lsm => attach == LsmMac,
        _ => false,
    }
}
