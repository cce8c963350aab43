//! Names: where they are in the string section, and what may be one.

use super::Checker;
use super::header::MAX_NAME_OFFSET;

/// `KSYM_NAME_LEN`: names are shorter.
const MAX_NAME: usize = 512;

impl<'a> Checker<'a> {
    /// `btf_name_offset_valid`.
    pub(super) fn is_name(&self, offset: u32) -> bool {
        offset <= MAX_NAME_OFFSET && (offset as usize) < self.strings.len()
    }

    /// The name at an offset, up to its NUL; nothing where there is none.
    pub(super) fn name(&self, offset: u32) -> Option<&'a [u8]> {
        let from = self.strings.get(offset as usize..).filter(|it| !it.is_empty())?;
        Some(&from[..from.iter().position(|it| *it == 0).unwrap_or(from.len())])
    }

    /// What the log calls it.
    pub(super) fn printed(&self, offset: u32) -> String {
        match self.name(offset) {
            _ if offset == 0 => "(anon)".to_owned(),
            Some(name) => String::from_utf8_lossy(name).into_owned(),
            None => "(invalid-name-offset)".to_owned(),
        }
    }

    /// `btf_name_valid_identifier`.
    pub(super) fn is_identifier(&self, offset: u32) -> bool {
        let fits = |it: &u8, first| {
            matches!(it, b'_' | b'.')
                || if first { it.is_ascii_alphabetic() } else { it.is_ascii_alphanumeric() }
        };
        self.name(offset).is_some_and(|name| match name {
            [] => false,
            [first, rest @ ..] => {
                fits(first, true) && rest.iter().all(|it| fits(it, false)) && name.len() <= MAX_NAME
            }
        })
    }

    /// `btf_name_valid_section`.
    pub(super) fn is_section(&self, offset: u32) -> bool {
        let printable = |it: &u8| (0x20..0x7f).contains(it) || *it >= 0xa0;
        let fits = |name: &[u8]| !name.is_empty() && name.len() <= MAX_NAME && name.iter().all(printable);
        self.name(offset).is_some_and(fits)
    }
}
