//! BPF_MAP_TYPE_HASH_OF_MAPS: a hash table whose values are handles of maps (kernel/bpf/hashtab.c, the `htab_of_map`
//! part).

use skep_abi::Errno;
use skep_abi::flags::BPF_EXIST;
use skep_memory::Memory;

use super::core::{check, check_flags, foretold};
use super::index::Index;
use crate::backing::Backing;
use crate::handle::{Displaced, ObjRef};
use crate::inner;
use crate::rules::invalid;
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};

/// Handles by key. Where the value's address stands in other maps, there is the handle's number.
#[derive(Clone, Debug)]
pub(crate) struct HashOfMaps {
    index: Index,
    free: Vec<u32>,
    max_entries: u32,
}

impl HashOfMaps {
    fn get(&self, key: &[u8]) -> Option<ObjRef> {
        self.index.find(key).map(|element| ObjRef(element.addr() as u32))
    }
}

impl Storage for HashOfMaps {
    /// `fd_htab_map_alloc_check`, and the template.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        if spec.value_size != 4 {
            return Err(invalid(format!("value_size {}: the value is a file descriptor", spec.value_size)));
        }
        check(spec)?;
        inner::check(spec)
    }

    fn create(spec: &mut MapSpec, cx: &Cx<'_>, _backing: Backing<'_>) -> Result<HashOfMaps, CreateError> {
        let index = Index::new(spec.key_size, cx.seed, foretold(spec));
        Ok(HashOfMaps { index, free: Vec::new(), max_entries: spec.max_entries })
    }

    fn lookup(&self, _cx: &Cx<'_>, _key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// The handle as 4 little-endian bytes: the owner of the handles translates it to an id.
    fn read(&self, _cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        Ok(self.get(key).ok_or(Errno::ENOENT)?.0.to_le_bytes().to_vec())
    }

    fn update(&mut self, _cx: &Cx<'_>, _change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn delete(&mut self, _cx: &Cx<'_>, key: &[u8], out: &mut Displaced) -> Result<(), Errno> {
        let element = *self.index.find(key).ok_or(Errno::ENOENT)?;
        self.index.remove(element.slot);
        self.free.push(element.slot);
        out.objects.push(ObjRef(element.addr() as u32));
        Ok(())
    }

    fn index(&self) -> Option<&Index> {
        Some(&self.index)
    }

    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        let next = match key.and_then(|key| self.index.find(key)) {
            Some(element) => self.index.after(element.slot),
            None => self.index.first(),
        };
        next.map(|slot| self.index.key(slot).to_vec()).ok_or(Errno::ENOENT)
    }

    fn held(&self, key: &[u8]) -> Option<ObjRef> {
        self.get(key)
    }

    /// `bpf_fd_htab_map_update_elem`: the descriptor is looked at first.
    fn hold(&mut self, key: &[u8], object: ObjRef, flags: u64) -> Result<Option<ObjRef>, Errno> {
        if flags > BPF_EXIST {
            return Err(Errno::EINVAL);
        }
        let old = self.index.find(key).copied();
        check_flags(old.is_some(), flags)?;
        if let Some(old) = old {
            self.index.replace(old.slot, old.slot, u64::from(object.0))?;
            return Ok(Some(ObjRef(old.addr() as u32)));
        }
        let live = self.index.len() as u32;
        if live >= self.max_entries {
            return Err(Errno::E2BIG);
        }
        let slot = self.free.pop().unwrap_or(live);
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
