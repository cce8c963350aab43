//! Why a relocation cannot be applied at all.

use std::fmt;

/// Why one step of a relocation failed: what libbpf knows as an errno.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// `EINVAL`
    Invalid,
    /// `E2BIG`
    TooBig,
    /// Ours: more searching than an honest object asks for.
    TooMuchWork,
}

impl Failure {
    pub(super) fn errno(self) -> i32 {
        match self {
            Failure::Invalid => -22,
            Failure::TooBig => -7,
            Failure::TooMuchWork => -40,
        }
    }
}

/// Why a program with this relocation cannot be loaded. The text is libbpf's, without the `prog 'x': relo #0: ` that
/// it puts in front.
///
/// That the target lacks what is asked for is not among these: then the instruction is poisoned, and whoever executes
/// it fails.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The kind is none of [`ReloKind`](super::ReloKind).
    UnknownKind {
        /// The number in the record.
        kind: u32,
        /// The instruction, by its record.
        insn: usize,
    },
    /// The access string is none, or does not fit the object's own type.
    Parsing {
        /// The type and the access string.
        what: String,
        /// libbpf's errno, negative.
        errno: i32,
    },
    /// The type has no name to look for.
    Anonymous {
        /// The type.
        what: String,
    },
    /// A candidate cannot be compared: it is nested too deep, or has no size where it needs one.
    Matching {
        /// Its index among the candidates.
        candidate: usize,
        /// What was found of it so far.
        what: String,
        /// libbpf's errno, negative.
        errno: i32,
    },
    /// Two candidates have the field at different places.
    OffsetAmbiguity {
        /// In bits.
        one: u32,
        /// In bits, of the first candidate.
        other: u32,
    },
    /// Two candidates give different numbers.
    ValueAmbiguity {
        /// The number.
        one: u64,
        /// The number of the first candidate.
        other: u64,
    },
    /// Only offset and size can be asked of an array's element.
    ArrayElement {
        /// The relocation's kind, as a number.
        kind: u32,
        /// The instruction, by its record.
        insn: usize,
    },
    /// A bit-field that no 8 aligned bytes hold.
    BitField {
        /// The relocation's kind, as a number.
        kind: u32,
        /// The instruction, by its record.
        insn: usize,
    },
    /// Something has no size, or one of more than 32 bits.
    NoSize,
    /// The object's types are so entangled that looking through them would take too long.
    TooMuchWork,
    /// The instruction does not hold what the object's own types say.
    UnexpectedValue {
        /// The instruction's slot.
        slot: usize,
        /// `"ALU/ALU64"`, `"LDX/ST/STX"` or `"LDIMM64"`.
        class: &'static str,
        /// What it holds.
        found: u64,
        /// What it should hold.
        expected: u64,
        /// What it was to get.
        new: u64,
    },
    /// The offset does not fit a load's or store's 16 bits.
    OffsetTooBig {
        /// The instruction's slot.
        slot: usize,
        /// The offset.
        value: u64,
    },
    /// A load or store is not as wide as the object's own field.
    UnexpectedSize {
        /// The instruction's slot.
        slot: usize,
        /// Bytes that it loads or stores.
        found: u32,
        /// Bytes of the field.
        expected: u32,
    },
    /// The target's field is of a size that no instruction loads or stores.
    InvalidSize {
        /// The instruction's slot.
        slot: usize,
        /// Bytes of the field.
        size: u32,
    },
    /// A wide load that loads more than a number, or is no wide load.
    WideForm {
        /// The instruction's slot.
        slot: usize,
    },
    /// The second half of a wide load is missing.
    WideTruncated {
        /// The instruction's slot.
        slot: usize,
    },
    /// The instruction has no number that could be relocated.
    UnrecognizedInsn {
        /// The instruction's slot.
        slot: usize,
        /// The instruction.
        insn: skep_isa::Insn,
    },
    /// There is no such instruction.
    NoInsn {
        /// The slot.
        slot: usize,
    },
}

impl Error {
    pub(super) fn parsing(what: String, failure: Failure) -> Error {
        match failure {
            Failure::TooMuchWork => Error::TooMuchWork,
            failure => Error::Parsing { what, errno: failure.errno() },
        }
    }

    pub(super) fn matching(candidate: usize, what: impl FnOnce() -> String, failure: Failure) -> Error {
        match failure {
            Failure::TooMuchWork => Error::TooMuchWork,
            failure => Error::Matching { candidate, what: what(), errno: failure.errno() },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnknownKind { kind, insn } => {
                write!(f, "unrecognized CO-RE relocation unknown ({kind}) at insn #{insn}")
            }
            Error::Parsing { what, errno } => write!(f, "parsing {what} failed: {errno}"),
            Error::Anonymous { what } => write!(f, "target candidate search failed for {what}: -22"),
            Error::Matching { candidate, what, errno } => {
                write!(f, "error matching candidate #{candidate} {what}: {errno}")
            }
            Error::OffsetAmbiguity { one, other } => write!(f, "field offset ambiguity: {one} != {other}"),
            Error::ValueAmbiguity { one, other } => {
                write!(f, "relocation decision ambiguity: success {one} != success {other}")
            }
            Error::ArrayElement { kind, insn } => {
                write!(f, "relo {kind} at insn #{insn} can't be applied to array access")
            }
            Error::BitField { kind, insn } => {
                write!(f, "relo {kind} at insn #{insn} can't be satisfied for bitfield")
            }
            Error::NoSize => write!(f, "failed to relocate: -22"),
            Error::TooMuchWork => {
                write!(f, "its types are so entangled that looking through them takes too long")
            }
            Error::UnexpectedValue { slot, class, found, expected, new } => {
                write!(f, "unexpected insn #{slot} ({class}) value: got ")?;
                // libbpf prints all but wide loads' as 32 bits.
                match *class {
                    "LDIMM64" => write!(f, "{found}")?,
                    _ => write!(f, "{}", *found as u32)?,
                }
                write!(f, ", exp {expected} -> {new}")
            }
            Error::OffsetTooBig { slot, value } => {
                write!(f, "insn #{slot} (LDX/ST/STX) value too big: {value}")
            }
            Error::UnexpectedSize { slot, found, expected } => {
                write!(f, "insn #{slot} (LDX/ST/STX) unexpected mem size: got {found}, exp {expected}")
            }
            Error::InvalidSize { slot, size } => {
                write!(f, "insn #{slot} (LDX/ST/STX) invalid new mem size: {size}")
            }
            Error::WideForm { slot } => write!(f, "insn #{slot} (LDIMM64) has unexpected form"),
            Error::WideTruncated { slot } => write!(f, "insn #{slot} (LDIMM64) is truncated"),
            Error::UnrecognizedInsn { slot, insn } => write!(
                f,
                "trying to relocate unrecognized insn #{slot}, code:{:#x}, src:{:#x}, dst:{:#x}, off:{:#x}, imm:{:#x}",
                insn.code, insn.src, insn.dst, insn.off as i32, insn.imm
            ),
            Error::NoInsn { slot } => write!(f, "there is no insn #{slot}"),
        }
    }
}

impl std::error::Error for Error {}
