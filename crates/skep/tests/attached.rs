//! Objects whose programs are all attached, as their loaders do it: something happens in the machine, and they run.

use skep::{Builder, Result, Task, args};

/// An object, in a process 4242 of user 1000.
fn open(name: &str) -> Result<Builder> {
    let task = Task { uid: 1000, gid: 1000, ..Task::new(4242, 4242, "bash") };
    Ok(skep::open(format!("../../fixtures/{name}.bpf.o"))?.task(task))
}

/// One call of the function runs the probe of its entry, with the arguments, and that of its return, with the result.
#[test]
fn opensnoop_sees_a_call_of_the_function() -> Result<()> {
    let mut sk = open("opensnoop")?.load()?;
    sk.attach_all()?;
    let call = args! { filename: "/etc/hostname", how: { flags: 0x8000 } };
    let called = sk.call_function("do_sys_openat2", call, 3)?;
    let names: Vec<&str> = called.ran.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(names, ["openat2_enter", "openat2_exit"]);

    let [opened] = sk.take("events")?;
    assert_eq!(opened["path"], "/etc/hostname");
    assert_eq!(opened["ret"], 3);
    Ok(())
}

#[test]
fn one_link_counts_every_function_of_a_pattern() -> Result<()> {
    let mut sk = open("funccount")?.load()?;
    sk.attach_all()?;
    for (func, ret) in [("vfs_read", 5), ("vfs_read", -9i64), ("vfs_write", 1), ("do_unlinkat", 0)] {
        sk.call_function(func, args! {}, ret as u64)?;
    }
    let read = sk.kernel().symbol_address("vfs_read");
    let count = sk.map("counts")?.value(read)?;
    assert_eq!(count["calls"], 2);
    assert_eq!(count["failures"], 1);
    assert_eq!(sk.map("counts")?.len(), 2);
    Ok(())
}

/// fmod_ret decides before the function runs; fexit sees what came of it.
#[test]
fn a_deletion_is_watched_and_prevented() -> Result<()> {
    let mut sk = open("unlink_watch")?.global("protected_dir", 77u64)?.load()?;
    sk.attach_all()?;
    let asked = sk.call_function("security_path_unlink", args! { dir: { "dentry.d_inode.i_ino": 77 } }, 0)?;
    assert_eq!(asked.overridden.map(|it| it as i32), Some(-13));
    let asked = sk.call_function("security_path_unlink", args! { dir: { "dentry.d_inode.i_ino": 78 } }, 0)?;
    assert_eq!(asked.overridden, None);

    let dentry = sk.file("/tmp/notes")?.get_u64("f_path.dentry")?;
    sk.call_function("vfs_unlink", args! { dentry: dentry }, -16i64 as u64)?;
    assert_eq!(sk.global::<u64>("attempts")?, 1);
    let [deletion] = sk.take("deletions")?;
    assert_eq!(deletion["name"], "notes");
    assert_eq!(deletion["ret"], -16);
    Ok(())
}

#[test]
fn nothing_runs_once_the_links_are_gone() -> Result<()> {
    let mut sk = open("opensnoop")?.load()?;
    let links = sk.attach_all()?;
    assert_eq!(links.len(), 2);
    for (_, link) in links {
        sk.kernel().close(link.fd()).expect("an fd of its own");
    }
    assert!(sk.call_function("do_sys_openat2", args! {}, 3)?.ran.is_empty());
    Ok(())
}
