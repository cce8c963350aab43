//! Values as they are read, as values to be set.

use super::value::{Args, FieldValue};
use skep_btf::Value;

/// As setting it needs it: what was read at a place, set there, leaves it as it is. Floating point numbers, which
/// kernel structs do not have, are their bytes.
impl From<&Value> for FieldValue {
    fn from(value: &Value) -> FieldValue {
        match value {
            Value::Int(number) => FieldValue::Int(*number),
            Value::Uint(number) => match i128::try_from(*number) {
                Ok(number) => FieldValue::Int(number),
                Err(_) => FieldValue::Bytes(number.to_le_bytes().to_vec()),
            },
            Value::Bool(truth) => FieldValue::Int((*truth).into()),
            Value::Char(byte) => FieldValue::Int((*byte).into()),
            Value::Enum { value, .. } => FieldValue::Int(*value),
            Value::Ptr(addr) => FieldValue::Addr(*addr),
            Value::Float(number) => FieldValue::Bytes(number.to_le_bytes().to_vec()),
            Value::Chars(bytes) | Value::Bytes(bytes) => FieldValue::Bytes(bytes.to_vec()),
            Value::Array(values) => FieldValue::List(values.iter().map(FieldValue::from).collect()),
            Value::Struct(members) | Value::Union(members) => {
                let members = members.iter().map(|(name, value)| (name.to_string(), value.into()));
                FieldValue::Fields(members.collect::<Args>())
            }
        }
    }
}

impl From<Value> for FieldValue {
    fn from(value: Value) -> FieldValue {
        FieldValue::from(&value)
    }
}
