//! Objects that programs make (`bpf_obj_new`), and the lists and trees that they put them into
//! (`kernel/bpf/helpers.c`).
//!
//! The bytes of an object are the program's; who holds it, and what it is in, is kept here, where no program can write.
//! The fields of lists and trees in memory only say whether there is anything in them, so that maps hand them back when
//! their value goes.

mod tree;

use crate::kernel::Kernel;
use crate::report::Report;
use crate::state::Core;
use skep_maps::{FieldRef, SpecialField, SpecialKind};
use skep_memory::{Memory, Site};
use skep_vm::Machine;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use tree::Trees;

/// What is kept of an object, and of a node that is in something, in bytes of the host's memory.
const OBJECT_BYTES: u64 = 256;
const NODE_BYTES: u64 = 128;

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// Its bytes; of one for each CPU, those of one.
    pub(crate) size: u64,
    /// Of one for each CPU, the distance of the copies; the first is behind the address that stands for all.
    pub(crate) stride: Option<u64>,
    /// What the kernel manages in it.
    pub(crate) fields: Arc<[SpecialField]>,
    /// References, where it counts them; otherwise there is one.
    refs: u64,
    /// How many of them the running program has, and where the last was got.
    held: u64,
    site: Site,
}

impl Object {
    /// A new one, which one program has one reference of.
    pub(crate) fn new(size: u64, stride: Option<u64>, fields: Arc<[SpecialField]>, site: Site) -> Object {
        Object { size, stride, fields, refs: 1, held: 1, site }
    }

    fn counts(&self) -> bool {
        self.fields.iter().any(|it| it.kind == SpecialKind::Refcount)
    }
}

/// All objects, and what they are in.
#[derive(Debug, Default)]
pub(crate) struct Owned {
    objects: BTreeMap<u64, Object>,
    /// Lists by the addresses of their heads: the nodes.
    lists: BTreeMap<u64, VecDeque<u64>>,
    /// The head that a node is in the list or tree of.
    heads: HashMap<u64, u64>,
    trees: Trees,
    /// Objects that the running program has references of.
    held: BTreeMap<u64, ()>,
    /// What is to be dropped when no program runs: objects that left a map, and heads of what did.
    orphans: Vec<u64>,
    empties: Vec<u64>,
}

/// A side of a list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Back,
}

impl Owned {
    /// Adds an object, which the running program holds. False: there is no memory for it.
    pub(crate) fn add(&mut self, memory: &Memory, addr: u64, object: Object) -> bool {
        if !memory.take_outside(OBJECT_BYTES) {
            return false;
        }
        self.objects.insert(addr, object);
        self.held.insert(addr, ());
        true
    }

    /// The object of an address, which is that of its first byte.
    pub(crate) fn at(&self, addr: u64) -> Option<&Object> {
        self.objects.get(&addr)
    }

    /// The object that a node of `len` bytes is in.
    pub(crate) fn around(&self, node: u64, len: u64) -> Option<u64> {
        let (addr, object) = self.objects.range(..=node).next_back()?;
        (object.stride.is_none() && node - addr <= object.size.checked_sub(len)?).then_some(*addr)
    }

    /// Where a CPU has its own of an object of which there is one for each.
    pub(crate) fn per_cpu(&self, addr: u64, cpu: u32) -> Option<u64> {
        let stride = self.objects.get(&addr)?.stride?;
        Some(addr + stride * (u64::from(cpu) + 1))
    }

    /// The running program got a reference that was somewhere.
    pub(crate) fn take(&mut self, addr: u64, site: Site) {
        if let Some(object) = self.objects.get_mut(&addr) {
            (object.held, object.site) = (object.held + 1, site);
            self.held.insert(addr, ());
        }
    }

    /// The running program put a reference somewhere.
    pub(crate) fn give(&mut self, addr: u64) {
        if let Some(object) = self.objects.get_mut(&addr) {
            object.held = object.held.saturating_sub(1);
            if object.held == 0 {
                self.held.remove(&addr);
            }
        }
    }

