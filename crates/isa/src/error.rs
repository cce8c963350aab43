//! Why a slot is not an instruction.

use std::fmt;

use crate::Insn;
use crate::form::FormRow;

/// Opcode of `may_goto`.
const MAY_GOTO: u8 = 0xe5;

/// A slot that does not decode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Error {
    /// Its index in the program.
    pub slot: usize,
    /// The slot itself; all zeroes if there is none.
    pub insn: Insn,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// What is wrong with a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// No instruction has this opcode.
    UnknownOpcode,
    /// A register number past R10.
    BadRegister {
        /// Which field.
        field: Field,
        /// What it holds.
        number: u8,
    },
    /// A field that this instruction does not use, or only with other values, holds something.
    Reserved {
        /// Which field.
        field: Field,
        /// What it holds.
        value: i32,
        /// What it may hold, in words.
        expected: &'static str,
    },
    /// The `imm` of an atomic instruction names no operation; exchanges need the fetch bit.
    UnknownAtomic {
        /// The immediate.
        imm: i32,
    },
    /// An atomic operation that does not exist at this size.
    AtomicSize {
        /// Bytes.
        bytes: usize,
    },
    /// The source field of a two-slot load is none of the seven kinds.
    UnknownPseudo {
        /// What it holds.
        kind: u8,
    },
    /// A two-slot load is the last slot.
    MissingSecondSlot,
    /// The second slot of a two-slot load holds more than an immediate.
    BadSecondSlot,
    /// The second slot of a map or function holds an immediate, which has no meaning there.
    PseudoSecondSlot,
    /// There is no such slot.
    PastEnd {
        /// Slots in the program.
        len: usize,
    },
    /// The bytes of a program end inside a slot.
    PartialSlot {
        /// Bytes left over.
        bytes: usize,
    },
}

/// A field of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// Destination register.
    Dst,
    /// Source register or selector.
    Src,
    /// Offset.
    Off,
    /// Immediate.
    Imm,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Dst => "dst",
            Field::Src => "src",
            Field::Off => "off",
            Field::Imm => "imm",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error { slot, insn, kind } = self;
        match kind {
            ErrorKind::PastEnd { .. } | ErrorKind::PartialSlot { .. } => write!(f, "insn {slot}: ")?,
            _ => write!(f, "insn {slot} (code 0x{:02x}): ", insn.code)?,
        }
        self.reason().fmt(f)
    }
}

/// What is wrong with a slot and what to do, without saying which slot it is.
struct Reason(Insn, ErrorKind);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            ErrorKind::UnknownOpcode => f.write_str(unknown_opcode(self.0.code)),
            ErrorKind::BadRegister { field, number } => {
                write!(f, "{field} is register {number}; registers are r0 to r10")
            }
            ErrorKind::Reserved { field, value, expected } => {
                write!(f, "{field} is {value}, which is reserved; it must be {expected}")
            }
            ErrorKind::UnknownAtomic { imm: imm @ (0xe0 | 0xf0) } => {
                write!(f, "atomic operation 0x{imm:x} lacks the fetch bit; use 0x{:x}", imm | 1)
            }
            ErrorKind::UnknownAtomic { imm } => {
                write!(f, "no atomic operation 0x{imm:x}; imm must be one of those of RFC 9669 section 5.3")
            }
            ErrorKind::AtomicSize { bytes } => {
                write!(f, "this atomic operation does not exist at {bytes} bytes; use 4 or 8")
            }
            ErrorKind::UnknownPseudo { kind } => {
                write!(f, "src is {kind}, no kind of 64-bit immediate; it must be 0 to 6")
            }
            ErrorKind::MissingSecondSlot => {
                f.write_str("a 64-bit immediate takes two slots and this is the last one; add the second")
            }
            ErrorKind::BadSecondSlot => f.write_str(
                "the second slot of a 64-bit immediate may hold nothing but imm; clear its other fields",
            ),
            ErrorKind::PseudoSecondSlot => {
                f.write_str("the second slot of a map or function address holds an immediate; it must be 0")
            }
            ErrorKind::PastEnd { len } => write!(f, "there is no such slot, the program has {len}"),
            ErrorKind::PartialSlot { bytes } => {
                write!(f, "the program ends {bytes} bytes into a slot; its length must be a multiple of 8")
            }
        }
    }
}

/// What to look at, by the class of the opcode.
const fn unknown_opcode(code: u8) -> &'static str {
    match code & 0x07 {
        0x05 | 0x06 if code & 0xf0 == 0x80 => {
            "no such call; use 0x85 with src 0 (helper), 1 (local) or 2 (kernel function)"
        }
        0x00 | 0x01 => "no such load; check its mode and size bits",
        0x02 | 0x03 => "no such store; check its mode and size bits",
        0x04 | 0x07 => "no such arithmetic operation; check its high nibble and source bit",
        _ => "no such jump; check its high nibble and source bit",
    }
}

impl std::error::Error for Error {}

impl Error {
    /// What is wrong and what to do, without the slot's number and opcode in front.
    pub fn reason(&self) -> impl fmt::Display + use<> {
        Reason(self.insn, self.kind)
    }

    /// The line that the verifier of Linux 6.18 logs about such a slot: `unknown opcode 8f`, `R11 is invalid`,
    /// `BPF_ALU uses reserved fields`. (The log may hold another one if the verifier finds a fault elsewhere first.)
    pub fn kernel_message(&self) -> String {
        let code = self.insn.code;
        match self.kind {
            // Loads are looked at for their mode before anything is looked at for its opcode.
            ErrorKind::UnknownOpcode if code & 0x07 == 0x01 && code & 0xe0 != 0x80 => {
                "BPF_LDX uses reserved fields".into()
            }
            ErrorKind::UnknownOpcode => format!("unknown opcode {code:02x}"),
            ErrorKind::BadRegister { number, .. } => format!("R{number} is invalid"),
            ErrorKind::Reserved { .. } if code == MAY_GOTO => {
                format!("invalid may_goto imm {}", self.insn.imm)
            }
            ErrorKind::Reserved { .. } => {
                format!("{} uses reserved fields", FormRow::of(code).map_or("", |row| row.noun(code)))
            }
            ErrorKind::UnknownAtomic { imm } => format!("BPF_ATOMIC uses invalid atomic opcode {imm:02x}"),
            ErrorKind::AtomicSize { .. } => "invalid atomic operand size".into(),
            ErrorKind::UnknownPseudo { .. } | ErrorKind::PseudoSecondSlot => {
                "unrecognized bpf_ld_imm64 insn".into()
            }
            ErrorKind::MissingSecondSlot | ErrorKind::BadSecondSlot => "invalid bpf_ld_imm64 insn".into(),
            ErrorKind::PastEnd { len } => format!("invalid insn idx {} insn_cnt {len}", self.slot),
            ErrorKind::PartialSlot { .. } => String::new(),
        }
    }
}
