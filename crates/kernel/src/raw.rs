//! Running bare instructions on a block of memory, without maps, contexts and program types: the way of
//! `bpf_conformance`.

use crate::kernel::Kernel;
use crate::report::{RunError, over_limit};
use crate::run::no_memory;
use skep_isa::{Callee, Insn};
use skep_memory::{Arena, ObjectKind, Origin, Rights};
use skep_vm::{Call, Exit, Hook, Host, HostFault, Machine, Outcome, Program};
use std::sync::Arc;

/// What to run: r1 is the address of the memory, r2 its length. Helper 5 returns its first argument; there are no
/// others.
///
/// ```
/// use skep_isa::asm::assemble;
/// use skep_kernel::{Config, Kernel, RawRun};
///
/// let insns = assemble("r0 = *(u8 *)(r1 + 1)\n*(u8 *)(r1 + 0) = 7\nexit")?;
/// let ran = Kernel::new(Config::default())?.raw_run(RawRun::new(insns, vec![1, 2]))?;
/// assert_eq!((ran.r0, ran.memory), (2, vec![7, 2]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct RawRun<'a> {
    /// The instructions.
    pub insns: Vec<Insn>,
    /// The memory; the program may write it. If there is none, r1 is 0.
    pub memory: Vec<u8>,
    /// How often; 0 is 1. Every run starts from the same memory.
    pub repeat: u32,
    /// The budget of each run; the kernel's own if there is none.
    pub budget: Option<u64>,
    /// Looks at every instruction.
    pub hook: Option<&'a mut dyn Hook>,
}

impl RawRun<'_> {
    /// One run.
    pub fn new(insns: Vec<Insn>, memory: Vec<u8>) -> Self {
        RawRun { insns, memory, ..RawRun::default() }
    }
}

/// What bare instructions came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawRan {
    /// r0.
    pub r0: u64,
    /// The memory as the program left it.
    pub memory: Vec<u8>,
    /// Instructions executed.
    pub insns: u64,
}

/// The one helper of `bpf_conformance`.
const IDENTITY: u32 = 5;

/// The world of bare instructions.
struct Bare;

impl Host for Bare {
    fn call(&mut self, call: &mut Call<'_>, callee: Callee) -> Outcome {
        match callee {
            Callee::Helper(IDENTITY) => Outcome::Return(call.args[0]),
            _ => Outcome::Fault(HostFault::not_emulated(format!(
                "bare instructions have helper {IDENTITY} alone, not {callee:?}"
            ))),
        }
    }
}

impl Kernel {
    /// Runs bare instructions.
    ///
    /// # Errors
    /// The instructions are no program, or fault; the memory does not fit.
    pub fn raw_run(&mut self, mut run: RawRun<'_>) -> Result<RawRan, RunError> {
        self.memory.take_refused();
        let stack = self.stack(0)?;
        let text = self.core.text.take(run.insns.len());
        let text = text.ok_or_else(|| RunError::HostLimit("no room for function pointers".to_owned()))?;
        let program = Program::new(&run.insns, text).map(|it| Arc::new(it.with_tag(u64::MAX)));
        let result = program.map_err(|error| RunError::BadInput(error.to_string())).and_then(|program| {
            let addr = self.raw_memory(&run.memory)?;
            let result = self.raw_turns(&program, stack, addr, &mut run);
            if addr != 0 {
                self.memory.free(addr);
            }
            result
        });
        self.core.text.free(text);
        result
    }

    fn raw_memory(&self, bytes: &[u8]) -> Result<u64, RunError> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let origin = Origin::new(ObjectKind::Raw, "");
        self.memory.alloc(Arena::Kernel, bytes.len(), 16, Rights::RW, origin).map_err(no_memory)
    }

    fn raw_turns(
        &self,
        program: &Arc<Program>,
        stack: skep_vm::Stack,
        addr: u64,
        run: &mut RawRun<'_>,
    ) -> Result<RawRan, RunError> {
        let args = [addr, run.memory.len() as u64, 0, 0, 0];
        let budget = run.budget.unwrap_or(self.core.budget);
        let mut last = RawRan { r0: 0, memory: Vec::new(), insns: 0 };
        for _ in 0..run.repeat.max(1) {
            // The block was allocated as long as this.
            let _ = self.memory.poke(addr, &run.memory);
            let poison = self.core.poison.clone();
            let mut machine = Machine::with_poison(program.clone(), stack, args, poison);
            machine.set_budget(Some(budget));
            let exit = match run.hook.as_deref_mut() {
                Some(hook) => machine.run_with(&self.memory, &mut Bare, hook),
                None => machine.run(&self.memory, &mut Bare),
            };
            match exit {
                Exit::Return(r0) => (last.r0, last.insns) = (r0, machine.insns()),
                Exit::Fault(trap) => {
                    if let Some(refused) = self.memory.take_refused() {
                        return Err(RunError::HostLimit(over_limit(&refused)));
                    }
                    return Err(RunError::Fault(Box::new(self.core.report(&trap, &machine))));
                }
            }
        }
        last.memory.resize(run.memory.len(), 0);
        let _ = self.memory.peek(addr, &mut last.memory);
        Ok(last)
    }
}
