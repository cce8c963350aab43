//! The buffer that arguments are copied into between the two passes.

use skep_abi::Errno;

/// `MAX_BPRINTF_BIN_ARGS`, in bytes.
const SIZE: usize = 512;

/// Copied arguments: written from the start, then read from the start.
pub(super) struct Copied {
    bytes: [u8; SIZE],
    /// Where the next one is written, or read.
    at: usize,
}

/// Writing.
impl Copied {
    pub(super) fn new() -> Copied {
        Copied { bytes: [0; SIZE], at: 0 }
    }

    /// Bytes that are left.
    pub(super) fn room(&self) -> usize {
        SIZE - self.at.min(SIZE)
    }

    /// Fails unless there is room.
    pub(super) fn need(&self, size: usize) -> Result<(), Errno> {
        if self.room() < size { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    /// Adds a number, at a multiple of four whatever its size.
    pub(super) fn put_number(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        self.at = self.at.next_multiple_of(4);
        self.need(bytes.len())?;
        self.put(bytes);
        Ok(())
    }

    /// Adds one byte.
    pub(super) fn put_byte(&mut self, byte: u8) -> Result<(), Errno> {
        self.need(1)?;
        self.put(&[byte]);
        Ok(())
    }

    /// Adds text and its NUL. What does not fit is cut off, but counts: then there is no room for anything else.
    pub(super) fn put_text(&mut self, text: &[u8]) {
        let kept = text.len().min(self.room().saturating_sub(1));
        let end = self.at + text.len() + 1;
        self.put(&text[..kept]);
        if self.room() > 0 {
            self.put(&[0]);
        }
        self.at = end;
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

/// Reading. Past the end there are zeroes.
impl Copied {
    /// Starts again at the first argument.
    pub(super) fn rewind(mut self) -> Copied {
        self.at = 0;
        self
    }

    pub(super) fn take_number(&mut self, size: usize) -> u64 {
        self.at = self.at.next_multiple_of(4);
        let mut bytes = [0; 8];
        for byte in bytes.iter_mut().take(size) {
            *byte = self.take_byte();
        }
        u64::from_le_bytes(bytes)
    }

    pub(super) fn take_byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    pub(super) fn take_text(&mut self) -> Vec<u8> {
        let rest = self.bytes.get(self.at..).unwrap_or(&[]);
        let len = rest.iter().position(|it| *it == 0).unwrap_or(rest.len());
        let text = rest[..len].to_vec();
        self.at += len + 1;
        text
    }
}
