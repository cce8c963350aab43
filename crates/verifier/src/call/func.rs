//! Calls of the program's functions, and their return.

use skep_abi::Errno;

use super::iter::widen_imprecise_scalars;
use crate::access::RegUse;
use crate::check::exit::retval_range_within;
use crate::scalar::Scalar;
use crate::state::frame::{Frame, MAX_FRAMES};
use crate::state::reg::Reg;
use crate::state::types::{Base, RegType};
use crate::stop::{Check, Stop, refuse, verbose};
use crate::verifier::Verifier;

/// A frame that is just entered: nothing in it but its frame pointer (`init_func_state`).
pub(crate) fn entered_frame(callsite: i32, frameno: u32, subprogno: u32) -> Frame {
    let mut frame = Frame::new(callsite, frameno, subprogno);
    frame.regs[10] =
        Reg { ty: RegType::of(Base::PtrToStack), scalar: Scalar::constant(0), frameno, ..Reg::NOT_INIT };
    frame
}

impl Verifier<'_> {
    /// All registers and slots are printed with the next state (`mark_verifier_state_scratched`).
    pub(super) fn scratch_all(&mut self) {
        self.scratched_regs = !0;
        self.scratched_slots = !0;
    }

    /// R0 to R5 of the current frame hold nothing after a call (`clear_caller_saved_regs`).
    pub(super) fn clear_caller_saved_regs(&mut self) -> Check {
        for regno in 0..=5 {
            self.mark_reg_not_init(regno);
            self.check_reg_arg(regno, RegUse::DstNoMark)?;
        }
        Ok(())
    }

    /// A call of a function of the program (`check_func_call`); gives the next instruction.
    pub(crate) fn check_func_call(&mut self, insn_idx: usize) -> Check<usize> {
        let target = insn_idx as i64 + i64::from(self.insns[insn_idx].imm) + 1;
        let Some(subprog) = usize::try_from(target).ok().and_then(|at| self.subprog_at(at)) else {
            return refuse!(
                self,
                EFAULT,
                "verifier bug: target of func call at insn {target} is not a program (subprog < 0)\n"
            );
        };
        let args = self.check_subprog_call(subprog);
        if args == Err(Stop::new(Errno::EFAULT)) {
            return args.map(|()| 0);
        }
        if self.subprogs[subprog].is_global {
            self.check_global_call(subprog, args)?;
            return Ok(insn_idx + 1);
        }
        self.enter_static_function(insn_idx, subprog)
    }

    fn check_global_call(&mut self, subprog: usize, args: Check) -> Check {
        if self.cur.active_locks > 0 {
            return refuse!(
                self,
                EINVAL,
                "global function calls are not allowed while holding a lock,\nuse static function instead\n"
            );
        }
        let atomic = self.cur.active_rcu_locks > 0
            || self.cur.active_preempt_locks > 0
            || self.cur.active_irq_id > 0
            || !self.in_sleepable();
        if self.subprogs[subprog].might_sleep && atomic {
            return refuse!(
                self,
                EINVAL,
                "global functions that may sleep are not allowed in non-sleepable context,\n\
                 i.e., in a RCU/IRQ/preempt-disabled section, or in\n\
                 a non-sleepable BPF program context\n"
            );
        }
        let name = &self.subprogs[subprog].name;
        if let Err(stop) = args {
            verbose!(self, "Caller passes invalid args into func#{subprog} ('{name}')\n");
            return Err(stop);
        }
        if self.log.wants_path() {
            verbose!(self, "Func#{subprog} ('{name}') is global and assumed valid.\n");
        }
        if self.subprogs[subprog].changes_pkt_data {
            self.clear_all_pkt_pointers();
        }
        self.subprogs[subprog].called = true;
        self.clear_caller_saved_regs()?;
        self.mark_reg_unknown(0);
        self.reg_mut(0).subreg_def = 0;
        Ok(())
    }

    fn enter_static_function(&mut self, insn_idx: usize, subprog: usize) -> Check<usize> {
        self.check_call_depth(self.cur.frames.len())?;
        let frameno = self.cur.frames.len() as u32;
        let mut callee = entered_frame(insn_idx as i32, frameno, subprog as u32);
        self.scratch_all();
        callee.regs[1..=5].copy_from_slice(&self.frame().regs[1..=5]);
        self.clear_caller_saved_regs()?;
        self.cur.frames.push(callee);
        self.reset_live_stack_callchain();
        if self.log.wants_path() {
            let frameno = frameno as usize;
            verbose!(self, "caller:\n");
            self.print_verifier_state(frameno - 1, true);
            verbose!(self, "callee:\n");
            self.print_verifier_state(frameno, true);
        }
        Ok(self.subprogs[subprog].start)
    }

    /// One more frame than there are has to be possible.
    pub(super) fn check_call_depth(&mut self, frames: usize) -> Check {
        if frames >= MAX_FRAMES {
            return refuse!(self, E2BIG, "the call stack of {} frames is too deep\n", frames + 1);
        }
        Ok(())
    }

    /// The current function returns to its caller (`prepare_func_exit`); gives the next instruction.
    pub(crate) fn prepare_func_exit(&mut self) -> Check<usize> {
        let r0 = *self.reg(0);
        if r0.ty.is(Base::PtrToStack) {
            return refuse!(self, EINVAL, "cannot return stack pointer to the caller\n");
        }
        let Some(caller) = self.cur.curframe().checked_sub(1) else {
            return refuse!(self, EFAULT, "verifier bug: the first function has no caller\n");
        };
        let in_callback = self.frame().in_callback_fn;
        if in_callback {
            self.check_callback_return(r0)?;
        } else {
            self.cur.frames[caller].regs[0] = r0;
        }
        // After a callback the call is looked at once more: it calls again, until that shows nothing new.
        let callsite = self.frame().callsite as usize;
        let next = if in_callback { callsite } else { callsite + 1 };
        if self.log.wants_path() {
            verbose!(self, "returning from callee:\n");
            self.print_verifier_state(caller + 1, true);
            verbose!(self, "to caller at {next}:\n");
            self.print_verifier_state(caller, true);
        }
        self.cur.frames.pop();
        self.reset_live_stack_callchain();
        if in_callback && let Some(prev) = self.find_prev_entry(self.cur.dfs_depth, next) {
            let precise = !self.bpf_capable;
            widen_imprecise_scalars(self.explored.get(prev), &mut self.cur, precise);
        }
        Ok(next)
    }

    fn check_callback_return(&mut self, r0: Reg) -> Check {
        if !r0.is_scalar() {
            return refuse!(self, EACCES, "R0 not a scalar value\n");
        }
        self.mark_chain_precision(0)?;
        let (range, callsite) = (self.frame().callback_ret, self.frame().callsite);
        if !retval_range_within(range, &r0, false) {
            self.verbose_invalid_scalar(&r0, range, "At callback return", "R0");
            return Err(Stop::new(Errno::EINVAL));
        }
        if !self.aux[callsite as usize].calls_callback {
            let at = self.insn_idx;
            return refuse!(
                self,
                EFAULT,
                "verifier bug: in callback at {at}, callsite {callsite} !calls_callback\n"
            );
        }
        Ok(())
    }
}
