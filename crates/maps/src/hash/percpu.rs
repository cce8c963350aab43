//! BPF_MAP_TYPE_PERCPU_HASH.

use skep_abi::Errno;
use skep_abi::flags::{BPF_EXIST, BPF_F_NO_PREALLOC};
use skep_memory::Memory;

use super::core::{Core, check, check_flags};
use super::free_list::FreeList;
use super::index::Index;
use crate::backing::Backing;
use crate::cursor::{Cursor, Item};
use crate::handle::Displaced;
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};

/// A hash table with a value for each CPU. An existing key is updated in place.
#[derive(Clone, Debug)]
pub(crate) struct PercpuHash {
    core: Core,
    free: FreeList,
    max_entries: u32,
    cpus: u32,
}

impl PercpuHash {
    fn insert(
        &mut self,
        cx: &Cx<'_>,
        change: &Change<'_>,
        slot: u32,
        out: &mut Displaced,
    ) -> Result<(), Errno> {
        let addr = self.core.slab.make(cx.memory, &self.core.values, slot)?;
        self.core.init_copies(cx, self.cpus, addr, change, out)?;
        self.core.index.insert(change.key, slot, addr)
    }
}

impl Storage for PercpuHash {
    const PERCPU: bool = true;
    const TAKES: bool = true;

    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        check(spec)
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, _backing: Backing<'_>) -> Result<PercpuHash, CreateError> {
        let max_entries = spec.max_entries;
        let core = Core::new(spec, cx, max_entries.into(), cx.cpus);
        let free = if spec.has(BPF_F_NO_PREALLOC) {
            FreeList::on_demand(cx.cpus)
        } else {
            FreeList::dealt(max_entries, cx.cpus)
        };
        Ok(PercpuHash { core, free, max_entries, cpus: cx.cpus })
    }

    #[inline]
    fn lookup(&self, _cx: &Cx<'_>, key: &[u8], cpu: u32) -> Result<Option<u64>, Errno> {
        Ok(self.core.index.find(key).map(|element| self.core.copy_addr(element.addr(), cpu)))
    }

    fn read(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.core.read_copies(cx.memory, self.cpus, key)
    }

    fn update(&mut self, cx: &Cx<'_>, change: Change<'_>, out: &mut Displaced) -> Result<(), Errno> {
        if change.flags > BPF_EXIST {
            return Err(Errno::EINVAL);
        }
        let old = self.core.find(change.key);
        check_flags(old.is_some(), change.flags)?;
        if let Some(old) = old {
            return self.core.store_copies(cx, self.cpus, old.addr(), &change, out);
        }
        if self.core.index.len() >= self.max_entries as usize {
            return Err(Errno::E2BIG);
        }
        let slot = self.free.pop(cx.cpu).ok_or(Errno::E2BIG)?;
        let done = self.insert(cx, &change, slot, out);
        if done.is_err() {
            self.free.push(cx.cpu, slot);
        }
        done
    }

    fn delete(&mut self, cx: &Cx<'_>, key: &[u8], out: &mut Displaced) -> Result<(), Errno> {
        let element = self.core.unlink(key)?;
        self.free.push(cx.cpu, element.slot);
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
