//! Instruction streams: decoding, text both ways, and the two engines of the interpreter against each other.

use std::sync::Arc;

use skep_isa::asm::assemble;
use skep_isa::{
    AluOp, AtomicOp, Callee, End, Insn, JmpOp, Op, Operand, PacketMode, Reg, SLOT_BYTES, Size, Width, decode,
    disassemble,
};
use skep_memory::{Arena, Memory, ObjectKind, Origin, Rights};
use skep_vm::{Exit, Host, Machine, NoHost, Program, Stack, TrapKind};

use super::input::Input;

/// Instructions a run may take.
const BUDGET: u64 = 20_000;
/// Bytes of the memory in R1.
const MEMORY: usize = 64;
/// Where the program is said to lie.
const TEXT: u64 = 0xffff_ffff_fb00_0000;
/// Instructions of a made program.
const MOST: usize = 64;

/// Takes the bytes for a text, for slots, and for decisions on what program to make.
pub fn insns(bytes: &[u8]) {
    text(&String::from_utf8_lossy(bytes));
    let (slots, _) = bytes.as_chunks::<SLOT_BYTES>();
    let raw: Vec<Insn> = slots.iter().map(|slot| Insn::from_bytes(*slot)).collect();
    round_trips(&raw);
    engines_agree(&raw, bytes);
    let made = program(&mut Input::new(bytes));
    round_trips(&made);
    engines_agree(&made, bytes);
}

/// No text upsets the assembler, and what it makes of one can be written and read again.
fn text(text: &str) {
    if let Ok(insns) = assemble(text) {
        round_trips(&insns);
    }
}

/// A listing assembles to what was listed; what decodes encodes to the same bits.
fn round_trips(insns: &[Insn]) {
    let listing: String = disassemble(insns).map(|line| format!("{line}\n")).collect();
    assert_eq!(assemble(&listing).as_deref(), Ok(insns), "{listing}");
    for slot in 0..insns.len() {
        match decode(insns, slot) {
            Ok(op) => assert_eq!(Insn::encode(&[op]), insns[slot..slot + op.slots()], "{op}"),
            Err(error) => assert!(!error.to_string().is_empty() && !error.kernel_message().is_empty()),
        }
    }
}

/// How a run ended and what it left.
#[derive(PartialEq, Debug)]
struct Outcome {
    end: Result<u64, (TrapKind, usize, usize)>,
    insns: u64,
    regs: [u64; Reg::COUNT],
    memory: Vec<u8>,
}

/// The threaded engine and the stepping one do the same, to the instruction.
fn engines_agree(insns: &[Insn], bytes: &[u8]) {
    let Ok(program) = Program::new(insns, TEXT) else { return };
    let program = Arc::new(program);
    let run = outcome(&program, bytes, |machine, memory| machine.run(memory, &mut NoHost));
    let step = outcome(&program, bytes, |machine, memory| {
        let host: &mut dyn Host = &mut NoHost;
        loop {
            if let Some(exit) = machine.step(memory, host) {
                return exit;
            }
        }
    });
    assert_eq!(run, step);
}

fn outcome(program: &Arc<Program>, bytes: &[u8], engine: impl Fn(&mut Machine, &Memory) -> Exit) -> Outcome {
    // A memory each: addresses show in registers.
    let memory = Memory::new().expect("the host has room for a window");
    let stack = Stack::new(&memory).expect("room for a stack");
    let origin = Origin::new(ObjectKind::Raw, "");
    let address = memory.alloc(Arena::Packet, MEMORY, 8, Rights::RW, origin).expect("room for 64 bytes");
    memory.poke(address, &Input::new(bytes).bytes(MEMORY)).expect("the memory is there");
    let mut machine = Machine::new(program.clone(), stack, [address, MEMORY as u64, 0, 0, 0], 1);
    machine.set_budget(Some(BUDGET));
    let end = match engine(&mut machine, &memory) {
        Exit::Return(r0) => Ok(r0),
        Exit::Fault(trap) => Err((trap.kind, trap.slot, trap.depth)),
    };
    let mut after = vec![0; MEMORY];
    memory.peek(address, &mut after).expect("the memory is there");
    Outcome { end, insns: machine.insns(), regs: *machine.regs(), memory: after }
}

