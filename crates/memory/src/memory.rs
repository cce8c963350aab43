//! `Memory`: making, changing and ending objects.
#![expect(unsafe_code, reason = "states that a Memory may move to another thread")]

use crate::error::{HostLimit, NoMemory, OverLimit};
use crate::layout::{Arena, extend, is_address};
use crate::object::{ObjectInfo, Part, Shape};
use crate::origin::{Origin, Rights, Site};
use crate::pool;
use crate::space::Span;
use crate::table::{Request, ShapeRequest, Table, checked};
use crate::window::Window;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem::ManuallyDrop;

/// One simulated address space: objects in arenas, and what programs may do with each byte of them.
///
/// A value is cheap (its reservation comes from a pool) and independent of every other. It can move between threads
/// but not be shared by them. All methods take `&self`; none hands out a reference into the memory.
///
/// Methods that *change* objects answer `false` when the address is not that of an object of the right sort, and then
/// did nothing: that is a mistake of the caller, never of a simulated program; unless it was the limit on what objects
/// may take of the host ([`set_limit`](Memory::set_limit)), and then [`take_refused`](Memory::take_refused) says so.
///
/// ```compile_fail,E0277
/// fn shared_by_threads<T: Sync>() {}
/// shared_by_threads::<skep_memory::Memory>();
/// ```
pub struct Memory {
    window: Window,
    /// Taken out by `drop` alone.
    table: ManuallyDrop<RefCell<Table>>,
    /// The last time that the limit was in the way, until somebody asks.
    refused: Cell<Option<OverLimit>>,
}

// SAFETY: the window's pointers point into reservations that this value alone owns; nothing about them belongs to a
// thread.
unsafe impl Send for Memory {}

/// All the rest is checked.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Table>();
};

impl Memory {
    /// An empty address space.
    ///
    /// # Errors
    /// The host refuses 12 GiB of address space.
    pub fn new() -> Result<Memory, HostLimit> {
        let space = pool::take()?;
        Ok(Memory {
            window: space.window(),
            table: ManuallyDrop::new(RefCell::new(Table::new(space))),
            refused: Cell::new(None),
        })
    }

    /// The host pointers of the fast path; good as long as this value lives, wherever it moves.
    #[inline]
    pub fn window(&self) -> Window {
        self.window
    }

    pub(crate) fn table(&self) -> &RefCell<Table> {
        &self.table
    }

    /// Allocates `size` zero bytes at a multiple of `align` (a power of two up to 1 MiB; at least 16 is given).
    /// Nothing accessible follows for at least 16 bytes.
    ///
    /// # Errors
    /// The arena has no room for it, and the error says what its limit is; or the host has no memory.
    pub fn alloc(
        &self,
        arena: Arena,
        size: usize,
        align: usize,
        rights: Rights,
        origin: Origin,
    ) -> Result<u64, NoMemory> {
        let (len, align) = checked(arena, Some(size), align)?;
        let mut table = self.table.borrow_mut();
        let shape = ShapeRequest::Whole;
        let start = table.alloc(Request { arena, len, align, rights, origin, shape, mapping: None })?;
        if rights != Rights::NONE
            && let Err(error) = self.within_limit(table.space.paint(Span { start, len }, rights))
        {
            table.undo(start);
            return Err(error.into());
        }
        Ok(extend(start))
    }

    /// Allocates `count` elements of `elem_size` zero bytes, the first at a multiple of 16, each `stride` bytes after
    /// the one before; every element is an object of its own for bounds. No program can touch an element before
    /// [`grant`](Memory::grant); untouched elements cost no memory of the host.
    ///
    /// # Errors
    /// As for [`alloc`](Memory::alloc); or the stride is less than the element's size.
    pub fn alloc_array(
        &self,
        arena: Arena,
        elem_size: usize,
        stride: usize,
        count: usize,
        rights: Rights,
        origin: Origin,
    ) -> Result<u64, NoMemory> {
        let shape = ShapeRequest::array(elem_size, stride, count)?;
        let (len, align) = checked(arena, stride.checked_mul(count), 16)?;
        let start = self.table.borrow_mut().alloc(Request {
            arena,
            len,
            align,
            rights,
            origin,
            shape,
            mapping: None,
        })?;
        Ok(extend(start))
    }

    /// Gives programs the array's rights to the element at `elem_addr`. Cheap if they have them already. False also if
    /// there is no memory for it ([`take_refused`](Memory::take_refused)).
    #[inline]
    pub fn grant(&self, elem_addr: u64) -> bool {
        self.is_visible(elem_addr) || self.grant_slow(elem_addr)
    }

    /// Takes the rights to an array's element away again. Its bytes stay.
    pub fn revoke(&self, elem_addr: u64) -> bool {
        self.paint_element(elem_addr, Some(Rights::NONE))
    }

    #[cold]
    fn grant_slow(&self, elem_addr: u64) -> bool {
        self.paint_element(elem_addr, None)
    }

    fn paint_element(&self, elem_addr: u64, rights: Option<Rights>) -> bool {
        let mut table = self.table.borrow_mut();
        let Some(low) = low(elem_addr) else { return false };
        let Some(object) = table.before(low) else { return false };
        let Some(element) = object.element_at(low) else { return false };
        let rights = rights.unwrap_or(object.rights);
        self.within_limit(table.space.paint(element, rights)).is_ok()
    }

    /// Ends an object. A later access to it is reported as a use after free, until its addresses are used again.
    pub fn free(&self, addr: u64) -> bool {
        self.free_at(addr, None)
    }

    /// The same, by an instruction that the report will name.
    pub fn free_at(&self, addr: u64, site: Option<Site>) -> bool {
        low(addr).is_some_and(|low| self.table.borrow_mut().free(low, site))
    }

