//! Bytes as structured values, and back.

mod access;
mod bpftool;
mod compare;
mod decode;
mod display;
mod encode;
mod error;
mod field;

use std::sync::Arc;

pub use decode::Decoder;
pub use error::ValueError;
pub use field::FieldRef;

/// A value of some BTF type. It owns all that it holds.
///
/// [`Display`](std::fmt::Display) prints it on one line:
/// `{pid = 7, comm = "bash", state = RUNNING, ip = {word = 16777343 | bytes = hex:7f000001}}`. `{:?}` prints the same, so
/// that a failed assertion shows what people read.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// A signed integer, of up to 128 bits.
    Int(i128),
    /// An unsigned integer, of up to 128 bits. Also a `bool` that holds neither 0 nor 1.
    Uint(u128),
    /// A `bool`.
    Bool(bool),
    /// A single character. What clang calls `char` is an [`Value::Int`]: it records a signed integer.
    Char(u8),
    /// A `float` or `double`.
    Float(f64),
    /// A value of an enumeration.
    Enum {
        /// Its name, if the number has one.
        name: Option<Arc<str>>,
        /// The number.
        value: i128,
    },
    /// A pointer's bits.
    Ptr(u64),
    /// An array of `char`, with all its bytes. [`Value::as_str`] reads it as a string.
    Chars(Box<[u8]>),
    /// An array of one-byte unsigned integers that are not `char`, or a number of a kind that Rust lacks
    /// (`long double`, `_Float16`).
    Bytes(Box<[u8]>),
    /// Any other array.
    Array(Vec<Value>),
    /// A structure, or the variables of a data section: names and values, in declaration order. An anonymous
    /// member has an empty name.
    Struct(Vec<(Arc<str>, Value)>),
    /// A union: every member, each read from the same bytes.
    Union(Vec<(Arc<str>, Value)>),
}
