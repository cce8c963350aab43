//! Calls of helpers and functions.

mod arg;
mod args;
pub(crate) mod callback;
pub(crate) mod dynptr;
pub(crate) mod fields;
mod func;
mod helper;
pub(crate) mod irq;
pub(crate) mod iter;
pub(crate) mod known;
mod map_compat;
pub(crate) mod meta;
mod not_null;
pub(crate) mod refs;
pub(crate) mod reg_type;
mod ret;
mod text;
