//! What a misspelt section name may have meant.

use super::table::SECTIONS;

/// Section names that are close to `section`, best first: what a misspelt one may have meant.
pub fn suggest(section: &str) -> Option<&'static str> {
    let stem = section.split('/').next().unwrap_or(section);
    SECTIONS
        .iter()
        .map(|def| def.sec.trim_end_matches(['+', '/']))
        .map(|name| (distance(stem, name), name))
        .filter(|(distance, name)| *distance <= 2 && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

/// Levenshtein's distance; both names are short (a section name is cut at 32 bytes).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<u8> = a.bytes().take(32).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(*ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_section_gets_a_suggestion() {
        assert_eq!(suggest("xpd"), Some("xdp"));
        assert_eq!(suggest("krpobe/do_exit"), Some("kprobe"));
        assert_eq!(suggest("something-else-entirely"), None);
    }
}
