//! Which element an LRU map gives to a new key: per-CPU reserves in front of a common list, or one list for each CPU.
//!
//! Facts from kernel/bpf/bpf_lru_list.c. A CPU takes up to [`Lru::target_free`] free elements at a time from the common
//! list, so that a map with few elements for each CPU evicts earlier than its `max_entries` suggests.

use super::lru_list::{LruList, Nodes, Ring};

/// How many nodes the common list looks at in one go, and the most a CPU sets aside (`LOCAL_FREE_TARGET`).
const COMMON_SCANS: u32 = 128;
/// The same for a list that belongs to one CPU (`PERCPU_FREE_TARGET`).
const PERCPU_SCANS: u32 = 4;

/// Heads of a CPU's two local rings.
const LOCAL_HEADS: u32 = 2;

/// The elements of an LRU map by age.
#[derive(Clone, Debug)]
pub(crate) struct Lru {
    nodes: Nodes,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Common { list: LruList, target_free: u32, next_steal: Vec<u32> },
    Percpu { lists: Vec<LruList> },
}

impl Lru {
    /// One list for all of `cpus` CPUs.
    pub(crate) fn common(elements: u32, cpus: u32) -> Lru {
        Lru {
            nodes: Nodes::new(LruList::HEADS + LOCAL_HEADS * cpus),
            kind: Kind::Common {
                list: LruList::new(0, elements, COMMON_SCANS),
                target_free: (elements / cpus / 2).clamp(1, COMMON_SCANS),
                next_steal: (0..cpus).collect(),
            },
        }
    }

    /// A list for each CPU (`BPF_F_NO_COMMON_LRU`), with `elements / cpus` elements each.
    pub(crate) fn percpu(elements: u32, cpus: u32) -> Lru {
        let list = |cpu| LruList::new(cpu * LruList::HEADS, elements / cpus, PERCPU_SCANS);
        Lru {
            nodes: Nodes::new(LruList::HEADS * cpus),
            kind: Kind::Percpu { lists: (0..cpus).map(list).collect() },
        }
    }

    /// A lookup gives the element a second chance.
    pub(crate) fn touch(&self, slot: u32) {
        self.nodes.set_referenced(self.nodes.node_of(slot), true);
    }

    /// An element for a new key, evicting others through `evict` if it must. `None`: every element is in flight.
    pub(crate) fn pop(&mut self, cpu: u32, mut evict: impl FnMut(u32) -> bool) -> Option<u32> {
        let node = match self.kind {
            Kind::Common { .. } => self.pop_common(cpu, &mut evict),
            Kind::Percpu { .. } => self.pop_percpu(cpu, &mut evict),
        }?;
        Some(self.nodes.slot_of(node))
    }

    /// Takes back an element that is in no hash table any more.
    pub(crate) fn push_free(&mut self, slot: u32) {
        let node = self.nodes.node_of(slot);
        match &mut self.kind {
            Kind::Common { .. } if self.nodes.ring(node) == Ring::Pending => {
                let head = local_free(self.nodes.cpu(node));
                self.nodes.set_referenced(node, false);
                self.nodes.move_to(node, head, Ring::LocalFree);
            }
            Kind::Common { list, .. } => list.shift(&mut self.nodes, node, Ring::Free),
            Kind::Percpu { lists } => {
                let cpu = self.nodes.cpu(node) as usize;
                lists[cpu].shift(&mut self.nodes, node, Ring::Free);
            }
        }
    }

    fn pop_percpu(&mut self, cpu: u32, evict: &mut impl FnMut(u32) -> bool) -> Option<u32> {
        let Kind::Percpu { lists } = &mut self.kind else { return None };
        let (nodes, list) = (&mut self.nodes, &mut lists[cpu as usize]);
        list.rotate(nodes);
        if list.first_free(nodes).is_none() {
            list.shrink(nodes, PERCPU_SCANS, list.free_target(), evict);
        }
        let node = list.first_free(nodes)?;
        nodes.set_cpu(node, cpu);
        list.shift(nodes, node, Ring::Inactive);
        Some(node)
    }

    fn pop_common(&mut self, cpu: u32, evict: &mut impl FnMut(u32) -> bool) -> Option<u32> {
        let node = self
            .nodes
            .first(local_free(cpu))
            .or_else(|| {
                self.refill(cpu, evict);
                self.nodes.first(local_free(cpu))
            })
            .or_else(|| self.steal(cpu, evict))?;
        self.nodes.set_cpu(node, cpu);
        self.nodes.set_referenced(node, false);
        self.nodes.move_to(node, local_pending(cpu), Ring::Pending);
        Some(node)
    }

    /// Sorts the CPU's pending elements into the common list, then takes free or evicted ones from it.
    fn refill(&mut self, cpu: u32, evict: &mut impl FnMut(u32) -> bool) {
        let Kind::Common { list, target_free, .. } = &mut self.kind else { return };
        let (nodes, want) = (&mut self.nodes, *target_free);
        let pending = local_pending(cpu);
        while let Some(node) = nodes.before(pending, pending) {
            let ring = if nodes.is_referenced(node) { Ring::Active } else { Ring::Inactive };
            list.adopt(nodes, node, ring);
        }
        list.rotate(nodes);
        let given = list.give_free(nodes, want, local_free(cpu));
        if given < want {
            list.shrink(nodes, want - given, (local_free(cpu), Ring::LocalFree), evict);
        }
    }

