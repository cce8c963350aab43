//! How a run ends.

use std::fmt;
use std::sync::Arc;

use skep_memory::Fault;

use crate::host::HostFault;
use crate::program::Program;
use crate::stack::MAX_FRAMES;

/// How a run ended.
#[derive(Clone, Debug)]
pub enum Exit {
    /// The entry function returned this r0.
    Return(u64),
    /// The program cannot go on. The machine stands at the instruction, which counts as not executed.
    Fault(Box<Trap>),
}

/// Why and where a program cannot go on. The registers and frames are in the machine.
#[derive(Clone, Debug)]
pub struct Trap {
    /// Why.
    pub kind: TrapKind,
    /// The program that holds the instruction: after a tail call, not the one that was started.
    pub program: Arc<Program>,
    /// The instruction, as a slot of that program.
    pub slot: usize,
    /// How many frames were active, 1 for the entry function.
    pub depth: usize,
}

/// Why a program cannot go on.
#[derive(Clone, PartialEq, Debug)]
pub enum TrapKind {
    /// A load or store that its object does not allow.
    Memory(Fault),
    /// The budget is used up. With a larger one the machine goes on where it stands.
    Budget,
    /// A call or callback beyond [`MAX_FRAMES`].
    CallDepth,
    /// A helper was given a callback that is no function pointer of the program.
    BadCallback {
        /// The value it was given.
        func: u64,
    },
    /// An address space cast, and the host knows no arena.
    NoArena,
    /// A helper or kfunc says so.
    Host(HostFault),
}

impl fmt::Display for TrapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrapKind::Memory(fault) => fault.fmt(f),
            TrapKind::Budget => f.write_str("the instruction budget is used up"),
            TrapKind::CallDepth => write!(f, "calls are nested more than {MAX_FRAMES} deep"),
            TrapKind::BadCallback { func } => {
                write!(f, "{func:#x} is no function of the program to call back")
            }
            TrapKind::NoArena => f.write_str("address space cast in a program without an arena"),
            TrapKind::Host(fault) => fault.fmt(f),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "insn {}: {}", self.slot, self.kind)
    }
}

impl std::error::Error for Trap {}
