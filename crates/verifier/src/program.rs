//! The whole of one verification (`bpf_check`).

use std::sync::Arc;

use skep_abi::{Errno, ProgType, flags};
use skep_btf::{Btf, BtfBuilder};

use crate::aux::Aux;
use crate::claims::Claims;
use crate::explain::Explanation;
use crate::explored::Explored;
use crate::input::{Env, Options, Program};
use crate::log::{LEVEL2, Log, LogExtent};
use crate::prune::Pruning;
use crate::state::State;
use crate::state::frame::Frame;
use crate::state::reg::Reg;
use crate::stop::{Check, refuse, verbose};
use crate::verifier::{Stats, Verifier};
use skep_isa::facts::Facts;

/// What came of a verification.
#[derive(Clone, PartialEq, Debug)]
pub struct Outcome {
    /// Why the program is refused: what `BPF_PROG_LOAD` answers. `None`: it is accepted.
    pub errno: Option<Errno>,
    /// The instruction that was looked at when it was refused; `None`: none was.
    pub insn_idx: Option<usize>,
    /// The last line of the log before the statistics; empty if the program is accepted.
    pub message: String,
    /// The log, as much of it as was asked for. Without a log level: why the program is refused.
    pub log: String,
    /// How long it has been on the way: [`LogExtent::buffer`] is what user space gets of it.
    pub log_extent: LogExtent,
    /// How much was done.
    pub stats: Stats,
    /// One past the last byte of its context that the program touches (`max_ctx_offset`).
    pub max_ctx_offset: u32,
    /// Why it is refused, in more words.
    pub explanation: Explanation,
    /// What is known of each instruction of a program that was accepted.
    pub facts: Facts,
}

impl Outcome {
    /// Refused before the verifier looked at it.
    pub fn refused(errno: Errno) -> Outcome {
        Outcome {
            errno: Some(errno),
            insn_idx: None,
            message: String::new(),
            log: String::new(),
            log_extent: LogExtent::default(),
            stats: Stats::default(),
            max_ctx_offset: 0,
            explanation: Explanation::default(),
            facts: Facts::default(),
        }
    }
}

/// Verifies a program.
///
/// The verdict is that of Linux 6.18 (other kernels: see [`Env::version`]). Time and memory are bounded by
/// [`Options::max_insns`].
pub fn verify(program: &Program<'_>, env: &dyn Env, options: Options) -> Outcome {
    verify_with(program, env, options, None).0
}

/// [`verify`], which keeps what it says of registers if it is given room for that.
pub(crate) fn verify_with(
    program: &Program<'_>,
    env: &dyn Env,
    options: Options,
    claims: Option<Box<Claims>>,
) -> (Outcome, Option<Box<Claims>>) {
    let mut verifier = Verifier::new(program, env, options);
    verifier.claims = claims;
    let result = verifier.run();
    let errno = result.err().map(|stop| stop.errno);
    let message = match errno {
        Some(_) => {
            verifier.log.text().trim_end_matches('\n').rsplit('\n').next().unwrap_or_default().to_string()
        }
        None => String::new(),
    };
    let started = verifier.stats.insns > 0;
    let insn_idx =
        (errno.is_some() && started && verifier.insn_idx < program.insns.len()).then_some(verifier.insn_idx);
    let explanation = if errno.is_some() { verifier.explain(&message) } else { Explanation::default() };
    if options.log_level != 0 {
        // No clock: a verification is a function of what it is given.
        verifier.print_stats(0, errno.is_none());
    }
    let facts = if errno.is_none() { verifier.facts() } else { Facts::default() };
    let outcome = Outcome {
        errno,
        insn_idx,
        message,
        log: verifier.log.text().to_string(),
        log_extent: verifier.log.extent().clone(),
        stats: verifier.stats,
        max_ctx_offset: verifier.reach.ctx,
        explanation,
        facts,
    };
    (outcome, verifier.claims)
}

