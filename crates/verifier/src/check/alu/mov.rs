//! Moves.

use skep_abi::MapType;
use skep_isa::{AluOp, Insn, Width};

use super::{forget_copies, width};
use crate::access::RegUse;
use crate::code::is_reg;
use crate::scalar;
use crate::state::reg::ADD_CONST;
use crate::state::types::{Base, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

/// `off` of a conversion of address spaces (`BPF_ADDR_SPACE_CAST`).
const ADDR_SPACE_CAST: i16 = 1;
/// `imm` of the conversion from space 1 (the arena) to 0 (the kernel): what is loaded through it has to be checked.
const FROM_ARENA: i32 = 1;
/// The other way round.
const TO_ARENA: i32 = 1 << 16;

impl Verifier<'_> {
    pub(super) fn check_mov(&mut self, insn: Insn) -> Check {
        if is_reg(insn) {
            self.check_mov_fields(insn)?;
            self.check_reg_arg(usize::from(insn.src), RegUse::Src)?;
        } else if insn.src != 0 || insn.off != 0 {
            return self.mov_reserved();
        }
        let dst = usize::from(insn.dst);
        self.check_reg_arg(dst, RegUse::DstNoMark)?;
        match (is_reg(insn), width(insn)) {
            (true, Width::W64) => self.mov64(insn),
            (true, Width::W32) => self.mov32(insn),
            (false, Width::W64) => {
                self.set_number(dst, insn.imm as u64);
                Ok(())
            }
            (false, Width::W32) => {
                self.set_number(dst, u64::from(insn.imm as u32));
                Ok(())
            }
        }
    }

    fn mov_reserved(&mut self) -> Check {
        refuse!(self, EINVAL, "BPF_MOV uses reserved fields\n")
    }

    fn check_mov_fields(&mut self, insn: Insn) -> Check {
        let extends = match width(insn) {
            Width::W64 => matches!(insn.off, 0 | 8 | 16 | 32),
            Width::W32 => matches!(insn.off, 0 | 8 | 16),
        };
        if width(insn) == Width::W64 && insn.off == ADDR_SPACE_CAST {
            if !matches!(insn.imm, FROM_ARENA | TO_ARENA) {
                return refuse!(
                    self,
                    EINVAL,
                    "addr_space_cast insn can only convert between address space 1 and 0\n"
                );
            }
            if !self.maps.iter().any(|map| map.kind == MapType::Arena) {
                return refuse!(
                    self,
                    EINVAL,
                    "addr_space_cast insn can only be used in a program that has an associated arena\n"
                );
            }
            return Ok(());
        }
        if !extends || insn.imm != 0 { self.mov_reserved() } else { Ok(()) }
    }

    fn mov64(&mut self, insn: Insn) -> Check {
        let (dst, src) = (usize::from(insn.dst), usize::from(insn.src));
        if insn.imm != 0 {
            self.mark_reg_unknown(dst);
            if insn.imm == FROM_ARENA {
                let subreg_def = self.insn_idx as i32 + 1;
                let reg = self.reg_mut(dst);
                (reg.ty, reg.subreg_def) = (RegType::of(Base::PtrToArena), subreg_def);
            }
            return Ok(());
        }
        if insn.off == 0 {
            self.assign_scalar_id_before_mov(src);
            *self.reg_mut(dst) = *self.reg(src);
            self.reg_mut(dst).subreg_def = 0;
            return Ok(());
        }
        if self.is_pointer_value(src) {
            return refuse!(self, EACCES, "R{src} sign-extension part of pointer\n");
        }
        if !self.reg(src).is_scalar() {
            self.mark_reg_unknown(dst);
            return Ok(());
        }
        self.copy_if_same(dst, src, self.reg(src).scalar.umax < 1 << (insn.off - 1));
        let reg = self.reg_mut(dst);
        reg.scalar.sign_extend(insn.off as u32 / 8);
        reg.subreg_def = 0;
        Ok(())
    }

    fn mov32(&mut self, insn: Insn) -> Check {
        let (dst, src) = (usize::from(insn.dst), usize::from(insn.src));
        if self.is_pointer_value(src) {
            return refuse!(self, EACCES, "R{src} partial copy of pointer\n");
        }
        let from = *self.reg(src);
        if from.is_scalar() {
            let same_below = if insn.off == 0 { 1 << 32 } else { 1 << (insn.off - 1) };
            self.copy_if_same(dst, src, from.scalar.umax < same_below);
            self.reg_mut(dst).subreg_def = self.insn_idx as i32 + 1;
        } else {
            self.mark_reg_unknown(dst);
        }
        let op = match insn.off {
            8 if from.is_scalar() => AluOp::MovSx8,
            16 if from.is_scalar() => AluOp::MovSx16,
            _ => AluOp::Mov,
        };
        let number = self.reg(dst).scalar;
        scalar::alu(op, Width::W32, &mut self.reg_mut(dst).scalar, &number);
        Ok(())
    }

    /// Copies a number; the two are known to be equal only if the move does not change it.
    fn copy_if_same(&mut self, dst: usize, src: usize, same: bool) {
        if same {
            self.assign_scalar_id_before_mov(src);
        }
        *self.reg_mut(dst) = *self.reg(src);
        if !same {
            forget_copies(self.reg_mut(dst));
        }
    }

    /// Gives an unknown number an id, for its copies to have (`assign_scalar_id_before_mov`).
    pub(crate) fn assign_scalar_id_before_mov(&mut self, regno: usize) {
        let reg = self.reg_mut(regno);
        if !reg.is_scalar() {
            return;
        }
        if reg.id & ADD_CONST != 0 {
            // A sum of a sum is not kept.
            forget_copies(reg);
        }
        if reg.id == 0 && !reg.scalar.is_const() {
            let id = self.new_id();
            self.reg_mut(regno).id = id;
        }
    }
}
