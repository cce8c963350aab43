//! Types that refer to no others: integers, floats, enumerations, forward declarations (`btf_dedup_prim_type`).

use super::{Dedup, DedupError, Mapped, table};
use crate::{Enum, Kind, Type};

impl Dedup {
    pub(super) fn prims(&mut self) -> Result<(), DedupError> {
        for id in self.ids() {
            match self.ty(id).kind() {
                Kind::Int | Kind::Float | Kind::Fwd => self.unite(id, table::whole(self.ty(id)))?,
                Kind::Enum | Kind::Enum64 => self.enumeration(id)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes a type for the first one that is equal to it.
    pub(super) fn unite(&mut self, id: u32, hash: u64) -> Result<(), DedupError> {
        let ty = self.ty(id);
        let mut same = None;
        for candidate in self.table.candidates(hash) {
            self.pay(1)?;
            if self.ty(*candidate) == ty {
                same = Some(*candidate);
                break;
            }
        }
        self.settle(id, same, hash);
        Ok(())
    }

    /// Notes what a type is the same as, or that it stays.
    pub(super) fn settle(&mut self, id: u32, same: Option<u32>, hash: u64) {
        self.set(id, Mapped::To(same.unwrap_or(id)));
        if same.is_none() {
            self.table.add(hash, id);
        }
    }

    /// An enumeration may be only declared, whatever its size then is: it becomes the whole one.
    fn enumeration(&mut self, id: u32) -> Result<(), DedupError> {
        let hash = table::of_enum(self.ty(id));
        let (mut same, mut declared) = (None, Vec::new());
        for candidate in self.table.candidates(hash) {
            let (ty, other) = (self.ty(id), self.ty(*candidate));
            self.pay(1 + values(ty).min(values(other)))?;
            if ty == other || enums_agree(ty, other) && values(ty) == 0 {
                same = Some(*candidate);
                break;
            }
            if enums_agree(ty, other) {
                declared.push(*candidate);
            }
        }
        for declaration in declared {
            self.set(declaration, Mapped::To(id));
        }
        self.settle(id, same, hash);
        Ok(())
    }
}

fn values(ty: &Type) -> usize {
    ty.enumeration().map_or(0, |it| it.values.len())
}

/// Whether two enumerations are equal, or of one name and one of them only declared (`btf_compat_enum`).
pub(super) fn enums_agree(a: &Type, b: &Type) -> bool {
    let is_declared = |it: &Enum| it.values.is_empty();
    match (a.enumeration(), b.enumeration()) {
        (Some(left), Some(right)) if is_declared(left) || is_declared(right) => a.name == b.name,
        (Some(_), Some(_)) => a == b,
        _ => false,
    }
}
