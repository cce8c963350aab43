//! What a relocation's access string means in one BTF.

use std::fmt;

use super::ReloKind;
use super::error::Failure;
use super::kind::Subject;
use super::size::size_of;
use crate::{Array, Btf, Composite, CoreRelo, Def, Enum, Type, TypeId};

/// The most indices of an access string, and the deepest that a field may be found (`BPF_CORE_SPEC_MAX_LEN`).
pub(super) const MAX_LEN: usize = 64;

/// Longest text of a spec; libbpf's messages have room for no more.
const MAX_TEXT: usize = 255;

/// One step on the way to a field: a named member, or an element of an array. Anonymous structures on the way are no
/// step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accessor<'b> {
    /// The structure of a member; the type of an element.
    pub(super) type_id: TypeId,
    /// The member's or the element's index.
    pub(super) index: u32,
    /// The member's name, or the enumerator's; none for an element.
    pub(super) name: Option<&'b str>,
}

/// An access string together with the types that it goes through.
#[derive(Clone, Debug)]
pub(super) struct Spec<'b> {
    pub(super) btf: &'b Btf,
    pub(super) root: TypeId,
    pub(super) kind: ReloKind,
    pub(super) steps: Vec<Accessor<'b>>,
    /// The indices with those of anonymous structures.
    pub(super) raw: Vec<u32>,
    /// As libbpf has it: modulo 2^32.
    pub(super) bit_offset: u32,
}

