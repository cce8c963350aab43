//! Which pages of the host simulated objects have taken, counted against a limit.
//!
//! The host hands a page out when it is first written to. Everything in this crate that writes where nothing may have
//! been written before says so here first; a page that was given back to the host is taken off the count.

use crate::error::OverLimit;
use crate::host::page_size;
use crate::space::Span;

/// One of the three reservations of a memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Plane {
    Data,
    Load,
    Store,
}

impl Plane {
    pub(crate) const ALL: [Plane; 3] = [Plane::Data, Plane::Load, Plane::Store];
}

/// The pages that were taken, as a bit each, and how many there may be.
#[derive(Debug)]
pub(crate) struct Resident {
    planes: [Bits; 3],
    /// Base-2 logarithm of a page's bytes.
    shift: u32,
    pages: u64,
    /// Bytes outside of the reservations.
    outside: u64,
    /// In bytes.
    limit: u64,
}

/// A bit for each page of a plane, in chunks that are made when they are needed.
#[derive(Debug, Default)]
struct Bits(Vec<Option<Box<[u64; CHUNK]>>>);

/// Words of a chunk: those of 128 MiB in pages of 4 KiB.
const CHUNK: usize = 512;

impl Bits {
    fn word(&self, index: usize) -> u64 {
        self.0.get(index / CHUNK).and_then(|chunk| chunk.as_ref()).map_or(0, |chunk| chunk[index % CHUNK])
    }

    fn word_mut(&mut self, index: usize) -> &mut u64 {
        if self.0.len() <= index / CHUNK {
            self.0.resize_with(index / CHUNK + 1, || None);
        }
        &mut self.0[index / CHUNK].get_or_insert_with(|| Box::new([0; CHUNK]))[index % CHUNK]
    }

    /// The words that are not zero, by index.
    fn words(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        let chunks =
            self.0.iter().zip((0..).step_by(CHUNK)).filter_map(|(chunk, at)| Some((chunk.as_ref()?, at)));
        let words = chunks.flat_map(|(chunk, at)| chunk.iter().copied().zip(at..));
        words.filter_map(|(word, index)| (word != 0).then_some((index, word)))
    }
}

/// Pages of one plane, by number: those of an address are its low 32 bits divided by the page size.
pub(crate) type Pages = std::ops::Range<u32>;

/// What was taken at one moment: the words of the three planes that are not zero, by their index, and bytes outside.
#[derive(Clone, Debug)]
pub(crate) struct Marks([Vec<(usize, u64)>; 3], u64);

impl Resident {
    pub(crate) fn new() -> Resident {
        let shift = page_size().trailing_zeros();
        Resident { planes: Default::default(), shift, pages: 0, outside: 0, limit: u64::MAX }
    }

