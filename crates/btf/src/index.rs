//! Types by name.

use crate::{Btf, TypeId};

/// Hashes of the names of the own types of a [`Btf`], sorted. Eight bytes a named type.
#[derive(Clone, Debug)]
pub(crate) struct Index(Box<[(u32, TypeId)]>);

impl Index {
    pub(crate) fn build(btf: &Btf) -> Index {
        let named = btf.own_types().filter(|(_, ty)| !ty.name.is_empty());
        let mut entries: Vec<_> = named.map(|(id, ty)| (hash(btf.str(ty.name)), id)).collect();
        entries.sort_unstable();
        Index(entries.into())
    }

    /// Ids, ascending, whose names have the same hash as `name`.
    pub(crate) fn candidates(&self, name: &str) -> impl Iterator<Item = TypeId> + '_ {
        let hash = hash(name);
        let start = self.0.partition_point(|(h, _)| *h < hash);
        let same = self.0.iter().skip(start).take_while(move |(h, _)| *h == hash);
        same.map(|(_, id)| *id)
    }
}

/// FNV-1a.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
