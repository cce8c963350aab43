//! Why bytes could not be read or written as a type.

use std::fmt;

use crate::{TypeError, TypeId};

/// Why bytes could not be read or written as a type.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ValueError {
    /// The type, or one inside of it, has no values.
    Type(TypeError),
    /// Fewer bytes than the type has.
    Short {
        /// The type.
        id: TypeId,
        /// Its size in bytes.
        wanted: u64,
        /// Bytes that are there.
        have: usize,
    },
    /// The type says that there are far more values in the bytes than there are bytes.
    TooMany,
    /// A path that is not `name`, `.name` or `[index]`, repeated; at this byte of it.
    Path(usize),
    /// No such member; the path up to and with it.
    NoMember(String),
    /// Not an array, or an index past its end; the path up to and with the index.
    NoElement(String),
    /// The value is of a sort that the type cannot hold; the path to it, and what the type is.
    Mismatch {
        /// Path to the value; empty for the whole.
        path: String,
        /// What would fit.
        expected: &'static str,
    },
    /// A number that the type has no room for; the path to it.
    OutOfRange(String),
}

impl ValueError {
    /// The same error, its path behind `outer`.
    pub(super) fn inside(mut self, outer: &str) -> ValueError {
        if let ValueError::NoMember(path)
        | ValueError::NoElement(path)
        | ValueError::OutOfRange(path)
        | ValueError::Mismatch { path, .. } = &mut self
        {
            let dot = if path.is_empty() || path.starts_with('[') || outer.is_empty() { "" } else { "." };
            *path = format!("{outer}{dot}{path}");
        }
        self
    }
}

impl From<TypeError> for ValueError {
    fn from(error: TypeError) -> ValueError {
        ValueError::Type(error)
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |path: &str| if path.is_empty() { "the value" } else { path }.to_owned();
        match self {
            ValueError::Type(error) => error.fmt(f),
            ValueError::Short { id, wanted, have } => {
                write!(f, "a value of type {id} has {wanted} bytes, not {have}")
            }
            ValueError::TooMany => write!(f, "the type holds far more values than these bytes can"),
            ValueError::Path(at) => {
                write!(f, "a path is `name.name[index]`; this one is not from byte {at} on")
            }
            ValueError::NoMember(path) => write!(f, "there is no member `{path}`"),
            ValueError::NoElement(path) => write!(f, "there is no element `{path}`"),
            ValueError::Mismatch { path, expected } => write!(f, "{} takes {expected}", whole(path)),
            ValueError::OutOfRange(path) => write!(f, "it does not fit into {}", whole(path)),
        }
    }
}

impl std::error::Error for ValueError {}
