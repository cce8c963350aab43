//! What lies at an offset in a struct of a BTF (`btf_struct_walk`).

use skep_abi::Errno;
use skep_btf::{Array, Btf, Composite, Def, Member, StrOff, Type, TypeId};

use crate::state::types::Flags;

/// What was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// A number, or something that is as good as one.
    Scalar,
    /// A pointer to a struct: which, and the name of the member.
    Ptr(TypeId, StrOff),
    /// A pointer to something else.
    PtrUntrusted,
    /// A struct that begins exactly there.
    Struct(TypeId),
}

/// Why nothing was: the line for the log, and the errno.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Nothing {
    pub(crate) text: String,
    pub(crate) errno: Errno,
}

fn nothing<T>(errno: Errno, text: String) -> Result<T, Nothing> {
    Err(Nothing { text, errno })
}

/// An access to a struct.
pub(crate) struct Walk<'b> {
    btf: &'b Btf,
    id: TypeId,
    off: u32,
    size: u32,
    /// What is behind the last member may be an array without a length.
    flexible: bool,
    /// Flags of the pointer that is found: of the unions on the way, and its tag.
    pub(crate) flags: Flags,
}

/// A member that the access touches.
struct Touched {
    /// Where it begins; of an array: its element.
    start: u32,
    /// Where it ends; of an array: all of it.
    end: u32,
    size: u32,
    id: TypeId,
    name: StrOff,
}

impl<'b> Walk<'b> {
    /// An access of `size` bytes at `off` of a struct.
    pub(crate) fn new(btf: &'b Btf, id: TypeId, off: u32, size: u32, flexible: bool) -> Walk<'b> {
        Walk { btf, id, off, size, flexible, flags: Flags::empty() }
    }

    /// Goes on from a struct that [`Walk::step`] found.
    pub(crate) fn descend(&mut self, id: TypeId) {
        self.id = id;
        self.off = 0;
    }

    /// What is there: one struct after another, from the outermost in.
    pub(crate) fn step(&mut self) -> Result<Found, Nothing> {
        loop {
            if let Some(found) = self.one()? {
                return Ok(found);
            }
        }
    }

    fn name(&self) -> &'b str {
        shown(self.btf.name(self.btf.resolve(self.id)))
    }

    fn composite(&self) -> Result<(&'b Composite, bool), Nothing> {
        match self.btf.resolved(self.id).map(|ty| &ty.def) {
            Some(Def::Struct(c)) => Ok((c, false)),
            Some(Def::Union(c)) => Ok((c, true)),
            _ => nothing(Errno::EINVAL, format!("Type '{}' is not a struct\n", self.name())),
        }
    }

    /// Looks into one struct; `None`: goes on with one that is in it.
    fn one(&mut self) -> Result<Option<Found>, Nothing> {
        let (c, is_union) = self.composite()?;
        if is_union && c.members.len() != 1 {
            // Which of its members a union holds is anyone's guess.
            self.flags |= Flags::UNTRUSTED;
        }
        if self.off + self.size > c.size {
            return self.beyond(c);
        }
        match self.touched(c)? {
            None => nothing(
                Errno::EINVAL,
                format!("struct {} doesn't have field at offset {}\n", self.name(), self.off),
            ),
            Some(Err(bits)) => Ok(Some(bits)),
            Some(Ok(member)) => self.member(member),
        }
    }

    /// The access goes past the end: into an array without a length?
    fn beyond(&mut self, c: &Composite) -> Result<Option<Found>, Nothing> {
        let error = || {
            nothing(
                Errno::EACCES,
                format!("access beyond struct {} at off {} size {}\n", self.name(), self.off, self.size),
            )
        };
        let Some(last) = c.members.last().filter(|_| self.flexible) else { return error() };
        let array = self.btf.resolved(last.type_id).map(|ty| &ty.def);
        let Some(Def::Array(Array { element, len: 0, .. })) = array else { return error() };
        let start = last.bit_offset / 8;
        if self.off < start {
            return error();
        }
        match self.btf.resolved(*element).map(|ty| &ty.def) {
            Some(Def::Int(_)) => Ok(Some(Found::Scalar)),
            Some(Def::Struct(inner) | Def::Union(inner)) if inner.size != 0 => {
                self.off = (self.off - start) % inner.size;
                self.id = *element;
                Ok(None)
            }
            _ => error(),
        }
    }

    /// The first member that the access touches; `Err`: a bit-field, as a whole.
    fn touched(&self, c: &Composite) -> Result<Option<Result<Touched, Found>>, Nothing> {
        for member in &c.members {
            let start = member.bit_offset / 8;
            if self.off + self.size <= start {
                break;
            }
            if c.kflag && member.bit_size != 0 {
                let end = (member.bit_offset + u32::from(member.bit_size)).div_ceil(8);
                if self.off <= start && end <= self.off + self.size {
                    return Ok(Some(Err(Found::Scalar)));
                }
                continue;
            }
            if self.off < start {
                break;
            }
            if let Some(touched) = self.overlap(member, start)? {
                return Ok(Some(Ok(touched)));
            }
        }
        Ok(None)
    }

