//! Handles of things that live outside: programs, perf events, kernel objects in special fields.

use crate::spec::SpecialKind;

/// What a slot of a PROG_ARRAY or PERF_EVENT_ARRAY holds: a number that the kernel crate gives and understands.
/// This crate only keeps it and hands it back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjRef(pub u32);

/// A special field that lost its value: what stood in it, before it was zeroed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldRef {
    /// What the field is.
    pub kind: SpecialKind,
    /// The simulated address of the field.
    pub addr: u64,
    /// The first 16 bytes of the field as two little-endian words; the second is 0 in fields of 8 bytes.
    pub words: [u64; 2],
}

/// What an operation took out of a map: the caller drops it.
///
/// Most operations displace nothing, and then this costs no allocation.
#[must_use = "displaced handles have to be dropped by whoever gave them"]
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Displaced {
    /// Handles that left their slots.
    pub objects: Vec<ObjRef>,
    /// Special fields that were not zero.
    pub fields: Vec<FieldRef>,
}

impl Displaced {
    /// Nothing to drop.
    pub const NONE: Displaced = Displaced { objects: Vec::new(), fields: Vec::new() };

    /// Whether there is nothing to drop.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn of(object: Option<ObjRef>) -> Displaced {
        Displaced { objects: object.into_iter().collect(), fields: Vec::new() }
    }
}
