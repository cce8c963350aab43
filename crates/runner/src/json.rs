//! BTF values as JSON.

use serde_json::{Map, Number, Value as Json};
use skep::btf::Value;

pub use skep::hex as hex_string;

/// A value as JSON: structures as objects, arrays as lists, `char` arrays as strings where they are text, names of
/// enumerations as strings, numbers as numbers (as decimal strings where they do not fit 64 bits).
pub fn value_to_json(value: &Value) -> Json {
    match value {
        Value::Int(number) => signed(*number),
        Value::Uint(number) => u64::try_from(*number).map_or_else(|_| text(number), Json::from),
        Value::Bool(it) => Json::Bool(*it),
        Value::Char(byte) => Json::from(*byte),
        Value::Float(number) => Number::from_f64(*number).map_or_else(|| text(number), Json::Number),
        Value::Enum { name: Some(name), .. } => Json::String(name.to_string()),
        Value::Enum { name: None, value } => signed(*value),
        Value::Ptr(bits) => Json::String(format!("{bits:#x}")),
        Value::Chars(bytes) => match value.as_str() {
            Some(text) => Json::String(text.to_owned()),
            None => Json::String(format!("hex:{}", hex_string(bytes))),
        },
        Value::Bytes(bytes) => Json::String(format!("hex:{}", hex_string(bytes))),
        Value::Array(items) => Json::Array(items.iter().map(value_to_json).collect()),
        Value::Struct(members) | Value::Union(members) => {
            let mut object = Map::new();
            for (name, member) in members {
                match (name.is_empty(), value_to_json(member)) {
                    // Members of an anonymous member are members of what it is in.
                    (true, Json::Object(inner)) => object.extend(inner),
                    (_, member) => drop(object.insert(name.to_string(), member)),
                }
            }
            Json::Object(object)
        }
    }
}

fn signed(number: i128) -> Json {
    i64::try_from(number)
        .map(Json::from)
        .or_else(|_| u64::try_from(number).map(Json::from))
        .unwrap_or_else(|_| text(&number))
}

fn text(number: &impl ToString) -> Json {
    Json::String(number.to_string())
}
