//! Mistakes are told with the line of C that made them.

use skep::{Class, Error};
use skep_testkit::fixtures;

fn fault(name: &str, program: &str, packet: &[u8]) -> Error {
    let mut sk = skep::parse(&fixtures::object(name)).unwrap().load_what_can_be().unwrap();
    sk.program(program).unwrap().run(skep::packet(packet)).unwrap_err()
}

/// The fault is a program fault at a line that carries `mark` in its comment, and the text names it.
fn check(name: &str, program: &str, packet: &[u8], mark: &str, object: Option<&str>) -> Error {
    let error = fault(name, program, packet);
    let report = error.report().unwrap_or_else(|| panic!("{name}/{program}: no report: {error}"));
    assert_eq!(report.class, Class::ProgramFault, "{error}");
    assert_eq!(report.program, program);
    let line = report.line.as_ref().unwrap_or_else(|| panic!("{name}/{program}: no line"));
    let source = fixtures::source(name);
    let text = source.lines().nth(line.line as usize - 1).unwrap();
    assert!(text.contains(mark), "{name}/{program}: reported line {} is {text:?}", line.line);
    let shown = error.to_string();
    assert!(shown.contains(&format!("{name}.bpf.c:{}", line.line)), "{shown}");
    if let Some(object) = object {
        assert!(shown.contains(object), "{object} is not in {shown}");
    }
    error
}

#[test]
fn a_null_pointer() {
    let error = check("fault_null", "fault_null", &[0; 64], "FAULT", None);
    assert!(error.to_string().contains("NULL"), "{error}");
}

#[test]
fn out_of_bounds() {
    check("fault_oob", "packet_read", &[0; 20], "FAULT", Some("packet"));
    check("fault_oob", "past_value", &[0; 64], "FAULT", Some("past the end"));
    check("fault_oob", "past_stack", &[0; 64], "FAULT", Some("stack"));
}

#[test]
fn a_store_to_constants() {
    let error = check("fault_oob", "write_rodata", &[0; 64], "FAULT", Some("rodata"));
    assert!(error.to_string().contains("read-only"), "{error}");
}

#[test]
fn what_is_gone() {
    check("fault_stale", "after_submit", &[0; 64], "FAULT", None);
    check("fault_stale", "after_adjust", &[0; 64], "FAULT", None);
}

#[test]
fn what_never_ends() {
    // Where in its loop a program is stopped depends on the budget; the marked lines are the loop's first and last.
    for program in ["spin", "zero_option"] {
        let error = fault("infinite_loop", program, &[0; 64]);
        let report = error.report().unwrap();
        assert_eq!(report.class, Class::ProgramFault);
        assert!(error.to_string().contains("budget"), "{error}");
        let source = fixtures::source("infinite_loop");
        let mark = format!("BUDGET: {program} ");
        let marked: Vec<u32> = source
            .lines()
            .zip(1..)
            .filter(|(line, _)| line.contains(&mark))
            .map(|(_, number)| number)
            .collect();
        let line = report.line.as_ref().unwrap().line;
        assert!(
            (marked[0]..=marked[marked.len() - 1]).contains(&line),
            "{program}: line {line}, loop {marked:?}"
        );
    }
    check("infinite_loop", "recursion", &[0; 64], "DEPTH", None);
}

#[test]
fn names_that_are_not_there_are_answered_with_those_that_are() {
    let open = || skep::parse(&fixtures::object("xdp_firewall")).unwrap();
    let text = |error: Error| {
        assert_eq!(error.class(), Class::BadInput);
        error.to_string()
    };
    let error = text(open().global("drop_malformd", 1u8).unwrap_err());
    assert!(error.contains("drop_malformd") && error.contains("drop_malformed"), "{error}");
    let error = text(open().global("drop_malformed", 1u32).unwrap_err());
    assert_eq!(error, "variable drop_malformed: it has 1 bytes, the value 4");
    let error = text(open().map("counter", |_| ()).unwrap_err());
    assert!(error.contains("counters"), "{error}");

    let mut sk = open().load().unwrap();
    let error = text(sk.program("firewall").unwrap_err());
    assert!(error.contains("xdp_firewall"), "{error}");
    let error = text(sk.map("counters").unwrap().lookup::<u64, u64>(&0).unwrap_err());
    assert_eq!(error, "map counters, key: the map's has 4 bytes, this one 8");
    let error = text(sk.events("counters").unwrap_err());
    assert!(error.contains("no reader"), "{error}");
    let error = text(sk.set_global("drop_malformed", 0u8).unwrap_err());
    assert!(error.contains("EPERM") && error.contains("before"), "{error}");
}

#[test]
fn what_needs_the_types_of_the_kernel_says_so() {
    let open = skep::parse(&fixtures::object("core_task")).unwrap();
    let error = open.config(|it| it.btf = None).load().unwrap_err();
    assert_eq!(error.class(), Class::BadInput);
    assert!(error.to_string().contains("13 CO-RE relocations"), "{error}");
}

#[test]
fn bytes_that_are_no_object() {
    for bytes in [&b""[..], b"\x7fELF", b"not an object at all"] {
        let error = skep::parse(bytes).unwrap_err();
        assert_eq!(error.class(), Class::BadInput);
        assert!(!error.to_string().is_empty());
    }
    let error = skep::open("/nonexistent.bpf.o").unwrap_err();
    assert!(error.to_string().starts_with("/nonexistent.bpf.o: "), "{error}");
}
