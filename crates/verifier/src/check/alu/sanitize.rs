//! Masking of pointer arithmetic, for programs without `CAP_PERFMON`: a wrong prediction must not let an offset leave
//! what the pointer points to (`sanitize_ptr_alu`).

use skep_abi::Errno;
use skep_isa::Insn;

use super::pointer::{Arith, prohibited};
use crate::code::{is_reg, op};
use crate::state::reg::Reg;
use crate::state::stack::MAX_STACK;
use crate::state::types::Base;
use crate::stop::{Check, Stop, verbose};
use crate::verifier::Verifier;

/// The number is masked (`BPF_ALU_SANITIZE_SRC`).
const SANITIZE_SRC: u8 = 1;
/// The pointer is (`BPF_ALU_SANITIZE_DST`).
const SANITIZE_DST: u8 = 2;
/// The number is negative (`BPF_ALU_NEG_VALUE`).
const NEG_VALUE: u8 = 4;
/// Both are numbers (`BPF_ALU_NON_POINTER`).
const NON_POINTER: u8 = 8;
/// The number is known (`BPF_ALU_IMMEDIATE`).
const IMMEDIATE: u8 = 16;

/// What the first of the two looks at an instruction leaves for the second.
#[derive(Clone, Copy, Default)]
pub(super) struct Sanitize {
    state: u8,
    limit: u32,
    to_left: bool,
}

/// Why arithmetic cannot be masked (`REASON_*`).
#[derive(Clone, Copy)]
enum Reason {
    Bounds,
    Type,
    Paths,
    Limit,
    Stack,
}

