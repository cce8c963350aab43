//! The order in which a hash map is walked: that of insertion.
//!
//! The kernel walks buckets of a randomly seeded hash, so no program can rely on an order. Ours is chosen to be
//! deterministic and to lose and repeat nothing: an element keeps its place while it is updated, a new one goes to
//! the end, and a walk sees what was there when it began.

use std::cell::Cell;

/// A slot number that means "no slot".
const NONE: u32 = u32::MAX;

/// Dead places are swept when they outnumber the live ones and this many.
const SWEEP_SLACK: usize = 64;

/// One place in the order. Dead ones stay until the next sweep, so that a walk can stand on them.
#[derive(Clone, Debug)]
struct Place {
    /// Grows along the order and is never used twice: what a walk remembers across sweeps.
    serial: u64,
    slot: u32,
    /// In a dead place: how many places to go on at least. Grows as walks find out.
    skip: Cell<u32>,
}

/// Live slots in insertion order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    places: Vec<Place>,
    /// Place of each slot, by slot; stale for slots that are not live.
    place_of: Vec<u32>,
    live: usize,
    next_serial: u64,
}

impl Order {
    /// Number of live slots.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// The serial number that the next [`Order::push`] gives.
    pub(crate) fn end(&self) -> u64 {
        self.next_serial
    }

    /// Appends a slot that is not in the order.
    pub(crate) fn push(&mut self, slot: u32) {
        self.sweep();
        self.set_place(slot, self.places.len());
        self.places.push(Place { serial: self.next_serial, slot, skip: Cell::new(0) });
        self.next_serial += 1;
        self.live += 1;
    }

    /// Puts `new` where `old` is.
    pub(crate) fn replace(&mut self, old: u32, new: u32) {
        let at = self.place_of[old as usize] as usize;
        self.places[at].slot = new;
        self.set_place(new, at);
    }

    /// Takes a live slot out.
    pub(crate) fn remove(&mut self, slot: u32) {
        let at = self.place_of[slot as usize] as usize;
        self.places[at].slot = NONE;
        self.places[at].skip.set(1);
        self.live -= 1;
        while self.places.last().is_some_and(|place| place.slot == NONE) {
            self.places.pop();
        }
    }

    /// The first slot, if any.
    pub(crate) fn first(&self) -> Option<u32> {
        self.live_from(0).map(|at| self.places[at].slot)
    }

    /// The slot behind a live slot.
    pub(crate) fn after(&self, slot: u32) -> Option<u32> {
        let at = self.place_of[slot as usize] as usize;
        self.live_from(at + 1).map(|at| self.places[at].slot)
    }

    /// The first slot whose serial number is at least `serial`, with its number.
    pub(crate) fn at_serial(&self, serial: u64) -> Option<(u64, u32)> {
        let at = self.live_from(self.places.partition_point(|place| place.serial < serial))?;
        Some((self.places[at].serial, self.places[at].slot))
    }

    /// All live slots in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.places.iter().map(|place| place.slot).filter(|&slot| slot != NONE)
    }

    /// The first live place at or behind `start`. Shortens the way for the next walk over the same dead places.
    fn live_from(&self, start: usize) -> Option<usize> {
        let mut at = start;
        while let Some(place) = self.places.get(at) {
            if place.slot != NONE {
                break;
            }
            at += place.skip.get() as usize;
        }
        if let Some(place) = self.places.get(start).filter(|place| place.slot == NONE) {
            place.skip.set(narrow(at - start));
        }
        (at < self.places.len()).then_some(at)
    }

    fn set_place(&mut self, slot: u32, at: usize) {
        let slot = slot as usize;
        if self.place_of.len() <= slot {
            self.place_of.resize(slot + 1, NONE);
        }
        self.place_of[slot] = narrow(at);
    }

    /// Throws dead places away once they are the majority: constant work per removal in the long run.
    fn sweep(&mut self) {
        if self.places.len() < 2 * self.live + SWEEP_SLACK {
            return;
        }
        self.places.retain(|place| place.slot != NONE);
        for (at, place) in self.places.iter().enumerate() {
            self.place_of[place.slot as usize] = narrow(at);
        }
    }
}

/// Places are bounded by twice the slots, and slots by the 2^28 values of 8 bytes that fit in the address space.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(NONE)
}
