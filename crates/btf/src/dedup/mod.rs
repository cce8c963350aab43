//! One of each type: what is left when the types of several compilations were put behind each other.
//!
//! The rules, and with them which of several equal types stays and what a forward declaration becomes, are those of
//! libbpf's `btf__dedup`, whose result this is type for type: strings, then types that refer to no others, then
//! structures by the equivalence of everything that they reach, then forward declarations that only one structure
//! can be meant by, and last what refers to all of these. Nothing here recurses, and steps are counted, so that
//! types made to be slow are refused instead.

mod compact;
mod equiv;
mod fwds;
mod prims;
mod refs;
mod strings;
mod table;

use std::cell::Cell;
use std::fmt;

use crate::{Btf, BtfExt, Def, Error, Kind, Type, TypeId};
use table::Table;

/// What [`Btf::dedup`] found.
#[derive(Clone, Debug)]
pub struct Deduped {
    /// The types that are left, in the order in which they were, and the strings.
    pub btf: Btf,
    /// The records that belong to them, if some were given.
    pub ext: Option<BtfExt>,
    ids: Vec<TypeId>,
}

impl Deduped {
    /// What became of a type: itself under its new number, or what it is the same as. `void` for one that was not there.
    pub fn id(&self, old: TypeId) -> TypeId {
        self.ids.get(old.0 as usize).copied().unwrap_or_default()
    }
}

/// Why types could not be made unique.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DedupError {
    /// The BTF continues another one.
    Split,
    /// Types refer to each other in a circle that no structure is part of.
    Loop(TypeId),
    /// So many types look alike that comparing them takes out of proportion long, or so many strings overlap that
    /// they do not fit a table.
    TooComplex,
    /// The result is no BTF.
    Invalid(Error),
}

impl fmt::Display for DedupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DedupError::Split => f.write_str("types that continue others cannot be made unique"),
            DedupError::Loop(id) => write!(f, "type {id} refers to itself and no structure is in between"),
            DedupError::TooComplex => {
                f.write_str("too many types or strings look alike: comparing them would take too long")
            }
            DedupError::Invalid(error) => write!(f, "the types do not fit together any more: {error}"),
        }
    }
}

impl std::error::Error for DedupError {}

impl Btf {
    /// Leaves one of each type, and resolves forward declarations where it is clear what is meant by them.
    ///
    /// Variables and data sections stay as they are. Strings are made unique if they are not, and those that nothing
    /// refers to are dropped then; `ext` goes along.
    ///
    /// # Errors
    /// [`DedupError`]. Time and memory are bounded by a multiple of the number of types.
    ///
    /// ```
    /// use skep_btf::{BtfBuilder, Def, FwdKind, IntEncoding, Kind};
    ///
    /// let mut both = BtfBuilder::new();
    /// // one.c: struct list; struct list *first;
    /// let declared = both.add("list", Def::Fwd(FwdKind::Struct));
    /// let first = both.add("", Def::Ptr(declared));
    /// // two.c: struct list { int x; }; struct list *second;
    /// let int = both.int("int", 4, IntEncoding::Signed);
    /// let list = both.structure("list", 4, &[("x", int, 0)]);
    /// let second = both.add("", Def::Ptr(list));
    ///
    /// let unique = both.build()?.dedup(None)?;
    /// let kinds: Vec<Kind> = unique.btf.types().map(|(_, ty)| ty.kind()).collect();
    /// assert_eq!(kinds, [Kind::Ptr, Kind::Int, Kind::Struct]);
    /// assert_eq!(unique.id(first), unique.id(second));
    /// assert_eq!(unique.id(declared), unique.id(list));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dedup(&self, ext: Option<&BtfExt>) -> Result<Deduped, DedupError> {
        if self.base().is_some() {
            return Err(DedupError::Split);
        }
        let mut ext = ext.cloned();
        let mut types: Vec<Type> = std::iter::once(Type::VOID).chain(self.types.iter().cloned()).collect();
        let strings = strings::unique(self, &mut types, ext.as_mut())?;
        let mut dedup = Dedup::new(types);
        dedup.prims()?;
        dedup.structs()?;
        dedup.fwds()?;
        dedup.refs()?;
        dedup.compact(strings, ext)
    }
}

/// What a type turned out to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mapped {
    /// Not looked at yet.
    Not,
    /// Being looked at.
    Now,
    /// The same as this one; as itself, if it stays.
    To(u32),
}

/// Steps for each word of the types. Those of a kernel, put together from its 3,000 compilations, take about two.
const STEPS: u64 = 64;

struct Dedup {
    /// The types by id; 0 is `void`.
    types: Vec<Type>,
    map: Vec<Mapped>,
    /// Types that stay, by what they look like.
    table: Table,
    /// What comparing two structures takes for granted: the candidate that a type that stays is the same as.
    assumed: Vec<u32>,
    /// The types that have an entry in `assumed`.
    assumptions: Vec<u32>,
    steps: Cell<u64>,
}

/// No entry in `assumed`.
const NONE: u32 = u32::MAX;

impl Dedup {
    fn new(types: Vec<Type>) -> Dedup {
        let map = types.iter().enumerate().map(|(id, ty)| match ty.kind() {
            // Neither is ever the same as another one.
            Kind::Void | Kind::Var | Kind::DataSec => Mapped::To(id as u32),
            _ => Mapped::Not,
        });
        let words: u64 = types.iter().map(words).sum();
        Dedup {
            map: map.collect(),
            table: Table::default(),
            assumed: vec![NONE; types.len()],
            assumptions: Vec::new(),
            steps: Cell::new(words.saturating_mul(STEPS).saturating_add(1 << 16)),
            types,
        }
    }

    /// Pays for some work.
    fn pay(&self, steps: usize) -> Result<(), DedupError> {
        let left = self.steps.get().checked_sub(steps as u64).ok_or(DedupError::TooComplex)?;
        self.steps.set(left);
        Ok(())
    }

    fn ids(&self) -> std::ops::Range<u32> {
        // A parsed BTF has fewer than 2^32 types.
        1..self.types.len() as u32
    }

    fn ty(&self, id: u32) -> &Type {
        self.types.get(id as usize).unwrap_or(&Type::VOID)
    }

    fn mapped(&self, id: u32) -> Mapped {
        self.map.get(id as usize).copied().unwrap_or(Mapped::Not)
    }

    fn set(&mut self, id: u32, to: Mapped) {
        if let Some(entry) = self.map.get_mut(id as usize) {
            *entry = to;
        }
    }

    /// What a type is known to be the same as, by now; itself if nothing is known.
    fn resolve(&self, mut id: u32) -> Result<u32, DedupError> {
        while let Mapped::To(next) = self.mapped(id) {
            if next == id {
                break;
            }
            self.pay(1)?;
            id = next;
        }
        Ok(id)
    }

    /// Whether a type is a structure or union that stays.
    fn is_kept_composite(&self, id: u32) -> bool {
        self.ty(id).composite().is_some() && self.mapped(id) == Mapped::To(id)
    }
}

/// About how many words a type takes.
fn words(ty: &Type) -> u64 {
    let list = match &ty.def {
        Def::Struct(it) | Def::Union(it) => it.members.len(),
        Def::Enum(it) | Def::Enum64(it) => it.values.len(),
        Def::FuncProto(it) => it.params.len(),
        Def::DataSec(it) => it.vars.len(),
        _ => 0,
    };
    3 * (list as u64 + 1)
}
