//! Short ways to write instructions in Rust.

use crate::{AluOp, Callee, Imm64, Insn, JmpOp, Op, Operand, Reg, Size, Width};

impl From<Reg> for Operand {
    fn from(reg: Reg) -> Operand {
        Operand::Reg(reg)
    }
}

impl From<i32> for Operand {
    fn from(imm: i32) -> Operand {
        Operand::Imm(imm)
    }
}

/// Constructors of the instructions that programs are mostly made of; everything else is a plain enum to fill in.
///
/// ```
/// use skep_isa::{AluOp, Insn, JmpOp, Op, Reg::*, Size};
///
/// let insns = Insn::encode(&[
///     Op::load(Size::W, R0, R1, 8),
///     Op::branch64(JmpOp::Ne, R0, 0, 1),
///     Op::alu64(AluOp::Add, R0, R2),
///     Op::Exit,
/// ]);
/// assert_eq!(insns, skep_isa::asm::assemble("r0 = *(u32 *)(r1 + 8)\nif r0 != 0 goto +1\nr0 += r2\nexit")?);
/// # Ok::<(), skep_isa::asm::AsmError>(())
/// ```
impl Op {
    /// `dst = src`, 64 bits.
    pub fn mov64(dst: Reg, src: impl Into<Operand>) -> Op {
        Op::alu64(AluOp::Mov, dst, src)
    }

    /// `dst = src`, 32 bits, the upper half becomes zero.
    pub fn mov32(dst: Reg, src: impl Into<Operand>) -> Op {
        Op::alu32(AluOp::Mov, dst, src)
    }

    /// `dst op= src`, 64 bits.
    pub fn alu64(op: AluOp, dst: Reg, src: impl Into<Operand>) -> Op {
        Op::Alu { op, width: Width::W64, dst, src: src.into() }
    }

    /// `dst op= src`, 32 bits.
    pub fn alu32(op: AluOp, dst: Reg, src: impl Into<Operand>) -> Op {
        Op::Alu { op, width: Width::W32, dst, src: src.into() }
    }

    /// `dst = value`, two slots.
    pub const fn imm64(dst: Reg, value: u64) -> Op {
        Op::LoadImm64 { dst, value: Imm64::Const(value) }
    }

    /// `dst = ` the map behind `fd`, two slots.
    pub const fn map_fd(dst: Reg, fd: i32) -> Op {
        Op::LoadImm64 { dst, value: Imm64::MapFd(fd) }
    }

    /// `dst = *(base + off)`, zero-extended.
    pub const fn load(size: Size, dst: Reg, base: Reg, off: i16) -> Op {
        Op::Load { size, signed: false, dst, base, off }
    }

    /// `*(base + off) = value`.
    pub fn store(size: Size, base: Reg, off: i16, value: impl Into<Operand>) -> Op {
        Op::Store { size, base, off, value: value.into() }
    }

    /// `if dst op src goto +off`, 64 bits.
    pub fn branch64(op: JmpOp, dst: Reg, src: impl Into<Operand>, off: i16) -> Op {
        Op::Branch { op, width: Width::W64, dst, src: src.into(), off }
    }

    /// `if dst op src goto +off`, 32 bits.
    pub fn branch32(op: JmpOp, dst: Reg, src: impl Into<Operand>, off: i16) -> Op {
        Op::Branch { op, width: Width::W32, dst, src: src.into(), off }
    }

    /// Calls a helper by number.
    pub const fn call(helper: u32) -> Op {
        Op::Call(Callee::Helper(helper))
    }

    /// Calls a function `off` slots behind the next instruction.
    pub const fn call_local(off: i32) -> Op {
        Op::Call(Callee::Local(off))
    }
}

impl Insn {
    /// The slots of a list of instructions.
    pub fn encode(ops: &[Op]) -> Vec<Insn> {
        let mut insns = Vec::with_capacity(ops.len());
        ops.iter().for_each(|op| op.encode_into(&mut insns));
        insns
    }
}
