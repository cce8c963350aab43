//! Programs: loading them, and what the kernel keeps of them.

mod attach;
pub(crate) mod check;
mod digest;
mod extend;
mod lines;
mod load;
mod resolve;
mod streams;
mod text;
mod uses;
mod verifier;
mod verify;
mod view;
mod xlated;

pub(crate) use digest::digest;
pub use lines::{FuncInfo, LineInfo};
pub(crate) use load::Loading;
pub(crate) use streams::Streams;
pub(crate) use text::TextMap;
pub use verifier::Verifier;
pub use verify::{
    Asked, AttachView, Examined, MapView, ModuleView, NotVerified, ProgView, Rejection, Verdict, Verify,
};
pub(crate) use xlated::{Xlated, xlate};

use skep_abi::ProgType;
use skep_btf::Btf;
use skep_isa::Insn;
use skep_maps::ObjRef;
use skep_vm::Program;
use std::sync::Arc;

/// What to load: the attributes of `BPF_PROG_LOAD`.
///
/// ```
/// use skep_abi::ProgType;
/// use skep_kernel::ProgLoad;
///
/// let load = ProgLoad::new("drop", ProgType::Xdp, vec![]);
/// assert_eq!((load.license.as_str(), load.expected_attach_type), ("GPL", 0));
/// ```
#[derive(Clone, Debug)]
pub struct ProgLoad {
    /// The name that reports show; kept in full, where `bpf(2)` cuts it to 15 characters.
    pub name: String,
    /// The program type.
    pub prog_type: ProgType,
    /// `expected_attach_type`, as a number: 0 where the type has none.
    pub expected_attach_type: u32,
    /// The instructions as a loader gives them to the kernel: maps and functions as `BPF_PSEUDO_*` of wide loads, map
    /// fds as numbers of this kernel's [`Fd`](crate::Fd)s.
    pub insns: Vec<Insn>,
    /// The license; helpers for GPL programs ask for one of the kernel's GPL-compatible texts.
    pub license: String,
    /// `prog_flags`: `BPF_F_*` ([`skep_abi::flags`]).
    pub flags: u32,
    /// What a tracing program, LSM program or struct_ops member is attached to: a type of the kernel's, or of
    /// `attach_module`'s or `attach_prog`'s. 0: nothing.
    pub attach_btf_id: u32,
    /// The module whose type it is (`attach_btf_obj_fd`).
    pub attach_module: Option<String>,
    /// The program whose function it is (`attach_prog_fd`).
    pub attach_prog: Option<crate::files::Fd>,
    /// That function's name, which `bpf(2)` is told by its id in that program's types.
    pub attach_func: Option<String>,
    /// Fds that wide loads name by index (`fd_array`).
    pub fd_array: Vec<i32>,
    /// The program's own types (`prog_btf_fd`), which `funcs` has numbers of.
    pub btf: Option<Arc<Btf>>,
    /// The descriptor of these types, where user space has one.
    pub btf_fd: Option<crate::files::Fd>,
    /// Which line of C each instruction was made from, by ascending slot; may be empty.
    pub lines: Vec<LineInfo>,
    /// Where functions begin, by ascending slot; may be empty.
    pub funcs: Vec<FuncInfo>,
    /// Calls of no helper that a loader put where it could not resolve something, by ascending slot, and what it says
    /// about each: whoever executes one fails with that. A wide load is two of them.
    pub poisoned: Vec<(usize, Arc<str>)>,
    /// Ask the kernel's [`Verify`]. Without, the program runs with exact checks and a budget.
    pub verify: bool,
}

impl ProgLoad {
    /// A GPL program without flags, lines or expected attach type, to be verified.
    pub fn new(name: impl Into<String>, prog_type: ProgType, insns: Vec<Insn>) -> ProgLoad {
        ProgLoad {
            name: name.into(),
            prog_type,
            expected_attach_type: 0,
            insns,
            license: "GPL".to_owned(),
            flags: 0,
            attach_btf_id: 0,
            attach_module: None,
            attach_prog: None,
            attach_func: None,
            fd_array: Vec::new(),
            btf: None,
            btf_fd: None,
            lines: Vec::new(),
            funcs: Vec::new(),
            poisoned: Vec::new(),
            verify: true,
        }
    }
}

