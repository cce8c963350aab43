//! Wide loads, and loads of packet bytes by the classic instructions.

use skep_abi::{MapType, ProgType};
use skep_isa::Insn;

use crate::access::RegUse;
use crate::aux::VarType;
use crate::code::{mode, pseudo, size};
use crate::scalar::Scalar;
use crate::state::reg::{Extra, Reg};
use crate::state::types::{Base, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// A wide load (`check_ld_imm`).
    pub(super) fn check_ld_imm(&mut self, insn: Insn) -> Check {
        if size(insn) != 8 {
            return refuse!(self, EINVAL, "invalid BPF_LD_IMM insn\n");
        }
        if insn.off != 0 {
            return refuse!(self, EINVAL, "BPF_LD_IMM64 uses reserved fields\n");
        }
        let dst = usize::from(insn.dst);
        self.check_reg_arg(dst, RegUse::Dst)?;
        let at = self.insn_idx;
        if insn.src == 0 {
            let high = self.insns[at + 1].imm;
            let value = u64::from(high as u32) << 32 | u64::from(insn.imm as u32);
            let reg = self.reg_mut(dst);
            *reg = Reg {
                scalar: Scalar::constant(value),
                extra: Extra::None,
                off: 0,
                id: 0,
                ref_obj_id: 0,
                ..*reg
            };
            return Ok(());
        }
        self.mark_reg_known_zero(dst);
        let (ty, off, extra) = match insn.src {
            pseudo::BTF_ID => match self.aux[at].var {
                Some(VarType::Mem(ty, size)) => (ty, 0, Extra::Mem { size, dynptr_id: 0 }),
                Some(VarType::Btf(ty, btf, id)) => (ty, 0, Extra::Btf { btf, id }),
                None => {
                    return refuse!(self, EFAULT, "verifier bug: pseudo btf id: unexpected dst reg type\n");
                }
            },
            pseudo::FUNC => {
                (RegType::of(Base::PtrToFunc), 0, Extra::Func { subprog: self.callback_at(insn)? })
            }
            _ => {
                let Some((map, off)) = self.aux[at].map else {
                    return refuse!(self, EFAULT, "verifier bug: unexpected src reg value for ldimm64\n");
                };
                let is_value = matches!(insn.src, pseudo::MAP_VALUE | pseudo::MAP_IDX_VALUE);
                let extra = Extra::Map { map, uid: 0 };
                if is_value && self.map(map).kind == MapType::Arena {
                    self.mark_reg_unknown(dst);
                    let reg = self.reg_mut(dst);
                    reg.extra = Extra::None;
                    return Ok(());
                }
                if is_value {
                    (RegType::of(Base::PtrToMapValue), off as i32, extra)
                } else {
                    (RegType::of(Base::ConstPtrToMap), 0, extra)
                }
            }
        };
        let reg = self.reg_mut(dst);
        (reg.ty, reg.off, reg.extra) = (ty, off, extra);
        Ok(())
    }

    /// The function that a wide load names, if it may be a callback.
    fn callback_at(&mut self, insn: Insn) -> Check<u32> {
        let start = (self.insn_idx as i64 + i64::from(insn.imm) + 1) as usize;
        let subprog = self.subprog_at(start).unwrap_or(0);
        if self.prog.funcs.is_empty() {
            return refuse!(self, EINVAL, "missing btf func_info\n");
        }
        if self.subprogs[subprog].is_global {
            return refuse!(self, EINVAL, "callback function not static\n");
        }
        if subprog == 0 {
            return refuse!(self, EINVAL, "callback function cannot be the main program\n");
        }
        Ok(subprog as u32)
    }

    /// A classic load from the packet; gives the next instruction (`check_ld_abs`).
    pub(super) fn check_ld_abs(&mut self, insn: Insn) -> Check<usize> {
        const CTX: usize = 6;
        if !matches!(self.prog_type, ProgType::SocketFilter | ProgType::SchedCls | ProgType::SchedAct) {
            return refuse!(
                self,
                EINVAL,
                "BPF_LD_[ABS|IND] instructions not allowed for this program type\n"
            );
        }
        let is_abs = mode(insn) == mode::ABS;
        if insn.dst != 0 || insn.off != 0 || size(insn) == 8 || (is_abs && insn.src != 0) {
            return refuse!(self, EINVAL, "BPF_LD_[ABS|IND] uses reserved fields\n");
        }
        self.check_reg_arg(CTX, RegUse::Src)?;
        self.check_resource_leak(false, true, "BPF_LD_[ABS|IND]")?;
        if !self.reg(CTX).ty.is(Base::PtrToCtx) {
            return refuse!(self, EINVAL, "at the time of BPF_LD_ABS|IND R6 != pointer to skb\n");
        }
        if !is_abs {
            self.check_reg_arg(usize::from(insn.src), RegUse::Src)?;
        }
        self.check_ptr_off_reg(CTX, false)?;
        for regno in 0..=5 {
            self.mark_reg_not_init(regno);
            self.scratch(regno);
        }
        self.mark_reg_unknown(0);
        let at = self.insn_idx;
        self.reg_mut(0).subreg_def = at as i32 + 1;
        if self.cur.curframe() == 0 {
            return Ok(at + 1);
        }
        // Bytes that are not there end the function with 0.
        self.scratch(0);
        self.push_stack(at + 1, at, false)?;
        self.mark_reg_known_zero(0);
        self.prepare_func_exit()
    }
}
