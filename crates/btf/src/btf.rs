//! All types of one `.BTF` section, and lookups.

use std::sync::{Arc, OnceLock};

use crate::index::Index;
use crate::layout::{Layout, Layouts, Size};
use crate::strings::Strings;
use crate::types::*;
use crate::{Error, Kind, Reason, StrOff, TypeError};

/// Longest name in bytes. The kernel's limit is 511 (`KSYM_NAME_LEN`); compilers of other languages than C go past
/// it.
const MAX_NAME: usize = 4096;

/// The types and strings of a `.BTF` section, on their own or on top of a base's (split BTF, as of a kernel
/// module).
///
/// A value of this type has been checked: every reference is to a type that exists and that can be there, and no
/// type contains itself.
#[derive(Clone, Debug)]
pub struct Btf {
    pub(crate) base: Option<Arc<Btf>>,
    pub(crate) types: Vec<Type>,
    pub(crate) strings: Strings,
    pub(crate) layouts: Layouts,
    index: OnceLock<Index>,
    first_id: u32,
    first_string: u32,
    pointer_size: u32,
}

/// Equal types and strings; what was looked up before does not matter.
impl PartialEq for Btf {
    fn eq(&self, other: &Btf) -> bool {
        self.types == other.types && self.strings == other.strings && self.base == other.base
    }
}

impl Eq for Btf {}

impl Btf {
    /// Parses the bytes of a `.BTF` section, which must be little-endian.
    ///
    /// # Errors
    /// The offset of what is wrong, and what it is. Nothing of the input is trusted: time and memory are bounded
    /// by a small multiple of its length.
    pub fn parse(bytes: &[u8]) -> Result<Btf, Error> {
        crate::parse::parse(bytes, None)
    }

    /// Parses split BTF: types and strings that continue those of `base`.
    ///
    /// # Errors
    /// As [`Btf::parse`].
    pub fn parse_split(bytes: &[u8], base: Arc<Btf>) -> Result<Btf, Error> {
        crate::parse::parse(bytes, Some(base))
    }

    /// No types yet. `None` if the base leaves no room for more.
    pub(crate) fn empty(base: Option<Arc<Btf>>, strings: Strings) -> Option<Btf> {
        let (first_id, first_string) = match &base {
            None => (1, 0),
            Some(base) => (base.end_id(), base.end_string()),
        };
        first_string.checked_add(strings.len())?;
        let (types, layouts, index) = (Vec::new(), Layouts::default(), OnceLock::new());
        Some(Btf { base, types, strings, layouts, index, first_id, first_string, pointer_size: 8 })
    }

    /// The BTF this one continues.
    pub fn base(&self) -> Option<&Arc<Btf>> {
        self.base.as_ref()
    }

    /// The id of the first type that is not the base's: 1 without a base.
    pub fn first_id(&self) -> u32 {
        self.first_id
    }

    /// One past the highest id.
    pub fn end_id(&self) -> u32 {
        // The parser keeps the sum below u32::MAX.
        self.first_id + self.types.len() as u32
    }

    /// One past the last string, where those of split BTF go on.
    pub(crate) fn end_string(&self) -> u32 {
        // `empty` saw to it that the sum fits.
        self.first_string + self.strings.len()
    }

    fn own_index(&self, id: TypeId) -> Option<usize> {
        id.0.checked_sub(self.first_id).map(|index| index as usize)
    }

    /// The type with this id; `void` for 0, `None` past the end.
    pub fn type_by_id(&self, id: impl Into<TypeId>) -> Option<&Type> {
        let id = id.into();
        match (self.own_index(id), &self.base) {
            (Some(index), _) => self.types.get(index),
            (None, _) if id == TypeId::VOID => Some(&Type::VOID),
            (None, Some(base)) => base.type_by_id(id),
            (None, None) => None,
        }
    }

    /// The types that are not the base's, in the order of their ids.
    pub fn own_types(&self) -> impl ExactSizeIterator<Item = (TypeId, &Type)> + Clone {
        let first = self.first_id;
        self.types.iter().enumerate().map(move |(index, ty)| (TypeId(first + index as u32), ty))
    }

    /// All types, the base's first, in the order of their ids; without `void`.
    pub fn types(&self) -> impl Iterator<Item = (TypeId, &Type)> {
        (1..self.end_id()).filter_map(|id| Some((TypeId(id), self.type_by_id(id)?)))
    }

