//! The lists that are recorded from: complete, without doubles, the same every time.

use std::collections::HashSet;

use skep_isa::{AluOp, AtomicOp, Insn, JmpOp, Op, decode};
use skep_oracle::corpus::corpus;
use skep_oracle::numbers::Numbers;
use skep_oracle::strictness::candidates;

#[test]
fn the_corpus_holds_every_instruction_once() {
    let all = corpus();
    let mut seen = HashSet::new();
    for op in &all {
        assert_eq!(decode(&Insn::encode(&[*op]), 0), Ok(*op));
        seen.insert(*op);
    }
    // Operands of different sorts may coincide, but not many.
    assert!(all.len() - seen.len() < 40, "{} of {}", all.len() - seen.len(), all.len());
    let has = |wanted: &dyn Fn(&Op) -> bool| seen.iter().any(wanted);
    for &wanted in AluOp::ALL {
        assert!(has(&|op| matches!(op, Op::Alu { op, .. } if *op == wanted)), "{wanted:?}");
    }
    for &wanted in JmpOp::ALL {
        assert!(has(&|op| matches!(op, Op::Branch { op, .. } if *op == wanted)), "{wanted:?}");
    }
    for &wanted in AtomicOp::ALL {
        assert!(has(&|op| matches!(op, Op::Atomic { op, .. } if *op == wanted)), "{wanted:?}");
    }
}

#[test]
fn candidates_hold_every_opcode() {
    let codes: HashSet<u8> = candidates().iter().map(|slots| slots[0].code).collect();
    assert_eq!(codes.len(), 256);
}

#[test]
fn numbers_are_the_same_every_time() {
    let draw = || {
        let mut numbers = Numbers(7);
        [numbers.draw(), numbers.operand(), numbers.immediate() as u64]
    };
    assert_eq!(draw(), draw());
    // The published first output of splitmix64 for seed 0.
    assert_eq!(Numbers(0).draw(), 0xe220_a839_7b1d_cdaf);
}
