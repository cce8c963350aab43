//! Kernel objects by type: paths, what is made on the way, what programs see of it.

use crate::c_types::c_types;
use crate::support::load;
use expect_test::{Expect, expect};
use skep_abi::ProgType;
use skep_btf::Value;
use skep_kernel::{Config, Context, FieldValue, Kernel, ObjectError, Run, TargetBtf, args};
use std::sync::{Arc, OnceLock};

const TYPES: &str = "
    struct list_head { struct list_head *next; struct list_head *prev; };
    struct ns_common { u32 inum; };
    struct pid_namespace { int level; struct ns_common ns; };
    struct upid { int nr; struct pid_namespace *ns; };
    struct pid { u32 level; struct upid numbers[]; };
    struct old_pid { u32 level; struct upid numbers[1]; };
    struct qstr { union { struct { u32 hash; u32 len; }; u64 hash_len; }; const char *name; };
    struct dentry { struct dentry *d_parent; struct qstr d_name; char d_iname[32]; };
    struct vfsmount { struct dentry *mnt_root; int mnt_flags; };
    struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; char *mnt_devname; };
    struct path { struct vfsmount *mnt; struct dentry *dentry; };
    struct file { struct path f_path; u32 f_flags; void *private_data; };
    struct pipe { u32 ring_size; struct pipe *next; };
    struct fdtable { u32 max_fds; struct file **fd; };
    struct files_struct { struct fdtable *fdt; };
    struct kuid { u32 val; };
    struct cred { struct kuid uid; };
    struct mm { struct file *exe_file; u64 arg_start; u64 arg_end; };
    struct hidden;
    struct task {
        u32 __state; int pid; int tgid; struct task *real_parent; struct list_head children; struct list_head sibling;
        char comm[16]; struct mm *mm; struct files_struct *files; struct cred *cred; struct pid *thread_pid;
        int a : 3; u32 b : 5; u64 c : 40; bool flag : 1;
        union { long word; u8 bytes[8]; };
        struct hidden *hidden; struct { int x; int y; } grid[2][3];
    };
    struct iovec { void __user *iov_base; u64 iov_len; };
    struct msg { struct iovec __user *iov; char __user *name; struct iovec own; char **argv; };
    struct sock { int family; };
    struct inet_sock { struct sock sk; u16 sport; };
    struct tcp_sock { struct { struct { struct sock sk; u16 sport; } icsk_inet; } inet_conn; int snd_cwnd; };
";

pub(crate) fn types() -> TargetBtf {
    static TYPES_OF_TESTS: OnceLock<TargetBtf> = OnceLock::new();
    TYPES_OF_TESTS.get_or_init(|| TargetBtf::new("test", Arc::new(c_types(TYPES)))).clone()
}

fn kernel() -> Kernel {
    Kernel::new(Config { btf: Some(types()), ..Config::default() }).expect("address space")
}

#[test]
fn pointers_are_made_on_the_way() -> Result<(), ObjectError> {
    let mut kernel = kernel();
    let task = kernel
        .object("task")?
        .set("pid", 42)?
        .set("real_parent.tgid", 1)?
        .set("mm.exe_file.f_path.dentry.d_name.name", "bash")?
        .set("comm", "sshd")?;
    let addr = task.addr();
    let mut task = kernel.object_at(addr, "struct task")?;
    assert_eq!(task.get_u64("pid")?, 42);
    assert_eq!(task.get_u64("real_parent->tgid")?, 1);
    assert_eq!(task.get_str("mm.exe_file.f_path.dentry.d_name.name")?, "bash");
    assert_eq!(task.get_str("comm")?, "sshd");
    assert_eq!(task.get("mm.exe_file.f_path.dentry.d_name.len")?, Value::Uint(0));
    Ok(())
}

#[test]
fn plain_data_describes_an_object() -> Result<(), ObjectError> {
    let mut kernel = kernel();
    let fields: Vec<(&str, FieldValue)> = vec![
        ("pid", 7.into()),
        ("thread_pid", args! { level: 1, "numbers[1].nr": 3, "numbers[1].ns.ns.inum": 99 }.into()),
        ("grid[1]", [args! { x: 1 }, args! { y: 2 }].into()),
        ("cred.uid", 1000.into()),
    ];
    let mut task = kernel.object("task")?.describe(fields)?;
    assert_eq!(task.get_u64("thread_pid.numbers[1].nr")?, 3);
    assert_eq!(task.get_u64("thread_pid.numbers[1].ns.ns.inum")?, 99);
    assert_eq!(task.get_u64("cred.uid.val")?, 1000);
    assert_eq!(task.get("grid[1]")?.to_string(), "[{x = 1, y = 0}, {x = 0, y = 2}, {x = 0, y = 0}]");
    Ok(())
}

