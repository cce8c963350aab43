//! The emulated kernel: helpers, program types and contexts, cpus, clock, perf and ring buffers, file descriptors.
//!
//! One [`Kernel`] value is one simulated machine. It makes maps, loads programs, and runs them with contexts of the
//! caller's choosing; what it answers, and what it leaves behind in maps and rings, is what Linux 6.12 would.
//!
//! ```
//! use skep_abi::{MapType, ProgType};
//! use skep_isa::asm::assemble;
//! use skep_kernel::{Config, Context, Kernel, MapSpec, PacketCtx, ProgLoad, Run};
//!
//! let mut kernel = Kernel::new(Config::default())?;
//! let counts = kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 1))?;
//!
//! // Counts packets, and passes those that are long enough.
//! let insns = assemble(&format!(
//!     "r6 = r1
//!      *(u32 *)(r10 - 4) = 0
//!      r1 = map[fd:{counts}] ll
//!      r2 = r10
//!      r2 += -4
//!      call 1
//!      if r0 == 0 goto drop
//!      r1 = 1
//!      lock *(u64 *)(r0 + 0) += r1
//!      r1 = *(u32 *)(r6 + 0)
//!      r2 = *(u32 *)(r6 + 4)
//!      r1 += 64
//!      if r1 > r2 goto drop
//!      r0 = 2
//!      exit
//!      drop:
//!      r0 = 1
//!      exit"
//! ))?;
//! let prog = kernel.prog_load(ProgLoad::new("pass_long", ProgType::Xdp, insns))?;
//!
//! let ran = kernel.run(prog, Run::new(Context::Packet(PacketCtx::new(vec![0; 64]))))?;
//! assert_eq!(ran.verdict(), Some("XDP_PASS"));
//! let ran = kernel.run(prog, Run::new(Context::Packet(PacketCtx::new(vec![0; 60]))))?;
//! assert_eq!(ran.verdict(), Some("XDP_DROP"));
//! assert_eq!(kernel.map_lookup_elem(counts, &[0; 4])?, 2u64.to_le_bytes());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where things are
//! - `kernel`, `maps`, `prog`, `perf`: what user space does with fds; `sys` is what such calls work on
//! - `bpf`: `bpf(2)` itself, which decodes and calls those
//! - `hooks`, `links`, `events`: what is attached where, by which links, and what happens to it
//! - `fire`: contexts made from what a program is attached to and arguments by name
//! - `run`, `context`, `host`: one invocation of a program, and what it sees
//! - `kfuncs`: kernel functions that programs call by BTF id, one row each
//! - `helpers`: one file per family, one row per helper in `helpers/mod.rs`
//! - `world`: kernel objects by type, and the world that programs look around in
//! - `hooks`, `links`: what is attached where and in which order it runs; attaching
//! - `net`: the network that programs look at: devices, routes, neighbours, sockets
//! - `files`, `bpffs`: open files, descriptors and processes; directories where objects are pinned
//! - `state`, `object`: the state of the machine
//! - `vmlinux`: the types of a kernel that come with it, made of the header in `crates/kernel/vmlinux`
//!
//! Architecture invariants: nothing here reads the host's clock, randomness, environment or files; helpers reach
//! simulated memory through checked accesses alone; no program and no caller can make any of this panic.

pub mod bpf;
mod bpffs;
mod bprintf;
mod btf_check;
mod btf_object;
mod btf_show;
mod config;
mod context;
mod csum;
mod effects;
mod events;
mod fields;
mod files;
pub(crate) mod fire;
mod helpers;
// What nobody attaches to yet is not used yet.
#[allow(dead_code, reason = "links and events come next")]
mod hooks;
mod host;
mod invocation;
mod kernel;
mod kfuncs;
mod ksyms;
mod links;
mod maps;
mod mmap;
mod net;
mod notes;
mod object;
mod outside;
mod owned;
mod perf;
mod poll;
mod probe;
mod prog;
mod raw;
mod report;
mod rng;
mod run;
mod special;
mod stacks;
mod state;
mod symbols;
mod sys;
mod task_regs;
mod timers;
mod trace;
mod traced;
mod types;
mod verdict;
pub mod vmlinux;
mod world;

pub use bpf::UserMemory;
pub use bpffs::{FileKind, FileStat, Place, Token};
pub use btf_object::BtfInfo;
pub use config::{Clock, Config, Task};
pub use context::{Context, PacketCtx, PtRegs, StructCtx};
pub use effects::{Branch, Effects, PerfValue, Remote, Signal};
pub use events::{Called, CgroupAnswer, Hop, Journey, Outcome, Stage};
pub use files::{Credentials, Fd, Process, UserNs};
pub use fire::{Arch, Arm64Regs, Fire, Target};
pub use helpers::emulated_helpers;
pub use invocation::{NextHop, Redirect, Through};
pub use kernel::Kernel;
pub use kfuncs::emulated_kfuncs;
pub use links::{
    FdType, Functions, IterInfo, IterLink, KprobeMulti, LinkCreate, LinkDetails, LinkInfo, LinkWith,
    PerfLinkInfo, ProgAttach, ProgQuery, Queried, QueriedProg, TaskFd, TcFilter, UprobeMulti, XdpProgs,
};
pub use mmap::{
    MAP_PRIVATE, MAP_SHARED, MAP_SHARED_VALIDATE, MappedPart, Mapping, MappingId, Mmap, PROT_EXEC, PROT_READ,
    PROT_WRITE, Pages, PagesKind, PagesWanted,
};
pub use net::{
    ClonedPacket, Device, Net, NetEffects, NetSocket, NetkitEnd, Prefix, Route, RouteKind, Sysctl, Tunnel,
};
pub use notes::Note;
pub use object::Noun;
pub use outside::OutsideKind;
pub use perf::{PERF_TYPE_KPROBE, PERF_TYPE_UPROBE, PerfEventAttr, PerfRing};
pub use poll::{EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDNORM, EPOLLWRNORM, Waiter};
pub use prog::{
    Asked, AttachView, Examined, FuncInfo, LineInfo, MapView, ModuleView, NotVerified, ProgInfo, ProgLoad,
    ProgView, Rejection, Verdict, Verifier, Verify,
};
pub use raw::{RawRan, RawRun};
pub use report::{Class, Error, LoadError, Report, RunError};
pub use run::{Ran, Run};
pub use skep_maps::{CreateError, MapSpec};
pub use skep_memory::PageFile;
pub use skep_verifier::{
    Caps, LogExtent, Options as VerifyOptions, Outcome as VerifyOutcome, Refusal as VerifyRefusal,
    Stage as VerifyStage,
};
pub use special::special_fields;
pub use stacks::{CallStack, MappedFile};
pub use trace::TraceLine;
pub use types::{MapTypes, TargetBtf};
pub use world::{Args, FieldValue, ObjectError, ObjectMut, Problem, SocketSpec};
