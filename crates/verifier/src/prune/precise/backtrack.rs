//! One instruction back: what its result came from (`backtrack_insn`).

use skep_abi::helpers::func;
use skep_isa::Insn;

use super::ARGS;
use super::marks::Marks;
use crate::code::{class, is_reg, mode, op, pseudo};
use crate::state::Hist;
use crate::stop::{Check, refuse, verbose};
use crate::verifier::Verifier;

/// The trace is lost: what a number came from cannot be told.
pub(super) struct Lost;

const LOAD_ACQUIRE: i32 = 0x100;

impl Verifier<'_> {
    /// From the marks after an instruction to those before it. `subseq`: the instruction that came next.
    pub(super) fn backtrack_insn(
        &mut self,
        idx: usize,
        subseq: i64,
        hist: Option<&Hist>,
        marks: &mut Marks,
    ) -> Check<Result<(), Lost>> {
        let insn = self.insns[idx];
        if insn.code == 0 {
            return Ok(Ok(()));
        }
        if self.log.wants_all() {
            let (frame, regs, slots) =
                (marks.frame, marks.regs_text(marks.frame), marks.slots_text(marks.frame));
            verbose!(self, "mark_precise: frame{frame}: regs={regs} stack={slots} before {idx}: ");
            self.verbose_insn(idx);
        }
        let linked = hist.map_or(0, |it| it.linked);
        marks.sync(linked);
        let done = match class(insn) {
            class::ALU | class::ALU64 => trace_alu(insn, marks),
            class::JMP | class::JMP32 => {
                return self.trace_jump(insn, idx, subseq, hist, marks).map(|it| {
                    it.map(|done| {
                        if !done {
                            marks.sync(linked);
                        }
                    })
                });
            }
            class::LD => return Ok(trace_wide(insn, marks)),
            _ => match loads_into(insn) {
                Some(reg) => trace_load(reg, hist, marks),
                None => match trace_store(insn, hist, marks) {
                    Ok(done) => done,
                    Err(lost) => return Ok(Err(lost)),
                },
            },
        };
        if !done {
            marks.sync(linked);
        }
        Ok(Ok(()))
    }

    fn too_deep<T>(&mut self) -> Check<T> {
        refuse!(self, EFAULT, "verifier bug: subprog enter from frame 7\n")
    }

    /// Jumps, calls and exits; true: linked numbers need no second look.
    fn trace_jump(
        &mut self,
        insn: Insn,
        idx: usize,
        subseq: i64,
        hist: Option<&Hist>,
        marks: &mut Marks,
    ) -> Check<Result<bool, Lost>> {
        match op(insn) {
            op::CALL if class(insn) == class::JMP && insn.src == pseudo::CALL => {
                self.trace_local_call(insn, idx, subseq, marks).map(|()| Ok(true))
            }
            op::CALL if self.calls_back_now(insn) && subseq != idx as i64 + 1 => {
                // The beginning of a callback. What it was given is not what the helper was given.
                self.check_marks(marks, !ARGS, true, "callback")?;
                for regno in 1..=5 {
                    marks.clear_reg(regno);
                }
                if !marks.leave() {
                    return refuse!(self, EFAULT, "verifier bug: subprog exit from frame 0\n");
                }
                Ok(Ok(true))
            }
            op::CALL => {
                if insn.src == pseudo::KFUNC_CALL && insn.imm == 0 {
                    return Ok(Err(Lost));
                }
                marks.clear_reg(0);
                self.check_marks(marks, ARGS, false, "backtracking call")?;
                // A tail call that was made ended the function.
                let ended = insn.src == 0 && insn.imm == func::tail_call as i32 && subseq != idx as i64 + 1;
                if ended && !marks.enter() {
                    return self.too_deep();
                }
                Ok(Ok(false))
            }
            op::EXIT => self.trace_exit(subseq, marks).map(|()| Ok(true)),
            _ if is_reg(insn) && op(insn) != op::JA => {
                let (dst, src) = (usize::from(insn.dst), usize::from(insn.src));
                if !marks.has_reg(dst) && !marks.has_reg(src) {
                    return Ok(Ok(true));
                }
                if !hist.is_some_and(|it| it.src_is_stack) {
                    marks.set_reg(src);
                }
                if !hist.is_some_and(|it| it.dst_is_stack) {
                    marks.set_reg(dst);
                }
                Ok(Ok(false))
            }
            _ => Ok(Ok(false)),
        }
    }

    fn trace_local_call(&mut self, insn: Insn, idx: usize, subseq: i64, marks: &mut Marks) -> Check {
        let start = (idx as i64 + i64::from(insn.imm) + 1) as usize;
        let Some(subprog) = self.subprog_at(start) else {
            return refuse!(self, EFAULT, "verifier bug: no subprog at insn {start}\n");
        };
        if self.subprogs[subprog].is_global {
            if subseq != idx as i64 + 1 {
                return refuse!(self, EFAULT, "verifier bug: extra insn from subprog\n");
            }
            self.check_marks(marks, ARGS, false, "global subprog")?;
            marks.clear_reg(0);
            return Ok(());
        }
        // The beginning of the function: its arguments are the caller's.
        self.check_marks(marks, !ARGS, true, "static subprog")?;
        let args: Vec<usize> = marks.regs_of(marks.frame).collect();
        let frame = marks.frame;
        if !marks.leave() {
            return refuse!(self, EFAULT, "verifier bug: subprog exit from frame 0\n");
        }
        for regno in args {
            marks.clear_frame_reg(frame, regno);
            marks.set_reg(regno);
        }
        Ok(())
    }

    /// The end of a function: what comes after it was the caller's.
    fn trace_exit(&mut self, subseq: i64, marks: &mut Marks) -> Check {
        let from_call = subseq >= 1 && {
            let call = self.insns[subseq as usize - 1];
            class(call) == class::JMP && op(call) == op::CALL && call.src == pseudo::CALL
        };
        let result_matters = from_call && marks.has_reg(0);
        if usize::try_from(subseq).is_ok_and(|call| self.aux[call].calls_callback) {
            // What the helper was given is not what it gave to its callback.
            for regno in 1..=5 {
                marks.clear_reg(regno);
            }
        }
        self.check_marks(marks, ARGS, false, "backtracking exit")?;
        marks.clear_reg(0);
        if !marks.enter() {
            return self.too_deep();
        }
        if result_matters {
            marks.set_reg(0);
        }
        Ok(())
    }

    /// Marks that must not be there would mean that the trace is wrong.
    fn check_marks(&mut self, marks: &Marks, forbidden: u16, no_slots: bool, what: &str) -> Check {
        let (regs, slots) = (marks.regs(), marks.slots());
        if regs & forbidden & 0x7ff != 0 {
            return refuse!(self, EFAULT, "verifier bug: {what} unexpected regs {regs:x}\n");
        }
        if no_slots && slots != 0 {
            return refuse!(self, EFAULT, "verifier bug: {what} unexpected stack slots {slots:x}\n");
        }
        Ok(())
    }

    /// Whether the call calls back before it returns (`is_sync_callback_calling_insn`).
    pub(crate) fn calls_back_now(&self, insn: Insn) -> bool {
        match insn.src {
            0 => matches!(
                insn.imm as u32,
                func::for_each_map_elem | func::find_vma | func::r#loop | func::user_ringbuf_drain
            ),
            pseudo::KFUNC_CALL => self.is_sync_callback_kfunc(insn),
            _ => false,
        }
    }
}

