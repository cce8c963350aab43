//! Tools in the style of the field's, each as its author would test it: what happens goes in by the kernel's names, what
//! the tool says comes out by the names of its own structs. `fixtures/README.md` lists the programs.

use std::net::{Ipv4Addr, Ipv6Addr};

use skep::{Builder, Result, Task, args};

/// A tool, in a process 4242 of user 1000.
fn open(tool: &str) -> Result<Builder> {
    let task = Task { uid: 1000, gid: 1000, ..Task::new(4242, 4242, "bash") };
    Ok(skep::open(format!("../../fixtures/{tool}.bpf.o"))?.task(task))
}

#[test]
fn execsnoop_tells_a_command_with_its_arguments() -> Result<()> {
    let mut sk = open("execsnoop")?.event_type("events", "event").load()?;
    sk.program("execve_enter")?.fire(args! { filename: "/usr/bin/ls", argv: ["ls", "-l"] })?;
    sk.current()?.set("comm", "ls")?;
    sk.program("execve_exit")?.fire(args! { ret: 0 })?;

    let [ran] = sk.take("events")?;
    assert_eq!(ran["pid"], 4242);
    assert_eq!(ran["uid"], 1000);
    assert_eq!(ran["comm"], "ls");
    assert_eq!(ran["args_count"], 2);
    assert!(ran["args"].as_bytes().unwrap().starts_with(b"/usr/bin/ls\0-l\0"));
    Ok(())
}

#[test]
fn opensnoop_tells_who_opened_what() -> Result<()> {
    let mut sk = open("opensnoop")?.load()?;
    sk.program("openat2_enter")?.fire(args! { filename: "/etc/hostname", how: { flags: 0x8000 } })?;
    sk.program("openat2_exit")?.fire(args! { ret: 3 })?;

    let [opened] = sk.take("events")?;
    assert_eq!(opened["path"], "/etc/hostname");
    assert_eq!(opened["comm"], "bash");
    assert_eq!(opened["pid"], 4242);
    assert_eq!(opened["flags"], 0x8000);
    assert_eq!(opened["ret"], 3);
    Ok(())
}

#[test]
fn biolatency_counts_microseconds_by_disk() -> Result<()> {
    let mut sk = open("biolatency")?.load()?;
    let request = sk.object("request")?.set("q.disk.major", 259)?.set("q.disk.first_minor", 2)?.addr();
    sk.program("rq_issue")?.fire(args! { rq: request })?;
    sk.sleep_ns(70_000).unwrap();
    sk.program("rq_complete")?.fire(args! { rq: request, error: 0, nr_bytes: 4096 })?;

    let hist = sk.map("hists")?.value(259 << 20 | 2)?;
    assert_eq!(hist["slots[6]"], 1); // 64 to 127 us
    assert!(sk.map("start")?.is_empty());
    Ok(())
}

#[test]
fn tcpconnect_tells_both_ends_of_a_connection() -> Result<()> {
    let mut sk = open("tcpconnect")?.load()?;
    let sock = sk.tcp("10.0.0.2:40000", "93.184.216.34:443")?.get_u64("sk")?;
    sk.program("connect4")?.fire(args! { sk: sock })?;
    sk.program("connect4_return")?.fire(args! { ret: 0 })?;

    let [connected] = sk.take("events")?;
    assert_eq!(connected["daddr_v4"], Ipv4Addr::new(93, 184, 216, 34));
    assert_eq!(connected["dport"], 443);
    assert_eq!(connected["saddr_v4"], Ipv4Addr::new(10, 0, 0, 2));
    assert_eq!(connected["sport"], 40000);
    assert_eq!(connected["comm"], "bash");
    Ok(())
}

#[test]
fn tcpconnect_knows_ipv6_and_leaves_out_other_ports() -> Result<()> {
    let ports = [22u16, 0, 0, 0, 0, 0, 0, 0];
    let mut sk = open("tcpconnect")?.global("filter_ports_len", 1)?.global("filter_ports", ports)?.load()?;
    for to in ["[2001:db8::1]:443", "[2001:db8::2]:22"] {
        let sock = sk.tcp("[::1]:40000", to)?.get_u64("sk")?;
        sk.program("connect6")?.fire(args! { sk: sock })?;
        sk.program("connect6_return")?.fire(args! { ret: 0 })?;
    }

    let [connected] = sk.take("events")?;
    assert_eq!(connected["daddr_v6"], "2001:db8::2".parse::<Ipv6Addr>().unwrap());
    assert_eq!(connected["dport"], 22);
    assert_eq!(connected["family"], 10);
    Ok(())
}

#[test]
fn runqlat_counts_how_long_a_process_waited() -> Result<()> {
    let mut sk = open("runqlat")?.global("per_process", true)?.load()?;
    let make = sk.spawn(&Task::new(7, 7, "make"))?.addr();
    sk.program("wakeup")?.fire(args! { p: make })?;
    sk.sleep_ns(10_000_000).unwrap();
    let bash = sk.current()?.addr();
    sk.program("sched_switch")?.fire(args! { preempt: false, prev: bash, next: make })?;

    let hist = sk.map("hists")?.value(7)?;
    assert_eq!(hist["comm"], "make");
    assert_eq!(hist["slots[13]"], 1); // 8 to 16 ms
    assert!(sk.map("woken")?.has(4242)?); // bash was preempted, and waits
    Ok(())
}

