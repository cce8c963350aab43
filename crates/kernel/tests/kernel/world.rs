//! The world around programs: what a task, a file and a socket have before a test says anything.

use crate::c_types::c_types;
use crate::support::{asm, eval, load, vmlinux};
use expect_test::expect;
use skep_abi::{AttachType, ProgType};
use skep_btf::{Kind, Value};
use skep_kernel::{
    Args, Config, Context, FieldValue, Fire, Kernel, ObjectError, ProgLoad, Run, SocketSpec, Target,
    TargetBtf, Task, args,
};
use std::fmt::Write;
use std::sync::Arc;

type Result<T = ()> = std::result::Result<T, ObjectError>;

fn kernel() -> Kernel {
    with_task(Task { uid: 1000, gid: 100, ..Task::new(4001, 4001, "bash") })
}

fn with_task(task: Task) -> Kernel {
    Kernel::new(Config { btf: Some(vmlinux()), task, ..Config::default() }).expect("address space")
}

/// Bytes to a field of a struct.
fn offset(name: &str, path: &str) -> u64 {
    let btf = vmlinux().vmlinux;
    let id = btf.find(Kind::Struct, name).unwrap_or_else(|| panic!("no {name}"));
    btf.field(id, path).unwrap_or_else(|error| panic!("{name}.{path}: {error}")).bit_offset / 8
}

/// What helpers say on a CPU: pid and tgid, uid and gid, the first eight bytes of the name, the cgroup.
fn helpers_say(kernel: &mut Kernel, cpu: u32) -> (u64, u64, String, u64) {
    let program = |kernel: &mut Kernel, text: &str| {
        let prog = load(kernel, ProgType::Kprobe, text);
        let r0 = kernel.run(prog, Run { cpu, ..Run::new(Context::None) }).expect("a result").r0;
        kernel.close(prog).expect("a program");
        r0
    };
    let pid_tgid = program(kernel, "call 14\nexit");
    let uid_gid = program(kernel, "call 15\nexit");
    let comm = program(kernel, "r1 = r10\nr1 += -16\nr2 = 16\ncall 16\nr0 = *(u64 *)(r10 - 16)\nexit");
    let cgroup = program(kernel, "call 80\nexit");
    let comm = String::from_utf8_lossy(&comm.to_le_bytes()).trim_end_matches('\0').to_owned();
    (pid_tgid, uid_gid, comm, cgroup)
}

