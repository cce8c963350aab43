//! Kernel functions that programs may call (kfuncs): one row each.
//!
//! Their prototypes are in the kernel's BTF. What is not there, is here: flags, and which programs may call them.
//!
//! ```
//! use skep_abi::kfuncs::{self, Caller, flags};
//! use skep_abi::ProgType;
//!
//! let acquire = kfuncs::allowed("bpf_task_acquire", Caller::of(ProgType::SchedCls)).unwrap();
//! assert!(acquire.has(flags::ACQUIRE | flags::RET_NULL));
//! assert!(kfuncs::allowed("bpf_task_acquire", Caller::of(ProgType::SocketFilter)).is_none());
//! ```

mod table;

use std::sync::OnceLock;

use crate::{AttachType, KernelVersion, ProgType};

/// `KF_*`: what the verifier has to know of a kernel function. The numbers are the kernel's (`linux/btf.h`).
#[expect(missing_docs, reason = "KF_ACQUIRE and so on, one to one")]
pub mod flags {
    pub const ACQUIRE: u32 = 1 << 0;
    pub const RELEASE: u32 = 1 << 1;
    pub const RET_NULL: u32 = 1 << 2;
    pub const TRUSTED_ARGS: u32 = 1 << 4;
    pub const SLEEPABLE: u32 = 1 << 5;
    pub const DESTRUCTIVE: u32 = 1 << 6;
    pub const RCU: u32 = 1 << 7;
    pub const ITER_NEW: u32 = 1 << 8;
    pub const ITER_NEXT: u32 = 1 << 9;
    pub const ITER_DESTROY: u32 = 1 << 10;
    pub const RCU_PROTECTED: u32 = 1 << 11;
    pub const FASTCALL: u32 = 1 << 12;
    pub const ARENA_RET: u32 = 1 << 13;
    pub const ARENA_ARG1: u32 = 1 << 14;
    pub const ARENA_ARG2: u32 = 1 << 15;
}

/// A group of program types that functions are registered for (`enum btf_kfunc_hook`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "BTF_KFUNC_HOOK_*, one to one")]
pub enum Hook {
    Common,
    Xdp,
    Tc,
    StructOps,
    Tracing,
    Syscall,
    Cgroup,
    SchedAct,
    SkSkb,
    SocketFilter,
    Lwt,
    Netfilter,
    Kprobe,
}

impl Hook {
    /// The group of a program type; `None`: it has none of its own (`bpf_prog_type_to_kfunc_hook`).
    pub const fn of(ty: ProgType) -> Option<Hook> {
        Some(match ty {
            ProgType::Xdp => Hook::Xdp,
            ProgType::SchedCls => Hook::Tc,
            ProgType::StructOps => Hook::StructOps,
            ProgType::Tracing | ProgType::Tracepoint | ProgType::PerfEvent | ProgType::Lsm => Hook::Tracing,
            ProgType::Syscall => Hook::Syscall,
            ProgType::CgroupSkb
            | ProgType::CgroupSock
            | ProgType::CgroupDevice
            | ProgType::CgroupSockAddr
            | ProgType::CgroupSockopt
            | ProgType::CgroupSysctl
            | ProgType::SockOps => Hook::Cgroup,
            ProgType::SchedAct => Hook::SchedAct,
            ProgType::SkSkb => Hook::SkSkb,
            ProgType::SocketFilter => Hook::SocketFilter,
            ProgType::LwtIn | ProgType::LwtOut | ProgType::LwtXmit | ProgType::LwtSeg6local => Hook::Lwt,
            ProgType::Netfilter => Hook::Netfilter,
            ProgType::Kprobe => Hook::Kprobe,
            _ => return None,
        })
    }
}

/// Which programs of the hooks of a set may call its functions (`filter` of `struct btf_kfunc_id_set`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Only {
    /// Security modules.
    Lsm,
    /// Iterators.
    Iter,
    /// Sessions of kprobes and uprobes.
    Session,
    /// Members of `struct Qdisc_ops`.
    Qdisc,
    /// Members of `struct sched_ext_ops`.
    Scx,
}

/// A kernel function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kfunc {
    /// Its name.
    pub name: &'static str,
    /// Its [`flags`].
    pub flags: u32,
    /// The first kernel that has it.
    pub since: KernelVersion,
}

impl Kfunc {
    const fn new(name: &'static str, flags: u32, major: u16, minor: u16) -> Kfunc {
        Kfunc { name, flags, since: KernelVersion::new(major, minor) }
    }

    /// Whether it has all of these flags.
    pub const fn has(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }
}

/// Functions that the same programs may call.
#[derive(Clone, Copy, Debug)]
struct Set {
    hooks: &'static [Hook],
    only: Option<Only>,
    funcs: &'static [Kfunc],
}

/// Who calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caller<'a> {
    /// The type of the program; of an extension, that of its target.
    pub prog_type: ProgType,
    /// Its attach type.
    pub attach_type: Option<AttachType>,
    /// The struct that it is an operation of.
    pub struct_ops: &'a str,
}

impl Caller<'_> {
    /// A program of which nothing but the type is known.
    pub const fn of(prog_type: ProgType) -> Caller<'static> {
        Caller { prog_type, attach_type: None, struct_ops: "" }
    }

    fn passes(&self, only: Only) -> bool {
        match only {
            Only::Lsm => self.prog_type == ProgType::Lsm,
            Only::Iter => self.attach_type == Some(AttachType::TraceIter),
            Only::Session => matches!(
                self.attach_type,
                Some(AttachType::TraceKprobeSession | AttachType::TraceUprobeSession)
            ),
            Only::Qdisc => self.struct_ops == "Qdisc_ops",
            Only::Scx => self.struct_ops == "sched_ext_ops",
        }
    }
}

impl Set {
    fn allows(&self, caller: &Caller<'_>) -> bool {
        let hook = |it: &Hook| *it == Hook::Common || Some(*it) == Hook::of(caller.prog_type);
        self.hooks.iter().any(hook) && self.only.is_none_or(|only| caller.passes(only))
    }
}

/// All rows by name, those of one function in the order of the sets.
fn by_name() -> &'static [(&'static Kfunc, &'static Set)] {
    static ROWS: OnceLock<Vec<(&'static Kfunc, &'static Set)>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let rows = table::SETS.iter().flat_map(|set| set.funcs.iter().map(move |it| (it, set)));
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by_key(|(it, _)| it.name);
        rows
    })
}

fn rows(name: &str) -> impl Iterator<Item = (&'static Kfunc, &'static Set)> {
    let all = by_name();
    let first = all.partition_point(|(it, _)| it.name < name);
    all[first..].iter().copied().take_while(move |(it, _)| it.name == name)
}

/// A kernel function by its name, whoever calls it; `None`: Linux 6.18 has none of this name.
pub fn find(name: &str) -> Option<&'static Kfunc> {
    rows(name).next().map(|(it, _)| it)
}

/// A kernel function that a program may call; `None`: it may not, or there is none of this name.
pub fn allowed(name: &str, caller: Caller<'_>) -> Option<&'static Kfunc> {
    rows(name).find(|(_, set)| set.allows(&caller)).map(|(it, _)| it)
}

/// All kernel functions, each with the groups of programs that may call it, by name.
pub fn all() -> impl Iterator<Item = (&'static Kfunc, &'static [Hook])> {
    by_name().iter().map(|(it, set)| (*it, set.hooks))
}
