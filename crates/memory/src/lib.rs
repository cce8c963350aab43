//! The simulated address space: objects, rights, shadow, faults that name what was missed.
//!
//! A program of a simulated machine sees 32-bit addresses, sign-extended to 64 bits ([`layout`]). One [`Memory`] backs
//! them with three host reservations of 4 GiB: the bytes themselves, and two shadows that say, for each byte, how many
//! bytes of its object are left to load, and to store to. One compare is an exact bounds check for any access
//! ([`Window`]). Nothing of a reservation costs memory of the host before it is used, and what is used is counted and can
//! be limited ([`Memory::set_limit`]).
//!
//! ```
//! use skep_memory::{Access, Arena, Cause, Memory, ObjectKind, Origin, Rights};
//!
//! let memory = Memory::new()?;
//! let counts = Origin::new(ObjectKind::MapValue, "counts");
//! let value = memory.alloc(Arena::Values, 12, 8, Rights::RW, counts)?;
//!
//! memory.store(value + 8, 4, 7)?;
//! assert_eq!(memory.load(value + 8, 4)?, 7);
//!
//! let fault = memory.load(value + 8, 8).unwrap_err();
//! assert_eq!((fault.cause, fault.access), (Cause::OutOfBounds, Access::Load));
//! let text = fault.to_string();
//! assert!(text.ends_with(r#"at offset 8 of map value "counts" (12 bytes) it goes 4 bytes past the end"#), "{text}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Architecture invariants: no method hands out a reference into simulated memory; nothing outside of this crate
//! writes a shadow; no host pointer or data of ours lies inside a window.

#[cfg(not(target_pointer_width = "64"))]
compile_error!("a simulated address space needs a 64-bit host");

mod access;
mod error;
mod extents;
mod fault;
mod host;
mod kernel_access;
pub mod layout;
mod memory;
mod object;
mod origin;
mod pages;
mod pool;
mod report;
mod resident;
mod saved;
mod snapshot;
mod space;
mod table;
mod user;
mod window;

pub use error::{HostLimit, NoMemory, OverLimit};
pub use fault::{Access, Cause, Fault};
pub use layout::Arena;
pub use memory::Memory;
pub use object::ObjectInfo;
pub use origin::{ObjectKind, Origin, Rights, Site};
#[cfg(all(unix, not(skep_portable_memory)))]
pub use pages::HostPages;
pub use pages::PageFile;
pub use snapshot::{RestoreError, Snapshot};
pub use user::{UserFault, UserRangeError, UserRanges};
pub use window::Window;
