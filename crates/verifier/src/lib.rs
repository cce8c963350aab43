//! The BPF verifier: the kernel's verdict, its log, and facts for engines.

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
pub use input::{Attach, Caps, Env, Func, Line, MapInfo, Options, Program, Target};
pub use program::{Outcome, verify};
pub use verifier::{Stats, Verifier};
