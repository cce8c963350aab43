//! The second operand of an instruction: a register or a number.

use skep_isa::Operand;

use super::code::Code;
use super::handler::{At, Handler};

/// Where a handler finds it.
pub(super) trait Form {
    /// Its value; a number is sign-extended (RFC 9669 section 4.1).
    ///
    /// # Safety
    /// As of [`Exec::exec`](super::handler::Exec::exec).
    unsafe fn operand(at: At) -> u64;
}

/// In a register.
pub(super) struct Reg;

impl Form for Reg {
    #[inline(always)]
    unsafe fn operand(at: At) -> u64 {
        // SAFETY: as of the caller.
        unsafe { at.src() }
    }
}

/// In the instruction.
pub(super) struct Imm;

impl Form for Imm {
    #[inline(always)]
    unsafe fn operand(at: At) -> u64 {
        // SAFETY: as of the caller.
        i64::from(unsafe { at.imm() }) as u64
    }
}

/// The handlers of what takes either.
pub(super) struct Forms {
    pub(super) reg: Handler,
    pub(super) imm: Handler,
}

impl Forms {
    /// An instruction with the handler that suits its operand.
    pub(super) fn code(&self, dst: skep_isa::Reg, off: i16, operand: Operand) -> Code {
        let dst = dst.number();
        match operand {
            Operand::Reg(reg) => Code { handler: self.reg, dst, src: reg.number(), off, imm: 0 },
            Operand::Imm(imm) => Code { handler: self.imm, dst, src: 0, off, imm },
        }
    }
}

/// An array of what a function makes of each index: constants in types cannot be computed in a loop.
macro_rules! each {
    ($row:ident: $($index:literal)*) => { [$($row::<$index>()),*] };
}
pub(super) use each;
