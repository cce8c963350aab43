//! Everything that a file descriptor can stand for, counted by its users.

use crate::bpffs::{NodeId, Token};
use crate::btf_object::BtfInfo;
use crate::files::FileId;
use crate::links::{IterFile, Link};
use crate::outside::Outside;
use crate::perf::PerfEvent;
use crate::prog::Prog;
use crate::types::{MapTypes, TargetBtf};
use skep_abi::Errno;
use skep_maps::{Map, ObjRef};
use skep_memory::layout::{HANDLE_BASE, HANDLE_SIZE};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of address space of a handle: what `struct bpf_map` is small against.
const HANDLE_STRIDE: u64 = 64;

/// A map, program, perf event, or another kernel object.
pub(crate) enum Object {
    Map(Box<MapObject>),
    Prog(Prog),
    Perf(Box<PerfEvent>),
    Outside(Outside),
    Btf(BtfInfo),
    /// What somebody else's capabilities stand for.
    Token(Token),
    /// An open directory.
    Dir(NodeId),
    Link(Box<Link>),
    Iter(Box<IterFile>),
    /// Runs are counted as long as it is open (`BPF_ENABLE_STATS`).
    Stats,
}

impl Object {
    /// Whose ids it has one of.
    pub(crate) fn noun(&self) -> Option<Noun> {
        match self {
            Object::Map(_) => Some(Noun::Map),
            Object::Prog(_) => Some(Noun::Prog),
            Object::Btf(_) => Some(Noun::Btf),
            Object::Link(_) => Some(Noun::Link),
            Object::Perf(_)
            | Object::Outside(_)
            | Object::Token(_)
            | Object::Dir(_)
            | Object::Iter(_)
            | Object::Stats => None,
        }
    }
}

/// The kinds of objects that have ids, each kind its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Noun {
    /// Programs.
    Prog,
    /// Maps.
    Map,
    /// Types.
    Btf,
    /// Links.
    Link,
}

/// A map and what the kernel keeps beside it.
pub(crate) struct MapObject {
    pub(crate) map: Map,
    /// The types of its keys and values, if they were told.
    pub(crate) types: Option<MapTypes>,
    /// Open files and pins (`usercnt`): programs keep a map alive, but only user space keeps what is in a PROG_ARRAY.
    pub(crate) fds: u32,
    /// Of a PERF_EVENT_ARRAY: through which open file each event was put in (`struct bpf_event_entry`).
    pub(crate) through: BTreeMap<u32, FileId>,
    /// The types of its keys and values as an object, with a reference.
    pub(crate) btf: Option<ObjRef>,
    /// What programs a PROG_ARRAY takes: the first one that was put in, or that uses it, decides.
    pub(crate) owner: Option<Owner>,
    /// A reader of the ring buffer should be woken.
    pub(crate) poll: bool,
    /// The file that supplied its pages.
    pub(crate) file: Option<skep_memory::PageFile>,
    /// Mappings that user space may write to (`writecnt`).
    pub(crate) writers: u32,
}

impl MapObject {
    /// A new map, for the one open file that its maker gets.
    pub(crate) fn new(map: Map, types: Option<MapTypes>) -> MapObject {
        let through = BTreeMap::new();
        MapObject { map, types, fds: 1, through, btf: None, owner: None, poll: false, file: None, writers: 0 }
    }
}

/// What all programs of a PROG_ARRAY have in common (`struct bpf_map_owner`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) prog_type: skep_abi::ProgType,
    pub(crate) expected_attach_type: u32,
    pub(crate) xdp_has_frags: bool,
}

/// The objects of a machine. An object lives as long as something refers to it: an fd, a slot of a map, a program.
#[derive(Default)]
pub(crate) struct Objects {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Objects that nobody refers to any more; they go when no program can be running on them.
    dead: Vec<ObjRef>,
    /// Ids of each kind.
    ids: [Ids; 4],
}

#[derive(Default)]
struct Slot {
    object: Option<Object>,
    refs: u32,
    /// Its id among those of its kind; 0: it has none.
    number: u32,
}

