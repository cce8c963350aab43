//! A small program for each family and feature that `tracing.rs` has not, tested as its author would.

use std::net::Ipv4Addr;

use skep::{Builder, Result, Task, args};

/// An object, in a process 4242 of user 1000.
fn open(name: &str) -> Result<Builder> {
    let task = Task { uid: 1000, gid: 1000, ..Task::new(4242, 4242, "bash") };
    Ok(skep::open(format!("../../fixtures/{name}.bpf.o"))?.task(task))
}

#[test]
fn trampolines_see_arguments_and_result() -> Result<()> {
    let mut sk = open("unlink_watch")?.load()?;
    let dentry = sk.file("/tmp/notes")?.set("f_inode.i_nlink", 1)?.get_u64("f_path.dentry")?;
    sk.program("attempt")?.fire(args! { dentry: dentry })?;
    sk.program("deleted")?.fire(args! { dentry: dentry, ret: -16 })?;

    assert_eq!(sk.global::<u64>("attempts")?, 1);
    let [deletion] = sk.take("deletions")?;
    assert_eq!(deletion["name"], "notes");
    assert_eq!(deletion["ret"], -16);
    assert_eq!(deletion["args"], 4);
    assert_eq!(deletion["links"], 1);
    assert_eq!(sk.kernel().symbol(deletion["func"].as_u64().unwrap()).as_deref(), Some("vfs_unlink"));
    Ok(())
}

#[test]
fn a_modified_return_takes_the_place_of_the_function() -> Result<()> {
    let mut sk = open("unlink_watch")?.global("protected_dir", 77u64)?.load()?;
    for (ino, ret) in [(77, -13), (78, 0)] {
        let ran = sk.program("protect")?.fire(args! { dir: { "dentry.d_inode.i_ino": ino } })?;
        assert_eq!(ran.retval() as i32, ret);
    }
    Ok(())
}

#[test]
fn one_program_counts_many_functions() -> Result<()> {
    let mut sk = open("funccount")?.load()?;
    for (func, ret) in [("vfs_read", 5), ("vfs_read", -9), ("vfs_write", 1)] {
        sk.program("called")?.fire_at(func, args! {})?;
        sk.program("returned")?.fire_at(func, args! { ret: ret })?;
    }
    let read = sk.kernel().symbol_address("vfs_read");
    let count = sk.map("counts")?.value(read)?;
    assert_eq!(count["calls"], 2);
    assert_eq!(count["failures"], 1);
    assert_eq!(sk.map("counts")?.len(), 2);
    Ok(())
}

#[test]
fn raw_tracepoints_have_the_registers_of_system_calls() -> Result<()> {
    let mut sk = open("syscall_audit")?.load()?;
    let call = args! { id: 257, filename: "/etc/motd", flags: 1, mode: 0o644 };
    sk.program("enter")?.fire(call)?;
    sk.program("leave")?.fire(args! { ret: -2 })?;

    let [opened] = sk.take("writes")?;
    assert_eq!(opened["path"], "/etc/motd");
    assert_eq!(opened["mode"], 0o644);
    assert_eq!(opened["ppid"], 1);
    assert_eq!(sk.map("errors")?.value(-2)?, [1, 0, 0, 0]);
    Ok(())
}

#[test]
fn records_have_strings_behind_their_fields() -> Result<()> {
    let mut sk = open("exec_record")?.load()?;
    sk.program("execed")?.fire(args! { filename: "/usr/bin/ls", pid: 7, old_pid: 7 })?;
    sk.program("switched")?.fire(args! { prev_comm: "bash", next_comm: "ls" })?;

    let [exec] = sk.take("execs")?;
    assert_eq!(exec["path"], "/usr/bin/ls");
    assert_eq!(exec["pid"], 7);
    assert_eq!(sk.map("switches")?.value(args! { prev: "bash", next: "ls" })?, 1);
    Ok(())
}

#[test]
fn profile_counts_stacks() -> Result<()> {
    let mut sk = open("profile")?.load()?;
    sk.set_stack(&["native_safe_halt", "default_idle"], &["main"]);
    for _ in 0..3 {
        sk.program("profile")?.fire(args! { user: false })?;
    }
    let [(key, count)] = sk.map("samples")?.all()?;
    assert_eq!(count, 3);
    assert_eq!(sk.stack("stacks", &key["kernel_stack"])?, ["native_safe_halt", "default_idle"]);
    Ok(())
}

#[test]
fn kernel_objects_as_text() -> Result<()> {
    let mut sk = open("show_types")?.load()?;
    sk.program("opened")?.fire(args! { path: { "dentry.d_name": { hash: 7, len: 5 } } })?;
    let [text] = sk.take("texts")?;
    assert_eq!(text["text"], "(struct qstr){(union){(struct){.hash = (u32)7,.len = (u32)5,},},}");
    Ok(())
}

