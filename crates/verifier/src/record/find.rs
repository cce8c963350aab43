//! Finding special fields among the members of a type, or the variables of a section (`btf_find_field`).

use skep_abi::Errno;
use skep_btf::{Array, Btf, Composite, Def, Kind, Type, TypeId};

use super::FieldKind;

/// How many special fields a type may have (`BTF_FIELDS_MAX`).
const MAX_FIELDS: usize = 11;
/// How deep structs are looked into (`MAX_RESOLVE_DEPTH`).
const MAX_DEPTH: u32 = 32;

/// A set of kinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kinds(u32);

impl Kinds {
    pub(super) const KPTR: Kinds =
        Kinds::of(&[FieldKind::KptrUnref, FieldKind::KptrRef, FieldKind::KptrPercpu]);
    /// Those of structs of the program (`btf_parse_struct_metas`).
    pub(super) const STRUCT: Kinds = Kinds::of(&[
        FieldKind::SpinLock,
        FieldKind::ResSpinLock,
        FieldKind::ListHead,
        FieldKind::ListNode,
        FieldKind::RbRoot,
        FieldKind::RbNode,
        FieldKind::Refcount,
    ])
    .and(Kinds::KPTR);
    /// Those of map values (`map_check_btf`).
    pub(super) const MAP: Kinds = Kinds::of(&[
        FieldKind::SpinLock,
        FieldKind::ResSpinLock,
        FieldKind::Timer,
        FieldKind::ListHead,
        FieldKind::RbRoot,
        FieldKind::Refcount,
        FieldKind::Wq,
        FieldKind::Uptr,
        FieldKind::TaskWork,
    ])
    .and(Kinds::KPTR);

    const fn of(kinds: &[FieldKind]) -> Kinds {
        let (mut bits, mut at) = (0, 0);
        while at < kinds.len() {
            bits |= kinds[at].bit();
            at += 1;
        }
        Kinds(bits)
    }

    const fn and(self, other: Kinds) -> Kinds {
        Kinds(self.0 | other.0)
    }

    const fn has(self, kind: FieldKind) -> bool {
        self.0 & kind.bit() != 0
    }

    const fn has_pointers(self) -> bool {
        self.0 & (Kinds::KPTR.0 | FieldKind::Uptr.bit()) != 0
    }
}

/// A special field that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found<'b> {
    pub(super) kind: FieldKind,
    pub(super) offset: u32,
    /// Of a pointer: the struct it points to. Of a list head or root: that of its nodes.
    pub(super) target: TypeId,
    /// Of a list head or root: the member of that struct that is the node.
    pub(super) node: &'b str,
}

/// Structs that are special fields by their names; `true`: one at most.
const BY_NAME: [(FieldKind, bool); 10] = [
    (FieldKind::SpinLock, true),
    (FieldKind::ResSpinLock, true),
    (FieldKind::Timer, true),
    (FieldKind::Wq, true),
    (FieldKind::TaskWork, true),
    (FieldKind::ListHead, false),
    (FieldKind::ListNode, false),
    (FieldKind::RbRoot, false),
    (FieldKind::RbNode, false),
    (FieldKind::Refcount, true),
];

