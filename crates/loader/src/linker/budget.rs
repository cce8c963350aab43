//! What bounds the memory that hostile objects can make the linker use.

use std::cell::Cell;

use super::LinkError;

/// Bytes that may be copied for each byte of the inputs. Sections and names may lie in each other, so what is copied
/// can be more than what is there; far more is an attack.
const COPIES: u64 = 16;

/// Bytes that a named thing costs beside its name.
pub(super) const RECORD: usize = 64;

/// Bytes that are there for nothing.
const START: u64 = 1 << 16;

/// Types of globals that are compared at most, members and parameters counted. Those of a file come to some hundred.
const COMPARISONS: usize = 1 << 22;

/// What is left of the time that comparing the types of globals may take.
pub(super) struct Comparisons(Cell<usize>);

impl Comparisons {
    pub(super) fn new() -> Comparisons {
        Comparisons(Cell::new(COMPARISONS))
    }

    /// Pays for so many.
    pub(super) fn pay(&self, many: usize) -> Result<(), String> {
        let left = self.0.get().checked_sub(many).ok_or("its types are too large to compare")?;
        self.0.set(left);
        Ok(())
    }
}

/// Counts what is copied, and refuses what is out of proportion.
pub(super) struct Budget {
    left: u64,
}

impl Budget {
    /// For no file yet.
    pub(super) fn new() -> Budget {
        Budget { left: START }
    }

    /// Another input file came in.
    pub(super) fn add_file(&mut self, bytes: usize) {
        self.left = self.left.saturating_add((bytes as u64).saturating_mul(COPIES));
    }

    /// Pays for some bytes.
    pub(super) fn pay(&mut self, bytes: u64) -> Result<(), LinkError> {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => return Err(LinkError::new("what it unfolds to is out of proportion to its size")),
        }
        Ok(())
    }

    /// Bytes that could still be paid for.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Pays for a copy of a name and what goes with it.
    pub(super) fn name(&mut self, name: &str) -> Result<(), LinkError> {
        self.pay((name.len() + RECORD) as u64)
    }
}