#[test]
fn open_files_of_a_task() -> Result<()> {
    let mut sk = open("task_list")?.load()?;
    let mut file = sk.file("/etc/motd")?;
    let (file, ino) = (file.addr(), file.get_u64("f_inode.i_ino")?);
    let task = sk.current()?.addr();
    let ran = sk.program("files")?.fire(args! { task: task, fd: 3, file: file })?;

    let record: Vec<u8> =
        [4242u32, 3].into_iter().flat_map(u32::to_le_bytes).chain(ino.to_le_bytes()).collect();
    assert_eq!(ran.output, Some(record));
    Ok(())
}

#[test]
fn a_congestion_control_is_called_by_the_kernel() -> Result<()> {
    let mut sk = open("tcp_steady")?.global("window", 20u32)?.load()?;
    let sock = sk.object("tcp_sock")?.set("snd_cwnd", 64)?.addr();
    let mut steady = sk.struct_ops("steady")?;
    assert_eq!(steady.call("ssthresh", args! { sk: sock })?.retval(), 20);
    steady.call("cong_avoid", args! { sk: sock, ack: 1, acked: 3 })?;
    assert_eq!(sk.global::<u64>("acked_total")?, 3);
    assert_eq!(sk.global::<u64>("losses")?, 1);
    Ok(())
}

#[test]
fn a_task_carries_its_mark() -> Result<()> {
    let mut sk = open("taint")?.global("secret_ino", 99u64)?.load()?;
    let connect =
        |sk: &mut skep::Skep| sk.program("socket_connect")?.fire(args! { address: { sa_family: 2 } });
    assert_eq!(connect(&mut sk)?.verdict(), Some("allow"));
    sk.program("file_open")?.fire(args! { file: { "f_inode.i_ino": 99 } })?;
    assert_eq!(connect(&mut sk)?.verdict(), Some("EPERM"));

    let other = sk.spawn(&Task::new(7, 7, "ls"))?.addr();
    sk.set_current(0, other)?;
    assert_eq!(connect(&mut sk)?.verdict(), Some("allow"));
    Ok(())
}

#[test]
fn a_timer_beats_until_it_is_told_to_stop() -> Result<()> {
    let mut sk = open("heartbeat")?.load()?;
    let ran = sk.program("start")?.fire(args! { delay_ns: 1_000 })?;
    assert_eq!(ran.retval(), 0);
    sk.sleep_ns(10_000_000)?;
    assert_eq!(sk.map("hearts")?.value(0)?["beats"], 3);
    assert_eq!(sk.program("stop")?.fire(args! {})?.retval(), 0);
    Ok(())
}

#[test]
fn an_arena_is_shared_with_user_space() -> Result<()> {
    let mut sk = open("arena_words")?.load()?;
    assert_eq!(sk.program("add")?.fire(args! { many: 400 })?.retval(), 403);
    assert_eq!(sk.program("sum")?.fire(args! {})?.retval(), 400 * 399 / 2);
    assert_eq!(sk.program("add")?.fire(args! { many: 3 })?.retval(), 406);
    assert_eq!(sk.program("sum")?.fire(args! {})?.retval(), 400 * 399 / 2 + 3);
    Ok(())
}

#[test]
fn ancestors_are_walked_and_children_kept() -> Result<()> {
    let mut sk = open("ancestors")?.load()?;
    let bash = sk.current()?.addr();
    let ls = sk.spawn(&Task::new(7, 7, "ls"))?.set("real_parent", bash)?.addr();
    sk.map("tree")?.new_inner(&4242u32)?;
    sk.program("forked")?.fire(args! { parent: bash, child: ls })?;

    let lineage = sk.map("lineages")?.value(7)?;
    assert_eq!(lineage["depth"], 2);
    assert!(lineage["pids[0]"] == 4242 && lineage["pids[1]"] == 1);
    Ok(())
}

#[test]
fn user_space_sends_rules() -> Result<()> {
    let mut sk = open("user_rules")?.load()?;
    for (port, allow) in [(22u32, 0u32), (443, 1)] {
        sk.map("updates")?.send(&[port, allow].map(u32::to_le_bytes).concat())?;
    }
    sk.program("update")?.fire(args! {})?;
    assert_eq!(sk.map("rules")?.value(443)?, 1);
    let log = sk.events("journal")?;
    assert_eq!(log.samples[0].data, b"\x02\0\0\0rules applied\0");
    Ok(())
}

