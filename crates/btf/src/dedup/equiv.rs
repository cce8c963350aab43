//! Structures and unions: the same if everything that they reach is (`btf_dedup_is_equiv`).

use super::{Dedup, DedupError, Mapped, NONE, prims, table};
use crate::{Def, FwdKind, Kind, Type};

impl Dedup {
    pub(super) fn structs(&mut self) -> Result<(), DedupError> {
        for id in self.ids() {
            if self.mapped(id) == Mapped::Not && self.ty(id).composite().is_some() {
                self.composite(id)?;
            }
        }
        Ok(())
    }

    fn composite(&mut self, id: u32) -> Result<(), DedupError> {
        let hash = table::of_composite(self.ty(id));
        let mut same = None;
        for nth in 0.. {
            let Some(kept) = self.table.candidates(hash).get(nth).copied() else { break };
            self.pay(1)?;
            if !table::alike(self.ty(id), self.ty(kept)) {
                continue;
            }
            self.forget();
            if self.is_equivalent(id, kept)? {
                self.learn()?;
                same = Some(kept);
                break;
            }
        }
        self.settle(id, same, hash);
        Ok(())
    }

    fn forget(&mut self) {
        for kept in self.assumptions.drain(..) {
            self.assumed[kept as usize] = NONE;
        }
    }

    fn assume(&mut self, kept: u32, id: u32) {
        self.assumed[kept as usize] = id;
        self.assumptions.push(kept);
    }

    /// Whether the graphs behind `id` and `kept` are the same, both walked in the same order. What is met again must be
    /// met in both graphs at once.
    fn is_equivalent(&mut self, id: u32, kept: u32) -> Result<bool, DedupError> {
        let mut open = vec![(id, kept)];
        while let Some((id, kept)) = open.pop() {
            self.pay(1)?;
            if self.resolve(id)? == self.resolve(kept)? {
                continue;
            }
            let kept = self.past_fwd(kept)?;
            match self.assumed[kept as usize] {
                NONE => self.assume(kept, id),
                other if other == id => continue,
                // Compilers describe equal arrays, and sometimes equal structures, twice in one compilation.
                other if self.are_equal_arrays(other, id) || self.are_identical(other, id)? => continue,
                _ => return Ok(false),
            }
            if !self.compare(id, kept, &mut open)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Compares what two types say themselves; adds those they refer to to the `open` pairs.
    fn compare(&self, id: u32, kept: u32, open: &mut Vec<(u32, u32)>) -> Result<bool, DedupError> {
        let (a, b) = (self.ty(id), self.ty(kept));
        if a.name != b.name {
            return Ok(false);
        }
        let same = match (&a.def, &b.def) {
            (Def::Fwd(fwd), Def::Fwd(other)) => fwd == other,
            (Def::Fwd(fwd), _) => return Ok(declares(*fwd, b)),
            (_, Def::Fwd(fwd)) => return Ok(declares(*fwd, a)),
            (Def::Int(_), Def::Int(_)) | (Def::Float(_), Def::Float(_)) => a == b,
            (Def::Enum(_) | Def::Enum64(_), Def::Enum(_) | Def::Enum64(_)) => {
                prims::enums_agree(a, b) && a.kind() == b.kind()
            }
            (Def::Func(a), Def::Func(b)) => a.linkage == b.linkage,
            (Def::TypeTag(a), Def::TypeTag(b)) => a.attribute == b.attribute,
            (Def::Array(a), Def::Array(b)) => a.len == b.len,
            (Def::Struct(_), Def::Struct(_)) | (Def::Union(_), Def::Union(_)) => table::alike(a, b),
            (Def::FuncProto(a), Def::FuncProto(b)) => {
                a.params.len() == b.params.len()
                    && a.params.iter().zip(&b.params).all(|(a, b)| a.name == b.name)
            }
            _ => a.kind() == b.kind() && is_chain(a.kind()),
        };
        if !same {
            return Ok(false);
        }
        let pairs = references(a).into_iter().zip(references(b));
        let first = open.len();
        open.extend(pairs);
        open[first..].reverse();
        self.pay(open.len() - first)?;
        Ok(true)
    }

    /// The structure that a forward declaration is known to be of.
    fn past_fwd(&self, id: u32) -> Result<u32, DedupError> {
        if self.ty(id).kind() != Kind::Fwd {
            return Ok(id);
        }
        let resolved = self.resolve(id)?;
        Ok(if self.ty(resolved).kind() == Kind::Fwd { id } else { resolved })
    }

    fn are_equal_arrays(&self, a: u32, b: u32) -> bool {
        self.ty(a).kind() == Kind::Array && self.ty(a) == self.ty(b)
    }

    /// Whether two structures are the same down to the very types of their members; those may be equal arrays and
    /// identical structures in turn.
    fn are_identical(&self, a: u32, b: u32) -> Result<bool, DedupError> {
        let mut open = vec![(a, b)];
        while let Some((a, b)) = open.pop() {
            self.pay(1)?;
            let (left, right) = (self.ty(a), self.ty(b));
            if !table::alike(left, right) {
                return Ok(false);
            }
            let pairs = references(left).into_iter().zip(references(right));
            let before = open.len();
            open.extend(pairs.filter(|(a, b)| a != b && !self.are_equal_arrays(*a, *b)));
            self.pay(open.len() - before + left.composite().map_or(0, |it| it.members.len()))?;
        }
        Ok(true)
    }

    /// Makes knowledge of what was assumed (`btf_dedup_merge_hypot_map`): what forward declarations are, and which
    /// structures are the same as those that stay.
    fn learn(&mut self) -> Result<(), DedupError> {
        for nth in 0..self.assumptions.len() {
            let kept = self.assumptions[nth];
            let (id, kept) = (self.resolve(self.assumed[kept as usize])?, self.resolve(kept)?);
            let (is_fwd, kept_is_fwd) = (self.ty(id).kind() == Kind::Fwd, self.ty(kept).kind() == Kind::Fwd);
            match (is_fwd, kept_is_fwd) {
                (false, true) => self.set(kept, Mapped::To(id)),
                (true, false) => self.set(id, Mapped::To(kept)),
                (false, false) => {
                    let is_new =
                        matches!(self.mapped(id), Mapped::Not) && matches!(self.mapped(kept), Mapped::To(_));
                    if is_new && self.ty(id).composite().is_some() {
                        self.set(id, Mapped::To(kept));
                    }
                }
                (true, true) => {}
            }
        }
        Ok(())
    }
}

/// Whether a forward declaration can be of that type.
fn declares(fwd: FwdKind, ty: &Type) -> bool {
    match fwd {
        FwdKind::Struct => ty.kind() == Kind::Struct,
        FwdKind::Union => ty.kind() == Kind::Union,
    }
}

fn is_chain(kind: Kind) -> bool {
    matches!(kind, Kind::Const | Kind::Volatile | Kind::Restrict | Kind::Ptr | Kind::Typedef)
}

/// The types that a type refers to, in the order in which libbpf looks at them.
pub(super) fn references(ty: &Type) -> Vec<u32> {
    let mut ids = Vec::new();
    ty.for_each_reference(|id| ids.push(id.0));
    if ty.kind() == Kind::Array {
        ids.reverse();
    }
    ids
}
