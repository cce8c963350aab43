//! BTF made by a program.

use std::collections::HashMap;
use std::sync::Arc;

use super::types::check_writable;
use crate::strings::Strings;
use crate::types::*;
use crate::{Btf, Error, Reason, StrOff};

/// Makes BTF type by type.
///
/// Types are numbered in the order they are added, so a type can refer to one that comes later by counting ahead
/// ([`BtfBuilder::next_id`]). Nothing is checked before [`BtfBuilder::build`].
///
/// ```
/// use skep_btf::{BtfBuilder, Def, IntEncoding};
///
/// let mut builder = BtfBuilder::new();
/// let int = builder.int("int", 4, IntEncoding::Signed);
/// let node = builder.next_id();
/// let next = node.0 + 1;
/// builder.structure("node", 16, &[("next", next.into(), 0), ("value", int, 64)]);
/// builder.add("", Def::Ptr(node));
/// let btf = builder.build()?;
/// assert_eq!(btf.declare(node).unwrap(), "struct node {\n\tstruct node *next;\n\tint value;\n};");
/// # Ok::<(), skep_btf::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct BtfBuilder {
    base: Option<Arc<Btf>>,
    pub(crate) types: Vec<Type>,
    pub(crate) strings: String,
    offsets: HashMap<String, StrOff>,
}

impl BtfBuilder {
    /// No types, no strings.
    pub fn new() -> BtfBuilder {
        BtfBuilder { strings: "\0".to_owned(), ..BtfBuilder::default() }
    }

    /// Split BTF that continues `base`.
    pub fn on(base: Arc<Btf>) -> BtfBuilder {
        BtfBuilder { base: Some(base), ..BtfBuilder::default() }
    }

    /// Starts with the types and strings of `btf`, to add to them.
    pub fn from_btf(btf: &Btf) -> BtfBuilder {
        let strings = String::from_utf8_lossy(btf.strings.as_bytes()).into_owned();
        let strings = if strings.is_empty() && btf.base.is_none() { "\0".to_owned() } else { strings };
        BtfBuilder { base: btf.base.clone(), types: btf.types.clone(), strings, offsets: HashMap::new() }
    }

    /// Puts a string into the table (once) and answers where. A NUL ends it.
    pub fn string(&mut self, text: &str) -> StrOff {
        let text = text.split('\0').next().unwrap_or("");
        if text.is_empty() {
            return StrOff::EMPTY;
        }
        if let Some(offset) = self.offsets.get(text) {
            return *offset;
        }
        let first = self.base.as_ref().map_or(0, |base| base.end_string());
        let offset = StrOff(first.saturating_add(self.strings.len() as u32));
        self.strings.push_str(text);
        self.strings.push('\0');
        self.offsets.insert(text.to_owned(), offset);
        offset
    }

    /// The id that the next type will have.
    pub fn next_id(&self) -> TypeId {
        let first = self.base.as_ref().map_or(1, |base| base.end_id());
        TypeId(first.saturating_add(self.types.len() as u32))
    }

    /// What the type with this id is, to change it; `None` if it was not added here.
    pub fn def_mut(&mut self, id: TypeId) -> Option<&mut Def> {
        let first = self.base.as_ref().map_or(1, |base| base.end_id());
        let index = id.0.checked_sub(first)?;
        self.types.get_mut(index as usize).map(|ty| &mut ty.def)
    }

    /// Adds a type; an empty name is none.
    pub fn add(&mut self, name: &str, def: Def) -> TypeId {
        let (id, name) = (self.next_id(), self.string(name));
        self.types.push(Type { name, def });
        id
    }

    /// Adds a type whose name is one of [`BtfBuilder::string`]'s.
    pub fn add_named(&mut self, name: StrOff, def: Def) -> TypeId {
        let id = self.next_id();
        self.types.push(Type { name, def });
        id
    }

    /// Adds an integer of `size` bytes, all of them used.
    pub fn int(&mut self, name: &str, size: u8, encoding: IntEncoding) -> TypeId {
        let bits = size.saturating_mul(8);
        self.add(name, Def::Int(Int { size: size.into(), bits, offset: 0, encoding }))
    }

    /// Adds a structure of `size` bytes: names, types and offsets in bits of its members.
    pub fn structure(&mut self, name: &str, size: u32, members: &[(&str, TypeId, u32)]) -> TypeId {
        let composite = self.composite(size, members);
        self.add(name, Def::Struct(composite))
    }

    /// Adds a union of `size` bytes: names and types of its members.
    pub fn union(&mut self, name: &str, size: u32, members: &[(&str, TypeId)]) -> TypeId {
        let members: Vec<_> = members.iter().map(|(name, id)| (*name, *id, 0)).collect();
        let composite = self.composite(size, &members);
        self.add(name, Def::Union(composite))
    }

    fn composite(&mut self, size: u32, members: &[(&str, TypeId, u32)]) -> Composite {
        let members = members.iter().map(|(name, type_id, bit_offset)| {
            let name = self.string(name);
            Member { name, type_id: *type_id, bit_offset: *bit_offset, bit_size: 0 }
        });
        Composite { size, kflag: false, members: members.collect() }
    }

    /// Adds an enumeration: names and numbers. It has 4 bytes if they fit, else 8; it is signed if one is negative.
    pub fn enumeration(&mut self, name: &str, values: &[(&str, i64)]) -> TypeId {
        let signed = values.iter().any(|(_, value)| *value < 0);
        let fits =
            |value: &i64| if signed { i32::try_from(*value).is_ok() } else { u32::try_from(*value).is_ok() };
        let small = values.iter().all(|(_, value)| fits(value));
        let values = values.iter().map(|(name, value)| EnumValue { name: self.string(name), value: *value });
        let values = values.collect();
        match small {
            true => self.add(name, Def::Enum(Enum { size: 4, signed, values })),
            false => self.add(name, Def::Enum64(Enum { size: 8, signed, values })),
        }
    }

    /// Adds a function and its prototype: what it returns, names and types of its parameters.
    pub fn func(&mut self, name: &str, linkage: Linkage, ret: TypeId, params: &[(&str, TypeId)]) -> TypeId {
        let params =
            params.iter().map(|(name, id)| Param { name: self.string(name), type_id: *id }).collect();
        let proto = self.add("", Def::FuncProto(FuncProto { ret, params }));
        self.add(name, Def::Func(Func { proto, linkage }))
    }

    /// Checks everything, as parsing does.
    ///
    /// # Errors
    /// What parsing the bytes would find, or a list or number that the format has no room for. The offset is that
    /// in the bytes, or for the latter 0.
    pub fn build(self) -> Result<Btf, Error> {
        for ty in &self.types {
            check_writable(&ty.def).map_err(|reason| Error { offset: 0, reason })?;
        }
        let too_much = Error { offset: 0, reason: Reason::TooMuch };
        if u32::try_from(self.strings.len()).is_err() || u32::try_from(self.types.len()).is_err() {
            return Err(too_much);
        }
        let base = self.base.clone();
        let mut btf = Btf::empty(self.base, Strings::new(self.strings.as_bytes())).ok_or(too_much)?;
        btf.types = self.types;
        crate::parse::parse(&btf.to_bytes(), base)
    }
}
