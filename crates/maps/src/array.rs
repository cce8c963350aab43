//! ARRAY and PERCPU_ARRAY: elements that always exist (kernel/bpf/arraymap.c).

use skep_abi::Errno;
use skep_abi::MapType;
use skep_abi::flags::{
    BPF_EXIST, BPF_F_INNER_MAP, BPF_F_LOCK, BPF_F_MMAPABLE, BPF_F_NUMA_NODE, BPF_F_PRESERVE_ELEMS,
    BPF_NOEXIST,
};
use skep_memory::Memory;

use crate::backing::Backing;
use crate::cursor::{Cursor, Item, Key};
use crate::handle::Displaced;
use crate::rules::{self, ACCESS, invalid};
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Side, Storage};
use crate::values::{Request, Values, no_room};

/// `array_map_alloc_check`, for all types that are arrays in the kernel.
pub(crate) fn check_array(spec: &MapSpec) -> Result<(), CreateError> {
    rules::not_empty("max_entries", spec.max_entries)?;
    if spec.key_size != 4 {
        return Err(invalid(format!("key_size {}: the key of {} maps is a u32", spec.key_size, spec.kind)));
    }
    rules::not_empty("value_size", spec.value_size)?;
    let of_type = match spec.kind {
        MapType::Array => BPF_F_MMAPABLE | BPF_F_INNER_MAP,
        MapType::PerfEventArray => BPF_F_PRESERVE_ELEMS,
        _ => 0,
    };
    rules::flags_within(spec, BPF_F_NUMA_NODE | ACCESS | of_type)?;
    if spec.kind == MapType::PercpuArray {
        rules::no_numa(spec)?;
    }
    if spec.value_size > i32::MAX as u32 {
        let text = format!("value_size {}: more than {} bytes", spec.value_size, i32::MAX);
        return Err(CreateError::new(Errno::E2BIG, text));
    }
    if spec.kind == MapType::PercpuArray { rules::percpu_value_fits(spec) } else { Ok(()) }
}

/// The index in a key, which has 4 bytes.
pub(crate) fn index_of(key: &[u8]) -> Result<u32, Errno> {
    key.try_into().map(u32::from_le_bytes).map_err(|_| Errno::EINVAL)
}

/// `array_map_get_next_key`: an index out of range is followed by the first one.
pub(crate) fn next_index(key: Option<&[u8]>, entries: u32) -> Result<Vec<u8>, Errno> {
    let next = match key.map(index_of).transpose()? {
        Some(index) if index < entries => index + 1,
        _ => 0,
    };
    if next < entries { Ok(next.to_le_bytes().to_vec()) } else { Err(Errno::ENOENT) }
}

/// The elements of an array, one block of values for each copy.
#[derive(Clone, Debug)]
struct Elements {
    base: u64,
    entries: u32,
    values: Values,
}

impl Elements {
    fn create(
        spec: &MapSpec,
        memory: &Memory,
        copies: u32,
        backing: Backing<'_>,
    ) -> Result<Elements, CreateError> {
        let values = Values::of(spec);
        let count = u64::from(spec.max_entries) * u64::from(copies);
        let base = backing.array(memory, &Request::of(spec), &values, count);
        let base = base.map_err(|why| no_room(spec, &why))?;
        Ok(Elements { base, entries: spec.max_entries, values })
    }

    /// The address of an element that programs may not have touched yet.
    #[inline]
    fn addr(&self, index: u32, copy: u32) -> Option<u64> {
        let at = u64::from(copy) * u64::from(self.entries) + u64::from(index);
        (index < self.entries).then(|| self.base + at * self.values.stride() as u64)
    }

    /// The address of an element, made accessible to programs. -ENOMEM if the host is to give no more memory.
    #[inline]
    fn visible(&self, memory: &Memory, index: u32, copy: u32) -> Result<Option<u64>, Errno> {
        match self.addr(index, copy) {
            Some(addr) if !memory.grant(addr) => Err(Errno::ENOMEM),
            addr => Ok(addr),
        }
    }

    fn cursor(&self) -> Cursor {
        Cursor { next: 0, end: self.entries.into() }
    }

    fn advance(&self, memory: &Memory, cursor: &mut Cursor, copy: u32) -> Option<Item<'_>> {
        let index = u32::try_from(cursor.next).ok().filter(|_| cursor.next < cursor.end)?;
        let value = self.visible(memory, index, copy).ok()??;
        cursor.next += 1;
        Some(Item { key: Key::Index(index.to_le_bytes()), value })
    }

    fn release(&self, memory: &Memory, copies: u32, out: &mut Displaced) {
        if self.values.owns() {
            for copy in 0..copies {
                for addr in (0..self.entries).filter_map(|index| self.addr(index, copy)) {
                    // An element of ours can always be read.
                    let _ = self.values.take_fields(memory, addr, out);
                }
            }
        }
        memory.free(self.base);
    }
}

/// Flags of an update, in the order of `array_map_update_elem`: known, then the index, then "must not exist".
fn check_update(flags: u64, allowed_beside: u64, in_range: bool) -> Result<(), Errno> {
    if flags & !allowed_beside > BPF_EXIST {
        return Err(Errno::EINVAL);
    }
    if !in_range {
        return Err(Errno::E2BIG);
    }
    if flags & BPF_NOEXIST != 0 { Err(Errno::EEXIST) } else { Ok(()) }
}

/// BPF_MAP_TYPE_ARRAY.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    elements: Elements,
}