/// The special fields of these kinds in a struct or section, in the order of its members.
///
/// # Errors
/// The kernel's: `E2BIG` for too many, or two where one is allowed; `EINVAL` for what is malformed.
pub(super) fn find_fields(btf: &Btf, id: TypeId, wanted: Kinds) -> Result<Vec<Found<'_>>, Errno> {
    let mut search = Search { btf, wanted, seen: 0, found: Vec::new() };
    match btf.type_by_id(id).map(|ty| &ty.def) {
        Some(Def::Struct(c) | Def::Union(c)) => search.members(id, c, 0)?,
        Some(Def::DataSec(section)) => {
            for var in &section.vars {
                let Some(Def::Var(it)) = btf.type_by_id(var.type_id).map(|ty| &ty.def) else { continue };
                let place = Place { owner: var.type_id, member: None, offset: var.offset, size: var.size };
                search.one(place, it.type_id, 0)?;
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(search.found)
}

/// The kind of kptr that a type is (`btf_find_kptr`): it and the struct that it points to.
///
/// # Errors
/// `EINVAL`: a tag that is not known, or two, or what it points to is no struct.
pub(super) fn kptr(btf: &Btf, ty: &Type, wanted: Kinds) -> Result<Option<(FieldKind, TypeId)>, Errno> {
    let ty = match ty.def {
        Def::Volatile(id) => btf.type_by_id(id).ok_or(Errno::EINVAL)?,
        _ => ty,
    };
    let Def::Ptr(target) = ty.def else { return Ok(None) };
    let Some(Type { name, def: Def::TypeTag(tag) }) = btf.type_by_id(target) else { return Ok(None) };
    if tag.attribute {
        return Ok(None);
    }
    if matches!(btf.type_by_id(tag.target), Some(Type { def: Def::TypeTag(_), .. })) {
        return Err(Errno::EINVAL);
    }
    let kind = match btf.str(*name) {
        "kptr_untrusted" => FieldKind::KptrUnref,
        "kptr" => FieldKind::KptrRef,
        "percpu_kptr" => FieldKind::KptrPercpu,
        "uptr" => FieldKind::Uptr,
        _ => return Err(Errno::EINVAL),
    };
    if !wanted.has(kind) {
        return Ok(None);
    }
    let id = btf.resolve(tag.target);
    match btf.type_by_id(id).and_then(Type::composite) {
        Some(_) => Ok(Some((kind, id))),
        None => Err(Errno::EINVAL),
    }
}

/// Where a field is.
#[derive(Clone, Copy)]
struct Place {
    /// The struct or variable.
    owner: TypeId,
    member: Option<u32>,
    offset: u32,
    /// What it has to fill; 0: anything.
    size: u32,
}

struct Search<'b> {
    btf: &'b Btf,
    wanted: Kinds,
    /// Of kinds that may be there once.
    seen: u32,
    found: Vec<Found<'b>>,
}

impl<'b> Search<'b> {
    fn members(&mut self, owner: TypeId, c: &Composite, level: u32) -> Result<(), Errno> {
        for (index, member) in c.members.iter().enumerate() {
            if member.bit_offset % 8 != 0 {
                // A bit-field: the kernel takes none beside special fields; it looks at all members of all structs.
                return Err(Errno::EINVAL);
            }
            let place = Place { owner, member: Some(index as u32), offset: member.bit_offset / 8, size: 0 };
            self.one(place, member.type_id, level)?;
        }
        Ok(())
    }

    /// `btf_find_field_one`.
    fn one(&mut self, place: Place, id: TypeId, level: u32) -> Result<(), Errno> {
        let btf = self.btf;
        let (mut id, mut count, mut depth) = (id, 1u32, 0);
        while let Some(Def::Array(Array { element, len, .. })) = btf.type_by_id(id).map(|ty| &ty.def) {
            (id, count, depth) = (*element, count.wrapping_mul(*len), depth + 1);
            if depth == MAX_DEPTH {
                return Err(Errno::E2BIG);
            }
        }
        let Some(ty) = btf.type_by_id(id).filter(|_| count != 0) else { return Ok(()) };
        let Some(kind) = self.kind(ty)? else {
            return match ty.composite() {
                Some(c) if place.size == 0 || place.size == c.size.wrapping_mul(count) => {
                    self.nested(place, id, c, count, level + 1)
                }
                _ => Ok(()),
            };
        };
        let size = kind.size();
        if place.size != 0 && place.size != size.wrapping_mul(count)
            || !place.offset.is_multiple_of(kind.align())
        {
            return Ok(());
        }
        let Some(found) = self.field(kind, place, ty)? else { return Ok(()) };
        if self.found.len() >= MAX_FIELDS {
            return Err(Errno::E2BIG);
        }
        let first = self.found.len();
        self.found.push(found);
        self.repeat(first, count, size)
    }

    fn nested(
        &mut self,
        place: Place,
        id: TypeId,
        c: &Composite,
        count: u32,
        level: u32,
    ) -> Result<(), Errno> {
        if level >= MAX_DEPTH {
            return Err(Errno::E2BIG);
        }
        let first = self.found.len();
        self.members(id, c, level)?;
        for it in &mut self.found[first..] {
            it.offset += place.offset;
        }
        self.repeat(first, count, c.size)
    }

    /// The fields of the first element of an array are those of each (`btf_repeat_fields`).
    fn repeat(&mut self, first: usize, count: u32, size: u32) -> Result<(), Errno> {
        let fields = self.found.len() - first;
        if count <= 1 || fields == 0 {
            return Ok(());
        }
        let may = |kind: FieldKind| kind.is_kptr() || kind == FieldKind::Uptr || kind.is_graph_root();
        if !self.found[first..].iter().all(|it| may(it.kind)) {
            return Err(Errno::EINVAL);
        }
        if (fields as u64) * u64::from(count) > (MAX_FIELDS - first) as u64 {
            return Err(Errno::E2BIG);
        }
        for element in 1..count {
            for index in first..first + fields {
                let it = self.found[index];
                self.found.push(Found { offset: it.offset + element * size, ..it });
            }
        }
        Ok(())
    }

    /// What a type may be, by its name alone (`btf_get_field_type`).
    fn kind(&mut self, ty: &Type) -> Result<Option<FieldKind>, Errno> {
        let name = self.btf.str(ty.name);
        let known = BY_NAME.iter().find(|(kind, _)| self.wanted.has(*kind) && kind.name() == name);
        match known {
            Some((kind, true)) if self.seen & kind.bit() != 0 => Err(Errno::E2BIG),
            Some((kind, unique)) => {
                if *unique {
                    self.seen |= kind.bit();
                }
                Ok(Some(*kind))
            }
            None if self.wanted.has_pointers() && ty.composite().is_none() => Ok(Some(FieldKind::KptrRef)),
            None => Ok(None),
        }
    }

    fn field(&self, kind: FieldKind, place: Place, ty: &Type) -> Result<Option<Found<'b>>, Errno> {
        let none = Found { kind, offset: place.offset, target: TypeId::VOID, node: "" };
        if kind.is_kptr() {
            let found = kptr(self.btf, ty, self.wanted)?;
            return Ok(found.map(|(kind, target)| Found { kind, target, ..none }));
        }
        if ty.composite().is_none_or(|c| c.size != kind.size()) {
            return Ok(None);
        }
        if !kind.is_graph_root() {
            return Ok(Some(none));
        }
        let (target, node) = self.contains(place)?;
        Ok(Some(Found { target, node, ..none }))
    }

    /// What a list head or root contains: `contains:<struct>:<member>` (`btf_find_graph_root`).
    fn contains(&self, place: Place) -> Result<(TypeId, &'b str), Errno> {
        let btf = self.btf;
        let mut tags = btf
            .decl_tags(place.owner)
            .filter(|(member, _)| *member == place.member)
            .filter_map(|(_, text)| text.strip_prefix("contains:"));
        let (Some(value), None) = (tags.next(), tags.next()) else { return Err(Errno::EINVAL) };
        let (name, node) = value.split_once(':').ok_or(Errno::EINVAL)?;
        let id = btf.find(Kind::Struct, name).ok_or(Errno::ENOENT)?;
        if node.is_empty() { Err(Errno::EINVAL) } else { Ok((id, node)) }
    }
}
