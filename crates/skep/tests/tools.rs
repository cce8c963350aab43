//! Programs in the style of the field's tools, as their users would test them: what `fixtures/README.md` promises of each.

use skep::{Skep, Task};
use skep_testkit::fixtures;

fn open(name: &str) -> skep::Builder {
    skep::parse(&fixtures::object(name)).unwrap().task(task("bash"))
}

/// A thread of a process 4242 of user 1000.
fn task(comm: &str) -> Task {
    Task { uid: 1000, gid: 1000, ..Task::new(4242, 4242, comm) }
}

/// The record of a syscall tracepoint: 8 common bytes, the number, the arguments.
fn syscall(args: &[u64]) -> skep::Context {
    let words = [0, 59].into_iter().chain(args.iter().copied());
    skep::record(words.flat_map(u64::to_le_bytes).collect::<Vec<u8>>())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// `execve(path, args)` and its result.
fn execve(sk: &mut Skep, path: u64, args: &[&str], ret: i64) {
    let mut argv: Vec<u64> = args.iter().map(|arg| sk.user_str(arg).unwrap()).collect();
    argv.push(0);
    let argv: Vec<u8> = argv.into_iter().flat_map(u64::to_le_bytes).collect();
    let argv = sk.user(&argv).unwrap();
    sk.program("execve_enter").unwrap().run(syscall(&[path, argv, 0])).unwrap();
    sk.set_task(task("ls"));
    sk.program("execve_exit").unwrap().run(syscall(&[ret as u64])).unwrap();
    assert_eq!(sk.map("in_flight").unwrap().entries().count(), 0);
}

#[test]
fn execsnoop_sends_path_and_arguments() {
    let mut sk = open("execsnoop").load().unwrap();
    let path = sk.user_str("/usr/bin/ls").unwrap();
    execve(&mut sk, path, &["ls", "-l"], 0);
    let events = sk.events("events").unwrap();
    assert_eq!((events.len(), events.lost_count()), (1, 0));
    let data = &events.samples[0].data;
    assert_eq!(data.len(), 52);
    let header: Vec<u32> = (0..20).step_by(4).map(|at| u32_at(data, at)).collect();
    assert_eq!(header, [4242, 1000, 0, 2, 15]);
    assert_eq!(&data[20..23], b"ls\0");
    assert_eq!(&data[36..51], b"/usr/bin/ls\0-l\0");
}

#[test]
fn execsnoop_leaves_out_what_failed_unless_told_otherwise() {
    for (ignore, expected) in [(1u8, 0), (0, 1)] {
        let mut sk = open("execsnoop").global("ignore_failed", ignore).unwrap().load().unwrap();
        let path = sk.user_str("/bin/none").unwrap();
        execve(&mut sk, path, &["none"], -2);
        let events = sk.events("events").unwrap();
        assert_eq!(events.len(), expected);
        assert!(events.samples.iter().all(|event| u32_at(&event.data, 8) as i32 == -2));
    }
}

#[test]
fn execsnoop_survives_bad_pointers_and_long_argument_lists() {
    let mut sk = open("execsnoop").load().unwrap();
    execve(&mut sk, 0xdead_0000, &["ls"], 0);
    let unreadable = sk.events("events").unwrap();
    assert_eq!((u32_at(&unreadable.samples[0].data, 12), u32_at(&unreadable.samples[0].data, 16)), (0, 0));

    let path = sk.user_str("/bin/many").unwrap();
    execve(&mut sk, path, &["a"; 25], 0);
    assert_eq!(u32_at(&sk.events("events").unwrap().samples[0].data, 12), 20);

    let long = "x".repeat(200);
    execve(&mut sk, path, &["a", &long], 0);
    let event = &sk.events("events").unwrap().samples[0];
    assert_eq!(&event.data[36 + 10..36 + 10 + 128], format!("{}\0", "x".repeat(127)).as_bytes());
}

/// The context of a function called with the path's address, and of its return.
fn openat2(sk: &mut Skep, path: u64, ret: i64) {
    // The kernel's own `struct open_how`: flags, mode, resolve.
    let how = sk.kernel_object(&[0x8000u64, 0, 0].map(u64::to_le_bytes).concat()).unwrap();
    sk.program("openat2_enter").unwrap().run(skep::regs(&[0, path, how])).unwrap();
    assert_eq!(sk.sleep_ns(3_000).unwrap(), 0);
    sk.program("openat2_exit").unwrap().run(skep::PtRegs::ret(ret as u64)).unwrap();
}

#[test]
fn opensnoop_times_the_call_and_reads_the_path() {
    let mut sk = open("opensnoop").task(task("cat")).config(|it| it.clock.step_ns = 0).load().unwrap();
    let path = sk.user_str("/etc/hostname").unwrap();
    openat2(&mut sk, path, 3);
    let events = sk.events("events").unwrap();
    let data = &events.samples[0].data;
    assert_eq!((events.len(), data.len()), (1, 300));
    assert_eq!(u64::from_le_bytes(data[..8].try_into().unwrap()), 3_000);
    let numbers: Vec<u32> = (8..24).step_by(4).map(|at| u32_at(data, at)).collect();
    assert_eq!(numbers, [4242, 1000, 3, 0x8000]);
    assert_eq!(&data[24..28], b"cat\0");
    assert_eq!(&data[40..54], b"/etc/hostname\0");
    assert_eq!(sk.map("in_flight").unwrap().entries().count(), 0);
}

#[test]
fn opensnoop_filters_by_process_and_result() {
    let mut sk = open("opensnoop").global("target_pid", 1u32).unwrap().task(task("cat")).load().unwrap();
    let path = sk.user_str("/etc/hostname").unwrap();
    openat2(&mut sk, path, 3);
    assert!(sk.events("events").unwrap().is_empty());

    let mut sk = open("opensnoop").global("only_failed", 1u8).unwrap().load().unwrap();
    let path = sk.user_str("/etc/hostname").unwrap();
    openat2(&mut sk, path, 3);
    openat2(&mut sk, path, -2);
    let events = sk.events("events").unwrap();
    assert_eq!(events.samples.iter().map(|it| u32_at(&it.data, 16) as i32).collect::<Vec<_>>(), [-2]);

    // A return of a call whose entry was not seen.
    sk.program("openat2_exit").unwrap().run(skep::PtRegs::ret(0)).unwrap();
    assert!(sk.events("events").unwrap().is_empty());
}

#[test]
fn ssltrace_sends_as_much_as_was_written() {
    let mut sk = open("ssltrace").load().unwrap();
    let buffer = sk.user(b"GET /").unwrap();
    for (ret, len, size) in [(5i64, 29, 5), (-1, 24, 0)] {
        sk.program("ssl_write_enter").unwrap().run(skep::regs(&[0, buffer, 5])).unwrap();
        sk.program("ssl_write_exit").unwrap().run(skep::PtRegs::ret(ret as u64)).unwrap();
        let map = sk.event_maps().next().unwrap().to_owned();
        let events = sk.events(&map).unwrap();
        assert_eq!(events.samples.iter().map(|it| it.data.len()).collect::<Vec<_>>(), [len], "{ret}");
        assert_eq!(events.samples[0].data.ends_with(b"GET /"), size == 5);
    }
}

#[test]
fn firewall_counts_and_reports_what_it_drops() {
    let mut sk = open("xdp_firewall").load().unwrap();
    // port in network order, protocol, padding
    let telnet: [u8; 4] = [0, 23, 6, 0];
    sk.map("blocked_ports").unwrap().update(&telnet, &0u64).unwrap();
    let syn = fixtures::capture("telnet-syn.bin");

    let ran = sk.program("xdp_firewall").unwrap().run_on(2, skep::packet(&syn)).unwrap();
    assert_eq!((ran.retval(), ran.verdict()), (skep::xdp::XDP_DROP, Some("XDP_DROP")));
    assert_eq!(sk.map("blocked_ports").unwrap().lookup(&telnet).unwrap(), Some(1u64));
    let counters = sk.map("counters").unwrap().lookup_percpu::<u32, [u64; 2]>(&3).unwrap().unwrap();
    assert_eq!(counters, [[0, 0], [0, 0], [1, syn.len() as u64], [0, 0]]);
    let events = sk.events("drops").unwrap();
    assert_eq!((events.len(), events.samples[0].data.len()), (1, 44));
    assert_eq!(sk.global::<u64>("lost_events").unwrap(), 0);

    assert!(sk.map("blocked_ports").unwrap().delete(&telnet).unwrap());
    assert!(!sk.map("blocked_ports").unwrap().delete(&telnet).unwrap());
    let ran = sk.program("xdp_firewall").unwrap().run(skep::packet(&syn)).unwrap();
    assert_eq!(ran.retval(), skep::xdp::XDP_PASS);
}

#[test]
fn printk_lines_are_those_of_trace_pipe() {
    let mut sk = open("printk").load_what_can_be().unwrap();
    sk.program("say_short").unwrap().run(skep::raw_args(&[7])).unwrap();
    assert_eq!(sk.printk(), ["nothing to add", "cpu 0, two of 7"]);
    sk.program("say_long").unwrap().run(skep::raw_args(&[7])).unwrap();
    assert_eq!(sk.printk(), ["-1 2 abcd 7 five"]);
    assert!(sk.printk().is_empty());
}
