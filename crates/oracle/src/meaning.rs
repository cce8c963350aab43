//! What instructions compute, recorded from the real kernel.
//!
//! A recording is a text. A line with words opens a group (`alu Add W64 reg`); the lines of hex numbers below it are its
//! cases, operands first. Operands come out of memory, so that the verifier cannot work the result out by itself.

use std::fmt::Write;

use skep_isa::{AluForm, AluOp, AtomicOp, End, Insn, JmpOp, Op, Operand, Reg, Size, Width};

use crate::numbers::{EDGES, Numbers};
use crate::raw::{Failure, Raw};

/// Operand pairs per operation on registers.
const PAIRS: usize = 40;
/// Immediates per operation, each tried on `PER_IMMEDIATE` values.
const IMMEDIATES: usize = 12;
const PER_IMMEDIATE: usize = 3;

/// Records all arithmetic, comparisons, byte order conversions and atomics.
///
/// # Errors
/// If the kernel refuses a program that it should take.
pub fn record() -> Result<String, Failure> {
    let mut out = String::new();
    let mut numbers = Numbers(1);
    for &op in AluOp::ALL {
        for width in [Width::W32, Width::W64] {
            alu(op, width, &mut numbers, &mut out)?;
        }
    }
    for &op in JmpOp::ALL {
        for width in [Width::W32, Width::W64] {
            branch(op, width, &mut numbers, &mut out)?;
        }
    }
    for kind in End::ALL {
        for bits in End::BITS {
            end(kind, bits, &mut numbers, &mut out)?;
        }
    }
    for &op in AtomicOp::ALL {
        for size in Size::ALL.into_iter().filter(|&size| op.supports(size)) {
            atomic(op, size, &mut numbers, &mut out)?;
        }
    }
    Ok(out)
}

/// R6 = first word of the memory, R7 = second, R8 = third.
fn operands() -> Vec<Op> {
    let load = |dst, off| Op::Load { size: Size::DW, signed: false, dst, base: Reg::R1, off };
    vec![load(Reg::R6, 0), load(Reg::R7, 8), load(Reg::R8, 16)]
}

fn mov(dst: Reg, src: Operand) -> Op {
    Op::Alu { op: AluOp::Mov, width: Width::W64, dst, src }
}

fn encode(ops: &[Op]) -> Vec<Insn> {
    let mut insns = Vec::new();
    ops.iter().for_each(|op| op.encode_into(&mut insns));
    insns
}

/// A program that leaves the result of one instruction on R6 (and R7) in R0.
fn unary_program(op: Op) -> Vec<Insn> {
    let mut ops = operands();
    ops.extend([op, mov(Reg::R0, Operand::Reg(Reg::R6)), Op::Exit]);
    encode(&ops)
}

fn run(raw: &Raw, words: [u64; 3]) -> Result<(u64, [u64; 3]), Failure> {
    let memory: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let outcome = raw.run(&memory)?;
    let (words, _) = outcome.memory.as_chunks();
    let word = |i: usize| words.get(i).map_or(0, |word| u64::from_le_bytes(*word));
    Ok((outcome.r0, [word(0), word(1), word(2)]))
}

/// Writes one line of hex numbers.
fn row(out: &mut String, numbers: &[u64]) {
    let text: Vec<String> = numbers.iter().map(|n| format!("{n:x}")).collect();
    let _ = writeln!(out, "{}", text.join(" "));
}

fn alu(op: AluOp, width: Width, numbers: &mut Numbers, out: &mut String) -> Result<(), Failure> {
    if op == AluOp::MovSx32 && width == Width::W32 {
        return Ok(());
    }
    let make = |src| Op::Alu { op, width, dst: Reg::R6, src };
    let src = if op.form() == AluForm::Unary { Operand::Imm(0) } else { Operand::Reg(Reg::R7) };
    let _ = writeln!(out, "alu {op:?} {width:?} reg");
    pairs(&Raw::load(&unary_program(make(src)), 24)?, numbers, out)?;
    if op.form() != AluForm::Binary {
        return Ok(());
    }
    let _ = writeln!(out, "alu {op:?} {width:?} imm");
    for _ in 0..IMMEDIATES {
        let imm = numbers.immediate();
        // The verifier refuses division by zero and shifts by the width or more if it sees them.
        let divides = matches!(op, AluOp::Div | AluOp::SDiv | AluOp::Mod | AluOp::SMod);
        let shifts = matches!(op, AluOp::Lsh | AluOp::Rsh | AluOp::Arsh);
        let imm = match imm {
            0 if divides => 3,
            imm if shifts => imm & (width.bits() as i32 - 1),
            imm => imm,
        };
        immediate(&Raw::load(&unary_program(make(Operand::Imm(imm))), 24)?, imm, numbers, out)?;
    }
    Ok(())
}

