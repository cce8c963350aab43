//! PROG_ARRAY, PERF_EVENT_ARRAY, CGROUP_ARRAY and ARRAY_OF_MAPS: arrays of handles (kernel/bpf/arraymap.c, the
//! `fd_array` part).
//!
//! User space stores file descriptors; whoever owns the descriptors turns them into handles and calls
//! [`Map::set_object`](crate::Map::set_object). Programs cannot update; they look up inner
//! maps, whose addresses the owner of the handles knows.

use skep_abi::flags::{BPF_ANY, BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG};
use skep_abi::{Errno, MapType};
use skep_memory::Memory;

use crate::array::{check_array, index_of, next_index};
use crate::backing::Backing;
use crate::handle::{Displaced, ObjRef};
use crate::inner;
use crate::rules::invalid;
use crate::spec::{CreateError, MapSpec};
use crate::storage::{Change, Cx, Storage};

/// Slots of one page; pages exist once something was stored in them.
const PAGE: usize = 512;
/// The most slots: at 8 bytes each, as many as the kernel could keep in the 2 GiB that a machine's values have.
const SLOTS_MAX: u32 = 1 << 28;

type Page = Box<[Option<ObjRef>; PAGE]>;

/// Slots for handles.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    pages: Vec<Option<Page>>,
    entries: u32,
    /// Whether user space may look a slot up.
    readable: bool,
}

impl Slots {
    /// The handle at `index`.
    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<ObjRef> {
        if index >= self.entries {
            return None;
        }
        let at = index as usize;
        self.pages.get(at / PAGE)?.as_ref()?[at % PAGE]
    }

    /// The checks of an update that come before the descriptor is looked at (`bpf_fd_array_map_update_elem`).
    pub(crate) fn check_set(&self, index: u32, flags: u64) -> Result<(), Errno> {
        if flags != BPF_ANY {
            return Err(Errno::EINVAL);
        }
        if index >= self.entries { Err(Errno::E2BIG) } else { Ok(()) }
    }

    /// Puts a handle into a slot; the one that was there comes out.
    pub(crate) fn set(&mut self, index: u32, object: ObjRef, flags: u64) -> Result<Option<ObjRef>, Errno> {
        self.check_set(index, flags)?;
        let at = index as usize;
        if self.pages.len() <= at / PAGE {
            self.pages.resize(at / PAGE + 1, None);
        }
        let page = self.pages[at / PAGE].get_or_insert_with(|| Box::new([None; PAGE]));
        Ok(page[at % PAGE].replace(object))
    }

    /// Empties a slot (`fd_array_map_delete_elem`).
    pub(crate) fn take(&mut self, index: u32) -> Result<ObjRef, Errno> {
        if index >= self.entries {
            return Err(Errno::E2BIG);
        }
        let at = index as usize;
        let page = self.pages.get_mut(at / PAGE).and_then(Option::as_mut);
        page.and_then(|page| page[at % PAGE].take()).ok_or(Errno::ENOENT)
    }

    /// Slots that hold a handle, by index.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, ObjRef)> + '_ {
        let pages = self.pages.iter().enumerate().filter_map(|(at, page)| Some((at, page.as_ref()?)));
        pages.flat_map(|(at, page)| {
            let first = (at * PAGE) as u32;
            (first..).zip(page.iter()).filter_map(|(index, object)| Some((index, (*object)?)))
        })
    }
}

impl Storage for Slots {
    /// `fd_array_map_alloc_check`.
    fn check(spec: &MapSpec) -> Result<(), CreateError> {
        if spec.value_size != 4 {
            let text = format!(
                "value_size {}: the value of {} maps is a file descriptor",
                spec.value_size, spec.kind
            );
            return Err(invalid(text));
        }
        if spec.flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG) != 0 {
            return Err(invalid(format!(
                "{} maps are never read-only or write-only for programs",
                spec.kind
            )));
        }
        check_array(spec)?;
        if spec.kind == MapType::ArrayOfMaps { inner::check(spec) } else { Ok(()) }
    }

    fn create(spec: &mut MapSpec, _cx: &Cx<'_>, _backing: Backing<'_>) -> Result<Slots, CreateError> {
        if spec.max_entries > SLOTS_MAX {
            let text = format!("{} map {:?}: at most {SLOTS_MAX} slots are emulated", spec.kind, spec.name);
            return Err(CreateError::no_room(text));
        }
        let readable = matches!(spec.kind, MapType::ProgArray | MapType::ArrayOfMaps);
        Ok(Slots { pages: Vec::new(), entries: spec.max_entries, readable })
    }

    fn lookup(&self, _cx: &Cx<'_>, _key: &[u8], _cpu: u32) -> Result<Option<u64>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// The handle as 4 little-endian bytes: the owner of the handles translates it to an id.
    fn read(&self, _cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        if !self.readable {
            return Err(Errno::ENOTSUPP);
        }
        let object = self.get(index_of(key)?).ok_or(Errno::ENOENT)?;
        Ok(object.0.to_le_bytes().to_vec())
    }

    fn update(&mut self, _cx: &Cx<'_>, _change: Change<'_>, _out: &mut Displaced) -> Result<(), Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    fn delete(&mut self, _cx: &Cx<'_>, key: &[u8], out: &mut Displaced) -> Result<(), Errno> {
        let object = self.take(index_of(key)?)?;
        out.objects.push(object);
        Ok(())
    }

    fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        next_index(key, self.entries)
    }

    fn slots(&self) -> Option<&Slots> {
        Some(self)
    }

    fn slots_mut(&mut self) -> Option<&mut Slots> {
        Some(self)
    }

    fn held(&self, key: &[u8]) -> Option<ObjRef> {
        self.get(index_of(key).ok()?)
    }

    fn check_hold(&self, key: &[u8], flags: u64) -> Result<(), Errno> {
        self.check_set(index_of(key)?, flags)
    }

    fn hold(&mut self, key: &[u8], object: ObjRef, flags: u64) -> Result<Option<ObjRef>, Errno> {
        self.set(index_of(key)?, object, flags)
    }

    fn all_held(&self) -> Vec<ObjRef> {
        self.iter().map(|(_, object)| object).collect()
    }

    fn release(&mut self, _memory: &Memory, out: &mut Displaced) {
        out.objects.extend(self.iter().map(|(_, object)| object));
        self.pages.clear();
    }
}
