//! Byte order: the three conversions.

use crate::words::IsaVersion;

/// A byte order conversion (RFC 9669 section 4.2), on a little-endian machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum End {
    /// To little-endian: cuts the value to the given bits.
    ToLe,
    /// To big-endian: swaps the low bytes, the rest becomes zero.
    ToBe,
    /// Swaps the low bytes whatever the machine's order, the rest becomes zero.
    Swap,
}

/// How one conversion is encoded and written.
pub(crate) struct EndRow {
    pub(crate) code: u8,
    pub(crate) name: &'static str,
    pub(crate) isa: IsaVersion,
}

impl End {
    /// All conversions.
    pub const ALL: [End; 3] = [End::ToLe, End::ToBe, End::Swap];
    /// The widths a conversion exists for, in bits.
    pub const BITS: [u8; 3] = [16, 32, 64];

    pub(crate) const fn row(self) -> &'static EndRow {
        match self {
            End::ToLe => &EndRow { code: 0xd4, name: "le", isa: IsaVersion::V1 },
            End::ToBe => &EndRow { code: 0xdc, name: "be", isa: IsaVersion::V1 },
            End::Swap => &EndRow { code: 0xd7, name: "bswap", isa: IsaVersion::V4 },
        }
    }

    /// Converts the low `bits` (16, 32 or 64) of `value` on a little-endian machine; the other bits become zero.
    /// Any other number of bits leaves the value as it is: no such instruction decodes.
    pub const fn eval(self, bits: u8, value: u64) -> u64 {
        match (self, bits) {
            (End::ToLe, 16) => value as u16 as u64,
            (End::ToLe, 32) => value as u32 as u64,
            (End::ToBe | End::Swap, 16) => (value as u16).swap_bytes() as u64,
            (End::ToBe | End::Swap, 32) => (value as u32).swap_bytes() as u64,
            (End::ToBe | End::Swap, 64) => value.swap_bytes(),
            _ => value,
        }
    }

    pub(crate) fn of(code: u8) -> Option<End> {
        End::ALL.into_iter().find(|end| end.row().code == code)
    }
}