impl<'a> Verifier<'a> {
    fn new(prog: &'a Program<'a>, env: &'a dyn Env, options: Options) -> Verifier<'a> {
        let none = || Arc::new(empty_btf());
        let caps = options.caps;
        let has = |flag: u32| prog.flags & flag != 0;
        Verifier {
            prog,
            env,
            options,
            prog_type: extended_type(prog),
            insns: prog.insns.to_vec(),
            aux: vec![Aux::default(); prog.insns.len()],
            subprogs: Vec::new(),
            maps: Vec::new(),
            btfs: vec![env.kernel_btf().unwrap_or_else(none), prog.btf.cloned().unwrap_or_else(none)],
            btf_names: vec![Arc::from("vmlinux"), Arc::from("")],
            inner_maps: Default::default(),
            records: Default::default(),
            attached: Default::default(),
            kfuncs: Default::default(),
            cfg: Default::default(),
            liveness: Default::default(),
            log: Log::new(options.log_level),
            cur: State::default(),
            insn_idx: 0,
            prev_insn_idx: -1,
            pending: Vec::new(),
            explored: Explored::default(),
            pruning: Pruning::default(),
            id_gen: 0,
            stats: Stats::default(),
            cur_hist: None,
            scratched_regs: 0,
            scratched_slots: 0,
            prev_line: None,
            prev_insn_print_pos: 0,
            prev_log_pos: 0,
            exception_callback: None,
            seen_exception: false,
            seen_direct_write: false,
            reach: Default::default(),
            strict_alignment: has(flags::BPF_F_STRICT_ALIGNMENT) && !has(flags::BPF_F_ANY_ALIGNMENT),
            test_state_freq: caps.bpf && has(flags::BPF_F_TEST_STATE_FREQ),
            test_reg_invariants: caps.bpf && has(flags::BPF_F_TEST_REG_INVARIANTS),
            allow_ptr_leaks: caps.perfmon,
            allow_uninit_stack: caps.perfmon,
            bpf_capable: caps.bpf,
            bypass_spec_v1: caps.perfmon,
            bypass_spec_v4: caps.perfmon,
            explore_alu_limits: false,
            fake_reg: [Reg::NOT_INIT; 2],
            claims: None,
        }
    }

    fn run(&mut self) -> Check {
        self.bind_maps()?;
        self.check_btf_info_early()?;
        self.find_subprogs()?;
        self.check_btf_info()?;
        self.resolve_wide_loads()?;
        self.check_cfg()?;
        self.check_attach_btf_id()?;
        self.compute_loops_and_liveness();
        self.mark_fastcall_patterns();
        self.check_function(0)?;
        self.check_global_functions()?;
        self.check_max_stack_depth()?;
        self.grow_stacks();
        self.check_conversion()?;
        self.check_lost_functions()
    }

    /// Loads are rewritten to go to the kernel's own structs (`convert_ctx_accesses`).
    fn check_conversion(&mut self) -> Check {
        if self.reach.unconvertible {
            return refuse!(self, EFAULT, "verifier bug: error during ctx access conversion (0)\n");
        }
        Ok(())
    }

    /// Global functions that are called are verified by themselves (`do_check_subprogs`).
    fn check_global_functions(&mut self) -> Check {
        if self.prog.funcs.is_empty() {
            return Ok(());
        }
        if let Some(it) = self.exception_callback {
            self.subprogs[it as usize].called = true;
        }
        loop {
            let mut found = false;
            for at in 1..self.subprogs.len() {
                let it = &self.subprogs[at];
                if !it.is_global || !it.called || it.verified {
                    continue;
                }
                self.check_function(at)?;
                if self.log.wants_path() {
                    let name = self.subprogs[at].name.clone();
                    verbose!(self, "Func#{at} ('{name}') is safe for any args that match its prototype\n");
                }
                self.subprogs[at].verified = true;
                found = true;
            }
            if !found {
                return Ok(());
            }
        }
    }

    /// Explores all paths through a function and what it calls (`do_check_common`).
    fn check_function(&mut self, subprog: usize) -> Check {
        self.prev_line = None;
        self.insn_idx = self.subprogs[subprog].start;
        self.cur = State {
            frames: vec![Frame::new(-1, 0, subprog as u32)],
            branches: 1,
            first_insn_idx: self.insn_idx,
            last_insn_idx: -1,
            ..State::default()
        };
        self.init_frame_pointer();
        self.scratched_regs = u16::MAX;
        self.scratched_slots = u64::MAX;
        self.forget_states();
        self.set_up_args(subprog)?;
        self.do_check()?;
        if self.log.level & LEVEL2 == 0 {
            self.log.reset(0);
        }
        Ok(())
    }

    /// R10 of a new frame (`init_reg_state`).
    pub(crate) fn init_frame_pointer(&mut self) {
        use crate::state::reg::Extra;
        use crate::state::types::{Base, RegType};
        let frame = self.frame_mut();
        let frameno = frame.frameno;
        frame.regs[10] = Reg { frameno, ..Reg::pointer(RegType::of(Base::PtrToStack), Extra::None) };
    }
}

/// The type by whose rules a program is verified: an extension's is its target's.
fn extended_type(prog: &Program<'_>) -> ProgType {
    match prog.attach.and_then(|it| it.prog) {
        Some(target) if prog.prog_type == ProgType::Ext => target.prog_type,
        _ => prog.prog_type,
    }
}

fn empty_btf() -> Btf {
    BtfBuilder::new().build().unwrap_or_else(|_| unreachable!("a BTF without types is well-formed"))
}