    /// Bytes of all pages that were taken, and of what is outside.
    pub(crate) fn bytes(&self) -> u64 {
        (self.pages << self.shift).saturating_add(self.outside)
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn set_limit(&mut self, bytes: u64) {
        self.limit = bytes;
    }

    /// Counts the pages of a span in some planes, if they are within the limit. Otherwise none is counted.
    pub(crate) fn take(&mut self, planes: &[Plane], span: Span) -> Result<(), OverLimit> {
        let pages = self.around(span);
        let new = planes.iter().map(|plane| self.untaken(*plane, &pages)).sum::<u64>();
        if new == 0 {
            return Ok(());
        }
        self.check(new << self.shift)?;
        for plane in planes {
            self.mark(*plane, &pages);
        }
        Ok(())
    }

    /// Counts bytes outside of the reservations, if they are within the limit.
    pub(crate) fn take_outside(&mut self, bytes: u64) -> Result<(), OverLimit> {
        self.check(bytes)?;
        self.outside = self.outside.saturating_add(bytes);
        Ok(())
    }

    /// They are gone.
    pub(crate) fn give_outside(&mut self, bytes: u64) {
        self.outside = self.outside.saturating_sub(bytes);
    }

    fn check(&self, wanted: u64) -> Result<(), OverLimit> {
        let (resident, limit) = (self.bytes(), self.limit);
        if wanted <= limit.saturating_sub(resident) {
            Ok(())
        } else {
            Err(OverLimit { wanted, resident, limit })
        }
    }

    /// Counts the pages of a span, whatever the limit is.
    pub(crate) fn note(&mut self, plane: Plane, span: Span) {
        self.mark(plane, &self.around(span));
    }

    /// The pages went back to the host.
    pub(crate) fn give(&mut self, plane: Plane, pages: &Pages) {
        for (index, mask) in words(pages) {
            let gone = self.planes[plane as usize].word(index) & mask;
            if gone != 0 {
                self.pages -= u64::from(gone.count_ones());
                *self.planes[plane as usize].word_mut(index) &= !gone;
            }
        }
    }

    /// Whether any of the pages was taken.
    pub(crate) fn any(&self, plane: Plane, pages: &Pages) -> bool {
        words(pages).any(|(index, mask)| self.planes[plane as usize].word(index) & mask != 0)
    }

    /// Whether the page was taken.
    pub(crate) fn has(&self, plane: Plane, page: u32) -> bool {
        self.planes[plane as usize].word((page / 64) as usize) >> (page % 64) & 1 != 0
    }

    /// The pages that a span has some of.
    pub(crate) fn around(&self, span: Span) -> Pages {
        if span.len == 0 {
            return 0..0;
        }
        span.start >> self.shift..((span.start + (span.len - 1)) >> self.shift) + 1
    }

    /// The pages that a span has all of.
    pub(crate) fn within(&self, span: Span) -> Pages {
        let page = 1u64 << self.shift;
        let first = u64::from(span.start).div_ceil(page) as u32;
        let last = ((u64::from(span.start) + u64::from(span.len)) >> self.shift) as u32;
        first..last.max(first)
    }

    /// The part of a span that lies in a page.
    pub(crate) fn part(&self, span: Span, page: u32) -> Span {
        let start = span.start.max(page << self.shift);
        let end = (u64::from(page) + 1) << self.shift;
        let end = end.min(u64::from(span.start) + u64::from(span.len));
        Span { start, len: (end - u64::from(start)) as u32 }
    }

    /// Forgets all pages of a span in all planes.
    pub(crate) fn forget(&mut self, span: Span) {
        let pages = self.around(span);
        for plane in Plane::ALL {
            self.give(plane, &pages);
        }
    }

    /// What was taken, to come back to.
    pub(crate) fn marks(&self) -> Marks {
        Marks(self.planes.each_ref().map(|bits| bits.words().collect()), self.outside)
    }

    /// Counts as taken what was taken then. The pages that were taken since are called out: they are not any more.
    pub(crate) fn come_back(&mut self, marks: &Marks, mut since: impl FnMut(Plane, Pages)) {
        (self.pages, self.outside) = (0, marks.1);
        for (plane, kept) in Plane::ALL.into_iter().zip(&marks.0) {
            let mut bits = Bits::default();
            for (index, word) in kept {
                *bits.word_mut(*index) = *word;
                self.pages += u64::from(word.count_ones());
            }
            for (index, word) in self.planes[plane as usize].words() {
                each_run(word & !bits.word(index), |run| {
                    let first = index as u32 * 64;
                    since(plane, first + run.start..first + run.end);
                });
            }
            self.planes[plane as usize] = bits;
        }
    }

    fn untaken(&self, plane: Plane, pages: &Pages) -> u64 {
        let plane = &self.planes[plane as usize];
        words(pages).map(|(index, mask)| u64::from((mask & !plane.word(index)).count_ones())).sum()
    }

    fn mark(&mut self, plane: Plane, pages: &Pages) {
        for (index, mask) in words(pages) {
            let word = self.planes[plane as usize].word_mut(index);
            self.pages += u64::from((mask & !*word).count_ones());
            *word |= mask;
        }
    }
}

/// The runs of ones in a word.
fn each_run(mut word: u64, mut run: impl FnMut(std::ops::Range<u32>)) {
    while word != 0 {
        let start = word.trailing_zeros();
        let end = start + (word >> start).trailing_ones();
        run(start..end);
        word &= u64::MAX.checked_shl(end).unwrap_or(0);
    }
}

/// The words that some bits are in, each with a mask of them.
fn words(bits: &Pages) -> impl Iterator<Item = (usize, u64)> + use<> {
    let Pages { start, end } = *bits;
    let indices = if start < end { start / 64..end.div_ceil(64) } else { 0..0 };
    indices.map(move |index| {
        let from = start.saturating_sub(index * 64);
        let upto = (end - index * 64).min(64);
        (index as usize, u64::MAX >> (64 - upto) & u64::MAX << from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const PAGE: u32 = 4096;

    fn span(start: u32, len: u32) -> Span {
        Span { start, len }
    }

    #[test]
    fn a_page_counts_once_and_in_each_plane() {
        let mut resident = Resident::new();
        let page = page_size() as u64;
        resident.take(&[Plane::Data], span(0x8000_0000, 1)).unwrap();
        resident.take(&[Plane::Data, Plane::Load], span(0x8000_0000, 8)).unwrap();
        assert_eq!(resident.bytes(), 2 * page);
        resident.take(&Plane::ALL, span(0x8000_0000 + page as u32 - 1, 2)).unwrap();
        assert_eq!(resident.bytes(), 6 * page);
        resident.give(Plane::Load, &resident.around(span(0x8000_0000, 1)));
        assert_eq!(resident.bytes(), 5 * page);
        resident.forget(span(0x8000_0000, 2 * page as u32));
        assert_eq!(resident.bytes(), 0);
    }

    #[test]
    fn over_the_limit_nothing_is_counted() {
        let mut resident = Resident::new();
        let page = page_size() as u64;
        resident.set_limit(3 * page);
        resident.take(&[Plane::Data], span(0, 1)).unwrap();
        let error = resident.take(&Plane::ALL, span(0, 1 + page as u32)).unwrap_err();
        assert_eq!(error, OverLimit { wanted: 5 * page, resident: page, limit: 3 * page });
        assert_eq!(resident.bytes(), page);
        resident.take(&Plane::ALL, span(0, 1)).unwrap();
        assert_eq!(resident.bytes(), 3 * page);
        resident.note(Plane::Data, span(1 << 20, 1));
        assert_eq!(resident.bytes(), 4 * page, "noted beyond the limit");
        assert!(resident.take(&[Plane::Data], span(2 << 20, 1)).is_err());
        assert!(resident.take(&[Plane::Data], span(1 << 20, 0)).is_ok(), "no bytes, no page");
    }

    #[test]
    fn spans_at_the_end_of_addresses() {
        let resident = Resident::new();
        let last = resident.around(span(u32::MAX, 1));
        assert_eq!(last.len(), 1);
        assert_eq!(resident.within(span(u32::MAX - 10, 11)).len(), 0);
        assert_eq!(resident.part(span(u32::MAX - 10, 11), last.start), span(u32::MAX - 10, 11));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn as_a_set_of_pages(steps in prop::collection::vec((0..3u8, 0..3usize, 0..400u32, 0..200u32), 0..60)) {
            let (mut resident, mut model) = (Resident::new(), BTreeSet::new());
            let mut kept = None;
            for (step, plane, start, len) in steps {
                let plane = Plane::ALL[plane];
                let span = span(start * PAGE + 5, len * PAGE / 2);
                let pages = resident.around(span);
                let set = pages.clone().map(|page| (plane as usize, page));
                match step {
                    0 => {
                        resident.note(plane, span);
                        model.extend(set);
                    }
                    1 => {
                        resident.give(plane, &pages);
                        model.retain(|page| !set.clone().any(|gone| gone == *page));
                    }
                    _ => kept = Some((resident.marks(), model.clone())),
                }
                prop_assert_eq!(resident.bytes(), model.len() as u64 * page_size() as u64);
                prop_assert_eq!(resident.any(plane, &pages), pages.clone().any(|page| resident.has(plane, page)));
                prop_assert!(model.iter().all(|(plane, page)| resident.has(Plane::ALL[*plane], *page)));
            }
            if let Some((marks, then)) = kept {
                let mut since = BTreeSet::new();
                resident.come_back(&marks, |plane, pages| since.extend(pages.map(|page| (plane as usize, page))));
                prop_assert_eq!(since, model.difference(&then).copied().collect());
                prop_assert_eq!(resident.bytes(), then.len() as u64 * page_size() as u64);
            }
        }
    }
}