#[test]
fn a_task_has_what_a_process_has() -> Result {
    let mut kernel = kernel();
    let mut task = kernel.current()?;
    let mut text = String::new();
    for path in include_str!("world.paths").lines() {
        let value = match task.get_str(path) {
            Ok(text) => format!("{text:?}"),
            Err(_) => task.get(path)?.to_string(),
        };
        writeln!(text, "{path} = {value}").expect("a string");
    }
    expect![[r#"
        pid = 4001
        tgid = 4001
        comm = "bash"
        flags = 4194304
        real_parent.pid = 1
        real_parent.comm = "systemd"
        real_parent.real_parent.comm = "swapper/0"
        group_leader.pid = 4001
        nsproxy.uts_ns.ns.inum = 4026531838
        nsproxy.ipc_ns.ns.inum = 4026531839
        nsproxy.mnt_ns.ns.inum = 4026531841
        nsproxy.pid_ns_for_children.ns.inum = 4026531836
        nsproxy.net_ns.ns.inum = 4026531840
        nsproxy.time_ns.ns.inum = 4026531834
        nsproxy.cgroup_ns.ns.inum = 4026531835
        nsproxy.uts_ns.name.nodename = "skep"
        cred.user_ns.ns.inum = 4026531837
        cred.uid.val = 1000
        cred.euid.val = 1000
        cred.gid.val = 100
        cred.cap_effective = {val = 0}
        real_parent.cred.cap_effective = {val = 2199023255551}
        thread_pid.level = 0
        thread_pid.numbers[0].nr = 4001
        thread_pid.numbers[0].ns.ns.inum = 4026531836
        thread_pid.numbers[0].ns.level = 0
        signal.nr_threads = 1
        signal.pids[1].numbers[0].nr = 4001
        cgroups.dfl_cgrp.kn.id = 1
        cgroups.dfl_cgrp.kn.name = ""
        cgroups.dfl_cgrp.level = 0
        cgroups.subsys[0].cgroup.kn.id = 1
        files.fdt.max_fds = 64
        files.fdt.fd[0].f_path.dentry.d_name.name = "0"
        files.fdt.fd[3] = 0x0
        fs.root.dentry.d_name.name = "/"
        fs.pwd.dentry.d_name.name = "/"
        mm.exe_file.f_path.dentry.d_name.name = "bash"
        mm.exe_file.f_path.dentry.d_parent.d_name.name = "bin"
        mm.exe_file.f_path.dentry.d_parent.d_parent.d_name.name = "usr"
        mm.exe_file.f_path.mnt<mount.mnt>.mnt_parent.mnt_devname = "/dev/sda1"
        mm.exe_file.f_inode.i_ino = 20
        mm.exe_file.f_inode.i_mode = 33261
        mm.exe_file.f_inode.i_sb.s_dev = 8388609
        mm.exe_file.f_inode.i_sb.s_magic = 61267
        mm.exe_file.f_inode.i_sb.s_type.name = "ext4"
        mm.arg_start = "bash"
        start_time = 500000000
        start_boottime = 500000000
        exit_code = 0
        real_parent.mm.exe_file.f_path.dentry.d_name.name = "systemd"
        real_parent.start_time = 10000000
    "#]]
    .assert_eq(&text);
    Ok(())
}

#[test]
fn the_task_and_its_struct_always_agree() -> Result {
    let mut kernel = kernel();
    let bash = (4001 << 32 | 4001, 100 << 32 | 1000, "bash".to_owned(), 1);
    assert_eq!(helpers_say(&mut kernel, 0), bash);
    kernel.current()?;
    assert_eq!(helpers_say(&mut kernel, 0), bash);
    // What is set in the struct, helpers say, and so does the machine.
    kernel
        .current()?
        .set("pid", 4002)?
        .set("comm", "zsh")?
        .set("cred.uid", 7)?
        .set("cgroups.dfl_cgrp.kn.id", 55)?;
    assert_eq!(helpers_say(&mut kernel, 3), (4001 << 32 | 4002, 100 << 32 | 7, "zsh".to_owned(), 55));
    assert_eq!((kernel.task().pid, kernel.task().comm_str().as_str(), kernel.task().uid), (4002, "zsh", 7));
    // So it is through another way to the same object.
    let cred = kernel.current()?.get_u64("cred")?;
    kernel.object_at(cred, "cred")?.set("gid", 8)?;
    assert_eq!(kernel.task().gid, 8);
    // Another task: its struct is another one, or the one that it has.
    let first = kernel.current()?.addr();
    kernel.set_task(Task { cgroups: vec![1, 9, 10], ..Task::new(9, 8, "nine") });
    let mut nine = kernel.current()?;
    assert_ne!(nine.addr(), first);
    assert_eq!((nine.get_u64("pid")?, nine.get_u64("tgid")?, nine.get_str("comm")?), (9, 8, "nine".into()));
    assert_eq!(nine.get_u64("cgroups.dfl_cgrp.kn.id")?, 10);
    assert_eq!(nine.get_u64("cgroups.dfl_cgrp.level")?, 2);
    assert_eq!(nine.get_u64("cgroups.dfl_cgrp.ancestors[1].kn.id")?, 9);
    assert_eq!(helpers_say(&mut kernel, 1), (8 << 32 | 9, 0, "nine".to_owned(), 10));
    kernel.set_task(Task::new(4001, 4001, "again"));
    assert_eq!(kernel.current()?.addr(), first);
    assert_eq!(kernel.current()?.get_str("comm")?, "again");
    assert_eq!(kernel.current()?.get_u64("cred.euid")?, 0);
    Ok(())
}

#[test]
fn cpus_run_tasks_of_their_own() -> Result {
    let mut kernel = kernel();
    let other = kernel.spawn(&Task { uid: 33, ..Task::new(77, 70, "nginx") })?.addr();
    kernel.set_current(2, other)?;
    assert_eq!(helpers_say(&mut kernel, 2), (70 << 32 | 77, 33, "nginx".to_owned(), 1));
    assert_eq!(helpers_say(&mut kernel, 0).0, 4001 << 32 | 4001);
    assert_eq!(kernel.task().pid, 4001);
    assert_eq!(kernel.current_on(2)?.addr(), other);
    let bare = kernel.object("task_struct")?.set("pid", 5)?.set("comm", "bare")?.addr();
    kernel.set_current(1, bare)?;
    assert_eq!(helpers_say(&mut kernel, 1).0, 5);
    assert_eq!(helpers_say(&mut kernel, 1).2, "bare");
    for error in [
        kernel.set_current(9, other).expect_err("no such CPU"),
        kernel.set_current(0, 0x10).expect_err("no task"),
        kernel.current_on(4).map(|_| ()).expect_err("no such CPU"),
    ] {
        assert_eq!(error.class(), skep_kernel::Class::BadInput, "{error}");
    }
    Ok(())
}

#[test]
fn tasks_are_in_the_kernels_lists() -> Result {
    let mut kernel = kernel();
    let current = kernel.current()?.addr();
    let thread = kernel.spawn(&Task::new(4010, 4001, "worker"))?.addr();
    let child =
        kernel.spawn(&Task::new(4020, 4020, "child"))?.set("real_parent", FieldValue::Addr(current))?.addr();
    let init = kernel.task_by_pid(1)?.expect("the first process").addr();
    let mut idle = kernel.task_by_pid(0)?.expect("the idle task");
    assert_eq!(idle.get_str("comm")?, "swapper/0");
    assert_eq!(idle.list_of("tasks", "task_struct.tasks")?, [init, current, child]);
    let mut first = kernel.object_at(init, "task_struct")?;
    assert_eq!(first.list_of("children", "task_struct.sibling")?, [current, child]);
    let mut leader = kernel.object_at(current, "task_struct")?;
    assert_eq!(leader.list_of("signal.thread_head", "task_struct.thread_node")?, [current, thread]);
    assert_eq!(leader.get_u64("signal.nr_threads")?, 2);
    let shared = ["mm", "files", "fs", "signal"].map(|it| leader.get_u64(it));
    let mut thread = kernel.object_at(thread, "task_struct")?;
    assert_eq!(["mm", "files", "fs", "signal"].map(|it| thread.get_u64(it)), shared);
    assert_eq!(thread.get_u64("group_leader")?, current);
    assert_eq!(thread.get_u64("thread_pid.numbers[0].nr")?, 4010);
    assert_eq!(thread.get_u64("signal.pids[1].numbers[0].nr")?, 4001);
    // The leader of a thread whose process nobody made.
    let mut alone = kernel.spawn(&Task::new(501, 500, "alone"))?;
    assert_eq!(alone.get_u64("group_leader.pid")?, 500);
    assert!(kernel.task_by_pid(500)?.is_some());
    assert!(kernel.task_by_pid(12345)?.is_none());
    Ok(())
}

#[test]
fn programs_walk_from_the_task_with_probe_read() -> Result {
    let mut kernel = kernel();
    let task = kernel.current()?.set("real_parent.mm.exe_file", "/opt/tool")?.addr();
    let chain = [
        ("task_struct", "real_parent"),
        ("task_struct", "mm"),
        ("mm_struct", "exe_file"),
        ("file", "f_path.dentry"),
        ("dentry", "d_name.name"),
    ];
    // r6 = the pointer so far; each step reads the next one to the stack.
    let mut text = format!("r6 = {task:#x} ll\n");
    for (name, path) in chain {
        let at = offset(name, path);
        write!(text, "r3 = r6\nr3 += {at}\nr2 = 8\nr1 = r10\nr1 += -8\ncall 113\nr6 = *(u64 *)(r10 - 8)\n")
            .expect("a string");
    }
    text.push_str("r3 = r6\nr2 = 8\nr1 = r10\nr1 += -8\ncall 115\nr0 = *(u64 *)(r10 - 8)\nexit");
    let prog = load(&mut kernel, ProgType::Kprobe, &text);
    let name = kernel.run(prog, Run::new(Context::None)).expect("a result").r0;
    assert_eq!(&name.to_le_bytes()[..5], b"tool\0");
    Ok(())
}

#[test]
fn programs_walk_lists() -> Result {
    let mut kernel = kernel();
    let head = kernel.current()?.addr();
    let children: Vec<u64> = [(50, "a"), (51, "b"), (52, "c")]
        .into_iter()
        .map(|(pid, comm)| Ok(kernel.spawn(&Task::new(pid, pid, comm))?.addr()))
        .collect::<Result<_>>()?;
    kernel.object_at(head, "task_struct")?.list("children", "task_struct.sibling", children)?;
    let (list, link, pid) =
        (offset("task_struct", "children"), offset("task_struct", "sibling"), offset("task_struct", "pid"));
    // The sum of the pids of all children, through typed loads.
    let text = format!(
        "r6 = {head:#x} ll
         r6 += {list}
         r7 = *(u64 *)(r6 + 0)
         r0 = 0
         again:
         if r7 == r6 goto done
         r1 = r7
         r1 += -{link}
         r2 = *(u32 *)(r1 + {pid})
         r0 += r2
         r7 = *(u64 *)(r7 + 0)
         goto again
         done:
         exit"
    );
    let prog = load(&mut kernel, ProgType::Kprobe, &text);
    assert_eq!(kernel.run(prog, Run::new(Context::None)).expect("a result").r0, 153);
    Ok(())
}

#[test]
fn files_share_their_directories() -> Result {
    let mut kernel = kernel();
    let mut passwd = kernel.file("/etc/passwd")?;
    assert_eq!(passwd.get_str("f_path.dentry.d_name.name")?, "passwd");
    assert_eq!(passwd.get_u64("f_path.dentry.d_name.len")?, 6);
    assert_eq!(passwd.get_str("f_path.dentry.d_parent.d_name.name")?, "etc");
    assert_eq!(passwd.get_u64("f_inode.i_mode")?, 0o100644);
    assert_eq!(passwd.get_str("f_inode.i_sb.s_id")?, "sda1");
    assert_eq!(passwd.get_u64("f_inode")?, passwd.get_u64("f_path.dentry.d_inode")?);
    let (etc, root) = (passwd.get_u64("f_path.dentry.d_parent")?, passwd.get_u64("f_path.mnt.mnt_root")?);
    assert_eq!(kernel.dentry("/etc")?.addr(), etc);
    assert_eq!(kernel.dentry("//etc/./")?.addr(), etc);
    assert_eq!(kernel.dentry("/")?.addr(), root);
    assert_eq!(kernel.dentry("/etc")?.get_u64("d_parent")?, root);
    assert_eq!(kernel.dentry("/")?.get_u64("d_parent")?, root);
    // A long name does not fit into the entry.
    let name = "n".repeat(200);
    assert_eq!(kernel.dentry(&name)?.get_str("d_name.name")?, name);
    // Text that goes to a file is one.
    let mut task = kernel.current()?.set("files.fdt.fd[7]", "/var/log/x")?.set("fs.pwd", "/var")?;
    assert_eq!(task.get_str("files.fdt.fd[7].f_path.dentry.d_parent.d_name.name")?, "log");
    let pwd = task.get_u64("fs.pwd.dentry")?;
    assert_eq!(kernel.dentry("/var")?.addr(), pwd);
    Ok(())
}

#[test]
fn paths_are_what_d_path_says() -> Result {
    let mut kernel = kernel();
    for path in ["/etc/passwd", "/", "/usr/lib/x86_64-linux-gnu/libc.so.6"] {
        let file = kernel.file(path)?.addr() + offset("file", "f_path");
        let text = format!("r1 = {file:#x} ll\nr2 = r10\nr2 += -64\nr3 = 64\ncall 147\nexit");
        assert_eq!(eval(&mut kernel, &text), path.len() as i64 + 1, "{path}");
    }
    Ok(())
}

#[test]
fn objects_that_ended_are_freed_memory() -> Result {
    let mut kernel = kernel();
    let task = kernel.spawn(&Task::new(66, 66, "gone"))?.addr();
    assert!(kernel.free_object(task) && !kernel.free_object(task) && !kernel.free_object(0x10));
    let prog =
        load(&mut kernel, ProgType::Kprobe, &format!("r1 = {task:#x} ll\nr0 = *(u64 *)(r1 + 0)\nexit"));
    let fault = kernel.run(prog, Run::new(Context::None)).expect_err("freed").to_string();
    assert!(fault.contains("use after free") && fault.contains("\"task_struct\""), "{fault}");
    Ok(())
}

#[test]
fn sockets_have_addresses_on_every_side() -> Result {
    let mut kernel = kernel();
    let spec = SocketSpec::tcp(([10, 0, 0, 1], 43210).into(), ([10, 0, 0, 2], 443).into()).state(2);
    let mut socket = kernel.socket(&spec)?;
    let network = |bytes: &[u8]| bytes.iter().rev().fold(0, |all, it| all << 8 | u64::from(*it));
    for (path, value) in [
        ("type", 1),
        ("state", 3),
        ("sk.__sk_common.skc_family", 2),
        ("sk.__sk_common.skc_state", 2),
        ("sk.__sk_common.skc_num", 43210),
        ("sk.__sk_common.skc_dport", network(&443u16.to_be_bytes())),
        ("sk.__sk_common.skc_daddr", network(&[10, 0, 0, 2])),
        ("sk.__sk_common.skc_rcv_saddr", network(&[10, 0, 0, 1])),
        ("sk.__sk_common.skc_net.net.ns.inum", 0xf000_0000),
        ("sk.sk_protocol", 6),
        ("sk<inet_sock>.inet_sport", network(&43210u16.to_be_bytes())),
        ("sk<inet_sock>.inet_saddr", network(&[10, 0, 0, 1])),
        ("file.f_inode.i_mode", 0o140777),
    ] {
        assert_eq!(socket.get_u64(path)?, value, "{path}");
    }
    let sk = socket.get_u64("sk")?;
    assert_eq!(kernel.object_at(sk, "tcp_sock")?.set("snd_cwnd", 10)?.get_u64("snd_cwnd")?, 10);
    let six = "[2001:db8::2]:53".parse().expect("an address");
    let mut socket = kernel.socket(&SocketSpec::udp("[::1]:4000".parse().expect("an address"), six))?;
    assert_eq!(socket.get_u64("sk.__sk_common.skc_family")?, 10);
    let far = socket.get("sk.__sk_common.skc_v6_daddr.in6_u.u6_addr8")?;
    assert_eq!(
        far.as_bytes().map(<[u8]>::to_vec),
        Some(six.ip().to_string().parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec())
    );
    assert_eq!(socket.get_u64("sk.sk_protocol")?, 17);
    Ok(())
}

#[test]
fn packet_buffers_have_headers() -> Result {
    let mut kernel = kernel();
    let mut packet = vec![0; 60];
    packet[12..15].copy_from_slice(&[8, 0, 0x45]);
    packet[34..38].copy_from_slice(&[0x12, 0x34, 0, 80]);
    let mut skb = kernel.sk_buff(&packet)?;
    let head = skb.get_u64("head")?;
    let [network, transport] = ["network_header", "transport_header"].map(|it| skb.get_u64(it));
    assert_eq!((skb.get_u64("len")?, transport? - network?), (46, 20));
    assert_eq!(skb.get_u64("data")?, head + skb.get_u64("network_header")?);
    assert_eq!(skb.get_str("dev.name")?, "eth0");
    assert_eq!(skb.get_u64("protocol")?, 8);
    let at = head + skb.get_u64("transport_header")?;
    let mut port = [0; 4];
    kernel.memory().peek(at, &mut port).expect("a packet");
    assert_eq!(port, [0x12, 0x34, 0, 80]);
    kernel.sk_buff(&[])?;
    Ok(())
}

#[test]
fn variables_have_addresses() -> Result {
    let mut kernel = kernel();
    let task = kernel.variable("init_task")?.expect("a variable");
    assert_eq!(kernel.object_at(task, "task_struct")?.get_str("comm")?, "swapper/0");
    assert_eq!(kernel.variable("init_task")?, Some(task));
    assert_eq!(
        kernel.variable("init_nsproxy")?,
        Some(kernel.object_at(task, "task_struct")?.get_u64("nsproxy")?)
    );
    assert_eq!(kernel.variable("no_such_variable")?, None);
    // A CPU's own.
    let base = kernel.variable("runqueues")?.expect("a variable");
    let copies: Vec<u64> = (0..4).map(|cpu| kernel.per_cpu(base, cpu).expect("a copy")).collect();
    for (cpu, copy) in (0..).zip(&copies) {
        assert_eq!(kernel.variable_on("runqueues", cpu)?.addr(), *copy);
        assert_eq!(kernel.variable_on("runqueues", cpu)?.get_u64("cpu")?, u64::from(cpu));
    }
    assert_eq!(copies[1] - copies[0], copies[3] - copies[2]);
    assert_eq!(kernel.per_cpu(base + 8, 1), Some(copies[1] + 8));
    let offsets = kernel.variable("__per_cpu_offset")?.expect("a variable");
    assert_eq!(kernel.memory().peek_u64(offsets + 16).map(|it| base + it), Ok(copies[2]));
    assert_eq!(kernel.variable_on("nr_cpu_ids", 0)?.get_u64("")?, 4);
    assert_eq!((kernel.per_cpu(base, 4), kernel.per_cpu(task, 0)), (None, None));
    let mut rq = kernel.variable_on("runqueues", 2)?;
    assert_eq!(
        (rq.get_str("idle.comm")?, rq.get_str("curr.comm")?),
        ("swapper/2".into(), "swapper/2".into())
    );
    let idle = rq.get_u64("idle")?;
    assert_eq!(kernel.idle_task(2)?.addr(), idle);
    assert_eq!(kernel.idle_task(0)?.addr(), task);
    // Who runs there is who was put there, before and after somebody looked.
    let other = kernel.spawn(&Task::new(77, 77, "other"))?.addr();
    kernel.set_current(2, other)?;
    assert_eq!(kernel.variable_on("runqueues", 2)?.get_u64("curr")?, other);
    assert_eq!(kernel.variable_on("runqueues", 2)?.get_u64("curr.pid")?, 77);
    kernel.set_current(1, other)?;
    assert_eq!(kernel.variable_on("runqueues", 1)?.get_u64("curr")?, other);
    kernel.variable_on("runqueues", 2)?.set("nr_running", 3)?;
    assert_eq!(kernel.variable_on("runqueues", 1)?.get_u64("nr_running")?, 0);
    expect!["the kernel has no variable `no_such_variable`"]
        .assert_eq(&kernel.variable_on("no_such_variable", 0).expect_err("none").to_string());
    Ok(())
}

#[test]
fn kernels_with_other_members_do_as_well() -> Result {
    for (types, paths) in [
        ("struct task_struct { int pid; };", &["pid"][..]),
        (
            "struct task_struct { long state; int pid; int tgid; struct task_struct *parent; char comm[16]; };",
            &["parent.pid", "comm[0]"],
        ),
        (
            "struct cred { u32 uid; }; struct task_struct { int tgid; struct cred *cred; };",
            &["tgid", "cred.uid"],
        ),
        ("struct mm_struct; struct task_struct { int pid; struct mm_struct *mm; };", &["pid", "mm"]),
        (
            "struct task_struct { char pid; u8 comm[3]; int cred; struct task_struct *mm; void *files; };",
            &["comm[0]"],
        ),
    ] {
        let btf = TargetBtf::new("test", Arc::new(c_types(types)));
        let mut kernel = Kernel::new(Config { btf: Some(btf), ..Config::default() }).expect("address space");
        let mut task = kernel.current()?;
        for path in paths {
            task.get(path)?;
        }
        // What the struct does not have, the machine still knows.
        assert_eq!(helpers_say(&mut kernel, 0).1, 1000 << 32 | 1000, "{types}");
    }
    Ok(())
}

#[test]
fn machines_are_alike_and_pay_for_what_they_look_at() -> Result {
    let mut plain = Kernel::new(Config::default()).expect("address space");
    assert!(plain.current().is_err());
    assert_eq!(helpers_say(&mut plain, 0).2, "skep");
    let typed = kernel();
    assert!(typed.memory().objects().is_empty());
    let whole = |kernel: &mut Kernel| -> Result<(u64, Value)> {
        let mut task = kernel.current()?;
        Ok((task.addr(), task.get("")?))
    };
    assert_eq!(whole(&mut kernel())?, whole(&mut kernel())?);
    Ok(())
}

#[test]
fn arguments_are_objects_and_text_is_a_file() {
    let mut kernel = kernel();
    let mut load = ProgLoad::new("guard", ProgType::Lsm, asm("r0 = *(u64 *)(r1 + 0)\nexit"));
    load.expected_attach_type = AttachType::LsmMac.to_u32();
    load.attach_btf_id = vmlinux().vmlinux.find(Kind::Func, "bpf_lsm_file_open").expect("a hook").0;
    let prog = kernel.prog_load(load).expect("a program");
    let target =
        Target::Btf { attach: AttachType::LsmMac, name: "file_open".to_owned(), id: 1, module: None };
    let fire = |kernel: &mut Kernel, args: Args| {
        let ran = kernel.fire(prog, Fire::new(&target, args)).unwrap_or_else(|error| panic!("{error}"));
        u64::from_le_bytes(ran.ctx_out[..8].try_into().expect("a word"))
    };
    let file = fire(&mut kernel, args! { file: "/etc/shadow" });
    let mut file = kernel.object_at(file, "file").expect("a file");
    assert_eq!(file.get_str("f_path.dentry.d_name.name").as_deref(), Ok("shadow"));
    assert_eq!(file.get_str("f_path.dentry.d_parent.d_name.name").as_deref(), Ok("etc"));
    let file = fire(&mut kernel, args! { file: { "f_path": "/bin/sh", "f_cred.uid": 7, f_flags: 2 } });
    let mut file = kernel.object_at(file, "file").expect("a file");
    assert_eq!(file.get_str("f_path.dentry.d_name.name").as_deref(), Ok("sh"));
    assert_eq!((file.get_u64("f_cred.uid"), file.get_u64("f_flags")), (Ok(7), Ok(2)));
    // What was made for arguments ends some time; what belongs to the world does not.
    for turn in 0..20_000 {
        fire(
            &mut kernel,
            args! { file: { "f_path": "/bin/sh", "f_cred.uid": turn, "private_data": "text" } },
        );
    }
    assert!(kernel.memory().resident() < 64 << 20, "{}", kernel.memory().resident());
    assert_eq!(kernel.dentry("/bin/sh").expect("an entry").get_str("d_name.name").as_deref(), Ok("sh"));
}
