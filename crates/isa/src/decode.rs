//! From slots to instructions.

use crate::error::{Error, ErrorKind, Field};
use crate::form::{Form, FormRow, Use};
use crate::op::{Op, PacketMode};
use crate::{AluForm, AluOp, AtomicOp, Callee, End, Imm64, Insn, JmpOp, Operand, Reg, Size, Width};

/// The `off` of a register move that makes it a cast between address spaces (BPF_ADDR_SPACE_CAST of the kernel).
pub(crate) const ADDR_SPACE_CAST: i16 = 1;

/// Decodes the instruction at slot `i` of a program, as strictly as the kernel's verifier reads it: whatever a field
/// that an instruction does not use holds, it must be zero.
///
/// A two-slot load also needs slot `i + 1`, which is no instruction of its own; go on at `i + op.slots()`. Where jumps
/// and calls lead, division by a zero immediate and shifts by too much are not looked at.
///
/// Two slots that the kernel takes are refused, because RFC 9669 section 3 wants unused fields zero: `exit` with an
/// offset, and a function address whose second slot has an immediate.
///
/// # Errors
/// [`Error`] with the slot, its opcode, what is wrong and what to do.
pub fn decode(insns: &[Insn], i: usize) -> Result<Op, Error> {
    let Some(&insn) = insns.get(i) else {
        return Err(Error { slot: i, insn: Insn::default(), kind: ErrorKind::PastEnd { len: insns.len() } });
    };
    decode_slots(insn, insns.get(i + 1).copied()).map_err(|kind| Error { slot: i, insn, kind })
}

type Decoded<T = Op> = Result<T, ErrorKind>;

fn decode_slots(insn: Insn, next: Option<Insn>) -> Decoded {
    // The operation comes first: an unknown opcode is no matter of reserved fields.
    let row = FormRow::of(insn.code).filter(|row| has_operation(row.form, insn.code));
    let row = row.ok_or(ErrorKind::UnknownOpcode)?;
    check_reserved(row, insn)?;
    build(row, insn, next)
}

/// Whether the bits of an opcode that its form leaves open mean something.
fn has_operation(form: Form, code: u8) -> bool {
    match form {
        Form::AluReg | Form::AluImm => AluOp::is_binary(code),
        Form::BranchReg | Form::BranchImm => JmpOp::of(code).is_some(),
        Form::End => End::of(code).is_some(),
        Form::PacketAbs | Form::PacketInd | Form::LoadSigned => Size::of_code(code) != Size::DW,
        _ => true,
    }
}

/// Zero where the form has nothing. Registers come later: the kernel looks at them last too.
fn check_reserved(row: &FormRow, insn: Insn) -> Decoded<()> {
    let fields = [
        (Field::Dst, row.dst, i32::from(insn.dst)),
        (Field::Src, row.src, i32::from(insn.src)),
        (Field::Off, row.off, i32::from(insn.off)),
        (Field::Imm, row.imm, insn.imm),
    ];
    for (field, used, value) in fields {
        if used == Use::Zero && value != 0 {
            return Err(ErrorKind::Reserved { field, value, expected: "0" });
        }
    }
    Ok(())
}

fn build(row: &FormRow, insn: Insn, next: Option<Insn>) -> Decoded {
    let Insn { code, off, imm, .. } = insn;
    let size = Size::of_code(code);
    Ok(match row.form {
        Form::AluReg | Form::AluImm | Form::Neg => return alu(row, insn),
        Form::LoadImm64 => return load_imm64(insn, next),
        Form::Atomic => return atomic(insn),
        Form::End => Op::End {
            kind: End::of(code).ok_or(ErrorKind::UnknownOpcode)?,
            bits: swap_bits(imm)?,
            dst: dst(insn)?,
        },
        Form::PacketAbs => Op::LoadPacket { mode: PacketMode::Abs, size, imm },
        Form::PacketInd => Op::LoadPacket { mode: PacketMode::Ind(src(insn)?), size, imm },
        Form::Load => Op::Load { size, signed: false, dst: dst(insn)?, base: src(insn)?, off },
        Form::LoadSigned => Op::Load { size, signed: true, dst: dst(insn)?, base: src(insn)?, off },
        Form::StoreImm => Op::Store { size, base: dst(insn)?, off, value: Operand::Imm(imm) },
        Form::StoreReg => Op::Store { size, base: dst(insn)?, off, value: Operand::Reg(src(insn)?) },
        Form::Jump => Op::Jump { off },
        Form::JumpLong => Op::JumpLong { off: imm },
        Form::BranchReg | Form::BranchImm => Op::Branch {
            op: JmpOp::of(code).ok_or(ErrorKind::UnknownOpcode)?,
            width: row.width(code),
            dst: dst(insn)?,
            src: if row.form == Form::BranchReg { Operand::Reg(src(insn)?) } else { Operand::Imm(imm) },
            off,
        },
        Form::MayGoto => Op::MayGoto { off },
        Form::Call => Op::Call(Callee::of(insn.src, off, imm)?),
        Form::Exit => Op::Exit,
    })
}

