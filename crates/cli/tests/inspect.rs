//! `skep inspect`: what an object needs, and on which kernels it would load.

use std::path::Path;
use std::process::{Command, Output};

use expect_test::expect;
use serde_json::Value;

/// Runs `skep inspect` in the repository's root.
fn inspect(args: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Command::new(env!("CARGO_BIN_EXE_skep")).arg("inspect").args(args).current_dir(root).output().unwrap()
}

fn text(args: &[&str]) -> String {
    let output = inspect(args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&text(&[args, &["--json"]].concat())).unwrap()
}

const GUARDED: &str = "fixtures/core/guarded.bpf.o";
const KINDS: &str = "fixtures/core/kinds.bpf.o";
const MOVED: &str = "fixtures/core/moved.bpf.o";

#[test]
fn what_is_asked_for_before_it_is_used_is_not_needed() {
    let text = text(&[GUARDED, "--btf", MOVED]);
    let head: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).collect();
    expect![[r#"
        fixtures/core/guarded.bpf.o  license GPL, 21 BTF types
        needs Linux 5.1 for 32-bit branches
          where the kernel has it: bpf_ktime_get_tai_ns, since Linux 6.1
          where the kernel has it: bpf_ktime_get_boot_ns, since Linux 5.8
          where the kernel has it: bpf_jiffies64, since Linux 5.6
          where the kernel has it: bpf-to-bpf calls, since Linux 4.16"#]]
    .assert_eq(&head.join("\n"));
    let tail = text.split("types of the kernel\n").nth(1).unwrap();
    expect![[r#"
          enum bpf_func_id___new  ::BPF_FUNC_ktime_get_boot_ns___new (enumval_exists), ::BPF_FUNC_ktime_get_tai_ns___new (enumval_exists)
          fwd bpf_ringbuf___new  (type_exists)
          struct task_struct  .not_in_any_kernel

        with the types of fixtures/core/moved.bpf.o: would load
          clocks 0: <enumval_exists> [5] enum bpf_func_id___new::BPF_FUNC_ktime_get_tai_ns___new = 208: 1 -> 0
          clocks 5: <enumval_exists> [5] enum bpf_func_id___new::BPF_FUNC_ktime_get_boot_ns___new = 125: 1 -> 0
          by_type 1: <type_exists> [12] fwd bpf_ringbuf___new: 1 -> 0
    "#]].assert_eq(tail);
}

#[test]
fn every_kernel_is_judged_by_itself() {
    let it = json(&[KINDS, "--btf", "bundled", "--btf", MOVED]);
    let targets = it["targets"].as_array().unwrap();
    let origins: Vec<&Value> = targets.iter().map(|target| &target["btf"]).collect();
    assert_eq!(origins, ["bundled", MOVED]);
    assert!(targets.iter().all(|target| target["loads"] == false));

    let moved = &targets[1];
    let problem = |place: &str| {
        let problems = moved["problems"].as_array().unwrap();
        problems.iter().find(|it| it["place"] == format!("program {place}"))
    };
    assert!(problem("answer").is_none(), "what it asks for is missing, and not executed");
    let missing = problem("load_missing").unwrap();
    expect![[r#"
        {
          "message": "failed to resolve CO-RE relocation <byte_off> [2] struct plain.only_here (0:10 @ offset 68)",
          "place": "program load_missing",
          "source": "fixtures/core/kinds.bpf.c:299: ACCESS(load_missing, plain, return o->only_here)"
        }"#]].assert_eq(&format!("{missing:#}"));
    let ambiguous = problem("load_other_place").unwrap();
    expect![[r#"
        {
          "message": "CO-RE relocation #35: field offset ambiguity: 64 != 32",
          "place": "program load_other_place",
          "source": null
        }"#]]
    .assert_eq(&format!("{ambiguous:#}"));

    let of = |program: &str| {
        let all = moved["relocations"].as_array().unwrap();
        all.iter().filter(|it| it["program"] == program).cloned().collect::<Vec<_>>()
    };
    expect![[r#"
        {
          "asks": "<byte_off> [2] struct plain.a (0:0 @ offset 0)",
          "error": null,
          "found": "<byte_off> [5] struct plain.a (0:2 @ offset 32)",
          "insn": 0,
          "kind": "byte_off",
          "module": null,
          "original": 0,
          "outcome": "relocated",
          "program": "load_int",
          "reached": true,
          "value": 32
        }"#]]
    .assert_eq(&format!("{:#}", of("load_int")[0]));
    let outcomes: Vec<String> =
        of("answer").iter().map(|it| format!("{} {} {}", it["kind"], it["outcome"], it["reached"])).collect();
    expect![[r#"
        "field_exists" "relocated" true
        "byte_off" "missing" false
        "enumval_exists" "relocated" true
        "enumval_value" "missing" false
        "enumval_exists" "relocated" true"#]]
    .assert_eq(&outcomes.join("\n"));
}

#[test]
fn a_kernel_without_a_type_or_function_is_said_by_name() {
    let it = json(&["fixtures/sections.bpf.o", "--btf", "bundled"]);
    let problems = it["targets"][0]["problems"].as_array().unwrap();
    assert!(problems.iter().all(|it| it["place"].as_str().unwrap().starts_with("program ")), "{problems:#?}");
    let it = json(&["fixtures/xdp_firewall.bpf.o"]);
    assert_eq!(it["targets"][0]["btf"], "bundled");
    assert_eq!(it["targets"][0]["loads"], true, "{:#}", it["targets"]);
}

#[test]
fn types_that_are_none_are_bad_input() {
    for btf in ["fixtures/captures/web.pcap", "fixtures/no-such-file", "fixtures/legacy_maps.bpf.c"] {
        let output = inspect(&[KINDS, "--btf", btf]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.starts_with(&format!("error: --btf {btf}: ")), "{said}");
    }
}
