//! What the verifier is given: a program, and what the kernel that is to run it knows.

use std::sync::Arc;

use skep_abi::{AttachType, Errno, KernelVersion, MapType, ProgType};
use skep_btf::{Btf, TypeId};
use skep_isa::Insn;

/// A program as `BPF_PROG_LOAD` gets it.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub prog_type: ProgType,
    /// Where it is to be attached; `None` where the type has no choice (the field is 0).
    pub attach_type: Option<AttachType>,
    /// `prog_flags` (`BPF_F_SLEEPABLE`, `BPF_F_STRICT_ALIGNMENT`, ...).
    pub flags: u32,
    /// Whether its license is compatible with the GPL.
    pub gpl: bool,
    /// The instructions as they were loaded: nothing in them is resolved.
    pub insns: &'a [Insn],
    /// The BTF of the object that it is from.
    pub btf: Option<&'a Arc<Btf>>,
    /// Its functions, by instruction.
    pub funcs: &'a [Func],
    /// Its lines of C, by instruction.
    pub lines: &'a [Line<'a>],
    /// What it attaches to, where the type says so at load time.
    pub attach: Option<Attach<'a>>,
}

/// Where a function begins (`struct bpf_func_info`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Func {
    /// Its first instruction.
    pub slot: u32,
    /// Its `FUNC` type in the program's BTF.
    pub type_id: TypeId,
}

/// The line of C that the instructions from a slot on were made from (`struct bpf_line_info`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// The first instruction.
    pub slot: u32,
    /// The file.
    pub file: &'a str,
    /// The text of the line.
    pub text: &'a str,
    /// Its number, from 1.
    pub line: u32,
    /// The column, from 1; 0: not known.
    pub column: u32,
}

/// What a program attaches to (`attach_btf_id`, with `attach_prog_fd` or `attach_btf_obj_fd`).
#[derive(Clone, Copy, Debug)]
pub struct Attach<'a> {
    /// The BTF that has the target: the kernel's, a module's, or that of another program.
    pub btf: &'a Arc<Btf>,
    /// The target: a function, a typedef of a raw tracepoint, a struct of operations.
    pub id: TypeId,
    /// The program it is in, if it is in one.
    pub prog: Option<Target<'a>>,
    /// Which member of a struct of operations (`expected_attach_type` of struct_ops programs).
    pub member: u32,
}

/// A loaded program that another one attaches to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub prog_type: ProgType,
    /// Its attach type.
    pub attach_type: Option<AttachType>,
    /// Its functions.
    pub funcs: &'a [Func],
    /// Whether it may sleep.
    pub sleepable: bool,
    /// Which of its functions change packet data, by their number.
    pub changes_pkt_data: &'a [bool],
    /// Which of its functions may sleep, by their number.
    pub might_sleep: &'a [bool],
}

/// A map as the verifier sees it.
#[derive(Clone, Debug)]
pub struct MapInfo {
    /// The map type.
    pub kind: MapType,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// How many elements fit.
    pub max_entries: u32,
    /// `BPF_F_*` creation flags.
    pub flags: u32,
    /// Its name.
    pub name: String,
    /// Whether user space can no longer write it (`BPF_MAP_FREEZE`).
    pub frozen: bool,
    /// The BTF of its key and value; `None`: it has none.
    pub btf: Option<Arc<Btf>>,
    /// Type of the key in that BTF; 0: none.
    pub key_type: TypeId,
    /// Type of the value in that BTF; 0: none.
    pub value_type: TypeId,
    /// What inner maps are like.
    pub inner: Option<Box<MapInfo>>,
    /// What tells this map from others: equal for two handles of one map.
    pub handle: u64,
    /// `user_vm_start` and the size in bytes of an arena; zeros for other maps.
    pub arena: (u64, u64),
}

/// What the loader of the program is allowed (capabilities).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caps {
    /// `CAP_BPF` (or `CAP_SYS_ADMIN`).
    pub bpf: bool,
    /// `CAP_PERFMON` (or `CAP_SYS_ADMIN`).
    pub perfmon: bool,
    /// `CAP_NET_ADMIN` (or `CAP_SYS_ADMIN`).
    pub net_admin: bool,
    /// `CAP_SYS_ADMIN`.
    pub sys_admin: bool,
}

impl Caps {
    /// Those that tools run with: `CAP_BPF`, `CAP_PERFMON`, `CAP_NET_ADMIN`.
    pub const DEFAULT: Caps = Caps { bpf: true, perfmon: true, net_admin: true, sys_admin: false };
    /// All, as root has them.
    pub const ALL: Caps = Caps { bpf: true, perfmon: true, net_admin: true, sys_admin: true };
    /// None.
    pub const NONE: Caps = Caps { bpf: false, perfmon: false, net_admin: false, sys_admin: false };
}

