//! One instruction after another.

mod alu;
mod branch;
mod regs;
mod static_;
