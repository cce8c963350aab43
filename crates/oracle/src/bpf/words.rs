//! Names that stand for numbers in scripts.

use skep_abi::{AttachType, MapType, ProgType, flags};

/// Families of flags whose UAPI names are known.
const FLAGS: [&flags::Flags; 5] =
    [&flags::MAP_CREATE, &flags::MAP_UPDATE, &flags::PROG_LOAD, &flags::TEST_RUN, &flags::ATTACH];

/// The number of a name in a field.
pub(crate) fn number(field: &str, word: &str) -> Option<u64> {
    let kind = match field {
        "map_type" => MapType::from_name(word).map(MapType::to_u32),
        "prog_type" => ProgType::from_name(word).map(ProgType::to_u32),
        "attach_type" | "expected_attach_type" => AttachType::from_name(word).map(AttachType::to_u32),
        _ => None,
    };
    kind.map(u64::from).or_else(|| literal(word)).or_else(|| flag(word))
}

/// A number in digits.
pub(crate) fn literal(word: &str) -> Option<u64> {
    let (negative, digits) = word.strip_prefix('-').map_or((false, word), |digits| (true, digits));
    let value = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(if negative { value.wrapping_neg() } else { value })
}

fn flag(word: &str) -> Option<u64> {
    FLAGS.iter().flat_map(|family| family.rows).find(|(name, _)| *name == word).map(|(_, bits)| *bits)
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers() {
        assert_eq!(number("map_type", "hash"), Some(1));
        assert_eq!(number("prog_type", "xdp"), Some(6));
        assert_eq!(number("map_flags", "BPF_F_NO_PREALLOC"), Some(1));
        assert_eq!(number("flags", "0x10"), Some(16));
        assert_eq!(number("flags", "-1"), Some(u64::MAX));
        assert_eq!(number("flags", "hash"), None);
    }
}
