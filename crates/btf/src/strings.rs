//! The string table.

/// The offset of a string in the table. 0 is the empty string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct StrOff(pub u32);

impl StrOff {
    /// The empty string: "no name".
    pub const EMPTY: StrOff = StrOff(0);

    /// Whether this is "no name".
    pub fn is_empty(self) -> bool {
        self == StrOff::EMPTY
    }
}

/// A block of NUL-terminated strings, as one `String`.
///
/// Names are ASCII, but the lines of C source that `.BTF.ext` refers to may be in any encoding: bytes that are
/// not UTF-8 are replaced by `?`, one for one, so that offsets stay true.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Strings {
    text: String,
}

impl Strings {
    /// Takes the section's bytes; the caller has checked that the last one is NUL.
    pub(crate) fn new(bytes: &[u8]) -> Strings {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|_| '?'));
        }
        Strings { text }
    }

    pub(crate) fn len(&self) -> u32 {
        // A section's length is a u32 field.
        self.text.len() as u32
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Whether a string starts at `offset`: the table ends with a NUL.
    pub(crate) fn has(&self, offset: u32) -> bool {
        (offset as usize) < self.text.len() && self.text.is_char_boundary(offset as usize)
    }

    /// Whether the string at `offset` has at most `max` bytes; does not look further.
    pub(crate) fn is_within(&self, offset: u32, max: usize) -> bool {
        let rest = self.text.as_bytes().iter().skip(offset as usize);
        rest.take(max + 1).any(|byte| *byte == 0)
    }

    /// The string at `offset`; `None` past the end or inside a character.
    pub(crate) fn get(&self, offset: u32) -> Option<&str> {
        let rest = self.text.get(offset as usize..)?;
        let end = rest.find('\0')?;
        rest.get(..end)
    }
}
