//! Types by name, and tags by what they are on.

use crate::Btf;
use crate::core::essential_name;
use crate::types::*;

/// Sorted lists over the own types of a [`Btf`]: eight bytes for each that has a name, and for each tag.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// Hashes of names.
    names: Box<[(u32, TypeId)]>,
    /// Hashes of the essential names of those that have a flavour (`___x`).
    flavours: Box<[(u32, TypeId)]>,
    /// What tags are on, and the tags.
    tags: Box<[(TypeId, TypeId)]>,
}

impl Index {
    pub(crate) fn build(btf: &Btf) -> Index {
        let named = btf.own_types().filter(|(_, ty)| !ty.name.is_empty());
        let named = named.map(|(id, ty)| (btf.str(ty.name), id));
        let names = named.clone().map(|(name, id)| (hash(name), id));
        let flavours = named.filter_map(|(name, id)| {
            let essential = essential_name(name);
            (essential != name).then(|| (hash(essential), id))
        });
        let tags = btf.own_types().filter_map(|(id, ty)| match ty.def {
            Def::DeclTag(tag) => Some((tag.target, id)),
            _ => None,
        });
        Index { names: sorted(names), flavours: sorted(flavours), tags: sorted(tags) }
    }

    /// Ids, ascending, whose names have the same hash as `name`.
    pub(crate) fn candidates(&self, name: &str) -> impl Iterator<Item = TypeId> + '_ {
        with_key(&self.names, hash(name))
    }

    /// Ids whose names, or essential names, have the same hash as the essential name `name`.
    pub(crate) fn alike(&self, name: &str) -> impl Iterator<Item = TypeId> + '_ {
        self.candidates(name).chain(with_key(&self.flavours, hash(name)))
    }

    /// Ids, ascending, of the tags on `target`.
    pub(crate) fn tags(&self, target: TypeId) -> impl Iterator<Item = TypeId> + '_ {
        with_key(&self.tags, target)
    }
}

fn sorted<K: Ord>(pairs: impl Iterator<Item = (K, TypeId)>) -> Box<[(K, TypeId)]> {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_unstable();
    pairs.into()
}

fn with_key<K: Ord + Copy>(pairs: &[(K, TypeId)], key: K) -> impl Iterator<Item = TypeId> + '_ {
    let start = pairs.partition_point(|(k, _)| *k < key);
    pairs.iter().skip(start).take_while(move |(k, _)| *k == key).map(|(_, id)| *id)
}

/// FNV-1a.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
