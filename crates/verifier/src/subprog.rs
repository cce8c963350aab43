//! The functions of a program (`struct bpf_subprog_info`).

use skep_btf::TypeId;

use crate::state::reg::BtfNr;

/// What a global function takes (`struct bpf_subprog_arg_info`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubprogArg {
    /// Anything initialised (`ARG_ANYTHING`).
    Anything,
    /// The context.
    Ctx,
    /// Memory of this many bytes.
    Mem {
        /// Bytes.
        size: u32,
        /// NULL is accepted.
        nullable: bool,
        /// It may only be read.
        read_only: bool,
        /// It may be stale: `__arg_untrusted`.
        untrusted: bool,
    },
    /// A dynptr (`ARG_PTR_TO_DYNPTR | MEM_RDONLY`).
    Dynptr,
    /// An arena.
    Arena,
    /// A kernel object.
    Btf {
        /// In which BTF.
        btf: BtfNr,
        /// The struct.
        id: TypeId,
        /// NULL is accepted.
        nullable: bool,
        /// `__arg_trusted`, or `__arg_untrusted`.
        trusted: bool,
    },
}

/// A function of the program.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Subprog {
    /// Its first instruction.
    pub start: usize,
    /// The first of its lines in [`Program::lines`](crate::Program).
    pub line_idx: usize,
    /// Its name in the program's BTF; empty without.
    pub name: String,
    /// Bytes of stack that it uses itself.
    pub stack_depth: u16,
    /// Where its spills for fast calls begin (`fastcall_stack_off`).
    pub fastcall_stack_off: i16,
    /// Its place in [`Cfg::postorder`](crate::cfg::Cfg).
    pub postorder_start: usize,
    /// Its instruction of exit (`exit_idx`).
    pub exit_idx: usize,
    /// It makes tail calls.
    pub has_tail_call: bool,
    /// Tail calls can be reached from it.
    pub tail_call_reachable: bool,
    /// It reads the packet with `LD_ABS` or `LD_IND`.
    pub has_ld_abs: bool,
    /// It is a callback.
    pub is_cb: bool,
    /// It is a callback that runs later.
    pub is_async_cb: bool,
    /// It is the callback of exceptions.
    pub is_exception_cb: bool,
    /// It is global: `BTF_FUNC_GLOBAL`.
    pub is_global: bool,
    /// Its linkage cannot be trusted (`func_info_aux.unreliable`).
    pub unreliable: bool,
    /// A call of it was seen (`func_info_aux.called`).
    pub called: bool,
    /// It was verified by itself (`func_info_aux.verified`).
    pub verified: bool,
    /// [`Subprog::args`] are known.
    pub args_cached: bool,
    /// Its spills for fast calls are needed (`keep_fastcall_stack`).
    pub keep_fastcall_stack: bool,
    /// It changes packet data.
    pub changes_pkt_data: bool,
    /// It may sleep.
    pub might_sleep: bool,
    /// What it takes, once [`Subprog::args_cached`].
    pub args: Vec<SubprogArg>,
}
