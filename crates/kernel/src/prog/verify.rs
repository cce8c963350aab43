//! The seam to a verifier.

use super::{FuncInfo, LineInfo, ProgInfo};
use crate::types::{MapTypes, TargetBtf};
use skep_abi::{Errno, ProgType};
use skep_btf::{Btf, TypeId};
use skep_isa::Insn;
use skep_isa::facts::Facts;
use skep_maps::MapSpec;
use skep_verifier::{Caps, LogExtent, Refusal, Stage};
use std::sync::Arc;

/// A program as a verifier sees it: before anything in it was resolved.
#[derive(Clone, Copy, Debug)]
pub struct ProgView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub prog_type: ProgType,
    /// Where it is to be attached; 0 where the type has no choice. Of a struct_ops program: the member's number.
    pub expected_attach_type: u32,
    /// `prog_flags`.
    pub flags: u32,
    /// Whether its license lets it use helpers for GPL programs.
    pub gpl_compatible: bool,
    /// The instructions as they were loaded: maps by fd, kernel symbols and functions by BTF id.
    pub insns: &'a [Insn],
    /// The maps it uses, each once, in the order of first use.
    pub maps: &'a [MapView<'a>],
    /// The wide loads that name maps: their slots, ascending, and places in `maps`.
    pub map_uses: &'a [(usize, usize)],
    /// Which line of C each instruction was made from, by ascending slot.
    pub lines: &'a [LineInfo],
    /// Where functions begin, by ascending slot, and their types.
    pub funcs: &'a [FuncInfo],
    /// Its own types.
    pub btf: Option<&'a Arc<Btf>>,
    /// The kernel's types.
    pub kernel: Option<&'a TargetBtf>,
    /// What its loader could not resolve, by ascending slot, and what to say of it: calls of helpers that there are none
    /// of, in the place of what was there.
    pub poisoned: &'a [(usize, Arc<str>)],
    /// The kernel's modules whose fds it names.
    pub modules: &'a [ModuleView<'a>],
    /// `fd_array`: calls of modules' functions and wide loads have places in it.
    pub fd_array: &'a [i32],
    /// Descriptors that it names maps by and that are of something else, in no order.
    pub other_fds: &'a [i32],
    /// What it is attached to.
    pub attach: AttachView<'a>,
    /// How user space wants it verified; nothing where nobody asked.
    pub asked: Option<&'a Asked>,
}

/// What `bpf(2)` says of a verification beside the program.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `log_level`.
    pub log_level: u32,
    /// What the caller may do.
    pub caps: Option<Caps>,
    /// The first entries of `fd_array` are there to be bound to the program (`fd_array_cnt`).
    pub bound: usize,
    /// What is wrong with the request, by when a verifier says so.
    pub refusals: Vec<(Stage, Refusal)>,
}

impl<'a> ProgView<'a> {
    /// The map that the wide load at a slot names.
    pub fn map_at(&self, slot: usize) -> Option<&'a MapView<'a>> {
        let at = self.map_uses.binary_search_by_key(&slot, |it| it.0).ok()?;
        self.maps.get(self.map_uses.get(at)?.1)
    }

    /// The function that begins at a slot.
    pub fn func_at(&self, slot: usize) -> Option<&'a FuncInfo> {
        let at = self.funcs.binary_search_by_key(&slot, |it| it.slot).ok()?;
        self.funcs.get(at)
    }

    /// The line of C that the instruction at a slot was made from.
    pub fn line_at(&self, slot: usize) -> Option<&'a LineInfo> {
        super::lines::at(self.lines, slot, |it| it.slot)
    }

    /// The types that a kfunc call's BTF id is of, by its `off`: 0 the kernel's, others a place in `fd_array`.
    pub fn kfunc_types(&self, off: i16) -> Option<&'a Arc<Btf>> {
        match off {
            0 => self.kernel.map(|it| &it.vmlinux),
            _ => self.types_of_fd(*self.fd_array.get(usize::try_from(off).ok()?)?),
        }
    }

    /// The types that the BTF id of a wide load is of, by the fd in its second slot: 0 the kernel's.
    pub fn symbol_types(&self, fd: i32) -> Option<&'a Arc<Btf>> {
        match fd {
            0 => self.kernel.map(|it| &it.vmlinux),
            _ => self.types_of_fd(fd),
        }
    }

    fn types_of_fd(&self, fd: i32) -> Option<&'a Arc<Btf>> {
        self.modules.iter().find(|it| it.fd == fd).map(|it| it.btf)
    }
}