/// The ids of a kind. One that was given back is not given out again before all others were (`idr_alloc_cyclic`).
#[derive(Default)]
struct Ids {
    last: u32,
    used: BTreeMap<u32, ObjRef>,
}

impl Ids {
    const MOST: u32 = i32::MAX as u32 - 1;

    fn take(&mut self, id: ObjRef) -> u32 {
        loop {
            self.last = if self.last >= Ids::MOST { 1 } else { self.last + 1 };
            if let std::collections::btree_map::Entry::Vacant(place) = self.used.entry(self.last) {
                place.insert(id);
                return self.last;
            }
        }
    }
}

impl Objects {
    /// The objects of a machine that has just started: the types of its kernel, which stay.
    pub(crate) fn new(target: Option<&TargetBtf>) -> Objects {
        let mut objects = Objects::default();
        let Some(target) = target else { return objects };
        let vmlinux = (Arc::from("vmlinux"), Arc::clone(&target.vmlinux), None);
        let modules = target.modules.iter().enumerate();
        let modules = modules.map(|(number, (name, btf))| (Arc::clone(name), Arc::clone(btf), Some(number)));
        for (name, btf, module) in std::iter::once(vmlinux).chain(modules) {
            objects.insert(Object::Btf(BtfInfo { btf, raw: None, name, kernel: true, module }));
        }
        objects
    }

    /// Whether there is address space left for one more object's handle.
    ///
    /// # Errors
    /// `ENFILE`: there is not.
    pub(crate) fn room(&self) -> Result<(), Errno> {
        let full = self.free.is_empty() && self.slots.len() as u64 >= HANDLE_SIZE / HANDLE_STRIDE;
        if full { Err(Errno::ENFILE) } else { Ok(()) }
    }

    /// The number that the next new object gets.
    pub(crate) fn next_id(&self) -> ObjRef {
        ObjRef(self.free.last().copied().unwrap_or(self.slots.len() as u32))
    }

    /// Adds an object with one reference, the caller's, who asked for [`Objects::room`].
    pub(crate) fn insert(&mut self, object: Object) -> ObjRef {
        let id = self.next_id();
        let number = object.noun().map_or(0, |noun| self.ids[noun as usize].take(id));
        let slot = Slot { object: Some(object), refs: 1, number };
        match self.free.pop() {
            Some(index) => self.slots[index as usize] = slot,
            None => self.slots.push(slot),
        }
        id
    }

    /// The id of an object, as user space and programs see it; 0 for what has none.
    pub(crate) fn number(&self, id: ObjRef) -> u32 {
        self.slots.get(id.0 as usize).map_or(0, |it| it.number)
    }

    /// Which ids an object has one of.
    pub(crate) fn noun(&self, id: ObjRef) -> Option<Noun> {
        self.get(id)?.noun()
    }

    /// The object of a kind that has an id, unless it is about to end.
    pub(crate) fn by_number(&self, noun: Noun, number: u32) -> Option<ObjRef> {
        let id = *self.ids[noun as usize].used.get(&number)?;
        self.lives(id).then_some(id)
    }

    /// The lowest id of a kind that is larger (`BPF_*_GET_NEXT_ID`).
    pub(crate) fn next_number(&self, noun: Noun, after: u32) -> Option<u32> {
        let mut larger = self.ids[noun as usize].used.range(after.checked_add(1)?..);
        larger.find(|it| self.lives(*it.1)).map(|it| *it.0)
    }

    /// Every object of a kind, by id.
    pub(crate) fn of(&self, noun: Noun) -> impl Iterator<Item = ObjRef> {
        self.ids[noun as usize].used.values().copied().filter(|id| self.lives(*id))
    }

    fn lives(&self, id: ObjRef) -> bool {
        self.slots.get(id.0 as usize).is_some_and(|it| it.refs > 0)
    }

    pub(crate) fn get(&self, id: ObjRef) -> Option<&Object> {
        self.slots.get(id.0 as usize)?.object.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: ObjRef) -> Option<&mut Object> {
        self.slots.get_mut(id.0 as usize)?.object.as_mut()
    }

