//! The three reservations of one memory, as one thing: bytes, load shadow, store shadow.
#![expect(unsafe_code, reason = "writes the bytes and shadows of the reservation")]

use crate::error::{HostLimit, OverLimit};
use crate::host::{Initial, Region, page_size};
use crate::layout::{Arena, GUARD, WINDOW, extend};
use crate::origin::Rights;
use crate::resident::{Marks, Plane, Resident};
use crate::window::Window;

/// Bytes that are committed at a time, at least.
const COMMIT_UNIT: u32 = 0x1_0000;
/// From here on, clearing a range gives its pages back instead of writing zeros.
const PURGE_FROM: usize = 0x2_0000;
/// What a reused reservation keeps resident of each arena and shadow, cleared by writing zeros: faulting pages in
/// again costs more.
const KEEP_RESIDENT: u32 = 0x1_0000;

/// Three reservations and how much of each arena in them is committed (readable and writable).
///
/// What every caller may rely on: all of an arena below its commit mark may be read and written at once.
pub(crate) struct Space {
    data: Region,
    load: Region,
    store: Region,
    /// By arena: bytes from the first that an object can have.
    committed: [u32; Arena::ALL.len()],
    /// Which pages of the host all that took. A page of a shadow that is not in it holds zeros.
    pub(crate) resident: Resident,
}

/// A range of simulated addresses, by the low 32 bits of the first one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

impl Span {
    pub(crate) fn end(self) -> u32 {
        self.start + self.len
    }

    pub(crate) fn contains(self, addr: u32) -> bool {
        addr.wrapping_sub(self.start) < self.len
    }
}

impl Space {
    /// Reserves fresh address space.
    pub(crate) fn reserve() -> Result<Space, HostLimit> {
        let len = WINDOW + 2 * GUARD;
        let region =
            |initial| Region::reserve(len, initial).map_err(|error| HostLimit::reservation(len, error));
        Ok(Space {
            data: region(Initial::NoAccess)?,
            load: region(Initial::Zeros)?,
            store: region(Initial::Zeros)?,
            committed: [0; Arena::ALL.len()],
            resident: Resident::new(),
        })
    }

    /// The pointers of the fast path. They are good until this value is dropped.
    pub(crate) fn window(&self) -> Window {
        Window {
            data: biased(&self.data),
            load_shadow: biased(&self.load),
            store_shadow: biased(&self.store),
        }
    }

    /// Makes the first `used` bytes that objects of an arena can have accessible.
    pub(crate) fn commit(&mut self, arena: Arena, used: u32) -> Result<(), HostLimit> {
        let mark = self.committed[arena as usize];
        if used <= mark {
            return Ok(());
        }
        // Doubling keeps system calls rare; a host that counts committed memory may refuse it, but not what is needed.
        let limit = arena.capacity() as u32;
        let needed = used.next_multiple_of(COMMIT_UNIT).min(limit);
        let generous = needed.max(mark.saturating_mul(2).min(limit));
        self.commit_to(arena, generous).or_else(|_| self.commit_to(arena, needed))
    }

    fn commit_to(&mut self, arena: Arena, mark: u32) -> Result<(), HostLimit> {
        let from = self.committed[arena as usize];
        let (offset, len) = (offset(arena.first() + from), (mark - from) as usize);
        for region in [&self.data, &self.load, &self.store] {
            region.commit(offset, len).map_err(|error| HostLimit::memory(len, error))?;
        }
        self.committed[arena as usize] = mark;
        Ok(())
    }

    /// One of the reservations, and where a committed span is in it.
    pub(crate) fn region(&self, plane: Plane, span: Span) -> (&Region, usize) {
        let region = match plane {
            Plane::Data => &self.data,
            Plane::Load => &self.load,
            Plane::Store => &self.store,
        };
        (region, self.offset_of(span))
    }

    /// Asserts that a span is committed. All writes below go through it, so a wrong span is a panic and no more.
    fn offset_of(&self, span: Span) -> usize {
        let inside = Arena::ALL.into_iter().any(|arena| {
            let from = span.start.wrapping_sub(arena.first());
            let mark = self.committed[arena as usize];
            from <= mark && span.len <= mark - from
        });
        assert!(inside, "span outside of committed memory");
        offset(span.start)
    }

