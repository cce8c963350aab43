//! Programs of every type, fired: contexts with fields, packets, samples, iterators, USDT, bytes.

use crate::support::{asm, kernel_with, map_named};
use expect_test::expect;
use skep_abi::{AttachType, MapType, ProgType, ctx};
use skep_btf::{BtfBuilder, Def, IntEncoding, Linkage, TypeId};
use skep_kernel::{
    Arch, Args, Config, Fd, Fire, Kernel, MapSpec, ProgLoad, Ran, RunError, Target, TargetBtf, args,
};
use std::sync::Arc;

fn types() -> TargetBtf {
    let mut b = BtfBuilder::new();
    let u64 = b.int("u64", 8, IntEncoding::Unsigned);
    let int = b.int("int", 4, IntEncoding::Signed);
    let void_ptr = b.add("", Def::Ptr(TypeId::VOID));
    let task = b.structure("task_struct", 8, &[("pid", int, 0), ("tgid", int, 32)]);
    let task_ptr = b.add("", Def::Ptr(task));
    let meta = b.structure(
        "bpf_iter_meta",
        24,
        &[("seq", void_ptr, 0), ("session_id", u64, 64), ("seq_num", u64, 128)],
    );
    let meta_ptr = b.add("", Def::Ptr(meta));
    let meta_union = b.union("", 8, &[("meta", meta_ptr)]);
    let task_union = b.union("", 8, &[("task", task_ptr)]);
    b.structure("bpf_iter__task", 16, &[("", meta_union, 0), ("", task_union, 64)]);
    let three = [("map", void_ptr, 64), ("key", void_ptr, 128), ("value", void_ptr, 192)];
    b.structure("bpf_iter__bpf_map_elem", 32, &[&[("", meta_union, 0)][..], &three].concat());
    b.func("bpf_iter_task", Linkage::Static, int, &[("meta", meta_ptr), ("task", task_ptr)]);
    b.func("bpf_lsm_file_open", Linkage::Static, int, &[("file", void_ptr)]);
    TargetBtf::new("test", Arc::new(b.build().expect("types")))
}

fn machine() -> Kernel {
    kernel_with(Config { btf: Some(types()), ..Config::default() })
}

fn load(kernel: &mut Kernel, of: ProgType, attach: u32, text: &str) -> Fd {
    let mut load = ProgLoad::new("test", of, asm(text));
    load.expected_attach_type = attach;
    if of == ProgType::Syscall {
        load.flags = skep_abi::flags::BPF_F_SLEEPABLE;
    }
    kernel.prog_load(load).unwrap_or_else(|error| panic!("{error}"))
}

fn fire(kernel: &mut Kernel, of: ProgType, attach: u32, text: &str, args: Args) -> Result<Ran, RunError> {
    let fd = load(kernel, of, attach, text);
    kernel.fire(fd, Fire::new(&Target::Unsaid, args))
}

/// The attach type that a program type has to be loaded with.
fn attach_of(of: ProgType) -> u32 {
    let attach = match of {
        ProgType::CgroupSockAddr => AttachType::CgroupInet4Connect,
        ProgType::CgroupSkb => AttachType::CgroupInetIngress,
        ProgType::CgroupSock => AttachType::CgroupInetSockCreate,
        ProgType::CgroupSockopt => AttachType::CgroupSetsockopt,
        ProgType::SkLookup => AttachType::SkLookup,
        ProgType::SkReuseport => AttachType::SkReuseportSelect,
        ProgType::Netfilter => AttachType::Netfilter,
        _ => return 0,
    };
    attach.to_u32()
}

#[test]
fn every_type_runs_with_nothing_given() {
    for of in ProgType::ALL {
        // Without types nobody can say what these are attached to.
        let mut kernel = kernel_with(Config::default());
        let ran = fire(&mut kernel, *of, attach_of(*of), "r0 = 1\nexit", args! {});
        let ran = ran.unwrap_or_else(|error| panic!("{of}: {error}"));
        assert_eq!(ran.r0, 1, "{of}");
    }
}

