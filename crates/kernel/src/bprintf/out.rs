//! Printing one field: padding, signs, digits (`number`, `widen_string` of `lib/vsprintf.c`).

use super::spec::Spec;

/// Where printed text goes: a buffer of limited size, and a count of what would have gone there.
pub(crate) struct Out<'a> {
    text: &'a mut Vec<u8>,
    size: usize,
    len: usize,
}

impl<'a> Out<'a> {
    /// Prints into `text` what fits into `size` bytes with a NUL at the end, which is not printed; the rest is counted
    /// and dropped.
    pub(crate) fn new(text: &'a mut Vec<u8>, size: usize) -> Self {
        text.clear();
        Out { text, size, len: 0 }
    }

    /// Whether text to come is dropped, the place of the NUL counted as room.
    pub(super) fn is_full(&self) -> bool {
        self.len >= self.size
    }

    /// How many of `len` bytes fit.
    fn room(&self, len: usize) -> usize {
        self.size.saturating_sub(self.len + 1).min(len)
    }

    /// How long the text is, what was dropped included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Prints bytes as they are.
    pub(crate) fn text(&mut self, text: &[u8]) {
        let room = self.room(text.len());
        self.text.extend_from_slice(&text[..room]);
        self.len += text.len();
    }

    fn pad(&mut self, byte: u8, count: i64) {
        let count = count.max(0) as usize;
        let room = self.room(count);
        self.text.resize(self.text.len() + room, byte);
        self.len += count;
    }

    /// A string in a field, on its left or right side.
    pub(super) fn padded(&mut self, spec: &Spec, text: &[u8]) {
        let missing = i64::from(spec.width.unwrap_or(-1)) - text.len() as i64;
        if spec.left {
            self.text(text);
            self.pad(b' ', missing);
        } else {
            self.pad(b' ', missing);
            self.text(text);
        }
    }

    /// A signed decimal number.
    pub(super) fn signed(&mut self, spec: &Spec, value: i64) {
        let sign = match value {
            ..0 => "-",
            _ if spec.plus => "+",
            _ if spec.space => " ",
            _ => "",
        };
        self.number(spec, sign, &value.unsigned_abs().to_string());
    }

    /// An unsigned number; it has no sign, whatever the flags say.
    pub(super) fn unsigned(&mut self, spec: &Spec, value: u64, base: u8, upper: bool) {
        let digits = match (base, upper) {
            (16, false) => format!("{value:x}"),
            (16, true) => format!("{value:X}"),
            _ => value.to_string(),
        };
        self.number(spec, "", &digits);
    }

    /// An address: sixteen digits unless a width says otherwise.
    pub(super) fn address(&mut self, spec: &Spec, value: u64) {
        let full = Spec { width: Some(16), zero: true, ..*spec };
        let spec = if spec.width.is_none() { &full } else { spec };
        self.number(spec, "", &format!("{value:x}"));
    }

    fn number(&mut self, spec: &Spec, sign: &str, digits: &str) {
        let missing = i64::from(spec.width.unwrap_or(-1)) - (sign.len() + digits.len()) as i64;
        let zero = spec.zero && !spec.left;
        if !zero && !spec.left {
            self.pad(b' ', missing);
        }
        self.text(sign.as_bytes());
        if zero {
            self.pad(b'0', missing);
        }
        self.text(digits.as_bytes());
        if spec.left {
            self.pad(b' ', missing);
        }
    }
}
