//! Load and store instructions.

use skep_isa::Insn;

use crate::access::{Access, RegUse};
use crate::code::size;
use crate::state::types::{Base, Flags, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// A load (`check_load_mem`); `ctx` names the instruction in messages.
    pub(crate) fn check_load_mem(
        &mut self,
        insn: Insn,
        strict_alignment_once: bool,
        is_ldsx: bool,
        allow_trust_mismatch: bool,
        ctx: &str,
    ) -> Check {
        let (src, dst) = (usize::from(insn.src), usize::from(insn.dst));
        self.check_reg_arg(src, RegUse::Src)?;
        self.check_reg_arg(dst, RegUse::DstNoMark)?;
        let ty = self.reg(src).ty;
        self.check_mem_access(
            self.insn_idx,
            src,
            i32::from(insn.off),
            size(insn),
            Access::Read,
            Some(dst),
            strict_alignment_once,
            is_ldsx,
        )?;
        self.save_aux_ptr_type(ty, allow_trust_mismatch)?;
        self.check_reg_bounds(dst, ctx)
    }

    /// A store of a register (`check_store_reg`).
    pub(crate) fn check_store_reg(&mut self, insn: Insn, strict_alignment_once: bool) -> Check {
        self.check_reg_arg(usize::from(insn.src), RegUse::Src)?;
        self.check_store(insn, Some(usize::from(insn.src)), strict_alignment_once)
    }

    /// A store of an immediate.
    pub(crate) fn check_store_imm(&mut self, insn: Insn) -> Check {
        self.check_store(insn, None, false)
    }

    fn check_store(&mut self, insn: Insn, value: Option<usize>, strict_alignment_once: bool) -> Check {
        let dst = usize::from(insn.dst);
        self.check_reg_arg(dst, RegUse::Src)?;
        let ty = self.reg(dst).ty;
        self.check_mem_access(
            self.insn_idx,
            dst,
            i32::from(insn.off),
            size(insn),
            Access::Write,
            value,
            strict_alignment_once,
            false,
        )?;
        self.save_aux_ptr_type(ty, false)
    }

    /// Keeps what kind of pointer the instruction goes through; engines make different code of some, so that all paths
    /// have to agree (`save_aux_ptr_type`).
    pub(super) fn save_aux_ptr_type(&mut self, ty: RegType, allow_trust_mismatch: bool) -> Check {
        let Some(before) = self.cur_aux().ptr_type.filter(|it| it.base != Base::NotInit) else {
            self.cur_aux().ptr_type = Some(ty);
            return Ok(());
        };
        if before == ty || (may_mix(before) && may_mix(ty)) {
            return Ok(());
        }
        let is_probed = |it: RegType| matches!(it.base, Base::PtrToMem | Base::PtrToBtfId);
        if !(allow_trust_mismatch && is_probed(ty) && is_probed(before)) {
            return refuse!(self, EINVAL, "same insn cannot be used with different pointers\n");
        }
        let is_mem = ty.base == Base::PtrToMem || before.base == Base::PtrToMem;
        let base = if is_mem { Base::PtrToMem } else { Base::PtrToBtfId };
        let flags = (ty.flags | before.flags) & (Flags::UNTRUSTED | Flags::RDONLY);
        self.cur_aux().ptr_type = Some(RegType::with(base, flags));
        Ok(())
    }
}

/// Whether an access through this kind of pointer stays the instruction that it is, so that another path may bring
/// another kind (`reg_type_mismatch_ok`).
const fn may_mix(ty: RegType) -> bool {
    !matches!(
        ty.base,
        Base::PtrToCtx
            | Base::PtrToSocket
            | Base::PtrToSockCommon
            | Base::PtrToTcpSock
            | Base::PtrToXdpSock
            | Base::PtrToBtfId
            | Base::PtrToArena
    )
}