fn trace_alu(insn: Insn, marks: &mut Marks) -> bool {
    let (dst, src) = (usize::from(insn.dst), usize::from(insn.src));
    if !marks.has_reg(dst) {
        return true;
    }
    match op(insn) {
        op::END | op::NEG => return true,
        op::MOV => {
            marks.clear_reg(dst);
            if is_reg(insn) && src != 10 {
                marks.set_reg(src);
            }
        }
        _ if is_reg(insn) && src != 10 => marks.set_reg(src),
        _ => {}
    }
    false
}

/// Wide loads, and loads of packet bytes. What Linux 6.18 does with the latter where one ended a function is not sound,
/// but it only ever refuses more.
fn trace_wide(insn: Insn, marks: &mut Marks) -> Result<(), Lost> {
    if !marks.has_reg(usize::from(insn.dst)) {
        return Ok(());
    }
    marks.clear_reg(usize::from(insn.dst));
    if matches!(mode(insn), mode::ABS | mode::IND) { Err(Lost) } else { Ok(()) }
}

/// The register that an instruction loads from memory into. Linux 6.18 does not count atomics that fetch: what they
/// fetch is marked where it is, and not traced further.
fn loads_into(insn: Insn) -> Option<usize> {
    let acquires = class(insn) == class::STX && mode(insn) == mode::ATOMIC && insn.imm == LOAD_ACQUIRE;
    (class(insn) == class::LDX || acquires).then_some(usize::from(insn.dst))
}

fn trace_load(reg: usize, hist: Option<&Hist>, marks: &mut Marks) -> bool {
    if !marks.has_reg(reg) {
        return true;
    }
    marks.clear_reg(reg);
    // A number can be kept on the stack only; one from elsewhere was unknown, or was marked when it was loaded.
    match hist.and_then(|it| it.stack) {
        Some(slot) => {
            marks.set_slot(slot.frame.into(), slot.spi.into());
            false
        }
        None => true,
    }
}

fn trace_store(insn: Insn, hist: Option<&Hist>, marks: &mut Marks) -> Result<bool, Lost> {
    if marks.has_reg(usize::from(insn.dst)) {
        // A pointer that matters as a number: pointers were subtracted.
        return Err(Lost);
    }
    let Some(slot) = hist.and_then(|it| it.stack) else { return Ok(true) };
    let (frame, spi) = (slot.frame.into(), slot.spi.into());
    if !marks.has_slot(frame, spi) {
        return Ok(true);
    }
    marks.clear_frame_slot(frame, spi);
    if class(insn) == class::STX {
        marks.set_reg(usize::from(insn.src));
    }
    Ok(false)
}