    /// Counts the pages that a span takes once a program has `rights` to it: what it may load is counted as if it had
    /// been stored to, which it mostly was.
    pub(crate) fn admit(&mut self, span: Span, rights: Rights) -> Result<(), OverLimit> {
        let planes: &[Plane] = match (rights.load, rights.store) {
            (false, false) => &[],
            (true, false) => &[Plane::Data, Plane::Load],
            (false, true) => &[Plane::Data, Plane::Store],
            (true, true) => &Plane::ALL,
        };
        self.resident.take(planes, span)
    }

    /// Gives a program `rights` to a span, as one object. What it had is forgotten. Over the limit, nothing happens.
    pub(crate) fn paint(&mut self, span: Span, rights: Rights) -> Result<(), OverLimit> {
        self.admit(span, rights)?;
        for (plane, allowed) in [(Plane::Load, rights.load), (Plane::Store, rights.store)] {
            if !allowed {
                self.wipe(plane, span);
            }
        }
        self.cover(span, span, rights);
        Ok(())
    }

    /// Paints `new` where `old` was painted with the same rights. What both have stays as it is, but for the last bytes
    /// before an end, which say how far that is: a packet that grows by a header costs a header. Over the limit, nothing
    /// happens.
    pub(crate) fn repaint(&mut self, old: Span, new: Span, rights: Rights) -> Result<(), OverLimit> {
        const TAIL: u32 = 7;
        let between = |from: u32, upto: u32| Span { start: from, len: upto.saturating_sub(from) };
        let (start, end) = (old.start.max(new.start), old.end().min(new.end()));
        // From here to the nearer end, a shadow byte may be another one than before.
        let kept = if old.end() == new.end() { end } else { start.max(end.saturating_sub(TAIL)) };
        if start >= kept {
            self.admit(new, rights)?;
            self.revoke(old);
            self.cover(new, new, rights);
            return Ok(());
        }
        let (before, behind) = (between(new.start, start), between(kept, new.end()));
        self.admit(before, rights)?;
        self.admit(behind, rights)?;
        self.revoke(between(old.start, start));
        self.revoke(between(kept, old.end()));
        self.cover(new, before, rights);
        self.cover(new, behind, rights);
        Ok(())
    }

    /// Paints a part of an object that was admitted.
    fn cover(&self, whole: Span, part: Span, rights: Rights) {
        for (plane, allowed) in [(Plane::Load, rights.load), (Plane::Store, rights.store)] {
            if allowed && part.len > 0 {
                let (shadow, offset) = self.region(plane, part);
                let behind = (whole.end() - part.end()) as usize;
                // SAFETY: `region` checked that the part is committed in it.
                unsafe { paint_bytes(shadow.base().wrapping_add(offset), part.len as usize, behind) };
            }
        }
    }

    /// Makes the bytes of a span zero and leaves the rights to it alone.
    pub(crate) fn zero(&mut self, span: Span) {
        self.clear(Plane::Data, span);
    }

    /// Takes all rights to a span away and keeps its bytes. They may well come back: pages of the shadows stay.
    pub(crate) fn revoke(&mut self, span: Span) {
        self.wipe(Plane::Load, span);
        self.wipe(Plane::Store, span);
    }

    /// The same for good.
    pub(crate) fn retire(&mut self, span: Span) {
        for plane in [Plane::Load, Plane::Store] {
            let pages = self.resident.around(span);
            if self.resident.any(plane, &pages) {
                self.clear(plane, span);
            }
        }
    }

    /// Zeros a span of a shadow where it is not zero for sure.
    fn wipe(&mut self, plane: Plane, span: Span) {
        for page in self.resident.around(span).filter(|page| self.resident.has(plane, *page)) {
            self.write_zeros(plane, self.resident.part(span, page));
        }
    }

    /// Zeros a span; a long one by giving back the whole pages in it.
    fn clear(&mut self, plane: Plane, span: Span) {
        let whole = self.resident.within(span);
        if (span.len as usize) < PURGE_FROM || whole.is_empty() {
            self.resident.note(plane, span);
            return self.write_zeros(plane, span);
        }
        let page = page_size() as u32;
        let (start, len) = (whole.start * page, whole.len() as u32 * page);
        let head = Span { start: span.start, len: start - span.start };
        let tail = Span { start: start + len, len: span.len - head.len - len };
        self.purge(plane, Span { start, len });
        for edge in [head, tail] {
            let pages = self.resident.around(edge);
            if self.resident.any(plane, &pages) {
                self.write_zeros(plane, edge);
            }
        }
    }