#[test]
fn every_field_that_may_be_read_can_be_given_and_read() {
    for of in ProgType::ALL {
        let Some(context) = ctx::context(*of, AttachType::from_u32(attach_of(*of))) else { continue };
        let words = ["pt_regs", "bpf_perf_event_data", "bpf_raw_tracepoint_args"];
        if words.contains(&context.layout.name) {
            continue;
        }
        for field in context.layout.fields {
            let place = [
                "data",
                "data_end",
                "data_meta",
                "optval",
                "optval_end",
                "skb_data",
                "skb_data_end",
                "flow_keys",
            ];
            // What the packet says of itself, and the first of a union that the second one hides.
            let own = ["len", "wire_len", "args", "replylong", "cookie"];
            if context.access(field) == ctx::Access::None
                || place.contains(&field.name)
                || own.contains(&field.name)
            {
                continue;
            }
            let size = ["u8", "u16", "u32", "u64"][field.width.trailing_zeros() as usize];
            let text = format!("r0 = *({size} *)(r1 + {})\nexit", field.offset);
            let args = Args::new().with(field.name, 0x5a);
            let ran = fire(&mut machine(), *of, attach_of(*of), &text, args);
            let ran = ran.unwrap_or_else(|error| panic!("{of} {}: {error}", field.name));
            assert_eq!(ran.r0, 0x5a, "{of} {}", field.name);
        }
    }
}

