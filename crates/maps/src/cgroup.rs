//! CGROUP_STORAGE and PERCPU_CGROUP_STORAGE: a value for each cgroup that a program is attached to
//! (kernel/bpf/local_storage.c).
//!
//! A key is the cgroup's id alone, or the id and the attach type; elements come with the attachment.

use skep_abi::flags::{BPF_ANY, BPF_EXIST, BPF_F_LOCK, BPF_F_NUMA_NODE};
use skep_abi::{Errno, MapType};
use skep_memory::Memory;

use crate::backing::Backing;
use crate::handle::Displaced;
use crate::hash::Index;
use crate::rules::{self, ACCESS, invalid};
use crate::slab::Slab;
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};
use crate::values::Values;

/// Bytes of a cgroup's id, and of `struct bpf_cgroup_storage_key`.
const ID: usize = 8;
const ISOLATED: u32 = 16;
/// The largest value: as of other local storage; per CPU, `PCPU_MIN_UNIT_SIZE`.
const VALUE_MAX: u32 = 0xffff - 128;
const PERCPU_VALUE_MAX: u32 = 32 << 10;

/// Values by cgroup, each in `copies`.
#[derive(Clone, Debug)]
pub(crate) struct Cgroups<const PERCPU: bool> {
    index: Index,
    slab: Slab,
    values: Values,
    copies: u32,
    next: u32,
    isolated: bool,
}

impl<const PERCPU: bool> Cgroups<PERCPU> {
    /// A key without its padding, which is not compared.
    fn plain(&self, key: &[u8]) -> Vec<u8> {
        let mut plain = key.to_vec();
        if self.isolated {
            plain[ID + 4..].fill(0);
        }
        plain
    }

    fn addr(&self, key: &[u8]) -> Result<u64, Errno> {
        self.index.find(&self.plain(key)).map(|element| element.addr()).ok_or(Errno::ENOENT)
    }

    fn copy(&self, addr: u64, cpu: u32) -> u64 {
        addr + u64::from(cpu % self.copies) * self.values.stride() as u64
    }
}

impl<const PERCPU: bool> Storage for Cgroups<PERCPU> {
    const PERCPU: bool = PERCPU;

    /// `cgroup_storage_map_alloc`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        if spec.key_size != ISOLATED && spec.key_size as usize != ID {
            let text = format!("key_size {}: a cgroup's id, or that and an attach type", spec.key_size);
            return Err(invalid(text));
        }
        rules::not_empty("value_size", spec.value_size)?;
        let max = if spec.kind == MapType::PercpuCgroupStorage { PERCPU_VALUE_MAX } else { VALUE_MAX };
        if spec.value_size > max {
            let text = format!("value_size {}: more than {max} bytes", spec.value_size);
            return Err(CreateError::new(Errno::E2BIG, text));
        }
        rules::flags_within(spec, BPF_F_NUMA_NODE | ACCESS)?;
        if spec.max_entries != 0 {
            return Err(invalid(format!("max_entries {}: {} maps have none", spec.max_entries, spec.kind)));
        }
        Ok(())
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, _backing: Backing<'_>) -> Result<Self, CreateError> {
        let copies = if PERCPU { cx.cpus } else { 1 };
        Ok(Cgroups {
            index: Index::new(spec.key_size, cx.seed, None),
            slab: Slab::new(spec, 16, copies),
            values: Values::of(spec),
            copies,
            next: 0,
            isolated: spec.key_size == ISOLATED,
        })
    }

    fn lookup(&self, _cx: &Cx<'_>, key: &[u8], cpu: u32) -> Result<Option<u64>, Errno> {
        Ok(self.addr(key).ok().map(|addr| self.copy(addr, cpu)))
    }

    fn read(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let addr = self.addr(key)?;
        let mut out = Vec::new();
        if !PERCPU {
            self.values.load(cx.memory, addr, &mut out)?;
            return Ok(out);
        }
        (0..self.copies)
            .try_for_each(|cpu| self.values.load_padded(cx.memory, self.copy(addr, cpu), &mut out))?;
        Ok(out)
    }

    /// `cgroup_storage_update_elem`, `bpf_percpu_cgroup_storage_update`: of cgroups that are there.
    fn update(&mut self, cx: &Cx<'_>, change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        let flags = change.flags;
        let known = match PERCPU {
            true => flags == BPF_ANY || flags == BPF_EXIST,
            false => flags & !(BPF_F_LOCK | BPF_EXIST) == 0,
        };
        if !known || (flags & BPF_F_LOCK != 0 && !self.values.lockable()) {
            return Err(Errno::EINVAL);
        }
        let addr = self.addr(change.key)?;
        if !PERCPU {
            return self.values.store(cx.memory, addr, change.value);
        }
        (0..self.copies)
            .zip(change.value.chunks_exact(self.values.stride()))
            .try_for_each(|(cpu, value)| self.values.store_padded(cx.memory, self.copy(addr, cpu), value))
    }

    fn delete(&mut self, _cx: &Cx<'_>, _key: &[u8], _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    /// `cgroup_storage_get_next_key`: there is nothing behind a key that is not there.
    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        let next = match key {
            Some(key) => {
                let element = self.index.find(&self.plain(key)).ok_or(Errno::ENOENT)?;
                self.index.after(element.slot)
            }
            None => self.index.first(),
        };
        next.map(|slot| self.index.key(slot).to_vec()).ok_or(Errno::ENOENT)
    }

    /// The value of a cgroup, made if there is none.
    fn attach(&mut self, cx: &Cx<'_>, cgroup: u64, attach_type: u32) -> Result<u64, Errno> {
        let mut key = cgroup.to_le_bytes().to_vec();
        if self.isolated {
            key.extend(attach_type.to_le_bytes());
            key.extend([0; 4]);
        }
        if let Ok(addr) = self.addr(&key) {
            return Ok(self.copy(addr, cx.cpu));
        }
        let addr = self.slab.make(cx.memory, &self.values, self.next)?;
        self.index.insert(&key, self.next, addr)?;
        self.next += 1;
        Ok(self.copy(addr, cx.cpu))
    }

    fn release(&mut self, memory: &Memory, _out: &mut Displaced) {
        self.slab.release(memory);
    }
}
