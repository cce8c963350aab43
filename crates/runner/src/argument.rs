//! Values of arguments as a command line writes them.

use serde_json::Value;
use skep::{Args, Error, FieldValue, Result};

use crate::conformance::hex;

/// Reads a value: an integer (decimal, `0x..`, negative), `hex:..` for bytes, JSON for a list (`[1, 2]`), a struct
/// (`{"a.b": 1}`) or a string in quotes, `user:` or `kernel:` before any of these for where it lies; any other text is a
/// string.
///
/// ```
/// use skep_runner::argument;
/// use skep::{FieldValue, args};
///
/// assert_eq!(argument("-100")?, FieldValue::Int(-100));
/// assert_eq!(argument("/etc/passwd")?, FieldValue::from("/etc/passwd"));
/// assert_eq!(argument("hex:0102")?, FieldValue::Bytes(vec![1, 2]));
/// assert_eq!(argument(r#"{"f_path.dentry": "x"}"#)?, args! { "f_path.dentry": "x" }.into());
/// assert_eq!(argument("user:ls")?, FieldValue::user("ls"));
/// # Ok::<(), skep::Error>(())
/// ```
///
/// # Errors
/// Hex or JSON that is none.
pub fn argument(text: &str) -> Result<FieldValue> {
    if let Some(rest) = text.strip_prefix("user:") {
        return argument(rest).map(FieldValue::user);
    }
    if let Some(rest) = text.strip_prefix("kernel:") {
        return argument(rest).map(FieldValue::kernel);
    }
    if let Some(digits) = text.strip_prefix("hex:") {
        return hex(digits).map(FieldValue::Bytes).map_err(Error::from_input);
    }
    if text.starts_with(['{', '[', '"']) {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Error::from_input(format!("{text:?} is no JSON: {error}")))?;
        return of_json(&value);
    }
    Ok(integer(text).map_or_else(|| FieldValue::from(text), FieldValue::Int))
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let number = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse::<u64>(),
    };
    number.ok().filter(|_| !digits.starts_with('+')).map(|number| i128::from(number) * sign)
}

/// Strings in JSON are strings, unless they begin as [`argument`] has it for bytes and places.
fn of_json(value: &Value) -> Result<FieldValue> {
    Ok(match value {
        Value::Null => FieldValue::Int(0),
        Value::Bool(truth) => FieldValue::from(*truth),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => FieldValue::from(number),
            (None, Some(number)) => FieldValue::from(number),
            (None, None) => return Err(Error::from_input(format!("{number} is no integer of 64 bits"))),
        },
        Value::String(text) if ["hex:", "user:", "kernel:"].iter().any(|it| text.starts_with(it)) => {
            argument(text)?
        }
        Value::String(text) => FieldValue::from(text),
        Value::Array(list) => FieldValue::List(list.iter().map(of_json).collect::<Result<_>>()?),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), of_json(value)?)));
            FieldValue::Fields(fields.collect::<Result<Args>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep::args;

    #[test]
    fn values_are_what_they_look_like() {
        let cases: [(&str, FieldValue); 8] = [
            ("0x10", 16.into()),
            ("18446744073709551615", u64::MAX.into()),
            ("1e3", "1e3".into()),
            ("", "".into()),
            ("\"12\"", "12".into()),
            ("[\"ls\", \"-l\"]", ["ls", "-l"].into()),
            ("{\"pid\": -1, \"name\": \"user:x\"}", args! { name: FieldValue::user("x"), pid: -1 }.into()),
            ("+1", "+1".into()),
        ];
        for (text, expected) in cases {
            assert_eq!(argument(text).unwrap(), expected, "{text}");
        }
        assert!(argument("[1").is_err() && argument("hex:1").is_err() && argument("[1.5]").is_err());
    }
}
