//! Replays what the real kernel's maps answered (`fixtures/oracle/maps-6.18.json`; `record-maps` of `skep-oracle` wrote
//! it, and says what the commands mean) and compares every errno and every byte.
//!
//! No answer depends on the seed of the kernel's hash function: walks are recorded as sorted sets, and the key behind
//! another is only asked for where one key can be the answer. That is the one thing in which hash maps here differ
//! from the kernel's: they are walked in the order of insertion.

mod replay;

use replay::{Case, Recording, Replay};

/// Maps that the kernel makes and that do not fit in the simulated address space.
const TOO_BIG: &[&str] = &["create array: value_size 2147483647, one element"];

fn run(case: &Case, cpus: u32) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut replay = match Replay::new(case, cpus) {
        Ok(replay) => replay,
        Err(answer) if answer == case.create => return wrong,
        Err(answer) if TOO_BIG.contains(&case.name.as_str()) && answer == "ENOMEM" => return wrong,
        Err(answer) => return vec![format!("{}: create: {answer}, the kernel {}", case.name, case.create)],
    };
    if case.create != "ok" {
        return vec![format!("{}: create: ok, the kernel {}", case.name, case.create)];
    }
    for step in &case.steps {
        let (command, kernel) = step.split_once(" -> ").unwrap();
        let ours = replay.step(command);
        if ours != kernel {
            wrong.push(format!("{}: {command}\n    ours   {ours}\n    kernel {kernel}", case.name));
        }
    }
    wrong
}

#[test]
fn answers_are_those_of_the_kernel() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/oracle/maps-6.18.json");
    let recording: Recording = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(recording.cases.len() > 500, "{} sequences", recording.cases.len());
    let wrong: Vec<String> = recording.cases.iter().flat_map(|case| run(case, recording.cpus)).collect();
    let first = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} answers differ from Linux {}:\n{first}", wrong.len(), recording.kernel);
}
