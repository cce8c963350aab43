//! Every pair of the tables against the instruction set's own meaning, and against one step at a time.

use std::sync::Arc;

use skep_isa::{JmpOp, Op, Operand, Reg, Width};
use skep_memory::{Arena, Memory, ObjectKind, Origin, Rights};

use super::tables;
use crate::{Exit, Hook, Machine, NoHost, Poison, Program, Stack, TrapKind};

/// Where the instructions of [`program`] are: its first one says in r5 whether to begin with the second of the pair.
const AFAR: i16 = 2;
const FIRST: i16 = 3;
const SECOND: i16 = FIRST + 1;
const BEHIND: i16 = SECOND + 1;

/// A pair, with an `exit` wherever it may lead.
fn program([first, second]: [Op; 2]) -> Arc<Program> {
    let (op, width, src) = (JmpOp::Ne, Width::W64, Operand::Imm(0));
    let ops = [
        Op::Branch { op, width, dst: Reg::R5, src, off: SECOND - 1 },
        Op::Jump { off: FIRST - 2 },
        Op::Exit,
        first,
        second,
        Op::Exit,
        Op::Exit,
    ];
    let insns: Vec<_> = ops.iter().map(|op| op.encode().0).collect();
    Arc::new(Program::new(&insns, 0).expect("valid instructions"))
}

/// Registers of a pair: what each instruction names first, which is what it writes or the base of its store, and what it
/// names second. For loads behind, it is the other way round, so that the first is what it works on.
type Names = [Reg; 4];

/// Pairs of either kind: apart, with what the first wrote as an operand, or twice the same.
const NAMES: [Names; 8] = [
    [Reg::R1, Reg::R2, Reg::R1, Reg::R3],
    [Reg::R1, Reg::R2, Reg::R3, Reg::R2],
    [Reg::R1, Reg::R2, Reg::R1, Reg::R2],
    [Reg::R1, Reg::R2, Reg::R3, Reg::R1],
    [Reg::R1, Reg::R1, Reg::R1, Reg::R3],
    [Reg::R1, Reg::R2, Reg::R1, Reg::R1],
    [Reg::R1, Reg::R1, Reg::R1, Reg::R1],
    [Reg::R9, Reg::R10, Reg::R9, Reg::R3],
];

/// Numbers of both operands.
const IMMS: [i32; 7] = [0, 1, -1, -8, 33, i32::MIN, i32::MAX];

/// The numbers to try for an instruction, if it has one.
fn imms(op: &Op) -> &'static [i32] {
    match op {
        Op::Alu { src: Operand::Imm(_), .. } | Op::Branch { src: Operand::Imm(_), .. } => &IMMS,
        _ => &IMMS[..1],
    }
}

/// The first instruction of a pair.
fn first(op: Op, [dst, src, ..]: Names, imm: i32) -> Op {
    match op {
        Op::Load { size, signed, .. } => Op::Load { size, signed, dst, base: src, off: 8 },
        Op::Alu { op, width, src: form, .. } => Op::Alu { op, width, dst, src: operand(form, src, imm) },
        other => panic!("{other} is not the first of a pair"),
    }
}

/// The second one, with an `exit` where it jumps to.
fn second(op: Op, [.., dst, src]: Names, imm: i32, back: bool) -> Op {
    let off = if back { AFAR - BEHIND } else { 1 };
    match op {
        Op::Load { size, signed, .. } => Op::Load { size, signed, dst: src, base: dst, off: -4 },
        Op::Store { size, .. } => Op::Store { size, base: dst, off: 4, value: Operand::Reg(src) },
        Op::Alu { op, width, src: form, .. } => Op::Alu { op, width, dst, src: operand(form, src, imm) },
        Op::Branch { op, width, src: form, .. } => {
            Op::Branch { op, width, dst, src: operand(form, src, imm), off }
        }
        Op::Jump { .. } if src == Reg::R2 => Op::JumpLong { off: off.into() },
        Op::Jump { .. } => Op::Jump { off },
        other => panic!("{other} is not the second of a pair"),
    }
}

fn operand(form: Operand, reg: Reg, imm: i32) -> Operand {
    match form {
        Operand::Reg(_) => Operand::Reg(reg),
        Operand::Imm(_) => Operand::Imm(imm),
    }
}

/// How far a run came, in a form that compares.
#[derive(PartialEq, Debug)]
struct State {
    end: Result<u64, TrapKind>,
    regs: [u64; Reg::COUNT],
    slot: usize,
    insns: u64,
    bytes: [u8; BLOCK],
}

/// Bytes of the block that is loaded from and stored to.
const BLOCK: usize = 64;

/// A memory with a block below 2 GiB, so that addresses survive 32-bit operations.
struct World {
    memory: Memory,
    stack: Stack,
    poison: Arc<Poison>,
    block: u64,
    values: [u64; 16],
}

