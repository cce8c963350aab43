//! The interpreter: frames, tail calls, callbacks, budget, hooks; one value that can be stopped, cloned and resumed.
//!
//! A [`Program`] is made once from the instructions the kernel would run, and shared. A [`Machine`] is one invocation
//! of it: it runs on a [`Memory`](skep_memory::Memory) and asks a [`Host`] for all that lies outside the program.
//!
//! ```
//! use std::sync::Arc;
//!
//! use skep_isa::{AluOp, Op, Operand, Reg, Width};
//! use skep_memory::Memory;
//! use skep_vm::{Exit, Machine, NoHost, Program, Stack};
//!
//! let alu = |op, dst, src| Op::Alu { op, width: Width::W64, dst, src };
//! let ops = [
//!     alu(AluOp::Mov, Reg::R0, Operand::Reg(Reg::R1)),
//!     alu(AluOp::Mul, Reg::R0, Operand::Reg(Reg::R2)),
//!     Op::Exit,
//! ];
//! let insns: Vec<_> = ops.iter().map(|op| op.encode().0).collect();
//! let program = Arc::new(Program::new(&insns, 0xffff_ffff_fb00_0000)?);
//!
//! let memory = Memory::new()?;
//! let stack = Stack::new(&memory)?;
//! let mut machine = Machine::new(program, stack, [6, 7, 0, 0, 0], 1);
//! assert!(matches!(machine.run(&memory, &mut NoHost), Exit::Return(42)));
//! assert_eq!(machine.insns(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod callers;
mod exit;
mod flow;
mod frame;
mod hook;
mod host;
mod machine;
mod program;
mod seed;
mod stack;
mod step;
mod threaded;

pub use exit::{Exit, Trap, TrapKind};
pub use frame::MAX_LOOPS;
pub use hook::Hook;
pub use host::{Call, Continuation, FaultClass, Host, HostFault, NoHost, Outcome};
pub use machine::{DEFAULT_BUDGET, Machine};
pub use program::{DecodeError, MAX_SLOTS, Program};
pub use seed::Poison;
pub use stack::{FRAME_BYTES, MAX_FRAMES, MAX_TAIL_CALLS, Stack};
pub use step::TAIL_CALL_FAILED;
