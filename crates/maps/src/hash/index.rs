//! From key to slot: a `hashbrown` table whose entries carry the short key itself (or the hash of a long one), the slot
//! and the value's address, so that a hit on a short key touches nothing else.

use std::ops::Range;

use hashbrown::HashTable;
use skep_abi::Errno;

use crate::cursor::Cursor;

use super::buckets::Buckets;
use super::key::{self, WORD};
use super::order::Order;

/// The most bytes of keys that one map keeps: as many as the half of the address space that its values live in.
const KEYS_MAX: usize = 2 << 30;

/// A live element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    /// The key as a word, or the hash of a key that is longer than a word.
    tag: u64,
    /// Its slot.
    pub(crate) slot: u32,
    /// The low half of its value's address; the high half is its sign.
    low: u32,
}

impl Element {
    /// The address of the value (on CPU 0, for per-CPU values).
    #[inline]
    pub(crate) fn addr(&self) -> u64 {
        i64::from(self.low as i32) as u64
    }
}

/// The live keys of a hash map, and the order they are walked in.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    table: HashTable<Element>,
    /// Keys by slot, `key_size` bytes each.
    keys: Vec<u8>,
    order: Order,
    /// The order of walks, if it is not that of insertion.
    buckets: Option<Buckets>,
    key_size: usize,
    seed: u64,
}

impl Index {
    /// `buckets`: how many the kernel's table has, if its walks can be foretold.
    pub(crate) fn new(key_size: u32, seed: u64, buckets: Option<u32>) -> Index {
        let key_size = key_size as usize;
        Index {
            table: HashTable::new(),
            keys: Vec::new(),
            order: Order::default(),
            buckets: buckets.map(Buckets::new),
            key_size,
            seed,
        }
    }

    /// Number of live keys.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The element of `key`, which has `key_size` bytes.
    #[inline]
    pub(crate) fn find(&self, key: &[u8]) -> Option<&Element> {
        if self.key_size <= WORD {
            let word = key::word(key);
            return self.table.find(key::mix(word, self.seed), |it| it.tag == word);
        }
        let hash = key::long(key, self.seed);
        self.table.find(hash, |it| it.tag == hash && self.key(it.slot) == key)
    }

    /// The key of a slot that is or was live.
    pub(crate) fn key(&self, slot: u32) -> &[u8] {
        &self.keys[self.key_range(slot)]
    }

    /// Adds a key that is not there. -ENOMEM when the host has no memory for the table.
    pub(crate) fn insert(&mut self, key: &[u8], slot: u32, addr: u64) -> Result<(), Errno> {
        let (tag, hash) = self.tag_of(key);
        let rehash = hasher(self.key_size, self.seed);
        self.table.try_reserve(1, &rehash).map_err(|_| Errno::ENOMEM)?;
        self.reserve_key(slot)?;
        let at = self.key_range(slot);
        self.keys[at].copy_from_slice(key);
        self.table.insert_unique(hash, Element { tag, slot, low: addr as u32 }, rehash);
        self.order.push(slot);
        if let Some(buckets) = &mut self.buckets {
            buckets.push(slot, key);
        }
        Ok(())
    }

    /// Moves the key of a live slot to another slot, whose value is at `addr`.
    pub(crate) fn replace(&mut self, old: u32, slot: u32, addr: u64) -> Result<(), Errno> {
        self.reserve_key(slot)?;
        let (_, hash) = self.tag_of(self.key(old));
        if let Some(element) = self.table.find_mut(hash, |it| it.slot == old) {
            (element.slot, element.low) = (slot, addr as u32);
            let (from, to) = (self.key_range(old), self.key_range(slot));
            self.keys.copy_within(from, to.start);
            self.order.replace(old, slot);
            if let Some(buckets) = &mut self.buckets {
                buckets.remove(old);
                buckets.push(slot, &self.keys[to]);
            }
        }
        Ok(())
    }

    /// Removes the key of a live slot. Its bytes stay until the slot is used again.
    pub(crate) fn remove(&mut self, slot: u32) -> bool {
        let (_, hash) = self.tag_of(self.key(slot));
        match self.table.find_entry(hash, |it| it.slot == slot) {
            Ok(entry) => {
                entry.remove();
                self.order.remove(slot);
                if let Some(buckets) = &mut self.buckets {
                    buckets.remove(slot);
                }
                true
            }
            Err(_) => false,
        }
    }

