//! The machine against a reading of the instruction set that is as plain as can be, on random programs.

mod common;
#[path = "common/random.rs"]
mod random;

use std::sync::Arc;

use common::{BLOCK, End, Helpers, SEED, TEXT, World, run_all};
use proptest::prelude::*;
use skep_isa::{Callee, Imm64, Insn, Op, Operand, Reg};
use skep_memory::Fault;
use skep_vm::{FRAME_BYTES, MAX_FRAMES, Poison, Program};

/// How the model ends.
#[derive(PartialEq, Debug)]
enum Ended {
    Return(u64),
    Memory(Fault),
    Budget,
    CallDepth,
}

struct Model<'a> {
    world: &'a World,
    poison: Poison,
    regs: [u64; 11],
    /// Return slot, r6 to r9 and r10 of the callers.
    frames: Vec<(usize, [u64; 4], u64)>,
    /// Where the frames lie: a machine that was run on the same stack shows it.
    tops: Vec<u64>,
    insns: u64,
    slot: usize,
}

impl<'a> Model<'a> {
    fn new(world: &'a World, tops: Vec<u64>) -> Model<'a> {
        let poison = Poison::new(SEED);
        let mut regs: [u64; 11] = std::array::from_fn(|i| poison.reg(Reg::ALL[i]));
        regs[1..6].copy_from_slice(&[world.block, BLOCK as u64, world.read_only, 0, 0]);
        Model { world, poison, regs, frames: Vec::new(), tops, insns: 0, slot: 0 }
    }

    fn value(&self, operand: Operand) -> u64 {
        match operand {
            Operand::Reg(reg) => self.regs[reg.index()],
            Operand::Imm(imm) => imm as i64 as u64,
        }
    }

    /// Starts the function at a slot: only one that uses r10 has a frame, and so has the eighth function in any case.
    fn enter(&mut self, insns: &[Insn], slot: usize) {
        let depth = self.frames.len();
        let top = self.tops[depth];
        if depth == MAX_FRAMES - 1 || uses_r10(insns, slot) {
            assert!(self.world.memory.grant(top - FRAME_BYTES as u64));
            self.world.memory.poke(top - FRAME_BYTES as u64, self.poison.frame()).expect("the frame");
        }
        self.regs[10] = top;
        self.slot = slot;
    }

    fn clobber(&mut self) {
        for reg in 1..6 {
            self.regs[reg] = self.poison.reg(Reg::ALL[reg]);
        }
    }

    fn run(&mut self, insns: &[Insn], budget: u64) -> Ended {
        for top in &self.tops {
            self.world.memory.revoke(top - FRAME_BYTES as u64);
        }
        self.enter(insns, 0);
        loop {
            if self.insns == budget {
                return Ended::Budget;
            }
            match self.step(insns) {
                Ok(()) => self.insns += 1,
                Err(Ended::Return(r0)) => {
                    self.insns += 1;
                    return Ended::Return(r0);
                }
                Err(end) => return end,
            }
        }
    }

    fn step(&mut self, insns: &[Insn]) -> Result<(), Ended> {
        let op = skep_isa::decode(insns, self.slot).expect("only instructions are reached");
        let mut next = self.slot + op.slots();
        let jump = |off: i32| (self.slot as i64 + 1 + i64::from(off)) as usize;
        match op {
            Op::Alu { op, width, dst, src } => {
                self.regs[dst.index()] = op.eval(width, self.regs[dst.index()], self.value(src));
            }
            Op::End { kind, bits, dst } => self.regs[dst.index()] = kind.eval(bits, self.regs[dst.index()]),
            Op::LoadImm64 { dst, value: Imm64::Const(value) } => self.regs[dst.index()] = value,
            Op::LoadImm64 { dst, value: Imm64::Func(off) } => {
                self.regs[dst.index()] = TEXT + 8 * jump(off) as u64
            }
            Op::Load { size, signed, dst, base, off } => {
                let addr = self.regs[base.index()].wrapping_add(off as i64 as u64);
                let value = self.world.memory.load(addr, size.bytes()).map_err(Ended::Memory)?;
                self.regs[dst.index()] = if signed { size.sign_extend(value) } else { value };
            }
            Op::Store { size, base, off, value } => {
                let addr = self.regs[base.index()].wrapping_add(off as i64 as u64);
                self.world.memory.store(addr, size.bytes(), self.value(value)).map_err(Ended::Memory)?;
            }
            Op::Atomic { op, size, base, off, reg } => {
                let addr = self.regs[base.index()].wrapping_add(off as i64 as u64);
                let memory = &self.world.memory;
                let old =
                    if op.loads() { memory.load(addr, size.bytes()).map_err(Ended::Memory)? } else { 0 };
                if op.stores() {
                    let new = op.eval(size, old, self.regs[reg.index()], self.regs[0]);
                    memory.store(addr, size.bytes(), new).map_err(Ended::Memory)?;
                }
                if let Some(result) = op.result(reg) {
                    self.regs[result.index()] = old;
                }
            }
            Op::Jump { off } => next = jump(off.into()),
            Op::JumpLong { off } => next = jump(off),
            Op::Branch { op, width, dst, src, off } => {
                if op.test(width, self.regs[dst.index()], self.value(src)) {
                    next = jump(off.into());
                }
            }
            // No program here lives as long as its count.
            Op::MayGoto { .. } => {}
            Op::Call(Callee::Local(off)) => {
                if self.frames.len() + 1 == MAX_FRAMES {
                    return Err(Ended::CallDepth);
                }
                let saved = [6, 7, 8, 9].map(|i| self.regs[i]);
                let target = jump(off);
                self.frames.push((next, saved, self.regs[10]));
                self.enter(insns, target);
                next = target;
            }
            Op::Call(_) => {
                self.regs[0] = self.regs[1].wrapping_add(self.regs[2]);
                self.clobber();
            }
            Op::LoadPacket { .. } => next = self.leave(0)?,
            Op::Exit => next = self.leave(self.regs[0])?,
            other => panic!("{other} is not generated"),
        }
        self.slot = next;
        Ok(())
    }

    fn leave(&mut self, r0: u64) -> Result<usize, Ended> {
        self.regs[0] = r0;
        let Some((next, saved, top)) = self.frames.pop() else { return Err(Ended::Return(r0)) };
        self.world.memory.revoke(self.regs[10] - FRAME_BYTES as u64);
        self.regs[6..10].copy_from_slice(&saved);
        self.regs[10] = top;
        self.clobber();
        Ok(next)
    }
}

/// Whether r10 is named anywhere that control gets to from a slot without a call.
fn uses_r10(insns: &[Insn], from: usize) -> bool {
    let (mut seen, mut work) = (vec![false; insns.len()], vec![from]);
    while let Some(slot) = work.pop() {
        if std::mem::replace(&mut seen[slot], true) {
            continue;
        }
        let op = skep_isa::decode(insns, slot).expect("only instructions are reached");
        if op.to_string().replace("w10", "r10").contains("r10") {
            return true;
        }
        if let Some(off) = op.jump_offset() {
            work.push((slot as i64 + 1 + i64::from(off)) as usize);
        }
        if !op.ends_block() {
            work.push(slot + op.slots());
        }
    }
    false
}

/// Where the frames of a stack lie: each of eight nested functions notes its own.
fn frame_tops(world: &World) -> Vec<u64> {
    let program = common::program("f:\n*(u64 *)(r1 + 0) = r10\nr1 += 8\ncall f\nexit");
    let mut machine = world.machine(&program);
    let end: End = machine.run(&world.memory, &mut Helpers::default()).into();
    assert!(matches!(end, End::Trap { kind: skep_vm::TrapKind::CallDepth, .. }), "{end:?}");
    world.bytes().as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn machine_and_model_agree(ops in prop::collection::vec(random::op(), 1..30), budget in 1u64..400) {
        let world = World::new();
        let tops = frame_tops(&world);
        let insns = random::link(ops);
        let program = Arc::new(Program::new(&insns, TEXT).expect("every target is an instruction"));
        let (end, machine, _) = run_all(&world, &program, &Helpers::default(), Some(budget));
        let bytes = world.bytes();

        world.reset();
        let mut model = Model::new(&world, tops);
        let ended = model.run(&insns, budget);
        let end = match end {
            End::Return(r0) => Ended::Return(r0),
            End::Trap { kind: skep_vm::TrapKind::Memory(fault), .. } => Ended::Memory(fault),
            End::Trap { kind: skep_vm::TrapKind::Budget, .. } => Ended::Budget,
            End::Trap { kind: skep_vm::TrapKind::CallDepth, .. } => Ended::CallDepth,
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(&end, &ended);
        prop_assert_eq!(machine.insns(), model.insns);
        prop_assert_eq!(machine.regs(), &model.regs);
        prop_assert_eq!(bytes, world.bytes());
        if !matches!(end, Ended::Return(_)) {
            prop_assert_eq!((machine.slot(), machine.depth()), (model.slot, model.frames.len() + 1));
        }
    }
}
