//! Function pointers: which range of addresses belongs to which program.

use skep_memory::layout::{TEXT_BASE, TEXT_SIZE};
use std::collections::BTreeMap;

/// Ranges of function pointers that are in use: length by first address.
#[derive(Debug, Default)]
pub(crate) struct TextMap {
    used: BTreeMap<u64, u64>,
}

impl TextMap {
    /// Takes the lowest free range for `slots` instructions; `None` if there is none.
    pub(crate) fn take(&mut self, slots: usize) -> Option<u64> {
        let len = (slots as u64).checked_mul(8)?;
        let mut base = TEXT_BASE;
        for (&start, &used) in &self.used {
            if start - base >= len {
                break;
            }
            base = start + used;
        }
        if TEXT_BASE + TEXT_SIZE - base < len {
            return None;
        }
        self.used.insert(base, len);
        Some(base)
    }

    /// Gives a range back.
    pub(crate) fn free(&mut self, base: u64) {
        self.used.remove(&base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_used_again() {
        let mut text = TextMap::default();
        let bases = [2, 3, 4].map(|slots| text.take(slots));
        assert_eq!(bases, [Some(TEXT_BASE), Some(TEXT_BASE + 16), Some(TEXT_BASE + 40)]);
        text.free(TEXT_BASE + 16);
        assert_eq!(text.take(4), Some(TEXT_BASE + 72));
        assert_eq!(text.take(3), Some(TEXT_BASE + 16));
        assert_eq!(text.take(TEXT_SIZE as usize / 8), None);
        assert_eq!(text.take(usize::MAX), None);
        assert_eq!(text.take((TEXT_SIZE / 8) as usize - 13), Some(TEXT_BASE + 104));
        assert_eq!(text.take(1), None);
    }
}
