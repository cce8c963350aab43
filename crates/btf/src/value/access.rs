//! Looking into a value, and making one.

use std::sync::Arc;

use super::Value;
use super::field::{Step, steps};

impl Value {
    /// The part of it that `path` names: `"a.b[2].c"`. Members of anonymous structures and unions count as
    /// their outer one's.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let mut value = self;
        for step in steps(path) {
            value = match step.ok()?.0 {
                Step::Member(name) => value.member(name)?,
                Step::Index(index) => value.element(index)?,
            };
        }
        Some(value)
    }

    /// The members of a structure or union; none otherwise.
    pub fn members(&self) -> &[(Arc<str>, Value)] {
        match self {
            Value::Struct(members) | Value::Union(members) => members,
            _ => &[],
        }
    }

    fn member(&self, wanted: &str) -> Option<&Value> {
        self.members().iter().find_map(|(name, value)| match &**name {
            "" => value.member(wanted),
            name => (name == wanted).then_some(value),
        })
    }

    fn element(&self, index: u64) -> Option<&Value> {
        match self {
            Value::Array(values) => values.get(usize::try_from(index).ok()?),
            _ => None,
        }
    }

    /// The number that an integer, `bool`, `char`, enumeration or pointer holds, if it is in the range of `i128`.
    pub fn as_i128(&self) -> Option<i128> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Uint(number) => i128::try_from(*number).ok(),
            Value::Bool(truth) => Some((*truth).into()),
            Value::Char(byte) => Some((*byte).into()),
            Value::Enum { value, .. } => Some(*value),
            Value::Ptr(address) => Some((*address).into()),
            _ => None,
        }
    }

    /// As [`Value::as_i128`], if it is in the range of `u64`.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_i128()?.try_into().ok()
    }

    /// As [`Value::as_i128`], if it is in the range of `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_i128()?.try_into().ok()
    }

    /// A `char` array up to its first NUL byte, or whole if it has none; `None` if that is not UTF-8 without
    /// control characters.
    pub fn as_str(&self) -> Option<&str> {
        let Value::Chars(bytes) = self else { return None };
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let text = std::str::from_utf8(&bytes[..end]).ok()?;
        let fine = |c: char| !c.is_control() || matches!(c, '\n' | '\t' | '\r');
        text.chars().all(fine).then_some(text)
    }

    /// The bytes of an array of bytes or `char`s.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Chars(bytes) | Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

macro_rules! from_numbers {
    ($variant:ident($wide:ty): $($number:ty)*) => {$(
        impl From<$number> for Value {
            fn from(number: $number) -> Value {
                Value::$variant(<$wide>::from(number))
            }
        }
    )*};
}

from_numbers!(Int(i128): i8 i16 i32 i64 i128);
from_numbers!(Uint(u128): u8 u16 u32 u64 u128);

impl From<bool> for Value {
    fn from(truth: bool) -> Value {
        Value::Bool(truth)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Float(number)
    }
}

/// The characters, without a NUL: encoding fills the rest of the array with them.
impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Chars(text.as_bytes().into())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Value {
        Value::Bytes(bytes.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Value {
        Value::Array(values)
    }
}

impl<'a> FromIterator<(&'a str, Value)> for Value {
    fn from_iter<I: IntoIterator<Item = (&'a str, Value)>>(members: I) -> Value {
        Value::Struct(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}
