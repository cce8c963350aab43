//! One allocation: where it is, what it is made of, and how reports name it.

use crate::layout::extend;
use crate::origin::{ObjectKind, Origin, Rights, Site};
use crate::space::Span;
use std::collections::VecDeque;
use std::sync::Arc;

/// Parts of an object that were taken back and are still named in reports.
const PAST_PARTS: usize = 16;

/// A live allocation.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// The bytes that were asked for.
    pub(crate) span: Span,
    /// All that it took of its arena: the bytes, padding, and the gap after it.
    pub(crate) slot: Span,
    pub(crate) rights: Rights,
    pub(crate) origin: Origin,
    pub(crate) shape: Shape,
    /// Its pages come from a file, and this is which time pages of a file were mapped (in the process).
    pub(crate) mapping: Option<u64>,
    /// Set once a part was carved.
    pub(crate) parts: Option<Box<Parts>>,
}

/// What of an allocation is one object for bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    /// A range of it (all, at first).
    Whole(Span),
    /// Every element.
    Array { elem: u32, stride: u32, count: u32 },
}

/// Ranges of an object that are objects for programs.
#[derive(Clone, Default, Debug)]
pub(crate) struct Parts {
    /// Sorted by address.
    pub(crate) live: Vec<Part>,
    /// The latest last.
    pub(crate) past: VecDeque<(Part, Option<Site>)>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) span: Span,
    pub(crate) rights: Rights,
    pub(crate) origin: Origin,
}

impl Parts {
    /// Adds a part, unless it overlaps another.
    pub(crate) fn insert(&mut self, part: Part) -> bool {
        let at = self.live.partition_point(|other| other.span.start < part.span.start);
        let clear_before = at == 0 || self.live[at - 1].span.end() <= part.span.start;
        // Empty parts overlap nothing, but a part is known by where it starts.
        let clear_after = self
            .live
            .get(at)
            .is_none_or(|next| part.span.end() <= next.span.start && part.span.start != next.span.start);
        if clear_before && clear_after {
            self.live.insert(at, part);
        }
        clear_before && clear_after
    }

    /// Removes the part that starts at `start`.
    pub(crate) fn remove(&mut self, start: u32, site: Option<Site>) -> Option<Span> {
        let at = self.live.binary_search_by_key(&start, |part| part.span.start).ok()?;
        let part = self.live.remove(at);
        let span = part.span;
        if self.past.len() == PAST_PARTS {
            self.past.pop_front();
        }
        self.past.push_back((part, site));
        Some(span)
    }
}

/// What reports say of an object: an allocation, an element of an array, or a part.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// What sort of thing it is.
    pub kind: ObjectKind,
    /// Its name; may be empty.
    pub name: Arc<str>,
    /// Its first address.
    pub start: u64,
    /// Its bytes.
    pub len: u64,
    /// Where an access begins, from `start`; 0 if there is none.
    pub offset: i64,
    /// Which element of an array it is, if it is one.
    pub element: Option<u64>,
    /// What programs may do with it.
    pub rights: Rights,
    /// The instruction that allocated it, if one did.
    pub allocated: Option<Site>,
    /// The instruction that freed it, if one did.
    pub freed: Option<Site>,
}

impl ObjectInfo {
    fn new(span: Span, rights: Rights, origin: &Origin) -> ObjectInfo {
        ObjectInfo {
            kind: origin.kind,
            name: origin.name.clone(),
            start: extend(span.start),
            len: u64::from(span.len),
            offset: 0,
            element: None,
            rights,
            allocated: origin.site,
            freed: None,
        }
    }

    pub(crate) fn of_part(part: &Part) -> ObjectInfo {
        ObjectInfo::new(part.span, part.rights, &part.origin)
    }

    pub(crate) fn with_offset(mut self, addr: u64) -> ObjectInfo {
        self.offset = addr.wrapping_sub(self.start) as i64;
        self
    }

    pub(crate) fn freed_at(mut self, site: Option<Site>) -> ObjectInfo {
        self.freed = site;
        self
    }
}

impl Object {
    /// Whether programs may touch some of it that was carved.
    pub(crate) fn has_parts(&self) -> bool {
        self.parts.as_ref().is_some_and(|parts| !parts.live.is_empty())
    }

    /// The whole allocation.
    pub(crate) fn info(&self) -> ObjectInfo {
        ObjectInfo::new(self.span, self.rights, &self.origin)
    }

    /// What a program sees at `addr`, or nearest to it: the visible range, or an element.
    pub(crate) fn info_at(&self, addr: u32) -> ObjectInfo {
        match self.shape {
            Shape::Whole(span) => ObjectInfo::new(span, self.rights, &self.origin),
            Shape::Array { .. } => {
                let (index, span) = self.element_near(addr).unwrap_or((0, self.span));
                let info = ObjectInfo::new(span, self.rights, &self.origin);
                ObjectInfo { element: Some(u64::from(index)), ..info }
            }
        }
    }

    /// The element that `addr` lies in, or else the one before it; for addresses outside the first or the last.
    fn element_near(&self, addr: u32) -> Option<(u32, Span)> {
        let Shape::Array { elem, stride, count } = self.shape else { return None };
        let index = addr.saturating_sub(self.span.start).checked_div(stride)?.min(count.checked_sub(1)?);
        Some((index, Span { start: self.span.start + index * stride, len: elem }))
    }

    /// The element that starts at `addr`.
    pub(crate) fn element_at(&self, addr: u32) -> Option<Span> {
        self.element_near(addr).map(|(_, span)| span).filter(|span| span.start == addr)
    }
}
