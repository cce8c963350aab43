//! Whatever the instructions: no panic, an end within the budget, and the same end in every way to run.

mod common;
#[path = "common/random.rs"]
mod random;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::{End, Helpers, TEXT, World, id, run_all};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use skep_isa::{Insn, decode};
use skep_vm::{Program, TrapKind};

/// Opcodes that exist, from trying them all.
fn opcodes() -> Vec<u8> {
    let exists = |code: &u8| {
        let imms = [0, 1, 16, 0x100, 0x110];
        imms.iter().any(|imm| decode(&[Insn::new(*code, 0, 0, 0, *imm), Insn::default()], 0).is_ok())
    };
    let codes: Vec<u8> = (0..=255).filter(exists).collect();
    assert!(codes.len() > 100);
    codes
}

fn slot() -> impl Strategy<Value = Insn> {
    let code = prop_oneof![9 => prop::sample::select(opcodes()), 1 => any::<u8>()];
    let helper = prop::sample::select(
        &[
            id::ADD,
            id::TAIL_CALL,
            id::LOOP,
            id::CHARGE,
            id::THROW,
            id::THROW_TO,
            id::FAIL,
            id::READ,
            id::TAIL_CALL_BLINDLY,
        ][..],
    );
    let imm = prop_oneof![-9i32..9, helper.prop_map(|id| id as i32), any::<i32>()];
    let off = prop_oneof![4 => Just(0i16), 4 => -9i16..9, 1 => any::<i16>()];
    (code, 0u8..12, 0u8..12, off, imm)
        .prop_map(|(code, dst, src, off, imm)| Insn::new(code, dst, src, off, imm))
}

fn outcome(insns: &[Insn], budget: u64) -> Option<End> {
    let program = Arc::new(Program::new(insns, TEXT).ok()?.with_tag(1));
    let host = Helpers { programs: vec![program.clone(); 2], packet: vec![9; 20], ..Helpers::default() };
    let world = World::new();
    let (end, machine, _) = run_all(&world, &program, &host, Some(budget));
    assert!(machine.insns() <= budget);
    Some(end)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn random_slots(insns in prop::collection::vec(slot(), 0..20), budget in 0u64..300) {
        outcome(&insns, budget);
    }

    #[test]
    fn random_programs(insns in random::program(), budget in 0u64..2000) {
        prop_assert!(outcome(&insns, budget).is_some(), "valid instructions were refused");
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let whole = bytes.len() / 8 * 8;
        outcome(&Insn::from_slice(&bytes[..whole]).expect("whole slots"), 100);
    }
}

/// The programs reach what they are meant to reach.
#[test]
fn random_programs_end_in_many_ways() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut seen = BTreeMap::<&str, usize>::new();
    for _ in 0..1500 {
        let insns = random::program().new_tree(&mut runner).expect("a program").current();
        let way = match outcome(&insns, 2000).expect("a program that runs") {
            End::Return(_) => "return",
            End::Trap { kind, .. } => match kind {
                TrapKind::Memory(_) => "memory",
                TrapKind::Budget => "budget",
                TrapKind::CallDepth => "depth",
                TrapKind::BadCallback { .. } => "callback",
                TrapKind::NoArena => "arena",
                TrapKind::Host(_) => "host",
            },
        };
        *seen.entry(way).or_default() += 1;
    }
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert!(seen.values().all(|count| *count > 5), "{seen:?}");
}
