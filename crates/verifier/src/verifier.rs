//! The verifier's own state while it looks at one program (`struct bpf_verifier_env`).

use std::sync::Arc;

use skep_abi::ProgType;
use skep_btf::Btf;
use skep_isa::Insn;

use crate::aux::Aux;
use crate::btf_ptr::attached::Attached;
use crate::cfg::Cfg;
use crate::claims::Claims;
use crate::explored::Explored;
use crate::input::{Env, MapInfo, Options, Program};
use crate::kfunc::desc::Kfuncs;
use crate::liveness::Liveness;
use crate::log::Log;
use crate::prune::Pruning;
use crate::record::Records;
use crate::state::frame::Frame;
use crate::state::reg::{BtfNr, MapNr, Reg};
use crate::state::{Hist, State};
use crate::subprog::Subprog;

/// A path that waits to be explored.
#[derive(Debug)]
pub struct Pending {
    /// What is known at its first instruction.
    pub state: State,
    /// That instruction.
    pub insn_idx: usize,
    /// The one before.
    pub prev_insn_idx: usize,
    /// How long the log was.
    pub log_pos: usize,
}

/// How much was done (`processed N insns ...`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Instructions processed.
    pub insns: u32,
    /// Jumps, calls and exits processed.
    pub jmps: u32,
    /// The same, when a state was kept last.
    pub prev_insns: u32,
    /// See `prev_insns`.
    pub prev_jmps: u32,
    /// The most states kept at one instruction.
    pub max_states_per_insn: u32,
    /// States kept in all.
    pub total_states: u32,
    /// The most states kept at one time.
    pub peak_states: u32,
    /// Always 0 since liveness is computed beforehand.
    pub longest_mark_read_walk: u32,
    /// States kept now.
    pub explored_states: u32,
}

/// How far a program reaches into memory: one past the last byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reach {
    /// Into its context (`max_ctx_offset`).
    pub ctx: u32,
    /// Into the packet: the last byte itself (`max_pkt_offset`).
    pub packet: u32,
    /// Into the buffer of a tracepoint (`max_tp_access`).
    pub tp_buffer: u32,
    /// Into a buffer to read from (`max_rdonly_access`).
    pub rdonly_buf: u32,
    /// Into another buffer (`max_rdwr_access`).
    pub rdwr_buf: u32,
    /// A load that passes, but that the kernel finds no code for.
    pub unconvertible: bool,
}

/// The verifier while it looks at one program.
#[expect(clippy::struct_excessive_bools, reason = "each is one switch of the kernel's")]
pub struct Verifier<'a> {
    /// The program.
    pub prog: &'a Program<'a>,
    /// The kernel.
    pub env: &'a dyn Env,
    /// The options.
    pub options: Options,
    /// The program's type; of an extension, that of what it extends.
    pub prog_type: ProgType,
    /// The instructions. Wide loads are as they were loaded; what they mean is in `aux`.
    pub insns: Vec<Insn>,
    /// What is kept of each instruction.
    pub aux: Vec<Aux>,
    /// The functions, by address; not the one past the end.
    pub subprogs: Vec<Subprog>,
    /// The maps that the program uses, and templates of inner maps.
    pub maps: Vec<MapInfo>,
    /// What inner maps of maps are like: both by their place in `maps`.
    pub inner_maps: Vec<(MapNr, MapNr)>,
    /// BTFs: the kernel's, the program's (an empty one without), modules' and maps'.
    pub btfs: Vec<Arc<Btf>>,
    /// Names of those BTFs (`vmlinux`, a module's, empty for programs').
    pub btf_names: Vec<Arc<str>>,
    /// Special fields of structs and map values.
    pub records: Records,
    /// What the program attaches to; nothing before `check_attach_btf_id`.
    pub attached: Attached,
    /// The kernel functions that it calls.
    pub kfuncs: Kfuncs,
    /// Order of instructions, and components of the graph.
    pub cfg: Cfg,
    /// Which stack slots are read later.
    pub liveness: Liveness,
    /// The log.
    pub log: Log,
    /// What is known now.
    pub cur: State,
    /// The instruction that is looked at.
    pub insn_idx: usize,
    /// The one before; -1 at the beginning.
    pub prev_insn_idx: i64,
    /// Paths that wait.
    pub pending: Vec<Pending>,
    /// States that were kept.
    pub explored: Explored,
    /// What pruning keeps: lists of states by instruction, components, scratch space.
    pub pruning: Pruning,
    /// The last id that was given out.
    pub id_gen: u32,
    /// How much was done.
    pub stats: Stats,
    /// Step of the current instruction, if one was kept (`cur_hist_ent`): an index into `cur.hist`.
    pub cur_hist: Option<usize>,
    /// Registers that were changed since the state was printed.
    pub scratched_regs: u16,
    /// Stack slots of the current frame that were.
    pub scratched_slots: u64,
    /// Line that was printed last.
    pub prev_line: Option<usize>,
    /// Where the log stood when an instruction was printed last.
    pub prev_insn_print_pos: usize,
    /// Where the log stood before.
    pub prev_log_pos: usize,
    /// The function that handles exceptions.
    pub exception_callback: Option<u32>,
    /// `bpf_throw` was seen.
    pub seen_exception: bool,
    /// A store through a packet pointer was seen.
    pub seen_direct_write: bool,
    /// How far it reaches into what is checked at run time.
    pub reach: Reach,
    /// Alignment is checked as on machines that need it.
    pub strict_alignment: bool,
    /// Every access is checked as often as can be (`BPF_F_TEST_STATE_FREQ`).
    pub test_state_freq: bool,
    /// Broken ranges are an error (`BPF_F_TEST_REG_INVARIANTS`).
    pub test_reg_invariants: bool,
    /// Pointers may be leaked (`CAP_PERFMON`).
    pub allow_ptr_leaks: bool,
    /// Stack that nobody wrote may be read (`CAP_PERFMON`).
    pub allow_uninit_stack: bool,
    /// `CAP_BPF`.
    pub bpf_capable: bool,
    /// No masking against bounds bypass (`CAP_PERFMON`).
    pub bypass_spec_v1: bool,
    /// No barriers against speculative stores (`CAP_PERFMON`).
    pub bypass_spec_v4: bool,
    /// The verifier looks whether masking would reject more (`explore_alu_limits`).
    pub explore_alu_limits: bool,
    /// Stands for an immediate in comparisons.
    pub fake_reg: [Reg; 2],
    /// What is said of registers, if that is kept.
    pub claims: Option<Box<Claims>>,
}

