//! One running program as one value.

use std::sync::Arc;

use skep_isa::{Callee, Op, Reg};
use skep_memory::Memory;

use crate::callers::Callers;
use crate::exit::{Exit, Trap, TrapKind};
use crate::frame::Active;
use crate::hook::Hook;
use crate::host::Host;
use crate::program::Program;
use crate::seed::Poison;
use crate::stack::{MAX_TAIL_CALLS, Stack};
use crate::step::Step;
use crate::threaded::Cpu;

/// The budget of a machine that was given none: less than a second of work.
pub const DEFAULT_BUDGET: u64 = 100_000_000;

/// One invocation of a program: registers, frames, counts, and helpers waiting for a callback.
///
/// It holds no pointer into its memory or host, which come with every call: it can be stopped between any two
/// instructions, cloned (the memory is not) and resumed. Running it is the same as stepping it to the end.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Machine {
    /// Comes first, so that handlers find registers where their machine begins.
    pub(crate) cpu: Cpu,
    pub(crate) active: Active,
    pub(crate) callers: Callers,
    pub(crate) stack: Stack,
    pub(crate) poison: Arc<Poison>,
    pub(crate) tail_calls: u32,
    pub(crate) phase: Phase,
    budget: u64,
    insns: u64,
    charges: u64,
}

/// Where in its life a machine is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// The entry frame is not yet made accessible.
    Fresh,
    Running,
    /// The entry function returned this.
    Finished(u64),
}

impl Machine {
    /// A machine about to run the first instruction, with `args` in r1 to r5. What the program reads before writing
    /// it follows from `seed` ([`Poison`]). The budget is [`DEFAULT_BUDGET`].
    pub fn new(program: Arc<Program>, stack: Stack, args: [u64; 5], seed: u64) -> Machine {
        Machine::with_poison(program, stack, args, Arc::new(Poison::new(seed)))
    }

    /// As [`Machine::new`], with what follows from the seed made before: for many short runs with one seed.
    pub fn with_poison(program: Arc<Program>, stack: Stack, args: [u64; 5], poison: Arc<Poison>) -> Machine {
        let mut regs = *poison.regs();
        regs[1..6].copy_from_slice(&args);
        Machine {
            cpu: Cpu::new(regs),
            active: Active::new(program),
            callers: Callers::default(),
            stack,
            poison,
            tail_calls: 0,
            phase: Phase::Fresh,
            budget: DEFAULT_BUDGET,
            insns: 0,
            charges: 0,
        }
    }

    /// The same machine, about to run the function that a function pointer of the program names: a timer's or a work
    /// queue's callback. `None` if it names none.
    #[must_use]
    pub fn starting_at(mut self, func: u64) -> Option<Machine> {
        let program = &self.active.program;
        self.active.pc = program.function_slot(func).and_then(|slot| program.op_index(slot))?;
        Some(self)
    }

    /// Limits instructions plus charges, counted from the machine's first instruction; `None` is no limit.
    pub fn set_budget(&mut self, budget: Option<u64>) {
        self.budget = budget.unwrap_or(u64::MAX);
    }

    /// How much of the budget is left.
    pub fn budget_left(&self) -> u64 {
        self.budget.saturating_sub(self.insns).saturating_sub(self.charges)
    }

    /// Instructions executed so far, to the last one. A wide load is one; one that faulted is none.
    pub fn insns(&self) -> u64 {
        self.insns
    }

    /// What hosts charged for long work, in units of one instruction.
    pub fn charges(&self) -> u64 {
        self.charges
    }

    /// The registers of the current frame.
    pub fn regs(&self) -> &[u64; Reg::COUNT] {
        &self.cpu.regs
    }

    /// One register of the current frame.
    pub fn reg(&self, reg: Reg) -> u64 {
        self.cpu.regs[reg.index()]
    }

    /// The program of the current frame.
    pub fn program(&self) -> &Arc<Program> {
        &self.active.program
    }

