//! Programs fired at what they are attached to, with arguments by name.

use crate::support::{asm, kernel_with};
use expect_test::{Expect, expect};
use skep_abi::{AttachType, ProgType};
use skep_btf::{Array, Btf, BtfBuilder, Def, FuncProto, IntEncoding, Kind, Linkage, TypeId, TypeTag};
use skep_kernel::{Arch, Args, Config, Fire, Kernel, ProgLoad, Ran, RunError, Target, TargetBtf, args};
use std::sync::Arc;

/// The types of a very small kernel.
fn types() -> TargetBtf {
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let long = b.int("long", 8, IntEncoding::Signed);
    let char = b.int("char", 1, IntEncoding::Signed);
    let u16 = b.int("unsigned short", 2, IntEncoding::Unsigned);
    let u32 = b.int("unsigned int", 4, IntEncoding::Unsigned);
    let void_ptr = b.add("", Def::Ptr(TypeId::VOID));
    let string = b.add("", Def::Ptr(char));
    let tag = b.add("user", Def::TypeTag(TypeTag { target: char, attribute: false }));
    let user_string = b.add("", Def::Ptr(tag));
    let comm = b.add("", Def::Array(Array { element: char, index: int, len: 16 }));
    let none = b.add("", Def::Array(Array { element: char, index: int, len: 0 }));
    let filename = b.structure("filename", 16, &[("name", string, 0), ("uptr", user_string, 64)]);
    let filename = b.add("", Def::Ptr(filename));
    let pair = b.structure("pair", 16, &[("a", long, 0), ("b", long, 64)]);
    let state = b.enumeration("state", &[("IDLE", 0), ("RUNNING", 3)]);
    let regs = b.structure("pt_regs", 8, &[("r15", long, 0)]);
    let regs = b.add("", Def::Ptr(regs));
    let mut func = |name: &str, ret: TypeId, params: &[(&str, TypeId)]| {
        b.func(name, Linkage::Static, ret, params);
    };
    func("do_unlinkat", int, &[("dfd", int), ("name", filename)]);
    func("do_sys_openat2", long, &[("dfd", int), ("filename", user_string), ("how", void_ptr)]);
    func("takes_pair", TypeId::VOID, &[("first", int), ("pair", pair), ("state", state), ("last", u16)]);
    let nine: Vec<String> = (1..=9).map(|it| format!("a{it}")).collect();
    func("nine", int, &nine.iter().map(|it| (it.as_str(), long)).collect::<Vec<_>>());
    func("bpf_lsm_file_open", int, &[("file", void_ptr)]);
    func("__traceiter_sys_enter", int, &[("__data", void_ptr), ("regs", regs), ("id", long)]);
    func("__traceiter_sched_switch", int, &[("__data", void_ptr), ("preempt", int), ("prev_pid", u32)]);
    let proto = b.add("", Def::FuncProto(FuncProto { ret: TypeId::VOID, params: Box::new([]) }));
    let pointer = b.add("", Def::Ptr(proto));
    for event in ["sys_enter", "sched_switch"] {
        b.add(&format!("btf_trace_{event}"), Def::Typedef(pointer));
    }
    let entry = b.structure("trace_entry", 8, &[("type", u16, 0), ("pid", int, 32)]);
    b.structure(
        "trace_event_raw_sched_process_template",
        32,
        &[("ent", entry, 0), ("comm", comm, 64), ("pid", int, 192), ("__data", none, 256)],
    );
    b.structure(
        "trace_event_raw_sched_process_exec",
        20,
        &[("ent", entry, 0), ("__data_loc_filename", u32, 64), ("pid", int, 96), ("__data", none, 128)],
    );
    let btf: Btf = b.build().expect("types");
    TargetBtf::new("test", Arc::new(btf))
}

fn machine() -> Kernel {
    kernel_with(Config { btf: Some(types()), ..Config::default() })
}

