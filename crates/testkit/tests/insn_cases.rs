//! Every conformance case of an instruction (`fixtures/insn/*.cases`), on both engines of the interpreter.

use std::sync::Arc;

use skep_isa::{Callee, Size};
use skep_memory::{Arena, Memory, ObjectKind, Origin, Rights};
use skep_testkit::insn_cases::{Case, Expect, cases_dir, load_cases};
use skep_vm::{Call, Exit, Host, HostFault, Machine, Outcome, Program, Stack, TrapKind};

/// Where the program is said to lie; nothing is there.
const TEXT: u64 = 0xffff_ffff_fb00_0000;

/// Has a packet and no helpers.
struct Wire<'a>(&'a [u8]);

impl Host for Wire<'_> {
    fn call(&mut self, _call: &mut Call<'_>, callee: Callee) -> Outcome {
        Outcome::Fault(HostFault::not_emulated(format!("{callee:?}")))
    }

    fn load_packet(&mut self, _call: &mut Call<'_>, offset: i32, size: Size) -> Option<u64> {
        let start = usize::try_from(offset).ok()?;
        let bytes = self.0.get(start..start.checked_add(size.bytes())?)?;
        Some(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }
}

type Engine = fn(&mut Machine, &Memory, &mut dyn Host) -> Exit;

const ENGINES: [(&str, Engine); 2] = [
    ("run", |machine, memory, host| machine.run(memory, host)),
    ("step", |machine, memory, host| {
        loop {
            if let Some(exit) = machine.step(memory, host) {
                return exit;
            }
        }
    }),
];

/// What an engine makes of a case, in the words of the case.
fn outcome(case: &Case, memory: &Memory, engine: Engine) -> Expect {
    let program = match Program::new(&case.insns, TEXT) {
        Ok(program) => Arc::new(program),
        Err(error) => return Expect::Undecodable { slot: error.slot, text: error.to_string() },
    };
    let stack = Stack::new(memory).unwrap();
    let bytes = &case.memory;
    let address = match bytes.len() {
        0 => 0,
        len => memory.alloc(Arena::Packet, len, 8, Rights::RW, Origin::new(ObjectKind::Raw, "")).unwrap(),
    };
    memory.poke(address, bytes).unwrap();
    let mut machine = Machine::new(program, stack, [address, bytes.len() as u64, 0, 0, 0], 1);
    let exit = engine(&mut machine, memory, &mut Wire(case.packet.as_deref().unwrap_or_default()));
    let mut after = vec![0; bytes.len()];
    memory.peek(address, &mut after).unwrap();
    stack.free(memory);
    memory.free(address);
    match exit {
        Exit::Return(r0) => Expect::Returns { r0, memory: after },
        Exit::Fault(trap) if matches!(trap.kind, TrapKind::Memory(_)) => Expect::FaultsOnMemory,
        Exit::Fault(trap) => panic!("{}: {trap}", case.id()),
    }
}

fn agrees(expected: &Expect, found: &Expect) -> bool {
    match (expected, found) {
        (Expect::Undecodable { slot: a, text }, Expect::Undecodable { slot: b, text: found }) => {
            a == b && found.contains(text)
        }
        _ => expected == found,
    }
}

#[test]
fn every_case_on_every_engine() {
    let memory = Memory::new().unwrap();
    let cases = load_cases(&cases_dir()).unwrap_or_else(|error| panic!("{error}"));
    let mut wrong = Vec::new();
    for (case, (name, engine)) in cases.iter().flat_map(|case| ENGINES.map(|engine| (case, engine))) {
        let found = outcome(case, &memory, engine);
        if !agrees(&case.expect, &found) {
            wrong.push(format!("{name} {}: expected {:x?}, found {found:x?}\n", case.id(), case.expect));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}
