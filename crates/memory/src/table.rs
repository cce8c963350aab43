//! The books: which objects exist, which addresses are free, what was freed lately. Off the fast path.

use crate::error::NoMemory;
use crate::extents::{Extents, GRAIN};
use crate::host::page_size;
use crate::layout::Arena;
use crate::object::{Object, Parts, Shape};
use crate::origin::{Origin, Rights, Site};
use crate::space::{Space, Span};
use std::collections::{BTreeMap, VecDeque};

/// Freed objects of an arena whose addresses are not used again yet.
const QUARANTINE: usize = 256;
/// Bytes of address space (1/n of an arena) that they may take.
const QUARANTINE_SHARE: u64 = 16;
/// The largest alignment.
const MAX_ALIGN: usize = 1 << 20;
/// The gap after an object: an eighth of it, within these bounds.
const GAP: (u32, u32) = (16, 1024);

/// Everything a memory knows beside the bytes themselves.
pub(crate) struct Table {
    pub(crate) space: Space,
    /// By the low 32 bits of the first address.
    pub(crate) objects: BTreeMap<u32, Object>,
    pub(crate) arenas: [ArenaBooks; Arena::ALL.len()],
    /// Pages of a file are left in the reservation.
    pub(crate) lost: bool,
    /// The allocation that the kernel touched last, and whether its pages are those of a file: it mostly touches it again.
    recent: Option<(Span, bool)>,
}

#[derive(Clone, Debug)]
pub(crate) struct ArenaBooks {
    extents: Extents,
    quarantine: VecDeque<(Object, Option<Site>)>,
    /// Address space that the quarantined objects take.
    quarantined: u64,
}

/// What to allocate.
pub(crate) struct Request {
    pub(crate) arena: Arena,
    pub(crate) len: u32,
    pub(crate) align: u32,
    pub(crate) rights: Rights,
    pub(crate) origin: Origin,
    pub(crate) shape: ShapeRequest,
    /// Its pages will be those of a file: which time that is.
    pub(crate) mapping: Option<u64>,
}

pub(crate) enum ShapeRequest {
    Whole,
    Array { elem: u32, stride: u32, count: u32 },
}

impl ShapeRequest {
    /// Sizes in host words. An array whose bytes do not fit 32 bits is refused for those, elsewhere.
    pub(crate) fn array(elem_size: usize, stride: usize, count: usize) -> Result<ShapeRequest, NoMemory> {
        if stride < elem_size {
            return Err(NoMemory::Stride { elem_size, stride });
        }
        let fit = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(ShapeRequest::Array { elem: fit(elem_size), stride: fit(stride), count: fit(count) })
    }
}

impl Table {
    pub(crate) fn new(space: Space) -> Table {
        let books = |arena: Arena| {
            let first = arena.first();
            ArenaBooks {
                extents: Extents::new(first, first + arena.capacity() as u32),
                quarantine: VecDeque::new(),
                quarantined: 0,
            }
        };
        Table { space, objects: BTreeMap::new(), arenas: Arena::ALL.map(books), lost: false, recent: None }
    }

    /// How many of the bytes that objects can have were ever handed out, by arena.
    pub(crate) fn used(&self) -> [u32; Arena::ALL.len()] {
        Arena::ALL.map(|arena| self.arenas[arena as usize].high() - arena.first())
    }

    /// Makes an object; nothing of it is painted yet. Its length comes from [`checked`].
    pub(crate) fn alloc(&mut self, request: Request) -> Result<u32, NoMemory> {
        let Request { arena, len, align, rights, origin, shape, mapping } = request;
        let slot = self.take_slot(arena, len, align, mapping.is_some())?;
        let span = Span { start: slot.start, len };
        let shape = match shape {
            ShapeRequest::Whole => Shape::Whole(span),
            ShapeRequest::Array { elem, stride, count } => Shape::Array { elem, stride, count },
        };
        self.objects.insert(slot.start, Object { span, slot, rights, origin, shape, mapping, parts: None });
        Ok(slot.start)
    }

    /// Takes addresses for `len` bytes (not more than the arena's capacity) and a gap, and commits them.
    fn take_slot(&mut self, arena: Arena, len: u32, align: u32, mapped: bool) -> Result<Span, NoMemory> {
        // Whole pages are mapped, and nothing else may be on them.
        let body = if mapped { len.next_multiple_of(page_size() as u32) } else { len };
        let gap = (len / 8).clamp(GAP.0, GAP.1);
        let padded = (body + gap).next_multiple_of(GRAIN);
        let bytes = u64::from(len);
        if u64::from(padded) > arena.capacity() {
            return Err(NoMemory::TooBig { arena, bytes });
        }
        let start = self.take(arena, padded, align.max(GRAIN)).ok_or(NoMemory::Full { arena, bytes })?;
        if let Err(limit) = self.space.commit(arena, start - arena.first() + padded) {
            self.arenas[arena as usize].extents.give(start, padded);
            return Err(limit.into());
        }
        Ok(Span { start, len: padded })
    }

    fn take(&mut self, arena: Arena, len: u32, align: u32) -> Option<u32> {
        if let Some(start) = self.arenas[arena as usize].extents.take(len, align) {
            return Some(start);
        }
        // Rather forget what was freed than refuse.
        while self.release_oldest(arena) {}
        self.arenas[arena as usize].extents.take(len, align)
    }

    /// Takes back an object that was just made and never touched.
    pub(crate) fn undo(&mut self, start: u32) {
        self.recent = None;
        let (Some(object), Some(arena)) = (self.objects.remove(&start), arena_of(start)) else { return };
        self.arenas[arena as usize].extents.give(object.slot.start, object.slot.len);
    }