/// Fires a program of a type that returns 0.
fn fire_as(
    kernel: &mut Kernel,
    of: ProgType,
    target: &Target,
    args: Args,
    arch: Arch,
) -> Result<Ran, RunError> {
    let mut load = ProgLoad::new("test", of, asm("r0 = 0\nexit"));
    if let Target::Btf { attach, name, .. } = target {
        load.expected_attach_type = attach.to_u32();
        let (prefix, kind) = match attach {
            AttachType::TraceRawTp => ("btf_trace_", Kind::Typedef),
            AttachType::LsmMac => ("bpf_lsm_", Kind::Func),
            _ => ("", Kind::Func),
        };
        let types = &kernel.btf().expect("types").vmlinux;
        load.attach_btf_id = types.find(kind, &format!("{prefix}{name}")).expect("a type").0;
    }
    let fd = kernel.prog_load(load).expect("a program");
    kernel.fire(fd, Fire { arch, ..Fire::new(target, args) })
}

fn fire(kernel: &mut Kernel, of: ProgType, target: &Target, args: Args) -> Result<Ran, RunError> {
    fire_as(kernel, of, target, args, Arch::X86_64)
}

fn words(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks(8).map(|it| u64::from_le_bytes(it.try_into().expect("eight bytes"))).collect()
}

fn kernel_str(kernel: &Kernel, addr: u64) -> String {
    let mut bytes = [0; 64];
    let len = kernel.memory().peek_str(addr, &mut bytes).expect("a string");
    String::from_utf8_lossy(&bytes[..len - 1]).into_owned()
}

fn user_str(kernel: &Kernel, addr: u64) -> String {
    let mut bytes = [0; 64];
    let len = kernel.user_memory().read_str(addr, &mut bytes).expect("a string");
    String::from_utf8_lossy(&bytes[..len - 1]).into_owned()
}

fn kprobe(func: &str, ret: bool) -> Target {
    Target::Kprobe { func: func.to_owned(), offset: 0, ret }
}

fn btf(attach: AttachType, name: &str) -> Target {
    Target::Btf { attach, name: name.to_owned(), id: 1, module: None }
}

fn refused(of: ProgType, target: &Target, args: Args, expected: Expect) {
    let error = fire(&mut machine(), of, target, args).expect_err("a refusal");
    expected.assert_eq(&error.to_string());
}

/// Registers by the order of `struct pt_regs`: rdi, rsi, rdx, rcx, r8, r9.
const X86_ARGS: [usize; 6] = [14, 13, 12, 11, 9, 8];

#[test]
fn a_probe_finds_arguments_in_registers_by_their_names() {
    let mut kernel = machine();
    let args = args! { dfd: -100, filename: "/etc/passwd" };
    let ran = fire(&mut kernel, ProgType::Kprobe, &kprobe("do_sys_openat2", false), args).unwrap();
    let regs = words(&ran.ctx_out);
    // An int's upper half is zero, and what is not given is.
    assert_eq!((regs[14], regs[12]), (0xffff_ff9c, 0));
    assert_eq!(user_str(&kernel, regs[13]), "/etc/passwd");
}

#[test]
fn a_string_for_a_struct_that_is_a_name_becomes_the_name() {
    let mut kernel = machine();
    let target = kprobe("do_unlinkat", false);
    let ran = fire(&mut kernel, ProgType::Kprobe, &target, args! { name: "/tmp/x" }).unwrap();
    let name = kernel.memory().peek_u64(words(&ran.ctx_out)[13]).unwrap();
    assert_eq!(kernel_str(&kernel, name), "/tmp/x");
}

#[test]
fn arguments_behind_the_sixth_are_on_the_stack() {
    let mut kernel = machine();
    let args: Args = (1..=9).map(|it| (format!("a{it}"), it.into())).collect();
    let ran = fire(&mut kernel, ProgType::Kprobe, &kprobe("nine", false), args.clone()).unwrap();
    let regs = words(&ran.ctx_out);
    assert_eq!(X86_ARGS.map(|it| regs[it]), [1, 2, 3, 4, 5, 6]);
    let on_stack = |at: u64| kernel.memory().peek_u64(regs[19] + at).unwrap();
    assert_eq!([on_stack(8), on_stack(16), on_stack(24)], [7, 8, 9]);

    let ran = fire_as(&mut kernel, ProgType::Kprobe, &kprobe("nine", false), args, Arch::Arm64).unwrap();
    let regs = words(&ran.ctx_out);
    assert_eq!(regs[..9], [1, 2, 3, 4, 5, 6, 7, 8, 0]);
    assert_eq!(kernel.memory().peek_u64(regs[31]).unwrap(), 9);
}

