//! Bytes to values.

use std::collections::HashMap;
use std::sync::Arc;

use super::{FieldRef, Value, ValueError};
use crate::types::*;
use crate::{Btf, StrOff, TypeError, bits};

/// Decodes values of one [`Btf`]. Names are allocated once and shared by all values it makes.
#[derive(Debug)]
pub struct Decoder<'b> {
    btf: &'b Btf,
    names: HashMap<StrOff, Arc<str>>,
}

/// One value's bytes and what may still be made of them.
struct Input<'d> {
    bytes: &'d [u8],
    /// Values (or 16 bytes of text) that may still be made. Unions read the same bytes many times, and
    /// elements may have no bytes at all: without a bound, a small type could make a huge value of nothing.
    budget: usize,
}

impl<'d> Input<'d> {
    fn new(bytes: &'d [u8]) -> Input<'d> {
        Input { bytes, budget: bytes.len().saturating_mul(16).saturating_add(4096) }
    }

    fn charge(&mut self, amount: usize) -> Result<(), ValueError> {
        let left = self.budget.checked_sub(amount);
        self.budget = left.unwrap_or(0);
        left.map(drop).ok_or(ValueError::TooMany)
    }

    fn slice(&self, at: u64, len: u64) -> Option<&[u8]> {
        let start = usize::try_from(at / 8).ok()?;
        self.bytes.get(start..)?.get(..usize::try_from(len).ok()?)
    }
}

/// Where a value is.
#[derive(Clone, Copy)]
struct Place {
    /// Bits from the start.
    at: u64,
    /// Width, if it is a bit-field.
    bit_size: Option<u32>,
    /// Whether nothing of the outermost type follows and there are bytes behind it, so that a flexible array has
    /// the rest of the bytes.
    last: bool,
}

impl Btf {
    /// Reads the start of `bytes` as a value of a type. If that ends in a flexible array, its elements are what
    /// the bytes behind it hold.
    ///
    /// # Errors
    /// The type has no values, there are too few bytes, or the value would be many times larger than the bytes.
    pub fn decode(&self, id: impl Into<TypeId>, bytes: &[u8]) -> Result<Value, ValueError> {
        Decoder::new(self).decode(id, bytes)
    }

