//! One instruction after another, on one path after another (`do_check`).

mod alu;
mod branch;
pub(crate) mod exit;
mod load_imm;
mod paths;
mod regs;
mod static_;

pub(crate) use self::static_::{is_helper_call, is_kfunc_call, is_pseudo_call, is_pseudo_func, jump_offset};

use skep_abi::Errno;
use skep_abi::helpers::func;
use skep_isa::Insn;

use crate::code::{class, mode, op, pseudo};
use crate::prune::Visited;
use crate::stop::{Check, Stop, refuse, verbose};
use crate::verifier::Verifier;

/// What an instruction leads to.
enum Step {
    /// That instruction is next.
    Next(usize),
    /// So it is, in the function that called this one: the state is to be printed.
    Back(usize),
    /// The path ends well.
    End,
}

impl Verifier<'_> {
    /// Explores all paths from the current state on.
    pub(crate) fn do_check(&mut self) -> Check {
        let mut print_state = false;
        let mut prev = -1;
        while let Some(back) = self.follow_path(&mut prev, print_state)? {
            print_state = back;
        }
        Ok(())
    }

    /// Follows one path to its end, then takes up another one; `None`: there is none left.
    fn follow_path(&mut self, prev: &mut i64, mut print_state: bool) -> Check<Option<bool>> {
        loop {
            self.cur_hist = None;
            self.prev_insn_idx = *prev;
            if self.begin_insn(print_state)? {
                break;
            }
            if self.log.wants_path() {
                self.print_step(&mut print_state);
            }
            if self.claims.is_some() {
                self.keep_claims();
            }
            // What only a wrong prediction comes to is not reached (`sanitize_mark_insn_seen`).
            self.aux[self.insn_idx].seen |= !self.cur.speculative;
            *prev = self.insn_idx as i64;
            let at = self.insn_idx;
            if self.cur.speculative && self.aux[at].nospec {
                break;
            }
            self.reset_stack_write_marks(at);
            match self.check_insn() {
                Ok(step) => {
                    self.commit_stack_write_marks();
                    match step {
                        Step::Next(next) => self.insn_idx = next,
                        Step::Back(next) => {
                            self.insn_idx = next;
                            print_state = true;
                        }
                        Step::End => break,
                    }
                }
                Err(stop) if is_recoverable(stop) => {
                    self.commit_stack_write_marks();
                    if !self.cur.speculative {
                        return Err(stop);
                    }
                    // A barrier in front of it keeps this path, which only a wrong prediction takes, from it.
                    self.aux[at].nospec = true;
                    self.aux[at].alu_state = 0;
                    break;
                }
                Err(stop) => return Err(stop),
            }
            if self.cur.speculative && self.aux[at].nospec_result {
                break;
            }
        }
        self.scratched_regs = u16::MAX;
        self.scratched_slots = u64::MAX;
        self.end_branch()?;
        self.update_live_stack();
        Ok(self.pop_path(prev).then_some(true))
    }

    /// Counts the instruction and compares states; true: the path need not be followed.
    fn begin_insn(&mut self, print_state: bool) -> Check<bool> {
        let at = self.insn_idx;
        let count = self.insns.len();
        if at >= count {
            return refuse!(self, EFAULT, "invalid insn idx {at} insn_cnt {count}\n");
        }
        self.stats.insns += 1;
        if self.stats.insns > self.options.max_insns {
            let processed = self.stats.insns;
            return refuse!(self, E2BIG, "BPF program is too large. Processed {processed} insn\n");
        }
        self.cur.last_insn_idx = self.prev_insn_idx;
        self.cur.insn_idx = at;
        if self.aux[at].prune_point && self.is_state_visited(at)? == Visited::Before {
            if self.log.wants_path() {
                let (prev, speculative) = (self.prev_insn_idx, self.speculative_text());
                if print_state {
                    verbose!(self, "\nfrom {prev} to {at}{speculative}: safe\n");
                } else {
                    verbose!(self, "{at}: safe\n");
                }
            }
            return Ok(true);
        }
        if self.aux[at].jmp_point {
            self.push_hist(None, false, false, 0);
        }
        Ok(false)
    }

    fn speculative_text(&self) -> &'static str {
        if self.cur.speculative { " (speculative execution)" } else { "" }
    }

    /// Prints what is known and the instruction.
    fn print_step(&mut self, print_state: &mut bool) {
        let (at, frame) = (self.insn_idx, self.cur.curframe());
        if self.log.wants_all() && *print_state {
            let (prev, speculative) = (self.prev_insn_idx, self.speculative_text());
            verbose!(self, "\nfrom {prev} to {at}{speculative}:");
            self.print_verifier_state(frame, true);
            *print_state = false;
        }
        if self.scratched_regs != 0 || self.scratched_slots != 0 {
            self.print_insn_state(frame);
        }
        self.verbose_linfo(at, "; ");
        self.prev_log_pos = self.log.pos();
        verbose!(self, "{at}: ");
        self.verbose_insn(at);
        self.prev_insn_print_pos = self.log.pos() - self.prev_log_pos;
        self.prev_log_pos = self.log.pos();
    }

    /// Checks the current instruction.
    fn check_insn(&mut self) -> Check<Step> {
        let insn = self.insn();
        let next = self.insn_idx + 1;
        match class(insn) {
            class::ALU | class::ALU64 => self.check_alu_op(insn)?,
            // Reserved fields were looked at when wide loads were resolved.
            class::LDX => self.check_load_mem(insn, false, mode(insn) == mode::MEMSX, true, "ldx")?,
            class::STX if mode(insn) == mode::ATOMIC => self.check_atomic(insn)?,
            class::STX => {
                if mode(insn) != mode::MEM || insn.imm != 0 {
                    return refuse!(self, EINVAL, "BPF_STX uses reserved fields\n");
                }
                self.check_store_reg(insn, false)?;
            }
            class::ST => {
                if mode(insn) != mode::MEM || insn.src != 0 {
                    return refuse!(self, EINVAL, "BPF_ST uses reserved fields\n");
                }
                self.check_store_imm(insn)?;
            }
            class::JMP | class::JMP32 => return self.check_jump(insn),
            _ => match mode(insn) {
                mode::ABS | mode::IND => return self.check_ld_abs(insn).map(Step::Next),
                mode::IMM => {
                    self.check_ld_imm(insn)?;
                    self.aux[next].seen |= !self.cur.speculative;
                    return Ok(Step::Next(next + 1));
                }
                _ => return refuse!(self, EINVAL, "invalid BPF_LD mode\n"),
            },
        }
        Ok(Step::Next(next))
    }

    fn check_jump(&mut self, insn: Insn) -> Check<Step> {
        self.stats.jmps += 1;
        let at = self.insn_idx;
        let narrow = class(insn) == class::JMP32;
        match op(insn) {
            op::CALL => self.check_call(insn, narrow),
            op::JA => {
                let other = if narrow { i32::from(insn.off) } else { insn.imm };
                if insn.code & 8 != 0 || insn.src != 0 || insn.dst != 0 || other != 0 {
                    return refuse!(self, EINVAL, "BPF_JA uses reserved fields\n");
                }
                let off = if narrow { insn.imm } else { i32::from(insn.off) };
                Ok(Step::Next((at as i64 + 1 + i64::from(off)) as usize))
            }
            op::EXIT => {
                if insn.code & 8 != 0 || insn.imm != 0 || insn.src != 0 || insn.dst != 0 || narrow {
                    return refuse!(self, EINVAL, "BPF_EXIT uses reserved fields\n");
                }
                self.check_exit(false)
            }
            _ => self.check_cond_jmp_op(insn).map(Step::Next),
        }
    }

    fn check_call(&mut self, insn: Insn, narrow: bool) -> Check<Step> {
        let at = self.insn_idx;
        let kind = insn.src;
        if insn.code & 8 != 0
            || (kind != pseudo::KFUNC_CALL && insn.off != 0)
            || !matches!(kind, 0 | pseudo::CALL | pseudo::KFUNC_CALL)
            || insn.dst != 0
            || narrow
        {
            return refuse!(self, EINVAL, "BPF_CALL uses reserved fields\n");
        }
        if self.cur.active_locks > 0 {
            let forbidden = match kind {
                0 => insn.imm != func::spin_unlock as i32,
                pseudo::KFUNC_CALL => insn.off != 0 || !self.kfunc_spin_allowed(insn.imm),
                _ => false,
            };
            if forbidden {
                return refuse!(self, EINVAL, "function calls are not allowed while holding a lock\n");
            }
        }
        let next = match kind {
            pseudo::CALL => self.check_func_call(at)?,
            pseudo::KFUNC_CALL => {
                let next = self.check_kfunc_call(at)?;
                if self.is_throw(insn) {
                    return self.check_exit(true);
                }
                next
            }
            _ => self.check_helper_call(at)?,
        };
        self.scratch(0);
        Ok(Step::Next(next))
    }

    /// The function ends (`process_bpf_exit_full`).
    fn check_exit(&mut self, exception_exit: bool) -> Check<Step> {
        let is_main = self.cur.curframe() == 0;
        let prefix = if exception_exit { "bpf_throw" } else { "BPF_EXIT instruction in main prog" };
        self.check_resource_leak(exception_exit, exception_exit || is_main, prefix)?;
        if exception_exit {
            return Ok(Step::End);
        }
        if !is_main {
            self.update_live_stack();
            return self.prepare_func_exit().map(Step::Back);
        }
        self.check_return_code(0, "R0")?;
        Ok(Step::End)
    }
}

/// Whether a barrier in front of the instruction makes a wrong prediction harmless (`error_recoverable_with_nospec`).
fn is_recoverable(stop: Stop) -> bool {
    matches!(stop.errno, Errno::EPERM | Errno::EACCES | Errno::EINVAL)
}