fn error(result: Result<skep_kernel::ObjectMut<'_>, ObjectError>, expected: Expect) {
    expected.assert_eq(&result.expect_err("an error").to_string());
}

#[test]
fn errors_say_what_is_not_there() {
    let mut kernel = kernel();
    let mut fails = |path: &str, value: FieldValue, expected: Expect| {
        error(kernel.object("task").expect("a task").set(path, value), expected);
    };
    fails(
        "real_parnt.tgid",
        1.into(),
        expect![
            "struct task.real_parnt.tgid: there is no `real_parnt`: struct task has no such member; did you mean `real_parent`?"
        ],
    );
    fails(
        "real_parent.tgit",
        1.into(),
        expect![
            "struct task.real_parent.tgit: there is no `real_parent.tgit`: struct task has no such member; did you mean `tgid`?"
        ],
    );
    fails(
        "state",
        1.into(),
        expect![
            "struct task.state: there is no `state`: struct task has no such member; did you mean `__state`?"
        ],
    );
    fails(
        "mm.exe_file.f_path.dentry.d_nam.name",
        "x".into(),
        expect![
            "struct task.mm.exe_file.f_path.dentry.d_nam.name: there is no `mm.exe_file.f_path.dentry.d_nam`: struct dentry has no such member; did you mean `d_name`?"
        ],
    );
    fails("pid.x", 1.into(), expect!["struct task.pid.x: `pid` is int, which has nothing inside"]);
    fails(
        "comm.x",
        1.into(),
        expect!["struct task.comm.x: `comm` is an array (char[16]), which has nothing inside"],
    );
    fails(
        "comm[16]",
        1.into(),
        expect!["struct task.comm[16]: there is no `comm[16]`: the array has 16 elements"],
    );
    fails(
        "grid[0][3].x",
        1.into(),
        expect!["struct task.grid[0][3].x: there is no `grid[0][3]`: the array has 3 elements"],
    );
    fails(
        "hidden.x",
        1.into(),
        expect![
            "struct task.hidden.x: `struct hidden` has no layout in the kernel's BTF: it is a function, or declared and no more"
        ],
    );
    fails(
        "files.fdt.fd.f_flags",
        1.into(),
        expect![
            "struct task.files.fdt.fd.f_flags: `files.fdt.fd` is a pointer to a pointer (struct file *), which has nothing inside"
        ],
    );
    fails(
        "mm.exe_file.private_data.x",
        1.into(),
        expect![
            "struct task.mm.exe_file.private_data.x: `mm.exe_file.private_data` does not say what it points to: name the type as in `mm.exe_file.private_data<type>`, or point it to an object first"
        ],
    );
    fails(
        "mm.exe_file.private_data<pip>.x",
        1.into(),
        expect![
            "struct task.mm.exe_file.private_data<pip>.x: the kernel's BTF has no type `pip`; did you mean `pid`, `pipe`?"
        ],
    );
    fails(
        "mm.exe_file.private_data<pipe>.x",
        1.into(),
        expect![
            "struct task.mm.exe_file.private_data<pipe>.x: there is no `mm.exe_file.private_data<pipe>.x`: struct pipe has no such member"
        ],
    );
    fails("pid", "text".into(), expect!["struct task.pid: `pid` takes an integer: it is int"]);
    fails("pid", (1u64 << 40).into(), expect!["struct task.pid: `pid` takes what fits into int"]);
    fails("b", 32.into(), expect!["struct task.b: `b` takes what fits into 5 bits of u32"]);
    fails(
        "mm",
        "text".into(),
        expect!["struct task.mm: `mm` takes an address or fields, not text: it points to struct mm"],
    );
    fails(
        "mm",
        args! { exe_fil: 0 }.into(),
        expect![
            "struct task.mm: there is no `exe_fil`: struct mm has no such member; did you mean `exe_file`?"
        ],
    );
    fails(
        "mm.exe_file",
        args! { f_path: { dentry: { d_iname: 7 } } }.into(),
        expect![
            "struct task.mm.exe_file: `mm.exe_file.f_path.dentry.d_iname` takes an array: it is char[32]"
        ],
    );
    fails(
        "grid[0]",
        [args! { x: "t" }].into(),
        expect!["struct task.grid[0]: `grid[0][0].x` takes an integer: it is int"],
    );
    fails("grid[0]", [0, 0, 0, 0].into(), expect!["struct task.grid[0]: `grid[0]` takes at most 3 elements"]);
    fails(
        "comm",
        "a name that is too long".into(),
        expect!["struct task.comm: `comm` takes what fits into char[16]"],
    );
    fails(
        "children",
        1.into(),
        expect!["struct task.children: `children` takes the fields of struct list_head"],
    );
    fails(
        "pid..x",
        1.into(),
        expect![
            "struct task.pid..x: a path is `name.name[index]<type>.name`; this one is not from byte 3 on"
        ],
    );
    fails("", 1.into(), expect!["struct task: it takes the fields of struct task"]);
    error(kernel.object("tsk"), expect!["the kernel's BTF has no type `tsk`; did you mean `task`?"]);
    error(
        kernel.object("hidden"),
        expect!["`hidden` has no layout in the kernel's BTF: it is a function, or declared and no more"],
    );
    error(kernel.object_at(0xdead, "task"), expect!["task: there are no 176 bytes of one object at 0xdead"]);
    let mut plain = Kernel::new(Config::default()).expect("address space");
    error(
        plain.object("task"),
        expect!["this machine has no types of a kernel to make objects of: give it a BTF (Config::btf)"],
    );
    let mut task = kernel.object("task").expect("a task");
    expect!["struct task.real_parent.pid: `real_parent` is NULL"]
        .assert_eq(&task.get("real_parent.pid").expect_err("NULL").to_string());
    expect!["struct task.pid: `pid` is int, not text"]
        .assert_eq(&task.get_str("pid").expect_err("no text").to_string());
}