/// A program of instructions that exist, with its jumps and calls inside of it.
fn program(input: &mut Input<'_>) -> Vec<Insn> {
    let count = 1 + input.below(MOST);
    let mut ops = vec![Op::mov64(Reg::R0, 0)];
    ops.extend((0..count).map(|_| instruction(input, count)));
    ops.push(Op::Exit);
    Insn::encode(&ops)
}

/// Any instruction but a local call's or jump's far outside of `count` instructions.
pub(super) fn instruction(input: &mut Input<'_>, count: usize) -> Op {
    match input.below(12) {
        0..=4 => alu(input),
        5 => Op::End { kind: input.pick(&End::ALL), bits: input.pick(&End::BITS), dst: target(input) },
        6 => Op::imm64(target(input), u64::from_le_bytes(input.array())),
        7 | 8 => memory_access(input),
        9 => Op::Branch {
            op: input.pick(JmpOp::ALL),
            width: width(input),
            dst: reg(input),
            src: operand(input),
            off: distance(input, count),
        },
        10 => match input.below(4) {
            0 => Op::Jump { off: distance(input, count) },
            1 => Op::JumpLong { off: distance(input, count).into() },
            2 => Op::MayGoto { off: distance(input, count) },
            _ => Op::Call(Callee::Local(distance(input, count).into())),
        },
        _ => match input.below(4) {
            0 => Op::LoadPacket {
                mode: PacketMode::Ind(reg(input)),
                size: Size::W,
                imm: i32::from(input.byte()),
            },
            1 => Op::call(input.below(8) as u32),
            2 => Op::AddrSpaceCast { dst: target(input), src: reg(input), to: 0, from: 1 },
            _ => Op::Exit,
        },
    }
}

fn alu(input: &mut Input<'_>) -> Op {
    let op = input.pick(AluOp::ALL);
    let src = match op.form() {
        skep_isa::AluForm::Binary => operand(input),
        skep_isa::AluForm::RegOnly => Operand::Reg(reg(input)),
        skep_isa::AluForm::Unary => Operand::Imm(0),
    };
    let width = if op == AluOp::MovSx32 { Width::W64 } else { width(input) };
    Op::Alu { op, width, dst: target(input), src }
}

/// Mostly inside of the memory or the stack.
fn memory_access(input: &mut Input<'_>) -> Op {
    let (base, off) = match input.below(3) {
        0 => (Reg::FP, -(input.below(520) as i16)),
        1 => (Reg::R1, input.below(70) as i16),
        _ => (reg(input), i16::from_le_bytes(input.array())),
    };
    let size = input.pick(&Size::ALL);
    match input.below(3) {
        0 => {
            Op::Load { size, signed: size != Size::DW && input.below(2) == 1, dst: target(input), base, off }
        }
        1 => Op::Store { size, base, off, value: operand(input) },
        _ => {
            let op = input.pick(AtomicOp::ALL);
            let size = if op.supports(size) { size } else { Size::DW };
            // Its result may not be the frame pointer.
            Op::Atomic { op, size, base, off, reg: target(input) }
        }
    }
}

pub(super) fn reg(input: &mut Input<'_>) -> Reg {
    input.pick(&Reg::ALL)
}

/// Any register that may be written.
fn target(input: &mut Input<'_>) -> Reg {
    input.pick(&Reg::ALL[..10])
}

fn width(input: &mut Input<'_>) -> Width {
    input.pick(&[Width::W32, Width::W64])
}

fn operand(input: &mut Input<'_>) -> Operand {
    match input.below(3) {
        0 => Operand::Reg(reg(input)),
        1 => Operand::Imm(input.byte() as i8 as i32),
        _ => Operand::Imm(i32::from_le_bytes(input.array())),
    }
}

fn distance(input: &mut Input<'_>, count: usize) -> i16 {
    let count = count as i16;
    (i16::from_le_bytes(input.array()) % count) / 2
}
