//! A small program for each family and feature that `tracing.rs` has not, tested as its author would.

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
