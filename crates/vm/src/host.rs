//! What a machine asks of the world around it.

use std::fmt;
use std::sync::Arc;

use skep_isa::{Callee, Reg, Size};
use skep_memory::{Fault, Memory};

use crate::machine::Machine;
use crate::program::Program;

/// The world around a machine: helpers, kfuncs, the packet behind `LD_ABS`, arenas.
///
/// A host never runs the machine that calls it. A helper that calls back (`bpf_loop`, `bpf_for_each_map_elem`)
/// answers [`Outcome::Callback`] and goes on in [`Host::resume`], so that the machine can be stopped and cloned in
/// the middle of it.
pub trait Host {
    /// Runs a helper or a kfunc with the arguments in `call.args`. Local calls never come here.
    fn call(&mut self, call: &mut Call<'_>, callee: Callee) -> Outcome;

    /// Goes on with the helper that asked for a callback, which returned `r0`.
    ///
    /// The call site is that of the helper; `call.args` are no longer the helper's, which keeps what it needs in
    /// `cont`. A host whose helpers never answer [`Outcome::Callback`] need not write this.
    fn resume(&mut self, call: &mut Call<'_>, cont: Continuation, r0: u64) -> Outcome {
        let _ = (call, r0);
        Outcome::Fault(HostFault::not_emulated(format!("nobody waits for continuation {}", cont.id)))
    }

    /// Loads from the packet of the context in r6, for `LD_ABS` and `LD_IND`: `size` bytes at `offset`, which is
    /// negative for the special areas (`SKF_NET_OFF`, `SKF_LL_OFF`), as a number in the machine's order (the wire has
    /// it in network order). `None`, if the bytes are not there, ends the frame with r0 = 0.
    fn load_packet(&mut self, call: &mut Call<'_>, offset: i32, size: Size) -> Option<u64> {
        let _ = (call, offset, size);
        None
    }

    /// Says what a load gives that memory refused: `Some` is the value, before sign extension, where the kernel's
    /// exception table would let the program go on. `None`, the default, is a fault. Stores and atomics never come here.
    fn bad_load(&mut self, call: &mut Call<'_>, fault: &Fault) -> Option<u64> {
        let _ = (call, fault);
        None
    }

    /// Converts an address between address spaces: `from` 1 `to` 0 makes an arena pointer loadable, `from` 0 `to` 1
    /// makes it a user address. `None`, the default, is a fault: there is no arena.
    fn cast_address(&mut self, call: &mut Call<'_>, value: u64, to: u16, from: u16) -> Option<u64> {
        let _ = (call, value, to, from);
        None
    }
}

/// The host of programs that call nothing: every helper and kfunc is a fault.
#[derive(Clone, Copy, Default, Debug)]
pub struct NoHost;

impl Host for NoHost {
    fn call(&mut self, _call: &mut Call<'_>, callee: Callee) -> Outcome {
        Outcome::Fault(HostFault::not_emulated(format!("{callee:?} was called where there is no kernel")))
    }
}

/// One call out of a machine, seen from the host.
pub struct Call<'a> {
    /// The values of r1 to r5.
    pub args: [u64; 5],
    /// The memory that the machine runs on.
    pub memory: &'a Memory,
    machine: &'a Machine,
    charge: u64,
}

