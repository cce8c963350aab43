//! Storing a value at a place, as its type wants it.

use super::error::Problem;
use super::route;
use super::scene::{Scene, Spot};
use super::types;
use super::value::{Args, FieldValue};
use crate::probe::is_user;
use skep_btf::{Def, FieldRef, TypeId, Value, ValueError};

/// How deep values may be in each other.
const MAX_DEPTH: usize = 64;

/// How a value is stored.
#[derive(Clone, Copy)]
struct How {
    /// Whether what a pointer points to goes to user memory; `None`: as its type says.
    user: Option<bool>,
    depth: usize,
}

impl How {
    fn deeper(self) -> Result<How, Problem> {
        match self.depth {
            MAX_DEPTH => Err(takes(format!("values of at most {MAX_DEPTH} levels"))),
            depth => Ok(How { depth: depth + 1, ..self }),
        }
    }
}

fn takes(expected: impl Into<String>) -> Problem {
    Problem::Takes { part: String::new(), expected: expected.into() }
}

impl Problem {
    /// The same about a value at a place inside of another.
    fn at(mut self, outer: &str) -> Problem {
        if let Problem::Takes { part, .. } = &mut self {
            let dot = if part.is_empty() || part.starts_with('[') { "" } else { "." };
            *part = format!("{outer}{dot}{part}");
        }
        self
    }
}