    /// The first slot of a walk.
    pub(crate) fn first(&self) -> Option<u32> {
        match &self.buckets {
            Some(buckets) => buckets.at(0).map(|it| it.1),
            None => self.order.first(),
        }
    }

    /// The slot behind a live slot in a walk.
    pub(crate) fn after(&self, slot: u32) -> Option<u32> {
        match &self.buckets {
            Some(buckets) => buckets.after(slot),
            None => self.order.after(slot),
        }
    }

    /// All live slots, in the order of a walk.
    pub(crate) fn slots(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        match &self.buckets {
            Some(buckets) => Box::new(buckets.iter()),
            None => Box::new(self.order.iter()),
        }
    }

    /// A walk over what is there.
    pub(crate) fn cursor(&self) -> Cursor {
        let end = if self.buckets.is_some() { u64::MAX } else { self.order.end() };
        Cursor { next: 0, end }
    }

    /// The next slot of a walk.
    pub(crate) fn advance(&self, cursor: &mut Cursor) -> Option<u32> {
        let (place, slot) = match &self.buckets {
            Some(buckets) => buckets.at(cursor.next),
            None => self.order.at_serial(cursor.next),
        }?;
        if place >= cursor.end {
            return None;
        }
        cursor.next = place + 1;
        Some(slot)
    }

    /// The live slots of the first bucket with any, from bucket `from` on, and the bucket's number: what
    /// batches take at a time. Where the order is that of insertion, each element is its own bucket, as in a table whose
    /// seed was a lucky one.
    ///
    /// # Errors
    /// -ENOENT: there is no bucket of that number.
    pub(crate) fn bucket(&self, from: u32) -> Result<Option<(Vec<u32>, u32)>, Errno> {
        let found = match &self.buckets {
            Some(buckets) if from >= buckets.count() => return Err(Errno::ENOENT),
            Some(buckets) => buckets.bucket(from).map(|(bucket, slots)| (slots, bucket)),
            None if from > 0 && u64::from(from) >= self.order.end() => return Err(Errno::ENOENT),
            None => self.order.at_serial(from.into()).map(|(serial, slot)| (vec![slot], serial as u32)),
        };
        Ok(found)
    }

    /// The number behind the last bucket of a table of `entries`.
    pub(crate) fn end_of_buckets(&self, entries: u32) -> u32 {
        match &self.buckets {
            Some(buckets) => buckets.count(),
            None => u32::try_from(self.order.end()).unwrap_or(u32::MAX).max(buckets_of(entries)),
        }
    }

    /// The tag and the hash of a key.
    fn tag_of(&self, key: &[u8]) -> (u64, u64) {
        if self.key_size <= WORD {
            let word = key::word(key);
            return (word, key::mix(word, self.seed));
        }
        let hash = key::long(key, self.seed);
        (hash, hash)
    }

    fn key_range(&self, slot: u32) -> Range<usize> {
        let at = slot as usize * self.key_size;
        at..at + self.key_size
    }

    /// Room for the key of a slot, within [`KEYS_MAX`].
    fn reserve_key(&mut self, slot: u32) -> Result<(), Errno> {
        let end = self.key_range(slot).end;
        if end > KEYS_MAX {
            return Err(Errno::ENOMEM);
        }
        if let Some(more) = end.checked_sub(self.keys.len()) {
            self.keys.try_reserve(more).map_err(|_| Errno::ENOMEM)?;
            self.keys.resize(end, 0);
        }
        Ok(())
    }
}

/// How many buckets the kernel's table for so many elements has.
pub(crate) fn buckets_of(entries: u32) -> u32 {
    entries.checked_next_power_of_two().unwrap_or(1 << 31)
}

/// How the table finds the hash of an element again when it grows.
fn hasher(key_size: usize, seed: u64) -> impl Fn(&Element) -> u64 {
    move |it| if key_size <= WORD { key::mix(it.tag, seed) } else { it.tag }
}
