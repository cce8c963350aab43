//! The instruction cases of `fixtures/insn`, whose results are those of a real kernel, in every way to run.

mod common;
// The reader alone: the test kit as a crate depends on all the layers above this one.
#[allow(dead_code, unreachable_pub, reason = "what the other engines' suites need")]
#[path = "../../testkit/src/insn_cases.rs"]
mod insn_cases;

use std::sync::Arc;

use common::{End, Helpers, SEED, TEXT, Way};
use insn_cases::{Case, Expect, cases_dir, load_cases};
use skep_memory::{Arena, Memory, ObjectKind, Origin, Rights};
use skep_vm::{Machine, Program, Stack, TrapKind};

/// Runs a case one way; the answer is how it ended, and its memory afterwards.
fn run(case: &Case, program: &Arc<Program>, way: Way) -> (End, Vec<u8>) {
    let memory = Memory::new().expect("address space");
    let stack = Stack::new(&memory).expect("a stack");
    let length = case.memory.len();
    let block = (length > 0).then(|| {
        let origin = Origin::new(ObjectKind::Raw, "memory");
        let block = memory.alloc(Arena::Kernel, length, 8, Rights::RW, origin).expect("a block");
        memory.poke(block, &case.memory).expect("the block");
        block
    });
    let args = [block.unwrap_or(0), length as u64, 0, 0, 0];
    let mut machine = Machine::new(program.clone(), stack, args, SEED);
    machine.set_budget(Some(100_000));
    let mut host = Helpers { packet: case.packet.clone().unwrap_or_default(), ..Helpers::default() };
    let end = way.run(&mut machine, &memory, &mut host);
    let mut after = vec![0; length];
    if let Some(block) = block {
        memory.peek(block, &mut after).expect("the block");
    }
    (end, after)
}

/// What is wrong, if something is.
fn check(case: &Case) -> Result<(), String> {
    let program = match (Program::new(&case.insns, TEXT), &case.expect) {
        (Err(error), Expect::Undecodable { slot, text })
            if error.slot == *slot && error.message.contains(text) =>
        {
            return Ok(());
        }
        (Err(error), _) => return Err(format!("refused: {error}")),
        (Ok(_), Expect::Undecodable { .. }) => return Err("not refused".into()),
        (Ok(program), _) => Arc::new(program),
    };
    for way in Way::ALL {
        let (end, after) = run(case, &program, way);
        let fine = match (&case.expect, &end) {
            (Expect::Returns { r0, memory }, End::Return(value)) => value == r0 && &after == memory,
            (Expect::FaultsOnMemory, End::Trap { kind: TrapKind::Memory(_), .. }) => true,
            _ => false,
        };
        if !fine {
            return Err(format!("{way:?}: {end:x?}, memory {after:02x?}, but expected {:x?}", case.expect));
        }
    }
    Ok(())
}

#[test]
fn all_cases() {
    let cases = load_cases(&cases_dir()).expect("cases");
    assert!(cases.len() > 1000, "{} cases", cases.len());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let place = format!("{}.cases:{} {}", case.subject, case.line, case.name);
            check(case).err().map(|error| format!("{place}: {error}"))
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} fail:\n{}", failures.len(), cases.len(), failures.join("\n"));
}
