//! Tristate numbers: which bits of a value are known, and what they are.

/// A set of 64-bit numbers: those that equal `value` in every bit that `mask` does not have.
///
/// A bit is never set in both: `value & mask == 0`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Tnum {
    /// The known bits that are 1.
    pub value: u64,
    /// The bits that are not known.
    pub mask: u64,
}
