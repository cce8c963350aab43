//! Branches (`check_cond_jmp_op`): which way they go, and what each way tells.

mod link;
mod null;
mod packet;
mod taken;

use skep_abi::Errno;
use skep_isa::{Insn, JmpOp};

use super::alu::width;
use crate::access::RegUse;
use crate::call::iter::widen_imprecise_scalars;
use crate::code::{class, is_reg, op};
use crate::scalar::{refine, refine_same};
use crate::state::State;
use crate::state::linked::LinkedRegs;
use crate::state::reg::Reg;
use crate::state::types::Base;
use crate::stop::{Check, Stop, refuse};
use crate::verifier::Verifier;

/// One of the two ways of a branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    /// It falls through: the current state.
    Falls,
    /// It jumps: the state that was put to wait last.
    Jumps,
}

const SIDES: [Side; 2] = [Side::Falls, Side::Jumps];

fn jmp_op(insn: Insn) -> Option<JmpOp> {
    Some(match op(insn) {
        op::JEQ => JmpOp::Eq,
        op::JNE => JmpOp::Ne,
        op::JGT => JmpOp::Gt,
        op::JGE => JmpOp::Ge,
        op::JLT => JmpOp::Lt,
        op::JLE => JmpOp::Le,
        op::JSGT => JmpOp::Sgt,
        op::JSGE => JmpOp::Sge,
        op::JSLT => JmpOp::Slt,
        op::JSLE => JmpOp::Sle,
        op::JSET => JmpOp::Set,
        _ => return None,
    })
}

/// What the branch compares.
struct Compared {
    insn: Insn,
    op: JmpOp,
    dst: usize,
    /// The other register; `None`: it is an immediate.
    src: Option<usize>,
}

impl Compared {
    /// The instruction that it jumps to.
    fn target(&self, at: usize) -> usize {
        (at as i64 + 1 + i64::from(self.insn.off)) as usize
    }
}

