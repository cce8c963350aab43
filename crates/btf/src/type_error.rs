//! Why a question about a type has no answer.

use std::fmt;

use crate::TypeId;

/// Why a question about a type has no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TypeError {
    /// There is no type with this id.
    NoSuchType(TypeId),
    /// The type has no size: `void`, a function, a forward declaration.
    NoSize(TypeId),
    /// An array of more than 2^64 bytes.
    TooLarge(TypeId),
    /// The type has no declaration in C: a tag, or a variable or function where a type is wanted.
    NotC(TypeId),
    /// The type nests too deeply, or its text would be too long.
    TooComplex(TypeId),
}

impl fmt::Display for TypeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeError::NoSuchType(id) => write!(f, "there is no type {id}"),
            TypeError::NoSize(id) => write!(f, "type {id} has no size"),
            TypeError::TooLarge(id) => write!(f, "type {id} is larger than 2^64 bytes"),
            TypeError::NotC(id) => write!(f, "type {id} has no declaration in C"),
            TypeError::TooComplex(id) => write!(f, "type {id} is too complex to be written in C"),
        }
    }
}

impl std::error::Error for TypeError {}