    /// The slot of the next instruction in [`Machine::program`].
    pub fn slot(&self) -> usize {
        self.active.program.slot_of(self.active.pc)
    }

    /// How many frames are active, 1 for the entry function.
    pub fn depth(&self) -> usize {
        self.callers.depth() + 1
    }

    /// How many more tail calls this invocation may make.
    pub fn tail_calls_left(&self) -> u32 {
        MAX_TAIL_CALLS - self.tail_calls
    }

    /// What the entry function returned, if it did.
    pub fn result(&self) -> Option<u64> {
        match self.phase {
            Phase::Finished(r0) => Some(r0),
            Phase::Fresh | Phase::Running => None,
        }
    }

    /// What registers and stack bytes hold before they are written.
    pub fn poison(&self) -> &Arc<Poison> {
        &self.poison
    }

    /// Runs until the entry function returns, a fault, or the end of the budget. A finished machine answers its
    /// result again.
    pub fn run(&mut self, memory: &Memory, host: &mut dyn Host) -> Exit {
        match self.run_on(memory, host) {
            Ok(r0) => Exit::Return(r0),
            Err(kind) => Exit::Fault(self.trap(*kind)),
        }
    }

    /// Lets the fast engine do what it can, and does one instruction wherever it stops.
    fn run_on(&mut self, memory: &Memory, host: &mut dyn Host) -> Result<u64, Box<TrapKind>> {
        self.start(memory)?;
        loop {
            if let Phase::Finished(r0) = self.phase {
                return Ok(r0);
            }
            self.run_threaded(memory);
            self.execute_one(memory, host)?;
        }
    }

    /// As [`Machine::run`], with a hook before and after every instruction. Without hooks, none of this costs anything.
    pub fn run_with(&mut self, memory: &Memory, host: &mut dyn Host, hook: &mut dyn Hook) -> Exit {
        loop {
            hook.before(self, memory);
            let exit = self.step(memory, host);
            hook.after(self, memory);
            if let Some(exit) = exit {
                return exit;
            }
        }
    }

    /// Executes one instruction. `None` if the machine can go on.
    pub fn step(&mut self, memory: &Memory, host: &mut dyn Host) -> Option<Exit> {
        match self.try_step(memory, host) {
            Ok(()) => self.result().map(Exit::Return),
            Err(kind) => Some(Exit::Fault(self.trap(*kind))),
        }
    }

    fn try_step(&mut self, memory: &Memory, host: &mut dyn Host) -> Step {
        self.start(memory)?;
        match self.phase {
            Phase::Finished(_) => Ok(()),
            Phase::Fresh | Phase::Running => self.execute_one(memory, host),
        }
    }

    /// Makes the entry frame accessible, if that was not done.
    fn start(&mut self, memory: &Memory) -> Step {
        if self.phase == Phase::Fresh {
            self.enter(memory)?;
            self.phase = Phase::Running;
        }
        Ok(())
    }

    /// Executes one instruction that the budget pays for.
    #[inline(always)]
    fn execute_one(&mut self, memory: &Memory, host: &mut dyn Host) -> Step {
        if self.budget_left() == 0 {
            return Err(Box::new(TrapKind::Budget));
        }
        match self.op() {
            // What the fast engine stops at most often does not have to find its way among all the others.
            Op::Call(callee @ (Callee::Helper(_) | Callee::Kfunc { .. })) => {
                self.call(memory, host, callee)?
            }
            _ => self.execute(memory, host)?,
        }
        self.insns += 1;
        Ok(())
    }

    pub(crate) fn add_insns(&mut self, count: u64) {
        self.insns += count;
    }

    pub(crate) fn add_charge(&mut self, cost: u64) {
        self.charges = self.charges.saturating_add(cost);
    }

    fn trap(&self, kind: TrapKind) -> Box<Trap> {
        let (program, slot, depth) = (self.active.program.clone(), self.slot(), self.depth());
        Box::new(Trap { kind, program, slot, depth })
    }
}