    /// Gives whole pages back to the host, which makes them zero.
    fn purge(&mut self, plane: Plane, span: Span) {
        let (region, offset) = self.region(plane, span);
        if region.purge(offset, span.len as usize).is_ok() {
            let pages = self.resident.around(span);
            self.resident.give(plane, &pages);
        } else {
            self.resident.note(plane, span);
            self.write_zeros(plane, span);
        }
    }

    fn write_zeros(&self, plane: Plane, span: Span) {
        let (region, offset) = self.region(plane, span);
        // SAFETY: `region` checked that the span is committed in it.
        unsafe { region.base().wrapping_add(offset).write_bytes(0, span.len as usize) };
    }

    /// Has as many pages as it had when the marks were taken. All that was written since is zero again.
    pub(crate) fn come_back(&mut self, marks: &Marks) {
        let mut since = Vec::new();
        self.resident.come_back(marks, |plane, pages| since.push((plane, pages)));
        let page = page_size() as u32;
        for (plane, pages) in since {
            let span = Span { start: pages.start * page, len: pages.len() as u32 * page };
            self.purge(plane, span);
        }
    }

    /// Puts pages of a file over a span of whole pages.
    #[cfg(all(unix, not(skep_portable_memory)))]
    pub(crate) fn map_file(
        &self,
        span: Span,
        file: std::os::fd::BorrowedFd<'_>,
        file_offset: u64,
    ) -> std::io::Result<()> {
        Ok(self.data.map_file(self.offset_of(span), span.len as usize, file, file_offset)?)
    }

    /// Puts fresh pages of our own in place of pages of a file. False: the host refused.
    pub(crate) fn unmap(&mut self, span: Span) -> bool {
        let renewed = self.data.renew(self.offset_of(span), span.len as usize).is_ok();
        if renewed {
            let pages = self.resident.around(span);
            self.resident.give(Plane::Data, &pages);
        }
        renewed
    }

    /// Makes the reservation as good as new for another memory. `used` is by arena how many of the bytes
    /// that objects can have were ever handed out. False: it cannot be reused.
    pub(crate) fn clean(&mut self, used: [u32; Arena::ALL.len()]) -> bool {
        for arena in Arena::ALL {
            self.resident.forget(Span { start: arena.first(), len: used[arena as usize] });
        }
        self.resident.give_outside(u64::MAX);
        self.resident.set_limit(u64::MAX);
        Arena::ALL.into_iter().all(|arena| self.clean_arena(arena, used[arena as usize]))
    }

    fn clean_arena(&self, arena: Arena, used: u32) -> bool {
        let committed = self.committed[arena as usize];
        let page = page_size() as u32;
        let kept = used.min(KEEP_RESIDENT).next_multiple_of(page).min(committed);
        let used = used.next_multiple_of(page).clamp(kept, committed);
        let start = offset(arena.first());
        // Caged machine code may have written to any committed byte, but never to a shadow.
        [(&self.data, committed), (&self.load, used), (&self.store, used)].into_iter().all(
            |(region, dirty)| {
                // SAFETY: `kept` bytes are committed.
                unsafe { region.base().wrapping_add(start).write_bytes(0, kept as usize) };
                region.purge(start + kept as usize, (dirty - kept) as usize).is_ok()
            },
        )
    }
}

/// Where simulated address 0 would be.
fn biased(region: &Region) -> *mut u8 {
    region.base().wrapping_add(offset(0))
}

/// Bytes from the start of a region to a simulated address.
fn offset(addr: u32) -> usize {
    (extend(addr) as i64 + (GUARD + WINDOW / 2) as i64) as usize
}

/// Paints `len` bytes that have `behind` more of their object behind them.
///
/// # Safety
/// `len` bytes at `at` are writable shadow.
unsafe fn paint_bytes(at: *mut u8, len: usize, behind: usize) {
    let tail = len.min(7usize.saturating_sub(behind));
    // SAFETY: both parts lie in the `len` bytes.
    unsafe {
        at.write_bytes(8, len - tail);
        for left in 1..=tail {
            at.add(len - left).write((behind + left) as u8);
        }
    }
}
