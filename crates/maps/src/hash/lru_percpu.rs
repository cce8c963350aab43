//! BPF_MAP_TYPE_LRU_PERCPU_HASH.

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

/// A hash table with a value for each CPU that evicts instead of being full. An existing key is updated in place.
#[derive(Clone, Debug)]
pub(crate) struct LruPercpuHash {
    core: Core,
    lru: Lru,
    cpus: u32,
}

impl LruPercpuHash {
    /// A slot for a new element. What its eviction displaced goes to `out`.
    fn pop(&mut self, cx: &Cx<'_>, out: &mut Displaced) -> Result<u32, Errno> {
        let (Core { index, slab, values }, cpus) = (&mut self.core, self.cpus);
        let evict = |slot| {
            let gone = index.remove(slot);
            for cpu in 0..u64::from(cpus) {
                // A value of ours can always be read.
                let addr = slab.addr(slot) + cpu * values.stride() as u64;
                let _ = values.take_fields(cx.memory, addr, out);
            }
            gone
        };
        self.lru.pop(cx.cpu, evict).ok_or(Errno::ENOMEM)
    }

    /// Fills and links a new slot, or updates the element that is there; whether the new slot was used.
    fn link(
        &mut self,
        cx: &Cx<'_>,
        change: &Change<'_>,
        slot: Option<u32>,
        out: &mut Displaced,
    ) -> Result<bool, Errno> {
        let old = self.core.find(change.key);
        check_flags(old.is_some(), change.flags)?;
        if let Some(old) = old {
            self.lru.touch(old.slot);
            self.core.store_copies(cx, self.cpus, old.addr(), change, out)?;
            return Ok(false);
        }
        let slot = slot.ok_or(Errno::ENOENT)?;
        let addr = self.core.slab.make(cx.memory, &self.core.values, slot)?;
        self.core.init_copies(cx, self.cpus, addr, change, out)?;
        self.core.index.insert(change.key, slot, addr)?;
        Ok(true)
    }
}

impl Storage for LruPercpuHash {
    const PERCPU: bool = true;
    const TAKES: bool = true;

    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        check(spec)
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, _backing: Backing<'_>) -> Result<LruPercpuHash, CreateError> {
        let lists = spec.has(BPF_F_NO_COMMON_LRU);
        if lists {
            // As for LRU_HASH: every CPU's list has the same length.
            spec.max_entries = spec.max_entries.next_multiple_of(cx.cpus);
        }
        let elements = spec.max_entries;
        let lru = if lists { Lru::percpu(elements, cx.cpus) } else { Lru::common(elements, cx.cpus) };
        Ok(LruPercpuHash { core: Core::new(spec, cx, elements.into(), cx.cpus), lru, cpus: cx.cpus })
    }

    /// Programs' lookups give the element a second chance; those of user space do not.
    #[inline]
    fn lookup(&self, _cx: &Cx<'_>, key: &[u8], cpu: u32) -> Result<Option<u64>, Errno> {
        let Some(element) = self.core.index.find(key) else { return Ok(None) };
        self.lru.touch(element.slot);
        Ok(Some(self.core.copy_addr(element.addr(), cpu)))
    }

    fn read(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.core.read_copies(cx.memory, self.cpus, key)
    }

    /// `__htab_lru_percpu_map_update_elem`: as for LRU_HASH, an element is taken first, but not with `BPF_EXIST`.
    fn update(&mut self, cx: &Cx<'_>, change: Change<'_>, out: &mut Displaced) -> Result<(), Errno> {
        if change.flags > BPF_EXIST {
            return Err(Errno::EINVAL);
        }
        let slot = if change.flags == BPF_EXIST { None } else { Some(self.pop(cx, out)?) };
        let linked = self.link(cx, &change, slot, out);
        if let Some(slot) = slot.filter(|_| linked != Ok(true)) {
            self.lru.push_free(slot);
        }
        linked.map(drop)
    }

    fn delete(&mut self, cx: &Cx<'_>, key: &[u8], out: &mut Displaced) -> Result<(), Errno> {
        let element = self.core.unlink(key)?;
        self.lru.push_free(element.slot);
        self.core.take_copies(cx.memory, self.cpus, element.addr(), out)
    }

    fn index(&self) -> Option<&Index> {
        Some(&self.core.index)
    }

    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        self.core.next_key(key)
    }

    fn cursor(&self) -> Option<Cursor> {
        Some(self.core.cursor())
    }

    fn advance(&self, cx: &Cx<'_>, cursor: &mut Cursor) -> Option<Item<'_>> {
        self.core.advance(cursor, cx.cpu)
    }

    fn release(&mut self, memory: &Memory, out: &mut Displaced) {
        self.core.release(memory, self.cpus, out);
    }
}