    /// Nothing in the common list: takes a free or pending element of some CPU, round robin.
    fn steal(&mut self, cpu: u32, evict: &mut impl FnMut(u32) -> bool) -> Option<u32> {
        let Kind::Common { next_steal, .. } = &mut self.kind else { return None };
        let cpus = next_steal.len() as u32;
        let first = next_steal[cpu as usize];
        let mut victim = first;
        let mut stolen = None;
        loop {
            stolen = stolen.or_else(|| self.nodes.first(local_free(victim)));
            stolen = stolen.or_else(|| pop_pending(&self.nodes, victim, evict));
            victim = (victim + 1) % cpus;
            if stolen.is_some() || victim == first {
                break;
            }
        }
        next_steal[cpu as usize] = victim;
        stolen
    }
}

/// The oldest pending element of a CPU that was not referenced, or the oldest one.
fn pop_pending(nodes: &Nodes, cpu: u32, evict: &mut impl FnMut(u32) -> bool) -> Option<u32> {
    let head = local_pending(cpu);
    for force in [false, true] {
        let mut next = nodes.before(head, head);
        while let Some(node) = next {
            next = nodes.before(node, head);
            if (force || !nodes.is_referenced(node)) && evict(nodes.slot_of(node)) {
                return Some(node);
            }
        }
    }
    None
}

const fn local_free(cpu: u32) -> u32 {
    LruList::HEADS + LOCAL_HEADS * cpu
}

const fn local_pending(cpu: u32) -> u32 {
    local_free(cpu) + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes an element; says which one was evicted for it.
    fn pop(lru: &mut Lru, cpu: u32) -> (Option<u32>, Vec<u32>) {
        let mut evicted = Vec::new();
        let slot = lru.pop(cpu, |slot| {
            evicted.push(slot);
            true
        });
        (slot, evicted)
    }

    #[test]
    fn a_cpu_sets_aside_its_half_share() {
        let mut lru = Lru::common(16, 2);
        let taken = [0; 8].map(|_| pop(&mut lru, 0).0.unwrap());
        assert_eq!(taken, [3, 2, 1, 0, 7, 6, 5, 4], "four at a time, the last of them first");
    }

    /// Common list empty, nothing of its own: a CPU takes what others have, the next one first each time.
    #[test]
    fn a_cpu_without_elements_steals_round_robin() {
        let mut lru = Lru::common(3, 3);
        let owned: Vec<u32> = (0..3).map(|cpu| pop(&mut lru, cpu).0.unwrap()).collect();
        // CPU 0 sorts its pending element into the common list, so that evicting it is no theft.
        assert_eq!(pop(&mut lru, 0), (Some(owned[0]), vec![owned[0]]));
        let mut lru = Lru::common(1, 3);
        let only = pop(&mut lru, 2).0.unwrap();
        assert_eq!(pop(&mut lru, 0), (Some(only), vec![only]), "stolen from CPU 2");
        assert_eq!(pop(&mut lru, 1), (Some(only), vec![only]), "and from CPU 0");
        lru.push_free(only);
        assert_eq!(pop(&mut lru, 2), (Some(only), vec![]), "free elements of others are taken as they are");
    }

    #[test]
    fn a_thief_spares_what_was_looked_up_while_it_can() {
        // One CPU of one takes four at a time: both of these are pending.
        let mut lru = Lru::common(8, 1);
        let [old, young] = [0; 2].map(|_| pop(&mut lru, 0).0.unwrap());
        let mut evicted = Vec::new();
        let mut take = |lru: &Lru| {
            pop_pending(&lru.nodes, 0, &mut |slot| {
                evicted.push(slot);
                true
            })
        };
        lru.touch(old);
        assert_eq!(take(&lru), Some(lru.nodes.node_of(young)));
        lru.touch(young);
        assert_eq!(take(&lru), Some(lru.nodes.node_of(old)), "all were looked up: the oldest");
        assert_eq!(evicted, [young, old]);
    }

    proptest! {
        /// Every element is in exactly one place: none is given twice, none is lost.
        #[test]
        fn elements_are_conserved(
            elements in 1..60u32,
            cpus in 1..=4u32,
            own_lists in prop::bool::ANY,
            ops in prop::collection::vec((0..4u32, 0..4u8, any::<usize>()), 1..400),
        ) {
            let elements = if own_lists { elements.next_multiple_of(cpus) } else { elements };
            let mut lru = if own_lists { Lru::percpu(elements, cpus) } else { Lru::common(elements, cpus) };
            let mut used: Vec<u32> = Vec::new();
            for (cpu, what, pick) in ops {
                let at = pick.checked_rem(used.len());
                match (what, at) {
                    (0, Some(at)) => lru.push_free(used.swap_remove(at)),
                    (1, Some(at)) => lru.touch(used[at]),
                    _ => {
                        let (slot, evicted) = pop(&mut lru, cpu % cpus);
                        for gone in evicted {
                            let at = used.iter().position(|&it| it == gone);
                            prop_assert!(at.is_some(), "evicted {gone}, which was not in use");
                            used.swap_remove(at.unwrap());
                        }
                        let slot = slot.unwrap();
                        prop_assert!(slot < elements && !used.contains(&slot), "{slot} was given twice");
                        used.push(slot);
                    }
                }
            }
        }
    }
}
