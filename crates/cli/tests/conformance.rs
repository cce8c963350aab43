//! The plugin protocol on every case of `fixtures/insn` that it can carry: programs on a block of memory.

use std::io::Write;
use std::process::{Command, Stdio};

use skep_runner::{Conformance, hex_string};
use skep_testkit::insn_cases::{Case, Expect, cases_dir, load_cases};

/// The cases that need no context: the protocol has none.
fn cases() -> Vec<Case> {
    load_cases(&cases_dir()).unwrap().into_iter().filter(|case| case.packet.is_none()).collect()
}

fn code(case: &Case) -> Vec<u8> {
    case.insns.iter().flat_map(|insn| insn.to_bytes()).collect()
}

/// What the protocol answers: r0, or a text.
fn check(case: &Case, answer: Result<u64, String>) {
    let place = format!("{}.cases:{}: {}", case.subject, case.line, case.name);
    match (&case.expect, answer) {
        (Expect::Returns { r0, .. }, answer) => assert_eq!(answer, Ok(*r0), "{place}"),
        (_, Ok(r0)) => panic!("{place}: it came to an end, with {r0:#x}"),
        (_, Err(text)) => assert!(!text.is_empty(), "{place}: a failure without a text"),
    }
}

#[test]
fn every_case_has_its_result() {
    let cases = cases();
    assert!(cases.len() > 1000, "{} cases", cases.len());
    for case in &cases {
        check(case, skep_runner::conformance(&Conformance { code: code(case), memory: case.memory.clone() }));
    }
}

/// The same through the command, as a plugin is called; of every subject a share, since each is a process.
#[test]
fn the_command_speaks_the_protocol() {
    for case in cases().iter().step_by(9) {
        let mut plugin = Command::new(env!("CARGO_BIN_EXE_skep"));
        plugin.arg("conformance");
        if !case.memory.is_empty() {
            plugin.arg(hex_string(&case.memory));
        }
        let mut child =
            plugin.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(hex_string(&code(case)).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let answer = if output.status.success() {
            Ok(u64::from_str_radix(String::from_utf8(output.stdout).unwrap().trim(), 16).unwrap())
        } else {
            Err(String::from_utf8(output.stderr).unwrap())
        };
        check(case, answer);
    }
}
