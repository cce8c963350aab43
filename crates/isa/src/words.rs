//! The small words every instruction is made of: registers, sizes, widths, operands, ISA versions.

use std::fmt;

/// A register. R0 holds results, R1 to R5 arguments, R6 to R9 survive calls, R10 is the read-only frame pointer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[expect(missing_docs, reason = "the variants are their own names")]
pub enum Reg {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
}

impl Reg {
    /// The frame pointer.
    pub const FP: Reg = Reg::R10;
    /// How many registers there are.
    pub const COUNT: usize = 11;
    /// All registers, by number.
    pub const ALL: [Reg; Reg::COUNT] = {
        use Reg::*;
        [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10]
    };

    /// The register of this number; `None` past R10.
    pub const fn new(number: u8) -> Option<Reg> {
        if (number as usize) < Reg::COUNT { Some(Reg::ALL[number as usize]) } else { None }
    }

    /// Its number as an index, 0 to 10.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Its number as it is encoded.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.number())
    }
}

/// How many bytes a load, store or atomic touches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Size {
    /// One byte.
    B,
    /// Two bytes.
    H,
    /// Four bytes.
    W,
    /// Eight bytes.
    DW,
}

impl Size {
    /// All sizes, smallest first.
    pub const ALL: [Size; 4] = [Size::B, Size::H, Size::W, Size::DW];

    /// 1, 2, 4 or 8.
    pub const fn bytes(self) -> usize {
        1 << self as usize
    }

    /// 8, 16, 32 or 64.
    pub const fn bits(self) -> u32 {
        8 << self as u32
    }

    /// The size of that many bytes.
    pub const fn from_bytes(bytes: usize) -> Option<Size> {
        match bytes {
            1 => Some(Size::B),
            2 => Some(Size::H),
            4 => Some(Size::W),
            8 => Some(Size::DW),
            _ => None,
        }
    }

    /// Cuts a value to this size.
    pub const fn truncate(self, value: u64) -> u64 {
        value & (u64::MAX >> (64 - self.bits()))
    }

    /// Extends the low bytes of `value` to 64 bits, as a signed load does.
    pub const fn sign_extend(self, value: u64) -> u64 {
        let shift = 64 - self.bits();
        (((value << shift) as i64) >> shift) as u64
    }

    /// The two size bits of a load or store opcode (RFC 9669 section 5).
    pub(crate) const fn code(self) -> u8 {
        match self {
            Size::W => 0x00,
            Size::H => 0x08,
            Size::B => 0x10,
            Size::DW => 0x18,
        }
    }

    /// The size in the opcode of a load or store.
    pub(crate) const fn of_code(code: u8) -> Size {
        match code & 0x18 {
            0x00 => Size::W,
            0x08 => Size::H,
            0x10 => Size::B,
            _ => Size::DW,
        }
    }
}

/// Whether an operation works on whole registers or on their low halves. 32-bit results are zero-extended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Width {
    /// The low 32 bits, `w0` to `w10` in text.
    W32,
    /// All 64 bits, `r0` to `r10` in text.
    W64,
}

impl Width {
    /// Both, the smaller one first.
    pub const ALL: [Width; 2] = [Width::W32, Width::W64];

    /// 32 or 64.
    pub const fn bits(self) -> u32 {
        match self {
            Width::W32 => 32,
            Width::W64 => 64,
        }
    }

    /// The letter of a register's name at this width.
    pub(crate) const fn letter(self) -> char {
        match self {
            Width::W32 => 'w',
            Width::W64 => 'r',
        }
    }
}

/// The second operand of an ALU operation, a branch or a store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operand {
    /// A register.
    Reg(Reg),
    /// An immediate; 64-bit operations sign-extend it.
    Imm(i32),
}

/// The lowest `-mcpu` at which clang emits an instruction.
///
/// The kernel has no such numbers: it took 32-bit arithmetic and `lock +=` from its first day, and the rest as releases
/// went by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IsaVersion {
    /// The base set.
    V1,
    /// Adds the unsigned and signed less-than branches.
    V2,
    /// Adds 32-bit arithmetic and branches, and atomics beyond `lock +=`.
    V3,
    /// Adds sign extension, signed division, `bswap`, `gotol`, `may_goto`, load-acquire and store-release.
    V4,
}

impl fmt::Display for IsaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", *self as u8 + 1)
    }
}
