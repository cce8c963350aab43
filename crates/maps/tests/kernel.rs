//! Replays what the real kernel's maps answered (`fixtures/oracle/maps-6.18.json`; `record-maps` of `skep-oracle` wrote
//! it, and says what the commands mean) and compares every errno and every byte.
//!
//! Where an answer depends on the seed of the kernel's hash function, the recording does not contain it: walks are
//! recorded as sorted sets, and `next` is only asked where at most one key can be the answer, or for arrays. The random
//! sequences ask for the first of several keys; only whether there is one is compared then.

mod replay;

use replay::{Case, Recording, Replay};

/// Maps that the kernel makes and that do not fit in the simulated address space.
const TOO_BIG: &[&str] = &["create array: value_size 2147483647, one element"];

/// Answers of `next` that may differ, since it is the hash function that chose among several keys.
fn is_a_choice(case: &Case, step: &str) -> bool {
    let hash = matches!(case.map.kind, 1 | 5 | 9);
    hash && case.name.contains("random") && step.starts_with('u') && step.contains(" next ")
}

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
        let choice = is_a_choice(case, command) && ours.len() == kernel.len() && !ours.starts_with('E');
        if ours != kernel && !choice {
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