#[test]
fn a_struct_by_value_takes_two_registers() {
    let mut kernel = machine();
    let args = args! { first: 1, pair: { a: 2, b: 3 }, state: "RUNNING", last: 5 };
    let ran = fire(&mut kernel, ProgType::Kprobe, &kprobe("takes_pair", false), args.clone()).unwrap();
    let regs = words(&ran.ctx_out);
    assert_eq!(X86_ARGS.map(|it| regs[it]), [1, 2, 3, 3, 5, 0]);
    let ran =
        fire(&mut kernel, ProgType::Tracing, &btf(AttachType::TraceFentry, "takes_pair"), args).unwrap();
    assert_eq!(words(&ran.ctx_out), [1, 2, 3, 3, 5]);
}

#[test]
fn a_return_shows_the_value_and_no_arguments() {
    let mut kernel = machine();
    let target = kprobe("do_sys_openat2", true);
    let ran = fire(&mut kernel, ProgType::Kprobe, &target, args! { ret: -2, "regs": { rbx: 7 } }).unwrap();
    let regs = words(&ran.ctx_out);
    assert_eq!((regs[10] as i64, regs[5]), (-2, 7));
    refused(
        ProgType::Kprobe,
        &target,
        args! { filename: "x" },
        expect![[
            r#"bad input: kretprobe/do_sys_openat2 has no argument "filename"; it has ret, ip, sp, regs"#
        ]],
    );
}