/// How to verify.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// `log_level`: 0, or 1 (the path that failed) or 2 (every path), plus 4 (statistics).
    pub log_level: u32,
    /// What the loader is allowed.
    pub caps: Caps,
    /// How many instructions may be processed: 1,000,000 in the kernel.
    pub max_insns: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options { log_level: 1, caps: Caps::DEFAULT, max_insns: 1_000_000 }
    }
}

/// When a verification comes to a part of the request that may be wrong in itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// The descriptors that the loader binds to the program, before all else (`process_fd_array`).
    FdArray,
    /// The records of functions (`check_btf_func_early`).
    FuncInfo,
    /// The records of lines (`check_btf_line`).
    LineInfo,
    /// The CO-RE relocations (`check_core_relo`).
    CoreRelos,
}

/// Why a part of a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// What `BPF_PROG_LOAD` answers.
    pub errno: Errno,
    /// What the log gets, with its line ends; may be empty.
    pub text: String,
}

/// What the kernel knows that is not in the program: the one way by which data comes in. Left as they are, the methods are
/// of a kernel without types, modules and maps.
pub trait Env {
    /// Which kernel it is.
    fn version(&self) -> KernelVersion;

    /// The kernel's BTF; `None`: it was built without.
    fn kernel_btf(&self) -> Option<Arc<Btf>> {
        None
    }

    /// The BTF of a module behind a file descriptor (in the second half of a wide load).
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: there is none.
    fn module_btf(&self, fd: i32) -> Result<(Arc<str>, Arc<Btf>), Errno> {
        let _ = fd;
        Err(Errno::EBADF)
    }

    /// The BTF of a module at an index of `fd_array` (in the offset of a call of a kernel function).
    ///
    /// # Errors
    /// As [`Env::module_btf`]; `EPROTO` without an `fd_array`.
    fn module_btf_at(&self, index: i16) -> Result<(Arc<str>, Arc<Btf>), Errno> {
        let _ = index;
        Err(Errno::EPROTO)
    }

    /// The map behind a file descriptor.
    ///
    /// # Errors
    /// `EBADF`: none is; `EINVAL`: it is no map.
    fn map_by_fd(&self, fd: i32) -> Result<MapInfo, Errno> {
        let _ = fd;
        Err(Errno::EBADF)
    }

    /// The map at an index of `fd_array`.
    ///
    /// # Errors
    /// As [`Env::map_by_fd`]; `EPROTO` without an `fd_array`.
    fn map_by_index(&self, index: i32) -> Result<MapInfo, Errno> {
        let _ = index;
        Err(Errno::EPROTO)
    }

    /// The file descriptor at an index of `fd_array`, for messages; `None`: not to be had.
    fn fd_at(&self, index: i32) -> Option<i32> {
        let _ = index;
        None
    }

    /// The maps that the loader binds to the program whether it uses them or not (`fd_array_cnt`), in order.
    fn bound_maps(&self) -> Vec<MapInfo> {
        Vec::new()
    }

    /// What is wrong with a part of the request that no [`Program`] can show: records of a size that there is none of,
    /// memory that cannot be read. The program has what was good before it.
    ///
    /// # Errors
    /// That.
    fn request(&self, stage: Stage) -> Result<(), Refusal> {
        let _ = stage;
        Ok(())
    }

    /// Bytes of the value of an array of one element, for maps that nobody can write any more; `None`: out of bounds
    /// or not to be had.
    fn map_bytes(&self, map: &MapInfo, off: u32, size: u32) -> Option<u64> {
        let _ = (map, off, size);
        None
    }

    /// Whether the kernel has a helper: it may be built without, or have it switched off (lockdown:
    /// `bpf_probe_write_user`).
    fn has_helper(&self, id: u32) -> bool {
        let _ = id;
        true
    }

    /// How many CPUs the kernel may have (`nr_cpu_ids`).
    fn cpus(&self) -> u32 {
        2
    }

    /// Whether the kernel has this variable or function in its symbol table.
    fn has_symbol(&self, name: &str) -> bool {
        let _ = name;
        true
    }

    /// Whether a function of the kernel may be made to fail (`ALLOW_ERROR_INJECTION`): programs that change what it
    /// returns, or that sleep, may attach to it.
    fn may_inject_errors(&self, function: &str) -> bool {
        let _ = function;
        false
    }
}