#[test]
fn arrays_without_length_have_room() -> Result<(), ObjectError> {
    let mut kernel = kernel();
    for name in ["pid", "old_pid"] {
        let mut pid = kernel.object(name)?.set("numbers[3].nr", 3)?.set("numbers[31].nr", 31)?;
        assert_eq!((pid.get_u64("numbers[3].nr")?, pid.get_u64("numbers[31].nr")?), (3, 31), "{name}");
        assert_eq!(pid.get_u64("numbers[30].nr")?, 0);
        assert!(pid.set("numbers[1000].nr", 1).is_err());
    }
    let mut pid = kernel.object("pid")?.set("numbers[1].nr", 5)?;
    let whole = pid.get("")?;
    assert_eq!(whole.to_string(), "{level = 0, numbers = [{nr = 0, ns = 0x0}, {nr = 5, ns = 0x0}]}");
    let mut pid = kernel.object_with("pid", 16 * 1001)?.set("numbers[1000].nr", 1)?;
    assert_eq!(pid.get_u64("numbers[1000].nr")?, 1);
    Ok(())
}

#[test]
fn arrays_behind_pointers_grow() -> Result<(), ObjectError> {
    let mut kernel = kernel();
    let mut task = kernel
        .object("task")?
        .set("files.fdt.fd[0].f_flags", 10)?
        .set("files.fdt.fd[3].f_flags", 13)?
        .set("files.fdt.fd[100].f_flags", 110)?;
    assert_eq!(task.get_u64("files.fdt.fd[0].f_flags")?, 10);
    assert_eq!(task.get_u64("files.fdt.fd[3].f_flags")?, 13);
    assert_eq!(task.get_u64("files.fdt.fd[100].f_flags")?, 110);
    assert_eq!(task.get_u64("files.fdt.fd[2]")?, 0);
    Ok(())
}

