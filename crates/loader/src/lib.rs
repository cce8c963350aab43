//! What libbpf does: open an object, set its globals, link its programs and load it; read its buffers; and make one
//! object of several ([`linker`]).
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use skep_kernel::{Config, Context, Kernel, PacketCtx, Run};
//! use skep_loader::OpenObject;
//!
//! let open = OpenObject::parse(&std::fs::read("firewall.bpf.o")?)?;
//! let mut kernel = Kernel::new(Config::default())?;
//! let loaded = open.load(&mut kernel);
//! let ran = kernel.run(loaded.program("firewall")?, Run::new(Context::Packet(PacketCtx::new(vec![0; 64]))))?;
//! println!("{}", ran.retval());
//! # Ok(())
//! # }
//! ```

pub mod attach;
pub mod core;
mod error;
mod fill;
mod kconfig;
pub mod ksyms;
mod link;
pub mod linker;
mod load;
mod map_types;
mod open;
mod own_types;
mod pins;
pub mod readers;
pub mod sec;
mod struct_ops;
mod target;
pub mod types;
mod vars;

pub use attach::{Among, Link};
pub use error::{Error, Refused};
pub use kconfig::{Answer as KconfigAnswer, Kconfig};
pub use load::{Loaded, LoadedMap, LoadedProgram, Request};
pub use open::{MapPlan, MapSource, OpenObject, OpenOptions, ProgramPlan};
pub use struct_ops::Member;
