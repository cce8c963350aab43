//! The BPF verifier: the kernel's verdict, its log, and facts for engines.

pub mod scalar;
pub mod tnum;
