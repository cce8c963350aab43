//! Which addresses of an arena are free: a mark below which addresses were handed out, and the extents that came back.

use std::collections::{BTreeMap, BTreeSet};

/// Every object starts at a multiple of this.
pub(crate) const GRAIN: u32 = 16;

/// The free addresses of one arena. Best fit, lowest address first; neighbours are merged.
#[derive(Clone, Debug)]
pub(crate) struct Extents {
    /// All from here to `end` is free and was not used since the last time it was given back.
    top: u32,
    end: u32,
    /// The highest value `top` ever had.
    high: u32,
    by_start: BTreeMap<u32, u32>,
    by_size: BTreeSet<(u32, u32)>,
}

impl Extents {
    /// All of `start .. end` is free.
    pub(crate) fn new(start: u32, end: u32) -> Extents {
        Extents { top: start, end, high: start, by_start: BTreeMap::new(), by_size: BTreeSet::new() }
    }

    /// The end of what was ever handed out.
    pub(crate) fn high(&self) -> u32 {
        self.high
    }

    /// More was handed out than these books know of.
    pub(crate) fn raise_high(&mut self, high: u32) {
        self.high = self.high.max(high);
    }

    /// Takes `len` bytes (a multiple of [`GRAIN`]) at a multiple of `align` (a power of two, at least [`GRAIN`]).
    pub(crate) fn take(&mut self, len: u32, align: u32) -> Option<u32> {
        self.take_returned(len, align).or_else(|| self.take_top(len, align))
    }

    fn take_returned(&mut self, len: u32, align: u32) -> Option<u32> {
        let wanted = len.checked_add(align - GRAIN)?;
        let (size, start) = *self.by_size.range((wanted, 0)..).next()?;
        self.remove(start, size);
        let at = start.next_multiple_of(align);
        self.insert(start, at - start);
        self.insert(at + len, start + size - at - len);
        Some(at)
    }

    fn take_top(&mut self, len: u32, align: u32) -> Option<u32> {
        let at = self.top.checked_next_multiple_of(align)?;
        let end = at.checked_add(len).filter(|end| *end <= self.end)?;
        self.insert(self.top, at - self.top);
        self.top = end;
        self.high = self.high.max(end);
        Some(at)
    }

    /// Gives back what [`take`](Extents::take) gave.
    pub(crate) fn give(&mut self, mut start: u32, mut len: u32) {
        if let Some((&before, &size)) = self.by_start.range(..start).next_back()
            && before + size == start
        {
            self.remove(before, size);
            (start, len) = (before, len + size);
        }
        if let Some(&size) = self.by_start.get(&(start + len)) {
            self.remove(start + len, size);
            len += size;
        }
        if start + len == self.top {
            self.top = start;
        } else {
            self.insert(start, len);
        }
    }

    fn insert(&mut self, start: u32, len: u32) {
        if len > 0 {
            self.by_start.insert(start, len);
            self.by_size.insert((len, start));
        }
    }

    fn remove(&mut self, start: u32, len: u32) {
        self.by_start.remove(&start);
        self.by_size.remove(&(len, start));
    }
}
