//! A bounds-checked little-endian cursor that remembers where in the section it is.

use crate::{Error, Reason};

#[derive(Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    /// Where `bytes` start in the section.
    start: usize,
    pos: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader::at(bytes, 0)
    }

    /// A reader of bytes that start at `start` in the section.
    pub(crate) fn at(bytes: &'a [u8], start: usize) -> Reader<'a> {
        Reader { bytes, start, pos: 0 }
    }

    /// Bytes from the start of the section.
    pub(crate) fn offset(&self) -> usize {
        self.start + self.pos
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.pos
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.left() == 0
    }

    pub(crate) fn error(&self, reason: Reason) -> Error {
        Error { offset: self.offset(), reason }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Error> {
        match self.bytes.get(self.pos..).and_then(|rest| rest.get(..len)) {
            Some(taken) => {
                self.pos += len;
                Ok(taken)
            }
            None => Err(self.error(Reason::Truncated { wanted: len, left: self.left() })),
        }
    }

    /// A reader of the next `len` bytes, which this one skips.
    pub(crate) fn sub(&mut self, len: usize) -> Result<Reader<'a>, Error> {
        let start = self.offset();
        Ok(Reader { bytes: self.take(len)?, start, pos: 0 })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Error> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Error> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Error> {
        self.array().map(u32::from_le_bytes)
    }
}
