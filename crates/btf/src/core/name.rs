//! Names without their flavour.

/// The part of a name that counts for CO-RE: what stands before the last `___` that has something other than
/// underscores on both sides (libbpf's `bpf_core_essential_name_len`).
///
/// ```
/// use skep_btf::core::essential_name;
/// assert_eq!(essential_name("task_struct___old"), "task_struct");
/// assert_eq!(essential_name("a___b___c"), "a___b");
/// assert_eq!((essential_name("___x"), essential_name("a____b"), essential_name("a___")), ("___x", "a____b", "a___"));
/// ```
pub fn essential_name(name: &str) -> &str {
    let is_separator = |at: &[u8]| matches!(at, [x, b'_', b'_', b'_', y] if *x != b'_' && *y != b'_');
    match name.as_bytes().windows(5).rposition(is_separator) {
        // The separator is ASCII, so it ends no character in its middle.
        Some(at) => name.get(..at + 1).unwrap_or(name),
        None => name,
    }
}