#[test]
fn a_system_call_by_its_own_arguments() -> Result<()> {
    let mut sk = open("sigsnoop")?.event_type("signals", "signal").load()?;
    sk.program("kill_enter")?.fire(args! { pid: 7, sig: 9 })?;
    sk.program("kill_exit")?.fire(args! { ret: -1 })?;

    let [signal] = sk.take("signals")?;
    assert_eq!(signal["from"], 4242);
    assert_eq!(signal["to"], 7);
    assert_eq!(signal["number"], 9);
    assert_eq!(signal["ret"], -1);
    Ok(())
}

#[test]
fn a_connection_goes_to_the_backend() -> Result<()> {
    let mut sk = open("connect_proxy")?.load()?;
    let (service, backend) = (Ipv4Addr::new(10, 96, 0, 1), Ipv4Addr::new(10, 0, 0, 7));
    let address =
        |ip: Ipv4Addr, port: u16| args! { ip4: u32::from_le_bytes(ip.octets()), port: port.to_be() };
    sk.map("services")?.set(address(service, 443), address(backend, 8443))?;

    let call = args! { user_ip4: "10.96.0.1", user_port: 443u16.to_be(), type: 1 };
    let ran = sk.program("connect4")?.fire(call)?;
    assert_eq!(ran.verdict(), Some("allow"));
    assert_eq!(ran.ctx("user_ip4"), Some(u32::from_le_bytes(backend.octets()).into()));
    assert_eq!(ran.ctx("user_port"), Some(8443u16.to_be().into()));
    Ok(())
}

#[test]
fn low_ports_are_denied_and_packets_counted() -> Result<()> {
    let mut sk = open("connect_proxy")?.load()?;
    for (port, verdict) in [(80u16, "deny"), (8080, "allow")] {
        let ran = sk.program("bind4")?.fire(args! { user_port: port.to_be() })?;
        assert_eq!(ran.verdict(), Some(verdict));
    }
    sk.program("egress")?.fire(args! { data: vec![0u8; 100] })?;
    sk.program("egress")?.fire(args! { data: vec![0u8; 50] })?;
    let [(_, bytes)] = sk.map("egress_bytes")?.all()?;
    assert_eq!(bytes, 150 - 2 * 14); // from the IP header on
    Ok(())
}

#[test]
fn sockets_of_one_machine_are_short_cut() -> Result<()> {
    let mut sk = open("sock_shortcut")?.load()?;
    let sides = args! { op: 4, family: 2, local_ip4: "10.0.0.1", remote_ip4: "10.0.0.2", local_port: 5000 };
    sk.program("watch")?.fire(sides)?;
    assert_eq!(sk.global::<u64>("established")?, 1);

    let ran = sk.program("redirect")?.fire(args! { data: b"hello" })?;
    assert_eq!(ran.verdict(), Some("SK_PASS"));
    let ran = sk.program("parser")?.fire(args! { data: b"\0\x05hello" })?;
    assert_eq!(ran.retval(), 7);
    let ran = sk.program("verdict")?.fire(args! { data: b"\0\x05hello" })?;
    assert_eq!(ran.verdict(), Some("SK_PASS"));
    Ok(())
}

#[test]
fn lookups_of_sockets_are_steered() -> Result<()> {
    let mut sk = open("sk_steer")?.load()?;
    for (port, verdict) in [(25, "SK_DROP"), (443, "SK_PASS")] {
        let ran = sk.program("steer")?.fire(args! { protocol: 6, local_port: port })?;
        assert_eq!(ran.verdict(), Some(verdict));
    }
    assert_eq!(sk.global::<u64>("steered")?, 0); // nobody listens
    Ok(())
}

#[test]
fn per_cpu_variables_of_the_kernel() -> Result<()> {
    let mut sk = open("runq_len")?.load()?;
    sk.kernel().variable_on("runqueues", 1)?.set("nr_running", 4)?;
    sk.program("sample")?.fire_on(1, args! { sample_period: 1 })?;
    sk.program("sample")?.fire_on(0, args! { sample_period: 1 })?;
    let slots = sk.global::<[u32; 32]>("slots")?;
    assert_eq!((slots[3], slots[0]), (1, 1));
    assert!(sk.global::<u32>("ticks_a_second")? > 0);
    Ok(())
}

#[test]
fn a_function_is_replaced() -> Result<()> {
    let mut sk = open("policy")?.load()?;
    let short = skep::packet([0; 40]);
    assert_eq!(sk.program("firewall")?.run(short.clone())?.verdict(), Some("XDP_PASS"));

    let firewall = sk.program("firewall")?.fd();
    sk.load_also(open("policy_strict")?.attach_prog("strict", firewall)?)?;
    sk.program("strict")?.attach()?;
    assert_eq!(sk.program("firewall")?.run(short)?.verdict(), Some("XDP_DROP"));
    Ok(())
}
