//! Instructions as text, in the form `llvm-objdump -d --mcpu=v4` prints.
//!
//! Where that form is ambiguous or has no words for an instruction, the kernel's and bpftool's are used: `call pc+5`,
//! `map[fd:3][0]+16`, `skb[r1 + 0x4]`. Immediates and offsets are signed and hexadecimal.

use std::fmt::{self, Display, Formatter};

use crate::atomic::{Old, Syntax};
use crate::op::{Op, PacketMode};
use crate::{AluForm, AtomicOp, Operand, Reg, Size, Width};

/// A register under the name it has at a width.
struct Name(Width, Reg);

impl Display for Name {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0.letter(), self.1.number())
    }
}

/// A signed hexadecimal number: `0x7`, `-0x1`.
pub(crate) struct Hex(pub(crate) i64);

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
    let (reg, bits) = (Name(width, reg), size.bits());
    let r0 = Name(width, Reg::R0);
    let is_wide = width == Width::W64;
    match op.row().syntax {
        Syntax::Lock(operator) => write!(f, "lock *(u{bits} *)({at}) {operator} {reg}"),
        Syntax::Fetch(name) => write!(f, "{reg} = atomic_{name}((u{bits} *)({at}), {reg})"),
        Syntax::Exchange(_, wide, narrow) => {
            let name = if is_wide { wide } else { narrow };
            match op.row().old {
                Old::ToR0 => write!(f, "{r0} = {name}({at}, {r0}, {reg})"),
                _ => write!(f, "{reg} = {name}({at}, {reg})"),
            }
        }
        Syntax::Load(name) => write!(f, "{reg} = {name}((u{bits} *)({at}))"),
        Syntax::Store(name) => write!(f, "{name}((u{bits} *)({at}), {reg})"),
    }
}
