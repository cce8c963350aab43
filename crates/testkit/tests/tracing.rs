//! The tracing programs, which the real kernel cannot test-run: the expectations are those of `fixtures/README.md`,
//! worked out by hand.

use skep::{Builder, PtRegs, Skep, Task};
use skep_testkit::fixtures;

fn open(fixture: &str) -> Builder {
    let task = Task { uid: 1000, gid: 1000, ..Task::new(4242, 4242, "bash") };
    skep::parse(&fixtures::object(fixture)).unwrap().task(task)
}

fn user_task(comm: &str) -> Task {
    Task { uid: 1000, gid: 1000, ..Task::new(4242, 4242, comm) }
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

fn is_empty(sk: &mut Skep, map: &str) -> bool {
    sk.map(map).unwrap().entries().next().is_none()
}

/// The enter record of an execve of `path` with these arguments.
fn enter_execve(sk: &mut Skep, path: u64, args: &[&str]) {
    let mut argv: Vec<u64> = args.iter().map(|arg| sk.user_str(arg).unwrap()).collect();
    argv.push(0);
    let argv = sk.user(&words(&argv)).unwrap();
    let record = words(&[0, 59, path, argv, 0]);
    sk.program("execve_enter").unwrap().run(skep::record(record)).unwrap();
}

/// The exit record, after which the task has its new name; the events sent.
fn exit_execve(sk: &mut Skep, ret: i64) -> Vec<Vec<u8>> {
    sk.set_task(user_task("ls"));
    sk.program("execve_exit").unwrap().run(skep::record(words(&[0, 59, ret as u64]))).unwrap();
    sk.events("events").unwrap().samples.into_iter().map(|event| event.data).collect()
}

#[test]
fn execsnoop_sends_the_path_and_the_arguments() {
    let mut sk = open("execsnoop").load().unwrap();
    let path = sk.user_str("/usr/bin/ls").unwrap();
    enter_execve(&mut sk, path, &["ls", "-l"]);
    let events = exit_execve(&mut sk, 0);
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event.len(), 52, "51 bytes and the padding of the perf record");
    assert_eq!([0, 4, 8, 12, 16].map(|offset| u32_at(event, offset)), [4242, 1000, 0, 2, 15]);
    assert_eq!(&event[20..36], b"ls\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(&event[36..51], b"/usr/bin/ls\0-l\0");
    assert!(is_empty(&mut sk, "in_flight"));
}

#[test]
fn execsnoop_bounds_what_it_copies() {
    let mut sk = open("execsnoop").load().unwrap();
    let path = sk.user_str("/bin/x").unwrap();
    enter_execve(&mut sk, path, &["a"; 25]);
    assert_eq!(u32_at(&exit_execve(&mut sk, 0)[0], 12), 20, "arguments at most");

    let long = "b".repeat(200);
    enter_execve(&mut sk, path, &["x", &long]);
    let event = &exit_execve(&mut sk, 0)[0];
    assert_eq!(u32_at(event, 16), 7 + 128);
    assert_eq!(event[36 + 7..36 + 7 + 128], [&long.as_bytes()[..127], b"\0"].concat());

    // A path that cannot be read leaves the event without arguments.
    enter_execve(&mut sk, 0x10, &["x"]);
    let event = &exit_execve(&mut sk, 0)[0];
    assert_eq!((u32_at(event, 12), u32_at(event, 16)), (0, 0));
}

#[test]
fn execsnoop_reports_failures_when_told_to() {
    for (ignore, events) in [(1u8, 0), (0, 1)] {
        let mut sk = open("execsnoop").global("ignore_failed", ignore).unwrap().load().unwrap();
        let path = sk.user_str("/nowhere").unwrap();
        enter_execve(&mut sk, path, &["x"]);
        let sent = exit_execve(&mut sk, -2);
        assert_eq!(sent.len(), events);
        assert!(sent.iter().all(|event| u32_at(event, 8) as i32 == -2));
        assert!(is_empty(&mut sk, "in_flight"));
    }
}

/// One call of openat2 by `cat`, 4 us long: what `opensnoop` sends.
fn open_a_file(builder: Builder, ret: i64) -> Vec<Vec<u8>> {
    let stopped = |config: &mut skep::kernel::Config| config.clock.step_ns = 0;
    let mut sk = builder.config(stopped).load().unwrap();
    sk.set_task(user_task("cat"));
    let path = sk.user_str("/etc/hostname").unwrap();
    // The program reads it with bpf_probe_read_kernel, for which simulated kernel memory has to have it.
    let how = kernel_bytes(&mut sk, &words(&[0x8000, 0, 0]));
    sk.program("openat2_enter").unwrap().run(skep::regs(&[(-100i64) as u64, path, how])).unwrap();
    sk.sleep_ns(4000).unwrap();
    sk.program("openat2_exit").unwrap().run(PtRegs::ret(ret as u64)).unwrap();
    assert!(is_empty(&mut sk, "in_flight"));
    sk.events("events").unwrap().samples.into_iter().map(|event| event.data).collect()
}

/// Puts bytes into simulated kernel memory and returns their address.
fn kernel_bytes(sk: &mut Skep, bytes: &[u8]) -> u64 {
    use skep::memory::{Arena, ObjectKind, Origin, Rights};
    let memory = sk.kernel().memory();
    let origin = Origin::new(ObjectKind::KernelObject, "struct open_how");
    let address = memory.alloc(Arena::Kernel, bytes.len(), 8, Rights::RO, origin).unwrap();
    memory.poke(address, bytes).unwrap();
    address
}

#[test]
fn opensnoop_sends_the_path_and_the_time() {
    let events = open_a_file(open("opensnoop"), 3);
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event.len(), 300, "296 bytes and the padding of the perf record");
    assert_eq!(event[..8], 4000u64.to_le_bytes());
    assert_eq!([8, 12, 16, 20].map(|offset| u32_at(event, offset)), [4242, 1000, 3, 0x8000]);
    assert_eq!(&event[24..28], b"cat\0");
    assert_eq!(&event[40..54], b"/etc/hostname\0");
}

