//! Strings that are there once.

use std::collections::{HashMap, HashSet};

use super::DedupError;
use crate::{Btf, BtfExt, StrOff, Type};

/// Bytes of the new table for each of the old one: names may lie in each other.
const GROWTH: usize = 16;

/// Leaves one of each string, if there are several, and lets types and records refer to it.
pub(super) fn unique(btf: &Btf, types: &mut [Type], ext: Option<&mut BtfExt>) -> Result<String, DedupError> {
    let old = String::from_utf8_lossy(btf.strings.as_bytes()).into_owned();
    let mut table = Strings::new(btf);
    if table.is_unique(&old) {
        return Ok(old);
    }
    let mut ext = ext;
    let mut change = |name: &mut StrOff| *name = table.place(*name);
    for ty in types {
        change(&mut ty.name);
        ty.def.for_each_name(&mut change);
    }
    if let Some(ext) = &mut ext {
        ext.for_each_string(&mut change);
    }
    match table.text.len() > old.len().saturating_mul(GROWTH) {
        true => Err(DedupError::TooComplex),
        false => Ok(table.text),
    }
}

struct Strings<'b> {
    btf: &'b Btf,
    text: String,
    by_text: HashMap<&'b str, StrOff>,
    by_offset: HashMap<StrOff, StrOff>,
    limit: usize,
}

impl<'b> Strings<'b> {
    fn new(btf: &'b Btf) -> Strings<'b> {
        let limit = btf.strings.as_bytes().len().saturating_mul(GROWTH);
        let (by_text, by_offset) = (HashMap::new(), HashMap::new());
        Strings { btf, text: "\0".to_owned(), by_text, by_offset, limit }
    }

    /// Whether no two strings of the table are the same. Names that lie in others do not matter: they stay where they are,
    /// but then types of the same name may not be seen to be so, so those are taken for doubles.
    fn is_unique(&self, table: &str) -> bool {
        let mut seen = HashSet::new();
        let mut starts = HashSet::new();
        let mut at = 0;
        for text in table.split_terminator('\0') {
            if !seen.insert(text) {
                return false;
            }
            starts.insert(at);
            at += text.len() as u32 + 1;
        }
        let mut all = true;
        for ty in &self.btf.types {
            all &= starts.contains(&ty.name.0);
            ty.def.clone().for_each_name(&mut |name| all &= starts.contains(&name.0));
        }
        all
    }

    /// Where a string of the old table is in the new one.
    fn place(&mut self, old: StrOff) -> StrOff {
        if old.is_empty() {
            return old;
        }
        if let Some(new) = self.by_offset.get(&old) {
            return *new;
        }
        // Past the limit nothing is copied; `unique` refuses the whole.
        let text = self.btf.str(old);
        if self.text.len() > self.limit {
            return StrOff::EMPTY;
        }
        let end = StrOff(self.text.len() as u32);
        let new = if text.is_empty() { StrOff::EMPTY } else { *self.by_text.entry(text).or_insert(end) };
        if new == end {
            self.text.push_str(text);
            self.text.push('\0');
        }
        self.by_offset.insert(old, new);
        new
    }
}
