//! Slots whose values stay readable for a while after they were given back.

use std::collections::VecDeque;

/// How many slots rest before the first of them is used again: the kernel frees after an RCU grace period, while
/// which a program that holds a pointer sees the old value.
const REST: usize = 64;

/// Numbers for slots, made on demand; those given back are used again in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recycler {
    resting: VecDeque<u32>,
    next: u32,
}

impl Recycler {
    /// A slot that nobody uses.
    pub(crate) fn take(&mut self) -> u32 {
        let rested = if self.resting.len() > REST { self.resting.pop_front() } else { None };
        rested.unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }

    /// Gives a slot back that something saw.
    pub(crate) fn give(&mut self, slot: Option<u32>) {
        self.resting.extend(slot);
    }

    /// Gives a slot back that nothing saw.
    pub(crate) fn untake(&mut self, slot: u32) {
        if slot + 1 == self.next { self.next -= 1 } else { self.resting.push_back(slot) }
    }
}

#[cfg(test)]
mod tests {
    use super::{REST, Recycler};

    #[test]
    fn a_slot_rests_before_it_is_used_again() {
        let mut slots = Recycler::default();
        let first = slots.take();
        slots.give(Some(first));
        let others: Vec<u32> = (0..REST).map(|_| slots.take()).collect();
        assert!(!others.contains(&first));
        slots.give(others.first().copied());
        slots.give(None);
        for slot in others.into_iter().skip(1) {
            slots.give(Some(slot));
        }
        assert_eq!(slots.take(), first, "the one that rested longest comes first");
    }

    #[test]
    fn a_slot_that_nothing_saw_is_the_next_one_again() {
        let mut slots = Recycler::default();
        assert_eq!((slots.take(), slots.take()), (0, 1));
        slots.untake(1);
        assert_eq!(slots.take(), 1);
    }
}
