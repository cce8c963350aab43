//! Names in tables.

/// A row's name as text: a keyword, such as `loop`, can only be written `r#loop`.
pub(crate) const fn bare(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}