#[test]
fn addresses_are_text_and_families_are_those_of_the_hook() {
    let mut kernel = machine();
    let (of, attach) = (ProgType::CgroupSockAddr, AttachType::CgroupInet4Connect.to_u32());
    // user_ip4, then the family and the type of the socket behind sk.
    let text = "r2 = *(u32 *)(r1 + 4)\nr3 = *(u64 *)(r1 + 64)\nr4 = *(u32 *)(r3 + 4)\nr4 <<= 32\nr0 = r2\nr0 |= r4\n*(u32 *)(r1 + 4) = 16777343\nexit";
    let ran = fire(&mut kernel, of, attach, text, args! { user_ip4: "10.0.0.1", user_port: 443u16.to_be() })
        .unwrap();
    assert_eq!(ran.r0, 2 << 32 | u64::from(u32::from_le_bytes([10, 0, 0, 1])));
    assert_eq!(ran.ctx_out[4..8], [127, 0, 0, 1]);
    assert_eq!(ran.verdict(), Some("deny"));
    let error = fire(&mut kernel, of, attach, text, args! { user_ip: "10.0.0.1" }).unwrap_err();
    expect![[r#"bad input: struct bpf_sock_addr has no argument "user_ip"; it has user_family, user_ip4, user_ip6, user_port, family, type, protocol, msg_src_ip4, msg_src_ip6, sk"#]]
        .assert_eq(&error.to_string());
    let error = fire(&mut kernel, of, attach, text, args! { user_ip4: "10.0.0" }).unwrap_err();
    expect![[r#"bad input: user_ip4: "10.0.0" is no number and no address of 4 bytes"#]]
        .assert_eq(&error.to_string());
}

#[test]
fn data_behind_a_context_is_read_written_and_shown() {
    let mut kernel = machine();
    // The first byte of a message is made an X; SK_PASS.
    let text = "r2 = *(u64 *)(r1 + 0)\n*(u8 *)(r2 + 0) = 88\nr3 = *(u64 *)(r1 + 8)\nr3 -= r2\nr4 = *(u32 *)(r1 + 68)\nr0 = 1\nif r3 == r4 goto +1\nr0 = 0\nexit";
    let ran =
        fire(&mut kernel, ProgType::SkMsg, 0, text, args! { data: "hello", remote_ip4: "1.2.3.4" }).unwrap();
    assert_eq!((ran.packet_out.as_deref(), ran.verdict()), (Some(&b"Xello"[..]), Some("SK_PASS")));
    // An option's value, and behind its end there is nothing.
    let text = "r2 = *(u64 *)(r1 + 8)\nr0 = *(u8 *)(r2 + 4)\nexit";
    let (of, attach) = (ProgType::CgroupSockopt, AttachType::CgroupSetsockopt.to_u32());
    let ran = fire(&mut kernel, of, attach, text, args! { optval: b"abcde", level: 1 }).unwrap();
    assert_eq!((ran.r0, &ran.ctx_out[32..36]), (u64::from(b'e'), &[5, 0, 0, 0][..]));
    assert!(fire(&mut kernel, of, attach, text, args! { optval: b"abcd" }).is_err());
}

#[test]
fn packets_are_seen_from_where_their_program_sees_them() {
    let mut kernel = machine();
    let first = "r2 = *(u32 *)(r1 + 76)\nr0 = *(u8 *)(r2 + 0)\nexit";
    let mut data = vec![0u8; 64];
    (data[0], data[14]) = (1, 2);
    for (of, expected) in [
        (ProgType::SchedCls, 1),
        (ProgType::CgroupSkb, 2),
        (ProgType::LwtXmit, 2),
        (ProgType::SkSkb, 1),
        (ProgType::FlowDissector, 1),
    ] {
        let ran = fire(&mut kernel, of, attach_of(of), first, args! { data: data.clone() }).unwrap();
        assert_eq!(ran.r0, expected, "{of}");
    }
    // A payload may be as short as it likes.
    let ran = fire(&mut kernel, ProgType::SkSkb, 0, first, args! { data: "x" }).unwrap();
    assert_eq!(ran.r0, u64::from(b'x'));
    let marked = fire(&mut kernel, ProgType::SchedCls, 0, "r0 = *(u32 *)(r1 + 8)\nexit", args! { mark: 9 });
    assert_eq!(marked.unwrap().r0, 9);
}

#[test]
fn a_flow_dissector_fills_its_keys() {
    let mut kernel = machine();
    // nhoff is 14 already; thoff is set.
    let text =
        "r2 = *(u64 *)(r1 + 144)\nr3 = *(u16 *)(r2 + 0)\nr3 += 20\n*(u16 *)(r2 + 2) = r3\nr0 = 0\nexit";
    let mut data = vec![0u8; 64];
    data[12..14].copy_from_slice(&[8, 0]);
    let ran = fire(&mut kernel, ProgType::FlowDissector, 0, text, args! { data: data }).unwrap();
    let keys = ran.packet_out.unwrap();
    assert_eq!((keys.len(), &keys[..4], &keys[10..12]), (56, &[14, 0, 34, 0][..], &[8, 0][..]));
}

#[test]
fn a_sample_has_registers_period_and_address() {
    let mut kernel = machine();
    let text = "r0 = *(u64 *)(r1 + 168)\nr2 = *(u64 *)(r1 + 128)\nr0 += r2\nexit";
    let args = args! { sample_period: 1000, ip: 0xffff_ffff_8100_0000u64, regs: { rbp: 3 } };
    let ran = fire(&mut kernel, ProgType::PerfEvent, 0, text, args).unwrap();
    assert_eq!((ran.r0, ran.ctx_out[32]), (0xffff_ffff_8100_03e8, 3));
    // Kernel mode, for that is where the address is.
    assert_eq!(ran.ctx_out[136] & 3, 0);
    let fd = load(&mut kernel, ProgType::PerfEvent, 0, "r0 = *(u64 *)(r1 + 272)\nexit");
    let fire = Fire { arch: Arch::Arm64, ..Fire::new(&Target::Unsaid, args! { sample_period: 7 }) };
    assert_eq!(kernel.fire(fd, fire).unwrap().r0, 7);
}

#[test]
fn an_argument_of_a_syscall_program_comes_back() {
    let mut kernel = machine();
    let text = "r0 = *(u32 *)(r1 + 0)\n*(u32 *)(r1 + 4) = 7\nexit";
    let fd = load(&mut kernel, ProgType::Syscall, 0, text);
    let mut b = BtfBuilder::new();
    let int = b.int("int", 4, IntEncoding::Signed);
    let own = b.structure("args", 8, &[("in", int, 0), ("out", int, 32)]);
    let own_types = b.build().unwrap();
    let fire = Fire { own: Some((&own_types, own)), ..Fire::new(&Target::Unsaid, args! { in: 5 }) };
    let ran = kernel.fire(fd, fire).unwrap();
    assert_eq!((ran.r0, &ran.ctx_out[..]), (5, &[5, 0, 0, 0, 7, 0, 0, 0][..]));
    let ran = kernel.fire(fd, Fire::new(&Target::Unsaid, args! { ctx: b"\x09\0\0\0\0\0\0\0" })).unwrap();
    assert_eq!(ran.r0, 9);
}

fn by_id(
    kernel: &mut Kernel,
    attach: AttachType,
    name: &str,
    text: &str,
    args: Args,
) -> Result<Ran, RunError> {
    let kind = if attach == AttachType::TraceIter { "bpf_iter_" } else { "bpf_lsm_" };
    let btf = &kernel.btf().expect("types").vmlinux;
    let id = btf.find(skep_btf::Kind::Func, &format!("{kind}{name}")).expect("a function").0;
    let of = if attach == AttachType::TraceIter { ProgType::Tracing } else { ProgType::Lsm };
    let mut load = ProgLoad::new("test", of, asm(text));
    (load.expected_attach_type, load.attach_btf_id) = (attach.to_u32(), id);
    let fd = kernel.prog_load(load).expect("a program");
    let target = Target::Btf { attach, name: name.to_owned(), id, module: None };
    kernel.fire(fd, Fire::new(&target, args))
}

#[test]
fn an_iterator_runs_for_each_object_and_once_more() {
    let mut kernel = machine();
    let tasks = [41, 42].map(|pid| kernel.object("task_struct").unwrap().set("pid", pid).unwrap().addr());
    let seen = map_named(&mut kernel, "seen", MapSpec::new(MapType::Array, 4, 8, 4));
    // seen[meta->seq_num] = task ? task->pid : 99
    let text = format!(
        "r6 = *(u64 *)(r1 + 8)
         r7 = *(u64 *)(r1 + 0)
         r7 = *(u64 *)(r7 + 16)
         *(u32 *)(r10 - 4) = r7
         r1 = map[fd:{seen}] ll
         r2 = r10
         r2 += -4
         call 1
         if r0 == 0 goto out
         r1 = 99
         if r6 == 0 goto put
         r1 = *(u32 *)(r6 + 0)
         put:
         *(u64 *)(r0 + 0) = r1
         out:
         r0 = 0
         exit"
    );
    let args = args! { task: tasks.map(skep_kernel::FieldValue::Addr).to_vec() };
    let ran = by_id(&mut kernel, AttachType::TraceIter, "task", &text, args).unwrap();
    let value = |index: u8| kernel.map_lookup_elem(seen, &[index, 0, 0, 0]).unwrap()[0];
    assert_eq!([value(0), value(1), value(2), value(3)], [41, 42, 99, 0]);
    assert_eq!(ran.output.as_deref(), Some(&b""[..]));
    // Again and again would never end.
    let ran =
        by_id(&mut kernel, AttachType::TraceIter, "task", "r0 = 1\nexit", args! { task: tasks[0] }).unwrap();
    assert_eq!((ran.r0, ran.notes.len()), (1, 0));
    let error =
        by_id(&mut kernel, AttachType::TraceIter, "task", "r0 = 0\nexit", args! { tsk: 0 }).unwrap_err();
    expect![[r#"bad input: iter/task has no argument "tsk"; it has task"#]].assert_eq(&error.to_string());
}

#[test]
fn an_iterator_over_a_map_sees_keys_and_may_change_values() {
    let mut kernel = machine();
    let map = map_named(&mut kernel, "counts", MapSpec::new(MapType::Hash, 4, 8, 4));
    for key in [1u8, 2] {
        kernel.map_update_elem(map, &[key, 0, 0, 0], &[key + 10, 0, 0, 0, 0, 0, 0, 0], 0).unwrap();
    }
    let text = "r2 = *(u64 *)(r1 + 24)\nif r2 == 0 goto out\nr3 = *(u64 *)(r1 + 16)\nr3 = *(u32 *)(r3 + 0)\n*(u64 *)(r2 + 0) = r3\nout:\nr0 = 0\nexit";
    let target =
        Target::Btf { attach: AttachType::TraceIter, name: "bpf_map_elem".to_owned(), id: 1, module: None };
    let mut bare = ProgLoad::new("test", ProgType::Tracing, asm(text));
    bare.expected_attach_type = AttachType::TraceIter.to_u32();
    let id = kernel.btf().unwrap().vmlinux.find(skep_btf::Kind::Func, "bpf_iter_task").unwrap();
    bare.attach_btf_id = id.0;
    let fd = kernel.prog_load(bare).unwrap();
    kernel.fire(fd, Fire::new(&target, args! { map: "counts" })).unwrap();
    assert_eq!(kernel.map_lookup_elem(map, &[2, 0, 0, 0]).unwrap(), [2, 0, 0, 0, 0, 0, 0, 0]);
    let error = kernel.fire(fd, Fire::new(&target, args! { map: "none" })).unwrap_err();
    expect![[r#"bad input: there is no map "none""#]].assert_eq(&error.to_string());
}

#[test]
fn what_a_hook_may_not_return_is_a_note() {
    let mut kernel = machine();
    let args = || args! { file: 0 };
    let ran = by_id(&mut kernel, AttachType::LsmMac, "file_open", "r0 = -13\nexit", args()).unwrap();
    assert_eq!((ran.verdict(), ran.notes.len()), (Some("EACCES"), 0));
    let ran = by_id(&mut kernel, AttachType::LsmMac, "file_open", "r0 = 1\nexit", args()).unwrap();
    expect!["1 was returned; the kernel lets a program of bpf_lsm_file_open return -4095 to 0"]
        .assert_eq(&ran.notes[0].message);
    let ran = by_id(&mut kernel, AttachType::LsmCgroup, "file_open", "r0 = 0\nexit", args()).unwrap();
    assert_eq!((ran.verdict(), ran.notes.len()), (Some("deny"), 0));
}

#[test]
fn arguments_of_a_usdt_probe_are_found_through_the_maps() {
    // A value of the map in both of libbpf's forms: where a register's offset is.
    for (arg_size, reg_off) in [(16u32, 12), (24, 14)] {
        let mut kernel = machine();
        let spec = MapSpec::new(MapType::Array, 4, arg_size * 12 + 16, 4);
        let specs = map_named(&mut kernel, "__bpf_usdt_specs", spec);
        let text = format!("r1 = map[fd:{specs}] ll\nr0 = 0\nexit");
        let fd = load(&mut kernel, ProgType::Kprobe, 0, &text);
        let target = Target::Usdt { binary: "x".to_owned(), provider: "p".to_owned(), name: "n".to_owned() };
        let args: Args = (0..9).map(|it| (format!("a{it}"), (100 + it).into())).collect();
        let ran = kernel.fire(fd, Fire::new(&target, args)).unwrap();
        let spec = kernel.map_lookup_elem(specs, &[0; 4]).unwrap();
        let end = arg_size as usize * 12;
        assert_eq!(spec[end + 8], 9);
        // As bpf_usdt_arg does it.
        let arg = |index: usize| {
            let at = &spec[index * arg_size as usize..];
            let reg = u16::from_le_bytes([at[reg_off], at[reg_off + 1]]) as usize;
            let value = u64::from_le_bytes(ran.ctx_out[reg..reg + 8].try_into().unwrap());
            if at[8] == 1 {
                return value;
            }
            let mut word = [0; 8];
            kernel.user_memory().read(value + u64::from(at[0]), &mut word).unwrap();
            u64::from_le_bytes(word)
        };
        assert_eq!((0..9).map(arg).collect::<Vec<_>>(), (100..109).collect::<Vec<u64>>());
    }
}

#[test]
fn what_a_program_is_attached_to_is_checked() {
    let mut kernel = machine();
    let mut refuse = |of: ProgType, attach: AttachType, id: u32, license: &str| {
        let mut load = ProgLoad::new("test", of, asm("r0 = 0\nexit"));
        (load.expected_attach_type, load.attach_btf_id) = (attach.to_u32(), id);
        load.license = license.to_owned();
        kernel.prog_load(load).map_or_else(|error| error.to_string(), |_| "loaded".to_owned())
    };
    let tracing = ProgType::Tracing;
    assert_eq!(
        refuse(tracing, AttachType::TraceFentry, 0, "GPL"),
        "rejected: Tracing programs must provide btf_id (EINVAL)"
    );
    assert_eq!(
        refuse(tracing, AttachType::TraceFentry, 9999, "GPL"),
        "rejected: attach_btf_id 9999 is invalid (EINVAL)"
    );
    assert_eq!(
        refuse(tracing, AttachType::TraceFentry, 1, "GPL"),
        "rejected: attach_btf_id 1 is not a function (EINVAL)"
    );
    assert_eq!(
        refuse(tracing, AttachType::TraceRawTp, 1, "GPL"),
        "rejected: attach_btf_id 1 is not a typedef (EINVAL)"
    );
    let id = types().vmlinux.find(skep_btf::Kind::Func, "bpf_lsm_file_open").unwrap().0;
    assert_eq!(
        refuse(ProgType::Lsm, AttachType::LsmMac, id, "MIT"),
        "rejected: LSM programs must have a GPL compatible license (EINVAL)"
    );
    assert_eq!(refuse(ProgType::Lsm, AttachType::LsmMac, id, "GPL"), "loaded");
    assert!(refuse(ProgType::Kprobe, AttachType::TraceFentry, id, "GPL").contains("not attached by BTF id"));
}

#[test]
fn an_ext_program_runs_in_place_of_a_function() {
    let mut kernel = machine();
    let funcs = |names: &[(usize, &str)]| {
        names
            .iter()
            .map(|(slot, name)| skep_kernel::FuncInfo { slot: *slot, name: (*name).into(), type_id: 0 })
            .collect()
    };
    // main returns twice what helper does.
    let mut load = ProgLoad::new(
        "main",
        ProgType::SocketFilter,
        asm("call helper\nr0 <<= 1\nexit\nhelper:\nr0 = 1\nexit"),
    );
    load.funcs = funcs(&[(0, "main"), (3, "helper")]);
    let target = kernel.prog_load(load).unwrap();
    let ext = |kernel: &mut Kernel, func: &str, text: &str| {
        let mut load = ProgLoad::new("ext", ProgType::Ext, asm(text));
        (load.attach_prog, load.attach_func) = (Some(target), Some(func.to_owned()));
        load.funcs = funcs(&[(0, "ext")]);
        kernel.prog_load(load)
    };
    let run = |kernel: &mut Kernel| kernel.run(target, skep_kernel::Run::default()).map(|it| it.r0);
    assert_eq!(run(&mut kernel), Ok(2));
    let fd = ext(&mut kernel, "helper", "r0 = 21\nexit").unwrap();
    assert_eq!(run(&mut kernel), Ok(2));
    kernel.attach_ext(fd).unwrap();
    assert_eq!(run(&mut kernel), Ok(42));
    assert_eq!(kernel.attach_ext(fd), Err(skep_abi::Errno::EBUSY));
    kernel.detach_ext(fd).unwrap();
    assert_eq!((run(&mut kernel), kernel.detach_ext(fd)), (Ok(2), Err(skep_abi::Errno::ENOENT)));
    // A fault is in the function that replaced the other; the whole of a program can be replaced too.
    let bad = ext(&mut kernel, "helper", "r0 = 0\nr0 = *(u8 *)(r0 + 0)\nexit").unwrap();
    kernel.attach_ext(bad).unwrap();
    let report = kernel.run(target, skep_kernel::Run::default()).unwrap_err();
    assert_eq!(report.report().unwrap().function.as_deref(), Some("ext"));
    kernel.detach_ext(bad).unwrap();
    let all = ext(&mut kernel, "main", "r0 = 7\nexit").unwrap();
    kernel.attach_ext(all).unwrap();
    assert_eq!(run(&mut kernel), Ok(7));
    let error = ext(&mut kernel, "none", "r0 = 0\nexit").unwrap_err();
    expect!["rejected: Subprog none doesn't exist (EINVAL)"].assert_eq(&error.to_string());
    let mut chain = ProgLoad::new("x", ProgType::Ext, asm("r0 = 0\nexit"));
    (chain.attach_prog, chain.attach_func) = (Some(fd), Some("ext".to_owned()));
    expect!["rejected: Cannot recursively attach (EINVAL)"]
        .assert_eq(&kernel.prog_load(chain).unwrap_err().to_string());
}
