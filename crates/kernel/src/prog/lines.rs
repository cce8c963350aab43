//! Where instructions come from: lines of C, and functions.

use std::fmt;
use std::sync::Arc;

/// The line of C that the instructions from a slot on were made from, up to the next line's slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineInfo {
    /// The first instruction.
    pub slot: usize,
    /// The file's name, as the compiler was given it.
    pub file: Arc<str>,
    /// The line's number, from 1.
    pub line: u32,
    /// The column, from 1; 0 if it is not known.
    pub column: u32,
    /// The line itself; may be empty.
    pub text: Arc<str>,
}

impl fmt::Display for LineInfo {
    /// Writes `file:line:column: text`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {}", self.text.trim()) }
    }
}

/// Where a function begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FuncInfo {
    /// Its first instruction.
    pub slot: usize,
    /// Its name.
    pub name: Arc<str>,
    /// Its type (`Func`) in the program's types; 0: it is not known.
    pub type_id: u32,
}

/// The last of some sorted things that begins at or before a slot.
pub(super) fn at<T>(sorted: &[T], slot: usize, start: impl Fn(&T) -> usize) -> Option<&T> {
    let after = sorted.partition_point(|it| start(it) <= slot);
    sorted.get(after.checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_instruction() {
        let starts = [0, 3, 3, 7];
        let found = |slot| at(&starts, slot, |it| *it).map(std::ptr::from_ref);
        assert_eq!(found(0), Some(&raw const starts[0]));
        assert_eq!(found(2), Some(&raw const starts[0]));
        assert_eq!(found(3), Some(&raw const starts[2]));
        assert_eq!(found(99), Some(&raw const starts[3]));
        assert_eq!(at(&starts[1..], 2, |it| *it), None);
    }

    #[test]
    fn as_compilers_write_it() {
        let line =
            LineInfo { slot: 0, file: "a.bpf.c".into(), line: 7, column: 3, text: "\treturn 0;".into() };
        assert_eq!(line.to_string(), "a.bpf.c:7:3: return 0;");
        assert_eq!(LineInfo { column: 0, text: "".into(), ..line }.to_string(), "a.bpf.c:7");
    }
}