fn alu(row: &FormRow, insn: Insn) -> Decoded {
    let Insn { code, off, imm, .. } = insn;
    let (form, width) = (row.form, row.width(code));
    let is_mov = code & 0xf0 == AluOp::Mov.row().code;
    if form == Form::AluReg && is_mov && width == Width::W64 && off == ADDR_SPACE_CAST {
        return Ok(Op::AddrSpaceCast {
            dst: dst(insn)?,
            src: src(insn)?,
            to: (imm as u32 >> 16) as u16,
            from: imm as u16,
        });
    }
    let reserved_off =
        ErrorKind::Reserved { field: Field::Off, value: off.into(), expected: expected_off(row, code) };
    let op = AluOp::of(code, off).ok_or(reserved_off)?;
    let src = match form {
        Form::AluReg if imm != 0 => {
            return Err(ErrorKind::Reserved { field: Field::Imm, value: imm, expected: "0" });
        }
        Form::AluReg => Operand::Reg(src(insn)?),
        _ => Operand::Imm(imm),
    };
    let needs_reg = op.form() == AluForm::RegOnly && form != Form::AluReg;
    if needs_reg || width < op.row().min_width {
        return Err(reserved_off);
    }
    Ok(Op::Alu { op, width, dst: dst(insn)?, src })
}

/// What the offset of an arithmetic opcode may be.
fn expected_off(row: &FormRow, code: u8) -> &'static str {
    const DIV: u8 = AluOp::Div.row().code;
    const MOD: u8 = AluOp::Mod.row().code;
    const MOV: u8 = AluOp::Mov.row().code;
    match (code & 0xf0, row.form, row.width(code)) {
        (DIV | MOD, ..) => "0, or 1 for the signed operation",
        (MOV, Form::AluReg, Width::W32) => "0, or 8 or 16 to sign-extend",
        (MOV, Form::AluReg, Width::W64) => {
            "0, or 8, 16 or 32 to sign-extend, or 1 to cast between address spaces"
        }
        _ => "0",
    }
}

fn swap_bits(imm: i32) -> Decoded<u8> {
    match imm {
        16 | 32 | 64 => Ok(imm as u8),
        _ => Err(ErrorKind::Reserved { field: Field::Imm, value: imm, expected: "16, 32 or 64" }),
    }
}

fn load_imm64(insn: Insn, next: Option<Insn>) -> Decoded {
    let next = next.ok_or(ErrorKind::MissingSecondSlot)?;
    if (Insn { imm: 0, ..next }) != Insn::default() {
        return Err(ErrorKind::BadSecondSlot);
    }
    let value = Imm64::of(insn.src, insn.imm, next.imm)?;
    if insn.off != 0 {
        return Err(ErrorKind::Reserved { field: Field::Off, value: insn.off.into(), expected: "0" });
    }
    Ok(Op::LoadImm64 { dst: dst(insn)?, value })
}

fn atomic(insn: Insn) -> Decoded {
    let size = Size::of_code(insn.code);
    let op = AtomicOp::of(insn.imm).ok_or(ErrorKind::UnknownAtomic { imm: insn.imm })?;
    if !op.supports(size) {
        return Err(ErrorKind::AtomicSize { bytes: size.bytes() });
    }
    let (dst, src) = (dst(insn)?, src(insn)?);
    let (base, reg) = if op.base_is_src() { (src, dst) } else { (dst, src) };
    Ok(Op::Atomic { op, size, base, off: insn.off, reg })
}

fn dst(insn: Insn) -> Decoded<Reg> {
    Reg::new(insn.dst).ok_or(ErrorKind::BadRegister { field: Field::Dst, number: insn.dst })
}

fn src(insn: Insn) -> Decoded<Reg> {
    Reg::new(insn.src).ok_or(ErrorKind::BadRegister { field: Field::Src, number: insn.src })
}