#[test]
fn containers_are_whole() -> Result<(), ObjectError> {
    let mut kernel = kernel();
    let mut file = kernel
        .object("file")?
        .set("f_path.mnt.mnt_flags", 5)?
        .set("f_path.mnt<mount.mnt>.mnt_devname", "sda1")?;
    let (mnt, mount) = (file.get_u64("f_path.mnt")?, file.get("f_path.mnt<mount.mnt>")?);
    assert_eq!(mount.get("mnt.mnt_flags").and_then(Value::as_u64), Some(5));
    let mut mount = kernel.object_at(mnt - 16, "mount")?;
    assert_eq!(mount.get_str("mnt_devname")?, "sda1");
    assert_eq!(mount.get_u64("mnt.mnt_flags")?, 5);
    let sock = kernel.object("sock")?.set("<tcp_sock>.snd_cwnd", 10)?.addr();
    assert_eq!(kernel.object_at(sock, "tcp_sock")?.get_u64("snd_cwnd")?, 10);
    Ok(())
}

#[test]
fn void_pointers_go_by_the_object() -> Result<(), ObjectError> {
    let mut kernel = kernel();
    let pipe = kernel.object("pipe")?.set("next.ring_size", 2)?.addr();
    let mut file = kernel.object("file")?.set("private_data", FieldValue::Addr(pipe))?;
    file = file.set("private_data.ring_size", 16)?.set("private_data->next->next->ring_size", 3)?;
    assert_eq!(file.get_u64("private_data<pipe>.ring_size")?, 16);
    assert_eq!(file.get_u64("private_data.next.ring_size")?, 2);
    assert_eq!(file.get_u64("private_data<struct pipe>.next.next.ring_size")?, 3);
    let mut file = kernel.object("file")?.set("private_data<pipe>[2].ring_size", 7)?;
    assert_eq!(file.get_u64("private_data<pipe>[2].ring_size")?, 7);
    assert_eq!(file.get_u64("private_data<pipe>[1].ring_size")?, 0);
    Ok(())
}

#[test]
fn strings_are_in_user_or_kernel_memory() -> Result<(), ObjectError> {
    let mut kernel = kernel();
    let argv: FieldValue = ["ls", "-l"].into();
    let mut msg = kernel
        .object("msg")?
        .set("name", "user")?
        .set("iov[1].iov_base", "deep")?
        .set("own.iov_base", FieldValue::kernel("forced"))?
        .set("argv", FieldValue::User(Box::new(argv)))?;
    let user = |addr: u64| addr >> 47 == 0;
    assert!(user(msg.get_u64("name")?) && user(msg.get_u64("iov")?) && user(msg.get_u64("iov[1].iov_base")?));
    assert!(!user(msg.get_u64("own.iov_base")?));
    assert_eq!(msg.get_str("name")?, "user");
    assert_eq!(msg.get_str("iov[1].iov_base")?, "deep");
    assert_eq!(msg.get_str("own.iov_base")?, "forced");
    assert_eq!((msg.get_str("argv[0]")?, msg.get_str("argv[1]")?), ("ls".into(), "-l".into()));
    assert!(user(msg.get_u64("argv[1]")?));
    assert_eq!(msg.get_u64("argv[2]")?, 0);
    let mut task = kernel.object("task")?.set("mm.arg_start", FieldValue::user("ls"))?;
    assert_eq!(task.get_str("mm.arg_start")?, "ls");
    Ok(())
}

