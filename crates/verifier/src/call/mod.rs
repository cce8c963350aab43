//! Calls of helpers and functions.

pub(crate) mod dynptr;
pub(crate) mod fields;
mod func;
mod helper;
pub(crate) mod irq;
pub(crate) mod iter;
pub(crate) mod meta;
mod not_null;
mod pending;
pub(crate) mod refs;