impl Storage for Array {
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        check_array(spec)
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, backing: Backing<'_>) -> Result<Array, CreateError> {
        Ok(Array { elements: Elements::create(spec, cx.memory, 1, backing)? })
    }

    fn mappable(spec: &MapSpec) -> bool {
        spec.has(BPF_F_MMAPABLE)
    }

    fn shared_len(spec: &MapSpec) -> u64 {
        u64::from(spec.max_entries) * spec.stride()
    }

    fn pages(&self) -> Option<u64> {
        Some(self.elements.base)
    }

    #[inline]
    fn lookup(&self, cx: &Cx<'_>, key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        self.elements.visible(cx.memory, index_of(key)?, 0)
    }

    fn read(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let addr = self.elements.addr(index_of(key)?, 0).ok_or(Errno::ENOENT)?;
        let mut out = Vec::new();
        self.elements.values.load(cx.memory, addr, &mut out)?;
        Ok(out)
    }

    fn update(&mut self, cx: &Cx<'_>, change: Change<'_>, out: &mut Displaced) -> Result<(), Errno> {
        let addr = self.elements.addr(index_of(change.key)?, 0);
        check_update(change.flags, BPF_F_LOCK, addr.is_some())?;
        let values = &self.elements.values;
        if change.flags & BPF_F_LOCK != 0 && !values.lockable() {
            return Err(Errno::EINVAL);
        }
        let addr = addr.ok_or(Errno::E2BIG)?;
        values.store(cx.memory, addr, change.value)?;
        values.take_fields(cx.memory, addr, out)
    }

    fn delete(&mut self, _cx: &Cx<'_>, _key: &[u8], _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        next_index(key, self.elements.entries)
    }

    fn key_of(&self, addr: u64) -> Option<(Vec<u8>, u64)> {
        let offset = addr.checked_sub(self.elements.base)?;
        let index = u32::try_from(offset / self.elements.values.stride() as u64).ok()?;
        Some((index.to_le_bytes().to_vec(), self.elements.addr(index, 0)?))
    }

    fn cursor(&self) -> Option<Cursor> {
        Some(self.elements.cursor())
    }

    fn advance(&self, cx: &Cx<'_>, cursor: &mut Cursor) -> Option<Item<'_>> {
        self.elements.advance(cx.memory, cursor, 0)
    }

    /// `array_map_direct_value_addr`.
    fn value_addr(&self, cx: &Cx<'_>, off: u32) -> Result<u64, Errno> {
        if self.elements.entries != 1 {
            return Err(Errno::ENOTSUPP);
        }
        if off as usize >= self.elements.values.size() {
            return Err(Errno::EINVAL);
        }
        let base = self.elements.visible(cx.memory, 0, 0)?.ok_or(Errno::EINVAL)?;
        Ok(base + u64::from(off))
    }

    fn release(&mut self, memory: &Memory, out: &mut Displaced) {
        self.elements.release(memory, 1, out);
    }
}

/// BPF_MAP_TYPE_PERCPU_ARRAY: a copy of the array for each CPU.
#[derive(Clone, Debug)]
pub(crate) struct PercpuArray {
    elements: Elements,
    cpus: u32,
}

impl Storage for PercpuArray {
    const PERCPU: bool = true;

    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        check_array(spec)
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, backing: Backing<'_>) -> Result<PercpuArray, CreateError> {
        Ok(PercpuArray { elements: Elements::create(spec, cx.memory, cx.cpus, backing)?, cpus: cx.cpus })
    }

    #[inline]
    fn lookup(&self, cx: &Cx<'_>, key: &[u8], cpu: u32) -> Result<Option<u64>, Errno> {
        self.elements.visible(cx.memory, index_of(key)?, cpu)
    }

    fn read(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let index = index_of(key)?;
        let mut out = Vec::with_capacity(self.elements.values.stride() * self.cpus as usize);
        for cpu in 0..self.cpus {
            let addr = self.elements.addr(index, cpu).ok_or(Errno::ENOENT)?;
            self.elements.values.load_padded(cx.memory, addr, &mut out)?;
        }
        Ok(out)
    }

    fn update(&mut self, cx: &Cx<'_>, change: Change<'_>, out: &mut Displaced) -> Result<(), Errno> {
        let index = index_of(change.key)?;
        let beside = if change.side == Side::Program { BPF_F_LOCK } else { 0 };
        check_update(change.flags, beside, index < self.elements.entries)?;
        let values = &self.elements.values;
        if change.flags & BPF_F_LOCK != 0 && !values.lockable() {
            return Err(Errno::EINVAL);
        }
        let addr = |cpu| self.elements.addr(index, cpu).ok_or(Errno::E2BIG);
        if change.side == Side::Program {
            values.store(cx.memory, addr(cx.cpu)?, change.value)?;
            return values.take_fields(cx.memory, addr(cx.cpu)?, out);
        }
        for (cpu, value) in (0..self.cpus).zip(change.value.chunks_exact(values.stride())) {
            values.store_padded(cx.memory, addr(cpu)?, value)?;
            values.take_fields(cx.memory, addr(cpu)?, out)?;
        }
        Ok(())
    }

    fn delete(&mut self, _cx: &Cx<'_>, _key: &[u8], _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        next_index(key, self.elements.entries)
    }

    fn cursor(&self) -> Option<Cursor> {
        Some(self.elements.cursor())
    }

    fn advance(&self, cx: &Cx<'_>, cursor: &mut Cursor) -> Option<Item<'_>> {
        self.elements.advance(cx.memory, cursor, cx.cpu)
    }

    fn release(&mut self, memory: &Memory, out: &mut Displaced) {
        self.elements.release(memory, self.cpus, out);
    }
}
