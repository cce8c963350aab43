//! BPF_MAP_TYPE_LRU_HASH.

use skep_abi::Errno;
use skep_abi::flags::{BPF_EXIST, BPF_F_NO_COMMON_LRU};
use skep_memory::Memory;

use super::core::{Core, check, check_flags};
use super::index::Index;
use super::lru::Lru;
use crate::backing::Backing;
use crate::cursor::{Cursor, Item};
use crate::handle::Displaced;
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};

/// A hash table that evicts instead of being full.
///
/// As in the kernel, every update takes an element first and asks questions later: an update that then fails, or that
/// replaces an existing key, may still have evicted another key, or the very same one.
#[derive(Clone, Debug)]
pub(crate) struct LruHash {
    core: Core,
    lru: Lru,
}

impl LruHash {
    /// A slot for the new element. What its eviction displaced goes to `out`.
    fn pop(&mut self, cx: &Cx<'_>, out: &mut Displaced) -> Result<u32, Errno> {
        let Core { index, slab, values } = &mut self.core;
        let evict = |slot| {
            let gone = index.remove(slot);
            // A value of ours can always be read.
            let _ = values.take_fields(cx.memory, slab.addr(slot), out);
            gone
        };
        self.lru.pop(cx.cpu, evict).ok_or(Errno::ENOMEM)
    }

    /// Fills and links the new slot; answers the slot it replaces.
    fn link(&mut self, cx: &Cx<'_>, change: &Change<'_>, slot: u32) -> Result<Option<u32>, Errno> {
        let addr = self.core.slab.make(cx.memory, &self.core.values, slot)?;
        self.core.values.store(cx.memory, addr, change.value)?;
        let old = self.core.find(change.key);
        check_flags(old.is_some(), change.flags)?;
        match old {
            Some(old) => {
                self.core.index.replace(old.slot, slot, addr)?;
                self.lru.touch(slot);
            }
            None => self.core.index.insert(change.key, slot, addr)?,
        }
        Ok(old.map(|old| old.slot))
    }

    fn push_free(&mut self, cx: &Cx<'_>, slot: u32, out: &mut Displaced) -> Result<(), Errno> {
        self.lru.push_free(slot);
        self.core.values.take_fields(cx.memory, self.core.slab.addr(slot), out)
    }
}

impl Storage for LruHash {
    const TAKES: bool = true;

    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        check(spec)
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, _backing: Backing<'_>) -> Result<LruHash, CreateError> {
        let percpu = spec.has(BPF_F_NO_COMMON_LRU);
        if percpu {
            // Every CPU's list has the same length. No more than 2^28 elements get here, so this does not overflow.
            spec.max_entries = spec.max_entries.next_multiple_of(cx.cpus);
        }
        let elements = spec.max_entries;
        let lru = if percpu { Lru::percpu(elements, cx.cpus) } else { Lru::common(elements, cx.cpus) };
        Ok(LruHash { core: Core::new(spec, cx, elements.into(), 1), lru })
    }

    /// Programs' lookups give the element a second chance; those of user space do not.
    #[inline]
    fn lookup(&self, _cx: &Cx<'_>, key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        let Some(element) = self.core.index.find(key) else { return Ok(None) };
        self.lru.touch(element.slot);
        Ok(Some(element.addr()))
    }

    fn read(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.core.read(cx.memory, key)
    }

    fn update(&mut self, cx: &Cx<'_>, change: Change<'_>, out: &mut Displaced) -> Result<(), Errno> {
        if change.flags > BPF_EXIST {
            return Err(Errno::EINVAL);
        }
        let slot = self.pop(cx, out)?;
        match self.link(cx, &change, slot) {
            Ok(None) => Ok(()),
            Ok(Some(old)) => self.push_free(cx, old, out),
            Err(error) => {
                self.lru.push_free(slot);
                Err(error)
            }
        }
    }

    fn delete(&mut self, cx: &Cx<'_>, key: &[u8], out: &mut Displaced) -> Result<(), Errno> {
        let element = self.core.unlink(key)?;
        self.push_free(cx, element.slot, out)
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