    /// One more reference, the running program's. False: the object does not count them.
    pub(crate) fn acquire(&mut self, addr: u64, site: Site) -> bool {
        let Some(object) = self.objects.get_mut(&addr).filter(|it| it.counts()) else { return false };
        object.refs += 1;
        self.take(addr, site);
        true
    }

    /// The head that a node is in the list or tree of.
    pub(crate) fn head_of(&self, node: u64) -> Option<u64> {
        self.heads.get(&node).copied()
    }

    /// Puts a node into a list. It is in none.
    pub(crate) fn push(&mut self, memory: &Memory, head: u64, node: u64, end: End) {
        let list = self.lists.entry(head).or_default();
        match end {
            End::Front => list.push_front(node),
            End::Back => list.push_back(node),
        }
        self.enter(memory, node, head);
        self.show_list(memory, head);
    }

    /// The node at an end of a list.
    pub(crate) fn end(&self, head: u64, end: End) -> Option<u64> {
        let list = self.lists.get(&head)?;
        match end {
            End::Front => list.front().copied(),
            End::Back => list.back().copied(),
        }
    }

    /// Takes the node at an end of a list out of it.
    pub(crate) fn pop(&mut self, memory: &Memory, head: u64, end: End) -> Option<u64> {
        let list = self.lists.get_mut(&head)?;
        let node = match end {
            End::Front => list.pop_front(),
            End::Back => list.pop_back(),
        }?;
        if list.is_empty() {
            self.lists.remove(&head);
        }
        self.leave(memory, node);
        self.show_list(memory, head);
        Some(node)
    }

    /// The node at the top of a tree, and the one at its left end.
    pub(crate) fn root(&self, head: u64) -> Option<(u64, u64)> {
        self.trees.root(head)
    }

    /// The node below another in a tree.
    pub(crate) fn below(&self, node: u64, left: bool) -> Option<u64> {
        self.trees.child(node, left)
    }

    /// Puts a node into a tree: below a parent that has no node there, or at the top. It is in none.
    pub(crate) fn insert(&mut self, memory: &Memory, head: u64, node: u64, parent: Option<(u64, bool)>) {
        self.trees.insert(head, node, parent);
        self.enter(memory, node, head);
        self.show_tree(memory, head);
    }

    /// Takes a node out of its tree.
    pub(crate) fn remove(&mut self, memory: &Memory, head: u64, node: u64) {
        self.trees.remove(head, node);
        self.leave(memory, node);
        self.show_tree(memory, head);
    }

    /// A node is in something. What that needs, the limit on memory counts; where it is reached, the next object is refused.
    fn enter(&mut self, memory: &Memory, node: u64, head: u64) {
        memory.take_outside(NODE_BYTES);
        self.heads.insert(node, head);
    }

    fn leave(&mut self, memory: &Memory, node: u64) {
        if self.heads.remove(&node).is_some() {
            memory.give_outside(NODE_BYTES);
        }
    }

    /// Writes down whether there is something in a list: its ends. An empty one points to itself.
    fn show_list(&self, memory: &Memory, head: u64) {
        let list = self.lists.get(&head);
        let node = |it: Option<&u64>| it.copied().unwrap_or(head);
        let words = [node(list.and_then(|it| it.front())), node(list.and_then(|it| it.back()))];
        show(memory, head, words);
    }

    fn show_tree(&self, memory: &Memory, head: u64) {
        let (root, first) = self.trees.root(head).unwrap_or((0, 0));
        show(memory, head, [root, first]);
    }

