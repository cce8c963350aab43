//! A value on one line, for people.

use std::fmt::{self, Display, Formatter, Write};
use std::sync::Arc;

use super::Value;

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(number) => number.fmt(f),
            Value::Uint(number) => number.fmt(f),
            Value::Bool(truth) => truth.fmt(f),
            Value::Char(byte) => write!(f, "'{}'", byte.escape_ascii()),
            Value::Float(number) => write!(f, "{number:?}"),
            Value::Enum { name: Some(name), .. } => f.write_str(name),
            Value::Enum { name: None, value } => value.fmt(f),
            Value::Ptr(address) => write!(f, "{address:#x}"),
            Value::Chars(bytes) => match self.as_str() {
                Some(text) => write!(f, "{text:?}"),
                None => hex(f, bytes),
            },
            Value::Bytes(bytes) => hex(f, bytes),
            Value::Array(values) => {
                f.write_char('[')?;
                for (index, value) in values.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    value.fmt(f)?;
                }
                f.write_char(']')
            }
            Value::Struct(members) => fields(f, members, ", "),
            Value::Union(members) => fields(f, members, " | "),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

fn fields(f: &mut Formatter<'_>, members: &[(Arc<str>, Value)], separator: &str) -> fmt::Result {
    f.write_char('{')?;
    for (index, (name, value)) in members.iter().enumerate() {
        f.write_str(if index == 0 { "" } else { separator })?;
        if !name.is_empty() {
            write!(f, "{name} = ")?;
        }
        value.fmt(f)?;
    }
    f.write_char('}')
}

fn hex(f: &mut Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    f.write_str("hex:")?;
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}
