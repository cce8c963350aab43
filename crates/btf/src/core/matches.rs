//! Which types match in all their members (libbpf's `bpf_core_types_match`).

use super::compat::{Pair, Resolved};
use super::error::Failure;
use super::name::essential_name;
use super::work::Work;
use crate::{Composite, Def, Enum, FuncProto, FwdKind, IntEncoding, StrOff, TypeId};

/// How deep structures and prototypes are looked into.
const MAX_LEVEL: u32 = 32;
/// How far pointers, arrays and results are followed at one level.
const MAX_DEPTH: u32 = 32;

/// A comparison in progress: behind a pointer, structures need only have the same name.
#[derive(Clone, Copy)]
struct Place {
    behind_pointer: bool,
    level: u32,
}

impl<'b> Pair<'b> {
    /// Whether every member, enumerator and parameter of the object's type has one of the same name and a matching
    /// type in the target's.
    pub(super) fn types_match(self, local: TypeId, target: TypeId, work: &mut Work) -> Result<bool, Failure> {
        self.matches(local, target, Place { behind_pointer: false, level: MAX_LEVEL }, work)
    }

    fn matches(
        self,
        mut local: TypeId,
        mut target: TypeId,
        mut place: Place,
        work: &mut Work,
    ) -> Result<bool, Failure> {
        if place.level == 0 {
            return Err(Failure::Invalid);
        }
        for _ in 0..MAX_DEPTH {
            let types = self.resolve(local, target)?;
            if !self.same_name(types.local.name, types.target.name, work)? {
                return Ok(false);
            }
            (local, target) = match (&types.local.def, &types.target.def) {
                (Def::Ptr(a), Def::Ptr(b)) => {
                    place.behind_pointer = true;
                    (*a, *b)
                }
                (Def::Array(a), Def::Array(b)) if a.len == b.len => (a.element, b.element),
                (Def::FuncProto(a), Def::FuncProto(b)) if self.params_match(a, b, place, work)? => {
                    (a.ret, b.ret)
                }
                _ if place.behind_pointer => return self.leaf(&types, true, work),
                (Def::Struct(a), Def::Struct(b)) | (Def::Union(a), Def::Union(b)) => {
                    return self.composites_match(a, b, place, work);
                }
                _ => return self.leaf(&types, false, work),
            };
        }
        Err(Failure::Invalid)
    }

    /// Types that are compared without going on.
    fn leaf(self, types: &Resolved<'_>, behind_pointer: bool, work: &mut Work) -> Result<bool, Failure> {
        Ok(match (&types.local.def, &types.target.def) {
            (Def::Void, Def::Void) => true,
            (Def::Fwd(a), Def::Fwd(b)) => a == b,
            (Def::Enum(a) | Def::Enum64(a), Def::Enum(b) | Def::Enum64(b)) => self.enums_match(a, b, work)?,
            (Def::Int(a), Def::Int(b)) => {
                let signed = |encoding| encoding == IntEncoding::Signed;
                a.size == b.size && signed(a.encoding) == signed(b.encoding)
            }
            (Def::Struct(_), Def::Struct(_) | Def::Fwd(FwdKind::Struct))
            | (Def::Union(_), Def::Union(_) | Def::Fwd(FwdKind::Union))
            | (Def::Fwd(FwdKind::Struct), Def::Struct(_))
            | (Def::Fwd(FwdKind::Union), Def::Union(_)) => behind_pointer,
            _ => false,
        })
    }

    fn composites_match(
        self,
        a: &Composite,
        b: &Composite,
        place: Place,
        work: &mut Work,
    ) -> Result<bool, Failure> {
        if a.members.len() > b.members.len() {
            return Ok(false);
        }
        let below = Place { level: place.level - 1, ..place };
        'members: for local in &a.members {
            for target in &b.members {
                if self.same_name(local.name, target.name, work)?
                    && self.matches(local.type_id, target.type_id, below, work)?
                {
                    continue 'members;
                }
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn params_match(
        self,
        a: &FuncProto,
        b: &FuncProto,
        place: Place,
        work: &mut Work,
    ) -> Result<bool, Failure> {
        if a.params.len() != b.params.len() {
            return Ok(false);
        }
        let below = Place { level: place.level - 1, ..place };
        for (a, b) in a.params.iter().zip(&b.params) {
            if !self.matches(a.type_id, b.type_id, below, work)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn enums_match(self, a: &Enum, b: &Enum, work: &mut Work) -> Result<bool, Failure> {
        if a.size != b.size || a.values.len() > b.values.len() {
            return Ok(false);
        }
        'values: for local in &a.values {
            for target in &b.values {
                if self.same_name(local.name, target.name, work)? {
                    continue 'values;
                }
            }
            return Ok(false);
        }
        Ok(true)
    }

    fn same_name(self, local: StrOff, target: StrOff, work: &mut Work) -> Result<bool, Failure> {
        let (local, target) = (self.local.str(local), self.target.str(target));
        work.step(if local.len() > target.len() { local } else { target })?;
        Ok(local == target || !target.is_empty() && essential_name(local) == essential_name(target))
    }
}
