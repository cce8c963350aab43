//! DEVMAP, DEVMAP_HASH and CPUMAP: where packets can be sent to (kernel/bpf/devmap.c, cpumap.c).
//!
//! A value is the number of a device or the length of a CPU's queue and, if values have 8 bytes, a program: user space
//! gives its descriptor and sees its id. Whoever owns the descriptors checks with [`Targets::admits`], puts the id in
//! and calls [`Targets::place`] with the program's handle.

use skep_abi::flags::{
    BPF_EXIST, BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_RDONLY_PROG, BPF_F_WRONLY, BPF_NOEXIST,
};
use skep_abi::{Errno, MapType};
use skep_memory::Memory;

use crate::array::{index_of, next_index};
use crate::backing::Backing;
use crate::handle::{Displaced, ObjRef};
use crate::hash::Index;
use crate::recycle::Recycler;
use crate::rules::{self, invalid};
use crate::slab::Slab;
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};
use crate::values::Values;

/// `NR_CPUS`, the most CPUs of a CPUMAP: that of the kernel which was asked. Others are built for 8,192.
const CPUS_MAX: u32 = 256;
/// The longest queue of a CPU.
const QUEUE_MAX: u32 = 16384;

/// Devices or CPUs by key.
#[derive(Clone, Debug)]
pub(crate) struct Targets {
    kind: MapType,
    index: Index,
    slab: Slab,
    values: Values,
    slots: Recycler,
    /// The program of each slot.
    programs: Vec<Option<ObjRef>>,
    max_entries: u32,
}

