//! From slots to instructions.

use crate::error::{Error, ErrorKind, Field};
use crate::form::{self, Form, FormRow, Use};
use crate::op::{Callee, Imm64, Op, PacketMode};
use crate::{AluForm, AluOp, AtomicOp, End, Insn, JmpOp, Operand, Reg, Size, Width};

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
    let row = form::row(insn.code).ok_or(ErrorKind::UnknownOpcode)?;
    // The operation comes first: an unknown opcode is no matter of reserved fields.
    match row.form {
        Form::AluReg | Form::AluImm if !AluOp::is_binary(insn.code) => return Err(ErrorKind::UnknownOpcode),
        Form::BranchReg | Form::BranchImm if JmpOp::of(insn.code).is_none() => {
            return Err(ErrorKind::UnknownOpcode);
        }
        Form::PacketAbs | Form::PacketInd | Form::LoadSigned if Size::of_code(insn.code) == Size::DW => {
            return Err(ErrorKind::UnknownOpcode);
        }
        _ => {}
    }
    check_reserved(row, insn)?;
    build(row.form, insn, next)
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

fn build(form: Form, insn: Insn, next: Option<Insn>) -> Decoded {
    let Insn { code, off, imm, .. } = insn;
    let size = Size::of_code(code);
    Ok(match form {
        Form::AluReg | Form::AluImm | Form::Neg => return alu(form, insn),
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
            width: if code & 0x07 == 0x05 { Width::W64 } else { Width::W32 },
            dst: dst(insn)?,
            src: if form == Form::BranchReg { Operand::Reg(src(insn)?) } else { Operand::Imm(imm) },
            off,
        },
        Form::MayGoto => Op::MayGoto { off },
        Form::Call => Op::Call(callee(insn)?),
        Form::Exit => Op::Exit,
    })
}

fn alu(form: Form, insn: Insn) -> Decoded {
    let Insn { code, off, imm, .. } = insn;
    let width = if code & 0x07 == 0x07 { Width::W64 } else { Width::W32 };
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
        ErrorKind::Reserved { field: Field::Off, value: off.into(), expected: expected_off(code) };
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
fn expected_off(code: u8) -> &'static str {
    match code {
        0x3c | 0x34 | 0x3f | 0x37 | 0x9c | 0x94 | 0x9f | 0x97 => "0, or 1 for the signed operation",
        0xbc => "0, or 8 or 16 to sign-extend",
        0xbf => "0, or 8, 16 or 32 to sign-extend, or 1 to cast between address spaces",
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
    let (lo, hi) = (insn.imm, next.imm);
    if (Insn { imm: 0, ..next }) != Insn::default() {
        return Err(ErrorKind::BadSecondSlot);
    }
    let value = match insn.src {
        0 => Imm64::Const(u64::from(hi as u32) << 32 | u64::from(lo as u32)),
        1 => Imm64::MapFd(lo),
        2 => Imm64::MapValue { fd: lo, off: hi as u32 },
        3 => Imm64::BtfId { id: lo, obj_fd: hi },
        4 => Imm64::Func(lo),
        5 => Imm64::MapIdx(lo),
        6 => Imm64::MapIdxValue { idx: lo, off: hi as u32 },
        kind => return Err(ErrorKind::UnknownPseudo { kind }),
    };
    if matches!(value, Imm64::MapFd(_) | Imm64::Func(_) | Imm64::MapIdx(_)) && hi != 0 {
        return Err(ErrorKind::PseudoSecondSlot);
    }
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

fn callee(insn: Insn) -> Decoded<Callee> {
    let Insn { src, off, imm, .. } = insn;
    if off != 0 && src != 2 {
        let expected = "0: only calls of kernel functions have an index there";
        return Err(ErrorKind::Reserved { field: Field::Off, value: off.into(), expected });
    }
    match src {
        0 => Ok(Callee::Helper(imm as u32)),
        1 => Ok(Callee::Local(imm)),
        2 => Ok(Callee::Kfunc { btf_id: imm, off }),
        _ => Err(ErrorKind::Reserved {
            field: Field::Src,
            value: src.into(),
            expected: "0 (helper), 1 (local) or 2 (kernel function)",
        }),
    }
}

fn dst(insn: Insn) -> Decoded<Reg> {
    Reg::new(insn.dst).ok_or(ErrorKind::BadRegister { field: Field::Dst, number: insn.dst })
}

fn src(insn: Insn) -> Decoded<Reg> {
    Reg::new(insn.src).ok_or(ErrorKind::BadRegister { field: Field::Src, number: insn.src })
}
