//! SK_STORAGE, TASK_STORAGE, INODE_STORAGE and CGRP_STORAGE: a value for a kernel object (kernel/bpf/bpf_local_storage.c).
//!
//! The key of user space is a descriptor of the object. Here it is the object's address, which its owner finds out.

use skep_abi::Errno;
use skep_abi::flags::{BPF_EXIST, BPF_F_CLONE, BPF_F_LOCK, BPF_F_NO_PREALLOC};
use skep_memory::Memory;

use crate::backing::Backing;
use crate::cursor::{Cursor, Item};
use crate::handle::Displaced;
use crate::hash::{Index, check_flags};
use crate::recycle::Recycler;
use crate::rules::{self, invalid};
use crate::slab::Slab;
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};
use crate::values::Values;

/// The largest value (`BPF_LOCAL_STORAGE_MAX_VALUE_SIZE`): 16 bits less the head of an element.
const VALUE_MAX: u32 = 0xffff - 128;

/// Values by the address of their owner.
#[derive(Clone, Debug)]
pub struct Local {
    index: Index,
    slab: Slab,
    values: Values,
    slots: Recycler,
}

impl Local {
    /// The address of an owner's value.
    pub fn get(&self, owner: u64) -> Option<u64> {
        self.index.find(&owner.to_le_bytes()).map(|element| element.addr())
    }

    /// The addresses of all owners that have a value, in the order in which they got one.
    pub fn owners(&self) -> impl Iterator<Item = u64> + '_ {
        let keys = self.index.slots().map(|slot| self.index.key(slot));
        keys.filter_map(|key| key.try_into().ok().map(u64::from_le_bytes))
    }

    /// Creates or replaces an owner's value (`bpf_local_storage_update`); without one, it is zero. A replaced value gets a
    /// place of its own, unless `BPF_F_LOCK` is given.
    pub(crate) fn set(
        &mut self,
        cx: &Cx<'_>,
        owner: u64,
        value: Option<&[u8]>,
        flags: u64,
        out: &mut Displaced,
    ) -> Result<u64, Errno> {
        let plain = flags & !BPF_F_LOCK;
        let locked = plain != flags;
        if plain > BPF_EXIST || (locked && !self.values.lockable()) {
            return Err(Errno::EINVAL);
        }
        let key = owner.to_le_bytes();
        let old = self.index.find(&key).copied();
        check_flags(old.is_some(), plain)?;
        if let (Some(old), Some(value)) = (old.filter(|_| locked), value) {
            self.values.store(cx.memory, old.addr(), value)?;
            return Ok(old.addr());
        }
        let slot = self.slots.take();
        let made = self.slab.make(cx.memory, &self.values, slot).and_then(|addr| {
            // The place may have been used before.
            cx.memory.fill(addr, self.values.size(), 0).map_err(|_| Errno::EFAULT)?;
            value.map_or(Ok(()), |value| self.values.store(cx.memory, addr, value))?;
            match old {
                Some(old) => self.index.replace(old.slot, slot, addr)?,
                None => self.index.insert(&key, slot, addr)?,
            }
            Ok(addr)
        });
        if made.is_err() {
            self.slots.untake(slot);
        }
        if let Some(old) = old.filter(|_| made.is_ok()) {
            self.values.take_fields(cx.memory, old.addr(), out)?;
            self.slots.give(Some(old.slot));
        }
        made
    }

    pub(crate) fn remove(&mut self, memory: &Memory, owner: u64, out: &mut Displaced) -> Result<(), Errno> {
        let element = *self.index.find(&owner.to_le_bytes()).ok_or(Errno::ENOENT)?;
        self.index.remove(element.slot);
        self.slots.give(Some(element.slot));
        self.values.take_fields(memory, element.addr(), out)
    }

    pub(crate) fn read_of(&self, memory: &Memory, owner: u64) -> Result<Vec<u8>, Errno> {
        let addr = self.get(owner).ok_or(Errno::ENOENT)?;
        let mut out = Vec::new();
        self.values.load(memory, addr, &mut out)?;
        Ok(out)
    }
}

impl Storage for Local {
    /// `bpf_local_storage_map_alloc_check`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        rules::flags_within(spec, BPF_F_NO_PREALLOC | BPF_F_CLONE)?;
        if spec.flags & BPF_F_NO_PREALLOC == 0 {
            return Err(invalid(format!("{} maps want BPF_F_NO_PREALLOC", spec.kind)));
        }
        if spec.max_entries != 0 {
            return Err(invalid(format!("max_entries {}: {} maps have none", spec.max_entries, spec.kind)));
        }
        if spec.key_size != 4 {
            return Err(invalid(format!("key_size {}: the key is a descriptor", spec.key_size)));
        }
        rules::not_empty("value_size", spec.value_size)?;
        if !spec.typed {
            return Err(invalid(format!("{} maps want BTF types of key and value", spec.kind)));
        }
        if spec.value_size > VALUE_MAX {
            let text = format!("value_size {}: more than {VALUE_MAX} bytes", spec.value_size);
            return Err(CreateError::new(Errno::E2BIG, text));
        }
        Ok(())
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, _backing: Backing<'_>) -> Result<Local, CreateError> {
        Ok(Local {
            index: Index::new(8, cx.seed, None),
            slab: Slab::new(spec, 64, 1),
            values: Values::of(spec),
            slots: Recycler::default(),
        })
    }

    fn lookup(&self, _cx: &Cx<'_>, _key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn read(&self, _cx: &Cx<'_>, _key: &[u8]) -> Result<Vec<u8>, Errno> {
        Err(Errno::EBADF)
    }

    fn update(&mut self, _cx: &Cx<'_>, _change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EBADF)
    }

    fn delete(&mut self, _cx: &Cx<'_>, _key: &[u8], _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EBADF)
    }

    /// `notsupp_get_next_key`.
    fn next_key(&self, _key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        Err(Errno::ENOTSUPP)
    }

    fn advance(&self, _cx: &Cx<'_>, _cursor: &mut Cursor) -> Option<Item<'_>> {
        None
    }

    fn local(&self) -> Option<&Local> {
        Some(self)
    }

    fn local_mut(&mut self) -> Option<&mut Local> {
        Some(self)
    }

    fn release(&mut self, memory: &Memory, out: &mut Displaced) {
        for owner in self.owners().collect::<Vec<_>>() {
            // A value of ours can always be read.
            let _ = self.remove(memory, owner, out);
        }
        self.slab.release(memory);
    }
}
