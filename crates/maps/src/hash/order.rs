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
        let at = self.live_from(self.place_of_serial(serial))?;
        Some((self.places[at].serial, self.places[at].slot))
    }

    /// The first place whose serial number is at least `serial`. Numbers grow by one from place to place, and by more
    /// where a sweep took some: without one before it, the place is as far from the first as the number is.
    fn place_of_serial(&self, serial: u64) -> usize {
        let before = |place: &Place| place.serial < serial;
        let Some(first) = self.places.first() else { return 0 };
        let distance = serial.saturating_sub(first.serial);
        let guess = usize::try_from(distance).unwrap_or(usize::MAX).min(self.places.len());
        match self.places.get(guess) {
            Some(place) if place.serial == serial => guess,
            _ => self.places[..guess].partition_point(before),
        }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Order;

    #[derive(Clone, Debug)]
    enum Op {
        Push,
        Remove(usize),
        Replace(usize),
        After(usize),
        Walk(u64),
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            4 => Just(Op::Push),
            4 => any::<usize>().prop_map(Op::Remove),
            2 => any::<usize>().prop_map(Op::Replace),
            3 => any::<usize>().prop_map(Op::After),
            1 => (0..500u64).prop_map(Op::Walk),
        ]
    }

    /// Live slots with their serial numbers.
    type Model = Vec<(u64, u32)>;

    /// A slot number that is not live, the lowest one first: slots are used again.
    fn unused(model: &Model) -> u32 {
        (0..).find(|slot| model.iter().all(|(_, it)| it != slot)).unwrap()
    }

    fn step(order: &mut Order, model: &mut Model, op: &Op) {
        let pick = |at: usize| at.checked_rem(model.len());
        match *op {
            Op::Push => {
                let slot = unused(model);
                model.push((order.end(), slot));
                order.push(slot);
            }
            Op::Remove(at) => {
                if let Some(at) = pick(at) {
                    order.remove(model.remove(at).1);
                }
            }
            Op::Replace(at) => {
                if let Some(at) = pick(at) {
                    let slot = unused(model);
                    order.replace(model[at].1, slot);
                    model[at].1 = slot;
                }
            }
            Op::After(at) => {
                if let Some(at) = pick(at) {
                    assert_eq!(order.after(model[at].1), model.get(at + 1).map(|it| it.1));
                }
            }
            Op::Walk(serial) => {
                assert_eq!(order.at_serial(serial), model.iter().copied().find(|it| it.0 >= serial));
            }
        }
        assert_eq!(order.first(), model.first().map(|it| it.1));
        assert_eq!(order.len(), model.len());
    }

    proptest! {
        #[test]
        fn slots_stay_in_order(ops in prop::collection::vec(op(), 1..600)) {
            let (mut order, mut model) = (Order::default(), Model::new());
            for op in &ops {
                step(&mut order, &mut model, op);
            }
            prop_assert!(order.iter().eq(model.iter().map(|it| it.1)));
        }
    }

    /// A run of dead places in front of a live one is walked once, not each time.
    #[test]
    fn deleting_behind_a_key_is_not_quadratic() {
        let mut order = Order::default();
        let count = 200_000;
        (0..count).for_each(|slot| order.push(slot));
        for slot in 1..count - 1 {
            assert_eq!(order.after(0), Some(slot));
            order.remove(slot);
        }
        assert_eq!(order.after(0), Some(count - 1));
        order.push(1);
        assert!(order.places.len() < 100, "{} places for 3 slots", order.places.len());
    }
}
