//! The scenarios of `fixtures/scenarios`, played on the emulated kernel: every answer must be the one that the real
//! kernel gave (`fixtures/recorded`, made by `fixtures/record.py`).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use skep::abi::ctx::{sk_buff, xdp_md};
use skep::{Context, ProgType, Skep};
use skep_testkit::fixtures;

/// The recordings were made with two CPUs, on the first one.
const CPUS: u32 = 2;

/// The interface that a test run of the kernel says a packet came in by: the loopback.
const LOOPBACK: u64 = 1;

/// Data pages of the perf rings of the recordings.
const PERF_PAGES: u32 = 8;

/// What a step answers: the fields that the recording adds to it.
type Answer = Map<String, Value>;

/// What keeps a step from being played.
type Obstacle = String;

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text of a step's field; without one, no bytes.
fn bytes(step: &Value, field: &str) -> Vec<u8> {
    from_hex(step[field].as_str().unwrap_or_default())
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn answer(field: &str, value: impl Into<Value>) -> Answer {
    Map::from_iter([(field.to_string(), value.into())])
}

fn obstacle(error: impl std::fmt::Display) -> Obstacle {
    error.to_string().replace('\n', " ")
}

/// A machine with what the scenario loads, its globals set.
fn load(scenario: &Value) -> Result<Skep, Obstacle> {
    let steps = scenario["steps"].as_array().unwrap();
    let runs = steps.iter().filter_map(|step| step["run"].as_str());
    let others = scenario["load"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let wanted: Vec<&str> = runs.chain(others).collect();
    let has_reader = steps.iter().any(|step| step["open"].is_string() || step["consume"].is_string());

    let mut builder = skep::parse(&fixtures::object(text(scenario, "object"))).map_err(obstacle)?;
    for plan in builder.open_object().programs_mut() {
        plan.autoload = wanted.contains(&plan.name.as_str());
    }
    builder = builder.cpus(CPUS).perf_pages(has_reader.then_some(PERF_PAGES));
    for (name, value) in scenario["globals"].as_object().into_iter().flatten() {
        builder = builder.global_bytes(name, &from_hex(value.as_str().unwrap())).map_err(obstacle)?;
    }
    builder.load().map_err(obstacle)
}

/// Plays one step.
fn play(sk: &mut Skep, step: &Value) -> Result<Answer, Obstacle> {
    type Play = fn(&mut Skep, &str, &Value) -> Result<Answer, Obstacle>;
    let kinds: [(&str, Play); 7] = [
        ("run", run),
        ("update", update),
        ("delete", delete),
        ("read", read),
        ("global", global),
        ("open", |_, _, _| Ok(Map::new())),
        ("consume", consume),
    ];
    let (name, play) = kinds.into_iter().find(|(kind, _)| step[kind].is_string()).ok_or("no such step")?;
    play(sk, text(step, name), step)
}

fn packet_context(prog_type: ProgType, data: Vec<u8>) -> Context {
    let mut packet = skep::packet(data);
    // As a test run has it: socket filters see the packet from its network header on.
    packet.link_header = false;
    let interface = if prog_type == ProgType::Xdp { &xdp_md::ingress_ifindex } else { &sk_buff::ifindex };
    packet.with(interface, LOOPBACK).into()
}

fn run_packet(sk: &mut Skep, program: &str, data: Vec<u8>) -> Result<skep::Ran, Obstacle> {
    let plan = sk.loaded().programs().iter().find(|it| it.name == program).ok_or("no such program")?;
    let context = packet_context(plan.prog_type.ok_or("a program without a type")?, data);
    sk.program(program).and_then(|mut it| it.run(context)).map_err(obstacle)
}

fn run_args(sk: &mut Skep, program: &str, step: &Value) -> Result<u32, Obstacle> {
    let args: Vec<u64> = step["args"].as_array().unwrap().iter().map(|arg| arg.as_u64().unwrap()).collect();
    sk.program(program)
        .and_then(|mut it| it.run(skep::raw_args(&args)))
        .map(|ran| ran.retval())
        .map_err(obstacle)
}

fn run(sk: &mut Skep, program: &str, step: &Value) -> Result<Answer, Obstacle> {
    if step["pcap"].is_string() {
        return run_capture(sk, program, step);
    }
    if let Some(times) = step["times"].as_u64() {
        let mut by_retval = BTreeMap::<String, u64>::new();
        for _ in 0..times {
            *by_retval.entry(run_args(sk, program, step)?.to_string()).or_default() += 1;
        }
        return Ok(answer("by_retval", json!(by_retval)));
    }
    if step["args"].is_array() {
        return Ok(answer("retval", run_args(sk, program, step)?));
    }
    let data = if step["packet"].is_string() { bytes(step, "packet") } else { vec![0; 14] };
    let ran = run_packet(sk, program, data)?;
    let mut answer = answer("retval", ran.retval());
    if step["out"] == true {
        answer.insert("packet_out".into(), to_hex(&ran.packet_out.unwrap_or_default()).into());
    }
    Ok(answer)
}

/// Runs on every packet of a capture but those that the real kernel refused.
fn run_capture(sk: &mut Skep, program: &str, step: &Value) -> Result<Answer, Obstacle> {
    let refused = step["errnos"].as_object();
    let mut retvals = Vec::new();
    let mut packets_out = Vec::new();
    for (index, packet) in fixtures::packets(text(step, "pcap")).iter().enumerate() {
        if refused.is_some_and(|errnos| errnos.contains_key(&index.to_string())) {
            retvals.push(Value::Null);
            packets_out.push(Value::Null);
            continue;
        }
        let ran = run_packet(sk, program, [&bytes(step, "prefix"), &packet[..]].concat())?;
        retvals.push(ran.retval().into());
        packets_out.push(to_hex(&ran.packet_out.unwrap_or_default()).into());
    }
    let mut answer = answer("retvals", retvals);
    if step["out"] == true {
        answer.insert("packets_out".into(), packets_out.into());
    }
    Ok(answer)
}

/// 0, or the negative errno of what failed.
fn errno(result: Result<(), skep::abi::Errno>) -> Answer {
    answer("errno", result.map_or_else(|errno| errno.neg(), |()| 0))
}

fn update(sk: &mut Skep, map: &str, step: &Value) -> Result<Answer, Obstacle> {
    let fd = sk.map_fd(map).map_err(obstacle)?;
    let flags = step["flags"].as_u64().unwrap_or(0);
    Ok(errno(sk.kernel().map_update_elem(fd, &bytes(step, "key"), &bytes(step, "value"), flags)))
}

fn delete(sk: &mut Skep, map: &str, step: &Value) -> Result<Answer, Obstacle> {
    let fd = sk.map_fd(map).map_err(obstacle)?;
    Ok(errno(sk.kernel().map_delete_elem(fd, &bytes(step, "key"))))
}

/// The value in hex, without the bytes that the step masks.
fn masked(value: &[u8], step: &Value) -> String {
    let mut value = value.to_vec();
    for range in step["mask"].as_array().into_iter().flatten() {
        let start = range[0].as_u64().unwrap() as usize;
        let len = range[1].as_u64().unwrap() as usize;
        value.iter_mut().skip(start).take(len).for_each(|byte| *byte = 0);
    }
    to_hex(&value)
}

fn read(sk: &mut Skep, map: &str, step: &Value) -> Result<Answer, Obstacle> {
    let map = sk.map(map).map_err(obstacle)?;
    let mut entries = BTreeMap::new();
    for entry in map.entries() {
        let value = &entry.values[0];
        if step["nonzero"] != true || value.iter().any(|byte| *byte != 0) {
            entries.insert(to_hex(&entry.key), masked(value, step));
        }
    }
    let rows = entries.iter().map(|(key, value)| json!({ "key": key, "value": value }));
    Ok(answer("entries", rows.collect::<Vec<_>>()))
}

fn global(sk: &mut Skep, name: &str, _: &Value) -> Result<Answer, Obstacle> {
    let (fd, var) = sk.loaded().global(name).map_err(obstacle)?;
    let place = var.offset as usize..(var.offset + var.size) as usize;
    let section = sk.kernel().map_lookup_elem(fd, &[0; 4]).map_err(obstacle)?;
    Ok(answer("value", to_hex(&section[place])))
}

fn consume(sk: &mut Skep, map: &str, step: &Value) -> Result<Answer, Obstacle> {
    let events = sk.events(map).map_err(obstacle)?;
    // The recording has the number itself in place of the wish for it.
    if !step["count"].is_null() {
        return Ok(answer("count", events.len()));
    }
    Ok(answer("records", events.samples.iter().map(|event| masked(&event.data, step)).collect::<Vec<_>>()))
}

/// How the answer to a step differs from the recorded one, a line for each field.
fn differences(answer: &Answer, recorded: &Value) -> Vec<String> {
    let differing = answer.iter().filter(|(field, value)| recorded[field.as_str()] != **value);
    differing
        .map(|(field, value)| format!("{field}: {value}, recorded {}", recorded[field.as_str()]))
        .collect()
}

/// Plays a fixture's scenarios; the differences, each with its place.
fn replay(name: &str) -> Vec<String> {
    let document: Value = serde_json::from_slice(&fixtures::recorded(name)).unwrap();
    let mut found = Vec::new();
    for scenario in document["scenarios"].as_array().unwrap() {
        let place = format!("{name}, {}", text(scenario, "what"));
        let mut sk = match load(scenario) {
            Ok(sk) => sk,
            Err(obstacle) => {
                found.push(format!("{place}: {obstacle}"));
                continue;
            }
        };
        for (number, step) in scenario["steps"].as_array().unwrap().iter().enumerate() {
            match play(&mut sk, step) {
                Ok(answer) => {
                    let lines = differences(&answer, step);
                    found.extend(lines.iter().map(|line| format!("{place}, step {number}: {line}")));
                }
                Err(obstacle) => {
                    found.push(format!("{place}, step {number}: {obstacle}"));
                    break;
                }
            }
        }
    }
    found
}

/// The names of all recordings of scenarios.
fn recordings() -> Vec<String> {
    let entries = std::fs::read_dir(fixtures::dir().join("recorded")).unwrap();
    let files = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        files.filter_map(|file| file.strip_suffix(".json").map(str::to_string)).collect();
    names.retain(|name| name != "verdicts");
    names.sort();
    names
}

/// What the emulated kernel cannot do yet: fixture and a part of what it says. A row may go once its gap is closed.
const GAPS: [(&str, &str); 0] = [];

fn is_known_gap(difference: &str) -> bool {
    GAPS.iter().any(|(name, part)| difference.starts_with(name) && difference.contains(part))
}

#[test]
fn the_emulated_kernel_answers_as_the_real_one() {
    let names = recordings();
    assert!(names.len() >= 15, "{names:?}");
    let mut found: Vec<String> = names.iter().flat_map(|name| replay(name)).collect();
    found.retain(|difference| !is_known_gap(difference));
    assert_eq!(found, Vec::<String>::new());
}

/// The replay can fail: a changed recording is found.
#[test]
fn a_wrong_answer_is_a_difference() {
    let recorded = json!({ "run": "x", "retval": 2 });
    assert_eq!(differences(&answer("retval", 1), &recorded), ["retval: 1, recorded 2"]);
    assert!(differences(&answer("retval", 2), &recorded).is_empty());
    assert_eq!(differences(&answer("errno", 0), &recorded), ["errno: 0, recorded null"]);
}
