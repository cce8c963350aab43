//! Elements as text.

use std::fmt::Write;

use skep_btf::Value;

/// An element in one line, each part by its value, or in hex where there is none: `key: value`, or `key: [value, ...]` for
/// several.
pub fn element<'a>(
    key: (Option<&Value>, &[u8]),
    values: impl Iterator<Item = (Option<&'a Value>, &'a [u8])>,
) -> String {
    let mut out = one(key.0, key.1);
    out.push_str(": ");
    let values: Vec<String> = values.map(|(value, bytes)| one(value, bytes)).collect();
    match values.as_slice() {
        [value] => out.push_str(value),
        values => {
            out.push('[');
            out.push_str(&values.join(", "));
            out.push(']');
        }
    }
    out
}

/// A value by its type, or bytes in hex.
fn one(value: Option<&Value>, bytes: &[u8]) -> String {
    value.map_or_else(|| format!("hex:{}", hex(bytes)), Value::to_string)
}

/// Bytes as hex digits.
///
/// ```
/// assert_eq!(skep::hex(&[0, 0x1f]), "001f");
/// ```
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