impl World {
    fn new() -> World {
        let memory = Memory::new().expect("address space");
        let stack = Stack::new(&memory).expect("a stack");
        let origin = Origin::new(ObjectKind::Raw, "block");
        let block = memory.alloc(Arena::Packet, BLOCK, 8, Rights::RW, origin).expect("a block");
        let (beyond, end) = (1 << 32, block + BLOCK as u64 - 12);
        let low = [0, 1, 31, 64, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, beyond, beyond + block];
        let high = [i64::MAX as u64, i64::MIN as u64, u64::MAX, -8i64 as u64];
        let values = [&low[..], &high, &[block, block + 8, end]].concat();
        let values = values.try_into().expect("as many");
        World { memory, stack, poison: Arc::new(Poison::new(3)), block, values }
    }

    /// A number for each combination of values: three registers.
    fn choose(&self, number: usize) -> [u64; 3] {
        let count = self.values.len();
        [number, number / count, 7 * number + number / count].map(|index| self.values[index % count])
    }

    /// Puts the block's bytes back. Every other word is an address in it.
    fn reset(&self) {
        for (index, value) in self.values[..BLOCK / 8].iter().enumerate() {
            let at = 8 * index as u64;
            let word = if index.is_multiple_of(2) { *value } else { self.block + at };
            self.memory.store(self.block + at, 8, word).expect("the block");
        }
    }

    /// A machine, standing before the pair or its second half.
    fn machine(&self, program: &Arc<Program>, [a, b, c]: [u64; 3], enter: i16) -> Machine {
        let args = [a, b, c, 0, u64::from(enter == SECOND)];
        Machine::with_poison(program.clone(), self.stack, args, self.poison.clone())
    }

    fn bytes(&self) -> [u8; BLOCK] {
        let mut bytes = [0; BLOCK];
        self.memory.peek(self.block, &mut bytes).expect("the block");
        bytes
    }

    /// What comes out if a machine, as it is, is brought to its end in some way.
    fn after(&self, machine: &Machine, way: impl FnOnce(&mut Machine) -> Exit) -> State {
        self.reset();
        let mut machine = machine.clone();
        let end = match way(&mut machine) {
            Exit::Return(r0) => Ok(r0),
            Exit::Fault(trap) => Err(trap.kind),
        };
        let (regs, slot, insns) = (*machine.regs(), machine.slot(), machine.insns());
        State { end, regs, slot, insns, bytes: self.bytes() }
    }

    /// What should come out, by the meaning of the instructions.
    fn meant(&self, pair: [Op; 2], machine: &Machine, enter: i16) -> State {
        self.reset();
        self.stack.open(&self.memory, 0, self.poison.frame()).expect("the frame");
        let mut regs = *machine.regs();
        regs[Reg::FP.index()] = self.stack.top(0);
        let (mut slot, mut insns) = (enter, if enter == SECOND { 1 } else { 2 });
        let end = loop {
            let Some(op) = usize::try_from(slot - FIRST).ok().and_then(|index| pair.get(index)) else {
                insns += 1;
                break Ok(regs[Reg::R0.index()]);
            };
            match meaning(op, &mut regs, &self.memory) {
                Ok(distance) => slot += 1 + distance,
                Err(kind) => break Err(kind),
            }
            insns += 1;
        };
        State { end, regs, slot: slot as usize, insns, bytes: self.bytes() }
    }

    /// Runs a pair with a share of all values; the next one gets the next share.
    fn walk(&self, pair: [Op; 2], program: &Arc<Program>, number: usize) {
        for number in (number % SHARES..self.values.len().pow(2)).step_by(SHARES) {
            let values = self.choose(number);
            let all_ways = number.is_multiple_of(16);
            self.check(pair, &self.machine(program, values, FIRST), FIRST, all_ways);
            if all_ways {
                self.check(pair, &self.machine(program, values, SECOND), SECOND, all_ways);
            }
        }
    }

    /// Runs a pair in all ways, or just in one go.
    fn check(&self, pair: [Op; 2], machine: &Machine, enter: i16, all_ways: bool) {
        let World { memory, .. } = self;
        let meant = self.meant(pair, machine, enter);
        let same = |way: &str, state: State| {
            assert_eq!(state, meant, "{way}: {}; {}, {:x?}", pair[0], pair[1], machine.regs());
        };
        same("in one go", self.after(machine, |machine| machine.run(memory, &mut NoHost)));
        if !all_ways {
            return;
        }
        same("hooked", self.after(machine, |machine| machine.run_with(memory, &mut NoHost, &mut Nothing)));
        for steps in 1..=MOST {
            let stepped = |machine: &mut Machine| {
                let exit = (0..steps).find_map(|_| machine.step(memory, &mut NoHost));
                exit.unwrap_or_else(|| machine.run(memory, &mut NoHost))
            };
            same(&format!("{steps} steps, then the rest"), self.after(machine, stepped));
        }
        for budget in 0..MOST {
            let in_two = |machine: &mut Machine| {
                machine.set_budget(Some(budget));
                let stopped = machine.run(memory, &mut NoHost);
                if !matches!(&stopped, Exit::Fault(trap) if trap.kind == TrapKind::Budget) {
                    return stopped;
                }
                assert_eq!(machine.insns(), budget);
                machine.set_budget(None);
                machine.run(memory, &mut NoHost)
            };
            same(&format!("a budget of {budget}, then the rest"), self.after(machine, in_two));
        }
    }
}