    pub(crate) fn map(&self, id: ObjRef) -> Option<&MapObject> {
        match self.get(id)? {
            Object::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn map_mut(&mut self, id: ObjRef) -> Option<&mut MapObject> {
        match self.get_mut(id)? {
            Object::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn prog(&self, id: ObjRef) -> Option<&Prog> {
        match self.get(id)? {
            Object::Prog(prog) => Some(prog),
            _ => None,
        }
    }

    /// What tells a program apart from others (`bpf_prog_info.tag`).
    pub(crate) fn prog_tag(&self, id: ObjRef) -> Option<[u8; 8]> {
        self.prog(id)?.told.digest.first_chunk().copied()
    }

    pub(crate) fn prog_mut(&mut self, id: ObjRef) -> Option<&mut Prog> {
        match self.get_mut(id)? {
            Object::Prog(prog) => Some(prog),
            _ => None,
        }
    }

    pub(crate) fn btf(&self, id: ObjRef) -> Option<&BtfInfo> {
        match self.get(id)? {
            Object::Btf(btf) => Some(btf),
            _ => None,
        }
    }

    pub(crate) fn link(&self, id: ObjRef) -> Option<&Link> {
        match self.get(id)? {
            Object::Link(link) => Some(link),
            _ => None,
        }
    }

    pub(crate) fn link_mut(&mut self, id: ObjRef) -> Option<&mut Link> {
        match self.get_mut(id)? {
            Object::Link(link) => Some(link),
            _ => None,
        }
    }

    pub(crate) fn perf(&self, id: ObjRef) -> Option<&PerfEvent> {
        match self.get(id)? {
            Object::Perf(event) => Some(event),
            _ => None,
        }
    }

    pub(crate) fn perf_mut(&mut self, id: ObjRef) -> Option<&mut PerfEvent> {
        match self.get_mut(id)? {
            Object::Perf(event) => Some(event),
            _ => None,
        }
    }

    /// One more reference.
    pub(crate) fn retain(&mut self, id: ObjRef) {
        if let Some(slot) = self.slots.get_mut(id.0 as usize) {
            slot.refs += 1;
        }
    }

    /// One reference less. The object goes at the next [`Objects::take_dead`] after its last one.
    pub(crate) fn release(&mut self, id: ObjRef) {
        if let Some(slot) = self.slots.get_mut(id.0 as usize).filter(|it| it.refs > 0) {
            slot.refs -= 1;
            if slot.refs == 0 {
                self.dead.push(id);
            }
        }
    }

    /// Every object, by number.
    pub(crate) fn all(&self) -> impl Iterator<Item = ObjRef> {
        (0..self.slots.len() as u32).map(ObjRef).filter(|id| self.get(*id).is_some())
    }

    /// An object that nobody refers to; its place is free for another.
    pub(crate) fn take_dead(&mut self) -> Option<(ObjRef, Object)> {
        loop {
            let id = self.dead.pop()?;
            let slot = self.slots.get_mut(id.0 as usize)?;
            // Something may have been given a reference meanwhile.
            if slot.refs == 0
                && let Some(object) = slot.object.take()
            {
                let number = std::mem::take(&mut slot.number);
                if let Some(noun) = object.noun() {
                    self.ids[noun as usize].used.remove(&number);
                }
                self.free.push(id.0);
                return Some((id, object));
            }
        }
    }
}

/// The address that stands for an object in a register: a map pointer. Programs can pass it on and no more.
pub(crate) fn handle(id: ObjRef) -> u64 {
    HANDLE_BASE + u64::from(id.0) * HANDLE_STRIDE
}

/// The object whose handle an address is.
pub(crate) fn from_handle(addr: u64) -> Option<ObjRef> {
    let offset = addr.wrapping_sub(HANDLE_BASE);
    (offset < HANDLE_SIZE && offset.is_multiple_of(HANDLE_STRIDE))
        .then_some(ObjRef((offset / HANDLE_STRIDE) as u32))
}