    /// The same, if it is made of no more values than are `left`, from which they are taken: a value, and each 16 bytes
    /// of text or of a name, counts as one. For those who decode many and have only so much room for all of them.
    ///
    /// # Errors
    /// As [`Btf::decode`], [`ValueError::TooMany`] also if too few are left; what was made before the error is taken too.
    pub fn decode_within(
        &self,
        id: impl Into<TypeId>,
        bytes: &[u8],
        left: &mut usize,
    ) -> Result<Value, ValueError> {
        let mut input = Input::new(bytes);
        let given = input.budget.min(*left);
        input.budget = given;
        let value = Decoder::new(self).decode_input(id.into(), &mut input);
        *left -= given - input.budget;
        value
    }
}

impl<'b> Decoder<'b> {
    /// A decoder of values of that BTF's types.
    pub fn new(btf: &'b Btf) -> Decoder<'b> {
        Decoder { btf, names: HashMap::new() }
    }

    /// As [`Btf::decode`].
    ///
    /// # Errors
    /// As [`Btf::decode`].
    pub fn decode(&mut self, id: impl Into<TypeId>, bytes: &[u8]) -> Result<Value, ValueError> {
        self.decode_input(id.into(), &mut Input::new(bytes))
    }

    fn decode_input(&mut self, id: TypeId, input: &mut Input<'_>) -> Result<Value, ValueError> {
        let (wanted, have) = (self.btf.size_of(id)?, input.bytes.len());
        if (have as u64) < wanted {
            return Err(ValueError::Short { id, wanted, have });
        }
        let last = have as u64 > wanted;
        self.value(input, id, Place { at: 0, bit_size: None, last })
    }

    pub(super) fn decode_at(&mut self, field: FieldRef, bytes: &[u8]) -> Result<Value, ValueError> {
        let bit_size = if field.is_bitfield { u32::try_from(field.bit_size).ok() } else { None };
        self.value(
            &mut Input::new(bytes),
            field.type_id,
            Place { at: field.bit_offset, bit_size, last: false },
        )
    }

    fn value(&mut self, input: &mut Input<'_>, id: TypeId, place: Place) -> Result<Value, ValueError> {
        input.charge(1)?;
        let (btf, id) = (self.btf, self.btf.resolve(id));
        let ty = btf.type_by_id(id).ok_or(TypeError::NoSuchType(id))?;
        let short =
            || ValueError::Short { id, wanted: btf.size_of(id).unwrap_or(0), have: input.bytes.len() };
        match &ty.def {
            Def::Int(int) => int_value(input, int, place).ok_or_else(short),
            Def::Float(size) => float_value(input, *size, place).ok_or_else(short),
            Def::Ptr(_) => {
                match bits::read(input.bytes, place.at, place.bit_size.unwrap_or(btf.pointer_size() * 8)) {
                    Some(bits) => Ok(Value::Ptr(bits as u64)),
                    None => Err(short()),
                }
            }
            Def::Enum(e) | Def::Enum64(e) => {
                let (name, value) = enum_value(btf, input, e, place).ok_or_else(short)?;
                let name = name.map(|name| self.name(input, name)).transpose()?;
                Ok(Value::Enum { name, value })
            }
            Def::Array(array) => self.array(input, array, place),
            Def::Struct(c) => self.members(input, c, place, false).map(Value::Struct),
            Def::Union(c) => self.members(input, c, place, true).map(Value::Union),
            Def::Var(var) => self.value(input, var.type_id, place),
            Def::DataSec(_) => self.section(input, id),
            _ => Err(TypeError::NoSize(id).into()),
        }
    }

    fn array(&mut self, input: &mut Input<'_>, array: &Array, place: Place) -> Result<Value, ValueError> {
        let element = self.btf.size_of(array.element)?;
        let len = match array.len {
            0 if place.last && element != 0 => {
                (input.bytes.len() as u64).saturating_sub(place.at / 8) / element
            }
            len => len.into(),
        };
        if let Some(make) = byte_array(self.btf, array.element) {
            let (id, have) = (array.element, input.bytes.len());
            let wanted = (place.at / 8).saturating_add(len);
            let bytes = input.slice(place.at, len).ok_or(ValueError::Short { id, wanted, have })?.into();
            input.charge(len as usize / 16)?;
            return Ok(make(bytes));
        }
        // No room is made ahead: the budget stops a length that is a lie.
        let mut values = Vec::new();
        for index in 0..len {
            let at = place.at.saturating_add(index.saturating_mul(element).saturating_mul(8));
            values.push(self.value(input, array.element, Place { at, bit_size: None, last: false })?);
        }
        Ok(Value::Array(values))
    }

    fn members(
        &mut self,
        input: &mut Input<'_>,
        c: &Composite,
        place: Place,
        union: bool,
    ) -> Result<Vec<(Arc<str>, Value)>, ValueError> {
        let mut values = Vec::new();
        for (index, member) in c.members.iter().enumerate() {
            let info = self.btf.member_info(c.kflag, member);
            let at = place.at.saturating_add(info.bit_offset.into());
            let last = place.last && (union || index + 1 == c.members.len());
            let name = self.name(input, info.name_off)?;
            let value = self.value(input, info.type_id, Place { at, bit_size: info.bit_size, last })?;
            values.push((name, value));
        }
        Ok(values)
    }

    fn section(&mut self, input: &mut Input<'_>, id: TypeId) -> Result<Value, ValueError> {
        let mut values = Vec::new();
        for var in self.btf.vars(id) {
            let name_off = self.btf.type_by_id(var.id).map_or(StrOff::EMPTY, |ty| ty.name);
            let name = self.name(input, name_off)?;
            let place = Place { at: u64::from(var.offset) * 8, bit_size: None, last: false };
            values.push((name, self.value(input, var.type_id, place)?));
        }
        Ok(Value::Struct(values))
    }

    fn name(&mut self, input: &mut Input<'_>, offset: StrOff) -> Result<Arc<str>, ValueError> {
        // Whoever prints the value writes the name each time.
        let name = self.btf.str(offset);
        input.charge(name.len() / 16)?;
        if let Some(name) = self.names.get(&offset) {
            return Ok(name.clone());
        }
        let name: Arc<str> = name.into();
        self.names.insert(offset, name.clone());
        Ok(name)
    }
}

type MakeBytes = fn(Box<[u8]>) -> Value;

/// How an array of these elements is kept as bytes, if it is: of `char`, or of unsigned bytes.
fn byte_array(btf: &Btf, element: TypeId) -> Option<MakeBytes> {
    let ty = btf.resolved(element)?;
    match ty.def {
        Def::Int(Int { size: 1, bits: 8, offset: 0, encoding }) => {
            if encoding == IntEncoding::Char || btf.str(ty.name) == "char" {
                Some(Value::Chars)
            } else {
                (encoding == IntEncoding::Unsigned).then_some(Value::Bytes)
            }
        }
        _ => None,
    }
}

/// Where an integer's bits are, and how many.
pub(super) fn int_bits(int: &Int, at: u64, bit_size: Option<u32>) -> (u64, u32) {
    match bit_size {
        Some(bits) => (at, bits),
        None => (at.saturating_add(int.offset.into()), int.bits.into()),
    }
}

fn int_value(input: &Input<'_>, int: &Int, place: Place) -> Option<Value> {
    let (at, len) = int_bits(int, place.at, place.bit_size);
    let number = bits::read(input.bytes, at, len)?;
    Some(match int.encoding {
        IntEncoding::Bool if number <= 1 => Value::Bool(number == 1),
        IntEncoding::Char if len == 8 => Value::Char(number as u8),
        IntEncoding::Signed => Value::Int(bits::sign_extend(number, len)),
        _ => Value::Uint(number),
    })
}

fn float_value(input: &Input<'_>, size: u32, place: Place) -> Option<Value> {
    let bytes = input.slice(place.at, size.into())?;
    Some(match size {
        4 => Value::Float(f32::from_le_bytes(bytes.try_into().ok()?).into()),
        8 => Value::Float(f64::from_le_bytes(bytes.try_into().ok()?)),
        _ => Value::Bytes(bytes.into()),
    })
}

fn enum_value(btf: &Btf, input: &Input<'_>, e: &Enum, place: Place) -> Option<(Option<StrOff>, i128)> {
    let len = place.bit_size.unwrap_or(e.size * 8);
    let number = bits::read(input.bytes, place.at, len)?;
    let number = if e.signed { bits::sign_extend(number, len) } else { number as i128 };
    Some((btf.enum_name(e, number, len), number))
}
