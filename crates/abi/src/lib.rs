//! The kernel's UAPI vocabulary as tables: helpers, map, program and attach types, flags, errno, context layouts.
//!
//! Every vocabulary is one table, and everything else is derived from it. The numbers are those of Linux 6.12 to 6.18
//! on a 64-bit little-endian machine; `since` says which kernel had an entry first.
//!
//! ```
//! use skep_abi::{Errno, KernelVersion, MapType, ProgType};
//!
//! let kind = MapType::from_u32(1).ok_or("no such type")?;
//! assert_eq!((kind.name(), kind.uapi()), ("hash", "BPF_MAP_TYPE_HASH"));
//! assert_eq!(ProgType::Xdp.since(), KernelVersion::new(4, 8));
//! assert_eq!(Errno::EEXIST.neg(), -17);
//! # Ok::<(), &str>(())
//! ```

pub mod attr;
pub mod ctx;
mod errno;
pub mod events;
mod features;
pub mod flags;
pub mod helpers;
pub mod info;
pub mod kfuncs;
mod name;
pub mod structs;
pub mod syscalls;
mod types;
pub mod uapi;
mod verdict;
mod version;

pub use errno::Errno;
pub use features::Feature;
pub use types::{AttachType, LinkType, MapType, ProgType};
pub use verdict::{ret_code, sk, tc, xdp};
pub use version::{KernelVersion, ParseKernelVersionError};