    /// The string at `offset` of the table; `None` if none starts there.
    pub fn string(&self, offset: StrOff) -> Option<&str> {
        let (strings, own) = self.strings_at(offset)?;
        strings.get(own).or(offset.is_empty().then_some(""))
    }

    /// Checks a reference to the string of a name without reading on beyond [`MAX_NAME`].
    pub(crate) fn check_name(&self, offset: StrOff) -> Result<StrOff, Reason> {
        self.check_string(offset)?;
        match self.strings_at(offset) {
            Some((strings, own)) if own < strings.len() && !strings.is_within(own, MAX_NAME) => {
                Err(Reason::NameTooLong)
            }
            _ => Ok(offset),
        }
    }

    /// Checks a reference to a string of any length.
    pub(crate) fn check_string(&self, offset: StrOff) -> Result<StrOff, Reason> {
        match self.strings_at(offset) {
            Some((strings, own)) if strings.has(own) => Ok(offset),
            _ if offset.is_empty() => Ok(offset),
            _ => Err(Reason::StringOffset(offset.0)),
        }
    }

    /// The table that `offset` is in, this one's or the base's, and the offset there.
    fn strings_at(&self, offset: StrOff) -> Option<(&Strings, u32)> {
        match (offset.0.checked_sub(self.first_string), &self.base) {
            (Some(own), _) => Some((&self.strings, own)),
            (None, Some(base)) => base.strings_at(offset),
            (None, None) => None,
        }
    }

    /// The string at `offset`, or the empty one. For offsets that come from this BTF's own types.
    pub fn str(&self, offset: StrOff) -> &str {
        self.string(offset).unwrap_or("")
    }

    /// The name of a type; empty if it has none, or is not there.
    pub fn name(&self, id: impl Into<TypeId>) -> &str {
        self.type_by_id(id).map_or("", |ty| self.str(ty.name))
    }

    /// The first type of this kind and name, own types before the base's.
    pub fn find(&self, kind: Kind, name: &str) -> Option<TypeId> {
        self.find_all(kind, name).next()
    }

    /// All types of this kind and name, own types before the base's.
    pub fn find_all<'a>(&'a self, kind: Kind, name: &'a str) -> impl Iterator<Item = TypeId> + 'a {
        let same = move |btf: &Btf, id: TypeId| {
            btf.type_by_id(id).is_some_and(|ty| ty.kind() == kind && btf.str(ty.name) == name)
        };
        self.with_bases().flat_map(move |btf| btf.index().candidates(name).filter(move |id| same(btf, *id)))
    }

