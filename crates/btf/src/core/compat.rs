//! Which types are close enough for a field or a type to be taken for the other's.

use super::error::Failure;
use super::name::essential_name;
use super::work::Work;
use crate::{Btf, Def, Kind, Type, TypeId};

/// How far pointers, arrays and results are followed, and how deep prototypes may be in each other's parameters.
const MAX_DEPTH: u32 = 32;

/// A type of the object and one of the target.
#[derive(Clone, Copy)]
pub(super) struct Pair<'b> {
    pub(super) local: &'b Btf,
    pub(super) target: &'b Btf,
}

/// A pair behind typedefs and qualifiers.
pub(super) struct Resolved<'b> {
    pub(super) local: &'b Type,
    pub(super) target: &'b Type,
}

impl<'b> Pair<'b> {
    pub(super) fn resolve(self, local: TypeId, target: TypeId) -> Result<Resolved<'b>, Failure> {
        let local = self.local.resolved(local).ok_or(Failure::Invalid)?;
        let target = self.target.resolved(target).ok_or(Failure::Invalid)?;
        Ok(Resolved { local, target })
    }

    /// Whether a field of the object's type may be the target's of that type (libbpf's
    /// `bpf_core_fields_are_compat`).
    pub(super) fn fields_are_compat(self, mut local: TypeId, mut target: TypeId) -> Result<bool, Failure> {
        loop {
            let types = self.resolve(local, target)?;
            if types.local.composite().is_some() && types.target.composite().is_some() {
                return Ok(true);
            }
            return Ok(match (&types.local.def, &types.target.def) {
                (Def::Ptr(_), Def::Ptr(_)) | (Def::Float(_), Def::Float(_)) => true,
                (Def::Int(a), Def::Int(b)) => a.offset == 0 && b.offset == 0,
                // Arrays do not contain themselves, nor each other more than 64 deep.
                (Def::Array(a), Def::Array(b)) => {
                    (local, target) = (a.element, b.element);
                    continue;
                }
                (Def::Fwd(_), Def::Fwd(_))
                | (Def::Enum(_) | Def::Enum64(_), Def::Enum(_) | Def::Enum64(_)) => {
                    let local = essential_name(self.local.str(types.local.name));
                    let target = essential_name(self.target.str(types.target.name));
                    local.is_empty() || target.is_empty() || local == target
                }
                _ => false,
            });
        }
    }

    /// Whether the target's type may stand for the object's (libbpf's `bpf_core_types_are_compat`). That the names
    /// are the same was seen to before.
    pub(super) fn types_are_compat(
        self,
        local: TypeId,
        target: TypeId,
        work: &mut Work,
    ) -> Result<bool, Failure> {
        let kind = |btf: &Btf, id| btf.type_by_id(id).map(Type::kind);
        match (kind(self.local, local), kind(self.target, target)) {
            (Some(a), Some(b)) if kinds_are_compat(a, b) => self.compat(local, target, MAX_DEPTH, work),
            _ => Ok(false),
        }
    }

    fn compat(
        self,
        mut local: TypeId,
        mut target: TypeId,
        level: u32,
        work: &mut Work,
    ) -> Result<bool, Failure> {
        for _ in 0..MAX_DEPTH {
            work.step("")?;
            let types = self.resolve(local, target)?;
            if !kinds_are_compat(types.local.kind(), types.target.kind()) {
                return Ok(false);
            }
            (local, target) = match (&types.local.def, &types.target.def) {
                (Def::Int(a), Def::Int(b)) => return Ok(a.offset == 0 && b.offset == 0),
                (Def::Ptr(a), Def::Ptr(b)) => (*a, *b),
                (Def::Array(a), Def::Array(b)) => (a.element, b.element),
                (Def::FuncProto(a), Def::FuncProto(b)) => {
                    if a.params.len() != b.params.len() {
                        return Ok(false);
                    }
                    for (a, b) in a.params.iter().zip(&b.params) {
                        let level = level.checked_sub(1).ok_or(Failure::Invalid)?;
                        if !self.compat(a.type_id, b.type_id, level, work)? {
                            return Ok(false);
                        }
                    }
                    (a.ret, b.ret)
                }
                (
                    Def::Void | Def::Struct(_) | Def::Union(_) | Def::Enum(_) | Def::Enum64(_) | Def::Fwd(_),
                    _,
                ) => return Ok(true),
                _ => return Ok(false),
            };
        }
        Err(Failure::Invalid)
    }
}

/// The same kind, or both enumerations.
pub(super) fn kinds_are_compat(a: Kind, b: Kind) -> bool {
    let is_enum = |kind| matches!(kind, Kind::Enum | Kind::Enum64);
    a == b || is_enum(a) && is_enum(b)
}