impl Verifier<'_> {
    fn can_skip_sanitation(&self, insn: Insn) -> bool {
        self.bypass_spec_v1 || !is_reg(insn) || self.aux[self.insn_idx].nospec
    }

    /// Sums of numbers may not be sums of pointers on another path (`sanitize_val_alu`).
    pub(super) fn sanitize_number(&mut self, insn: Insn) -> Check {
        if self.can_skip_sanitation(insn) {
            return Ok(());
        }
        self.update_sanitation(NON_POINTER, 0)
            .map_err(|reason| self.say_why(insn, reason, usize::from(insn.dst), usize::from(insn.src)))
    }

    /// Looks at a sum with a pointer before (`commit` is false) and after it is computed.
    pub(super) fn sanitize_pointer(&mut self, arith: &Arith, info: &mut Sanitize, commit: bool) -> Check {
        if self.can_skip_sanitation(arith.insn) {
            return Ok(());
        }
        let result = if commit { self.commit_mask(arith, info) } else { self.begin_mask(arith, info) };
        let (dst, src) = (arith.dst, usize::from(arith.insn.src));
        let (number, pointer) = if arith.ptr_is_dst { (src, dst) } else { (dst, src) };
        result.map_err(|reason| self.say_why(arith.insn, reason, number, pointer))
    }

    fn begin_mask(&mut self, arith: &Arith, info: &mut Sanitize) -> Result<(), Reason> {
        let number = arith.off.scalar;
        let (known, negative) = (number.is_const(), number.smin < 0);
        if !self.cur.speculative {
            if !known && negative != (number.smax < 0) {
                return Err(Reason::Bounds);
            }
            info.to_left = (op(arith.insn) == op::ADD) == negative;
            let limit = self.pointer_limit(&arith.ptr, info.to_left)?;
            let side = if arith.ptr_is_dst { SANITIZE_SRC } else { SANITIZE_DST };
            let state = if negative { NEG_VALUE } else { 0 } | if known { IMMEDIATE } else { 0 } | side;
            if !known {
                self.explore_alu_limits = true;
            }
            (info.state, info.limit) = (state, limit);
        }
        if known { Ok(()) } else { self.explore_masked(arith) }
    }

    fn commit_mask(&mut self, arith: &Arith, info: &Sanitize) -> Result<(), Reason> {
        if self.cur.speculative {
            return Ok(());
        }
        let reg = *self.reg(arith.dst);
        let limit = self.pointer_limit(&reg, info.to_left)?;
        let moved = (info.limit.wrapping_sub(limit) as i32).unsigned_abs();
        self.update_sanitation(info.state, moved)
    }

    /// A path on which the masked number is 0: the pointer stays where it is.
    fn explore_masked(&mut self, arith: &Arith) -> Result<(), Reason> {
        let saved = *self.reg(arith.dst);
        if !arith.ptr_is_dst {
            *self.reg_mut(arith.dst) = arith.ptr;
        }
        let at = self.insn_idx;
        self.sanitize_speculative_path(None, at + 1, at).map_err(|_| Reason::Stack)?;
        *self.reg_mut(arith.dst) = saved;
        Ok(())
    }

    /// Lets a path wait that only a wrong prediction takes; after a branch, what it compared may be anything there
    /// (`sanitize_speculative_path`).
    pub(in crate::check) fn sanitize_speculative_path(
        &mut self,
        branch: Option<Insn>,
        next: usize,
        at: usize,
    ) -> Check {
        let precise = !self.bpf_capable;
        let state = self.push_stack(next, at, true)?;
        let Some(insn) = branch else { return Ok(()) };
        let regs = &mut state.cur_mut().regs;
        let mut forget = |regno: u8| {
            let reg = &mut regs[usize::from(regno)];
            *reg = Reg { subreg_def: reg.subreg_def, ..Reg::unknown(precise) };
        };
        forget(insn.dst);
        if is_reg(insn) {
            forget(insn.src);
        }
        Ok(())
    }

    /// How far the pointer may move (`retrieve_ptr_limit`).
    fn pointer_limit(&self, ptr: &Reg, to_left: bool) -> Result<u32, Reason> {
        let (max, limit) = match (ptr.ty.base, ptr.map()) {
            _ if !ptr.ty.flags.is_empty() => return Err(Reason::Type),
            (Base::PtrToStack, _) => {
                let off = ptr.scalar.var_off.value.wrapping_add(i64::from(ptr.off) as u64);
                (MAX_STACK as u32 + u32::from(to_left), off.wrapping_neg() as u32)
            }
            (Base::PtrToMapValue, Some(map)) => {
                let end = if to_left { ptr.scalar.smin as u64 } else { ptr.scalar.umax };
                (self.map(map).value_size, end.wrapping_add(i64::from(ptr.off) as u64) as u32)
            }
            _ => return Err(Reason::Type),
        };
        if limit >= max { Err(Reason::Limit) } else { Ok(limit) }
    }

    /// All paths through an instruction have to be masked alike (`update_alu_sanitation_state`).
    fn update_sanitation(&mut self, state: u8, limit: u32) -> Result<(), Reason> {
        let aux = self.cur_aux();
        if aux.alu_state != 0 && (aux.alu_state, aux.alu_limit) != (state, limit) {
            return Err(Reason::Paths);
        }
        (aux.alu_state, aux.alu_limit) = (state, limit);
        Ok(())
    }

    /// Says why (`sanitize_err`).
    fn say_why(&mut self, insn: Insn, reason: Reason, number: usize, pointer: usize) -> Stop {
        const END: &str = "pointer arithmetic with it prohibited for !root";
        let dst = insn.dst;
        let verb = if op(insn) == op::ADD { "add" } else { "sub" };
        match reason {
            Reason::Bounds => {
                verbose!(self, "R{number} has unknown scalar with mixed signed bounds, {END}\n");
            }
            Reason::Type => {
                verbose!(self, "R{pointer} has pointer with unsupported alu operation, {END}\n");
            }
            Reason::Paths => {
                verbose!(self, "R{dst} tried to {verb} from different maps, paths or scalars, {END}\n");
            }
            Reason::Limit => verbose!(self, "R{dst} tried to {verb} beyond pointer bounds, {END}\n"),
            Reason::Stack => {
                verbose!(self, "R{dst} could not be pushed for speculative verification, {END}\n");
                return Stop::new(Errno::ENOMEM);
            }
        }
        prohibited()
    }
}