    /// Takes an object out; its addresses stay unused for a while.
    pub(crate) fn free(&mut self, start: u32, site: Option<Site>) -> bool {
        self.recent = None;
        let Some(object) = self.objects.remove(&start) else { return false };
        let Some(arena) = arena_of(start) else { return false };
        if object.mapping.is_some() && !self.space.unmap(page_span(object.span)) {
            // The host refused to replace the pages: these addresses are lost, which costs nothing but addresses.
            self.space.retire(object.slot);
            self.lost = true;
            return true;
        }
        // Programs have rights to what is visible and to parts, and to nothing else of it.
        match object.shape {
            Shape::Whole(visible) if !object.has_parts() => self.space.retire(visible),
            _ => self.space.retire(object.slot),
        }
        self.space.zero(object.slot);
        let books = &mut self.arenas[arena as usize];
        books.quarantined += u64::from(object.slot.len);
        books.quarantine.push_back((object, site));
        let share = arena.size() / QUARANTINE_SHARE;
        while self.arenas[arena as usize].is_over(share) && self.release_oldest(arena) {}
        true
    }

    /// Makes the addresses of the object that was freed first free again.
    fn release_oldest(&mut self, arena: Arena) -> bool {
        let books = &mut self.arenas[arena as usize];
        let Some((object, _)) = books.quarantine.pop_front() else { return false };
        books.quarantined -= u64::from(object.slot.len);
        books.extents.give(object.slot.start, object.slot.len);
        true
    }

    /// Gives the reservation back, for another memory.
    pub(crate) fn retire(mut self) {
        let used = self.used();
        let mut mapped = self.objects.values().filter(|object| object.mapping.is_some());
        let clean = mapped.all(|object| self.space.unmap(page_span(object.span)));
        if clean && !self.lost {
            crate::pool::give(self.space, used);
        }
    }

    /// The object that starts last at or before `addr`.
    pub(crate) fn before(&self, addr: u32) -> Option<&Object> {
        self.objects.range(..=addr).next_back().map(|(_, object)| object)
    }

    /// The object that starts first after `addr`.
    pub(crate) fn after(&self, addr: u32) -> Option<&Object> {
        let next = addr.checked_add(1)?;
        self.objects.range(next..).next().map(|(_, object)| object)
    }

    /// The live object that `addr` is a byte of.
    pub(crate) fn containing(&self, addr: u32) -> Option<&Object> {
        self.before(addr).filter(|object| object.span.contains(addr))
    }

    /// The objects are others now.
    pub(crate) fn forget_recent(&mut self) {
        self.recent = None;
    }

    /// The bytes of the live allocation that `addr` is in, and whether they are pages of a file.
    #[inline]
    pub(crate) fn bytes_at(&mut self, addr: u32) -> Option<(Span, bool)> {
        if self.recent.is_none_or(|(span, _)| !span.contains(addr)) {
            self.recent = Some(self.containing(addr).map(|object| (object.span, object.mapping.is_some()))?);
        }
        self.recent
    }

    /// The freed object whose addresses `addr` belongs to.
    pub(crate) fn freed(&self, addr: u32) -> Option<(&Object, Option<Site>)> {
        let books = &self.arenas[arena_of(addr)? as usize];
        books.quarantine.iter().rev().find(|(object, _)| object.slot.contains(addr)).map(|(o, s)| (o, *s))
    }

    /// The parts of an object, if it can have some: a whole one that no program may touch otherwise.
    pub(crate) fn parts_mut(&mut self, addr: u32) -> Option<(&mut Space, &mut Parts, Span)> {
        let (_, object) = self.objects.range_mut(..=addr).next_back()?;
        let divisible = object.rights == Rights::NONE && matches!(object.shape, Shape::Whole(_));
        if !divisible || !object.span.contains(addr) {
            return None;
        }
        Some((&mut self.space, object.parts.get_or_insert_default(), object.span))
    }
}

impl ArenaBooks {
    /// The end of what was ever handed out.
    pub(crate) fn high(&self) -> u32 {
        self.extents.high()
    }

    /// Becomes what it was, except that it remembers how far its addresses were ever used.
    pub(crate) fn restore(&mut self, earlier: &ArenaBooks) {
        let high = self.high();
        self.clone_from(earlier);
        self.extents.raise_high(high);
    }

    fn is_over(&self, share: u64) -> bool {
        self.quarantine.len() > QUARANTINE || self.quarantined > share
    }
}

/// The arena whose range `addr` lies in.
pub(crate) fn arena_of(addr: u32) -> Option<Arena> {
    Arena::ALL.into_iter().find(|arena| addr.wrapping_sub(arena.base() as u32) < arena.size() as u32)
}

/// The whole pages that hold a span which starts at a page.
pub(crate) fn page_span(span: Span) -> Span {
    Span { start: span.start, len: span.len.next_multiple_of(page_size() as u32) }
}

/// Checks an alignment and a size in host words. The size that comes out is not more than the arena's capacity.
pub(crate) fn checked(arena: Arena, bytes: Option<usize>, align: usize) -> Result<(u32, u32), NoMemory> {
    if !align.is_power_of_two() || align > MAX_ALIGN {
        return Err(NoMemory::Alignment(align));
    }
    let bytes = bytes.map_or(u64::MAX, |bytes| bytes as u64);
    let len = u32::try_from(bytes).ok().filter(|_| bytes <= arena.capacity());
    Ok((len.ok_or(NoMemory::TooBig { arena, bytes })?, align as u32))
}