    /// Changes what programs may do with the object at `addr`. The elements of an array have to be granted again.
    /// False also for an object with carved parts.
    pub fn set_rights(&self, addr: u64, rights: Rights) -> bool {
        let mut table = self.table.borrow_mut();
        let Table { space, objects, .. } = &mut *table;
        let Some(object) = low(addr).and_then(|low| objects.get_mut(&low)) else { return false };
        if object.has_parts() {
            return false;
        }
        match object.shape {
            Shape::Whole(visible) if self.within_limit(space.paint(visible, rights)).is_err() => {
                return false;
            }
            Shape::Whole(_) => {}
            Shape::Array { .. } => space.retire(object.span),
        }
        object.rights = rights;
        object.parts = None;
        true
    }

    /// Moves the visible part of the object at `addr` to `len` bytes from `start`, inside the allocation: a packet
    /// whose head or tail was adjusted. Bytes keep their values. False also for an object with carved parts.
    pub fn set_extent(&self, addr: u64, start: u64, len: usize) -> bool {
        let mut table = self.table.borrow_mut();
        let Table { space, objects, .. } = &mut *table;
        let Some(object) = low(addr).and_then(|low| objects.get_mut(&low)) else { return false };
        let Shape::Whole(old) = object.shape else { return false };
        if object.has_parts() {
            return false;
        }
        let Some(new) = inside(object.span, start, len) else { return false };
        if object.rights != Rights::NONE && self.within_limit(space.repaint(old, new, object.rights)).is_err()
        {
            return false;
        }
        object.shape = Shape::Whole(new);
        true
    }

    /// Makes `len` bytes at `start` an object for programs, inside an allocation that has [`Rights::NONE`] itself:
    /// a ring buffer record. Parts must not overlap.
    pub fn carve(&self, start: u64, len: usize, rights: Rights, origin: Origin) -> bool {
        let mut table = self.table.borrow_mut();
        let Some((space, parts, whole)) = low(start).and_then(|low| table.parts_mut(low)) else {
            return false;
        };
        let Some(span) = inside(whole, start, len) else { return false };
        if self.within_limit(space.admit(span, rights)).is_err() {
            return false;
        }
        parts.insert(Part { span, rights, origin }) && space.paint(span, rights).is_ok()
    }

    /// Ends the part that begins at `start`. Its bytes stay; a later access is reported as a use after free.
    pub fn uncarve(&self, start: u64, site: Option<Site>) -> bool {
        let mut table = self.table.borrow_mut();
        let Some(low) = low(start) else { return false };
        let Some((space, parts, _)) = table.parts_mut(low) else { return false };
        let Some(span) = parts.remove(low, site) else { return false };
        space.revoke(span);
        true
    }

    /// Sets how much of the host's memory the objects may take from now on, in bytes; there is no limit at first. What
    /// would pass it is refused: allocations with an error, the other methods as they refuse anything.
    pub fn set_limit(&self, bytes: u64) {
        self.table.borrow_mut().space.resident.set_limit(bytes);
    }

    /// The limit, in bytes; `u64::MAX` if there is none.
    pub fn limit(&self) -> u64 {
        self.table.borrow().space.resident.limit()
    }

    /// How much of the host's memory the objects take: the bytes of all pages that hold some of what programs have or
    /// had a right to, or of what was written there, and of the pages that say so (two more for each, mostly). Pages
    /// of large objects go back to the host when these are freed; those of small ones wait for others. With what
    /// [`take_outside`](Memory::take_outside) was told of.
    pub fn resident(&self) -> u64 {
        self.table.borrow().space.resident.bytes()
    }

    /// Counts memory of the host's that objects need outside of the simulated address space: a map's table of keys, say.
    /// False if the limit refuses it.
    pub fn take_outside(&self, bytes: u64) -> bool {
        self.within_limit(self.table.borrow_mut().space.resident.take_outside(bytes)).is_ok()
    }

    /// Such memory is not needed any more.
    pub fn give_outside(&self, bytes: u64) {
        self.table.borrow_mut().space.resident.give_outside(bytes);
    }

    /// What the limit refused last, if it refused something since this was asked.
    #[inline]
    pub fn take_refused(&self) -> Option<OverLimit> {
        self.refused.take()
    }

    /// Remembers what the limit refused.
    pub(crate) fn within_limit<T>(&self, result: Result<T, OverLimit>) -> Result<T, OverLimit> {
        result.inspect_err(|refused| self.refused.set(Some(*refused)))
    }

    /// The live allocations, by address as a 32-bit number: for reports.
    pub fn objects(&self) -> Vec<ObjectInfo> {
        self.table.borrow().objects.values().map(|object| object.info()).collect()
    }

    /// The live allocation that `addr` is a byte of.
    pub fn object_at(&self, addr: u64) -> Option<ObjectInfo> {
        let table = self.table.borrow();
        table.containing(low(addr)?).map(|object| object.info().with_offset(addr))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: never touched again.
        let table = unsafe { ManuallyDrop::take(&mut self.table) }.into_inner();
        table.retire();
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("objects", &self.table.borrow().objects.len()).finish_non_exhaustive()
    }
}

/// The low 32 bits of a simulated address.
pub(crate) fn low(addr: u64) -> Option<u32> {
    is_address(addr).then_some(addr as u32)
}

/// `len` bytes at `start`, if `whole` has them.
fn inside(whole: Span, start: u64, len: usize) -> Option<Span> {
    let start = low(start)?;
    let from = start.checked_sub(whole.start).filter(|from| *from <= whole.len)?;
    let len = u32::try_from(len).ok().filter(|len| *len <= whole.len - from)?;
    Some(Span { start, len })
}
