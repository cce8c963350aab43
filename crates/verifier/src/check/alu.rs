//! Arithmetic (`check_alu_op`): what may be done to which register, and what it holds afterwards.

mod link;
mod mov;
mod pointer;
mod sanitize;

use skep_isa::{AluOp, End, Insn, Width};

use crate::access::RegUse;
use crate::code::{class, is_reg, op};
use crate::scalar::{self, Scalar};
use crate::state::reg::{Extra, Reg};
use crate::state::types::{Base, RegType};
use crate::stop::{Check, Stop, refuse, verbose};
use crate::verifier::Verifier;

pub(super) const fn width(insn: Insn) -> Width {
    match class(insn) {
        class::ALU64 | class::JMP => Width::W64,
        _ => Width::W32,
    }
}

/// How an operation is called in messages (`bpf_alu_string`).
const fn symbol(insn: Insn) -> &'static str {
    const SYMBOLS: [&str; 14] =
        ["+=", "-=", "*=", "/=", "|=", "&=", "<<=", ">>=", "neg", "%=", "^=", "=", "s>>=", "endian"];
    SYMBOLS[(op(insn) >> 4) as usize % SYMBOLS.len()]
}

/// The operation; those without one in the table are moves and swaps.
const fn alu_op(insn: Insn) -> AluOp {
    match op(insn) {
        op::ADD => AluOp::Add,
        op::SUB => AluOp::Sub,
        op::MUL => AluOp::Mul,
        op::DIV if insn.off == 1 => AluOp::SDiv,
        op::DIV => AluOp::Div,
        op::OR => AluOp::Or,
        op::AND => AluOp::And,
        op::LSH => AluOp::Lsh,
        op::RSH => AluOp::Rsh,
        op::NEG => AluOp::Neg,
        op::MOD if insn.off == 1 => AluOp::SMod,
        op::MOD => AluOp::Mod,
        op::XOR => AluOp::Xor,
        op::ARSH => AluOp::Arsh,
        _ => AluOp::Mov,
    }
}

/// Makes a register a number that is not known to be any other one.
fn forget_copies(reg: &mut Reg) {
    (reg.id, reg.off) = (0, 0);
}