impl Verifier<'_> {
    /// A conditional jump (`check_cond_jmp_op`); gives the next instruction.
    pub(crate) fn check_cond_jmp_op(&mut self, insn: Insn) -> Check<usize> {
        if op(insn) == op::JCOND {
            return self.check_may_goto(insn);
        }
        let Some(jmp) = jmp_op(insn) else {
            return refuse!(self, EINVAL, "invalid BPF_JMP/JMP32 opcode {:x}\n", op(insn));
        };
        let src = is_reg(insn).then_some(usize::from(insn.src));
        let branch = Compared { insn, op: jmp, dst: usize::from(insn.dst), src };
        self.check_operands(&branch)?;
        let other = self.other(&branch);
        if let Some(taken) = self.branch_taken(&branch, &other) {
            self.aux[self.insn_idx].taken |= if taken { 2 } else { 1 };
            return self.go_one_way(&branch, &other, taken);
        }
        self.aux[self.insn_idx].taken |= 3;
        let linked = self.collect_linked(&branch, &other);
        let at = self.insn_idx;
        self.push_stack(branch.target(at), at, false).map_err(|_| Stop::new(Errno::EFAULT))?;
        self.refine_sides(&branch, &other)?;
        self.sync_linked(&branch, &linked);
        self.equal_to_not_null(&branch, &other);
        self.check_pointers(&branch)?;
        self.print_branch();
        Ok(at + 1)
    }

    /// The bounded loop's branch: it goes on at the target, and what follows waits.
    fn check_may_goto(&mut self, insn: Insn) -> Check<usize> {
        let at = self.insn_idx;
        if class(insn) != class::JMP || is_reg(insn) || insn.src != 0 || insn.dst != 0 || insn.imm != 0 {
            return refuse!(self, EINVAL, "invalid may_goto imm {}\n", insn.imm);
        }
        let parent = self.cur.parent.map(|nr| self.explored.get(nr).dfs_depth);
        let prev = parent.and_then(|depth| self.find_prev_entry(depth, at));
        self.push_stack(at + 1, at, false).map_err(|_| Stop::new(Errno::ENOMEM))?;
        let precise = !self.bpf_capable;
        if let Some(queued) = self.pending.last_mut() {
            queued.state.may_goto_depth += 1;
            if let Some(prev) = prev {
                widen_imprecise_scalars(self.explored.get(prev), &mut queued.state, precise);
            }
        }
        Ok((at as i64 + 1 + i64::from(insn.off)) as usize)
    }

    fn check_operands(&mut self, branch: &Compared) -> Check {
        self.check_reg_arg(branch.dst, RegUse::Src)?;
        let on_stack = |reg: &Reg| reg.ty.is(Base::PtrToStack);
        let mut src_is_stack = false;
        match branch.src {
            None if branch.insn.src != 0 => {
                return refuse!(self, EINVAL, "BPF_JMP/JMP32 uses reserved fields\n");
            }
            None => {}
            Some(_) if branch.insn.imm != 0 => {
                return refuse!(self, EINVAL, "BPF_JMP/JMP32 uses reserved fields\n");
            }
            Some(src) => {
                self.check_reg_arg(src, RegUse::Src)?;
                let packets = packet::is_any(self.reg(branch.dst)) && packet::is_any(self.reg(src));
                if !packets && self.is_pointer_value(src) {
                    return refuse!(self, EACCES, "R{src} pointer comparison prohibited\n");
                }
                src_is_stack = on_stack(self.reg(src));
            }
        }
        let dst_is_stack = on_stack(self.reg(branch.dst));
        if dst_is_stack || src_is_stack {
            self.push_hist(None, dst_is_stack, src_is_stack, 0);
        }
        Ok(())
    }

    /// What is compared with.
    fn other(&self, branch: &Compared) -> Reg {
        match branch.src {
            Some(src) => *self.reg(src),
            None => Reg::constant(branch.insn.imm as u64),
        }
    }

    /// The branch always goes the same way: so what is compared matters, and the other way is one for wrong predictions.
    fn go_one_way(&mut self, branch: &Compared, other: &Reg, taken: bool) -> Check<usize> {
        if self.reg(branch.dst).is_scalar() {
            self.mark_chain_precision(branch.dst)?;
        }
        if let Some(src) = branch.src.filter(|_| other.is_scalar()) {
            self.mark_chain_precision(src)?;
        }
        let at = self.insn_idx;
        let (next, not) = if taken { (branch.target(at), at + 1) } else { (at + 1, branch.target(at)) };
        if !self.bypass_spec_v1 {
            self.sanitize_speculative_path(Some(branch.insn), not, at)
                .map_err(|_| Stop::new(Errno::EFAULT))?;
        }
        self.print_branch();
        Ok(next)
    }

    fn print_branch(&mut self) {
        if self.log.wants_path() {
            self.print_insn_state(self.cur.curframe());
        }
    }

    fn side(&mut self, side: Side) -> &mut State {
        match (side, self.pending.last_mut()) {
            (Side::Jumps, Some(pending)) => &mut pending.state,
            _ => &mut self.cur,
        }
    }

    /// What each way tells of two numbers (`reg_set_min_max`).
    fn refine_sides(&mut self, branch: &Compared, other: &Reg) -> Check {
        let dst = *self.reg(branch.dst);
        if !dst.is_scalar() || !other.is_scalar() {
            return Ok(());
        }
        let (op, width) = (branch.op, width(branch.insn));
        let sides = [true, false].map(|holds| {
            let (mut a, mut b) = (dst.scalar, other.scalar);
            if branch.src == Some(branch.dst) {
                refine_same(op, width, holds, &mut a);
                b = a;
            } else {
                refine(op, width, holds, &mut a, &mut b);
            }
            (a, b)
        });
        let names = [["true_reg1", "true_reg2"], ["false_reg1", "false_reg2"]];
        for ((side, (mut a, mut b)), [a_name, b_name]) in
            [Side::Jumps, Side::Falls].into_iter().zip(sides).zip(names)
        {
            let result = a.sanity();
            self.report_violation(result, a_name)?;
            if branch.src == Some(branch.dst) {
                b = a;
            }
            let result = b.sanity();
            self.report_violation(result, b_name)?;
            let regs = &mut self.side(side).cur_mut().regs;
            regs[branch.dst].scalar = a;
            if let Some(src) = branch.src {
                regs[src].scalar = b;
            }
        }
        Ok(())
    }

    /// What each way tells of pointers: whether they are NULL, how far the packet goes.
    fn check_pointers(&mut self, branch: &Compared) -> Check {
        let dst = *self.reg(branch.dst);
        let with_null = branch.src.is_none()
            && branch.insn.imm == 0
            && class(branch.insn) == class::JMP
            && matches!(branch.op, JmpOp::Eq | JmpOp::Ne);
        if with_null && dst.ty.may_be_null() {
            for side in SIDES {
                let is_null = (branch.op == JmpOp::Eq) == (side == Side::Jumps);
                self.mark_null_or_not(side, branch.dst, is_null);
            }
            return Ok(());
        }
        if !self.match_packet_pointers(branch) && self.is_pointer_value(branch.dst) {
            return refuse!(self, EACCES, "R{} pointer comparison prohibited\n", branch.dst);
        }
        Ok(())
    }

    /// Numbers that are known to be the same as those compared, or to differ from them by a constant. All of them are kept
    /// with the step, before the state is copied: backtracking needs them.
    fn collect_linked(&mut self, branch: &Compared, other: &Reg) -> LinkedRegs {
        let mut linked = LinkedRegs::default();
        if branch.src.is_some() && other.is_scalar() && other.id != 0 {
            self.collect_linked_regs(other.id, &mut linked);
        }
        let dst = *self.reg(branch.dst);
        if dst.is_scalar() && dst.id != 0 {
            self.collect_linked_regs(dst.id, &mut linked);
        }
        if linked.as_slice().len() > 1 {
            self.push_hist(None, false, false, linked.pack());
        }
        linked
    }

    fn sync_linked(&mut self, branch: &Compared, linked: &LinkedRegs) {
        for regno in [branch.src, Some(branch.dst)].into_iter().flatten() {
            let reg = self.reg(regno);
            if reg.is_scalar() && reg.id != 0 {
                for side in SIDES {
                    link::sync_linked_regs(self.side(side), regno, linked);
                }
            }
        }
    }
}
