//! What all hash maps have in common: creation checks, lookup, walks, deletion.

use skep_abi::flags::{
    BPF_EXIST, BPF_F_NO_COMMON_LRU, BPF_F_NO_PREALLOC, BPF_F_NUMA_NODE, BPF_F_ZERO_SEED, BPF_NOEXIST,
};
use skep_abi::{Errno, MapType};
use skep_memory::Memory;

use super::index::{Element, Index, buckets_of};
use crate::cursor::{Cursor, Item, Key};
use crate::handle::Displaced;
use crate::rules::{self, ACCESS, invalid};
use crate::slab::Slab;
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Side};
use crate::values::Values;

/// What key and value may have together: `KMALLOC_MAX_SIZE` less the header of an element.
const ELEMENT_MAX: u64 = (4 << 20) - 48;
/// Buckets of 16 bytes are counted in 32 bits.
const BUCKETS_MAX: u64 = u32::MAX as u64 / 16;

/// `htab_map_alloc_check`, and the limits of `htab_map_alloc`.
pub(crate) fn check(spec: &MapSpec) -> Result<(), CreateError> {
    let percpu = matches!(spec.kind, MapType::PercpuHash | MapType::LruPercpuHash);
    let lru = matches!(spec.kind, MapType::LruHash | MapType::LruPercpuHash);
    let own = BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU | BPF_F_ZERO_SEED;
    rules::flags_within(spec, BPF_F_NUMA_NODE | ACCESS | own)?;
    if !lru && spec.has(BPF_F_NO_COMMON_LRU) {
        return Err(invalid(format!("BPF_F_NO_COMMON_LRU: {} maps have no LRU", spec.kind)));
    }
    if lru && spec.has(BPF_F_NO_PREALLOC) {
        return Err(CreateError::new(
            Errno::ENOTSUPP,
            "BPF_F_NO_PREALLOC: an LRU map is always preallocated",
        ));
    }
    if percpu || spec.has(BPF_F_NO_COMMON_LRU) {
        rules::no_numa(spec)?;
    }
    rules::not_empty("max_entries", spec.max_entries)?;
    rules::not_empty("key_size", spec.key_size)?;
    rules::not_empty("value_size", spec.value_size)?;
    if u64::from(spec.key_size) + u64::from(spec.value_size) >= ELEMENT_MAX {
        let text = format!("key and value have {ELEMENT_MAX} bytes or more together");
        return Err(CreateError::new(Errno::E2BIG, text));
    }
    if percpu {
        rules::percpu_value_fits(spec)?;
    }
    if u64::from(spec.max_entries).next_power_of_two() > BUCKETS_MAX {
        let text = format!("max_entries {}: more than {} buckets", spec.max_entries, BUCKETS_MAX);
        return Err(CreateError::new(Errno::E2BIG, text));
    }
    Ok(())
}

/// The flags of an update against what is there (`check_flags`). `BPF_F_LOCK` is not among them.
pub(crate) fn check_flags(exists: bool, flags: u64) -> Result<(), Errno> {
    match flags {
        BPF_NOEXIST if exists => Err(Errno::EEXIST),
        BPF_EXIST if !exists => Err(Errno::ENOENT),
        _ => Ok(()),
    }
}

/// How many buckets the table has, if it has no random seed.
pub(super) fn foretold(spec: &MapSpec) -> Option<u32> {
    spec.has(BPF_F_ZERO_SEED).then(|| buckets_of(spec.max_entries))
}

/// Keys, values and their sizes.
#[derive(Clone, Debug)]
pub(super) struct Core {
    pub(super) index: Index,
    pub(super) slab: Slab,
    pub(super) values: Values,
}

impl Core {
    /// `slots` values at most, each in `copies`.
    pub(super) fn new(spec: &MapSpec, cx: &Cx<'_>, slots: u64, copies: u32) -> Core {
        let seed = if spec.has(BPF_F_ZERO_SEED) { 0 } else { cx.seed };
        Core {
            index: Index::new(spec.key_size, seed, foretold(spec)),
            slab: Slab::new(spec, slots, copies),
            values: Values::of(spec),
        }
    }