#[test]
fn what_does_not_exist_or_fit_is_refused_with_what_there_is() {
    let target = kprobe("do_unlinkat", false);
    let check = |args, expected| refused(ProgType::Kprobe, &target, args, expected);
    check(
        args! { flags: 0 },
        expect![[r#"bad input: kprobe/do_unlinkat has no argument "flags"; it has dfd, name, ip, sp, regs"#]],
    );
    check(args! { dfd: 1u64 << 32 }, expect!["bad input: dfd: 4294967296 does not fit into 4 bytes (int)"]);
    check(args! { dfd: "x" }, expect!["bad input: dfd: a string is no value of type int"]);
    check(
        args! { name: { nam: 1 } },
        expect![
            "bad input: name: struct filename: there is no `nam`: struct filename has no such member; did you mean `name`?"
        ],
    );
    check(
        args! { regs: { r99: 1 } },
        expect![
            "bad input: there is no register \"r99\"; there are r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss"
        ],
    );
}

#[test]
fn functions_that_nobody_knows_take_arguments_in_order() {
    let mut kernel = machine();
    let target = Target::Uprobe {
        binary: "libssl.so.3".to_owned(),
        func: "SSL_write".to_owned(),
        offset: 0,
        ret: false,
        multi: false,
    };
    let args = args! { ssl: 0x1000, buf: "GET /", num: 5, arg4: 9 };
    let ran = fire(&mut kernel, ProgType::Kprobe, &target, args).unwrap();
    let regs = words(&ran.ctx_out);
    assert_eq!((regs[14], regs[12], regs[9]), (0x1000, 5, 9));
    assert_eq!(user_str(&kernel, regs[13]), "GET /");
    // User mode.
    assert_eq!(regs[17] & 3, 3);
}

#[test]
fn handlers_of_system_calls_get_the_registers_of_their_caller() {
    let mut kernel = machine();
    let call = Target::Syscall { name: "openat".to_owned(), ret: false };
    let handler = kprobe("__x64_sys_openat", false);
    for target in [&call, &handler] {
        let args = args! { dfd: -100, filename: "/etc/hosts", mode: 0o644 };
        let ran = fire(&mut kernel, ProgType::Kprobe, target, args).unwrap();
        let inner = words(&ran.ctx_out)[14];
        let reg = |at: u64| kernel.memory().peek_u64(inner + at * 8).unwrap();
        // orig_rax, rax, rdi, r10
        assert_eq!([reg(15), reg(10), reg(14), reg(7)], [257, -38i64 as u64, -100i64 as u64, 0o644]);
        assert_eq!(user_str(&kernel, reg(13)), "/etc/hosts");
    }
    let ran = fire_as(&mut kernel, ProgType::Kprobe, &call, args! { dfd: 3 }, Arch::Arm64).unwrap();
    let inner = words(&ran.ctx_out)[0];
    let reg = |at: u64| kernel.memory().peek_u64(inner + at * 8).unwrap();
    // x0, x8, orig_x0
    assert_eq!([reg(0), reg(8), reg(34)], [3, 56, 3]);
    refused(
        ProgType::Kprobe,
        &call,
        args! { filname: "x" },
        expect![[
            r#"bad input: ksyscall/openat has no argument "filname"; it has dfd, filename, flags, mode"#
        ]],
    );
}

#[test]
fn traced_functions_and_hooks_get_words() {
    let mut kernel = machine();
    let entry = btf(AttachType::TraceFentry, "do_unlinkat");
    let ran = fire(&mut kernel, ProgType::Tracing, &entry, args! { dfd: -1 }).unwrap();
    assert_eq!(words(&ran.ctx_out), [0xffff_ffff, 0]);
    let exit = btf(AttachType::TraceFexit, "do_unlinkat");
    let ran = fire(&mut kernel, ProgType::Tracing, &exit, args! { dfd: 4, ret: -13 }).unwrap();
    assert_eq!(words(&ran.ctx_out), [4, 0, 0xffff_fff3]);
    // Nothing is returned, so there is no word for it.
    let exit = btf(AttachType::TraceFexit, "takes_pair");
    let ran = fire(&mut kernel, ProgType::Tracing, &exit, args! {}).unwrap();
    assert_eq!(words(&ran.ctx_out).len(), 5);
    let hook = btf(AttachType::LsmMac, "file_open");
    let ran = fire(&mut kernel, ProgType::Lsm, &hook, args! { file: 0x10, ret: -1 }).unwrap();
    assert_eq!(words(&ran.ctx_out), [0x10, 0xffff_ffff]);
}

#[test]
fn raw_tracepoints_have_the_names_of_the_functions_around_them() {
    let mut kernel = machine();
    let raw = Target::RawTracepoint { name: "sched_switch".to_owned() };
    let ran = fire(&mut kernel, ProgType::RawTracepoint, &raw, args! { prev_pid: 7, preempt: 1 }).unwrap();
    assert_eq!(words(&ran.ctx_out), [1, 7]);
    let typed = btf(AttachType::TraceRawTp, "sys_enter");
    let ran = fire(&mut kernel, ProgType::Tracing, &typed, args! { syscall: "read", fd: 3 }).unwrap();
    let out = words(&ran.ctx_out);
    let reg = |at: u64| kernel.memory().peek_u64(out[0] + at * 8).unwrap();
    assert_eq!((out[1], reg(15), reg(14)), (0, 0, 3));
    refused(
        ProgType::RawTracepoint,
        &raw,
        args! { pid: 7 },
        expect![[r#"bad input: raw_tp/sched_switch has no argument "pid"; it has preempt, prev_pid"#]],
    );
    // Without types: in order, and twelve words in all.
    let mut bare = kernel_with(Config::default());
    let ran = fire(&mut bare, ProgType::RawTracepoint, &raw, args! { preempt: 1, prev: 2 }).unwrap();
    assert_eq!(words(&ran.ctx_out)[..3], [1, 2, 0]);
    let enter = Target::RawTracepoint { name: "sys_enter".to_owned() };
    let ran = fire(&mut bare, ProgType::RawTracepoint, &enter, args! { id: 257 }).unwrap();
    assert_eq!(words(&ran.ctx_out)[1], 257);
}

fn tracepoint(category: &str, name: &str) -> Target {
    Target::Tracepoint { category: category.to_owned(), name: name.to_owned() }
}

#[test]
fn records_have_fields_of_the_class_and_strings_behind_them() {
    let mut kernel = machine();
    let exec = tracepoint("sched", "sched_process_exec");
    let args = args! { filename: "/bin/ls", pid: 42 };
    let ran = fire(&mut kernel, ProgType::Tracepoint, &exec, args).unwrap();
    let out = ran.ctx_out;
    assert_eq!((&out[4..8], &out[12..16]), (&1000u32.to_le_bytes()[..], &[42, 0, 0, 0][..]));
    assert_eq!((&out[8..12], &out[16..]), (&(8u32 << 16 | 16).to_le_bytes()[..], &b"/bin/ls\0"[..]));

    let exit = tracepoint("sched", "sched_process_exit");
    let ran = fire(&mut kernel, ProgType::Tracepoint, &exit, args! { comm: "bash", pid: 7 }).unwrap();
    assert_eq!((&ran.ctx_out[8..13], ran.ctx_out[24]), (&b"bash\0"[..], 7));
    refused(
        ProgType::Tracepoint,
        &exit,
        args! { tgid: 1 },
        expect![[
            r#"bad input: tracepoint/sched/sched_process_exit has no argument "tgid"; it has comm, pid"#
        ]],
    );
    refused(
        ProgType::Tracepoint,
        &tracepoint("x", "y"),
        args! { tgid: 1 },
        expect![
            "bad input: the types do not say what a record of x/y holds (struct trace_event_raw_y): give its format, as tracefs has it in events/x/y/format"
        ],
    );
}

#[test]
fn records_of_system_calls_have_the_arguments_of_the_call() {
    let mut kernel = machine();
    let enter = tracepoint("syscalls", "sys_enter_execve");
    let args = args! { filename: "/bin/ls", argv: ["ls", "-l"] };
    let ran = fire(&mut kernel, ProgType::Tracepoint, &enter, args).unwrap();
    let out = words(&ran.ctx_out);
    assert_eq!((out[1], out.len()), (59, 8));
    assert_eq!(user_str(&kernel, out[2]), "/bin/ls");
    let mut argv = [0; 24];
    kernel.user_memory().read(out[3], &mut argv).unwrap();
    let argv = words(&argv);
    assert_eq!(
        (user_str(&kernel, argv[0]), user_str(&kernel, argv[1]), argv[2]),
        ("ls".into(), "-l".into(), 0)
    );

    let exit = tracepoint("syscalls", "sys_exit_openat");
    let ran = fire(&mut kernel, ProgType::Tracepoint, &exit, args! { ret: -2 }).unwrap();
    assert_eq!(words(&ran.ctx_out)[1..], [257, -2i64 as u64]);
    let all = tracepoint("raw_syscalls", "sys_enter");
    let ran = fire(&mut kernel, ProgType::Tracepoint, &all, args! { id: 1, fd: 2, args: [9] }).unwrap_err();
    expect![[
        r#"bad input: tracepoint/raw_syscalls/sys_enter has no argument "arg0"; it has id, fd, buf, count"#
    ]]
    .assert_eq(&ran.to_string());
    let ran = fire(&mut kernel, ProgType::Tracepoint, &all, args! { id: 1, fd: 2 }).unwrap();
    assert_eq!(words(&ran.ctx_out)[1..3], [1, 2]);
}

#[test]
fn records_may_be_described_by_a_format() {
    let mut kernel = machine();
    let format = "field:unsigned int x[2];\toffset:8;\tsize:8;\tsigned:0;\n\
                  field:__data_loc char[] name;\toffset:16;\tsize:4;\tsigned:1;\n";
    kernel.set_tracepoint_format("my", "event", format).unwrap();
    assert!(kernel.set_tracepoint_format("my", "event", "nothing").is_err());
    let target = tracepoint("my", "event");
    let ran = fire(&mut kernel, ProgType::Tracepoint, &target, args! { x: [1, 2], name: "n" }).unwrap();
    assert_eq!(ran.ctx_out[8..], [1, 0, 0, 0, 2, 0, 0, 0, 20, 0, 2, 0, b'n', 0]);
}