#[test]
fn offcputime_sums_up_waiting_by_stack() -> Result<()> {
    let mut sk = open("offcputime")?.load()?;
    let (bash, make) = (sk.current()?.addr(), sk.spawn(&Task::new(7, 7, "make"))?.addr());
    sk.set_stack(&["schedule", "pipe_read+0x1c", "vfs_read"], &["read", "main"]);
    sk.program("sched_switch")?.fire(args! { prev: bash, next: make })?;
    sk.sleep_ns(5_000_000).unwrap();
    sk.program("sched_switch")?.fire(args! { prev: make, next: bash })?;

    let [(key, waited)] = sk.map("waits")?.all()?;
    assert_eq!(key["pid"], 4242);
    assert!(waited["delta_us"].as_u64() >= Some(5000));
    assert_eq!(sk.stack("stacks", &key["kern_stack_id"])?, ["schedule", "pipe_read+0x1c", "vfs_read"]);
    assert_eq!(sk.stack("stacks", &key["user_stack_id"])?, ["read", "main"]);
    Ok(())
}

#[test]
fn the_guard_denies_a_protected_file_and_tells() -> Result<()> {
    let mut sk = open("lsm_file_guard")?.load()?;
    let mut shadow = sk.file("/etc/shadow")?.set("f_inode.i_sb.s_dev", 8)?.set("f_flags", 2)?;
    let (file, ino) = (shadow.addr(), shadow.get_u64("f_inode.i_ino")?);
    sk.map("protected")?.set(args! { ino: ino, dev: 8 }, args! { deny_write: true })?;

    let ran = sk.program("file_open")?.fire(args! { file: file })?;
    assert_eq!(ran.verdict(), Some("EPERM"));
    let [denied] = sk.take("denials")?;
    assert_eq!(denied["path"], "/etc/shadow");
    assert_eq!(denied["exe"], "bash");
    assert_eq!(denied["uid"], 1000);
    Ok(())
}

#[test]
fn the_guard_lets_pass_who_reads_and_who_is_trusted() -> Result<()> {
    let mut sk = open("lsm_file_guard")?.load()?;
    let mut shadow = sk.file("/etc/shadow")?.set("f_inode.i_sb.s_dev", 8)?;
    let (file, ino) = (shadow.addr(), shadow.get_u64("f_inode.i_ino")?);
    sk.map("protected")?.set(args! { ino: ino, dev: 8 }, args! { deny_write: true })?;
    assert_eq!(sk.program("file_open")?.fire(args! { file: file })?.verdict(), Some("allow"));

    sk.object_at(file, "file")?.set("f_flags", 2)?;
    sk.map("trusted")?.set("bash", 1)?;
    assert_eq!(sk.program("file_open")?.fire(args! { file: file })?.verdict(), Some("allow"));
    let [] = sk.take("denials")?;
    Ok(())
}

#[test]
fn sched_trace_follows_a_process_through_its_life() -> Result<()> {
    let mut sk = open("sched_trace")?.load()?;
    let bash = sk.current()?.addr();
    let ls = sk.spawn(&Task::new(7, 7, "ls"))?.set("real_parent", bash)?.set("exit_code", 3 << 8)?.addr();
    sk.program("forked")?.fire(args! { parent: bash, child: ls })?;
    sk.program("executed")?.fire(args! { p: ls, old_pid: 7, bprm: { filename: "/usr/bin/ls" } })?;
    sk.program("exited")?.fire(args! { p: ls })?;

    let [forked, executed, exited] = sk.take("events")?;
    assert!(forked["what"] == "FORKED" && forked["ppid"] == 4242);
    assert!(executed["what"] == "EXECUTED" && executed["path"] == "/usr/bin/ls");
    assert!(exited["what"] == "EXITED" && exited["exit_code"] == 3);
    Ok(())
}

#[test]
fn task_list_is_a_table_of_tasks() -> Result<()> {
    let mut sk = open("task_list")?.load()?;
    let tasks = [sk.current()?.addr(), sk.spawn(&Task::new(8, 8, "worker"))?.addr()];
    let ran = sk.program("tasks")?.fire(args! { task: tasks })?;
    let table = "    TGID      PID COMM\n    4242     4242 bash\n       8        8 worker\n2 tasks\n";
    assert_eq!(ran.text(), table);
    // Without a choice it is all that there are.
    assert!(sk.program("tasks")?.fire(args! {})?.text().ends_with(" bash\n3 tasks\n"));
    Ok(())
}

#[test]
fn usdt_queries_tells_what_was_slow() -> Result<()> {
    let mut sk = open("usdt_queries")?.load()?;
    let query = "select * from hives";
    sk.program("query_start")?.fire(args! { text: query, length: query.len() })?;
    sk.sleep_ns(3_000_000)?;
    sk.program("query_done")?.fire(args! { status: -5 })?;

    let [slow] = sk.take("slow")?;
    assert_eq!(slow["text"], query);
    assert_eq!(slow["status"], -5);
    assert!(slow["took_ns"].as_u64() >= Some(3_000_000));
    Ok(())
}
