//! Why BTF was refused.

use std::fmt;

use crate::TypeId;

/// Why a `.BTF` or `.BTF.ext` section was refused, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    /// Bytes from the start of the section.
    pub offset: usize,
    /// What is wrong there.
    pub reason: Reason,
}

/// What is wrong with BTF.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The magic number is not 0xEB9F.
    Magic(u16),
    /// The magic number is 0xEB9F in big-endian order.
    BigEndian,
    /// A version other than 1.
    Version(u8),
    /// Header flags, of which none are defined.
    Flags(u8),
    /// The header says it is shorter than its fixed part, or longer than the section.
    HeaderLength(u32),
    /// Bytes of a longer header that this version does not know, and that are not zero.
    UnknownHeader,
    /// A part of the section lies outside of it.
    OutOfSection {
        /// Which part.
        part: &'static str,
        /// Its offset behind the header.
        offset: u32,
        /// Its length in bytes.
        len: u32,
    },
    /// A part's offset or length is not a multiple of 4.
    Misaligned {
        /// Which part.
        part: &'static str,
        /// The offset or length.
        value: u32,
    },
    /// The part ends in the middle of something.
    Truncated {
        /// Bytes that were needed.
        wanted: usize,
        /// Bytes that are there.
        left: usize,
    },
    /// The string table does not start and end with a NUL, or is empty.
    StringTable,
    /// No string starts at this offset.
    StringOffset(u32),
    /// A name of more than 4096 bytes.
    NameTooLong,
    /// A kind that BTF does not have.
    UnknownKind(u32),
    /// Bits of a field that must be zero.
    ReservedBits(u32),
    /// A field whose value means nothing.
    Field {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: u32,
    },
    /// A type that is not there, or not allowed there.
    NoSuchType(TypeId),
    /// A reference to a type of a kind that cannot be there.
    WrongKind {
        /// The type.
        id: TypeId,
        /// What should be there.
        expected: &'static str,
    },
    /// A type that contains itself.
    Cycle(TypeId),
    /// Types that contain each other more than 64 deep.
    TooDeep(TypeId),
    /// A member that reaches past the end of its structure.
    MemberOutside {
        /// The structure.
        id: TypeId,
        /// The member's index in it.
        member: usize,
    },
    /// A member at or of bits that its type cannot have: a bit-field wider than its type or of a type that is
    /// neither integer nor enumeration, or anything else that does not start at a byte.
    BitField {
        /// The structure.
        id: TypeId,
        /// The member's index in it.
        member: usize,
    },
    /// More types or string bytes, with the base's, than a 32-bit number can count.
    TooMuch,
    /// A `.BTF.ext` record size that is too small or not a multiple of 4.
    RecordSize(u32),
    /// A list of records that says it has none.
    NoRecords,
    /// Bytes of a longer record that this version does not know, and that are not zero.
    UnknownRecordTail,
    /// An instruction offset that is not a multiple of 8.
    InsnOffset(u32),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Magic(found) => write!(f, "not BTF: magic number is {found:#06x}, not 0xeb9f"),
            Reason::BigEndian => write!(f, "big-endian BTF is not supported; compile with --target=bpfel"),
            Reason::Version(found) => write!(f, "BTF version {found} is not known, only 1 is"),
            Reason::Flags(found) => write!(f, "header flags {found:#x} are not known"),
            Reason::HeaderLength(found) => {
                write!(f, "a header of {found} bytes is too short, or longer than the section")
            }
            Reason::UnknownHeader => write!(f, "the header has a longer form that is not known"),
            Reason::OutOfSection { part, offset, len } => {
                write!(f, "the {part} ({len} bytes at {offset} behind the header) is outside of the section")
            }
            Reason::Misaligned { part, value } => {
                write!(f, "offset or length {value} of the {part} is not a multiple of 4")
            }
            Reason::Truncated { wanted, left } => write!(f, "{wanted} bytes wanted, {left} left"),
            Reason::StringTable => write!(f, "the string table must begin and end with a NUL byte"),
            Reason::StringOffset(found) => write!(f, "no string starts at {found} in the string table"),
            Reason::NameTooLong => write!(f, "name is longer than 4096 bytes"),
            Reason::UnknownKind(found) => write!(f, "kind {found} is not known"),
            Reason::ReservedBits(found) => write!(f, "reserved bits are set in {found:#x}"),
            Reason::Field { field, value } => write!(f, "{field} cannot be {value}"),
            Reason::NoSuchType(id) => write!(f, "there is no type {id} that could be used here"),
            Reason::WrongKind { id, expected } => write!(f, "type {id} is not {expected}"),
            Reason::Cycle(id) => write!(f, "type {id} contains itself"),
            Reason::TooDeep(id) => write!(f, "type {id} contains others more than 64 deep"),
            Reason::MemberOutside { id, member } => {
                write!(f, "member {member} of type {id} reaches past the end of it")
            }
            Reason::BitField { id, member } => {
                write!(f, "member {member} of type {id} is at or of bits that its type cannot have")
            }
            Reason::TooMuch => write!(f, "more types or string bytes than a 32-bit number counts"),
            Reason::RecordSize(found) => write!(f, "record size {found} is wrong"),
            Reason::NoRecords => write!(f, "a list of records is empty"),
            Reason::UnknownRecordTail => write!(f, "a record has a longer form that is not known"),
            Reason::InsnOffset(found) => write!(f, "{found} is not the offset of an instruction"),
        }
    }
}

impl std::error::Error for Error {}
