//! The real libbpf on the emulated kernel, in one process.
//!
//! libbpf reaches the kernel through a few functions of libc. The linker gives its calls of them to this package
//! (`--wrap`, see `build.rs`), which takes those that are about an emulated descriptor to a
//! [`HostProcess`](skep_exec::HostProcess) and passes all others on. So everything that libbpf does, its own code does: it opens
//! objects, asks what the kernel can, relocates, loads, attaches, maps rings and reads them. No privilege is needed, and
//! the real kernel sees none of it.
//!
//! The package is for integration tests alone: cargo passes `--wrap` to nothing else.

mod paths;
mod wrap;

pub use paths::show;
pub use wrap::Machine;
