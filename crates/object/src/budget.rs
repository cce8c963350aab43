//! What bounds the memory that a hostile file can make the parser use.

use crate::error::ErrorKind;

/// Zero-initialised bytes (`.bss`, `.kconfig`) of one object: 64 MiB. The file does not pay for them, so there is a
/// limit of its own.
pub const MAX_ZEROED: u64 = 64 << 20;

/// Bytes that may be copied for each byte of the file. Symbols may share names, and aliases share code, so what is
/// copied can be a little more than what is there; far more is an attack.
const COPIES: u64 = 16;

/// Bytes that a named thing costs beside its name.
const RECORD: usize = 64;

/// Counts what the parser copies and refuses what is out of proportion.
pub(crate) struct Budget {
    copies: u64,
    zeroed: u64,
}

impl Budget {
    /// The budget of a file of this many bytes.
    pub(crate) fn new(file: usize) -> Budget {
        Budget { copies: (file as u64).saturating_mul(COPIES).saturating_add(1 << 16), zeroed: 0 }
    }

    /// Pays for a copy of this many bytes.
    pub(crate) fn copy(&mut self, bytes: usize) -> Result<(), ErrorKind> {
        self.copies = self.copies.checked_sub(bytes as u64).ok_or(ErrorKind::OutOfProportion)?;
        Ok(())
    }

    /// Pays for this many zeroes.
    pub(crate) fn zeroes(&mut self, bytes: u64) -> Result<Vec<u8>, ErrorKind> {
        let total = self.zeroed.saturating_add(bytes);
        if total > MAX_ZEROED {
            return Err(ErrorKind::TooMuchBss { bytes: total, limit: MAX_ZEROED });
        }
        self.zeroed = total;
        Ok(vec![0; bytes as usize])
    }

    /// Copies a name.
    pub(crate) fn name(&mut self, name: &str) -> Result<String, ErrorKind> {
        self.copy(name.len() + RECORD)?;
        Ok(name.to_string())
    }
}
