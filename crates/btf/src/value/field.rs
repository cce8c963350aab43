//! Paths into a type: `a.b[2].c`.

use std::collections::HashSet;

use super::{Value, ValueError};
use crate::types::*;
use crate::{Btf, MemberInfo, TypeError, bits};

/// A place inside a value of a type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FieldRef {
    /// Bits from the start of the outer value.
    pub bit_offset: u64,
    /// Width in bits.
    pub bit_size: u64,
    /// The type of what is there.
    pub type_id: TypeId,
    /// Whether it is a bit-field, and so narrower than its type.
    pub is_bitfield: bool,
}

impl FieldRef {
    /// The number there; `None` if it is wider than 128 bits, or past the end of `bytes`.
    pub fn read(&self, bytes: &[u8]) -> Option<u128> {
        bits::read(bytes, self.bit_offset, self.number_bits()?)
    }

    /// Stores the lowest bits of a number there and leaves all others alone; `None` if the place is wider than
    /// 128 bits, or past the end of `bytes`.
    pub fn write(&self, bytes: &mut [u8], number: u128) -> Option<()> {
        bits::write(bytes, self.bit_offset, self.number_bits()?, number)
    }

    fn number_bits(&self) -> Option<u32> {
        u32::try_from(self.bit_size).ok().filter(|bits| *bits <= 128)
    }
}

/// One step of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step<'p> {
    Member(&'p str),
    Index(u64),
}

/// The steps of a path, each with the bytes of the path up to its end.
pub(super) fn steps(path: &str) -> impl Iterator<Item = Result<(Step<'_>, usize), ValueError>> {
    let mut at = 0;
    let mut failed = false;
    std::iter::from_fn(move || {
        if failed || at == path.len() {
            return None;
        }
        let step = step(path, at);
        match &step {
            Some((_, end)) => at = *end,
            None => failed = true,
        }
        Some(step.ok_or(ValueError::Path(at)))
    })
}

fn step(path: &str, at: usize) -> Option<(Step<'_>, usize)> {
    let rest = path.get(at..)?;
    if let Some(index) = rest.strip_prefix('[') {
        let (digits, _) = index.split_once(']')?;
        let index = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
        return Some((Step::Index(index), at + digits.len() + 2));
    }
    let (name, dot) = match rest.strip_prefix('.') {
        Some(name) if at != 0 => (name, 1),
        None if at == 0 => (rest, 0),
        _ => return None,
    };
    // Section names start with a dot, but a path starts behind the section.
    let name = &name[..name.find(['.', '[']).unwrap_or(name.len())];
    (!name.is_empty()).then_some((Step::Member(name), at + dot + name.len()))
}

impl Btf {
    /// The place that a path names in a value of type `id`: `"a.b[2].c"`; the empty path is the whole value.
    /// The first step into a data section is a variable. Members of anonymous structures and unions count as
    /// their outer one's; pointers are not followed. A flexible array has an element for every index.
    ///
    /// # Errors
    /// A malformed path, no such member or element, or a type without a size.
    pub fn field(&self, id: impl Into<TypeId>, path: &str) -> Result<FieldRef, ValueError> {
        let id = self.type_of_var(id.into());
        let bit_size = self.bits_of(id)?;
        let mut place = FieldRef { bit_offset: 0, bit_size, type_id: id, is_bitfield: false };
        for step in steps(path) {
            let (step, end) = step?;
            let upto = || path.get(..end).unwrap_or(path).to_owned();
            place = match step {
                Step::Member(name) => {
                    self.member_at(place, name)?.ok_or_else(|| ValueError::NoMember(upto()))?
                }
                Step::Index(index) => {
                    self.element_at(place, index)?.ok_or_else(|| ValueError::NoElement(upto()))?
                }
            };
        }
        Ok(place)
    }

    /// Reads what a path names in the bytes of a value of type `id`.
    ///
    /// # Errors
    /// As [`Btf::field`] and [`Btf::decode`].
    pub fn get(&self, id: impl Into<TypeId>, bytes: &[u8], path: &str) -> Result<Value, ValueError> {
        let place = self.field(id, path)?;
        super::Decoder::new(self).decode_at(place, bytes)
    }

    /// Reads what is at a place of a value whose bytes these are.
    ///
    /// # Errors
    /// As [`Btf::decode`].
    pub fn decode_field(&self, place: FieldRef, bytes: &[u8]) -> Result<Value, ValueError> {
        super::Decoder::new(self).decode_at(place, bytes)
    }

    /// The type of a variable; any other type itself.
    fn type_of_var(&self, id: TypeId) -> TypeId {
        match self.type_by_id(id).map(|ty| &ty.def) {
            Some(Def::Var(var)) => var.type_id,
            _ => id,
        }
    }

    fn bits_of(&self, id: TypeId) -> Result<u64, ValueError> {
        Ok(self.size_of(id)?.checked_mul(8).ok_or(TypeError::TooLarge(id))?)
    }

    pub(super) fn element_at(&self, place: FieldRef, index: u64) -> Result<Option<FieldRef>, ValueError> {
        let Some(Def::Array(array)) = self.resolved(place.type_id).map(|ty| &ty.def) else { return Ok(None) };
        if array.len != 0 && index >= array.len.into() {
            return Ok(None);
        }
        let bit_size = self.bits_of(array.element)?;
        let offset = index.checked_mul(bit_size).and_then(|bits| bits.checked_add(place.bit_offset));
        let bit_offset = offset.ok_or(TypeError::TooLarge(place.type_id))?;
        Ok(Some(FieldRef { bit_offset, bit_size, type_id: array.element, is_bitfield: false }))
    }

    pub(super) fn member_at(&self, place: FieldRef, name: &str) -> Result<Option<FieldRef>, ValueError> {
        if let Some(var) = self.vars(place.type_id).find(|var| var.name == name) {
            let bit_offset = place.bit_offset.saturating_add(u64::from(var.offset) * 8);
            let bit_size = self.bits_of(var.type_id)?;
            return Ok(Some(FieldRef { bit_offset, bit_size, type_id: var.type_id, is_bitfield: false }));
        }
        Ok(self.find_member(place, name, &mut HashSet::new()))
    }

    /// Where a member of what is at `place` is.
    pub(super) fn place_of(&self, place: FieldRef, member: &MemberInfo<'_>) -> Result<FieldRef, ValueError> {
        let bit_size =
            member.bit_size.map_or_else(|| self.bits_of(member.type_id), |bits| Ok(bits.into()))?;
        Ok(FieldRef {
            bit_offset: place.bit_offset.saturating_add(member.bit_offset.into()),
            bit_size,
            type_id: member.type_id,
            is_bitfield: member.bit_size.is_some(),
        })
    }

    /// A member with a size; anonymous ones are searched in their place. What is in `seen` does not have it: many
    /// anonymous members of one type are searched once.
    fn find_member(&self, place: FieldRef, name: &str, seen: &mut HashSet<TypeId>) -> Option<FieldRef> {
        let id = self.resolve(place.type_id);
        if !seen.insert(id) {
            return None;
        }
        self.members(id).find_map(|member| {
            if member.name == name {
                return self.place_of(place, &member).ok();
            }
            if !member.name.is_empty() {
                return None;
            }
            self.find_member(self.place_of(place, &member).ok()?, name, seen)
        })
    }
}
