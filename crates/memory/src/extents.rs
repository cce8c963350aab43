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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: u32 = 4096;
    const END: u32 = 4096 + 64 * GRAIN;

    #[derive(Clone, Debug)]
    enum Step {
        Take { len: u32, align: u32 },
        Give { number: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (1..20u32, 0..4u32)
                .prop_map(|(len, align)| Step::Take { len: len * GRAIN, align: GRAIN << align }),
            any::<usize>().prop_map(|number| Step::Give { number }),
        ]
    }

    /// What is free: every grain, and whether books are consistent.
    fn free(extents: &Extents) -> Vec<u32> {
        assert_eq!(extents.by_start.len(), extents.by_size.len());
        assert!(extents.by_start.iter().all(|(start, len)| extents.by_size.contains(&(*len, *start))));
        let mut before = 0;
        for (start, len) in &extents.by_start {
            assert!(*start > before, "neighbours are one");
            before = start + len;
        }
        assert!(before < extents.top, "what touches the top is part of it");
        let returned = extents.by_start.iter().map(|(start, len)| (*start, *len));
        let all = returned.chain([(extents.top, extents.end - extents.top)]);
        all.flat_map(|(start, len)| (start..start + len).step_by(GRAIN as usize)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn free_and_taken_are_everything(steps in prop::collection::vec(step(), 0..100)) {
            let mut extents = Extents::new(START, END);
            let mut taken: Vec<(u32, u32)> = Vec::new();
            for step in steps {
                match step {
                    Step::Take { len, align } => match extents.take(len, align) {
                        Some(start) => {
                            assert!(start.is_multiple_of(align) && start >= START && start + len <= END);
                            taken.push((start, len));
                        }
                        None => assert!(!has_room(&free(&extents), len, align)),
                    },
                    Step::Give { number } => {
                        let Some(number) = number.checked_rem(taken.len()) else { continue };
                        let (start, len) = taken.swap_remove(number);
                        extents.give(start, len);
                    }
                }
                let mut all = free(&extents);
                all.extend(taken.iter().flat_map(|(start, len)| (*start..start + len).step_by(GRAIN as usize)));
                all.sort_unstable();
                assert!(all.into_iter().eq((START..END).step_by(GRAIN as usize)));
                assert!(taken.iter().all(|(start, len)| start + len <= extents.high()));
            }
        }
    }

    /// Best fit asks for room to align in, so it may miss a place that would just do; it never misses a larger one.
    fn has_room(free: &[u32], len: u32, align: u32) -> bool {
        let wanted = (len + align - GRAIN) / GRAIN;
        free.windows(wanted as usize)
            .any(|grains| grains[grains.len() - 1] - grains[0] == (wanted - 1) * GRAIN)
    }

    #[test]
    fn numbers_near_the_end_do_not_wrap() {
        let mut extents = Extents::new(0xfff0_0000, 0xffff_fff0);
        assert_eq!(extents.take(u32::MAX - 15, GRAIN), None);
        assert_eq!(extents.take(GRAIN, 1 << 31), None);
        assert_eq!(extents.take(0xf_fff0, GRAIN), Some(0xfff0_0000));
        assert_eq!(extents.take(GRAIN, GRAIN), None);
        extents.give(0xfff0_0000, 0xf_fff0);
        assert_eq!(extents.take(u32::MAX - 15, 1 << 20), None);
        assert_eq!(extents.take(0xf_fff0, GRAIN), Some(0xfff0_0000));
    }
}