#[test]
fn opensnoop_filters() {
    let failed = || open("opensnoop").global("only_failed", 1u8).unwrap();
    assert_eq!(open_a_file(failed(), 3).len(), 0);
    assert_eq!(open_a_file(failed(), -2).len(), 1);
    assert_eq!(open_a_file(open("opensnoop").global("target_pid", 1u32).unwrap(), 3).len(), 0);
    assert_eq!(open_a_file(open("opensnoop").global("target_pid", 4242u32).unwrap(), 3).len(), 1);
}

#[test]
fn opensnoop_ignores_an_exit_that_it_did_not_see_enter() {
    let mut sk = open("opensnoop").load().unwrap();
    sk.program("openat2_exit").unwrap().run(PtRegs::ret(3)).unwrap();
    assert!(sk.events("events").unwrap().is_empty());
}

#[test]
fn ssltrace_sends_what_was_written() {
    let mut sk = open("ssltrace").load().unwrap();
    let data = sk.user(b"GET /").unwrap();
    // What SSL_write returned; the record's length, its size field, its data.
    for (ret, len, data_sent) in [(5i64, 29, &b"GET /"[..]), (-1, 24, b""), (5000, 24, b"")] {
        sk.program("ssl_write_enter").unwrap().run(skep::regs(&[0, data, 5])).unwrap();
        sk.program("ssl_write_exit").unwrap().run(PtRegs::ret(ret as u64)).unwrap();
        let events = sk.events("events").unwrap();
        assert_eq!(events.len(), 1, "{ret}");
        let record = &events.samples[0].data;
        assert_eq!(record.len(), len, "{ret}");
        assert_eq!(
            [8, 12, 16, 20].map(|at| u32_at(record, at)),
            [4242, 4242, ret as u32, data_sent.len() as u32]
        );
        assert_eq!(&record[24..], data_sent);
    }
}

#[test]
fn printk_prints() {
    let mut sk = open("printk").load_what_can_be().unwrap();
    sk.program("say_short").unwrap().run(skep::raw_args(&[7])).unwrap();
    sk.program("say_long").unwrap().run(skep::raw_args(&[7])).unwrap();
    assert_eq!(sk.printk(), ["nothing to add", "cpu 0, two of 7", "-1 2 abcd 7 five"]);
}
