//! From instructions back to slots.

use crate::decode::ADDR_SPACE_CAST;
use crate::form::Form;
use crate::op::{Op, PacketMode};
use crate::{AluForm, AluOp, Insn, Operand, Size, Width};

impl Op {
    /// The slot of the instruction, and the second one of [`Op::LoadImm64`].
    ///
    /// The opposite of [`decode`](crate::decode): what was decoded encodes to the same bits.
    pub fn encode(&self) -> (Insn, Option<Insn>) {
        let second = match self {
            Op::LoadImm64 { value, .. } => Some(Insn { imm: value.parts().2, ..Insn::default() }),
            _ => None,
        };
        (self.encode_one(), second)
    }

    /// Appends the slots of the instruction.
    pub fn encode_into(&self, out: &mut Vec<Insn>) {
        let (first, second) = self.encode();
        out.push(first);
        out.extend(second);
    }

    fn encode_one(&self) -> Insn {
        match *self {
            Op::Alu { op, width, dst, .. } if op.form() == AluForm::Unary => {
                Insn::new(Form::Neg.code(width), dst.number(), 0, 0, 0)
            }
            Op::Alu { op, width, dst, src } => {
                let (form, src, imm) = operand(src, Form::AluReg, Form::AluImm);
                Insn::new(form.code(width) | op.row().code, dst.number(), src, op.row().off, imm)
            }
            Op::End { kind, bits, dst } => Insn::new(kind.row().code, dst.number(), 0, 0, bits.into()),
            Op::LoadPacket { mode: PacketMode::Abs, size, imm } => sized(Form::PacketAbs, size, 0, 0, 0, imm),
            Op::LoadPacket { mode: PacketMode::Ind(reg), size, imm } => {
                sized(Form::PacketInd, size, 0, reg.number(), 0, imm)
            }
            Op::Load { size, signed, dst, base, off } => {
                let form = if signed { Form::LoadSigned } else { Form::Load };
                sized(form, size, dst.number(), base.number(), off, 0)
            }
            Op::Store { size, base, off, value } => {
                let (form, src, imm) = operand(value, Form::StoreReg, Form::StoreImm);
                sized(form, size, base.number(), src, off, imm)
            }
            Op::Atomic { op, size, base, off, reg } => {
                let (dst, src) = if op.base_is_src() { (reg, base) } else { (base, reg) };
                sized(Form::Atomic, size, dst.number(), src.number(), off, op.row().imm)
            }
            Op::Jump { off } => plain(Form::Jump, 0, 0, off, 0),
            Op::JumpLong { off } => plain(Form::JumpLong, 0, 0, 0, off),
            Op::Branch { op, width, dst, src, off } => {
                let (form, src, imm) = operand(src, Form::BranchReg, Form::BranchImm);
                Insn::new(form.code(width) | op.row().code, dst.number(), src, off, imm)
            }
            Op::MayGoto { off } => plain(Form::MayGoto, 0, 0, off, 0),
            Op::Call(callee) => {
                let (kind, off, imm) = callee.parts();
                plain(Form::Call, 0, kind, off, imm)
            }
            Op::Exit => plain(Form::Exit, 0, 0, 0, 0),
            Op::AddrSpaceCast { dst, src, to, from } => {
                let spaces = (u32::from(to) << 16 | u32::from(from)) as i32;
                let code = Form::AluReg.code(Width::W64) | AluOp::Mov.row().code;
                Insn::new(code, dst.number(), src.number(), ADDR_SPACE_CAST, spaces)
            }
            Op::LoadImm64 { dst, value } => {
                let (kind, lo, _) = value.parts();
                plain(Form::LoadImm64, dst.number(), kind, 0, lo)
            }
        }
    }
}

/// A form that has one opcode.
const fn plain(form: Form, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn::new(form.code(Width::W64), dst, src, off, imm)
}

/// A form that has a size in its opcode.
const fn sized(form: Form, size: Size, dst: u8, src: u8, off: i16, imm: i32) -> Insn {
    Insn::new(form.code(Width::W64) | size.code(), dst, src, off, imm)
}

/// The form of an operand, and its `src` and `imm` fields.
const fn operand(operand: Operand, reg_form: Form, imm_form: Form) -> (Form, u8, i32) {
    match operand {
        Operand::Reg(reg) => (reg_form, reg.number(), 0),
        Operand::Imm(imm) => (imm_form, 0, imm),
    }
}
