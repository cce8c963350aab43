//! How a section name is matched (`sec_def_matches` and `find_sec_def` in libbpf's `libbpf.c`).

use super::table::{SECTIONS, SecDef};

/// Whether a section name is of the kind that a pattern stands for.
///
/// `"xdp"` matches itself alone; `"kprobe+"` matches `kprobe` and `kprobe/...`; `"x/"` matches `x/...`. No other
/// character is special.
///
/// ```
/// use skep_loader::sec::matches;
/// assert!(matches("abc", "abc") && !matches("abc", "abc/x") && !matches("abc", "abcd"));
/// assert!(matches("abc/", "abc/x") && matches("abc/", "abc/") && !matches("abc/", "abc"));
/// assert!(matches("abc+", "abc/x") && matches("abc+", "abc") && !matches("abc+", "abcd"));
/// ```
pub fn matches(pattern: &str, section: &str) -> bool {
    if pattern.ends_with('/') {
        section.starts_with(pattern)
    } else if let Some(stem) = pattern.strip_suffix('+') {
        section.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    } else {
        section == pattern
    }
}

impl SecDef {
    /// Whether `section` is of this kind: see [`matches()`].
    pub fn matches(&self, section: &str) -> bool {
        matches(self.sec, section)
    }
}

/// The row of the built-in table for `section`, which has no `?` in front: the first that matches.
///
/// ```
/// use skep_loader::sec::find;
/// assert_eq!(find("kprobe/do_unlinkat").unwrap().sec, "kprobe+");
/// assert_eq!(find("kprobe").unwrap().sec, "kprobe+");
/// assert!(find("kprobes").is_none());
/// assert!(find("xdp/anything").is_none());
/// ```
pub fn find(section: &str) -> Option<&'static SecDef> {
    SECTIONS.iter().find(|def| def.matches(section))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use skep_abi::AttachType;

    #[test]
    fn order_decides_between_a_longer_and_a_shorter_name() {
        assert_eq!(find("xdp.frags/devmap").unwrap().attach_type, Some(AttachType::XdpDevmap));
        let migrate = find("sk_reuseport/migrate").unwrap();
        assert_eq!(migrate.attach_type, Some(AttachType::SkReuseportSelectOrMigrate));
        assert_eq!(find("uprobe.multi.s/x").unwrap().sec, "uprobe.multi.s+");
    }

    #[test]
    fn every_pattern_finds_itself() {
        for def in SECTIONS {
            let name = def.sec.trim_end_matches('+');
            assert_eq!(find(name).map(|d| d.sec), Some(def.sec));
        }
    }

    #[test]
    fn patterns_at_their_ends() {
        for (pattern, section, expected) in [
            ("", "", true),
            ("", "x", false),
            ("/", "/", true),
            ("/", "/x", true),
            ("/", "x", false),
            ("+", "", true),
            ("+", "/x", true),
            ("+", "x", false),
            ("a//", "a//", true),
            ("a//", "a/", false),
            ("a/+", "a/", true),
            ("a/+", "a//b", true),
            ("a/+", "a/b", false),
            ("a++", "a+", true),
            ("a++", "a+/", true),
            ("a+/", "a+/b", true),
            ("a+/", "a/b", false),
        ] {
            assert_eq!(matches(pattern, section), expected, "{pattern:?} {section:?}");
        }
    }

    proptest! {
        /// The three forms are told apart by the last character alone.
        #[test]
        fn a_pattern_says_what_it_matches(stem in "[a-z+/]{0,6}", section in "[a-z+/]{0,8}") {
            let rest = section.strip_prefix(&stem);
            prop_assert_eq!(
                matches(&format!("{stem}+"), &section),
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            );
            prop_assert_eq!(
                matches(&format!("{stem}/"), &section),
                rest.is_some_and(|rest| rest.starts_with('/'))
            );
            prop_assert_eq!(matches(&format!("{stem}x"), &section), rest == Some("x"));
        }
    }
}