impl Verifier<'_> {
    /// The current frame.
    pub fn frame(&self) -> &Frame {
        self.cur.cur()
    }

    /// The current frame.
    pub fn frame_mut(&mut self) -> &mut Frame {
        self.cur.cur_mut()
    }

    /// A register of the current frame.
    pub fn reg(&self, regno: usize) -> &Reg {
        &self.cur.cur().regs[regno]
    }

    /// A register of the current frame.
    pub fn reg_mut(&mut self, regno: usize) -> &mut Reg {
        &mut self.cur.cur_mut().regs[regno]
    }

    /// A map.
    pub fn map(&self, map: MapNr) -> &MapInfo {
        &self.maps[usize::from(map.0)]
    }

    /// A BTF.
    pub fn btf(&self, btf: BtfNr) -> &Arc<Btf> {
        &self.btfs[usize::from(btf.0)]
    }

    /// A new id (`++env->id_gen`).
    pub fn new_id(&mut self) -> u32 {
        self.id_gen += 1;
        self.id_gen
    }

    /// The current instruction.
    pub fn insn(&self) -> Insn {
        self.insns[self.insn_idx]
    }

    /// What is kept of the current instruction.
    pub fn cur_aux(&mut self) -> &mut Aux {
        &mut self.aux[self.insn_idx]
    }

    /// The number of the function that an instruction is in.
    pub fn subprog_of(&self, insn_idx: usize) -> usize {
        self.subprogs.partition_point(|it| it.start <= insn_idx).saturating_sub(1)
    }

    /// The number of the function that begins at an instruction.
    pub fn subprog_at(&self, insn_idx: usize) -> Option<usize> {
        self.subprogs.binary_search_by_key(&insn_idx, |it| it.start).ok()
    }

    /// One past the last instruction of a function.
    pub fn subprog_end(&self, subprog: usize) -> usize {
        self.subprogs.get(subprog + 1).map_or(self.insns.len(), |it| it.start)
    }

    /// Says that a register changed, so that it is printed with the instruction (`mark_reg_scratched`).
    pub fn scratch(&mut self, regno: usize) {
        self.scratched_regs |= 1 << regno;
    }

    /// Says that a stack slot changed (`mark_stack_slot_scratched`).
    pub fn scratch_slot(&mut self, spi: usize) {
        self.scratched_slots |= 1 << spi;
    }

    /// The step of the current instruction, kept anew where there is none (`push_jmp_history` without flags).
    pub fn hist(&self) -> Option<&Hist> {
        self.cur_hist.and_then(|at| self.cur.hist.get(at))
    }
}
