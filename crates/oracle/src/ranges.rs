//! Programs of random arithmetic and branches on registers of which something is known, and what the verifier of the
//! real kernel says of the registers after each instruction.
//!
//! A recording is one program after another: a line `p` with its instructions in hex, then a line for each
//! that the verifier processed in which a number changed, in its order (`7 R6=scalar(umax=5)`), and one with all numbers
//! where it takes up a path (`from 3 to 5 R6=...`).

use skep_isa::{AluOp, End, Insn, JmpOp, Op, Operand, Reg, Size, Width};

use crate::numbers::Numbers;
use crate::sys::{ProgLoad, Rejected};

/// Registers with numbers.
const NUMBERS: [Reg; 3] = [Reg::R6, Reg::R7, Reg::R8];
/// Where `struct __sk_buff` has a word that programs may read in parts: `mark`.
const MARK: i16 = 8;
const SOCKET_FILTER: u32 = 1;
const GET_PRANDOM_U32: u32 = 7;
/// `BPF_F_TEST_STATE_FREQ` is not wanted; the log with all states is.
const LOG_STATES: u32 = 2;

/// A program from a seed: R9 is the context, R6 to R8 are numbers. No two of them are copies of each other.
pub fn program(seed: u64) -> Vec<Insn> {
    let mut numbers = Numbers(seed);
    let mut ops = vec![Op::mov64(Reg::R9, Reg::R1)];
    for reg in NUMBERS {
        ops.extend(unknown(&mut numbers, reg));
    }
    ops.push(Op::mov64(Reg::R0, 0));
    // Of each branch, how it leaves: an exit behind it, or one at the end.
    let mut late = Vec::new();
    for _ in 0..6 + numbers.draw() % 10 {
        step(&mut numbers, &mut ops, &mut late);
    }
    ops.push(Op::Exit);
    let mut insns = Insn::encode(&ops);
    for at in late {
        let slot: usize = ops[..at].iter().map(Op::slots).sum();
        insns[slot].off = (insns.len() - slot - 1) as i16;
        insns.extend(Insn::encode(&[Op::Exit]));
    }
    insns
}

/// Something unknown: of one, two or four bytes, or of eight.
fn unknown(numbers: &mut Numbers, reg: Reg) -> Vec<Op> {
    match numbers.draw() % 6 {
        0 | 1 => {
            let moved = [Op::call(GET_PRANDOM_U32), Op::mov64(reg, Reg::R0), alone(reg)];
            [&moved[..], &[Op::mov64(Reg::R0, 0)]].concat()
        }
        2 => vec![Op::load(Size::B, reg, Reg::R9, MARK)],
        3 => vec![Op::load(Size::H, reg, Reg::R9, MARK)],
        4 => vec![Op::load(Size::W, reg, Reg::R9, MARK)],
        _ => vec![Op::imm64(reg, numbers.operand())],
    }
}

/// Leaves what is known of a number alone, but not that it is a copy: that would show in sums.
fn alone(reg: Reg) -> Op {
    Op::alu64(AluOp::Mul, reg, 1)
}

fn pick<T: Copy>(numbers: &mut Numbers, from: &[T]) -> T {
    from[numbers.draw() as usize % from.len()]
}

fn width(numbers: &mut Numbers) -> Width {
    pick(numbers, &[Width::W64, Width::W64, Width::W32])
}

fn step(numbers: &mut Numbers, ops: &mut Vec<Op>, late: &mut Vec<usize>) {
    match numbers.draw() % 20 {
        0 => {
            let reg = pick(numbers, &NUMBERS);
            ops.extend(unknown(numbers, reg));
        }
        1 => ops.extend(moved(numbers)),
        2 if numbers.draw().is_multiple_of(3) => {
            let kind = pick(numbers, &[End::ToLe, End::ToBe, End::Swap]);
            let bits = pick(numbers, &[16, 32, 64]);
            ops.push(Op::End { kind, bits, dst: pick(numbers, &NUMBERS) });
        }
        2..=9 => branch(numbers, ops, late),
        _ => ops.push(arithmetic(numbers)),
    }
}

/// A move with extension; the source is then overwritten, so that the two are not known to be equal.
fn moved(numbers: &mut Numbers) -> Vec<Op> {
    const MOVES: [(AluOp, Width); 6] = [
        (AluOp::Mov, Width::W32),
        (AluOp::MovSx8, Width::W64),
        (AluOp::MovSx16, Width::W64),
        (AluOp::MovSx32, Width::W64),
        (AluOp::MovSx8, Width::W32),
        (AluOp::MovSx16, Width::W32),
    ];
    let (op, width) = pick(numbers, &MOVES);
    let (dst, src) = (pick(numbers, &NUMBERS), pick(numbers, &NUMBERS));
    let mut ops = vec![Op::Alu { op, width, dst, src: src.into() }, alone(dst)];
    if dst != src {
        ops.extend(unknown(numbers, src));
    }
    ops
}

