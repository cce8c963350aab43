//! Registers: reading, writing, forgetting.

use crate::access::RegUse;
use crate::state::reg::Reg;
use crate::state::types::{Base, RegType};
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// Checks that a register of the current frame may be used so (`check_reg_arg`).
    pub(crate) fn check_reg_arg(&mut self, regno: usize, how: RegUse) -> Check {
        if regno >= crate::state::frame::MAX_REG {
            return refuse!(self, EINVAL, "R{regno} is invalid\n");
        }
        self.scratch(regno);
        let ty = self.reg(regno).ty;
        match how {
            RegUse::Src if ty.base == Base::NotInit => refuse!(self, EACCES, "R{regno} !read_ok\n"),
            RegUse::Src => {
                if regno != 10 {
                    self.reg_mut(regno).subreg_def = 0;
                }
                Ok(())
            }
            _ if regno == 10 => refuse!(self, EACCES, "frame pointer is read only\n"),
            RegUse::Dst => {
                self.mark_reg_unknown(regno);
                Ok(())
            }
            RegUse::DstNoMark => Ok(()),
        }
    }

    /// Any number (`mark_reg_unknown`): keeps nothing of the register.
    pub(crate) fn mark_reg_unknown(&mut self, regno: usize) {
        let precise = !self.bpf_capable;
        let reg = self.reg_mut(regno);
        *reg = Reg { subreg_def: reg.subreg_def, ..Reg::unknown(precise) };
    }

    /// Nothing (`mark_reg_not_init`).
    pub(crate) fn mark_reg_not_init(&mut self, regno: usize) {
        let reg = self.reg_mut(regno);
        *reg = Reg { subreg_def: reg.subreg_def, ..Reg::NOT_INIT };
    }

    /// The numeric part of the register is this known number; its type stays (`mark_reg_known_zero` and so on).
    pub(crate) fn mark_reg_known_zero(&mut self, regno: usize) {
        let reg = self.reg_mut(regno);
        reg.scalar = crate::scalar::Scalar::constant(0);
        reg.id = 0;
        reg.ref_obj_id = 0;
        reg.off = 0;
        reg.extra = crate::state::reg::Extra::None;
        let _ = RegType::SCALAR;
    }
}
