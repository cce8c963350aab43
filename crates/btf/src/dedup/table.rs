//! Types that stay, found again by what they look like.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::{Def, Type};

/// Lists of types whose hash is the same, oldest first.
#[derive(Default)]
pub(super) struct Table(HashMap<u64, Vec<u32>>);

impl Table {
    pub(super) fn add(&mut self, hash: u64, id: u32) {
        self.0.entry(hash).or_default().push(id);
    }

    pub(super) fn candidates(&self, hash: u64) -> &[u32] {
        self.0.get(&hash).map_or(&[], |list| list)
    }
}

/// The hash of all of a type.
pub(super) fn whole(ty: &Type) -> u64 {
    hash(ty)
}

/// The hash of what two enumerations have in common even if one of them is only declared: the name.
pub(super) fn of_enum(ty: &Type) -> u64 {
    hash(("enum", ty.name))
}

/// The hash of what can be seen of a structure without looking at its members' types.
pub(super) fn of_composite(ty: &Type) -> u64 {
    let mut state = DefaultHasher::new();
    (ty.kind(), ty.name).hash(&mut state);
    if let Def::Struct(it) | Def::Union(it) = &ty.def {
        (it.size, it.kflag, it.members.len()).hash(&mut state);
        it.members.iter().for_each(|m| (m.name, m.bit_offset, m.bit_size).hash(&mut state));
    }
    state.finish()
}

/// Whether two structures or unions look the same but for their members' types (`btf_shallow_equal_struct`).
pub(super) fn alike(a: &Type, b: &Type) -> bool {
    let (Some(left), Some(right)) = (a.composite(), b.composite()) else { return false };
    (a.kind(), a.name, left.size, left.kflag) == (b.kind(), b.name, right.size, right.kflag)
        && left.members.len() == right.members.len()
        && left
            .members
            .iter()
            .zip(&right.members)
            .all(|(a, b)| (a.name, a.bit_offset, a.bit_size) == (b.name, b.bit_offset, b.bit_size))
}

fn hash(it: impl Hash) -> u64 {
    let mut state = DefaultHasher::new();
    it.hash(&mut state);
    state.finish()
}