/// The first and the second word of a value.
fn words(value: &[u8]) -> (u32, u32) {
    let word = |at: usize| {
        let bytes = value.get(at..at + 4).and_then(|it| it.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    (word(0), word(4))
}

impl Targets {
    fn is_hash(&self) -> bool {
        self.kind == MapType::DevmapHash
    }

    /// `dev_map_index_hash`: buckets are those of the low bits.
    fn bucket(&self, key: u32) -> u32 {
        let buckets = u64::from(self.max_entries).next_power_of_two();
        (u64::from(key) & (buckets - 1)) as u32
    }

    /// Takes an element out; its program goes to `out`.
    fn remove(&mut self, key: &[u8], out: &mut Displaced) -> bool {
        let Some(element) = self.index.find(key).copied() else { return false };
        self.index.remove(element.slot);
        self.slots.give(Some(element.slot));
        out.objects.extend(self.programs.get_mut(element.slot as usize).and_then(Option::take));
        true
    }

    /// The keys of a DEVMAP_HASH in the order of walking: by bucket, the newest first in each.
    fn walk(&self) -> Vec<u32> {
        let live = self.index.slots().filter_map(|slot| index_of(self.index.key(slot)).ok());
        let mut keys: Vec<u32> = live.collect();
        keys.reverse();
        keys.sort_by_key(|key| self.bucket(*key));
        keys
    }

    fn insert(
        &mut self,
        cx: &Cx<'_>,
        key: &[u8],
        value: &[u8],
        program: Option<ObjRef>,
    ) -> Result<(), Errno> {
        let slot = self.slots.take();
        let at = slot as usize;
        if self.programs.len() <= at {
            self.programs.resize(at + 1, None);
        }
        let placed = self.slab.make(cx.memory, &self.values, slot).and_then(|addr| {
            self.values.store(cx.memory, addr, value)?;
            self.index.insert(key, slot, addr)
        });
        match placed {
            Ok(()) => self.programs[at] = program,
            Err(_) => self.slots.untake(slot),
        }
        placed
    }
}

impl Storage for Targets {
    /// `dev_map_alloc_check`, `cpu_map_alloc`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        rules::not_empty("max_entries", spec.max_entries)?;
        if spec.key_size != 4 || !matches!(spec.value_size, 4 | 8) {
            let text = format!("{} maps have keys of 4 bytes and values of 4 or 8", spec.kind);
            return Err(invalid(text));
        }
        if spec.kind == MapType::Cpumap {
            rules::flags_within(spec, BPF_F_NUMA_NODE)?;
            if spec.max_entries > CPUS_MAX {
                let text = format!("max_entries {}: more than {CPUS_MAX} CPUs", spec.max_entries);
                return Err(CreateError::new(Errno::E2BIG, text));
            }
            return Ok(());
        }
        rules::flags_within(spec, BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY)?;
        if spec.kind == MapType::DevmapHash && spec.max_entries > 1 << 31 {
            return Err(invalid(format!("max_entries {}: more than 2^31", spec.max_entries)));
        }
        Ok(())
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, _backing: Backing<'_>) -> Result<Targets, CreateError> {
        if spec.kind != MapType::Cpumap {
            // Programs get a pointer into the kernel's own element (`dev_map_init_map`).
            spec.flags |= BPF_F_RDONLY_PROG;
        }
        Ok(Targets {
            kind: spec.kind,
            index: Index::new(4, cx.seed, None),
            slab: Slab::new(spec, spec.max_entries.into(), 1),
            values: Values::of(spec),
            slots: Recycler::default(),
            programs: Vec::new(),
            max_entries: spec.max_entries,
        })
    }

    fn lookup(&self, _cx: &Cx<'_>, key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Ok(self.index.find(key).map(|element| element.addr()))
    }

    fn read(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let addr = self.lookup(cx, key, 0)?.ok_or(Errno::ENOENT)?;
        let mut out = Vec::new();
        self.values.load(cx.memory, addr, &mut out)?;
        Ok(out)
    }

    fn update(&mut self, _cx: &Cx<'_>, _change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn delete(&mut self, _cx: &Cx<'_>, key: &[u8], out: &mut Displaced) -> Result<(), Errno> {
        let there = self.remove(key, out);
        if self.is_hash() {
            return if there { Ok(()) } else { Err(Errno::ENOENT) };
        }
        if index_of(key)? >= self.max_entries { Err(Errno::EINVAL) } else { Ok(()) }
    }

    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        if !self.is_hash() {
            return next_index(key, self.max_entries);
        }
        let keys = self.walk();
        let known = key.map(index_of).transpose()?;
        let after = known.and_then(|key| keys.iter().position(|it| *it == key)).map_or(0, |at| at + 1);
        keys.get(after).map(|key| key.to_le_bytes().to_vec()).ok_or(Errno::ENOENT)
    }

    /// What is checked before devices and descriptors are looked at.
    fn admits(&self, cx: &Cx<'_>, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        let (first, fd) = words(value);
        if flags > BPF_EXIST || (self.is_hash() && first == 0) {
            return Err(Errno::EINVAL);
        }
        if self.is_hash() {
            let exists = self.index.find(key).is_some();
            return if exists && flags & BPF_NOEXIST != 0 { Err(Errno::EEXIST) } else { Ok(()) };
        }
        let index = index_of(key)?;
        if index >= self.max_entries {
            return Err(Errno::E2BIG);
        }
        if flags == BPF_NOEXIST {
            return Err(Errno::EEXIST);
        }
        match self.kind {
            MapType::Cpumap if first > QUEUE_MAX => Err(Errno::EOVERFLOW),
            MapType::Cpumap if index >= cx.cpus => Err(Errno::ENODEV),
            MapType::Devmap if first == 0 && fd as i32 > 0 => Err(Errno::EINVAL),
            _ => Ok(()),
        }
    }

    /// Puts a target where [`Targets::admits`] agreed to one; no device and no queue take what is there away.
    fn place(
        &mut self,
        cx: &Cx<'_>,
        key: &[u8],
        value: &[u8],
        program: Option<ObjRef>,
        out: &mut Displaced,
    ) -> Result<(), Errno> {
        let full = self.index.len() >= self.max_entries as usize;
        if self.is_hash() && full && self.index.find(key).is_none() {
            return Err(Errno::E2BIG);
        }
        self.remove(key, out);
        if words(value).0 == 0 { Ok(()) } else { self.insert(cx, key, value, program) }
    }

    fn held(&self, key: &[u8]) -> Option<ObjRef> {
        let element = self.index.find(key)?;
        *self.programs.get(element.slot as usize)?
    }

    fn all_held(&self) -> Vec<ObjRef> {
        self.programs.iter().copied().flatten().collect()
    }

    fn release(&mut self, memory: &Memory, out: &mut Displaced) {
        out.objects.extend(self.all_held());
        self.slab.release(memory);
    }
}
