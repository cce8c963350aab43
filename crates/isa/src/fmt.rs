//! Instructions as text, in the form `llvm-objdump -d --mcpu=v4` prints.
//!
//! Where that form is ambiguous or has no words for an instruction, the kernel's and bpftool's are used: `call pc+5`,
//! `map[fd:3][0]+16`, `skb[r1 + 0x4]`. Immediates and offsets are signed and hexadecimal.

use std::fmt::{self, Display, Formatter};

use crate::op::{Callee, Imm64, Op, PacketMode};
use crate::{AluForm, AtomicOp, Operand, Reg, Size, Width};

/// A register under the name it has at a width.
struct Name(Width, Reg);

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.letter(), self.1.number())
    }
}

/// A signed hexadecimal number: `0x7`, `-0x1`.
struct Hex(i64);

impl Display for Hex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{:#x}", self.0.unsigned_abs())
    }
}

/// A signed distance in slots: `+0x3`, `-0x1`.
struct Distance(i32);

impl Display for Distance {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{:#x}", self.0.unsigned_abs())
    }
}

/// An address: `r10 - 0x8`.
struct Address(Reg, i16);

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let sign = if self.1 < 0 { '-' } else { '+' };
        write!(f, "{} {sign} {:#x}", self.0, self.1.unsigned_abs())
    }
}

/// An operand at a width.
struct Value(Width, Operand);

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.1 {
            Operand::Reg(reg) => Name(self.0, reg).fmt(f),
            Operand::Imm(imm) => Hex(imm.into()).fmt(f),
        }
    }
}

/// The width of the register that a value of this size is loaded to or stored from.
fn width_of(size: Size) -> Width {
    if size == Size::DW { Width::W64 } else { Width::W32 }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Op::Alu { op, width, dst, src } => {
                let dst = Name(width, dst);
                match op.form() {
                    AluForm::Unary => write!(f, "{dst} {}{dst}", op.symbol()),
                    _ => write!(f, "{dst} {} {}{}", op.symbol(), op.row().cast, Value(width, src)),
                }
            }
            Op::End { kind, bits, dst } => write!(f, "{dst} = {}{bits} {dst}", kind.row().name),
            Op::LoadImm64 { dst, value } => write!(f, "{dst} = {value} ll"),
            Op::LoadPacket { mode, size, imm } => {
                write!(f, "r0 = *(u{} *)skb[", size.bits())?;
                match mode {
                    PacketMode::Abs => write!(f, "{}]", Hex(imm.into())),
                    PacketMode::Ind(reg) if imm == 0 => write!(f, "{reg}]"),
                    PacketMode::Ind(reg) if imm < 0 => write!(f, "{reg} - {:#x}]", imm.unsigned_abs()),
                    PacketMode::Ind(reg) => write!(f, "{reg} + {imm:#x}]"),
                }
            }
            Op::Load { size, signed, dst, base, off } => {
                let (width, letter) = if signed { (Width::W64, 's') } else { (width_of(size), 'u') };
                write!(f, "{} = *({letter}{} *)({})", Name(width, dst), size.bits(), Address(base, off))
            }
            Op::Store { size, base, off, value } => {
                let value = Value(width_of(size), value);
                write!(f, "*(u{} *)({}) = {value}", size.bits(), Address(base, off))
            }
            Op::Atomic { op, size, base, off, reg } => fmt_atomic(f, op, size, Address(base, off), reg),
            Op::Jump { off } => write!(f, "goto {}", Distance(off.into())),
            Op::JumpLong { off } => write!(f, "gotol {}", Distance(off)),
            Op::Branch { op, width, dst, src, off } => {
                let (dst, src) = (Name(width, dst), Value(width, src));
                write!(f, "if {dst} {} {src} goto {}", op.symbol(), Distance(off.into()))
            }
            Op::MayGoto { off } => write!(f, "may_goto {}", Distance(off.into())),
            Op::Call(callee) => write!(f, "call {callee}"),
            Op::Exit => f.write_str("exit"),
            Op::AddrSpaceCast { dst, src, to, from } => {
                write!(f, "{dst} = addr_space_cast({src}, {to:#x}, {from:#x})")
            }
        }
    }
}

fn fmt_atomic(f: &mut Formatter<'_>, op: AtomicOp, size: Size, at: Address, reg: Reg) -> fmt::Result {
    let width = width_of(size);
    let (reg, bits, text) = (Name(width, reg), size.bits(), op.row().text);
    let r0 = Name(width, Reg::R0);
    match op {
        AtomicOp::Add | AtomicOp::Or | AtomicOp::And | AtomicOp::Xor => {
            write!(f, "lock *(u{bits} *)({at}) {text} {reg}")
        }
        AtomicOp::FetchAdd | AtomicOp::FetchOr | AtomicOp::FetchAnd | AtomicOp::FetchXor => {
            write!(f, "{reg} = atomic_fetch_{text}((u{bits} *)({at}), {reg})")
        }
        AtomicOp::Xchg if width == Width::W64 => write!(f, "{reg} = xchg_64({at}, {reg})"),
        AtomicOp::Xchg => write!(f, "{reg} = xchg32_32({at}, {reg})"),
        AtomicOp::CmpXchg if width == Width::W64 => write!(f, "{r0} = cmpxchg_64({at}, {r0}, {reg})"),
        AtomicOp::CmpXchg => write!(f, "{r0} = cmpxchg32_32({at}, {r0}, {reg})"),
        AtomicOp::LoadAcquire => write!(f, "{reg} = load_acquire((u{bits} *)({at}))"),
        AtomicOp::StoreRelease => write!(f, "store_release((u{bits} *)({at}), {reg})"),
    }
}

impl Display for Imm64 {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Imm64::Const(value) => Hex(value as i64).fmt(f),
            Imm64::MapFd(fd) => write!(f, "map[fd:{fd}]"),
            Imm64::MapValue { fd, off } => write!(f, "map[fd:{fd}][0]+{off}"),
            Imm64::MapIdx(idx) => write!(f, "map[idx:{idx}]"),
            Imm64::MapIdxValue { idx, off } => write!(f, "map[idx:{idx}][0]+{off}"),
            Imm64::BtfId { id, obj_fd } => write!(f, "btf[id:{id},fd:{obj_fd}]"),
            Imm64::Func(off) => write!(f, "subprog[{off:+}]"),
        }
    }
}

impl Display for Callee {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Callee::Helper(id) => Hex((id as i32).into()).fmt(f),
            Callee::Local(off) => write!(f, "pc{off:+}"),
            Callee::Kfunc { btf_id, off: 0 } => write!(f, "kernel-function#{btf_id}"),
            Callee::Kfunc { btf_id, off } => write!(f, "kernel-function#{btf_id} fd_array[{off}]"),
        }
    }
}
