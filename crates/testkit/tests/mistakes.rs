//! Programs with mistakes, which the kernel rejects: run unverified, each is stopped at the line of C that has the
//! mistake.

use skep::{Class, Report, Run, Skep};
use skep_testkit::fixtures;

/// Fixture, program, length of the packet (all zeroes), the mark of the line, a part of the sentence.
type Row = (&'static str, &'static str, usize, &'static str, &'static str);

const ROWS: [Row; 10] = [
    ("fault_null", "fault_null", 60, "FAULT", "NULL"),
    ("fault_oob", "packet_read", 20, "FAULT: packet_read", "past"),
    ("fault_oob", "past_value", 60, "FAULT: past_value", "tables"),
    ("fault_oob", "past_stack", 60, "FAULT: past_stack", "stack"),
    ("fault_oob", "write_rodata", 60, "FAULT: write_rodata", ".rodata"),
    ("fault_stale", "after_submit", 60, "FAULT: after_submit", "ring"),
    ("fault_stale", "after_adjust", 60, "FAULT: after_adjust", "packet"),
    ("infinite_loop", "spin", 60, "BUDGET: spin", "budget"),
    ("infinite_loop", "zero_option", 60, "BUDGET: zero_option", "budget"),
    ("infinite_loop", "recursion", 60, "DEPTH: recursion", "deep"),
];

/// Instructions until an endless loop is called one; the default is many more.
const BUDGET: u64 = 100_000;

fn load(fixture: &str) -> Skep {
    skep::parse(&fixtures::object(fixture)).and_then(skep::Builder::load).unwrap()
}

/// Runs the program until it is stopped.
fn report(fixture: &str, program: &str, packet: usize) -> Report {
    let mut sk = load(fixture);
    let run = Run { budget: Some(BUDGET), ..Run::new(skep::packet(vec![0; packet]).into()) };
    let ran = sk.program(program).unwrap().run_with(run);
    let error = ran.map(|ran| ran.retval()).expect_err(program);
    error.report().unwrap_or_else(|| panic!("{program}: {error}")).clone()
}

#[test]
fn every_mistake_is_reported_at_its_line() {
    for (fixture, program, packet, mark, part) in ROWS {
        let report = report(fixture, program, packet);
        let line = report.line.as_ref().unwrap_or_else(|| panic!("{report}"));
        assert_eq!(report.class, Class::ProgramFault, "{report}");
        assert!(line.text.contains(&format!("/* {mark} */")), "{program} stopped elsewhere:\n{report}");
        assert_eq!(&*line.file, format!("fixtures/{fixture}.bpf.c"), "{report}");
        // The number is that of the line in the source, not only its text.
        let source = fixtures::source(fixture);
        assert_eq!(
            source.lines().nth(line.line as usize - 1).map(str::trim),
            Some(line.text.trim()),
            "{report}"
        );
        assert!(report.message.contains(part), "{program}: no `{part}` in:\n{report}");
    }
}

/// The same programs run to their end when the input gives the mistake no occasion.
#[test]
fn without_the_occasion_nothing_is_reported() {
    let mut sk = load("fault_null");
    sk.map("counters").unwrap().update(&0u32, &[0u64; 2]).unwrap();
    let ran = sk.program("fault_null").unwrap().run(skep::packet([0; 60])).unwrap();
    assert_eq!(ran.verdict(), Some("XDP_PASS"));
    assert_eq!(sk.map("counters").unwrap().lookup::<u32, [u64; 2]>(&0).unwrap(), Some([1, 60]));

    let mut sk = load("fault_oob");
    let ran = sk.program("packet_read").unwrap().run(skep::packet([0; 24])).unwrap();
    assert_eq!(ran.verdict(), Some("XDP_PASS"));

    let mut sk = load("infinite_loop");
    let ran = sk.program("zero_option").unwrap().run(skep::packet([8; 60])).unwrap();
    assert_eq!(ran.verdict(), Some("XDP_PASS"));
    assert_eq!(sk.global::<u64>("options").unwrap(), 6);
}
