//! The command as its users see it: output, exit codes, errors.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use serde_json::Value;

/// Runs `skep` in the repository's root, so that `fixtures/...` are names as in the README.
fn skep_with(args: &[&str], input: &[u8]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut child = Command::new(env!("CARGO_BIN_EXE_skep"))
        .args(args)
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn skep(args: &[&str]) -> Output {
    skep_with(args, b"")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The command ends with this code and says this on stderr.
fn fails(args: &[&str], code: i32, message: Expect) {
    let output = skep(args);
    message.assert_eq(&stderr(&output));
    assert_eq!(output.status.code(), Some(code), "{args:?}");
}

fn json(args: &[&str]) -> Value {
    let output = skep(args);
    assert!(output.status.code().is_some_and(|code| code < 2), "{args:?}: {}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn scratch(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    (dir, path)
}

const FIREWALL: &str = "fixtures/xdp_firewall.bpf.o";
const SYN: &str = "fixtures/captures/telnet-syn.bin";
const WEB: &str = "fixtures/captures/web.pcap";

#[test]
fn a_capture_is_counted_by_verdict() {
    let output = skep(&["run", FIREWALL, "--pcap", WEB]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
    let text = stdout(&output);
    let verdicts: Vec<&str> = text.lines().filter(|line| line.trim_start().starts_with("XDP_")).collect();
    expect![[r#"
        [
            "  XDP_DROP       15  █████████████",
            "  XDP_PASS       37  ████████████████████████████████",
        ]
    "#]]
    .assert_debug_eq(&verdicts);
    assert!(text.contains("map counters  percpu_array, 4 of 5"), "{text}");
    assert!(text.contains("0: [{packets = 28, bytes = 3194}"), "{text}");
    assert!(text.contains("events of drops  15"), "{text}");
}

#[test]
fn json_is_one_document_with_the_fields_of_the_contract() {
    let report = json(&["run", FIREWALL, "--packet", "fixtures/captures/telnet-syn.bin", "--json"]);
    assert_eq!(report["program"], "xdp_firewall");
    assert_eq!(report["type"], "xdp");
    assert_eq!(report["verdict"], "accept");
    assert_eq!(report["retval"], 2);
    assert_eq!(report["fault"], Value::Null);
    assert!(report["insns"].as_u64().unwrap() > 50);
    assert_eq!(report["packet_out"].as_str().unwrap().len(), 2 * 54);
    assert!(report["ctx_out"].is_string() && report["maps"].is_array());
    assert!(report["events"].is_array() && report["printk"].is_array());
    let counters = report["maps"].as_array().unwrap().iter().find(|map| map["name"] == "counters").unwrap();
    assert_eq!(counters["elements"][0]["value"][0]["packets"], 1);

    let report = json(&["run", FIREWALL, "--pcap", WEB, "--json"]);
    assert_eq!(report["runs"].as_array().unwrap().len(), 52);
    assert_eq!(report["by_retval"], serde_json::json!({"1": 15, "2": 37}));
}

#[test]
fn every_form_of_capture_is_read() {
    let forms = [
        "few.pcapng",
        "few-micros-big-endian.pcap",
        "few-nanos-big-endian.pcap",
        "few-nanos-little-endian.pcap",
    ];
    for form in forms {
        let report = json(&["run", FIREWALL, "--pcap", &format!("fixtures/captures/{form}"), "--json"]);
        let lens: Vec<u64> =
            report["runs"].as_array().unwrap().iter().map(|run| run["len"].as_u64().unwrap()).collect();
        assert!(lens.len() > 1, "{form}: {lens:?}");
        assert_eq!(report.get("input_error"), None);
    }
    let report = json(&["run", FIREWALL, "--pcap", "fixtures/captures/empty.pcap", "--json"]);
    assert_eq!((&report["runs"], &report["by_retval"]), (&serde_json::json!([]), &serde_json::json!({})));
}

#[test]
fn a_capture_that_is_cut_off_loses_nothing_that_was_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let whole = std::fs::read(root.join(WEB)).unwrap();
    let (_dir, path) = scratch("cut.pcap", &whole[..1000]);
    let output = skep(&["run", FIREWALL, "--json", "--pcap", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("the capture ends early, after packet"), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["runs"].as_array().unwrap().len() > 5);
}

#[test]
fn globals_and_maps_are_set_on_the_command_line() {
    let telnet = "fixtures/captures/telnet-syn.bin";
    let retval = |extra: &[&str]| {
        let mut args = vec!["run", FIREWALL, "--packet", telnet, "--json"];
        args.extend(extra);
        json(&args)["retval"].as_u64().unwrap()
    };
    assert_eq!(retval(&[]), 2);
    assert_eq!(retval(&["--map", "blocked_ports[hex:00170600]=0"]), 1);
    assert_eq!(retval(&["--map", "blocked_ports[0x061700]=0", "--map", "blocked_ports.max_entries=1"]), 1);
    let report = json(&["run", FIREWALL, "--packet", telnet, "--set", "report_drops=0", "--json"]);
    let rodata = report["maps"].as_array().unwrap().iter().find(|map| map["name"] == ".rodata").unwrap();
    assert_eq!(
        rodata["elements"][0]["value"],
        serde_json::json!({"drop_malformed": true, "report_drops": false})
    );
}

#[test]
fn a_fault_names_the_line_and_ends_with_1() {
    let args =
        ["run", "fixtures/fault_null.bpf.o", "--no-verify", "--packet", "fixtures/captures/telnet-syn.bin"];
    let output = skep(&args);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("NULL") && text.contains("fixtures/fault_null.bpf.c:27:"), "{text}");
    assert!(text.contains("counter->packets++; /* FAULT */"), "{text}");
    let report = json(&[&args[..], &["--json"]].concat());
    assert_eq!(report["fault"]["class"], "program fault");
    assert_eq!(report["fault"]["line"], 27);
    assert_eq!(report["retval"], Value::Null);
}

#[test]
fn bad_usage_and_bad_input_end_with_2() {
    fails(
        &["run", "fixtures/loops.bpf.o", "--packet", SYN],
        2,
        expect![[r#"
            error: fixtures/loops.bpf.o: the object has 6 programs, name one: bounded, calls, callback_loop, map_iteration, chained, tail_call_in_function
        "#]],
    );
    fails(
        &["run", FIREWALL],
        2,
        expect![[r#"
            error: fixtures/xdp_firewall.bpf.o: xdp_firewall is a program of type xdp and needs a packet: --packet FILE, --packet hex:.. or --pcap FILE
        "#]],
    );
    fails(
        &["run", "/nonexistent.bpf.o"],
        2,
        expect![[r#"
        error: /nonexistent.bpf.o: No such file or directory (os error 2)
    "#]],
    );
    fails(
        &["run", FIREWALL, "--packet", "hex:0g"],
        2,
        expect![[r#"
        error: hex:0g: character 2 ('g') is no hex digit
    "#]],
    );
    fails(
        &["run", FIREWALL, "--packet", SYN, "--set", "nothing=1"],
        2,
        expect![[r#"
            error: fixtures/xdp_firewall.bpf.o: there is no global variable called "nothing"; the global variables are drop_malformed, report_drops, lost_events, drop_event_type
        "#]],
    );
    fails(
        &["run", FIREWALL, "--pcap", "README.md"],
        2,
        expect![[r#"
        error: README.md: this is neither pcap nor pcapng
    "#]],
    );
    fails(
        &["verify", FIREWALL, "--kernel", "2.6"],
        2,
        expect![[r#"
            error: --kernel 2.6: known are 5.4, 5.10, 5.15, 6.1, 6.6, 6.12, 6.18, and all
        "#]],
    );
    fails(
        &["verify", FIREWALL, "--prog", "nobody"],
        2,
        expect![[r#"
            error: fixtures/xdp_firewall.bpf.o: there is no program called "nobody"; the programs are xdp_firewall
        "#]],
    );
    assert_eq!(skep(&["verify", FIREWALL, "--caps", "root"]).status.code(), Some(2));
    assert_eq!(skep(&["frobnicate"]).status.code(), Some(2));
    assert_eq!(skep(&["run", FIREWALL, "--budget", "0"]).status.code(), Some(2));
}

#[test]
fn programs_that_read_the_kernel_run_without_one() {
    let report = json(&["run", "fixtures/core_task.bpf.o", "--json"]);
    assert_eq!((&report["retval"], &report["btf"]), (&0.into(), &"bundled".into()));
    assert_eq!(report["fault"], Value::Null);
}

#[test]
fn raw_instructions_run_on_a_block_of_memory() {
    // r0 = *(u8 *)(r1 + 1); *(u8 *)(r1 + 0) = 7; exit
    let code = [0x71, 0x10, 1, 0, 0, 0, 0, 0, 0x72, 1, 0, 0, 7, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    let (_dir, path) = scratch("code.bin", &code);
    let path = path.to_str().unwrap();
    let report = json(&["run", "--raw", path, "--mem", "hex:0102", "--json", "--repeat", "3"]);
    assert_eq!((report["retval"].as_u64(), report["insns"].as_u64()), (Some(2), Some(3)));
    assert_eq!(report["memory_out"], "0702");
    assert!(report["ns_per_run"].as_f64().unwrap() > 0.0);
    let report = json(&["run", "--raw", path, "--mem", "hex:", "--json"]);
    assert_eq!(report["fault"]["class"], "program fault");
}

#[test]
fn disassembly_assembles_to_what_it_was() {
    let plain = skep(&["disasm", "--plain", FIREWALL]);
    assert_eq!(plain.status.code(), Some(0));
    let hex = skep_with(&["asm", "-"], &plain.stdout);
    assert_eq!(hex.status.code(), Some(0), "{}", stderr(&hex));
    let bytes: Vec<u8> = stdout(&hex)
        .split_whitespace()
        .flat_map(|slot| (0..16).step_by(2).map(move |at| u8::from_str_radix(&slot[at..at + 2], 16).unwrap()))
        .collect();
    let (_dir, path) = scratch("code.bin", &bytes);
    let again = skep(&["disasm", "--plain", "--raw", path.to_str().unwrap()]);
    // A listing of an object has the functions' names in it.
    let body: Vec<String> =
        stdout(&plain).lines().filter(|line| line.starts_with(' ')).map(str::to_owned).collect();
    assert_eq!(body, stdout(&again).lines().collect::<Vec<_>>());
}

#[test]
fn a_listing_has_lines_and_names() {
    let text = stdout(&skep(&["disasm", FIREWALL]));
    assert!(text.starts_with("xdp_firewall:  ; SEC(\"xdp\")\n; fixtures/xdp_firewall.bpf.c:"), "{text}");
    assert!(text.contains("; bpf_map_lookup_elem") && text.contains("; map blocked_ports"), "{text}");
}

#[test]
fn a_context_is_shown_by_its_type() {
    let packet = format!("hex:{}", "00".repeat(60));
    let it = json(&["run", "fixtures/tc_ratelimit.bpf.o", "--packet", &packet, "--json"]);
    assert_eq!(it["context"]["type"], "struct __sk_buff");
    assert_eq!(it["context"]["value"]["len"], 60);
    let it = stdout(&skep(&["run", FIREWALL, "--packet", &packet]));
    assert!(it.contains("struct xdp_md {data = "), "{it}");
}

#[test]
fn an_inspection_names_the_parts() {
    let it = json(&["inspect", FIREWALL, "--json"]);
    assert_eq!((&it["license"], &it["minimum_kernel"]), (&"Dual MIT/GPL".into(), &"5.8".into()));
    assert_eq!(it["programs"][0]["name"], "xdp_firewall");
    assert_eq!(
        it["maps"][0],
        serde_json::json!({
            "name": "blocked_ports", "type": "hash", "key_size": 4, "value_size": 8, "max_entries": 1024, "flags": 0,
            "key": "struct port_key", "value": "__u64", "legacy": false, "initialised": 0,
        })
    );
    for object in ["externs", "legacy_maps", "sections", "map_in_map", "declarations", "tail_parser"] {
        let output = skep(&["inspect", &format!("fixtures/{object}.bpf.o")]);
        assert_eq!(output.status.code(), Some(0), "{object}: {}", stderr(&output));
    }
}

#[test]
fn assembly_errors_point_at_the_place() {
    let output = skep_with(&["asm", "-"], b"r0 = 1\nr0 += w1\nexit\n");
    assert_eq!(output.status.code(), Some(2));
    expect![[r#"
        error: `w1` is the 32-bit half of a register; this takes `r1`
         --> -:2:7
          |
        2 | r0 += w1
          |       ^
    "#]]
    .assert_eq(&stderr(&output));
}

#[test]
fn the_conformance_protocol() {
    let run = |args: &[&str], input: &str| {
        let output = skep_with(&[&["conformance"], args].concat(), input.as_bytes());
        (output.status.code(), stdout(&output).trim().to_owned())
    };
    let exit = "95 00 00 00 00 00 00 00";
    assert_eq!(run(&[], &format!("b7 00 00 00 2a 00 00 00 {exit}")), (Some(0), "2a".to_owned()));
    // r0 = *(u8 *)(r1 + 1)
    assert_eq!(
        run(&["aa bb", "--debug"], &format!("71 10 01 00 00 00 00 00\n{exit}")),
        (Some(0), "bb".to_owned())
    );
    // call 5 returns its first argument: the length
    let call = "bf 21 00 00 00 00 00 00 85 00 00 00 05 00 00 00";
    assert_eq!(run(&["00112233"], &format!("{call} {exit}")), (Some(0), "4".to_owned()));
    for bad in ["", "zz", "b7 00", exit.split_at(3).0] {
        assert!(run(&[], bad).0.is_some_and(|code| code > 0), "{bad:?}");
    }
}

/// The lines of README.md's block that begins with `first`, without those that stand for others.
fn picture(first: &str) -> Vec<String> {
    let readme = include_str!("../../../README.md");
    let block = readme.split("```text\n").find(|block| block.starts_with(first)).unwrap();
    block
        .split("```")
        .next()
        .unwrap()
        .lines()
        .filter(|line| line.trim() != "...")
        .map(str::to_owned)
        .collect()
}

#[test]
fn readme_shows_real_output() {
    let runs: [(&str, &[&str]); 3] = [
        ("xdp_firewall", &["run", FIREWALL, "--pcap", WEB]),
        (
            "program fault",
            &[
                "run",
                "fixtures/fault_null.bpf.o",
                "--no-verify",
                "--packet",
                "fixtures/captures/telnet-syn.bin",
            ],
        ),
        ("fixtures/fault_null.bpf.o", &["verify", "fixtures/fault_null.bpf.o"]),
    ];
    for (first, args) in runs {
        let text = stdout(&skep(args));
        let mut lines = text.lines();
        for shown in picture(first) {
            assert!(lines.any(|line| line == shown), "not in the output, or not there: {shown:?}\n{text}");
        }
    }
}

#[test]
fn types_are_from_where_the_command_line_says() {
    let report = |btf: &str| json(&["run", FIREWALL, "--packet", SYN, "--btf", btf, "--json"]);
    assert_eq!(report("bundled")["btf"], "bundled");
    // An object has types, too, if not a kernel's.
    assert_eq!(report(FIREWALL)["btf"], FIREWALL);
    assert!(stdout(&skep(&["run", FIREWALL, "--packet", SYN])).contains("types: bundled"));
    fails(
        &["run", FIREWALL, "--packet", SYN, "--btf", "no/such/file"],
        2,
        expect!["error: --btf no/such/file: No such file or directory (os error 2)\n"],
    );
    fails(
        &["run", FIREWALL, "--packet", SYN, "--btf", "README.md"],
        2,
        expect![
            "error: --btf README.md: it is neither BTF, nor an ELF file, nor an archive or a kernel with one\n"
        ],
    );
}

#[test]
fn programs_are_verified_before_they_run() {
    let args = ["run", "fixtures/fault_null.bpf.o", "--packet", "fixtures/captures/telnet-syn.bin"];
    let output = skep(&args);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("R0 invalid mem access 'map_value_or_null'"), "{text}");
    assert!(text.contains("fixtures/fault_null.bpf.c:27:"), "{text}");
}

#[test]
fn verify_says_what_the_kernel_would() {
    let rows = json(&["verify", FIREWALL, "fixtures/fault_null.bpf.o", "--json"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    let (good, bad) = (&rows[0], &rows[1]);
    // The object, on Linux 6.18: "processed 1702 insns (limit 1000000) ...".
    assert_eq!(
        (&good["verdict"], &good["errno"], &good["processed"]),
        (&"accept".into(), &0.into(), &1702.into())
    );
    assert_eq!((&bad["verdict"], &bad["errno"]), (&"reject".into(), &Value::from(-13)));
    assert_eq!(bad["message"], "R0 invalid mem access 'map_value_or_null'");
    assert!(bad["log"].as_str().unwrap().contains("processed 8 insns (limit 1000000)"));
    assert!(bad["hint"].as_str().unwrap().contains("NULL"));
    assert!(!bad["origin"].as_array().unwrap().is_empty());
}

#[test]
fn verify_knows_older_kernels_and_lesser_users() {
    let verdicts = |args: &[&str]| -> Vec<String> {
        let all = json(&[&["verify", FIREWALL, "--json"], args].concat());
        all.as_array().unwrap().iter().map(|row| row["verdict"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(verdicts(&["--kernel", "all"]).len(), 7);
    let looping = |kernel: &str| {
        let args =
            ["verify", "fixtures/loops.bpf.o", "--prog", "callback_loop", "--kernel", kernel, "--json"];
        json(&args)[0].clone()
    };
    // bpf_loop is of 5.17, and the address of its callback of 5.13.
    assert_eq!(looping("6.1")["verdict"], "accept");
    assert_eq!(looping("5.15")["verdict"], "reject");
    assert_eq!(looping("5.10")["message"], "callbacks: not known before Linux 5.13");
    assert_eq!(verdicts(&["--unpriv"]), ["reject"]);
    assert_eq!(verdicts(&["--caps", "bpf,net_admin,perfmon"]), ["accept"]);
    let text = stdout(&skep(&["verify", FIREWALL, "--kernel", "all"]));
    assert!(text.lines().any(|line| line.trim_start().starts_with("5.4")), "{text}");
}

#[test]
fn what_was_not_resolved_is_told_in_words_of_the_loader() {
    let row = json(&["verify", "fixtures/supplied.bpf.o", "--prog", "call_missing", "--json"])[0].clone();
    let text = "kfunc 'skep_has_no_kfunc' is referenced but wasn't resolved";
    assert_eq!((&row["verdict"], &row["message"]), (&"reject".into(), &text.into()));
    let log = row["log"].as_str().unwrap();
    assert!(log.contains(&format!("1: <invalid kfunc call>\n{text}\nprocessed 2 insns")), "{log}");
}

#[test]
fn objects_are_linked() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (output, parts) =
        (path("gate.o"), ["gate", "rules", "report"].map(|it| format!("fixtures/linked/{it}.bpf.o")));
    let [gate, rules, report] = parts.each_ref().map(String::as_str);

    let said = skep(&["link", &output, gate, rules, report]);
    assert_eq!((said.status.code(), stderr(&said)), (Some(0), String::new()));
    let text = stdout(&said).replace(&output, "OUTPUT");
    let first_and_last: Vec<&str> =
        [text.lines().next(), text.lines().last()].into_iter().flatten().collect();
    expect![[r#"
        [
            "OUTPUT  9856 bytes of 3 objects; types: 80 of 149",
            "  extern: LINUX_KERNEL_VERSION, bpf_link_fops, bpf_rcu_read_lock, bpf_rcu_read_unlock",
        ]
    "#]]
    .assert_debug_eq(&first_and_last);
    let verified = json(&["verify", &output, "--json"]);
    assert!(verified.as_array().unwrap().iter().all(|it| it["verdict"] == "accept"), "{verified}");

    let linked = json(&["link", &output, "--json", gate, rules]);
    assert_eq!(linked["externs"].as_array().unwrap().len(), 3);
    assert_eq!(linked["inputs"], serde_json::json!([gate, rules]));
    assert_eq!(linked["sections"][1]["name"], ".symtab");
}

#[test]
fn what_cannot_be_linked_leaves_files_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (copy, other) = (path("copy.o"), path("link.o"));
    std::fs::copy("../../fixtures/linked/gate.bpf.o", &copy).unwrap();
    std::os::unix::fs::symlink(&copy, &other).unwrap();
    let before = std::fs::read(&copy).unwrap();
    for output in [&copy, &other] {
        let said = skep(&["link", output, "fixtures/linked/rules.bpf.o", &copy]);
        assert_eq!(said.status.code(), Some(2));
        assert_eq!(stderr(&said), format!("error: {output}: is an input as well; it would be overwritten\n"));
    }
    assert_eq!(std::fs::read(&copy).unwrap(), before);

    let output = path("new.o");
    fails(
        &["link", &output, "fixtures/linked/rules.bpf.o", "fixtures/linked/clash_map.bpf.o"],
        2,
        expect![[r#"
        error: fixtures/linked/clash_map.bpf.o: symbol 'blocked': map max_entries mismatch
    "#]],
    );
    fails(
        &["link", &output, "README.md"],
        2,
        expect![[r#"
        error: README.md: it is no ELF file
    "#]],
    );
    assert!(!Path::new(&output).exists());
    assert_eq!(skep(&["link", &output]).status.code(), Some(2));
}