/// What a loaded program is.
#[derive(Clone, Debug)]
pub struct ProgInfo {
    /// Its name.
    pub name: String,
    /// Its type.
    pub prog_type: ProgType,
    /// Where it is to be attached; 0 where the type has no choice.
    pub expected_attach_type: u32,
    /// Whether its license lets it use helpers for GPL programs.
    pub gpl_compatible: bool,
    /// `BPF_F_XDP_HAS_FRAGS` was set.
    pub xdp_has_frags: bool,
    /// `BPF_F_SLEEPABLE` was set.
    pub sleepable: bool,
    /// It may hold pointers to kernel structs, through which a load of a bad address gives 0.
    pub typed_pointers: bool,
    /// What it is attached to, as the kernel's types call it: `bpf_lsm_file_open`; of a struct_ops program the member.
    pub attach_name: Option<String>,
    /// What it is attached to returns nothing.
    pub attach_void: bool,
    /// Its own types, which `funcs` has numbers of.
    pub btf: Option<Arc<Btf>>,
    /// Which line of C each instruction was made from, by ascending slot.
    pub lines: Vec<LineInfo>,
    /// Where functions begin, by ascending slot.
    pub funcs: Vec<FuncInfo>,
    /// What the loader could not resolve, by ascending slot ([`ProgLoad::poisoned`]).
    pub poisoned: Vec<(usize, Arc<str>)>,
    /// What the verifier said.
    pub verdict: Verdict,
    /// What will not work when it is executed: calls to functions that are not emulated.
    pub warnings: Vec<String>,
}

impl ProgInfo {
    /// The line of C that an instruction was made from.
    pub fn line_at(&self, slot: usize) -> Option<&LineInfo> {
        lines::at(&self.lines, slot, |it| it.slot)
    }

    /// What the loader could not resolve at an instruction, as it says it.
    pub fn poison_at(&self, slot: usize) -> Option<&Arc<str>> {
        let index = self.poisoned.binary_search_by_key(&slot, |it| it.0).ok()?;
        self.poisoned.get(index).map(|it| &it.1)
    }

    /// The function that an instruction is in.
    pub fn func_at(&self, slot: usize) -> Option<&FuncInfo> {
        lines::at(&self.funcs, slot, |it| it.slot)
    }
}

/// A loaded program.
#[derive(Debug)]
pub(crate) struct Prog {
    /// What it is; shared with what runs it, which may outlive it.
    pub(crate) info: Arc<ProgInfo>,
    /// What runs. Its tag is the number of this object.
    pub(crate) program: Arc<Program>,
    /// The maps it uses, each with a reference.
    pub(crate) maps: Vec<ObjRef>,
    /// Types that it keeps, each with a reference.
    pub(crate) btfs: Vec<ObjRef>,
    /// What user space can ask of it beside.
    pub(crate) told: Box<Told>,
    /// The arena among them, if it uses one.
    pub(crate) arena: Option<ObjRef>,
    /// Its range of function pointers.
    pub(crate) text_base: u64,
    /// An EXT program replaces one of its functions: it must not be the target of a tail call.
    pub(crate) extended: bool,
    /// How many slots of PROG_ARRAY maps hold it.
    pub(crate) memberships: u32,
    /// The program whose function it is to replace or trace, which it keeps, and where that function starts. Of a program
    /// that a link attaches, the link has it from then on.
    pub(crate) replaces: Option<(ObjRef, usize)>,
    /// What it was before an EXT program replaced one of its functions.
    pub(crate) original: Option<Box<extend::Original>>,
}

/// The records of functions and lines that a program was loaded with, in the kernel's sizes.
#[derive(Debug, Default)]
pub(crate) struct Records {
    pub(crate) funcs: Vec<u8>,
    pub(crate) lines: Vec<u8>,
}

/// What user space is told of a program that nothing else needs.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The instructions as they were loaded.
    pub(crate) insns: Vec<Insn>,
    /// A hash of them; its first bytes are the program's tag.
    pub(crate) digest: [u8; 32],
    /// Its maps, and those that were bound to it.
    pub(crate) maps: Vec<ObjRef>,
    /// Which of its instructions name maps, by slot.
    pub(crate) map_uses: Vec<(usize, ObjRef)>,
    /// How often it ran while that was counted, and how long that took.
    pub(crate) run_cnt: u64,
    pub(crate) run_time_ns: u64,
    /// What it wrote for whoever loaded it.
    pub(crate) streams: Streams,
    /// The object of its own types.
    pub(crate) btf: Option<ObjRef>,
    /// The records of functions and lines as they were given, with the sizes that the kernel knows.
    pub(crate) func_records: Vec<u8>,
    pub(crate) line_records: Vec<u8>,
    /// When it was loaded, in nanoseconds since boot.
    pub(crate) load_time: u64,
    /// Who loaded it.
    pub(crate) uid: u32,
    /// One past the last byte of its context that it touches.
    pub(crate) max_ctx: u32,
    /// How many instructions the verifier looked at.
    pub(crate) verified_insns: u32,
    /// What it is attached to: the object of the types, and the id in them.
    pub(crate) attach_btf: Option<ObjRef>,
    pub(crate) attach_btf_id: u32,
}
