//! LPM_TRIE: the value of the longest prefix that matches a key (kernel/bpf/lpm_trie.c).
//!
//! A key is a number of bits, as a `u32`, and data whose first bits are the prefix. A binary trie with compressed
//! paths, as the kernel's: user space walks it in postorder, so that a prefix comes behind those that are more specific.

use skep_abi::Errno;
use skep_abi::flags::{BPF_EXIST, BPF_F_NO_PREALLOC, BPF_F_NUMA_NODE, BPF_NOEXIST};
use skep_memory::Memory;

use crate::backing::Backing;
use crate::handle::Displaced;
use crate::recycle::Recycler;
use crate::rules::{self, ACCESS, invalid};
use crate::slab::Slab;
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};
use crate::values::Values;

/// Bytes of the number of bits in front of a key's data.
const BITS: usize = 4;
/// The most bytes of data in a key (`LPM_DATA_SIZE_MAX`).
const DATA_MAX: u32 = 256;
/// The largest value (`LPM_VAL_SIZE_MAX`): what `KMALLOC_MAX_SIZE` leaves beside the largest data and a node.
const VALUE_MAX: u32 = (4 << 20) - DATA_MAX - 24;

/// No node.
const NONE: u32 = u32::MAX;

/// A node of the trie.
#[derive(Clone, Debug)]
struct Node {
    bits: u32,
    data: Box<[u8]>,
    /// The slot of its value; one that only joins two others has none.
    slot: Option<u32>,
    child: [u32; 2],
}

/// A key taken apart.
#[derive(Clone, Copy)]
struct Prefix<'a> {
    bits: u32,
    data: &'a [u8],
}

/// A longest-prefix-match trie.
#[derive(Clone, Debug)]
pub(crate) struct Lpm {
    nodes: Vec<Node>,
    /// Nodes that are not in the trie.
    unused: Vec<u32>,
    root: u32,
    /// Bits of a key's data.
    max_bits: u32,
    /// Prefixes that have a value.
    live: u32,
    max_entries: u32,
    slab: Slab,
    slots: Recycler,
    values: Values,
}

/// How many bits two keys have in common, at most `limit`.
fn common(a: &[u8], b: &[u8], limit: u32) -> u32 {
    let mut bits = 0;
    for (a, b) in a.iter().zip(b) {
        let differing = a ^ b;
        bits += differing.leading_zeros();
        if differing != 0 || bits >= limit {
            break;
        }
    }
    bits.min(limit)
}

/// The bit behind the first `at`.
fn bit(data: &[u8], at: u32) -> usize {
    data.get(at as usize / 8).map_or(0, |byte| usize::from(byte >> (7 - at % 8) & 1))
}

impl Node {
    fn matches(&self, key: Prefix<'_>) -> u32 {
        common(&self.data, key.data, self.bits.min(key.bits))
    }
}

/// A place where a node hangs: the root, or a child of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Root,
    Child(u32, usize),
}