impl Scene<'_> {
    /// Stores a value where a path leads to from an object.
    pub(crate) fn set(
        &mut self,
        base: u64,
        id: TypeId,
        path: &str,
        value: &FieldValue,
    ) -> Result<(), Problem> {
        self.set_how(base, id, path, value, How { user: None, depth: 0 })
    }

    fn set_how(
        &mut self,
        base: u64,
        id: TypeId,
        path: &str,
        value: &FieldValue,
        how: How,
    ) -> Result<(), Problem> {
        let spot = self.find(base, id, path, true)?;
        self.store(spot, value, how).map_err(|problem| problem.at(path))
    }

    fn store(&mut self, spot: Spot, value: &FieldValue, how: How) -> Result<(), Problem> {
        let how = how.deeper()?;
        let (value, how) = unwrap(value, how)?;
        let btf = self.btf.clone();
        let id = spot.field.type_id;
        if let Some((target, user)) = types::pointee(&btf, id) {
            let old = self.pointer(spot)?;
            let to = self.address(old, target, user || is_user(spot.addr), value, how)?;
            return self.point(spot, to);
        }
        if how.user.is_some() && types::holds_address(&btf, id) {
            let to = self.address(0, TypeId::VOID, false, value, how)?;
            return self.point(spot, to);
        }
        match (btf.resolved(id).map(|ty| &ty.def), value) {
            (Some(Def::Array(array)), FieldValue::List(values)) => {
                self.elements(spot, array.element, array.len, values, how)
            }
            (Some(Def::Array(array)), FieldValue::Str(_) | FieldValue::Bytes(_)) if array.len == 0 => {
                self.open_bytes(spot, array.element, value)
            }
            (Some(Def::Struct(_) | Def::Union(_)), FieldValue::Fields(fields)) => {
                self.fields(spot.addr, id, fields, how)
            }
            (Some(Def::Struct(_) | Def::Union(_)), FieldValue::Bytes(bytes)) => self.raw(spot, bytes),
            (Some(Def::Struct(_)), FieldValue::Str(text)) if self.text_fields(spot, text)? => Ok(()),
            (Some(Def::Struct(c) | Def::Union(c)), value) => match (&c.members[..], value) {
                // kuid_t, atomic_t, possible_net_t: one thing in a wrapping.
                ([_], FieldValue::Int(_) | FieldValue::Addr(_) | FieldValue::Str(_)) => {
                    let member = btf.member(id, 0).map_or("", |it| it.name);
                    let inner = self.find(spot.addr, id, member, true)?;
                    match inner.field.type_id == id {
                        true => Err(takes("its fields")),
                        false => self.store(inner, value, how),
                    }
                }
                _ => Err(takes(format!("the fields of {}", types::called(&btf, id)))),
            },
            (_, value) => self.scalar(spot, value),
        }
    }

    /// A number, an enumerator by name, or the bytes of an array.
    fn scalar(&mut self, spot: Spot, value: &FieldValue) -> Result<(), Problem> {
        let Some(plain) = plain(value) else {
            return Err(takes(types::called(&self.btf, spot.field.type_id)));
        };
        let mut bytes = self.read(spot.addr, spot.len())?;
        let misfit = |error| self.misfit(spot.field, error);
        self.btf.encode_field(spot.field, &mut bytes, &plain).map_err(misfit)?;
        self.write(spot.addr, &bytes)
    }

    /// Why a place does not take a value.
    fn misfit(&self, field: FieldRef, error: ValueError) -> Problem {
        let is = types::called(&self.btf, field.type_id);
        match error {
            ValueError::Mismatch { expected, .. } => takes(format!("{expected}: it is {is}")),
            ValueError::OutOfRange(_) if field.is_bitfield => {
                takes(format!("what fits into {} bits of {is}", field.bit_size))
            }
            ValueError::OutOfRange(_) => takes(format!("what fits into {is}")),
            error => error.into(),
        }
    }

    /// The bytes of a struct, from its start.
    fn raw(&mut self, spot: Spot, bytes: &[u8]) -> Result<(), Problem> {
        match bytes.len() as u64 <= spot.len() {
            true => self.write(spot.addr, bytes),
            false => Err(takes(format!("at most {} bytes", spot.len()))),
        }
    }

    /// Bytes of an array without length.
    fn open_bytes(&mut self, spot: Spot, element: TypeId, value: &FieldValue) -> Result<(), Problem> {
        let bytes = match value {
            FieldValue::Str(text) => terminated(text),
            FieldValue::Bytes(bytes) => bytes.clone(),
            _ => Vec::new(),
        };
        match self.size(element)? {
            1 => self.write(spot.addr, &bytes),
            _ => Err(takes("an array")),
        }
    }

    fn elements(
        &mut self,
        spot: Spot,
        element: TypeId,
        len: u32,
        values: &[FieldValue],
        how: How,
    ) -> Result<(), Problem> {
        if len != 0 && values.len() > len as usize {
            return Err(takes(format!("at most {len} elements")));
        }
        let field = route::whole(&self.btf, element)?;
        for (index, value) in (0u64..).zip(values) {
            let addr = spot.addr.wrapping_add(index.wrapping_mul(field.bit_size / 8));
            let place = Spot { addr, field };
            self.store(place, value, how).map_err(|problem| problem.at(&format!("[{index}]")))?;
        }
        Ok(())
    }

    fn fields(&mut self, addr: u64, id: TypeId, fields: &Args, how: How) -> Result<(), Problem> {
        let how = How { user: None, ..how };
        let mut nameless = self.nameless(id);
        for (path, value) in fields.iter() {
            if !path.is_empty() {
                self.set_how(addr, id, path, value, how)?;
                continue;
            }
            // Values that were read have their anonymous members in order.
            let Some(field) = nameless.next() else { return Err(takes("fewer anonymous members")) };
            let place = Spot { addr: addr.wrapping_add(field.0), field: field.1 };
            self.store(place, value, how)?;
        }
        Ok(())
    }

    /// The anonymous members of a struct: bytes from its start, and the place.
    fn nameless(&self, id: TypeId) -> impl Iterator<Item = (u64, FieldRef)> + use<> {
        let members = self.btf.members(id).filter(|it| it.name.is_empty());
        let places = members.filter_map(|it| {
            let whole = route::whole(&self.btf, it.type_id).ok()?;
            Some((u64::from(it.bit_offset) / 8, whole))
        });
        places.collect::<Vec<_>>().into_iter()
    }

    /// The address that a pointer is to hold for a value: what it points to is made, or changed if it is there.
    fn address(
        &mut self,
        old: u64,
        target: TypeId,
        user: bool,
        value: &FieldValue,
        how: How,
    ) -> Result<u64, Problem> {
        let user = how.user.unwrap_or(user);
        match value {
            FieldValue::Addr(addr) => Ok(*addr),
            FieldValue::Int(number) => {
                let fits = u64::try_from(*number).ok().or(i64::try_from(*number).ok().map(|it| it as u64));
                fits.ok_or_else(|| takes("an address of 64 bits"))
            }
            FieldValue::Str(text) if self.is_bytes(target) => self.put("string", &terminated(text), user),
            FieldValue::Str(text) => match self.by_path(target, text)? {
                Some(addr) => Ok(addr),
                None => Err(takes(format!(
                    "an address or fields, not text: it points to {}",
                    types::called(&self.btf, target)
                ))),
            },
            FieldValue::Bytes(bytes) => self.put("bytes", bytes, user),
            FieldValue::List(values) => self.list(target, values, user, how),
            FieldValue::Fields(fields) => {
                if types::is_void(&self.btf, target) {
                    return Err(takes("an address, or a type in the path: `name<type>`"));
                }
                let to = match old {
                    0 => self.alloc(target, user)?,
                    old => old,
                };
                self.fields(to, target, fields, how)?;
                Ok(to)
            }
            FieldValue::User(value) => {
                self.address(old, target, true, value, How { user: Some(true), ..how })
            }
            FieldValue::Kernel(value) => {
                self.address(old, target, false, value, How { user: Some(false), ..how })
            }
        }
    }

    /// An array that ends with an element of zeroes.
    fn list(&mut self, target: TypeId, values: &[FieldValue], user: bool, how: How) -> Result<u64, Problem> {
        let field = route::whole(&self.btf, target)
            .map_err(|_| takes(format!("no list: it points to {}", types::called(&self.btf, target))))?;
        let start = self.alloc_array(target, values.len() as u64 + 1, user)?;
        // Strings of a list in user memory are there as well.
        let inner = How { user: how.user.or(user.then_some(true)), ..how };
        for (index, value) in (0u64..).zip(values) {
            let addr = start.wrapping_add(index.wrapping_mul(field.bit_size / 8));
            self.store(Spot { addr, field }, value, inner)
                .map_err(|problem| problem.at(&format!("[{index}]")))?;
        }
        Ok(start)
    }

    /// Whether text can be what a pointer points to.
    fn is_bytes(&self, target: TypeId) -> bool {
        types::is_void(&self.btf, target) || self.btf.size_of(target) == Ok(1)
    }

    pub(crate) fn put(&mut self, name: &str, bytes: &[u8], user: bool) -> Result<u64, Problem> {
        if user { self.put_user(bytes) } else { self.put_kernel(name, bytes) }
    }
}

/// The value in its wrappings, and what they say.
fn unwrap(value: &FieldValue, how: How) -> Result<(&FieldValue, How), Problem> {
    let (mut value, mut how) = (value, how);
    loop {
        (value, how) = match value {
            FieldValue::User(inner) => (&**inner, How { user: Some(true), ..how }.deeper()?),
            FieldValue::Kernel(inner) => (&**inner, How { user: Some(false), ..how }.deeper()?),
            value => return Ok((value, how)),
        };
    }
}

/// As BTF stores it, if it is no more than that.
fn plain(value: &FieldValue) -> Option<Value> {
    Some(match value {
        FieldValue::Int(number) => Value::Int(*number),
        FieldValue::Addr(addr) => Value::Uint((*addr).into()),
        FieldValue::Str(text) => Value::from(text.as_str()),
        FieldValue::Bytes(bytes) => Value::from(bytes.as_slice()),
        _ => return None,
    })
}

fn terminated(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}
