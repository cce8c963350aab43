//! Where a program is attached.

use skep_abi::AttachType;
use std::fmt;

/// What a program is attached to, as its section or its loader says.
///
/// ```
/// use skep_kernel::Target;
///
/// let target = Target::Kprobe { func: "do_unlinkat".to_owned(), offset: 0, ret: true };
/// assert_eq!(target.to_string(), "kretprobe/do_unlinkat");
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub enum Target {
    /// Nothing is said beyond the program's type, or it is left to whoever attaches the program.
    #[default]
    Unsaid,
    /// A kernel function.
    Kprobe {
        /// Its name.
        func: String,
        /// Bytes from its start; 0 is its entry.
        offset: u64,
        /// Its return.
        ret: bool,
    },
    /// All kernel functions that match a pattern.
    KprobeMulti {
        /// Their names; `*` and `?` stand for any text and any character.
        pattern: String,
        /// Their returns.
        ret: bool,
    },
    /// All kernel functions that match a pattern, both on entry and on return.
    KprobeSession {
        /// Their names.
        pattern: String,
    },
    /// A function of a program or library.
    Uprobe {
        /// The file, or a library's name.
        binary: String,
        /// The function's name; a pattern if `multi`. Empty: the offset is one into the file.
        func: String,
        /// Bytes from its start.
        offset: u64,
        /// Its return.
        ret: bool,
        /// Attached through a multi link.
        multi: bool,
    },
    /// A statically defined probe of a program or library.
    Usdt {
        /// The file, or a library's name.
        binary: String,
        /// The probe's provider.
        provider: String,
        /// The probe's name.
        name: String,
    },
    /// The kernel's handler of a system call.
    Syscall {
        /// The system call's name, without any prefix: `openat`.
        name: String,
        /// Its return.
        ret: bool,
    },
    /// A tracepoint's record.
    Tracepoint {
        /// The subsystem: `sched`, `syscalls`.
        category: String,
        /// The event.
        name: String,
    },
    /// A tracepoint's arguments.
    RawTracepoint {
        /// The event.
        name: String,
    },
    /// Something that the kernel's types name: a function, a hook, a tracepoint or an iterator.
    Btf {
        /// How it is attached: `TraceRawTp`, `TraceFentry`, `TraceFexit`, `ModifyReturn`, `LsmMac`, `LsmCgroup`,
        /// `TraceIter`.
        attach: AttachType,
        /// Its name without prefix: the function's, the hook's, the event's, the iterator's.
        name: String,
        /// Its type's id in `module`'s BTF or the kernel's: with a prefix where there is one (`bpf_lsm_file_open`).
        id: u32,
        /// The module whose it is.
        module: Option<String>,
    },
    /// A member of a struct of functions that the kernel calls.
    StructOps {
        /// The struct: `tcp_congestion_ops`.
        ops: String,
        /// The member.
        member: String,
        /// The struct's type in the kernel's types.
        id: u32,
        /// The member's number.
        index: u32,
    },
    /// A function of another program.
    Freplace {
        /// The function.
        func: String,
    },
}

impl Target {
    /// The word for how it is attached, as sections begin: `"kprobe"`.
    pub fn kind(&self) -> &'static str {
        let of_return = |ret: bool, entry: &'static str, exit: &'static str| if ret { exit } else { entry };
        match self {
            Target::Unsaid => "",
            Target::Kprobe { ret, .. } => of_return(*ret, "kprobe", "kretprobe"),
            Target::KprobeMulti { ret, .. } => of_return(*ret, "kprobe.multi", "kretprobe.multi"),
            Target::KprobeSession { .. } => "kprobe.session",
            Target::Uprobe { ret, multi: false, .. } => of_return(*ret, "uprobe", "uretprobe"),
            Target::Uprobe { ret, multi: true, .. } => of_return(*ret, "uprobe.multi", "uretprobe.multi"),
            Target::Usdt { .. } => "usdt",
            Target::Syscall { ret, .. } => of_return(*ret, "ksyscall", "kretsyscall"),
            Target::Tracepoint { .. } => "tracepoint",
            Target::RawTracepoint { .. } => "raw_tp",
            Target::Btf { attach, .. } => match attach {
                AttachType::TraceRawTp => "tp_btf",
                AttachType::TraceFentry => "fentry",
                AttachType::TraceFexit => "fexit",
                AttachType::ModifyReturn => "fmod_ret",
                AttachType::LsmMac => "lsm",
                AttachType::LsmCgroup => "lsm_cgroup",
                AttachType::TraceIter => "iter",
                other => other.name(),
            },
            Target::StructOps { .. } => "struct_ops",
            Target::Freplace { .. } => "freplace",
        }
    }

    /// Whether it is a return, of which the arguments are gone.
    pub fn is_return(&self) -> bool {
        match self {
            Target::Kprobe { ret, .. }
            | Target::KprobeMulti { ret, .. }
            | Target::Uprobe { ret, .. }
            | Target::Syscall { ret, .. } => *ret,
            _ => false,
        }
    }
}

impl fmt::Display for Target {
    /// As a section says it: `kprobe/do_unlinkat+0x10`, `usdt/libc.so.6:libc:setjmp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Target::Unsaid => f.write_str("no target"),
            Target::Kprobe { func, offset: 0, .. } => write!(f, "{kind}/{func}"),
            Target::Kprobe { func, offset, .. } => write!(f, "{kind}/{func}+{offset:#x}"),
            Target::KprobeMulti { pattern, .. } | Target::KprobeSession { pattern } => {
                write!(f, "{kind}/{pattern}")
            }
            Target::Uprobe { binary, func, offset: 0, .. } => write!(f, "{kind}/{binary}:{func}"),
            Target::Uprobe { binary, func, offset, .. } => write!(f, "{kind}/{binary}:{func}+{offset:#x}"),
            Target::Usdt { binary, provider, name } => write!(f, "{kind}/{binary}:{provider}:{name}"),
            Target::Syscall { name, .. } | Target::RawTracepoint { name } => write!(f, "{kind}/{name}"),
            Target::Tracepoint { category, name } => write!(f, "{kind}/{category}/{name}"),
            Target::Btf { name, module: None, .. } => write!(f, "{kind}/{name}"),
            Target::Btf { name, module: Some(module), .. } => write!(f, "{kind}/{module}:{name}"),
            Target::StructOps { ops, member, .. } => write!(f, "{kind}/{ops}.{member}"),
            Target::Freplace { func } => write!(f, "{kind}/{func}"),
        }
    }
}