impl<'b> Spec<'b> {
    pub(super) fn new(btf: &'b Btf, root: TypeId, kind: ReloKind) -> Spec<'b> {
        Spec { btf, root, kind, steps: Vec::new(), raw: Vec::new(), bit_offset: 0 }
    }

    /// Reads a record of the BTF's own object.
    pub(super) fn parse(btf: &'b Btf, relo: &CoreRelo, kind: ReloKind) -> Result<Spec<'b>, Failure> {
        let mut spec = Spec::new(btf, relo.type_id, kind);
        let access = btf.str(relo.access);
        if kind.subject() == Subject::Type {
            return if access == "0" { Ok(spec) } else { Err(Failure::Invalid) };
        }
        for index in access.split(':') {
            if spec.raw.len() == MAX_LEN {
                return Err(Failure::TooBig);
            }
            spec.raw.push(number(index)?);
        }
        let [first, rest @ ..] = spec.raw.as_slice() else { return Err(Failure::Invalid) };
        let (first, rest) = (*first, rest.to_vec());
        let id = btf.resolve(relo.type_id);
        if kind.subject() == Subject::EnumValue {
            let e = btf.type_by_id(id).and_then(Type::enumeration).filter(|_| rest.is_empty());
            let value = e.and_then(|e| e.values.get(first as usize)).ok_or(Failure::Invalid)?;
            spec.steps.push(Accessor { type_id: id, index: first, name: Some(btf.str(value.name)) });
            return Ok(spec);
        }
        spec.push_element(id, first)?;
        spec.follow(id, &rest)?;
        Ok(spec)
    }

    /// Goes from type `id` through members and elements.
    fn follow(&mut self, mut id: TypeId, indices: &[u32]) -> Result<(), Failure> {
        for &index in indices {
            id = self.btf.resolve(id);
            id = match self.btf.type_by_id(id).map(|ty| &ty.def) {
                Some(Def::Struct(c) | Def::Union(c)) => self.push_member(id, c, index)?,
                Some(Def::Array(array)) => {
                    if index >= array.len && !self.is_flexible(array) {
                        return Err(Failure::Invalid);
                    }
                    let element = self.btf.resolve(array.element);
                    self.push_element(element, index)?;
                    element
                }
                _ => return Err(Failure::Invalid),
            };
        }
        Ok(())
    }

    fn push_member(&mut self, id: TypeId, c: &Composite, index: u32) -> Result<TypeId, Failure> {
        let member = c.members.get(index as usize).ok_or(Failure::Invalid)?;
        self.bit_offset = self.bit_offset.wrapping_add(member.bit_offset);
        let name = self.btf.str(member.name);
        if !name.is_empty() {
            self.steps.push(Accessor { type_id: id, index, name: Some(name) });
        }
        Ok(member.type_id)
    }

    /// Element `index` of type `id`; also of the root, which counts as an array of its type.
    pub(super) fn push_element(&mut self, id: TypeId, index: u32) -> Result<(), Failure> {
        self.steps.push(Accessor { type_id: id, index, name: None });
        let bytes = index.wrapping_mul(size_of(self.btf, id)?);
        self.bit_offset = self.bit_offset.wrapping_add(bytes.wrapping_mul(8));
        Ok(())
    }

    /// Whether an array that the last step leads to may be longer than it says: the last member of its structure, of
    /// no elements.
    pub(super) fn is_flexible(&self, array: &Array) -> bool {
        let Some(Accessor { type_id, index, name: Some(_) }) = self.steps.last() else { return false };
        let members = self.btf.type_by_id(*type_id).and_then(Type::composite).map_or(0, |c| c.members.len());
        array.len == 0 && *index as usize + 1 == members
    }

    /// The enumerator that an index means.
    fn write_enumerator(&self, out: &mut String) {
        let Some(e) = self.btf.resolved(self.root).and_then(Type::enumeration) else { return };
        let index = self.raw.first().copied().unwrap_or(0);
        if let Some(value) = e.values.get(index as usize) {
            *out += &format!("::{} = {}", self.btf.str(value.name), shown_number(e, value.value));
        }
    }

    fn write_path(&self, out: &mut String) {
        for (at, step) in self.steps.iter().enumerate() {
            match step.name {
                Some(name) => *out += &format!(".{name}"),
                None if at > 0 || step.index > 0 => *out += &format!("[{}]", step.index),
                None => {}
            }
            if out.len() > MAX_TEXT {
                return;
            }
        }
    }

    /// What is asked of, in C: `.a.b[2]`, `::NAME`, or nothing if it is the type.
    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        match (self.kind.subject(), self.steps.first()) {
            (Subject::Field, _) => self.write_path(&mut path),
            (Subject::EnumValue, Some(Accessor { name: Some(name), .. })) => path = format!("::{name}"),
            _ => {}
        }
        path
    }

    fn write_field(&self, out: &mut String) {
        self.write_path(out);
        let raw: Vec<String> = self.raw.iter().map(u32::to_string).collect();
        *out += &format!(" ({} @ offset {}", raw.join(":"), self.bit_offset / 8);
        if !self.bit_offset.is_multiple_of(8) {
            *out += &format!(".{}", self.bit_offset % 8);
        }
        out.push(')');
    }
}

/// `<kind> [id] type.field (0:1 @ offset 8)`, cut as libbpf cuts it, with `...` behind.
impl fmt::Display for Spec<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("<{}> {}", self.kind.name(), type_text(self.btf, self.root));
        match self.kind.subject() {
            Subject::Type => {}
            Subject::EnumValue => self.write_enumerator(&mut text),
            Subject::Field => self.write_field(&mut text),
        }
        if text.len() > MAX_TEXT {
            let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
            text += "...";
        }
        f.write_str(&text)
    }
}

/// A type's id, kind and name: `[5] struct task_struct`.
pub(super) fn type_text(btf: &Btf, id: TypeId) -> String {
    format!("{id} {}", type_name(btf, id))
}

/// A type's kind and name.
pub(super) fn type_name(btf: &Btf, id: TypeId) -> String {
    let kind = match btf.type_by_id(id).map(Type::kind) {
        None | Some(crate::Kind::Void) => "unknown".to_owned(),
        Some(kind) => kind.name().to_lowercase(),
    };
    let name = match btf.name(id) {
        "" => "<anon>",
        name => name,
    };
    format!("{kind} {name}")
}

/// A 32-bit enumerator is printed by its enumeration's sign, whatever it was stored as.
fn shown_number(e: &Enum, value: i64) -> i128 {
    match (e.signed, e.size) {
        (true, _) => value.into(),
        (false, 8) => (value as u64).into(),
        (false, _) => (value as u32).into(),
    }
}

/// An index: a non-negative `int`.
fn number(text: &str) -> Result<u32, Failure> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<i32>().ok().filter(|_| digits);
    number.map(|number| number as u32).ok_or(Failure::Invalid)
}
