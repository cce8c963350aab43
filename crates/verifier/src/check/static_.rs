//! Checks before any path is explored, in the order of `bpf_check`.

mod exceptions;
mod lost;
mod maps;
mod subprogs;
mod wide;

pub(crate) use self::subprogs::{is_helper_call, is_kfunc_call, is_pseudo_call, is_pseudo_func, jump_offset};