fn branch(numbers: &mut Numbers, ops: &mut Vec<Op>, late: &mut Vec<usize>) {
    let op = pick(numbers, JmpOp::ALL);
    let dst = pick(numbers, &NUMBERS);
    let src = operand(numbers);
    let here = numbers.draw().is_multiple_of(2);
    ops.push(Op::Branch { op, width: width(numbers), dst, src, off: 1 });
    if here {
        ops.push(Op::Exit);
    } else {
        late.push(ops.len() - 1);
    }
}

fn operand(numbers: &mut Numbers) -> Operand {
    match numbers.draw() % 3 {
        0 => pick(numbers, &NUMBERS).into(),
        1 => Operand::Imm((numbers.draw() % 0x110) as i32 - 0x10),
        _ => Operand::Imm(numbers.immediate()),
    }
}

fn arithmetic(numbers: &mut Numbers) -> Op {
    // Division and multiplication by anything leave little behind: they come less often.
    const OPS: [AluOp; 16] = [
        AluOp::Add,
        AluOp::Add,
        AluOp::Sub,
        AluOp::Sub,
        AluOp::Neg,
        AluOp::And,
        AluOp::And,
        AluOp::Or,
        AluOp::Xor,
        AluOp::Lsh,
        AluOp::Rsh,
        AluOp::Rsh,
        AluOp::Arsh,
        AluOp::Arsh,
        AluOp::Mul,
        AluOp::Mod,
    ];
    let (op, width, dst) = (pick(numbers, &OPS), width(numbers), pick(numbers, &NUMBERS));
    let mut src = operand(numbers);
    match op {
        AluOp::Neg => src = Operand::Imm(0),
        AluOp::Lsh | AluOp::Rsh | AluOp::Arsh
            if !numbers.draw().is_multiple_of(8) || matches!(src, Operand::Imm(_)) =>
        {
            let amount = pick(numbers, &[1, 3, 8, 16, 24, 31, 32, 33, 48, 56, 63]);
            src = Operand::Imm(amount % width.bits() as i32);
        }
        AluOp::Mod if src == Operand::Imm(0) => src = Operand::Imm(1),
        _ => {}
    }
    Op::Alu { op, width, dst, src }
}

/// What the kernel says of the registers; nothing if it left a path because an earlier one covers it: how it decides
/// that is not what these are about.
///
/// # Errors
/// The kernel does not take the program: it takes all of these from root.
pub fn ask(insns: &[Insn]) -> Result<Option<String>, Rejected> {
    let load = ProgLoad {
        prog_type: SOCKET_FILTER,
        insns,
        license: "GPL",
        log_level: LOG_STATES,
        ..ProgLoad::default()
    };
    let log = load.load()?.log;
    Ok((!log.contains(": safe\n")).then(|| recording(insns, &log)))
}

/// A program and its log as a recording has them.
fn recording(insns: &[Insn], log: &str) -> String {
    let mut text = String::from("p ");
    for byte in Insn::to_vec(insns) {
        text.push_str(&format!("{byte:02x}"));
    }
    text.push('\n');
    for line in log.lines() {
        let Some((place, state)) = place(line) else { continue };
        let numbers: String = state.split(" R").filter_map(number_of).collect();
        if !numbers.is_empty() || place.starts_with("from") {
            text.push_str(&format!("{place}{numbers}\n"));
        }
    }
    text
}

/// `3: (07) r6 += 1   ; R6=...` or `from 3 to 5: R6=...`: the place and the registers.
fn place(line: &str) -> Option<(&str, &str)> {
    let (place, rest) = line.split_once(": ")?;
    let taken_up = place.starts_with("from ");
    if !taken_up && (place.parse::<usize>().is_err() || !rest.starts_with('(')) {
        return None;
    }
    let state = if taken_up { rest } else { rest.split_once("; ").map_or("", |(_, state)| state) };
    Some((place, state))
}

/// ` R6=scalar(...)` without marks of precision and copies; nothing for other registers.
fn number_of(text: &str) -> Option<String> {
    let text = text.trim();
    let (reg, value) = text.strip_prefix('R').unwrap_or(text).split_once('=')?;
    let value = value.strip_prefix('P').unwrap_or(value);
    ["6", "7", "8"].contains(&reg).then(|| format!(" R{reg}={}", without_id(value)))
}

/// `scalar(id=1,umin=2)` as `scalar(umin=2)`.
fn without_id(value: &str) -> String {
    match value.strip_prefix("scalar(id=") {
        Some(rest) => {
            format!("scalar({}", rest.trim_start_matches(|c| c != ',' && c != ')').trim_start_matches(','))
        }
        None => value.into(),
    }
}
