//! The meaning of instructions against what a real kernel computed (`fixtures/oracle/meaning.txt`).

use std::fmt::Debug;

use skep_isa::{AluOp, AtomicOp, End, JmpOp, Reg, Size, Width};

const RECORDING: &str = include_str!("../../../fixtures/oracle/meaning.txt");

/// What one group of lines is about.
#[derive(Clone, Copy, Debug)]
enum Group {
    Alu(AluOp, Width),
    Branch(JmpOp, Width),
    End(End, u8),
    Atomic(AtomicOp, Size),
}

/// The value whose `Debug` form is this word.
fn named<T: Copy + Debug>(all: &[T], word: &str) -> T {
    *all.iter().find(|value| format!("{value:?}") == word).unwrap_or_else(|| panic!("unknown word {word}"))
}

fn group(line: &str) -> Group {
    let words: Vec<&str> = line.split(' ').collect();
    let width = |word| named(&[Width::W32, Width::W64], word);
    match words[..] {
        ["alu", op, w, _] => Group::Alu(named(AluOp::ALL, op), width(w)),
        ["branch", op, w, _] => Group::Branch(named(JmpOp::ALL, op), width(w)),
        ["end", kind, bits] => Group::End(named(&End::ALL, kind), bits.parse().unwrap()),
        ["atomic", op, size] => Group::Atomic(named(AtomicOp::ALL, op), named(&Size::ALL, size)),
        _ => panic!("unknown group {line}"),
    }
}

fn numbers(line: &str) -> Vec<u64> {
    line.split(' ').map(|word| u64::from_str_radix(word, 16).unwrap()).collect()
}

/// What we make of the operands of a line: the numbers that must stand behind them.
fn ours(group: Group, line: &[u64]) -> Vec<u64> {
    match (group, line) {
        (Group::Alu(op, width), &[dst, src, _]) => vec![op.eval(width, dst, src)],
        (Group::Branch(op, width), &[dst, src, _]) => vec![op.test(width, dst, src).into()],
        (Group::End(kind, bits), &[value, _]) => vec![kind.eval(bits, value)],
        (Group::Atomic(op, size), &[memory, src, r0, ..]) => atomic(op, size, memory, src, r0),
        _ => panic!("bad line {line:x?} in {group:?}"),
    }
}

/// The memory is 8 bytes of which the operation may touch less.
fn atomic(op: AtomicOp, size: Size, memory: u64, src: u64, r0: u64) -> Vec<u64> {
    let old = size.truncate(memory);
    let new = op.eval(size, old, src, r0);
    let after = memory - old + new;
    match op.result(Reg::R7) {
        Some(Reg::R7) => vec![after, old, r0],
        Some(_) => vec![after, src, old],
        None => vec![after, src, r0],
    }
}

#[test]
fn meaning() {
    let mut current = None;
    let (mut lines, mut groups) = (0, 0);
    for line in RECORDING.lines().filter(|line| !line.starts_with('#')) {
        if line.split(' ').all(|word| u64::from_str_radix(word, 16).is_ok()) {
            let line = numbers(line);
            let group = current.expect("a group in front");
            let got = ours(group, &line);
            let expected = &line[line.len() - got.len()..];
            assert_eq!(got, expected, "{group:?} of {line:x?}: ours left, the kernel's right");
            lines += 1;
        } else {
            current = Some(group(line));
            groups += 1;
        }
    }
    // All operations are there.
    let alu = AluOp::ALL.len() * 2 - 1 + AluOp::ALL.iter().filter(|op| op.symbol().ends_with('=')).count();
    assert!(groups > alu + JmpOp::ALL.len() * 4 + 9 + AtomicOp::ALL.len() * 2, "only {groups} groups");
    assert!(lines > 5000, "only {lines} lines");
}

/// No operation was added to the tables without being recorded.
#[test]
fn nothing_is_missing() {
    let has =
        |group: String| assert!(RECORDING.contains(&format!("\n{group}\n")), "{group} was not recorded");
    for op in AluOp::ALL {
        has(format!("alu {op:?} W64 reg"));
    }
    for op in JmpOp::ALL {
        has(format!("branch {op:?} W32 imm"));
    }
    for op in AtomicOp::ALL {
        has(format!("atomic {op:?} DW"));
    }
    for (kind, bits) in End::ALL.iter().flat_map(|kind| End::BITS.map(|bits| (kind, bits))) {
        has(format!("end {kind:?} {bits}"));
    }
}
