//! The order in which the kernel walks a hash table that has no random seed (`BPF_F_ZERO_SEED`): bucket by bucket, in
//! each bucket the element that was put in last first (kernel/bpf/hashtab.c).

use std::collections::BTreeMap;

use crate::jhash::jhash;

/// Live slots by bucket.
#[derive(Clone, Debug)]
pub(crate) struct Buckets {
    /// Slots by [`place`].
    slots: BTreeMap<u64, u32>,
    /// Places by slot; stale for slots that are not live.
    places: Vec<u64>,
    count: u32,
    /// Grows with each element that is put in.
    serial: u32,
}

/// The place of the element that was put in as number `serial`: ascending in walking order.
fn place(bucket: u32, serial: u32) -> u64 {
    u64::from(bucket) << 32 | u64::from(u32::MAX - serial)
}

impl Buckets {
    /// `count` buckets, a power of two.
    pub(crate) fn new(count: u32) -> Buckets {
        Buckets { slots: BTreeMap::new(), places: Vec::new(), count: count.max(1), serial: 0 }
    }

    /// How many buckets there are.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Puts a slot that is not in any bucket at the head of its key's.
    pub(crate) fn push(&mut self, slot: u32, key: &[u8]) {
        let bucket = jhash(key, 0) & (self.count - 1);
        let at = place(bucket, self.serial);
        self.serial = self.serial.wrapping_add(1);
        let index = slot as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, u64::MAX);
        }
        self.places[index] = at;
        self.slots.insert(at, slot);
    }

    /// Takes a live slot out.
    pub(crate) fn remove(&mut self, slot: u32) {
        if let Some(at) = self.places.get(slot as usize) {
            self.slots.remove(at);
        }
    }

    /// The slot behind a live one.
    pub(crate) fn after(&self, slot: u32) -> Option<u32> {
        let at = *self.places.get(slot as usize)?;
        self.at(at.checked_add(1)?).map(|it| it.1)
    }

    /// The first slot at or behind a place, with its place.
    pub(crate) fn at(&self, place: u64) -> Option<(u64, u32)> {
        self.slots.range(place..).next().map(|(at, slot)| (*at, *slot))
    }

    /// All live slots in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.values().copied()
    }

    /// The slots of the first bucket with any at or behind one, and its number.
    pub(crate) fn bucket(&self, from: u32) -> Option<(u32, Vec<u32>)> {
        let (at, _) = self.at(u64::from(from) << 32)?;
        let bucket = (at >> 32) as u32;
        let slots = self.slots.range(place(bucket, u32::MAX)..=place(bucket, 0));
        Some((bucket, slots.map(|it| *it.1).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_is_first_in_its_bucket() {
        let mut buckets = Buckets::new(1);
        (0..4).for_each(|slot| buckets.push(slot, &[slot as u8]));
        assert_eq!(buckets.iter().collect::<Vec<_>>(), [3, 2, 1, 0]);
        buckets.remove(2);
        assert_eq!((buckets.after(3), buckets.after(1), buckets.after(0)), (Some(1), Some(0), None));
        assert_eq!(buckets.bucket(0), Some((0, vec![3, 1, 0])));
        assert_eq!(buckets.bucket(1), None);
    }

    #[test]
    fn buckets_follow_each_other() {
        let mut buckets = Buckets::new(8);
        (0..32u32).for_each(|slot| buckets.push(slot, &slot.to_le_bytes()));
        let (mut from, mut seen) = (0, 0);
        while let Some((bucket, slots)) = buckets.bucket(from) {
            assert!(slots.iter().all(|slot| jhash(&slot.to_le_bytes(), 0) & 7 == bucket));
            assert!(slots.is_sorted_by(|a, b| a > b));
            seen += slots.len();
            from = bucket + 1;
        }
        assert_eq!(seen, 32);
    }
}
