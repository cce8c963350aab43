//! Values to bytes.

use std::sync::Arc;

use super::decode::int_bits;
use super::{FieldRef, Value, ValueError};
use crate::types::*;
use crate::{Btf, bits};

/// Largest value that [`Btf::encode`] makes room for.
const MAX_SIZE: u64 = 1 << 30;

impl Btf {
    /// The bytes of a value of type `id`; what `value` does not name is zero. As [`Btf::set`] with an empty path.
    ///
    /// # Errors
    /// As [`Btf::set`]; also a type of more than 1 GiB.
    pub fn encode(&self, id: impl Into<TypeId>, value: &Value) -> Result<Vec<u8>, ValueError> {
        let id = id.into();
        let size = self.size_of(id)?;
        if size > MAX_SIZE {
            return Err(ValueError::TooMany);
        }
        let mut bytes = vec![0; size as usize];
        self.set(id, &mut bytes, "", value)?;
        Ok(bytes)
    }

    /// Stores `value` at the place that a path names in the bytes of a value of type `id`, and leaves all other
    /// bits alone.
    ///
    /// Members that a structure does not name stay as they are; so do elements behind the last given. A string
    /// fills its array up with NULs. Numbers must fit; an enumeration takes a number, or one of its names as a
    /// string. The members of a union are stored one after the other.
    ///
    /// # Errors
    /// As [`Btf::field`]; a value that does not fit the type; too few bytes. What was stored before an error stays.
    pub fn set(
        &self,
        id: impl Into<TypeId>,
        bytes: &mut [u8],
        path: &str,
        value: &Value,
    ) -> Result<(), ValueError> {
        let place = self.field(id, path)?;
        self.encode_field(place, bytes, value).map_err(|error| error.inside(path))
    }

    /// Stores `value` at a place of a value whose bytes these are; otherwise as [`Btf::set`].
    ///
    /// # Errors
    /// As [`Btf::set`].
    pub fn encode_field(&self, place: FieldRef, bytes: &mut [u8], value: &Value) -> Result<(), ValueError> {
        Encoder { btf: self, bytes }.store(place, value)
    }
}

/// Errors have the path from where they happened; callers put what is before it in front.
struct Encoder<'e> {
    btf: &'e Btf,
    bytes: &'e mut [u8],
}

fn mismatch(expected: &'static str) -> Result<(), ValueError> {
    Err(ValueError::Mismatch { path: String::new(), expected })
}