/// A map as a verifier sees it.
#[derive(Clone, Debug)]
pub struct MapView<'a> {
    /// The slot of the first wide load that names it; 0 if it is bound.
    pub slot: usize,
    /// Its number: two maps of a kernel have different ones.
    pub id: u32,
    /// What it was made from; `inner` is what the inner maps of a map of maps are like.
    pub spec: &'a MapSpec,
    /// The types of its keys and values.
    pub types: Option<&'a MapTypes>,
    /// It belongs to the program whether that uses it or not.
    pub bound: bool,
    /// Its only value, if nobody can change it any more (`bpf_map_is_rdonly`): loads from it are numbers.
    pub constant: Option<Vec<u8>>,
    /// It is an arena of which nobody knows yet where in user space it is: neither `map_extra` nor a mapping said so.
    pub unplaced: bool,
}

/// A module of the kernel whose types a program has an fd of.
#[derive(Clone, Copy, Debug)]
pub struct ModuleView<'a> {
    /// The fd.
    pub fd: i32,
    /// The module's name.
    pub name: &'a str,
    /// Its types, on top of the kernel's.
    pub btf: &'a Arc<Btf>,
}

/// What a program is attached to, as a verifier sees it.
#[derive(Clone, Copy, Default, Debug)]
pub struct AttachView<'a> {
    /// The number of the function, tracepoint (`btf_trace_` typedef) or struct of functions in `btf`; 0: none.
    pub btf_id: TypeId,
    /// The types that `btf_id` is of: the kernel's, a module's, or those of `prog`.
    pub btf: Option<&'a Arc<Btf>>,
    /// The module whose types these are.
    pub module: Option<&'a str>,
    /// The name in these types: `bpf_lsm_file_open`, `vfs_read`; of a struct_ops program the member.
    pub name: Option<&'a str>,
    /// The program whose function it traces or replaces (`attach_prog_fd`).
    pub prog: Option<&'a ProgInfo>,
    /// That function.
    pub func: Option<&'a FuncInfo>,
}

/// What a verifier says of a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nobody looked.
    NotVerified,
    /// It may run.
    Accepted {
        /// The log.
        log: String,
        /// What is known of its instructions; nothing, if nobody says.
        facts: Facts,
    },
    /// It may not.
    Rejected(Rejection),
}

impl Verdict {
    /// The word for it: `"not-verified"`, `"accept"`, `"reject"`.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::NotVerified => "not-verified",
            Verdict::Accepted { .. } => "accept",
            Verdict::Rejected(_) => "reject",
        }
    }

    /// The log.
    pub fn log(&self) -> &str {
        match self {
            Verdict::NotVerified => "",
            Verdict::Accepted { log, .. } => log,
            Verdict::Rejected(no) => &no.log,
        }
    }
}

/// Why a verifier refuses a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// What `BPF_PROG_LOAD` answers.
    pub errno: Errno,
    /// The instruction.
    pub slot: Option<usize>,
    /// The last line of the log before the statistics.
    pub message: String,
    /// The log.
    pub log: String,
}

/// A verdict and what user space hears of how it came about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Examined {
    /// The verdict.
    pub verdict: Verdict,
    /// How long the log has been on the way.
    pub log_extent: LogExtent,
    /// How many instructions were looked at (`verified_insns`).
    pub processed: u32,
    /// One past the last byte of its context that the program touches (`max_ctx_offset`).
    pub max_ctx_offset: u32,
}

/// Decides which programs may run. `Send`, so that the kernel that has it is.
pub trait Verify: Send {
    /// Looks at a program.
    fn verify(&self, prog: &ProgView<'_>) -> Verdict;

    /// The same for `bpf(2)`, which tells more of it.
    fn examine(&self, prog: &ProgView<'_>) -> Examined {
        let verdict = self.verify(prog);
        Examined { log_extent: LogExtent::of(verdict.log()), verdict, processed: 0, max_ctx_offset: 0 }
    }
}

/// Looks at nothing: programs run with exact checks and a budget.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotVerified;

impl Verify for NotVerified {
    fn verify(&self, _prog: &ProgView<'_>) -> Verdict {
        Verdict::NotVerified
    }
}
