//! `libskep`: the emulated kernel for C.
//!
//! Two sets of names. `skep_*` (`include/skep.h`) are kernels as values: make one, call
//! `bpf(2)` on it, run programs, see what they printed. `bpf_*` and `libbpf_*` are libbpf 1.5's low-level calls, with
//! its rules for options, results and `errno`, on one kernel of the process; so a C test that includes `<bpf/bpf.h>`
//! links with `-lskep` in place of `-lbpf`, and runs without privilege.
//!
//! # Descriptors
//! An emulated descriptor is a number of the process's own table, held by a placeholder. `close(2)` of it is all that is
//! needed: the next call of this library notices that it is gone. What `close(2)` would have done at once, such as
//! detaching a link, is done by then at the latest. `skep_close` does it at once.
//!
//! Architecture invariants: a function here turns C's arguments into those of a typed call and its result into C's; nothing
//! is decided here that the kernel or the loader decides. Memory that C gave for keys, values, programs and logs is read and
//! written by [`skep_exec`] alone, so that a bad address is `EFAULT`.

mod attr;
mod errno;
mod given;
mod layout;
mod low;
mod machine;
mod names;
mod object;
mod plain;
mod skep;
mod text;

pub use machine::Machine;
pub use skep::*;
