//! XSKMAP, SOCKMAP, SOCKHASH and REUSEPORT_SOCKARRAY: handles of sockets (net/xdp/xskmap.c, net/core/sock_map.c,
//! kernel/bpf/reuseport_array.c).
//!
//! What a socket is, and whether it may be in such a map, is for the owner of the handles to say.

use skep_abi::flags::{BPF_EXIST, BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY, BPF_NOEXIST};
use skep_abi::{Errno, MapType};
use skep_memory::Memory;

use crate::array::{check_array, index_of, next_index};
use crate::backing::Backing;
use crate::handle::{Displaced, ObjRef};
use crate::hash::{Index, buckets_of};
use crate::rules::{self, invalid};
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};

/// The longest key of a SOCKHASH: `MAX_BPF_STACK`.
const KEY_MAX: u32 = 512;

/// Handles of sockets by key.
#[derive(Clone, Debug)]
pub(crate) struct Sockets {
    kind: MapType,
    /// Where the value's address stands in other maps, there is the handle's number.
    index: Index,
    free: Vec<u32>,
    /// Slots that were ever used.
    used: u32,
    max_entries: u32,
    value_size: u32,
}

impl Sockets {
    fn get(&self, key: &[u8]) -> Option<ObjRef> {
        self.index.find(key).map(|element| ObjRef(element.addr() as u32))
    }

    fn is_hash(&self) -> bool {
        self.kind == MapType::Sockhash
    }

    fn in_range(&self, key: &[u8]) -> Result<bool, Errno> {
        Ok(self.is_hash() || index_of(key)? < self.max_entries)
    }

    /// Flags and range, then the flags against what is there.
    fn check_flags(&self, key: &[u8], flags: u64) -> Result<(), Errno> {
        if flags > BPF_EXIST {
            return Err(Errno::EINVAL);
        }
        if !self.in_range(key)? {
            return Err(Errno::E2BIG);
        }
        match self.get(key) {
            Some(_) if flags == BPF_NOEXIST => Err(Errno::EEXIST),
            None if flags == BPF_EXIST => Err(Errno::ENOENT),
            _ => Ok(()),
        }
    }
}

impl Storage for Sockets {
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        let sizes = match spec.kind {
            MapType::Xskmap => spec.value_size == 4,
            _ => matches!(spec.value_size, 4 | 8),
        };
        if !sizes {
            let text = format!("value_size {}: {} maps take a descriptor", spec.value_size, spec.kind);
            return Err(invalid(text));
        }
        if spec.kind == MapType::ReuseportSockarray {
            return check_array(spec);
        }
        rules::not_empty("max_entries", spec.max_entries)?;
        rules::flags_within(spec, BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY)?;
        if spec.kind != MapType::Sockhash {
            if spec.key_size != 4 {
                return Err(invalid(format!("key_size {}: the key is a u32", spec.key_size)));
            }
            if spec.kind == MapType::Sockmap && spec.max_entries > i32::MAX as u32 {
                return Err(invalid(format!("max_entries {}: more than 2^31 - 1", spec.max_entries)));
            }
            return Ok(());
        }
        rules::not_empty("key_size", spec.key_size)?;
        if spec.key_size > KEY_MAX {
            let text = format!("key_size {}: more than {KEY_MAX} bytes", spec.key_size);
            return Err(CreateError::new(Errno::E2BIG, text));
        }
        if spec.max_entries > 1 << 27 {
            return Err(invalid(format!("max_entries {}: more than 2^27", spec.max_entries)));
        }
        Ok(())
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, _backing: Backing<'_>) -> Result<Sockets, CreateError> {
        Ok(Sockets {
            kind: spec.kind,
            index: Index::new(spec.key_size, cx.seed, Some(buckets_of(spec.max_entries))),
            free: Vec::new(),
            used: 0,
            max_entries: spec.max_entries,
            value_size: spec.value_size,
        })
    }

    fn lookup(&self, _cx: &Cx<'_>, _key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// The handle as 4 little-endian bytes: its owner translates it to the socket's cookie.
    fn read(&self, _cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        if self.kind == MapType::Xskmap {
            return Err(Errno::EOPNOTSUPP);
        }
        if self.value_size != 8 {
            return Err(Errno::ENOSPC);
        }
        Ok(self.get(key).ok_or(Errno::ENOENT)?.0.to_le_bytes().to_vec())
    }

    fn update(&mut self, _cx: &Cx<'_>, _change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn delete(&mut self, _cx: &Cx<'_>, key: &[u8], out: &mut Displaced) -> Result<(), Errno> {
        let array_too_short = !self.in_range(key)?;
        let Some(element) = self.index.find(key).copied() else {
            return match self.kind {
                MapType::Xskmap if !array_too_short => Ok(()),
                MapType::Xskmap | MapType::Sockmap => Err(Errno::EINVAL),
                MapType::ReuseportSockarray if array_too_short => Err(Errno::E2BIG),
                _ => Err(Errno::ENOENT),
            };
        };
        self.index.remove(element.slot);
        self.free.push(element.slot);
        out.objects.push(ObjRef(element.addr() as u32));
        Ok(())
    }

    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        if !self.is_hash() {
            return next_index(key, self.max_entries);
        }
        let next = match key.and_then(|key| self.index.find(key)) {
            Some(element) => self.index.after(element.slot),
            None => self.index.first(),
        };
        next.map(|slot| self.index.key(slot).to_vec()).ok_or(Errno::ENOENT)
    }

    fn held(&self, key: &[u8]) -> Option<ObjRef> {
        self.get(key)
    }

    /// Where the kernel looks at flags before the descriptor, and where behind it, in `hold`.
    fn check_hold(&self, key: &[u8], flags: u64) -> Result<(), Errno> {
        match self.kind {
            MapType::Xskmap | MapType::ReuseportSockarray if flags > BPF_EXIST => Err(Errno::EINVAL),
            MapType::Xskmap | MapType::ReuseportSockarray if !self.in_range(key)? => Err(Errno::E2BIG),
            _ => Ok(()),
        }
    }

    fn hold(&mut self, key: &[u8], object: ObjRef, flags: u64) -> Result<Option<ObjRef>, Errno> {
        let old = self.index.find(key).copied();
        // An AF_XDP socket in its own place is fine with any flags.
        let same = old.is_some_and(|old| ObjRef(old.addr() as u32) == object);
        if !(same && self.kind == MapType::Xskmap) {
            self.check_flags(key, flags)?;
        }
        if let Some(old) = old {
            self.index.replace(old.slot, old.slot, u64::from(object.0))?;
            return Ok(Some(ObjRef(old.addr() as u32)));
        }
        if self.is_hash() && self.index.len() >= self.max_entries as usize {
            return Err(Errno::E2BIG);
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            self.used - 1
        });
        let inserted = self.index.insert(key, slot, u64::from(object.0));
        if inserted.is_err() {
            self.free.push(slot);
        }
        inserted.map(|()| None)
    }

    fn all_held(&self) -> Vec<ObjRef> {
        let keys = self.index.slots().map(|slot| self.index.key(slot));
        keys.filter_map(|key| self.get(key)).collect()
    }

    fn release(&mut self, _memory: &Memory, out: &mut Displaced) {
        out.objects.extend(self.all_held());
    }
}
