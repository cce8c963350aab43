//! The structs that R1 points to when a program starts, and what each program type may do with their fields.
//!
//! ```
//! use skep_abi::ctx::{self, Access, xdp_md};
//! use skep_abi::{AttachType, ProgType};
//!
//! assert_eq!((xdp_md::data_end.offset, xdp_md::LAYOUT.size), (4, 24));
//! let xdp = ctx::context(ProgType::Xdp, None).ok_or("no fixed layout")?;
//! assert_eq!(xdp.access(&xdp_md::egress_ifindex), Access::None);
//! let devmap = ctx::context(ProgType::Xdp, Some(AttachType::XdpDevmap)).ok_or("no fixed layout")?;
//! assert_eq!(devmap.access(&xdp_md::egress_ifindex), Access::Read);
//! # Ok::<(), &str>(())
//! ```

mod access;
pub(crate) mod layout;
mod layouts;

pub use access::{Access, CONTEXTS, Context, PLAIN_CONTEXTS, PlainContext, SOCK_COMMON_HIDDEN, context};
pub use layout::{Field, FieldKind, Layout};
pub use layouts::*;