impl Verifier<'_> {
    /// Arithmetic on registers (`check_alu_op`).
    pub(crate) fn check_alu_op(&mut self, insn: Insn) -> Check {
        match op(insn) {
            op::END | op::NEG => self.check_unary(insn)?,
            op::MOV => self.check_mov(insn)?,
            code if code > op::END => return refuse!(self, EINVAL, "invalid BPF_ALU opcode {code:x}\n"),
            _ => self.check_binary(insn)?,
        }
        self.check_reg_bounds(usize::from(insn.dst), "alu")
    }

    /// Whether what is known of a register contradicts itself (`reg_bounds_sanity_check`).
    pub(crate) fn check_reg_bounds(&mut self, regno: usize, context: &str) -> Check {
        let result = self.reg_mut(regno).scalar.sanity();
        self.report_violation(result, context)
    }

    /// Says that it does; an error only if the loader asked for that.
    pub(super) fn report_violation(&mut self, result: Result<(), scalar::Violation>, context: &str) -> Check {
        let Err(violation) = result else { return Ok(()) };
        verbose!(self, "verifier bug: {}\n", violation.text(context));
        if self.test_reg_invariants { Err(Stop::new(skep_abi::Errno::EFAULT)) } else { Ok(()) }
    }

    /// Negation and byte order.
    fn check_unary(&mut self, insn: Insn) -> Check {
        if op(insn) == op::NEG {
            if is_reg(insn) || insn.src != 0 || insn.off != 0 || insn.imm != 0 {
                return refuse!(self, EINVAL, "BPF_NEG uses reserved fields\n");
            }
        } else {
            let bits = matches!(insn.imm, 16 | 32 | 64);
            if insn.src != 0 || insn.off != 0 || !bits || (width(insn) == Width::W64 && is_reg(insn)) {
                return refuse!(self, EINVAL, "BPF_END uses reserved fields\n");
            }
        }
        let dst = usize::from(insn.dst);
        self.check_reg_arg(dst, RegUse::Src)?;
        if self.is_pointer_value(dst) {
            return refuse!(self, EACCES, "R{dst} pointer arithmetic prohibited\n");
        }
        if !self.reg(dst).is_scalar() {
            return self.check_reg_arg(dst, RegUse::Dst);
        }
        self.check_reg_arg(dst, RegUse::DstNoMark)?;
        let reg = self.reg_mut(dst);
        if op(insn) == op::NEG {
            scalar::alu(AluOp::Neg, width(insn), &mut reg.scalar, &Scalar::UNKNOWN);
            reg.extra = Extra::None;
            forget_copies(reg);
            return Ok(());
        }
        let kind = match (width(insn), is_reg(insn)) {
            (Width::W64, _) => End::Swap,
            (_, true) => End::ToBe,
            (_, false) => End::ToLe,
        };
        scalar::end(kind, insn.imm as u8, &mut reg.scalar);
        if kind != End::ToLe || insn.imm != 64 {
            forget_copies(reg);
        }
        Ok(())
    }

    /// Operations on two operands.
    fn check_binary(&mut self, insn: Insn) -> Check {
        let divides = matches!(op(insn), op::DIV | op::MOD);
        let shifts = matches!(op(insn), op::LSH | op::RSH | op::ARSH);
        let off_ok = insn.off == 0 || (insn.off == 1 && divides);
        let other = if is_reg(insn) { insn.imm } else { i32::from(insn.src) };
        if other != 0 || !off_ok {
            return refuse!(self, EINVAL, "BPF_ALU uses reserved fields\n");
        }
        if is_reg(insn) {
            self.check_reg_arg(usize::from(insn.src), RegUse::Src)?;
        }
        self.check_reg_arg(usize::from(insn.dst), RegUse::Src)?;
        if divides && !is_reg(insn) && insn.imm == 0 {
            return refuse!(self, EINVAL, "div by zero\n");
        }
        if shifts && !is_reg(insn) && !(0..width(insn).bits() as i32).contains(&insn.imm) {
            return refuse!(self, EINVAL, "invalid shift {}\n", insn.imm);
        }
        self.check_reg_arg(usize::from(insn.dst), RegUse::DstNoMark)?;
        self.adjust_reg(insn)
    }

    /// What the destination holds afterwards (`adjust_reg_min_max_vals`).
    fn adjust_reg(&mut self, insn: Insn) -> Check {
        let (dst, src) = (usize::from(insn.dst), usize::from(insn.src));
        let dst_reg = *self.reg(dst);
        let src_reg = if is_reg(insn) { *self.reg(src) } else { Reg::constant(insn.imm as u64) };
        if dst_reg.ty.is(Base::PtrToArena) || src_reg.ty.is(Base::PtrToArena) {
            // Anything may be done to a pointer into an arena.
            if !dst_reg.ty.is(Base::PtrToArena) {
                *self.reg_mut(dst) = src_reg;
            }
            self.reg_mut(dst).subreg_def = self.insn_idx as i32 + 1;
            return Ok(());
        }
        match (dst_reg.is_scalar(), src_reg.is_scalar()) {
            (false, false) if op(insn) == op::SUB && self.allow_ptr_leaks => {
                self.mark_reg_unknown(dst);
                Ok(())
            }
            (false, false) => {
                refuse!(self, EACCES, "R{dst} pointer {} pointer prohibited\n", symbol(insn))
            }
            (true, false) => {
                self.mark_chain_precision(dst)?;
                self.adjust_pointer(insn, false)
            }
            (false, true) => {
                if is_reg(insn) {
                    self.mark_chain_precision(src)?;
                }
                self.adjust_pointer(insn, true)
            }
            (true, true) => {
                if is_reg(insn) && dst_reg.precise {
                    self.mark_chain_precision(src)?;
                }
                self.adjust_scalar(insn, &src_reg.scalar)?;
                self.link_sum(insn, &src_reg, &dst_reg);
                Ok(())
            }
        }
    }

    /// Arithmetic on numbers (`adjust_scalar_min_max_vals`).
    fn adjust_scalar(&mut self, insn: Insn, src: &Scalar) -> Check {
        let (dst, op) = (usize::from(insn.dst), alu_op(insn));
        if !scalar::computable(op, width(insn), src) {
            self.mark_reg_unknown(dst);
            return Ok(());
        }
        if matches!(op, AluOp::Add | AluOp::Sub) {
            self.sanitize_number(insn)?;
        }
        if let Some(paths) = scalar::fork(op, &self.reg(dst).scalar, src) {
            self.fork(dst, paths)?;
        }
        scalar::alu(op, width(insn), &mut self.reg_mut(dst).scalar, src);
        Ok(())
    }

    /// Goes on with the second number in a register; with the first, later (`maybe_fork_scalars`).
    fn fork(&mut self, dst: usize, [zero, ones]: [Scalar; 2]) -> Check {
        let at = self.insn_idx;
        let before = self.reg(dst).scalar;
        let whole = (before.smin, before.smax) == (-1, 0);
        let mut state = self.cur.clone();
        for (frame, value) in [(state.cur_mut(), zero), (self.cur.cur_mut(), ones)] {
            let reg = &mut frame.regs[dst];
            reg.scalar = value;
            if whole {
                (reg.extra, reg.ref_obj_id) = (Extra::None, 0);
                forget_copies(reg);
            }
        }
        // With too many paths waiting Linux 6.18.44 has no answer that could be given here: it goes on with a path that it
        // did not get.
        self.push_pending(state, at, at).map_err(|_| Stop::new(skep_abi::Errno::ENOMEM))?;
        Ok(())
    }

    /// Makes a register a known number (`__mark_reg_known` on one that was marked unknown).
    fn set_number(&mut self, regno: usize, value: u64) {
        self.mark_reg_unknown(regno);
        let reg = self.reg_mut(regno);
        (reg.ty, reg.scalar) = (RegType::SCALAR, Scalar::constant(value));
    }
}
