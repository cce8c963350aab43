//! Calls of helpers and functions.

mod func;
mod helper;
pub(crate) mod meta;
mod refs;
