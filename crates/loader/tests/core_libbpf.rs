//! CO-RE relocations, compared with what libbpf made of them (`fixtures/oracle/core.txt`).

use std::collections::HashMap;
use std::sync::Arc;

use skep_btf::core::Patched;
use skep_isa::Insn;
use skep_kernel::TargetBtf;
use skep_loader::core::{self, Relocation};
use skep_object::Object;
use skep_testkit::{core_targets, fixtures};

/// What libbpf said of one program.
#[derive(Default)]
struct Recorded {
    /// Lines about its relocations.
    lines: Vec<String>,
    insns: String,
}

/// By target and program.
fn recording() -> HashMap<(String, String), Recorded> {
    let text = String::from_utf8(fixtures::read("oracle/core.txt")).unwrap();
    let mut programs: HashMap<(String, String), Recorded> = HashMap::new();
    let (mut target, mut program) = (String::new(), String::new());
    for line in text.lines().skip(1) {
        match line.split_once(' ') {
            Some(("target", name)) => target = name.to_owned(),
            Some(("program", name)) => program = name.to_owned(),
            _ => {
                let recorded = programs.entry((target.clone(), program.clone())).or_default();
                match line.strip_prefix("\tinsns ") {
                    Some(hex) => recorded.insns = hex.to_owned(),
                    None => recorded.lines.push(line.trim_start().to_owned()),
                }
            }
        }
    }
    programs
}

fn hex(insns: &[Insn]) -> String {
    let of = |insn: &Insn| insn.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    insns.iter().map(of).collect::<Vec<_>>().join(" ")
}

/// What libbpf would say of one relocation.
fn told(relo: &Relocation<'_>) -> Vec<String> {
    let index = relo.index;
    let (outcome, patched) = match &relo.result {
        Ok(done) => done,
        Err(error) => {
            let text = error.to_string();
            let own_number = text.starts_with("relo ");
            return vec![if own_number { text } else { format!("relo #{index}: {text}") }];
        }
    };
    let mut lines = vec![format!("relo #{index}: {}", outcome.spec)];
    lines.extend(outcome.found.iter().map(|found| format!("relo #{index}: found {}", found.spec)));
    if *patched == Patched::WrongSize {
        lines.push(format!(
            "relo #{index}: insn #{} (LDX/ST/STX) accesses field incorrectly. Make sure you are accessing pointers, \
             unsigned integers, or fields of matching type and size.",
            relo.slot
        ));
    }
    lines
}

/// The same of what it said: of several candidates the first, and no summary behind an error.
fn comparable(lines: &[String]) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    let failed =
        lines.iter().any(|line| line.contains("failed to relocate") || line.contains("failed to patch"));
    for line in lines {
        let found = line.split_once(": matching candidate #").map(|(relo, rest)| {
            let spec = rest.split_once(' ').map_or("", |(_, spec)| spec);
            (format!("{relo}: found "), spec)
        });
        match found {
            Some((start, _)) if told.last().is_some_and(|last| last.starts_with(&start)) => {}
            Some((start, spec)) => told.push(start + spec),
            None if line.contains("failed to re") || line.contains("failed to patch") => {}
            None if line.ends_with("no matching targets found") => {}
            None => told.push(line.clone()),
        }
    }
    if failed {
        // Of a failing relocation only the reason is compared: here it has no outcome to tell what came before.
        let reason = told.pop().unwrap();
        let start = lines.last().unwrap().split(':').next().unwrap().to_owned() + ":";
        told.retain(|line| !line.starts_with(&start));
        told.push(reason);
    }
    told
}

#[test]
fn every_relocation_is_what_libbpf_makes_of_it() {
    let recording = recording();
    let object = Object::parse(&fixtures::object("core/kinds")).unwrap();
    let mut compared = 0;
    for (name, make) in core_targets::TARGETS {
        let target = TargetBtf::new(*name, Arc::new(make()));
        for (index, program) in object.programs.iter().enumerate().filter(|(_, it)| !it.is_subprogram) {
            let recorded = &recording[&((*name).to_owned(), program.name.clone())];
            let wanted = |it: usize| it == index || object.programs[it].is_subprogram;
            let mut lines = Vec::new();
            let relocated = core::relocate(&object, &target, wanted, |relo| {
                if relo.program == index {
                    lines.extend(told(relo));
                }
            });
            let place = format!("{} on {name}", program.name);
            assert_eq!(lines, comparable(&recorded.lines), "{place}");

            let code = relocated.code(index).unwrap_or_else(|| panic!("{place}: no relocation"));
            if code.error.is_some() {
                // libbpf gave up before it put functions together.
                assert_eq!(hex(&code.insns), recorded.insns, "{place}");
                continue;
            }
            let linked = relocated.link(&object, index).unwrap();
            assert_eq!(hex(&linked.insns), recorded.insns, "{place}");
            let failure = recorded.lines.iter().find(|line| line.starts_with("failed to resolve"));
            let said =
                |failure: &String| linked.poisoned.iter().any(|(_, it)| it.starts_with(failure.as_str()));
            assert!(failure.is_none_or(said), "{place}: {failure:?}, {:?}", linked.poisoned);
            compared += 1;
        }
    }
    assert!(compared > 400, "{compared}");
}
