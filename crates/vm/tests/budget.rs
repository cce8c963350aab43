//! Budgets: exact to the instruction, whatever the way to run.

mod common;

use common::{End, Helpers, World, program, run_all};
use proptest::prelude::*;
use skep_vm::{DEFAULT_BUDGET, TrapKind};

/// Loops, branches both ways, wide loads, calls and callbacks.
const MIXED: &str = "
    r6 = 0
    r7 = 9
again:
    r1 = r7
    r1 &= 1
    if r1 == 0 goto even
    r2 = 0x123456789 ll
    r6 += r2
    goto next
even:
    call f
    r6 += r0
next:
    r7 -= 1
    if r7 != 0 goto again
    r1 = 3
    r2 = body ll
    call 181
    r0 = r6
    exit
f:
    r0 = 5
    may_goto out
    r0 = 6
out:
    exit
body:
    if r1 > 1 goto done
    r1 = 2
    call 2
done:
    r0 = 0
    exit
";

fn spent(program: &str, budget: Option<u64>) -> (End, u64, u64) {
    let world = World::new();
    let (end, machine, _) = run_all(&world, &common::program(program), &Helpers::default(), budget);
    (end, machine.insns(), machine.charges())
}

#[test]
fn every_budget_stops_exactly() {
    let (End::Return(r0), insns, charges) = spent(MIXED, None) else { panic!("it ends") };
    assert_eq!(charges, 4);
    for budget in 0..insns + charges {
        let (end, used, charged) = spent(MIXED, Some(budget));
        let End::Trap { kind: TrapKind::Budget, .. } = end else { panic!("{budget}: {end:?}") };
        // A charge, here of 2 at a time, may overdraw what is left.
        let overdrawn = used + charged - budget;
        assert!(overdrawn == 0 || (overdrawn <= 2 && charged > 0), "{budget}: {used} + {charged}");
    }
    assert_eq!(spent(MIXED, Some(insns + charges)), (End::Return(r0), insns, charges));
}

#[test]
fn endless_loops_end() {
    for text in [
        "goto -1\nexit",
        "gotol -1\nexit",
        "r0 = 0\nif r0 == 0 goto -1\nexit",
        "goto +1\nexit\ngoto -3\nexit",
    ] {
        for budget in [0, 1, 2, 3, 1000, 100_001] {
            let (end, insns, _) = spent(text, Some(budget));
            assert!(matches!(end, End::Trap { kind: TrapKind::Budget, .. }), "{text}: {end:?}");
            assert_eq!(insns, budget, "{text}");
        }
    }
}

#[test]
fn straight_programs_count_too() {
    let text = format!("{}exit", "r0 = 1\n".repeat(300));
    for budget in [0, 1, 299, 300] {
        let (end, insns, _) = spent(&text, Some(budget));
        assert_eq!(
            (end, insns),
            (End::Trap { kind: TrapKind::Budget, tag: 0, slot: budget as usize, depth: 1 }, budget)
        );
    }
    assert_eq!(spent(&text, Some(301)), (End::Return(1), 301, 0));
}

/// Call trees eight deep, each function calling twice: every call is paid for.
#[test]
fn call_trees_end() {
    let mut text = String::from("call f1\nexit\n");
    for i in 1..8 {
        text += &format!("f{i}:\n");
        if i < 7 {
            text += &format!("call f{0}\ncall f{0}\n", i + 1);
        }
        text += "r0 = 0\nexit\n";
    }
    let (end, insns, _) = spent(&text, Some(100));
    assert!(matches!(end, End::Trap { kind: TrapKind::Budget, .. }));
    assert_eq!(insns, 100);
}

#[test]
fn a_charge_uses_up_the_budget() {
    let (end, insns, charges) = spent("r1 = 1000\ncall 2\nr6 = r0\nexit", Some(500));
    assert_eq!(end, End::Trap { kind: TrapKind::Budget, tag: 0, slot: 2, depth: 1 });
    assert_eq!((insns, charges), (2, 1000));
    let (end, ..) = spent("r1 = 1000\ncall 2\nexit", Some(1500));
    assert_eq!(end, End::Return(0));
    let world = World::new();
    let mut machine = world.machine(&program("r1 = 1000\ncall 7\nexit"));
    machine.set_budget(Some(1500));
    let end: End = machine.run(&world.memory, &mut Helpers::default()).into();
    assert_eq!(end, End::Return(499), "what a helper sees left: its own instruction is not yet counted");
}

#[test]
fn more_budget_goes_on() {
    let world = World::new();
    let program = program("r0 = 0\nagain:\nr0 += 1\nif r0 != 10 goto again\nexit");
    let mut machine = world.machine(&program);
    assert_eq!(machine.budget_left(), DEFAULT_BUDGET);
    for budget in 1..22 {
        machine.set_budget(Some(budget));
        let end = machine.run(&world.memory, &mut Helpers::default()).into();
        assert!(matches!(end, End::Trap { kind: TrapKind::Budget, .. }), "{end:?}");
        assert_eq!((machine.insns(), machine.budget_left()), (budget, 0));
    }
    machine.set_budget(None);
    let end: End = machine.run(&world.memory, &mut Helpers::default()).into();
    assert_eq!((end, machine.insns()), (End::Return(10), 22));
    let again: End = machine.run(&world.memory, &mut Helpers::default()).into();
    assert_eq!((again, machine.insns()), (End::Return(10), 22), "a finished machine stays finished");
    assert_eq!(machine.result(), Some(10));
}

proptest! {
    #[test]
    fn large_budgets_stop_exactly(budget in 0u64..300_000) {
        let world = World::new();
        let program = program("again:\nr0 += 1\nif r0 & 1 goto odd\nr3 += 1\nodd:\ngoto again\nexit");
        let mut machine = world.machine(&program);
        machine.set_budget(Some(budget));
        let end = machine.run(&world.memory, &mut Helpers::default()).into();
        let exhausted = matches!(end, End::Trap { kind: TrapKind::Budget, .. });
        prop_assert!(exhausted);
        prop_assert_eq!(machine.insns(), budget);
    }
}
