//! BPF_MAP_TYPE_HASH.

use skep_abi::Errno;
use skep_abi::flags::{BPF_EXIST, BPF_F_LOCK, BPF_F_NO_PREALLOC};
use skep_memory::Memory;

use super::core::{Core, check, check_flags};
use super::free_list::FreeList;
use super::index::Element;
use super::index::Index;
use crate::backing::Backing;
use crate::cursor::{Cursor, Item};
use crate::handle::Displaced;
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};

/// A hash table whose update of an existing key makes a new element: a pointer from an earlier lookup keeps the old
/// value until its slot is used again, as in the kernel.
#[derive(Clone, Debug)]
pub(crate) struct Hash {
    core: Core,
    free: FreeList,
    /// With preallocation: for each CPU, the slot that its next replacement uses.
    spare: Vec<u32>,
    max_entries: u32,
}

impl Hash {
    /// A slot for the new element, before anything else changes.
    fn take_slot(&mut self, cpu: u32, old: Option<Element>) -> Result<u32, Errno> {
        if old.is_some() && !self.spare.is_empty() {
            return Ok(self.spare[cpu as usize]);
        }
        if old.is_none() && self.core.index.len() >= self.max_entries as usize {
            return Err(Errno::E2BIG);
        }
        self.free.pop(cpu).ok_or(Errno::E2BIG)
    }

    /// Fills the new slot and links it in the place of the old one, if there was one.
    fn link(
        &mut self,
        cx: &Cx<'_>,
        change: &Change<'_>,
        slot: u32,
        old: Option<Element>,
    ) -> Result<(), Errno> {
        let addr = self.core.slab.make(cx.memory, &self.core.values, slot)?;
        self.core.values.store(cx.memory, addr, change.value)?;
        match old {
            Some(old) => self.core.index.replace(old.slot, slot, addr),
            None => self.core.index.insert(change.key, slot, addr),
        }
    }

    /// Where an element's slot goes when something replaced it.
    fn retire(&mut self, cpu: u32, slot: u32) {
        match self.spare.get_mut(cpu as usize) {
            Some(spare) => *spare = slot,
            None => self.free.push(cpu, slot),
        }
    }
}

impl Storage for Hash {
    const TAKES: bool = true;

    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        check(spec)
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, _backing: Backing<'_>) -> Result<Hash, CreateError> {
        let max_entries = spec.max_entries;
        let slots = u64::from(max_entries) + u64::from(cx.cpus);
        let core = Core::new(spec, cx, slots, 1);
        if spec.has(BPF_F_NO_PREALLOC) {
            return Ok(Hash { core, free: FreeList::on_demand(cx.cpus), spare: Vec::new(), max_entries });
        }
        let mut free = FreeList::dealt(slots as u32, cx.cpus);
        let spare = (0..cx.cpus).filter_map(|_| free.pop(cx.cpu)).collect();
        Ok(Hash { core, free, spare, max_entries })
    }

    #[inline]
    fn lookup(&self, _cx: &Cx<'_>, key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Ok(self.core.index.find(key).map(Element::addr))
    }

    fn read(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.core.read(cx.memory, key)
    }

    fn update(&mut self, cx: &Cx<'_>, change: Change<'_>, out: &mut Displaced) -> Result<(), Errno> {
        let plain = change.flags & !BPF_F_LOCK;
        let locked = plain != change.flags;
        if plain > BPF_EXIST || (locked && !self.core.values.lockable()) {
            return Err(Errno::EINVAL);
        }
        let old = self.core.find(change.key);
        check_flags(old.is_some(), plain)?;
        if let Some(old) = old.filter(|_| locked) {
            return self.core.values.store(cx.memory, old.addr(), change.value);
        }
        let slot = self.take_slot(cx.cpu, old)?;
        if let Err(error) = self.link(cx, &change, slot, old) {
            self.retire_unused(cx.cpu, slot, old);
            return Err(error);
        }
        if let Some(old) = old {
            self.core.values.take_fields(cx.memory, old.addr(), out)?;
            self.retire(cx.cpu, old.slot);
        }
        Ok(())
    }

    fn delete(&mut self, cx: &Cx<'_>, key: &[u8], out: &mut Displaced) -> Result<(), Errno> {
        let element = self.core.unlink(key)?;
        self.free.push(cx.cpu, element.slot);
        self.core.values.take_fields(cx.memory, element.addr(), out)
    }

    fn index(&self) -> Option<&Index> {
        Some(&self.core.index)
    }

    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        self.core.next_key(key)
    }

    fn key_of(&self, addr: u64) -> Option<(Vec<u8>, u64)> {
        self.core.key_of(addr)
    }

    fn cursor(&self) -> Option<Cursor> {
        Some(self.core.cursor())
    }

    fn advance(&self, _cx: &Cx<'_>, cursor: &mut Cursor) -> Option<Item<'_>> {
        self.core.advance(cursor, 0)
    }

    fn release(&mut self, memory: &Memory, out: &mut Displaced) {
        self.core.release(memory, 1, out);
    }
}

impl Hash {
    /// Puts a slot back that could not be linked. A CPU's spare slot never left its place.
    fn retire_unused(&mut self, cpu: u32, slot: u32, old: Option<Element>) {
        if old.is_none() || self.spare.is_empty() {
            self.free.push(cpu, slot);
        }
    }
}
