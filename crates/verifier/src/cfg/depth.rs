//! The stack of chains of calls (`check_max_stack_depth`).

use skep_abi::{AttachType, ProgType};

use crate::check::{is_kfunc_call, is_pseudo_call, is_pseudo_func};
use crate::state::frame::MAX_FRAMES;
use crate::state::stack::MAX_STACK;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// A function with less stack does not get a private one (`BPF_PRIV_STACK_MIN_SIZE`).
const MIN_PRIVATE: i32 = 64;
/// More stack of callers than this may not be below tail calls.
const MAX_BELOW_TAIL_CALL: i32 = 256;

/// Whose stack a function uses (`enum priv_stack_mode`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Private {
    #[default]
    Unknown,
    No,
    Yes,
}

/// A chain of calls that is being followed.
struct Chain {
    /// Bytes of stack below the current function, with its own.
    depth: i32,
    /// Functions that wait for it, and where each goes on.
    callers: Vec<(usize, usize)>,
    /// Functions may have private stacks.
    private: bool,
    /// Some function of it makes tail calls.
    tail_calls: bool,
}

impl Verifier<'_> {
    /// Whether every chain of calls has stack enough.
    pub(crate) fn check_max_stack_depth(&mut self) -> Check {
        self.remove_fastcall_spills();
        let private = !self.subprogs.iter().any(|it| it.has_tail_call) && self.wants_private_stack();
        let mut modes = vec![Private::default(); self.subprogs.len()];
        // Callbacks that run later first: what they call cannot have a private stack.
        for subprog in (0..self.subprogs.len()).rev() {
            if subprog == 0 || self.subprogs[subprog].is_async_cb {
                self.check_chains_from(subprog, subprog == 0 && private, &mut modes)?;
            }
        }
        Ok(())
    }

    /// `bpf_enable_priv_stack`: program types that may run inside each other.
    fn wants_private_stack(&self) -> bool {
        match self.prog_type {
            ProgType::Kprobe | ProgType::Tracepoint | ProgType::PerfEvent | ProgType::RawTracepoint => true,
            ProgType::Tracing => self.expected_attach_type() != Some(AttachType::TraceIter),
            _ => false,
        }
    }

    /// `check_max_stack_depth_subprog`.
    fn check_chains_from(&mut self, start: usize, private: bool, modes: &mut [Private]) -> Check {
        let mut chain = Chain { depth: 0, callers: Vec::new(), private, tail_calls: false };
        let mut subprog = start;
        let mut i = self.subprogs[subprog].start;
        if !private {
            modes[subprog] = Private::No;
        }
        self.enter_function(&mut chain, subprog, modes)?;
        loop {
            if let Some((at, callee)) = self.next_callee(&chain, subprog, i)? {
                chain.callers.push((subprog, at + 1));
                subprog = callee;
                i = self.subprogs[callee].start;
                if !private {
                    modes[subprog] = Private::No;
                }
                chain.tail_calls |= self.subprogs[subprog].has_tail_call;
                if chain.callers.len() >= MAX_FRAMES {
                    let frames = chain.callers.len();
                    return refuse!(self, E2BIG, "the call stack of {frames} frames is too deep !\n");
                }
                self.enter_function(&mut chain, subprog, modes)?;
                continue;
            }
            self.note_tail_calls(&chain)?;
            let Some((caller, at)) = chain.callers.pop() else { return Ok(()) };
            if modes[subprog] != Private::Yes {
                chain.depth -= self.rounded_depth(subprog);
            }
            (subprog, i) = (caller, at);
        }
    }

    fn rounded_depth(&self, subprog: usize) -> i32 {
        // What the JIT makes of it.
        i32::from(self.subprogs[subprog].stack_depth.next_multiple_of(16))
    }

    fn enter_function(&mut self, chain: &mut Chain, subprog: usize, modes: &mut [Private]) -> Check {
        let it = &self.subprogs[subprog];
        let in_callback = it.is_cb || chain.callers.iter().any(|(caller, _)| self.subprogs[*caller].is_cb);
        if it.has_ld_abs && in_callback {
            return refuse!(self, EINVAL, "cannot use BPF_LD_[ABS|IND] within callback\n");
        }
        if subprog != 0 && it.has_tail_call && chain.depth >= MAX_BELOW_TAIL_CALL {
            let depth = chain.depth;
            return refuse!(
                self,
                EACCES,
                "tail_calls are not allowed when call stack of previous frames is {depth} bytes. Too large\n"
            );
        }
        let own = self.rounded_depth(subprog);
        if chain.private && modes[subprog] == Private::Unknown && own >= MIN_PRIVATE {
            modes[subprog] = Private::Yes;
        }
        if modes[subprog] == Private::Yes {
            if own > MAX_STACK {
                return refuse!(self, EACCES, "stack size of subprog {subprog} is {own}. Too large\n");
            }
            return Ok(());
        }
        chain.depth += own;
        if chain.depth > MAX_STACK {
            let (calls, depth) = (chain.callers.len() + 1, chain.depth);
            return refuse!(self, EACCES, "combined stack size of {calls} calls is {depth}. Too large\n");
        }
        Ok(())
    }

    /// The next function that a function calls, or takes the address of, from an instruction on, and where.
    fn next_callee(&mut self, chain: &Chain, subprog: usize, from: usize) -> Check<Option<(usize, usize)>> {
        for i in from..self.subprog_end(subprog) {
            let insn = self.insns[i];
            if is_kfunc_call(insn) && insn.off == 0 {
                self.check_throw(chain, subprog, i)?;
                continue;
            }
            if !is_pseudo_call(insn) && !is_pseudo_func(insn) {
                continue;
            }
            let target = (i as i32).wrapping_add(insn.imm).wrapping_add(1);
            let Some(callee) = self.subprog_at(target as usize) else {
                return refuse!(self, EFAULT, "verifier bug: callee not found at insn {target} (sidx < 0)\n");
            };
            let it = &self.subprogs[callee];
            if it.is_async_cb {
                if it.has_tail_call {
                    return refuse!(self, EFAULT, "verifier bug: subprog has tail_call and async cb\n");
                }
                if !is_pseudo_call(insn) {
                    continue;
                }
                if it.is_exception_cb {
                    return refuse!(self, EINVAL, "insn {i} cannot call exception cb directly");
                }
            }
            return Ok(Some((i, callee)));
        }
        Ok(None)
    }

    fn check_throw(&mut self, chain: &Chain, subprog: usize, i: usize) -> Check {
        let throws = self.btfs.first().is_some_and(|btf| btf.name(self.insns[i].imm as u32) == "bpf_throw");
        let in_callback = self.subprogs[subprog].is_cb
            || chain.callers.iter().any(|(caller, _)| self.subprogs[*caller].is_cb);
        if throws && in_callback {
            return refuse!(
                self,
                EINVAL,
                "bpf_throw kfunc (insn {i}) cannot be called from callback subprog {subprog}\n"
            );
        }
        Ok(())
    }

    /// From every function of the chain a tail call can be reached.
    fn note_tail_calls(&mut self, chain: &Chain) -> Check {
        if !chain.tail_calls {
            return Ok(());
        }
        for (caller, _) in &chain.callers {
            if self.subprogs[*caller].is_exception_cb {
                return refuse!(self, EINVAL, "cannot tail call within exception cb\n");
            }
            self.subprogs[*caller].tail_call_reachable = true;
        }
        Ok(())
    }
}