    fn overlap(&self, member: &Member, start: u32) -> Result<Option<Touched>, Nothing> {
        let btf = self.btf;
        let Ok(size) = btf.size_of(member.type_id) else {
            let name = shown(btf.str(member.name));
            return nothing(Errno::EFAULT, format!("field {name} doesn't have size\n"));
        };
        let (size, mut id, mut count) = (size as u32, btf.resolve(member.type_id), 1u32);
        let end = start + size;
        if self.off >= end {
            return Ok(None);
        }
        while let Some(Def::Array(array)) = btf.type_by_id(id).map(|ty| &ty.def) {
            count = count.saturating_mul(array.len);
            id = btf.resolve(array.element);
        }
        let size = size / count.max(1);
        let index = if count > 1 { (self.off - start) / size.max(1) } else { 0 };
        Ok(Some(Touched { start: start + index * size, end, size, id, name: member.name }))
    }

    fn member(&mut self, member: Touched) -> Result<Option<Found>, Nothing> {
        let btf = self.btf;
        match btf.type_by_id(member.id).map(|ty| &ty.def) {
            Some(Def::Struct(_) | Def::Union(_)) => {
                if self.off == member.start {
                    return Ok(Some(Found::Struct(member.id)));
                }
                self.off -= member.start;
                self.id = member.id;
                return Ok(None);
            }
            Some(Def::Ptr(target)) => return self.pointer(&member, *target).map(Some),
            _ => {}
        }
        if self.off + self.size > member.end && !self.flags.contains(Flags::UNTRUSTED) {
            let (name, of) = (shown(btf.str(member.name)), self.name());
            let text = format!(
                "access beyond the end of member {name} (mend:{}) in struct {of} with off {} size {}\n",
                member.end, self.off, self.size
            );
            return nothing(Errno::EACCES, text);
        }
        Ok(Some(Found::Scalar))
    }

    fn pointer(&mut self, member: &Touched, target: TypeId) -> Result<Found, Nothing> {
        let btf = self.btf;
        if member.size != self.size || self.off != member.start {
            let (name, of) = (shown(btf.str(member.name)), self.name());
            let text = format!(
                "cannot access ptr member {name} with moff {} in struct {of} with off {} size {}\n",
                member.start, self.off, self.size
            );
            return nothing(Errno::EACCES, text);
        }
        let id = btf.resolve(target);
        if btf.type_by_id(id).and_then(Type::composite).is_none() {
            return Ok(Found::PtrUntrusted);
        }
        self.flags |= tag_flags(btf, target, true);
        Ok(Found::Ptr(id, member.name))
    }
}

/// A name as messages have it (`__btf_name_by_offset`).
pub(crate) fn shown(name: &str) -> &str {
    if name.is_empty() { "(anon)" } else { name }
}

/// What a type tag on what a pointer points to says of the pointer; `rcu`: whether `__rcu` says something.
pub(crate) fn tag_flags(btf: &Btf, target: TypeId, rcu: bool) -> Flags {
    match btf.type_by_id(target) {
        Some(Type { name, def: Def::TypeTag(tag) }) if !tag.attribute => match btf.str(*name) {
            "user" => Flags::USER,
            "percpu" => Flags::PERCPU,
            "rcu" if rcu => Flags::RCU,
            _ => Flags::empty(),
        },
        _ => Flags::empty(),
    }
}

/// Whether two BTFs mean the same type by two ids (`btf_types_are_same`): the types of a module's base are the kernel's.
pub(crate) fn same_type(a: (&Btf, TypeId), b: (&Btf, TypeId)) -> bool {
    if a.1 != b.1 {
        return false;
    }
    match (a.0.type_by_id(a.1), b.0.type_by_id(b.1)) {
        (Some(a), Some(b)) => std::ptr::eq(a, b),
        _ => false,
    }
}

/// Whether at an offset in one struct another one begins (`btf_struct_ids_match`). Beside the answer: lines for the log.
pub(crate) fn ids_match(
    have: (&Btf, TypeId),
    off: u32,
    need: (&Btf, TypeId),
    strict: bool,
    flexible: bool,
) -> (bool, String) {
    if off == 0 && same_type(have, need) {
        return (true, String::new());
    }
    if strict {
        return (false, String::new());
    }
    let mut walk = Walk::new(have.0, have.1, off, 1, flexible);
    loop {
        match walk.step() {
            Ok(Found::Struct(id)) if same_type((have.0, id), need) => return (true, String::new()),
            Ok(Found::Struct(id)) => walk.descend(id),
            Ok(_) => return (false, String::new()),
            Err(nothing) => return (false, nothing.text),
        }
    }
}