    /// Own types that may be of this essential name, flavoured or not, in no order: the hash of the name is the same.
    pub(crate) fn maybe_alike(&self, essential: &str) -> impl Iterator<Item = TypeId> + '_ {
        self.index().alike(essential)
    }

    pub(crate) fn layout(&self, id: TypeId) -> Option<Layout> {
        match (self.own_index(id), &self.base) {
            (Some(index), _) => self.layouts.get(index).copied(),
            (None, Some(base)) => base.layout(id),
            (None, None) => (id == TypeId::VOID).then_some(Layout::none(id)),
        }
    }

    /// Bytes of a value of this type; of a variable: of its type.
    ///
    /// # Errors
    /// There is no such type, it has no size (`void`, a function, a forward declaration), or it is an array of
    /// more than 2^64 bytes.
    pub fn size_of(&self, id: impl Into<TypeId>) -> Result<u64, TypeError> {
        let id = id.into();
        match self.layout(id).ok_or(TypeError::NoSuchType(id))?.size {
            Size::Bytes(bytes) => Ok(bytes),
            Size::None => Err(TypeError::NoSize(id)),
            Size::TooLarge => Err(TypeError::TooLarge(id)),
        }
    }

    /// Alignment in bytes of a value of this type, by libbpf's rules (`btf__align_of`): what its size and members
    /// call for, at most 8; 1 for packed structures.
    ///
    /// # Errors
    /// As [`Btf::size_of`].
    pub fn align_of(&self, id: impl Into<TypeId>) -> Result<u32, TypeError> {
        let id = id.into();
        match self.layout(id).ok_or(TypeError::NoSuchType(id))?.align {
            0 => Err(TypeError::NoSize(id)),
            align => Ok(align.into()),
        }
    }

    /// Bytes of a pointer: 4 if there is a `long` of 4 bytes, as in the types of a 32-bit kernel; else 8, as BPF has it.
    pub fn pointer_size(&self) -> u32 {
        self.pointer_size
    }

    /// Finds out the size of pointers, as libbpf does (`determine_ptr_size`): the first `long` tells.
    pub(crate) fn guess_pointer_size(&mut self) {
        let long = self.types.iter().find_map(|ty| match ty.def {
            Def::Int(int) if matches!(int.size, 4 | 8) && is_long(self.str(ty.name)) => Some(int.size),
            _ => None,
        });
        let base = self.base.as_ref().map(|base| base.pointer_size);
        self.pointer_size = base.or(long).unwrap_or(8);
    }

    /// The type behind typedefs, qualifiers and type tags. An id that is not there resolves to itself.
    pub fn resolve(&self, id: impl Into<TypeId>) -> TypeId {
        let id = id.into();
        self.layout(id).map_or(id, |layout| layout.resolved)
    }

    /// The type behind qualifiers and type tags; typedefs stay.
    pub fn unqualified(&self, id: impl Into<TypeId>) -> TypeId {
        let mut id = id.into();
        while let Some(target) = self.type_by_id(id).and_then(Type::qualified) {
            id = target;
        }
        id
    }

    /// What the type is behind typedefs, qualifiers and type tags.
    pub fn resolved(&self, id: impl Into<TypeId>) -> Option<&Type> {
        self.type_by_id(self.resolve(id))
    }

    /// Fills in a data section as a loader does once it knows the ELF section (libbpf's `btf_fixup_datasec`): its
    /// size, and an offset in bytes for every variable, in recorded order. The variables are then ordered by offset.
    ///
    /// False, and nothing is changed, if `id` is no data section of this BTF's own, or there are more or fewer
    /// offsets than variables.
    pub fn place_datasec(&mut self, id: impl Into<TypeId>, size: u32, offsets: &[u32]) -> bool {
        let Some(index) = self.own_index(id.into()) else { return false };
        let section = match self.types.get_mut(index).map(|ty| &mut ty.def) {
            Some(Def::DataSec(section)) if section.vars.len() == offsets.len() => section,
            _ => return false,
        };
        section.size = size;
        for (var, offset) in section.vars.iter_mut().zip(offsets) {
            var.offset = *offset;
        }
        section.vars.sort_by_key(|var| var.offset);
        self.layouts.set_size(index, size);
        true
    }

    /// Changes who can see a function or variable, as a loader does of hidden ones (`mark_btf_static` and
    /// `btf_fixup_datasec` in libbpf).
    ///
    /// False, and nothing is changed, if `id` is no function or variable of this BTF's own.
    pub fn set_linkage(&mut self, id: impl Into<TypeId>, linkage: Linkage) -> bool {
        let Some(index) = self.own_index(id.into()) else { return false };
        match self.types.get_mut(index).map(|ty| &mut ty.def) {
            Some(Def::Func(func)) => func.linkage = linkage,
            Some(Def::Var(var)) => var.linkage = linkage,
            _ => return false,
        }
        true
    }

    /// The tags that [`Def::DeclTag`] types put on `id`, in the order of their ids: the member or parameter they
    /// are on (`None`: the whole of it), and their texts.
    pub fn decl_tags(&self, id: impl Into<TypeId>) -> impl Iterator<Item = (Option<u32>, &str)> {
        let id = id.into();
        self.with_bases().flat_map(move |btf| btf.index().tags(id)).filter_map(|tag| {
            match self.type_by_id(tag)? {
                Type { name, def: Def::DeclTag(tag) } => Some((tag.component, self.str(*name))),
                _ => None,
            }
        })
    }

    /// This, its base, and so on.
    pub(crate) fn with_bases(&self) -> impl Iterator<Item = &Btf> {
        std::iter::successors(Some(self), |btf| btf.base.as_deref())
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::build(self))
    }
}

/// Whether a name is one of those that compilers give to `long` and `unsigned long`.
fn is_long(name: &str) -> bool {
    let count = |wanted| name.split(' ').filter(|word| *word == wanted).count();
    let (longs, ints, unsigned) = (count("long"), count("int"), count("unsigned"));
    longs == 1 && ints <= 1 && unsigned <= 1 && longs + ints + unsigned == name.split(' ').count()
}
