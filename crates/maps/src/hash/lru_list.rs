//! One LRU list of elements: active, inactive and free rings with a hand that rotates through the inactive one.
//!
//! The behaviour is that of kernel/bpf/bpf_lru_list.c, element for element, because which key a full map evicts is
//! something that programs and tests see. Elements are slot numbers; rings are doubly linked through one vector.

use std::cell::Cell;

/// Which ring a node is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ring {
    /// Looked up or updated not long ago.
    Active,
    /// Candidates for eviction.
    Inactive,
    /// Unused, in the list.
    Free,
    /// Unused, set aside for one CPU.
    LocalFree,
    /// In use, not yet sorted into the list.
    Pending,
}

#[derive(Clone, Debug)]
struct Node {
    prev: u32,
    next: u32,
    cpu: u16,
    ring: Ring,
    /// The second chance bit, which a lookup sets.
    referenced: Cell<bool>,
}

/// All nodes of a map and the heads of its rings. Heads come first; node of slot `s` is number `heads + s`.
#[derive(Clone, Debug)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    heads: u32,
}

impl Nodes {
    /// `heads` empty rings and no slots.
    pub(super) fn new(heads: u32) -> Nodes {
        let head = |at| Node { prev: at, next: at, cpu: 0, ring: Ring::Free, referenced: Cell::new(false) };
        Nodes { nodes: (0..heads).map(head).collect(), heads }
    }

    /// Makes the next slot number, in no ring yet.
    fn fresh(&mut self) -> u32 {
        let at = self.nodes.len() as u32;
        self.nodes.push(Node { prev: at, next: at, cpu: 0, ring: Ring::Free, referenced: Cell::new(false) });
        at
    }

    pub(super) fn slot_of(&self, node: u32) -> u32 {
        node - self.heads
    }

    pub(super) fn node_of(&self, slot: u32) -> u32 {
        slot + self.heads
    }

    fn at(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    fn at_mut(&mut self, node: u32) -> &mut Node {
        &mut self.nodes[node as usize]
    }

    pub(super) fn is_referenced(&self, node: u32) -> bool {
        self.at(node).referenced.get()
    }

    pub(super) fn set_referenced(&self, node: u32, value: bool) {
        self.at(node).referenced.set(value);
    }

    pub(super) fn cpu(&self, node: u32) -> u32 {
        self.at(node).cpu.into()
    }

    pub(super) fn set_cpu(&mut self, node: u32, cpu: u32) {
        self.at_mut(node).cpu = cpu as u16;
    }

    pub(super) fn ring(&self, node: u32) -> Ring {
        self.at(node).ring
    }

    pub(super) fn prev(&self, node: u32) -> u32 {
        self.at(node).prev
    }

    fn next(&self, node: u32) -> u32 {
        self.at(node).next
    }

    /// The first node behind `head`.
    pub(super) fn first(&self, head: u32) -> Option<u32> {
        Some(self.next(head)).filter(|&node| node != head)
    }

    /// The node in front of `node` on the way to `head`, which is where a walk from the tail ends.
    pub(super) fn before(&self, node: u32, head: u32) -> Option<u32> {
        Some(self.prev(node)).filter(|&prev| prev != head)
    }

    /// Takes `node` from wherever it is and puts it first behind `head`, as a member of `ring`.
    pub(super) fn move_to(&mut self, node: u32, head: u32, ring: Ring) {
        let (prev, next) = (self.prev(node), self.next(node));
        self.at_mut(prev).next = next;
        self.at_mut(next).prev = prev;
        let first = self.next(head);
        self.at_mut(first).prev = node;
        self.at_mut(head).next = node;
        let it = self.at_mut(node);
        (it.prev, it.next, it.ring) = (head, first, ring);
    }
}

/// Counts and hand of one list. Its three heads are numbers `base`, `base + 1` and `base + 2` of the [`Nodes`].
#[derive(Clone, Debug)]
pub(super) struct LruList {
    base: u32,
    active: u32,
    inactive: u32,
    /// Where the next rotation of the inactive ring starts: a node of it, or its head.
    hand: u32,
    /// Slots at the tail of the free ring that nothing has used yet; they get numbers when they are taken.
    unused: u32,
    /// How many nodes one rotation or shrink looks at.
    scans: u32,
}

impl LruList {
    pub(super) const HEADS: u32 = 3;

    pub(super) fn new(base: u32, elements: u32, scans: u32) -> LruList {
        LruList { base, active: 0, inactive: 0, hand: base + 1, unused: elements, scans }
    }

    fn head(&self, ring: Ring) -> u32 {
        match ring {
            Ring::Active => self.base,
            Ring::Inactive => self.base + 1,
            _ => self.base + 2,
        }
    }

    fn count(&mut self, ring: Ring, by: i32) {
        let counter = match ring {
            Ring::Active => &mut self.active,
            Ring::Inactive => &mut self.inactive,
            _ => return,
        };
        *counter = counter.wrapping_add_signed(by);
    }

    /// A node is about to leave its place: the hand steps off it.
    fn step_off(&mut self, nodes: &Nodes, node: u32) {
        if self.hand == node {
            self.hand = nodes.prev(node);
        }
    }

