//! Everything that a file descriptor can stand for, counted by its users.

use crate::outside::Outside;
use crate::perf::PerfEvent;
use crate::prog::Prog;
use crate::types::MapTypes;
use skep_abi::Errno;
use skep_maps::{Access, Map, ObjRef};
use skep_memory::layout::{HANDLE_BASE, HANDLE_SIZE};

/// Bytes of address space of a handle: what `struct bpf_map` is small against.
const HANDLE_STRIDE: u64 = 64;

/// A map, program, perf event, or another kernel object.
pub(crate) enum Object {
    Map(Box<MapObject>),
    Prog(Prog),
    Perf(PerfEvent),
    Outside(Outside),
    /// The types of one of the kernel's modules, by its number among [`TargetBtf::modules`](crate::TargetBtf::modules).
    Btf(usize),
}

/// A map and what the kernel keeps beside it.
pub(crate) struct MapObject {
    pub(crate) map: Map,
    /// The types of its keys and values, if they were told.
    pub(crate) types: Option<MapTypes>,
    /// What its fds may do.
    pub(crate) access: Access,
    /// Open fds (`usercnt`): programs keep a map alive, but only user space keeps what is in a PROG_ARRAY.
    pub(crate) fds: u32,
    /// What programs a PROG_ARRAY takes: the first one that was put in, or that uses it, decides.
    pub(crate) owner: Option<Owner>,
    /// A reader of the ring buffer should be woken.
    pub(crate) poll: bool,
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
}

#[derive(Default)]
struct Slot {
    object: Option<Object>,
    refs: u32,
}

impl Objects {
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
        let slot = Slot { object: Some(object), refs: 1 };
        match self.free.pop() {
            Some(index) => {
                self.slots[index as usize] = slot;
                ObjRef(index)
            }
            None => {
                self.slots.push(slot);
                ObjRef(self.slots.len() as u32 - 1)
            }
        }
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

    pub(crate) fn prog_mut(&mut self, id: ObjRef) -> Option<&mut Prog> {
        match self.get_mut(id)? {
            Object::Prog(prog) => Some(prog),
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
