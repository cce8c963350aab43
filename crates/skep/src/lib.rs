//! Load the `.bpf.o` that clang made and run it in an ordinary `#[test]`: no root, no kernel BPF.
//!
//! ```
//! # fn main() -> skep::Result<()> {
//! # let object = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/xdp_firewall.bpf.o");
//! # let syn = include_bytes!("../../../fixtures/captures/telnet-syn.bin");
//! let mut sk = skep::open(object)?.load()?;
//!
//! let ran = sk.program("xdp_firewall")?.run(skep::packet(syn))?;
//! assert_eq!(ran.verdict(), Some("XDP_PASS"));
//! assert_eq!(ran.packet_out.as_deref(), Some(&syn[..]));
//! # Ok(())
//! # }
//! ```
//!
//! [`open`] gives a [`Builder`], on which globals and maps are set before they are loaded; [`Builder::load`] gives a
//! [`Skep`]: one simulated machine with the object in it. Programs, maps, events and printed lines are reached from
//! there, by name. Every machine is a world of its own and a function of its inputs: the same test gives the same
//! result on every host.
//!
//! The parts are here as modules for those who need more: [`isa`], [`abi`], [`btf`], [`object`], [`memory`], [`maps`],
//! [`vm`], [`kernel`], [`loader`].

mod builder;
mod context;
mod error;
mod event_type;
mod events;
mod handlers;
mod happen;
mod machine;
mod map;
mod map_kinds;
mod map_named;
mod program;
mod render;
mod struct_ops;
pub mod target;
mod vars;
mod world;

pub use builder::{Builder, open, parse};
pub use context::{packet, raw_args, record, regs};
pub use error::{Error, Result};
pub use event_type::EventType;
pub use events::{Event, Events, Seen};
pub use handlers::Loader;
pub use machine::Skep;
pub use map::{Entry, Map};
pub use program::Program;
pub use render::{element as show_element, hex};
pub use struct_ops::StructOps;

pub use bytemuck;
pub use skep_abi as abi;
pub use skep_abi::{ProgType, flags, tc, xdp};
pub use skep_btf as btf;
pub use skep_isa as isa;
pub use skep_kernel as kernel;
pub use skep_kernel::args;
pub use skep_kernel::{
    Arch, Args, Class, Clock, Context, FieldValue, LineInfo, Note, PacketCtx, PtRegs, Ran, Report, Run,
    Target, TargetBtf, Task, TraceLine,
};
pub use skep_kernel::{Called, CgroupAnswer, Device, Hop, Journey, LinkCreate, Outcome, Stage};
pub use skep_kernel::{ObjectError, ObjectMut, SocketSpec};
pub use skep_loader as loader;
pub use skep_loader::Kconfig;
pub use skep_loader::Link;
pub use skep_loader::sec::HandlerOpts;
pub use skep_maps as maps;
pub use skep_maps::MapSpec;
pub use skep_memory as memory;
pub use skep_object as object;
pub use skep_vm as vm;
