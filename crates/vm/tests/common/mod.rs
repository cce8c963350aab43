//! A machine, its memory, and a host whose helpers do what the tests need.
#![allow(dead_code, unreachable_pub, reason = "every test binary uses its own part")]

use std::sync::Arc;

use skep_isa::asm::assemble;
use skep_isa::{Callee, Insn, Size};
use skep_memory::{Arena, Fault, Memory, ObjectKind, Origin, Rights};
use skep_vm::{
    Call, Continuation, Exit, Hook, Host, HostFault, Machine, Outcome, Program, Stack, TAIL_CALL_FAILED,
    TrapKind,
};

/// Where function pointers of the tests' programs lie.
pub const TEXT: u64 = 0xffff_ffff_fb00_0000;
pub const SEED: u64 = 7;
/// Bytes of the block that r1 points to.
pub const BLOCK: usize = 64;

pub fn insns(text: &str) -> Vec<Insn> {
    assemble(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

pub fn program(text: &str) -> Arc<Program> {
    Arc::new(Program::new(&insns(text), TEXT).unwrap_or_else(|e| panic!("{e}\n{text}")))
}

/// A memory with a stack and a block of bytes.
pub struct World {
    pub memory: Memory,
    pub stack: Stack,
    pub block: u64,
    pub read_only: u64,
}

impl World {
    pub fn new() -> World {
        let memory = Memory::new().expect("address space");
        let stack = Stack::new(&memory).expect("a stack");
        let alloc = |rights| {
            let origin = Origin::new(ObjectKind::Raw, "block");
            memory.alloc(Arena::Kernel, BLOCK, 8, rights, origin).expect("a block")
        };
        let (block, read_only) = (alloc(Rights::RW), alloc(Rights::RO));
        let world = World { memory, stack, block, read_only };
        world.reset();
        world
    }

    /// Bytes 0x80, 0x81... in both blocks.
    pub fn reset(&self) {
        let bytes: [u8; BLOCK] = std::array::from_fn(|i| 0x80 + i as u8);
        for block in [self.block, self.read_only] {
            self.memory.poke(block, &bytes).expect("a block");
        }
    }

    pub fn bytes(&self) -> [u8; BLOCK] {
        let mut bytes = [0; BLOCK];
        self.memory.peek(self.block, &mut bytes).expect("the block");
        bytes
    }

    /// r1 is the block, r2 its length, r3 the block that may only be read.
    pub fn machine(&self, program: &Arc<Program>) -> Machine {
        Machine::new(program.clone(), self.stack, [self.block, BLOCK as u64, self.read_only, 0, 0], SEED)
    }
}

/// How a run ended, in a form that compares.
#[derive(Clone, PartialEq, Debug)]
pub enum End {
    Return(u64),
    Trap { kind: TrapKind, tag: u64, slot: usize, depth: usize },
}

impl From<Exit> for End {
    fn from(exit: Exit) -> End {
        match exit {
            Exit::Return(r0) => End::Return(r0),
            Exit::Fault(trap) => {
                let (tag, slot, depth) = (trap.program.tag(), trap.slot, trap.depth);
                End::Trap { kind: trap.kind, tag, slot, depth }
            }
        }
    }
}

/// The ways to run a machine to its end, which must not differ.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Way {
    Run,
    Step,
    /// Stepping a clone of the clone of the machine...
    CloneAndStep,
    Hooked,
    /// Running in pieces, by ever larger budgets.
    Pieces,
}

impl Way {
    pub const ALL: [Way; 5] = [Way::Run, Way::Step, Way::CloneAndStep, Way::Hooked, Way::Pieces];

    pub fn run(self, machine: &mut Machine, memory: &Memory, host: &mut dyn Host) -> End {
        match self {
            Way::Run => machine.run(memory, host).into(),
            Way::Step => loop {
                if let Some(exit) = machine.step(memory, host) {
                    return exit.into();
                }
            },
            Way::CloneAndStep => loop {
                *machine = machine.clone();
                if let Some(exit) = machine.step(memory, host) {
                    return exit.into();
                }
            },
            Way::Hooked => {
                let mut count = Count::default();
                let before = machine.insns();
                let end = machine.run_with(memory, host, &mut count);
                let done = machine.insns() - before;
                assert_eq!(count.after, count.before);
                assert!(
                    count.after == done || count.after == done + 1,
                    "{count:?} hooks, {done} instructions"
                );
                end.into()
            }
            Way::Pieces => pieces(machine, memory, host),
        }
    }
}

fn pieces(machine: &mut Machine, memory: &Memory, host: &mut dyn Host) -> End {
    let whole = machine.budget_left();
    let mut piece = 1;
    loop {
        let used = machine.insns() + machine.charges();
        let budget = whole.min(used + piece);
        machine.set_budget(Some(budget));
        let end = machine.run(memory, host).into();
        match end {
            End::Trap { kind: TrapKind::Budget, .. } if budget < whole => {
                assert!(machine.insns() + machine.charges() >= budget);
                piece = piece * 3 + 1;
            }
            _ => return end,
        }
    }
}

#[derive(Default, Debug)]
pub struct Count {
    pub before: u64,
    pub after: u64,
}

impl Hook for Count {
    fn before(&mut self, _: &Machine, _: &Memory) {
        self.before += 1;
    }

    fn after(&mut self, _: &Machine, _: &Memory) {
        self.after += 1;
    }
}

/// Helpers by number, and programs to tail-call by index. Everything that happens is written down.
#[derive(Clone, Default)]
pub struct Helpers {
    pub programs: Vec<Arc<Program>>,
    pub log: Vec<String>,
    pub packet: Vec<u8>,
    /// What loads that memory refuses give, if they are no faults.
    pub bad_load: Option<u64>,
}

/// Helper numbers.
pub mod id {
    /// Returns r1 + r2 and notes the arguments.
    pub const ADD: u32 = 1;
    /// Tail-calls the program at index r3.
    pub const TAIL_CALL: u32 = 12;
    /// Calls function r2 with (i, r3) for i in 0..r1, until it returns something other than 0; returns the count.
    pub const LOOP: u32 = 181;
    /// Charges r1.
    pub const CHARGE: u32 = 2;
    /// Charges r1 and returns what is left.
    pub const CHARGE_AND_TELL: u32 = 7;
    /// Throws r1.
    pub const THROW: u32 = 3;
    /// Throws r1, which function r2 catches.
    pub const THROW_TO: u32 = 8;
    /// Fails.
    pub const FAIL: u32 = 4;
    /// Reads 8 bytes at r1.
    pub const READ: u32 = 5;
    /// Tail-calls the program at index r3, without looking at how many may still be made.
    pub const TAIL_CALL_BLINDLY: u32 = 6;
}

const LOOP_NEXT: u32 = 1;

impl Host for Helpers {
    fn call(&mut self, call: &mut Call<'_>, callee: Callee) -> Outcome {
        let [a, b, c, ..] = call.args;
        let Callee::Helper(number) = callee else {
            return Outcome::Fault(HostFault::not_emulated(format!("{callee:?}")));
        };
        match number {
            id::ADD => {
                self.log.push(format!("add({a}, {b}) at {}, depth {}", call.slot(), call.depth()));
                Outcome::Return(a.wrapping_add(b))
            }
            id::TAIL_CALL | id::TAIL_CALL_BLINDLY => match self.programs.get(c as usize) {
                Some(next) if number == id::TAIL_CALL_BLINDLY || call.tail_calls_left() > 0 => {
                    Outcome::TailCall(next.clone())
                }
                _ => Outcome::Return(TAIL_CALL_FAILED),
            },
            id::LOOP => iterate(b, c, 0, a),
            id::CHARGE => {
                call.charge(a);
                Outcome::Return(0)
            }
            id::CHARGE_AND_TELL => {
                call.charge(a);
                Outcome::Return(call.budget_left())
            }
            id::THROW => Outcome::Throw { cookie: a, catch: None },
            id::THROW_TO => Outcome::Throw { cookie: a, catch: Some(b) },
            id::FAIL => Outcome::Fault(HostFault::program("failed on purpose")),
            id::READ => match call.memory.load(a, 8) {
                Ok(value) => Outcome::Return(value),
                Err(fault) => Outcome::Fault(HostFault::access("argument 1", fault)),
            },
            _ => Outcome::Fault(HostFault::not_emulated(format!("helper {number}"))),
        }
    }

    fn resume(&mut self, call: &mut Call<'_>, cont: Continuation, r0: u64) -> Outcome {
        assert_eq!(cont.id, LOOP_NEXT);
        let [func, context, done, count, ..] = cont.state;
        self.log.push(format!("callback {done} returned {r0} to {}, depth {}", call.slot(), call.depth()));
        if r0 != 0 { Outcome::Return(done + 1) } else { iterate(func, context, done + 1, count) }
    }

    fn load_packet(&mut self, call: &mut Call<'_>, offset: i32, size: Size) -> Option<u64> {
        assert_eq!(call.slot(), call.machine().slot());
        let at = usize::try_from(offset).ok()?;
        let bytes = self.packet.get(at..at.checked_add(size.bytes())?)?;
        Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn bad_load(&mut self, call: &mut Call<'_>, fault: &Fault) -> Option<u64> {
        self.log.push(format!("{} bytes at {:#x}, slot {}", fault.size, fault.addr, call.slot()));
        call.charge(1);
        self.bad_load
    }
}

fn iterate(func: u64, context: u64, done: u64, count: u64) -> Outcome {
    if done >= count {
        return Outcome::Return(done);
    }
    let cont = Continuation { id: LOOP_NEXT, state: [func, context, done, count, 0, 0] };
    Outcome::Callback { func, args: [done, context, 0, 0, 0], cont }
}

/// Runs in every way; all must end alike, with the same count of instructions, registers and memory.
pub fn run_all(
    world: &World,
    program: &Arc<Program>,
    host: &Helpers,
    budget: Option<u64>,
) -> (End, Machine, Helpers) {
    let mut first: Option<(End, Machine, Helpers, [u8; BLOCK])> = None;
    for way in Way::ALL {
        world.reset();
        let (mut machine, mut host) = (world.machine(program), host.clone());
        machine.set_budget(budget);
        let end = way.run(&mut machine, &world.memory, &mut host);
        let bytes = world.bytes();
        let Some((end0, machine0, host0, bytes0)) = &first else {
            first = Some((end, machine, host, bytes));
            continue;
        };
        assert_eq!(&end, end0, "{way:?}");
        assert_eq!(machine.regs(), machine0.regs(), "{way:?}");
        assert_eq!(machine.insns(), machine0.insns(), "{way:?}");
        assert_eq!(machine.charges(), machine0.charges(), "{way:?}");
        assert_eq!((machine.depth(), machine.slot()), (machine0.depth(), machine0.slot()), "{way:?}");
        assert_eq!(host.log, host0.log, "{way:?}");
        assert_eq!(&bytes, bytes0, "{way:?}");
    }
    let (end, machine, host, bytes) = first.expect("there are ways");
    world.memory.poke(world.block, &bytes).expect("the block");
    (end, machine, host)
}