    /// Drops one reference to an object, and with the last one all that it holds.
    pub(crate) fn drop_ref(&mut self, memory: &Memory, addr: u64, site: Option<Site>) {
        // What an object holds may be many, and may hold others.
        let mut dropped = vec![addr];
        while let Some(addr) = dropped.pop() {
            let Some(object) = self.objects.get_mut(&addr) else { continue };
            object.refs = object.refs.saturating_sub(1);
            if object.refs > 0 {
                continue;
            }
            self.held.remove(&addr);
            let Some(object) = self.objects.remove(&addr) else { continue };
            memory.give_outside(OBJECT_BYTES);
            for field in object.fields.iter() {
                let at = addr + u64::from(field.offset);
                let word = memory.peek_u64(at).unwrap_or(0);
                dropped.extend(self.released(memory, at, field.kind, word));
            }
            // A node that is still in something cannot be: whoever has that holds a reference.
            memory.free_at(addr, site);
        }
    }

    /// The objects that a field held: one reference of each.
    fn released(&mut self, memory: &Memory, at: u64, kind: SpecialKind, word: u64) -> Vec<u64> {
        match kind {
            SpecialKind::KptrRef | SpecialKind::KptrPercpu => vec![word],
            SpecialKind::ListHead | SpecialKind::RbRoot => self.empty(memory, at),
            _ => Vec::new(),
        }
    }

    /// Empties a list or tree: the objects that were in it.
    fn empty(&mut self, memory: &Memory, head: u64) -> Vec<u64> {
        let nodes = self.lists.remove(&head).map(Vec::from).unwrap_or_default();
        let nodes = nodes.into_iter().chain(self.trees.clear(head));
        let mut objects = Vec::new();
        for node in nodes {
            self.leave(memory, node);
            objects.extend(self.around(node, 1));
        }
        objects
    }

    /// Notes what left a map with its value.
    pub(crate) fn orphan(&mut self, field: &FieldRef) {
        match field.kind {
            SpecialKind::KptrRef | SpecialKind::KptrPercpu => self.orphans.push(field.words[0]),
            SpecialKind::ListHead | SpecialKind::RbRoot => {
                // Its place may have another value soon.
                let list = self.lists.remove(&field.addr).map(Vec::from).unwrap_or_default();
                self.empties.extend(list.into_iter().chain(self.trees.clear(field.addr)));
            }
            _ => {}
        }
    }

    /// Drops what left maps.
    pub(crate) fn sweep(&mut self, memory: &Memory) {
        for node in std::mem::take(&mut self.empties) {
            self.leave(memory, node);
            self.orphans.extend(self.around(node, 1));
        }
        for addr in std::mem::take(&mut self.orphans) {
            self.drop_ref(memory, addr, None);
        }
    }

    /// Takes the running program's references away. The first one, and where it was got.
    fn abandon(&mut self, memory: &Memory) -> Option<(u64, Site)> {
        let mut first = None;
        while let Some((addr, ())) = self.held.pop_first() {
            let Some(object) = self.objects.get_mut(&addr) else { continue };
            first.get_or_insert((addr, object.site));
            for _ in 0..std::mem::take(&mut object.held) {
                self.drop_ref(memory, addr, None);
            }
        }
        first
    }
}

fn show(memory: &Memory, head: u64, words: [u64; 2]) {
    for (at, word) in [head, head + 8].into_iter().zip(words) {
        // A head that is gone has nothing to show.
        let _ = memory.poke_u64(at, word);
    }
}

impl Core {
    /// Says so if a program that ends has references of its own to objects that it made, and drops them.
    pub(crate) fn unreleased_object(&mut self, memory: &Memory, machine: &Machine) -> Option<Report> {
        let (addr, site) = self.owned.abandon(memory)?;
        let message = format!(
            "the object at {addr:#x} is still the program's when it ends: bpf_obj_drop it, or put it into a list, a tree or a map"
        );
        Some(self.report_at(site, machine, &message))
    }
}

impl Kernel {
    /// How many objects there are that programs made with `bpf_obj_new` and the like: in maps, lists and trees.
    pub fn made_objects(&self) -> usize {
        self.core.owned.objects.len()
    }
}
