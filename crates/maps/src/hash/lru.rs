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