fn pairs(raw: &Raw, numbers: &mut Numbers, out: &mut String) -> Result<(), Failure> {
    for _ in 0..PAIRS {
        let (dst, src) = (numbers.operand(), numbers.operand());
        row(out, &[dst, src, run(raw, [dst, src, 0])?.0]);
    }
    Ok(())
}

fn immediate(raw: &Raw, imm: i32, numbers: &mut Numbers, out: &mut String) -> Result<(), Failure> {
    for _ in 0..PER_IMMEDIATE {
        let dst = numbers.operand();
        row(out, &[dst, imm as i64 as u64, run(raw, [dst, 0, 0])?.0]);
    }
    Ok(())
}

fn branch(op: JmpOp, width: Width, numbers: &mut Numbers, out: &mut String) -> Result<(), Failure> {
    let program = |src| {
        let mut ops = operands();
        ops.extend([
            mov(Reg::R0, Operand::Imm(1)),
            Op::Branch { op, width, dst: Reg::R6, src, off: 1 },
            mov(Reg::R0, Operand::Imm(0)),
            Op::Exit,
        ]);
        encode(&ops)
    };
    let _ = writeln!(out, "branch {op:?} {width:?} reg");
    let raw = Raw::load(&program(Operand::Reg(Reg::R7)), 24)?;
    pairs(&raw, numbers, out)?;
    // Random pairs are hardly ever equal.
    for value in EDGES {
        let upper = value ^ 1 << 32;
        row(out, &[value, value, run(&raw, [value, value, 0])?.0]);
        row(out, &[value, upper, run(&raw, [value, upper, 0])?.0]);
    }
    let _ = writeln!(out, "branch {op:?} {width:?} imm");
    for _ in 0..IMMEDIATES {
        let imm = numbers.immediate();
        let raw = Raw::load(&program(Operand::Imm(imm)), 24)?;
        immediate(&raw, imm, numbers, out)?;
        for value in [imm as i64 as u64, imm as u32 as u64] {
            row(out, &[value, imm as i64 as u64, run(&raw, [value, 0, 0])?.0]);
        }
    }
    Ok(())
}

fn end(kind: End, bits: u8, numbers: &mut Numbers, out: &mut String) -> Result<(), Failure> {
    let _ = writeln!(out, "end {kind:?} {bits}");
    let raw = Raw::load(&unary_program(Op::End { kind, bits, dst: Reg::R6 }), 24)?;
    for value in [0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, numbers.draw(), numbers.draw(), 0x80, 0x8000]
    {
        row(out, &[value, run(&raw, [value, 0, 0])?.0]);
    }
    Ok(())
}

/// Memory, operand, R0; then memory, operand register and R0 afterwards.
fn atomic(op: AtomicOp, size: Size, numbers: &mut Numbers, out: &mut String) -> Result<(), Failure> {
    let _ = writeln!(out, "atomic {op:?} {size:?}");
    let store = |reg, off| Op::Store { size: Size::DW, base: Reg::R1, off, value: Operand::Reg(reg) };
    let mut ops = operands();
    ops.extend([
        mov(Reg::R0, Operand::Reg(Reg::R8)),
        Op::Atomic { op, size, base: Reg::R1, off: 0, reg: Reg::R7 },
        store(Reg::R7, 8),
        Op::Exit,
    ]);
    let raw = Raw::load(&encode(&ops), 24)?;
    for i in 0..12 {
        let (memory, src) = (numbers.operand(), numbers.operand());
        // Compare-and-exchange must find what it looks for half of the time, in one width or the other.
        let r0 = match i % 3 {
            0 => memory,
            1 => memory ^ 1 << 40,
            _ => numbers.operand(),
        };
        let (r0_after, [memory_after, src_after, _]) = run(&raw, [memory, src, r0])?;
        row(out, &[memory, src, r0, memory_after, src_after, r0_after]);
    }
    Ok(())
}