    /// Moves a node of this list to the head of another of its rings, or of the same one.
    pub(super) fn shift(&mut self, nodes: &mut Nodes, node: u32, ring: Ring) {
        self.count(nodes.ring(node), -1);
        self.count(ring, 1);
        nodes.set_referenced(node, false);
        self.step_off(nodes, node);
        nodes.move_to(node, self.head(ring), ring);
    }

    /// Takes in a node that was pending on a CPU.
    pub(super) fn adopt(&mut self, nodes: &mut Nodes, node: u32, ring: Ring) {
        self.count(ring, 1);
        nodes.set_referenced(node, false);
        nodes.move_to(node, self.head(ring), ring);
    }

    /// Gives a node away to the ring behind `head`, which holds free nodes.
    fn give(&mut self, nodes: &mut Nodes, node: u32, head: u32, ring: Ring) {
        self.step_off(nodes, node);
        self.count(nodes.ring(node), -1);
        nodes.move_to(node, head, ring);
    }

    /// The first free node; one that was never used when the ring is empty.
    pub(super) fn first_free(&mut self, nodes: &mut Nodes) -> Option<u32> {
        let head = self.head(Ring::Free);
        if let Some(node) = nodes.first(head) {
            return Some(node);
        }
        self.unused = self.unused.checked_sub(1)?;
        let node = nodes.fresh();
        nodes.move_to(node, head, Ring::Free);
        Some(node)
    }

    /// Moves up to `want` free nodes to the local ring behind `head`; says how many.
    pub(super) fn give_free(&mut self, nodes: &mut Nodes, want: u32, head: u32) -> u32 {
        for given in 0..want {
            let Some(node) = self.first_free(nodes) else { return given };
            self.give(nodes, node, head, Ring::LocalFree);
        }
        want
    }

    /// Turns the active ring if it has outgrown the inactive one, and always the inactive ring.
    pub(super) fn rotate(&mut self, nodes: &mut Nodes) {
        if self.inactive < self.active {
            self.rotate_active(nodes);
        }
        self.rotate_inactive(nodes);
    }

    /// From the tail: nodes that were referenced go to the head again, the others to the inactive ring.
    fn rotate_active(&mut self, nodes: &mut Nodes) {
        let head = self.head(Ring::Active);
        let Some(last) = nodes.first(head) else { return };
        let mut next = nodes.before(head, head);
        for _ in 0..self.scans {
            let Some(node) = next else { return };
            next = nodes.before(node, head);
            let ring = if nodes.is_referenced(node) { Ring::Active } else { Ring::Inactive };
            self.shift(nodes, node, ring);
            if node == last {
                return;
            }
        }
    }

    /// From the hand towards the head: nodes that were referenced go to the active ring, the others stay.
    fn rotate_inactive(&mut self, nodes: &mut Nodes) {
        let head = self.head(Ring::Inactive);
        let Some(first) = nodes.first(head) else { return };
        let behind = nodes.next(self.hand);
        let last = if behind == head { first } else { behind };
        let (mut cur, mut hand) = (self.hand, head);
        let mut seen = 0;
        while seen < self.scans {
            if cur == head {
                cur = nodes.prev(head);
                continue;
            }
            hand = nodes.prev(cur);
            if nodes.is_referenced(cur) {
                self.shift(nodes, cur, Ring::Active);
            }
            if cur == last {
                break;
            }
            cur = hand;
            seen += 1;
        }
        self.hand = hand;
    }

    /// Evicts up to `want` inactive nodes from the tail, for the free ring behind `head`. When all that it looks at
    /// were referenced, it evicts one node all the same. `evict` takes the node out of the hash table.
    pub(super) fn shrink(
        &mut self,
        nodes: &mut Nodes,
        want: u32,
        target: (u32, Ring),
        evict: &mut impl FnMut(u32) -> bool,
    ) {
        if self.shrink_inactive(nodes, want, target, evict) > 0 {
            return;
        }
        let inactive = self.head(Ring::Inactive);
        let head = if nodes.first(inactive).is_some() { inactive } else { self.head(Ring::Active) };
        let mut next = nodes.before(head, head);
        while let Some(node) = next {
            next = nodes.before(node, head);
            if evict(nodes.slot_of(node)) {
                self.give(nodes, node, target.0, target.1);
                return;
            }
        }
    }

    fn shrink_inactive(
        &mut self,
        nodes: &mut Nodes,
        want: u32,
        target: (u32, Ring),
        evict: &mut impl FnMut(u32) -> bool,
    ) -> u32 {
        let head = self.head(Ring::Inactive);
        let mut next = nodes.before(head, head);
        let mut evicted = 0;
        for _ in 0..self.scans {
            let Some(node) = next else { break };
            next = nodes.before(node, head);
            if nodes.is_referenced(node) {
                self.shift(nodes, node, Ring::Active);
            } else if evict(nodes.slot_of(node)) {
                self.give(nodes, node, target.0, target.1);
                evicted += 1;
                if evicted == want {
                    break;
                }
            }
        }
        evicted
    }

    /// Moves the free ring's own eviction target: free nodes of this very list.
    pub(super) fn free_target(&self) -> (u32, Ring) {
        (self.head(Ring::Free), Ring::Free)
    }
}