impl<'a> Call<'a> {
    pub(crate) fn new(memory: &'a Memory, machine: &'a Machine) -> Call<'a> {
        let [_, a, b, c, d, e, ..] = *machine.regs();
        Call { args: [a, b, c, d, e], memory, machine, charge: 0 }
    }

    pub(crate) fn charged(&self) -> u64 {
        self.charge
    }

    /// The machine, stopped at the call: registers, frames, counts.
    pub fn machine(&self) -> &'a Machine {
        self.machine
    }

    /// The program that holds the call.
    pub fn program(&self) -> &'a Arc<Program> {
        self.machine.program()
    }

    /// The slot of the call in [`Call::program`].
    pub fn slot(&self) -> usize {
        self.machine.slot()
    }

    /// The value of a register at the call.
    pub fn reg(&self, reg: Reg) -> u64 {
        self.machine.reg(reg)
    }

    /// How many frames are active, 1 for the entry function.
    pub fn depth(&self) -> usize {
        self.machine.depth()
    }

    /// How many more tail calls this invocation may make. At 0 the helper answers `Return(TAIL_CALL_FAILED)`.
    pub fn tail_calls_left(&self) -> u32 {
        self.machine.tail_calls_left()
    }

    /// Takes the cost of long work (a copy, a walk) from the budget, in units of one instruction.
    pub fn charge(&mut self, cost: u64) {
        self.charge = self.charge.saturating_add(cost);
    }

    /// What is left of the budget, with the charges of this call taken off; a helper may cut long work short at 0.
    pub fn budget_left(&self) -> u64 {
        self.machine.budget_left().saturating_sub(self.charge)
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (args, slot, charge) = (&self.args, self.slot(), self.charge);
        f.debug_struct("Call").field("args", args).field("slot", &slot).field("charge", &charge).finish()
    }
}

/// What a call comes to.
#[derive(Debug)]
pub enum Outcome {
    /// The helper is done; the value goes to r0.
    Return(u64),
    /// `bpf_tail_call` found its program, which replaces the current frame. If the invocation has made its
    /// [`MAX_TAIL_CALLS`](crate::MAX_TAIL_CALLS), it fails as a missing index does.
    TailCall(Arc<Program>),
    /// Runs a function of the current program, then [`Host::resume`].
    Callback {
        /// The function pointer that the program passed: [`Program::function_address`].
        func: u64,
        /// r1 to r5 of the function.
        args: [u64; 5],
        /// What the host wants to know when it returns.
        cont: Continuation,
    },
    /// `bpf_throw`: ends the running program with all its functions and callbacks. Its caller gets the cookie, or what
    /// the function at `catch` makes of it: a function pointer of the program, which runs in the place of its entry.
    Throw {
        /// What was thrown.
        cookie: u64,
        /// The exception callback.
        catch: Option<u64>,
    },
    /// The program or the host cannot go on.
    Fault(HostFault),
}

/// A suspended helper: plain data, so that a machine with one pending can be cloned and resumed later.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Continuation {
    /// Which helper and where in it; the meaning is the host's.
    pub id: u32,
    /// Its live variables; the meaning is the host's.
    pub state: [u64; 6],
}

/// Whose fault it is that a call cannot go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultClass {
    /// The program broke a rule: a bad pointer, a lock held twice.
    Program,
    /// The emulated kernel does not do this yet.
    NotEmulated,
    /// The machine around the emulated one ran out of something.
    HostLimit,
}

/// Why a call cannot go on.
#[derive(Clone, PartialEq, Debug)]
pub struct HostFault {
    /// Whose fault it is.
    pub class: FaultClass,
    /// One clear sentence.
    pub message: String,
    /// The access behind it, if it is one: a helper's memory argument.
    pub access: Option<Box<Fault>>,
}

impl HostFault {
    /// The program broke a rule.
    pub fn program(message: impl Into<String>) -> HostFault {
        HostFault { class: FaultClass::Program, message: message.into(), access: None }
    }

    /// The emulated kernel does not do this.
    pub fn not_emulated(message: impl Into<String>) -> HostFault {
        HostFault { class: FaultClass::NotEmulated, message: message.into(), access: None }
    }

    /// The host ran out of something.
    pub fn host_limit(message: impl Into<String>) -> HostFault {
        HostFault { class: FaultClass::HostLimit, message: message.into(), access: None }
    }

    /// A memory argument that the program may not use like this; `what` names it: "key of map_lookup_elem".
    pub fn access(what: &str, fault: Fault) -> HostFault {
        let message = format!("{what}: {fault}");
        HostFault { class: FaultClass::Program, message, access: Some(Box::new(fault)) }
    }
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for HostFault {}
