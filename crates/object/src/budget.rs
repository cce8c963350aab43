//! What bounds the memory that a hostile file can make the parser use.

use std::cell::{Cell, RefCell};

use crate::error::ErrorKind;

/// Zero-initialised bytes (`.bss`, `.kconfig`) of one object: 64 MiB. The file does not pay for them, so there is a
/// limit of its own.
pub const MAX_ZEROED: u64 = 64 << 20;

/// Bytes that may be copied for each byte of the file. Symbols may share names, and aliases share code, so what is
/// copied can be a little more than what is there; far more is an attack.
const COPIES: u64 = 16;

/// Bytes that a named thing costs beside its name.
const RECORD: usize = 64;

/// Warnings that are kept.
const MAX_WARNINGS: usize = 100;

/// Counts what the parser copies and refuses what is out of proportion. It goes wherever the parser does, and so takes
/// the warnings along, and how strict to be.
pub(crate) struct Budget {
    copies: Cell<u64>,
    zeroed: Cell<u64>,
    warnings: RefCell<Vec<String>>,
    /// What a map's definition says that nobody knows is a warning, and no error.
    pub(crate) relaxed_maps: bool,
}

impl Budget {
    /// The budget of a file of this many bytes.
    pub(crate) fn new(file: usize) -> Budget {
        Budget {
            copies: Cell::new((file as u64).saturating_mul(COPIES).saturating_add(1 << 16)),
            zeroed: Cell::new(0),
            warnings: RefCell::default(),
            relaxed_maps: false,
        }
    }

    /// Pays for a copy of this many bytes.
    pub(crate) fn copy(&self, bytes: usize) -> Result<(), ErrorKind> {
        let left = self.copies.get().checked_sub(bytes as u64).ok_or(ErrorKind::OutOfProportion)?;
        self.copies.set(left);
        Ok(())
    }

    /// Pays for this many zeroes.
    pub(crate) fn zeroes(&self, bytes: u64) -> Result<Vec<u8>, ErrorKind> {
        let total = self.zeroed.get().saturating_add(bytes);
        if total > MAX_ZEROED {
            return Err(ErrorKind::TooMuchBss { bytes: total, limit: MAX_ZEROED });
        }
        self.zeroed.set(total);
        Ok(vec![0; bytes as usize])
    }

    /// Copies a name.
    pub(crate) fn name(&self, name: &str) -> Result<String, ErrorKind> {
        self.copy(name.len() + RECORD)?;
        Ok(name.to_string())
    }

    /// Notes something odd, unless there is too much of it.
    pub(crate) fn warn(&self, text: String) {
        let mut warnings = self.warnings.borrow_mut();
        match warnings.len() {
            0..MAX_WARNINGS => warnings.push(text),
            MAX_WARNINGS => warnings.push("there is more that is odd".to_string()),
            _ => {}
        }
    }

    /// What was noted.
    pub(crate) fn into_warnings(self) -> Vec<String> {
        self.warnings.into_inner()
    }
}
