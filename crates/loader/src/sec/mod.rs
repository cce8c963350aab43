//! SEC() handlers: what a section name says about its program, and what is done with it.
//!
//! libbpf has a table of section names ([`SECTIONS`]), and lets its user put handlers of his own before it. So does a
//! [`Registry`], which belongs to whoever opens objects: it is given to
//! [`OpenObject::parse_with`](crate::OpenObject::parse_with), and a program keeps the handler that it found there.
//!
//! ```
//! use skep_abi::{Errno, ProgType};
//! use skep_loader::sec::{HandlerOpts, Registry};
//!
//! let mut handlers = Registry::default();
//! let opts = HandlerOpts::new().cookie(7).setup(|program, cookie| match program.section() {
//!     "abc/off" => Err(Errno::EINVAL),
//!     _ => Ok(program.flags |= u32::try_from(cookie).unwrap_or(0)),
//! });
//! let id = handlers.register_prog_handler(Some("abc/"), ProgType::Xdp, None, opts)?;
//! assert_eq!(handlers.find("abc/on").unwrap().prog_type(), Some(ProgType::Xdp));
//! assert!(handlers.find("abc").is_none());
//! handlers.unregister_prog_handler(id)?;
//! assert_eq!(handlers.unregister_prog_handler(id), Err(Errno::ENOENT));
//! # Ok::<(), Errno>(())
//! ```

mod handler;
mod matching;
mod registry;
mod suggest;
mod table;

pub use handler::{AttachFn, Custom, Handler, HandlerOpts, PrepareLoadFn, SetupFn};
pub use matching::{find, matches};
pub use registry::Registry;
pub use suggest::suggest;
pub use table::{AutoAttach, SECTIONS, SecDef, flags};
