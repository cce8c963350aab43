//! From a refused access to its reason. The slow path: it looks into the books.

use crate::fault::{Access, Cause, Fault};
use crate::layout::{HANDLE_BASE, HANDLE_SIZE, LOW_LIMIT, TEXT_BASE, TEXT_SIZE};
use crate::memory::{Memory, low};
use crate::object::{Object, ObjectInfo, Shape};
use crate::origin::Rights;
use crate::space::Span;
use crate::table::Table;

/// An address this near to an object was probably meant for it.
const NEAR: u64 = 4096;
/// `MAX_ERRNO` of include/linux/err.h: the pointers that carry an error.
const MAX_ERRNO: u64 = 4095;

impl Memory {
    /// The report for an access of a program that was refused.
    #[cold]
    #[inline(never)]
    pub fn fault(&self, addr: u64, size: usize, access: Access) -> Fault {
        let table = self.table().borrow();
        let (cause, object) = by_address(addr).map(|cause| (cause, None)).unwrap_or_else(|| {
            let seen = low(addr).and_then(|low| table.seen_at(low, size));
            seen.map_or((Cause::Unmapped, None), |seen| self.judge(seen, addr, size, access))
        });
        report(addr, size, access, cause, object)
    }

    /// The report for an access of the kernel that was refused: some byte is of no live allocation.
    #[cold]
    #[inline(never)]
    pub(crate) fn dead(&self, addr: u64, size: usize, access: Access) -> Fault {
        let table = self.table().borrow();
        let (cause, object) = by_address(addr).map(|cause| (cause, None)).unwrap_or_else(|| {
            let near = low(addr).and_then(|low| table.allocation_near(low));
            near.map_or((Cause::Unmapped, None), |seen| {
                let cause = if seen.freed { Cause::Freed } else { Cause::OutOfBounds };
                (cause, Some(seen.info))
            })
        });
        report(addr, size, access, cause, object)
    }

    fn judge(&self, seen: Seen, addr: u64, size: usize, access: Access) -> (Cause, Option<ObjectInfo>) {
        let Seen { info, freed, granted } = seen;
        let offset = addr.wrapping_sub(info.start);
        let inside = offset < info.len && size as u64 <= info.len - offset;
        let cause = match (access, info.rights) {
            _ if freed => Cause::Freed,
            _ if !inside => Cause::OutOfBounds,
            (_, Rights::NONE) => Cause::NoAccess,
            (Access::Load, Rights { load: false, .. }) => Cause::NoRead,
            (Access::Store, Rights { store: false, .. }) => Cause::ReadOnly,
            _ if granted && !self.is_visible(addr) => Cause::NotGranted,
            _ if !matches!(size, 1 | 2 | 4 | 8) => Cause::Size,
            _ => Cause::Base,
        };
        (cause, Some(info))
    }
}

fn report(addr: u64, size: usize, access: Access, cause: Cause, object: Option<ObjectInfo>) -> Fault {
    Fault { access, addr, size, cause, object: object.map(|info| Box::new(info.with_offset(addr))) }
}

/// What the address alone tells.
fn by_address(addr: u64) -> Option<Cause> {
    let errno = addr.wrapping_neg();
    if addr < LOW_LIMIT {
        return Some(Cause::Null);
    }
    if (1..=MAX_ERRNO).contains(&errno) {
        return Some(Cause::ErrorPointer(errno as u16));
    }
    if low(addr).is_none() {
        return Some(Cause::NotAnAddress);
    }
    if addr.wrapping_sub(HANDLE_BASE) < HANDLE_SIZE {
        return Some(Cause::Handle);
    }
    (addr.wrapping_sub(TEXT_BASE) < TEXT_SIZE).then_some(Cause::Text)
}

/// The object that an access was meant for.
struct Seen {
    info: ObjectInfo,
    /// It is not there any more.
    freed: bool,
    /// It is an element, which has to be granted.
    granted: bool,
}

impl Seen {
    fn live(info: ObjectInfo) -> Seen {
        let granted = info.element.is_some();
        Seen { info, freed: false, granted }
    }
}

impl Table {
    /// What a program may have meant with `addr`.
    fn seen_at(&self, addr: u32, size: usize) -> Option<Seen> {
        if let Some(object) = self.containing(addr) {
            return Some(in_object(object, addr, size));
        }
        self.allocation_near(addr)
    }

    /// The freed object at `addr`, or the live one next to it.
    fn allocation_near(&self, addr: u32) -> Option<Seen> {
        if let Some(object) = self.containing(addr) {
            return Some(Seen::live(object.info()));
        }
        let freed = self.freed(addr).filter(|(object, _)| object.span.contains(addr) || object.span.len == 0);
        if let Some((object, site)) = freed {
            return Some(Seen { info: object.info().freed_at(site), freed: true, granted: false });
        }
        let before = self.before(addr).map(|object| (u64::from(addr - object.span.end()), object));
        let after = self.after(addr).map(|object| (u64::from(object.span.start - addr), object));
        let nearest = [before, after].into_iter().flatten().min_by_key(|(distance, _)| *distance);
        let (_, object) = nearest.filter(|(distance, _)| *distance < NEAR)?;
        Some(Seen::live(object.info_at(addr)))
    }
}

/// What of a live allocation `addr` is meant for.
fn in_object(object: &Object, addr: u32, size: usize) -> Seen {
    let touches = |span: Span| span.contains(addr) || overlaps(span, addr, size);
    if let (Some(parts), Shape::Whole(_)) = (&object.parts, object.shape) {
        if let Some(part) = parts.live.iter().find(|part| touches(part.span)) {
            return Seen::live(ObjectInfo::of_part(part));
        }
        if let Some((part, site)) = parts.past.iter().rev().find(|(part, _)| part.span.contains(addr)) {
            return Seen { info: ObjectInfo::of_part(part).freed_at(*site), freed: true, granted: false };
        }
        let before = parts.live.iter().rev().find(|part| part.span.end() <= addr);
        if let Some(part) = before.filter(|part| u64::from(addr - part.span.end()) < NEAR) {
            return Seen::live(ObjectInfo::of_part(part));
        }
    }
    Seen::live(object.info_at(addr))
}

fn overlaps(span: Span, addr: u32, size: usize) -> bool {
    addr < span.start && (span.start - addr) as usize <= size.saturating_sub(1)
}