impl Encoder<'_> {
    fn store(&mut self, place: FieldRef, value: &Value) -> Result<(), ValueError> {
        let btf = self.btf;
        match btf.resolved(place.type_id).map(|ty| &ty.def) {
            Some(Def::Int(int)) => self.int(place, int, value),
            Some(Def::Ptr(_)) => match value.as_i128() {
                Some(number) => self.number(place, number as u128, u64::try_from(number).is_ok()),
                None => mismatch("an address"),
            },
            Some(Def::Enum(e) | Def::Enum64(e)) => self.enumeration(place, e, value),
            Some(Def::Float(size)) => self.float(place, *size, value),
            Some(Def::Array(array)) => self.array(place, array, value),
            Some(Def::Struct(_) | Def::Union(_) | Def::DataSec(_)) => self.members(place, value),
            _ => mismatch("no value at all"),
        }
    }

    fn number(&mut self, place: FieldRef, number: u128, fits: bool) -> Result<(), ValueError> {
        if !fits {
            return Err(ValueError::OutOfRange(String::new()));
        }
        let short = ValueError::Short {
            id: place.type_id,
            wanted: place.bit_offset.saturating_add(place.bit_size).div_ceil(8),
            have: self.bytes.len(),
        };
        place.write(self.bytes, number).ok_or(short)
    }

    fn int(&mut self, place: FieldRef, int: &Int, value: &Value) -> Result<(), ValueError> {
        let bit_size = place.is_bitfield.then_some(place.bit_size as u32);
        let (bit_offset, len) = int_bits(int, place.bit_offset, bit_size);
        let place = FieldRef { bit_offset, bit_size: len.into(), ..place };
        let is_signed = int.encoding == IntEncoding::Signed;
        let (number, fits) = match (value, value.as_i128()) {
            (Value::Uint(number), _) => (*number, fits_unsigned(*number, len, is_signed)),
            (_, Some(number)) if is_signed => (number as u128, fits_signed(number, len)),
            (_, Some(number)) => (number as u128, number >= 0 && fits_unsigned(number as u128, len, false)),
            (_, None) => return mismatch("an integer"),
        };
        // A char may be signed; as a character it is a byte.
        let fits = fits || (matches!(value, Value::Char(_)) && len == 8);
        self.number(place, number, fits)
    }

    fn enumeration(&mut self, place: FieldRef, e: &Enum, value: &Value) -> Result<(), ValueError> {
        let number = match value {
            Value::Chars(_) => value.as_str().and_then(|name| self.btf.enum_value(place.type_id, name)),
            Value::Array(_) | Value::Struct(_) | Value::Union(_) | Value::Bytes(_) | Value::Float(_) => None,
            number => number.as_i128(),
        };
        let Some(number) = number else { return mismatch("a number or a name of the enumeration") };
        let len = place.bit_size as u32;
        // Compilers that do not record signedness record negative values as large ones.
        let fits = fits_signed(number, len)
            || (!e.signed && number >= 0 && fits_unsigned(number as u128, len, false));
        self.number(place, number as u128, fits)
    }

    fn float(&mut self, place: FieldRef, size: u32, value: &Value) -> Result<(), ValueError> {
        let number = match value {
            Value::Float(number) => Some(*number),
            Value::Int(_) | Value::Uint(_) => value.as_i128().map(|number| number as f64),
            _ => None,
        };
        let bits: u128 = match (number, size) {
            (Some(number), 4) => (number as f32).to_bits().into(),
            (Some(number), 8) => number.to_bits().into(),
            _ => match value.as_bytes().filter(|bytes| bytes.len() == size as usize) {
                Some(bytes) => bytes.iter().rev().fold(0, |bits, byte| bits << 8 | u128::from(*byte)),
                None => return mismatch("a number (or the bytes of a float that Rust has none like)"),
            },
        };
        self.number(place, bits, true)
    }

    fn array(&mut self, place: FieldRef, array: &Array, value: &Value) -> Result<(), ValueError> {
        match value {
            Value::Chars(bytes) if self.btf.size_of(array.element)? == 1 => {
                self.bytes(place, array, bytes, true)
            }
            Value::Bytes(bytes) if self.btf.size_of(array.element)? == 1 => {
                self.bytes(place, array, bytes, false)
            }
            Value::Array(values) => (0..).zip(values).try_for_each(|(index, value)| {
                let name = || format!("[{index}]");
                let element =
                    self.btf.element_at(place, index)?.ok_or_else(|| ValueError::NoElement(name()))?;
                self.store(element, value).map_err(|error| error.inside(&name()))
            }),
            _ => mismatch("an array"),
        }
    }

    /// The first bytes of an array of bytes; `fill`: the others become zero.
    fn bytes(&mut self, place: FieldRef, array: &Array, bytes: &[u8], fill: bool) -> Result<(), ValueError> {
        let len = if array.len == 0 { bytes.len() } else { array.len as usize };
        if bytes.len() > len {
            return Err(ValueError::OutOfRange(String::new()));
        }
        let start = place.bit_offset / 8;
        let (wanted, have) = (start.saturating_add(len as u64), self.bytes.len());
        let room = self.bytes.get_mut(start as usize..).and_then(|rest| rest.get_mut(..len));
        let room = room.ok_or(ValueError::Short { id: place.type_id, wanted, have })?;
        let (head, tail) = room.split_at_mut(bytes.len());
        head.copy_from_slice(bytes);
        if fill {
            tail.fill(0);
        }
        Ok(())
    }

    fn members(&mut self, place: FieldRef, value: &Value) -> Result<(), ValueError> {
        let (Value::Struct(members) | Value::Union(members)) = value else {
            return mismatch("names and values of members");
        };
        let mut nameless = 0;
        for (position, (name, value)) in members.iter().enumerate() {
            let member = self.member(place, position, name, &mut nameless)?;
            self.store(member, value).map_err(|error| error.inside(name))?;
        }
        Ok(())
    }

    /// The member called `name`, which is likely the one at `position`; of those without a name the next one.
    fn member(
        &self,
        place: FieldRef,
        position: usize,
        name: &Arc<str>,
        nameless: &mut usize,
    ) -> Result<FieldRef, ValueError> {
        let btf = self.btf;
        if name.is_empty() {
            let member = btf.members(place.type_id).filter(|member| member.name.is_empty()).nth(*nameless);
            *nameless += 1;
            let expected = "fewer anonymous members";
            let member = member.ok_or(ValueError::Mismatch { path: String::new(), expected })?;
            return btf.place_of(place, &member);
        }
        match btf.member(place.type_id, position).filter(|member| member.name == &**name) {
            Some(member) => btf.place_of(place, &member),
            None => btf.member_at(place, name)?.ok_or_else(|| ValueError::NoMember(name.to_string())),
        }
    }
}

fn fits_unsigned(number: u128, len: u32, signed: bool) -> bool {
    number <= bits::mask(if signed { len.saturating_sub(1) } else { len })
}

fn fits_signed(number: i128, len: u32) -> bool {
    bits::sign_extend(number as u128 & bits::mask(len), len) == number
}
