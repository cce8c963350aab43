//! From key to slot: a `hashbrown` table whose entries carry the short key itself (or the hash of a long one), the slot
//! and the value's address, so that a hit on a short key touches nothing else.

use std::ops::Range;

use hashbrown::HashTable;
use skep_abi::Errno;

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
    pub(crate) order: Order,
    key_size: usize,
    seed: u64,
}

impl Index {
    pub(crate) fn new(key_size: u32, seed: u64) -> Index {
        let key_size = key_size as usize;
        Index { table: HashTable::new(), keys: Vec::new(), order: Order::default(), key_size, seed }
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
                true
            }
            Err(_) => false,
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

/// How the table finds the hash of an element again when it grows.
fn hasher(key_size: usize, seed: u64) -> impl Fn(&Element) -> u64 {
    move |it| if key_size <= WORD { key::mix(it.tag, seed) } else { it.tag }
}
