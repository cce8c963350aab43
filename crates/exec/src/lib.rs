//! A process of the host on the emulated kernel: its memory, descriptors, mappings, and what it waits for.
//!
//! [`Kernel`](skep_kernel::Kernel) answers `bpf(2)` for any caller whose memory it is shown. Here the caller is this
//! process: addresses are its own, and so are the numbers of descriptors. An emulated descriptor is a *placeholder* of
//! the host, so its number is nobody else's, and `poll(2)` of it works.
//!
//! ```
//! # #[cfg(target_os = "linux")]
//! # {
//! use skep_abi::attr::Cmd;
//! use skep_exec::{HostProcess, is_placeholder};
//! use skep_kernel::{Config, Kernel};
//!
//! let mut process = HostProcess::new(Kernel::new(Config::default())?)?;
//! // An ARRAY of one u32: type, key size, value size, entries.
//! let attr: [u32; 4] = [2, 4, 4, 1];
//! let at = attr.as_ptr().expose_provenance() as u64;
//! let map = process.bpf(Cmd::MapCreate as u32, at, size_of_val(&attr) as u32)?;
//! assert!(is_placeholder(map));
//! process.close(map)?;
//! assert!(!is_placeholder(map));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Closing
//! Whoever can see to it that `close(2)` of a placeholder becomes [`HostProcess::close`] should. Where nobody can, the end
//! of the placeholder that is kept here hangs up, and the next call notices: nothing else could see that an object of the
//! emulated kernel lived on until then.
//!
//! Architecture invariants: this is the one crate of the product that makes system calls beside `memory`; it works on Linux,
//! and is empty elsewhere. It knows nothing of C and of libbpf.
#![cfg(target_os = "linux")]

mod descriptors;
mod events;
mod mapping;
mod memory;
mod pages;
mod process;

pub use descriptors::is_placeholder;
pub use mapping::has_mappings;
pub use memory::ProcessMemory;
pub use process::HostProcess;