/// How many instructions a run of [`program`] has at most.
const MOST: u64 = 5;

/// Among how many runs of a pair all combinations of values are shared out.
const SHARES: usize = 5;

struct Nothing;

impl Hook for Nothing {}

/// Executes an instruction as the instruction set says; the answer is how far it jumps.
fn meaning(op: &Op, regs: &mut [u64; Reg::COUNT], memory: &Memory) -> Result<i16, TrapKind> {
    let value = |operand, regs: &[u64; Reg::COUNT]| match operand {
        Operand::Reg(reg) => regs[reg.index()],
        Operand::Imm(imm) => imm as i64 as u64,
    };
    let address = |base: Reg, off: i16| regs[base.index()].wrapping_add(off as i64 as u64);
    match *op {
        Op::Alu { op, width, dst, src } => {
            regs[dst.index()] = op.eval(width, regs[dst.index()], value(src, regs));
        }
        Op::Load { size, dst, base, off, .. } => {
            regs[dst.index()] = memory.load(address(base, off), size.bytes()).map_err(TrapKind::Memory)?;
        }
        Op::Store { size, base, off, value: source } => {
            let stored = memory.store(address(base, off), size.bytes(), value(source, regs));
            stored.map_err(TrapKind::Memory)?;
        }
        Op::Jump { off } => return Ok(off),
        Op::JumpLong { off } => return Ok(off as i16),
        Op::Branch { op, width, dst, src, off } => {
            return Ok(if op.test(width, regs[dst.index()], value(src, regs)) { off } else { 0 });
        }
        other => panic!("{other} is in no pair"),
    }
    Ok(0)
}

#[test]
fn every_pair_does_what_its_instructions_do() {
    let world = World::new();
    let finders = [tables::on_value, tables::of_any];
    for (find, samples) in finders.into_iter().zip(tables::samples()) {
        for (one, other, back) in samples {
            let handler = find(&one, &other, back).expect("a place of the table");
            let mut fused = 0;
            for pair in NAMES.iter().flat_map(|names| pairs(one, other, back, *names)) {
                let program = program(pair);
                // With some names, a pair is one of the other table.
                if std::ptr::fn_addr_eq(program.code()[FIRST as usize].handler, handler) {
                    world.walk(pair, &program, fused);
                    fused += 1;
                }
            }
            assert!(fused > 0, "{one}; {other}: never fused");
        }
    }
}

/// Where the second instruction jumps back to the first, the budget alone ends it.
#[test]
fn loops_of_pairs_stop_exactly() {
    let world = World::new();
    let backward = tables::samples().concat().into_iter().filter(|(.., back)| *back);
    for ((one, other, back), names) in
        backward.flat_map(|sample| [NAMES[0], NAMES[1]].map(|names| (sample, names)))
    {
        let (one, other) = (first(one, names, 1), second(other, names, 1, back));
        let again = [one, nearer(other), Op::Jump { off: -3 }];
        let insns: Vec<_> = again.iter().map(|op| op.encode().0).collect();
        let program = Arc::new(Program::new(&insns, 0).expect("valid instructions"));
        for budget in [1, 2, 3, 50, 40_001] {
            world.reset();
            let mut machine = world.machine(&program, [world.block; 3], FIRST);
            machine.set_budget(Some(budget));
            let exit = machine.run(&world.memory, &mut NoHost);
            let stopped = matches!(&exit, Exit::Fault(trap) if trap.kind == TrapKind::Budget);
            assert!(stopped && machine.insns() == budget, "{one}; {other}: {} of {budget}", machine.insns());
        }
    }
}

/// A jump back, but to the instruction before it.
fn nearer(op: Op) -> Op {
    match op {
        Op::Branch { op, width, dst, src, .. } => Op::Branch { op, width, dst, src, off: -2 },
        _ => Op::Jump { off: -2 },
    }
}

/// A pair of the tables with these names, and all numbers where it has any.
fn pairs(one: Op, other: Op, back: bool, names: Names) -> impl Iterator<Item = [Op; 2]> {
    let both = imms(&one).iter().flat_map(move |a| imms(&other).iter().map(move |b| (*a, *b)));
    both.map(move |(a, b)| [first(one, names, a), second(other, names, b, back)])
}