impl Lpm {
    fn prefix<'a>(&self, key: &'a [u8]) -> Result<Prefix<'a>, Errno> {
        let (bits, data) = key.split_first_chunk::<BITS>().ok_or(Errno::EINVAL)?;
        Ok(Prefix { bits: u32::from_le_bytes(*bits), data })
    }

    fn at(&self, place: Place) -> u32 {
        match place {
            Place::Root => self.root,
            Place::Child(node, side) => self.nodes[node as usize].child[side],
        }
    }

    fn hang(&mut self, place: Place, node: u32) {
        match place {
            Place::Root => self.root = node,
            Place::Child(parent, side) => self.nodes[parent as usize].child[side] = node,
        }
    }

    fn make(&mut self, node: Node) -> u32 {
        match self.unused.pop() {
            Some(at) => {
                self.nodes[at as usize] = node;
                at
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        }
    }

    fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    /// Goes down to where a prefix is or would be: its place, and how many bits match what hangs there.
    fn descend(&self, key: Prefix<'_>) -> (Vec<Place>, u32) {
        let mut way = vec![Place::Root];
        loop {
            let place = way[way.len() - 1];
            let at = self.at(place);
            let Some(node) = self.node(at) else { return (way, 0) };
            let matched = node.matches(key);
            if node.bits != matched || node.bits == key.bits || node.bits == self.max_bits {
                return (way, matched);
            }
            way.push(Place::Child(at, bit(key.data, node.bits)));
        }
    }

    /// The slot of the longest prefix of a key (`trie_lookup_elem`).
    fn find(&self, key: Prefix<'_>) -> Option<u32> {
        let mut found = None;
        let mut at = self.root;
        while let Some(node) = self.node(at) {
            if node.matches(key) < node.bits {
                break;
            }
            found = node.slot.or(found);
            if node.bits >= self.max_bits {
                break;
            }
            at = node.child[bit(key.data, node.bits)];
        }
        found
    }

    /// `trie_check_add_elem`.
    fn may_add(&self, flags: u64) -> Result<(), Errno> {
        if flags == BPF_EXIST {
            return Err(Errno::ENOENT);
        }
        if self.live == self.max_entries { Err(Errno::ENOSPC) } else { Ok(()) }
    }

    /// Puts a value's slot where its prefix belongs; the slot that it replaces.
    fn link(&mut self, key: Prefix<'_>, slot: u32, flags: u64) -> Result<Option<u32>, Errno> {
        let (way, matched) = self.descend(key);
        let place = way[way.len() - 1];
        let at = self.at(place);
        let new = Node { bits: key.bits, data: key.data.into(), slot: Some(slot), child: [NONE; 2] };
        let Some(node) = self.node(at) else {
            self.may_add(flags)?;
            let new = self.make(new);
            self.hang(place, new);
            self.live += 1;
            return Ok(None);
        };
        if node.bits == key.bits && node.bits == matched {
            return self.replace(at, new, flags);
        }
        self.may_add(flags)?;
        let (bits, data) = (node.bits, node.data.clone());
        let new = self.make(new);
        if matched == key.bits {
            // The new prefix contains the one that is there.
            self.nodes[new as usize].child[bit(&data, matched)] = at;
            self.hang(place, new);
        } else {
            debug_assert!(matched < bits);
            let side = bit(key.data, matched);
            let mut child = [at; 2];
            child[side] = new;
            let joint = self.make(Node { bits: matched, data: key.data.into(), slot: None, child });
            self.hang(place, joint);
        }
        self.live += 1;
        Ok(None)
    }

    fn replace(&mut self, at: u32, new: Node, flags: u64) -> Result<Option<u32>, Errno> {
        let old = self.nodes[at as usize].slot;
        match old {
            Some(_) if flags == BPF_NOEXIST => return Err(Errno::EEXIST),
            Some(_) => {}
            None => {
                self.may_add(flags)?;
                self.live += 1;
            }
        }
        let node = &mut self.nodes[at as usize];
        *node = Node { child: node.child, ..new };
        Ok(old)
    }

    /// Takes a prefix out (`trie_delete_elem`); its slot.
    fn unlink(&mut self, key: Prefix<'_>) -> Option<u32> {
        let (way, matched) = self.descend(key);
        let place = way[way.len() - 1];
        let at = self.at(place);
        let node = self.nodes.get_mut(at as usize)?;
        if node.bits != key.bits || node.bits != matched {
            return None;
        }
        let slot = node.slot.take()?;
        self.live -= 1;
        match node.child {
            // It goes on as a joint.
            [left, right] if left != NONE && right != NONE => {}
            [NONE, NONE] => self.drop_leaf(&way, at),
            [left, right] => {
                self.hang(place, left.min(right));
                self.unused.push(at);
            }
        }
        Some(slot)
    }

    /// Takes a leaf out, and its parent if that was a joint: a joint has two children.
    fn drop_leaf(&mut self, way: &[Place], leaf: u32) {
        let place = way[way.len() - 1];
        self.hang(place, NONE);
        self.unused.push(leaf);
        let Place::Child(parent, side) = place else { return };
        let joint = &self.nodes[parent as usize];
        if joint.slot.is_none() {
            let other = joint.child[1 - side];
            self.hang(way[way.len() - 2], other);
            self.unused.push(parent);
        }
    }

    /// The first prefix, in postorder, of the part of the trie below and at a node.
    fn first_below(&self, mut at: u32) -> Option<u32> {
        let mut found = None;
        while let Some(node) = self.node(at) {
            found = node.slot.map(|_| at).or(found);
            at = if node.child[0] != NONE { node.child[0] } else { node.child[1] };
        }
        found
    }

    /// The prefix behind another in postorder.
    fn after(&self, way: &[Place]) -> Option<u32> {
        for pair in way.windows(2).rev() {
            // From a left child it goes on to the right one, from there to the parent.
            let Place::Child(parent, side) = pair[1] else { continue };
            let node = self.node(parent)?;
            if side == 0 && node.child[1] != NONE {
                return self.first_below(node.child[1]);
            }
            if node.slot.is_some() {
                return Some(parent);
            }
        }
        None
    }

    fn show(&self, at: u32) -> Option<Vec<u8>> {
        let node = self.node(at)?;
        Some([&node.bits.to_le_bytes(), &*node.data].concat())
    }
}

