//! Why objects could not be linked.

use std::fmt;

/// What stands in the way of linking, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkError {
    /// The input file, as it was named; empty if it is about all of them together.
    pub file: String,
    /// The section; empty if it is about none.
    pub section: String,
    /// The symbol; empty if it is about none.
    pub symbol: String,
    /// What is wrong.
    pub message: String,
}

impl LinkError {
    pub(super) fn new(message: impl Into<String>) -> LinkError {
        let (file, section, symbol) = Default::default();
        LinkError { file, section, symbol, message: message.into() }
    }

    pub(super) fn section(section: &str, message: impl Into<String>) -> LinkError {
        LinkError { section: section.to_owned(), ..LinkError::new(message) }
    }

    pub(super) fn symbol(symbol: &str, message: impl Into<String>) -> LinkError {
        LinkError { symbol: symbol.to_owned(), ..LinkError::new(message) }
    }

    pub(super) fn in_file(self, file: &str) -> LinkError {
        LinkError { file: file.to_owned(), ..self }
    }

    pub(super) fn in_section(self, section: &str) -> LinkError {
        LinkError { section: section.to_owned(), ..self }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}: ", self.file)?;
        }
        if !self.section.is_empty() {
            write!(f, "section '{}': ", self.section)?;
        }
        if !self.symbol.is_empty() {
            write!(f, "symbol '{}': ", self.symbol)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for LinkError {}
