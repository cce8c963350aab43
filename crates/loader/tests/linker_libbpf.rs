//! Linked objects, compared with what libbpf makes of the same inputs (`fixtures/oracle/link.txt`).

use skep_loader::linker::{LinkError, Linked, link};
use skep_testkit::{fixtures, linking};

fn link_named(names: &[String]) -> Result<Linked, LinkError> {
    let files: Vec<Vec<u8>> = names.iter().map(|name| fixtures::read(&format!("{name}.bpf.o"))).collect();
    let inputs: Vec<(&str, &[u8])> =
        names.iter().zip(&files).map(|(name, file)| (name.as_str(), &file[..])).collect();
    link(&inputs)
}

/// The inputs of each case, and what libbpf made of them.
fn recording() -> Vec<(Vec<String>, String)> {
    let text = String::from_utf8(fixtures::read("oracle/link.txt")).unwrap();
    let rows = text.lines().skip(1).map(|line| line.split_once(": ").unwrap());
    rows.map(|(case, said)| (case.split(' ').map(str::to_owned).collect(), said.to_owned())).collect()
}

/// Where an object is not to be the one that libbpf makes, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    /// The same file.
    Same,
    /// A variable is declared, or weak, before it is defined in the same section: libbpf leaves the offset of the
    /// declaration, and corrects it when its output is linked again. Here it is right at once.
    SameTwice,
    /// A map that nobody defines, beside others: libbpf puts its symbol where the others start.
    Different,
}

fn expected(case: &[String], linked: &Linked) -> Expected {
    let has = |name: &str| case.iter().any(|it| it == name);
    match linked.externs.iter().any(|name| name == "seen" || name == "blocked") {
        true => Expected::Different,
        false if has("linked/gate") && has("linked/rules") => Expected::SameTwice,
        false => Expected::Same,
    }
}

#[test]
fn the_result_is_the_file_that_libbpf_makes() {
    let recording = recording();
    assert!(recording.len() > 250);
    for (case, theirs) in &recording {
        let name = case.join(" ");
        let ours = link_named(case);
        let Some((once, twice)) = theirs.split_once(' ').filter(|(once, _)| once.len() == 16) else {
            let error = ours.expect_err(&name);
            check_words(&name, theirs, &error.message);
            continue;
        };
        let ours = ours.unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = link(&[("once", &ours.bytes)]).unwrap().bytes;
        let print = |bytes: &[u8]| format!("{:016x}", linking::fingerprint(bytes));
        let found = match (print(&ours.bytes) == once, print(&again) == twice) {
            (true, true) => Expected::Same,
            (false, true) => Expected::SameTwice,
            (_, false) => Expected::Different,
        };
        assert_eq!(found, expected(case, &ours), "{name}");
    }
}

/// Where types do not fit, ours are libbpf's words, but for a name that it forgets.
fn check_words(case: &str, theirs: &str, ours: &str) {
    let theirs = theirs.split_once("': ").map_or("", |(_, rest)| rest);
    if (theirs.starts_with("incompatible") || theirs.starts_with("map ")) && !theirs.contains("(null)") {
        assert!(ours.ends_with(theirs), "{case}: {ours}, not: {theirs}");
    }
}
