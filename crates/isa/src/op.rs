//! A decoded instruction: what engines and the verifier match on.

use crate::{AluOp, AtomicOp, Callee, End, Imm64, IsaVersion, JmpOp, Operand, Reg, Size, Width};

/// One decoded instruction.
///
/// [`decode`](crate::decode) makes only those that exist, and they [encode](Op::encode) to the very slots they came
/// from. One made by hand may hold a combination that has no encoding (a signed load of 8 bytes, say): what it encodes
/// to does not decode.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// `dst = dst op src`. [`AluOp::Neg`] ignores `src`, which decodes as `Imm(0)`.
    Alu {
        /// The operation.
        op: AluOp,
        /// 32 bits (and zero-extension) or 64.
        width: Width,
        /// Operand and result.
        dst: Reg,
        /// Second operand.
        src: Operand,
    },
    /// Byte order conversion of `dst` in place.
    End {
        /// Which conversion.
        kind: End,
        /// 16, 32 or 64.
        bits: u8,
        /// Operand and result.
        dst: Reg,
    },
    /// A 64-bit immediate, or something the loader's kernel puts in its place. Two slots.
    LoadImm64 {
        /// Result.
        dst: Reg,
        /// What is loaded.
        value: Imm64,
    },
    /// Classic packet access: R0 = bytes of the packet of the context in R6, in network byte order. A failed one ends
    /// the program with R0 = 0; R1 to R5 are clobbered.
    LoadPacket {
        /// How the offset is made.
        mode: PacketMode,
        /// 1, 2 or 4 bytes.
        size: Size,
        /// Offset into the packet in bytes.
        imm: i32,
    },
    /// `dst = *(base + off)`, zero-extended, or sign-extended if `signed`.
    Load {
        /// Bytes read.
        size: Size,
        /// Sign-extend; not for [`Size::DW`].
        signed: bool,
        /// Result.
        dst: Reg,
        /// Address.
        base: Reg,
        /// Bytes added to the address.
        off: i16,
    },
    /// `*(base + off) = value`.
    Store {
        /// Bytes written.
        size: Size,
        /// Address.
        base: Reg,
        /// Bytes added to the address.
        off: i16,
        /// The low bytes of a register, or of a sign-extended immediate.
        value: Operand,
    },
    /// An atomic operation on `*(base + off)`.
    Atomic {
        /// Which.
        op: AtomicOp,
        /// [`Size::W`] or [`Size::DW`]; load-acquire and store-release take all four.
        size: Size,
        /// Address.
        base: Reg,
        /// Bytes added to the address.
        off: i16,
        /// Operand, and for the fetching ones the result (compare-and-exchange puts it in R0).
        reg: Reg,
    },
    /// `goto`: the target is the slot after this one plus `off`.
    Jump {
        /// Slots.
        off: i16,
    },
    /// `gotol`: as [`Op::Jump`], with a 32-bit offset.
    JumpLong {
        /// Slots.
        off: i32,
    },
    /// `if dst op src goto`: the target is the slot after this one plus `off`.
    Branch {
        /// The condition.
        op: JmpOp,
        /// Compare 32 bits or 64.
        width: Width,
        /// First operand.
        dst: Reg,
        /// Second operand.
        src: Operand,
        /// Slots.
        off: i16,
    },
    /// Jumps to the slot after this one plus `off` once the program's loop budget is used up, otherwise does nothing.
    MayGoto {
        /// Slots.
        off: i16,
    },
    /// Calls with arguments in R1 to R5; the result is in R0, R1 to R5 are clobbered.
    Call(Callee),
    /// Returns R0 to the caller, or ends the program.
    Exit,
    /// Converts a pointer between address spaces (an arena is 1, the kernel is 0).
    AddrSpaceCast {
        /// Result.
        dst: Reg,
        /// The pointer.
        src: Reg,
        /// Address space of the result.
        to: u16,
        /// Address space of the operand.
        from: u16,
    },
}

/// How a packet load finds its offset.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PacketMode {
    /// The immediate.
    Abs,
    /// The low 32 bits of a register plus the immediate.
    Ind(Reg),
}

impl Op {
    /// How many slots it takes: 2 for [`Op::LoadImm64`], 1 for all others.
    pub const fn slots(&self) -> usize {
        match self {
            Op::LoadImm64 { .. } => 2,
            _ => 1,
        }
    }

    /// Slots from the next instruction to where this one may jump: branches and jumps, not calls.
    pub const fn jump_offset(&self) -> Option<i32> {
        match *self {
            Op::Jump { off } | Op::Branch { off, .. } | Op::MayGoto { off } => Some(off as i32),
            Op::JumpLong { off } => Some(off),
            _ => None,
        }
    }

    /// Whether control never reaches the next instruction by itself: jumps and exit.
    pub const fn ends_block(&self) -> bool {
        matches!(self, Op::Jump { .. } | Op::JumpLong { .. } | Op::Exit)
    }

    /// The lowest `-mcpu` at which clang emits it.
    pub fn isa_version(&self) -> IsaVersion {
        let at = |width, isa: IsaVersion| if width == Width::W32 { isa.max(IsaVersion::V3) } else { isa };
        match *self {
            Op::Alu { op, width, .. } => at(width, op.row().isa),
            Op::Branch { op, width, .. } => at(width, op.row().isa),
            Op::End { kind, .. } => kind.row().isa,
            Op::Atomic { op, .. } => op.row().isa,
            Op::Load { signed: true, .. } | Op::JumpLong { .. } | Op::MayGoto { .. } => IsaVersion::V4,
            Op::AddrSpaceCast { .. } => IsaVersion::V3,
            Op::LoadImm64 { .. }
            | Op::LoadPacket { .. }
            | Op::Load { .. }
            | Op::Store { .. }
            | Op::Jump { .. }
            | Op::Call(_)
            | Op::Exit => IsaVersion::V1,
        }
    }
}
