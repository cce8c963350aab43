//! Values in simulated memory: copies that respect special fields, and where values stand.

use skep_abi::Errno;
use skep_abi::flags::{BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG};
use skep_memory::{Arena, Memory, NoMemory, ObjectKind, Origin, Rights};

use crate::handle::{Displaced, FieldRef};
use crate::spec::{CreateError, MapSpec, SpecialField, SpecialKind};

/// An access to our own allocation cannot fail; if it does, the answer is an errno, never a panic.
pub(crate) fn own<T, E>(result: Result<T, E>) -> Result<T, Errno> {
    result.map_err(|_| Errno::EFAULT)
}

/// A map was refused because the address space has no room for it.
pub(crate) fn no_room(spec: &MapSpec, why: &NoMemory) -> CreateError {
    CreateError::no_room(format!("{} map {:?}: {why}", spec.kind, spec.name))
}

/// What programs may do with the values of a map.
pub(crate) fn rights(spec: &MapSpec) -> Rights {
    Rights { load: !spec.has(BPF_F_WRONLY_PROG), store: !spec.has(BPF_F_RDONLY_PROG) }
}

/// The shape of one value: its size, and the fields in it that copies leave alone.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    size: usize,
    stride: usize,
    /// In order of their offsets.
    special: Vec<SpecialField>,
}

impl Values {
    pub(crate) fn of(spec: &MapSpec) -> Values {
        let mut special = spec.special.clone();
        special.sort_by_key(|field| field.offset);
        Values { size: spec.value_size as usize, stride: spec.stride() as usize, special }
    }

    /// Bytes of a value.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Bytes from one value to the next: the size rounded up to 8.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Whether values have a `bpf_spin_lock`, without which `BPF_F_LOCK` is refused.
    pub(crate) fn lockable(&self) -> bool {
        self.special.iter().any(|field| field.kind == SpecialKind::SpinLock)
    }

    /// Whether a value may own something besides its bytes.
    pub(crate) fn owns(&self) -> bool {
        self.special.iter().any(|field| field.kind.owns())
    }

    /// Copies a value in, except for special fields (`copy_map_value`).
    pub(crate) fn store(&self, memory: &Memory, addr: u64, value: &[u8]) -> Result<(), Errno> {
        self.each_plain(|from, to| own(memory.poke(addr + from as u64, &value[from..to])))
    }

    /// Copies a value and its padding in, except for special fields and, when there are some, the padding
    /// (`copy_map_value_long`).
    pub(crate) fn store_padded(&self, memory: &Memory, addr: u64, value: &[u8]) -> Result<(), Errno> {
        if self.special.is_empty() {
            return own(memory.poke(addr, &value[..self.stride]));
        }
        self.store(memory, addr, value)
    }

    /// Zeroes a value, except for special fields (`zero_map_value`).
    pub(crate) fn zero(&self, memory: &Memory, addr: u64) -> Result<(), Errno> {
        self.each_plain(|from, to| own(memory.fill(addr + from as u64, to - from, 0)))
    }

    /// Appends a value to `out`, special fields as new ones (`check_and_init_map_value`).
    pub(crate) fn load(&self, memory: &Memory, addr: u64, out: &mut Vec<u8>) -> Result<(), Errno> {
        self.load_len(memory, addr, self.size, out)
    }

    /// Appends a value and its padding to `out`, special fields as new ones.
    pub(crate) fn load_padded(&self, memory: &Memory, addr: u64, out: &mut Vec<u8>) -> Result<(), Errno> {
        self.load_len(memory, addr, self.stride, out)
    }

    /// A new field is zero, but a counter is 1. A new list head points to itself in the kernel, at an address that
    /// means nothing to user space: here it is zero.
    fn load_len(&self, memory: &Memory, addr: u64, len: usize, out: &mut Vec<u8>) -> Result<(), Errno> {
        let at = out.len();
        out.resize(at + len, 0);
        own(memory.peek(addr, &mut out[at..]))?;
        for field in &self.special {
            let from = at + field.offset as usize;
            let shown = &mut out[from..from + field.kind.size() as usize];
            shown.fill(0);
            if field.kind == SpecialKind::Refcount {
                shown[0] = 1;
            }
        }
        Ok(())
    }

    /// Takes what special fields of a value own out of it (`bpf_obj_free_fields`).
    pub(crate) fn take_fields(&self, memory: &Memory, addr: u64, out: &mut Displaced) -> Result<(), Errno> {
        for field in self.special.iter().filter(|field| field.kind.owns()) {
            let (at, size) = (addr + u64::from(field.offset), field.kind.size() as usize);
            let mut bytes = [0u8; 16];
            own(memory.peek(at, &mut bytes[..size]))?;
            let bits = u128::from_le_bytes(bytes);
            if bits != 0 {
                own(memory.fill(at, size, 0))?;
                out.fields.push(FieldRef {
                    kind: field.kind,
                    addr: at,
                    words: [bits as u64, (bits >> 64) as u64],
                });
            }
        }
        Ok(())
    }

    /// Calls `run` with the ranges between special fields.
    fn each_plain(&self, mut run: impl FnMut(usize, usize) -> Result<(), Errno>) -> Result<(), Errno> {
        let mut from = 0;
        for field in &self.special {
            let at = field.offset as usize;
            if from < at {
                run(from, at)?;
            }
            from = from.max(at + field.kind.size() as usize);
        }
        if from < self.size { run(from, self.size) } else { Ok(()) }
    }
}

/// How an array of values is allocated.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) arena: Arena,
    pub(crate) rights: Rights,
    pub(crate) origin: Origin,
}

impl Request {
    pub(crate) fn of(spec: &MapSpec) -> Request {
        let origin = Origin::new(ObjectKind::MapValue, spec.name.as_str());
        Request { arena: Arena::Values, rights: rights(spec), origin }
    }

    /// Room for `count` values.
    pub(crate) fn alloc(&self, memory: &Memory, values: &Values, count: u64) -> Result<u64, NoMemory> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        memory.alloc_array(self.arena, values.size, values.stride, count, self.rights, self.origin.clone())
    }
}