    /// The live element of `key`.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<Element> {
        self.index.find(key).copied()
    }

    /// The address of a value's copy for `cpu`.
    #[inline]
    pub(super) fn copy_addr(&self, addr: u64, cpu: u32) -> u64 {
        addr + u64::from(cpu) * self.values.stride() as u64
    }

    /// The value of `key` as bytes.
    pub(super) fn read(&self, memory: &Memory, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let element = self.find(key).ok_or(Errno::ENOENT)?;
        let mut out = Vec::with_capacity(self.values.size());
        self.values.load(memory, element.addr(), &mut out)?;
        Ok(out)
    }

    /// Takes `key` out of the table; its slot, whose value stays readable.
    pub(super) fn unlink(&mut self, key: &[u8]) -> Result<Element, Errno> {
        let element = self.find(key).ok_or(Errno::ENOENT)?;
        self.index.remove(element.slot);
        Ok(element)
    }

    /// `htab_map_get_next_key`.
    pub(super) fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        let next = match key.and_then(|key| self.find(key)) {
            Some(element) => self.index.after(element.slot),
            None => self.index.first(),
        };
        next.map(|slot| self.index.key(slot).to_vec()).ok_or(Errno::ENOENT)
    }

    /// The element whose value an address is in. Looks at all of them.
    pub(super) fn key_of(&self, addr: u64) -> Option<(Vec<u8>, u64)> {
        let size = self.values.size() as u64;
        let slot = self
            .index
            .slots()
            .find(|slot| addr.checked_sub(self.slab.addr(*slot)).is_some_and(|offset| offset < size))?;
        Some((self.index.key(slot).to_vec(), self.slab.addr(slot)))
    }

    pub(super) fn cursor(&self) -> Cursor {
        self.index.cursor()
    }

    /// The next element, its value the copy for `cpu`.
    pub(super) fn advance(&self, cursor: &mut Cursor, cpu: u32) -> Option<Item<'_>> {
        let slot = self.index.advance(cursor)?;
        let value = self.copy_addr(self.slab.addr(slot), cpu);
        Some(Item { key: Key::Bytes(self.index.key(slot)), value })
    }

    /// The values of `key` on all CPUs as bytes, each padded.
    pub(super) fn read_copies(&self, memory: &Memory, cpus: u32, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let element = self.find(key).ok_or(Errno::ENOENT)?;
        let mut out = Vec::with_capacity(self.values.stride() * cpus as usize);
        for cpu in 0..cpus {
            self.values.load_padded(memory, self.copy_addr(element.addr(), cpu), &mut out)?;
        }
        Ok(out)
    }

    /// Writes this CPU's value, or all of them (`pcpu_copy_value`).
    pub(super) fn store_copies(
        &self,
        cx: &Cx<'_>,
        cpus: u32,
        addr: u64,
        change: &Change<'_>,
        out: &mut Displaced,
    ) -> Result<(), Errno> {
        let values = &self.values;
        if change.side == Side::Program {
            let addr = self.copy_addr(addr, cx.cpu);
            values.store(cx.memory, addr, change.value)?;
            return values.take_fields(cx.memory, addr, out);
        }
        for (cpu, value) in (0..cpus).zip(change.value.chunks_exact(values.stride())) {
            let addr = self.copy_addr(addr, cpu);
            values.store_padded(cx.memory, addr, value)?;
            values.take_fields(cx.memory, addr, out)?;
        }
        Ok(())
    }

    /// The first value of a new element (`pcpu_init_value`): a program's is zero on the other CPUs.
    pub(super) fn init_copies(
        &self,
        cx: &Cx<'_>,
        cpus: u32,
        addr: u64,
        change: &Change<'_>,
        out: &mut Displaced,
    ) -> Result<(), Errno> {
        if change.side == Side::User {
            return self.store_copies(cx, cpus, addr, change, out);
        }
        for cpu in 0..cpus {
            let addr = self.copy_addr(addr, cpu);
            if cpu == cx.cpu {
                self.values.store(cx.memory, addr, change.value)?;
            } else {
                self.values.zero(cx.memory, addr)?;
            }
        }
        Ok(())
    }

    /// Takes what the values on all CPUs own out of them.
    pub(super) fn take_copies(
        &self,
        memory: &Memory,
        cpus: u32,
        addr: u64,
        out: &mut Displaced,
    ) -> Result<(), Errno> {
        (0..cpus).try_for_each(|cpu| self.values.take_fields(memory, self.copy_addr(addr, cpu), out))
    }

    /// Drops what all values own, in `copies` each, and frees the memory.
    pub(super) fn release(&mut self, memory: &Memory, copies: u32, out: &mut Displaced) {
        if self.values.owns() {
            for slot in self.index.slots() {
                for cpu in 0..copies {
                    let addr = self.copy_addr(self.slab.addr(slot), cpu);
                    // A value of ours can always be read.
                    let _ = self.values.take_fields(memory, addr, out);
                }
            }
        }
        self.slab.release(memory);
    }
}
