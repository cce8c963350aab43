//! The BPF verifier: the kernel's verdict, its log, and facts for engines.
//!
//! [`verify`] follows every path through a program and keeps what is known of each register and stack slot, as Linux 6.18
//! does: the same verdict, the same errno, the same log at every level, the same `processed N insns`. What the program is
//! about (maps, types, the kernel) comes in through one trait, [`Env`]; nothing is read from anywhere else.
//!
//! ```
//! use skep_abi::{Errno, KernelVersion, ProgType};
//! use skep_verifier::{Env, Options, Program, verify};
//!
//! /// A kernel without types, modules and maps.
//! struct Bare;
//!
//! impl Env for Bare {
//!     fn version(&self) -> KernelVersion { KernelVersion::new(6, 18) }
//! }
//!
//! let insns = skep_isa::asm::assemble("r2 = *(u32 *)(r1 + 0)\n r0 = *(u8 *)(r2 + 12)\n exit")?;
//! let program = Program {
//!     name: "first_byte", prog_type: ProgType::Xdp, attach_type: None, flags: 0, gpl: true,
//!     insns: &insns, btf: None, funcs: &[], lines: &[], attach: None,
//! };
//! let outcome = verify(&program, &Bare, Options::default());
//! assert_eq!(outcome.errno, Some(Errno::EACCES));
//! assert_eq!(outcome.message, "R2 offset is outside of the packet");
//! assert!(outcome.log.contains("1: (71) r0 = *(u8 *)(r2 +12)"));
//! assert!(outcome.explanation.hint.is_some());
//! # Ok::<(), skep_isa::asm::AsmError>(())
//! ```
//!
//! # Where things are
//!
//! - What is known: [`tnum`] and [`scalar`] (numbers), `state` (registers, stack, frames, references).
//! - Before any path: `check/static_` (functions, wide loads), `cfg` (the graph), `btf_ptr` (what the program is attached to).
//! - One instruction: `check` (the loop, arithmetic, branches, exits), `mem` and `ctx` (accesses), `call` and `kfunc` (calls).
//! - Which paths need not be followed: `prune` (comparing states, precision), `liveness`.
//! - What is said: `log`, `explain`; what engines get: `facts`; what tests hold against runs: [`claims`].
//!
//! A message is written where the check is, with `refuse!`, in the kernel's words. What usually helps against one is a row
//! of `explain/hints.rs`. Helpers, kernel functions and contexts are tables of `skep-abi`; a new one needs nothing here
//! unless a rule of its own goes with it.

mod access;
mod aux;
mod btf_ptr;
mod call;
mod cfg;
mod check;
pub mod claims;
mod code;
mod ctx;
mod explain;
mod explored;
mod facts;
mod input;
mod kfunc;
mod liveness;
mod log;
mod mem;
mod program;
mod prune;
mod record;
pub mod scalar;
mod state;
mod stop;
mod subprog;
pub mod tnum;
mod verifier;

pub use explain::{Explanation, hint};
pub use input::{Attach, Caps, Env, Func, Line, MapInfo, Options, Program, Refusal, Stage, Target};
pub use log::{FIXED as LOG_FIXED, LogBuffer, LogExtent, check_log_request};
pub use program::{Outcome, verify};
pub use verifier::{Stats, Verifier};