impl Storage for Lpm {
    /// `trie_alloc`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        rules::not_empty("max_entries", spec.max_entries)?;
        if !spec.has(BPF_F_NO_PREALLOC) {
            return Err(invalid("lpm_trie maps want BPF_F_NO_PREALLOC"));
        }
        rules::flags_within(spec, BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE | ACCESS)?;
        let (min, max) = (BITS as u32 + 1, BITS as u32 + DATA_MAX);
        if !(min..=max).contains(&spec.key_size) {
            return Err(invalid(format!(
                "key_size {}: a prefix has a u32 and 1 to {DATA_MAX} bytes",
                spec.key_size
            )));
        }
        if !(1..=VALUE_MAX).contains(&spec.value_size) {
            return Err(invalid(format!(
                "value_size {}: values of lpm_trie maps have 1 to {VALUE_MAX} bytes",
                spec.value_size
            )));
        }
        Ok(())
    }

    fn create(spec: &mut MapSpec, _cx: &Cx<'_>, _backing: Backing<'_>) -> Result<Lpm, CreateError> {
        Ok(Lpm {
            nodes: Vec::new(),
            unused: Vec::new(),
            root: NONE,
            max_bits: 8 * (spec.key_size - BITS as u32),
            live: 0,
            max_entries: spec.max_entries,
            slab: Slab::new(spec, spec.max_entries.into(), 1),
            slots: Recycler::default(),
            values: Values::of(spec),
        })
    }

    fn lookup(&self, _cx: &Cx<'_>, key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        let key = self.prefix(key)?;
        if key.bits > self.max_bits {
            return Ok(None);
        }
        Ok(self.find(key).map(|slot| self.slab.addr(slot)))
    }

    fn read(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let addr = self.lookup(cx, key, 0)?.ok_or(Errno::ENOENT)?;
        let mut out = Vec::new();
        self.values.load(cx.memory, addr, &mut out)?;
        Ok(out)
    }

    /// `trie_update_elem`. A replaced value gets a place of its own, so that older pointers keep the old one.
    fn update(&mut self, cx: &Cx<'_>, change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        let key = self.prefix(change.key)?;
        if change.flags > BPF_EXIST || key.bits > self.max_bits {
            return Err(Errno::EINVAL);
        }
        let slot = self.slots.take();
        let filled = self.slab.make(cx.memory, &self.values, slot);
        let linked = filled
            .and_then(|addr| self.values.store(cx.memory, addr, change.value))
            .and_then(|()| self.link(key, slot, change.flags));
        match linked {
            Ok(old) => {
                self.slots.give(old);
                Ok(())
            }
            Err(error) => {
                self.slots.untake(slot);
                Err(error)
            }
        }
    }

    fn delete(&mut self, _cx: &Cx<'_>, key: &[u8], _out: &mut Displaced) -> Result<(), Errno> {
        let key = self.prefix(key)?;
        if key.bits > self.max_bits {
            return Err(Errno::EINVAL);
        }
        let slot = self.unlink(key).ok_or(Errno::ENOENT)?;
        self.slots.give(Some(slot));
        Ok(())
    }

    /// `trie_get_next_key`: postorder; a key that is no prefix of the trie is followed by the first one.
    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        let key = key.map(|key| self.prefix(key)).transpose()?;
        let known = key.filter(|key| key.bits <= self.max_bits).and_then(|key| {
            let (way, matched) = self.descend(key);
            let node = self.node(self.at(way[way.len() - 1]))?;
            (node.slot.is_some() && node.bits == key.bits && node.bits == matched).then_some(way)
        });
        let next = match known {
            Some(way) => self.after(&way),
            None => self.first_below(self.root),
        };
        next.and_then(|at| self.show(at)).ok_or(Errno::ENOENT)
    }

    fn release(&mut self, memory: &Memory, _out: &mut Displaced) {
        self.slab.release(memory);
    }
}