#[test]
fn programs_read_and_do_not_write() -> Result<(), ObjectError> {
    let mut kernel = kernel();
    let task = kernel.object("task")?.set("pid", 42)?.set("real_parent.tgid", 7)?;
    let pid = task.addr() + 4;
    let addr = task.addr();
    let prog = load(
        &mut kernel,
        ProgType::RawTracepoint,
        &format!(
            "r1 = {pid:#x} ll\nr0 = *(u32 *)(r1 + 0)\nr2 = *(u64 *)(r1 + 12)\nr2 = *(u32 *)(r2 + 8)\nr0 += r2\nexit"
        ),
    );
    assert_eq!(kernel.run(prog, Run::new(Context::None)).expect("a result").r0, 49);
    let prog = load(
        &mut kernel,
        ProgType::RawTracepoint,
        &format!("r1 = {pid:#x} ll\n*(u32 *)(r1 + 0) = 1\nr0 = 0\nexit"),
    );
    let fault = kernel.run(prog, Run::new(Context::None)).expect_err("a fault").to_string();
    expect![[r#"program fault: store of 4 bytes at 0xfffffffff0010004: kernel object "task" (176 bytes) is read-only"#]].assert_eq(fault.lines().next().unwrap_or_default());
    let end = addr + 184;
    let prog =
        load(&mut kernel, ProgType::RawTracepoint, &format!("r1 = {end:#x} ll\nr0 = *(u64 *)(r1 + 0)\nexit"));
    let fault = kernel.run(prog, Run::new(Context::None)).expect_err("a fault").to_string();
    expect![[r#"program fault: load of 8 bytes at 0xfffffffff00100b8: 8 bytes past the end of kernel object "task" (176 bytes)"#]].assert_eq(fault.lines().next().unwrap_or_default());
    Ok(())
}

#[test]
fn lists_are_linked_and_walked() -> Result<(), ObjectError> {
    let mut kernel = kernel();
    let children: Vec<u64> = (0..3)
        .map(|pid| Ok(kernel.object("task")?.set("pid", 100 + pid)?.addr()))
        .collect::<Result<_, ObjectError>>()?;
    let mut parent = kernel.object("task")?.list("children", "task.sibling", children.clone())?;
    assert_eq!(parent.list_of("children", "task.sibling")?, children);
    let addr = parent.addr();
    // container_of(parent->children.next->next, struct task, sibling)->pid, and back from the last to the head.
    let program = format!(
        "r6 = {addr:#x} ll
         r6 = *(u64 *)(r6 + 24)
         r6 = *(u64 *)(r6 + 0)
         r0 = *(u32 *)(r6 - 36)
         r6 = *(u64 *)(r6 + 0)
         r6 = *(u64 *)(r6 + 0)
         r6 -= 24
         r1 = {addr:#x} ll
         if r6 == r1 goto +1
         r0 = 0
         exit"
    );
    let prog = load(&mut kernel, ProgType::RawTracepoint, &program);
    assert_eq!(kernel.run(prog, Run::new(Context::None)).expect("a result").r0, 101);
    let empty = kernel.object("task")?.list("children", "task.sibling", [])?;
    let addr = empty.addr();
    assert_eq!(kernel.object_at(addr, "task")?.get_u64("children.next")?, addr + 24);
    assert_eq!(kernel.object("task")?.list_of("children", "task.sibling")?, [0u64; 0]);
    error(
        kernel.object("task")?.list("pid", "task.sibling", []),
        expect!["struct task.pid: `pid` is int, not the head of a list"],
    );
    error(
        kernel.object("task")?.list("children", "task.sibing", []),
        expect![
            "struct task.children: there is no `sibing`: struct task has no such member; did you mean `sibling`?"
        ],
    );
    error(
        kernel.object("task")?.list("children", "sibling", []),
        expect![
            "struct task.children: a path is `name.name[index]<type>.name`; this one is not from byte 7 on"
        ],
    );
    let ring = kernel.object("task")?.set("children.next", FieldValue::Addr(children[0] + 40))?.addr();
    let broken =
        kernel.object_at(ring, "task")?.list_of("children", "task.sibling").expect_err("no way back");
    expect!["struct task.children: the links of this list do not come back to its head"]
        .assert_eq(&broken.to_string());
    Ok(())
}

#[test]
fn hash_lists_are_linked_as_the_kernel_links_them() -> Result<(), ObjectError> {
    let types = "
        struct hlist_node { struct hlist_node *next; struct hlist_node **pprev; };
        struct hlist_head { struct hlist_node *first; };
        struct llist_node { struct llist_node *next; };
        struct llist_head { struct llist_node *first; };
        struct item { u64 key; struct hlist_node link; struct llist_node one; };
        struct table { struct hlist_head heads[2]; struct llist_head queue; };
    ";
    let target = TargetBtf::new("test", Arc::new(c_types(types)));
    let mut kernel = Kernel::new(Config { btf: Some(target), ..Config::default() }).expect("address space");
    let items = [kernel.object("item")?.addr(), kernel.object("item")?.addr()];
    let mut table =
        kernel.object("table")?.list("heads[1]", "item.link", items)?.list("queue", "item.one", items)?;
    assert_eq!(table.list_of("heads[1]", "item.link")?, items);
    assert_eq!(table.list_of("queue", "item.one")?, items);
    assert_eq!(table.list_of("heads[0]", "item.link")?, [0u64; 0]);
    let head = table.addr() + 8;
    let mut pprev = |item: u64| kernel.object_at(item, "item")?.get_u64("link.pprev");
    assert_eq!((pprev(items[0])?, pprev(items[1])?), (head, items[0] + 8));
    Ok(())
}
