//! From instructions back to slots.

use crate::decode::ADDR_SPACE_CAST;
use crate::op::{Callee, Imm64, Op, PacketMode};
use crate::{AluForm, Insn, Operand, Width};

/// Bit of the opcode of arithmetic and jumps that says "the second operand is a register".
const SOURCE_REG: u8 = 0x08;

impl Op {
    /// The slot of the instruction, and its second one for [`Op::LoadImm64`].
    ///
    /// The opposite of [`decode`](crate::decode): what was decoded encodes to the same bits.
    pub fn encode(&self) -> (Insn, Option<Insn>) {
        match *self {
            Op::LoadImm64 { dst, value } => {
                let (kind, lo, hi) = value.parts();
                (Insn::new(0x18, dst.number(), kind, 0, lo), Some(Insn::new(0, 0, 0, 0, hi)))
            }
            _ => (self.encode_one(), None),
        }
    }

    /// Appends the slots of the instruction.
    pub fn encode_into(&self, out: &mut Vec<Insn>) {
        let (first, second) = self.encode();
        out.push(first);
        out.extend(second);
    }

    fn encode_one(&self) -> Insn {
        match *self {
            Op::Alu { op, width, dst, src } => {
                let row = op.row();
                let class = if width == Width::W64 { 0x07 } else { 0x04 };
                let src = if op.form() == AluForm::Unary { Operand::Imm(0) } else { src };
                let (bit, src, imm) = operand(src);
                Insn::new(row.code | class | bit, dst.number(), src, row.off, imm)
            }
            Op::End { kind, bits, dst } => Insn::new(kind.row().code, dst.number(), 0, 0, bits.into()),
            Op::LoadPacket { mode: PacketMode::Abs, size, imm } => {
                Insn::new(0x20 | size.code(), 0, 0, 0, imm)
            }
            Op::LoadPacket { mode: PacketMode::Ind(reg), size, imm } => {
                Insn::new(0x40 | size.code(), 0, reg.number(), 0, imm)
            }
            Op::Load { size, signed, dst, base, off } => {
                let mode = if signed { 0x81 } else { 0x61 };
                Insn::new(mode | size.code(), dst.number(), base.number(), off, 0)
            }
            Op::Store { size, base, off, value } => {
                let (bit, src, imm) = operand(value);
                let class = if bit == 0 { 0x62 } else { 0x63 };
                Insn::new(class | size.code(), base.number(), src, off, imm)
            }
            Op::Atomic { op, size, base, off, reg } => {
                let (dst, src) = if op.base_is_src() { (reg, base) } else { (base, reg) };
                Insn::new(0xc3 | size.code(), dst.number(), src.number(), off, op.row().imm)
            }
            Op::Jump { off } => Insn::new(0x05, 0, 0, off, 0),
            Op::JumpLong { off } => Insn::new(0x06, 0, 0, 0, off),
            Op::Branch { op, width, dst, src, off } => {
                let class = if width == Width::W64 { 0x05 } else { 0x06 };
                let (bit, src, imm) = operand(src);
                Insn::new(op.row().code | class | bit, dst.number(), src, off, imm)
            }
            Op::MayGoto { off } => Insn::new(0xe5, 0, 0, off, 0),
            Op::Call(callee) => callee.encode(),
            Op::Exit => Insn::new(0x95, 0, 0, 0, 0),
            Op::AddrSpaceCast { dst, src, to, from } => {
                let spaces = (u32::from(to) << 16 | u32::from(from)) as i32;
                Insn::new(0xbf, dst.number(), src.number(), ADDR_SPACE_CAST, spaces)
            }
            // The only wide one: `encode` has made both of its slots already.
            Op::LoadImm64 { .. } => self.encode().0,
        }
    }
}

impl Callee {
    const fn encode(self) -> Insn {
        match self {
            Callee::Helper(id) => Insn::new(0x85, 0, 0, 0, id as i32),
            Callee::Local(off) => Insn::new(0x85, 0, 1, 0, off),
            Callee::Kfunc { btf_id, off } => Insn::new(0x85, 0, 2, off, btf_id),
        }
    }
}

impl Imm64 {
    /// The pseudo kind and the two immediates.
    pub(crate) const fn parts(self) -> (u8, i32, i32) {
        match self {
            Imm64::Const(v) => (0, v as i32, (v >> 32) as i32),
            Imm64::MapFd(fd) => (1, fd, 0),
            Imm64::MapValue { fd, off } => (2, fd, off as i32),
            Imm64::BtfId { id, obj_fd } => (3, id, obj_fd),
            Imm64::Func(off) => (4, off, 0),
            Imm64::MapIdx(idx) => (5, idx, 0),
            Imm64::MapIdxValue { idx, off } => (6, idx, off as i32),
        }
    }
}

/// Source bit, `src` field and `imm` field of an operand.
const fn operand(operand: Operand) -> (u8, u8, i32) {
    match operand {
        Operand::Reg(reg) => (SOURCE_REG, reg.number(), 0),
        Operand::Imm(imm) => (0, 0, imm),
    }
}
