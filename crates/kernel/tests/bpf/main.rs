//! `bpf(2)` call by call against Linux 6.18: `fixtures/oracle/bpf-*.txt.gz`, which `record-bpf` of `skep-oracle` wrote (its
//! front page has the form), replayed to the errno and the last byte that came back.

mod known;
mod memory;
mod pattern;
mod replay;

use flate2::read::GzDecoder;
use std::io::Read;
use std::path::PathBuf;

/// What was asked for when the tests were started.
#[expect(clippy::disallowed_methods, reason = "asked for: a case by its name, a recording by its path")]
fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The lines of a recording.
fn recording(subject: &str) -> String {
    let name = format!("bpf-{subject}-6.18.txt.gz");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/oracle").join(name);
    let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    GzDecoder::new(packed.as_slice()).read_to_string(&mut text).expect("text");
    text
}

/// Replays the cases of a subject. Those that differ must be the known ones, and no others.
fn check(subject: &str) {
    check_text(subject, &recording(subject));
}

fn check_text(subject: &str, text: &str) {
    let only = asked("CASE");
    let mut wrong = Vec::new();
    let mut equal = 0;
    for case in replay::cases(text).filter(|it| only.as_ref().is_none_or(|only| it.name.contains(only))) {
        let known = known::reason(subject, case.name);
        match (case.replay(), known) {
            (Ok(()), None) => equal += 1,
            (Err(difference), None) => wrong.push(format!("{}: {difference}", case.name)),
            (Ok(()), Some(_)) => wrong.push(format!("{}: agrees by now; take it off the list", case.name)),
            (Err(_), Some(_)) => {}
        }
    }
    println!("{subject}: {equal} cases are equal");
    assert!(wrong.is_empty(), "{subject}: {equal} equal, {} not\n{}", wrong.len(), wrong.join("\n"));
}

/// A recording that is not committed, if one was named (`BPF_RECORDING`, unpacked).
#[test]
fn given() {
    match asked("BPF_RECORDING") {
        Some(path) => check_text("given", &std::fs::read_to_string(path).expect("a recording")),
        None => println!("no BPF_RECORDING was given"),
    }
}

/// A test for each recording.
macro_rules! subjects {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(&stringify!($name).replace('_', "-"));
            }
        )*
    };
}

subjects! {
    attrs
    batch
    btf
    creations
    elements
    ids
    info
    links
    loads
    perf
    pins
    storages
    test_edges
    test_run
    prog_info
    prog_load
    btf_load
}
