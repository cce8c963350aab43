//! What `BPF_PROG_LOAD` refuses before a verifier looks, and how.

use crate::support::{asm, kernel, value_map};
use expect_test::{Expect, expect};
use skep_abi::flags::{BPF_F_SLEEPABLE, BPF_F_STRICT_ALIGNMENT};
use skep_abi::{AttachType, Errno, MapType, ProgType};
use skep_btf::{BtfBuilder, IntEncoding};
use skep_isa::Insn;
use skep_kernel::{
    Class, Config, Kernel, LineInfo, MapSpec, ProgLoad, ProgView, Rejection, Run, TargetBtf, Verdict, Verify,
    emulated_helpers,
};
use skep_maps::{SpecialField, SpecialKind};
use std::sync::Arc;

fn raw_tp(insns: Vec<Insn>) -> ProgLoad {
    ProgLoad::new("test", ProgType::RawTracepoint, insns)
}

/// What a kernel says of a program.
fn check(kernel: &mut Kernel, load: ProgLoad, expected: Expect) {
    match kernel.prog_load(load) {
        Ok(_) => expected.assert_eq("loaded"),
        Err(error) => expected.assert_eq(&error.to_string()),
    }
}

fn refused(load: ProgLoad, expected: Expect) {
    check(&mut kernel(), load, expected);
}

#[test]
fn size() {
    refused(raw_tp(vec![]), expect!["rejected: a program has 1 to 1000000 instructions, not 0 (E2BIG)"]);
    let mov = asm("r0 = 0")[0];
    let mut insns = vec![mov; 1_000_000];
    insns.extend(asm("exit"));
    refused(
        raw_tp(insns.clone()),
        expect!["rejected: a program has 1 to 1000000 instructions, not 1000001 (E2BIG)"],
    );
    insns.remove(0);
    refused(raw_tp(insns), expect!["loaded"]);
}

#[test]
fn flags_and_attach_types() {
    let exit = || asm("r0 = 0\nexit");
    let with = |prog_type, attach, flags| ProgLoad {
        expected_attach_type: attach,
        flags,
        ..ProgLoad::new("test", prog_type, exit())
    };
    refused(with(ProgType::Xdp, 0, 1 << 31), expect!["rejected: unknown program flags 0x80000000 (EINVAL)"]);
    refused(with(ProgType::Xdp, 0, BPF_F_STRICT_ALIGNMENT), expect!["loaded"]);
    refused(with(ProgType::Xdp, 12345, 0), expect!["loaded"]);
    refused(
        with(ProgType::SkLookup, 0, 0),
        expect!["rejected: sk_lookup programs have no attach type cgroup_inet_ingress (EINVAL)"],
    );
    refused(
        with(ProgType::CgroupSkb, 999, 0),
        expect!["rejected: cgroup_skb programs have no attach type 999 (EINVAL)"],
    );
    refused(with(ProgType::CgroupSkb, 1, 0), expect!["loaded"]);
    refused(
        with(ProgType::Syscall, 1, 0),
        expect!["rejected: syscall programs have no attach type cgroup_inet_egress (EINVAL)"],
    );
    // Types that had no attach type once.
    let mut kernel = kernel();
    let sock = kernel.prog_load(with(ProgType::CgroupSock, 0, 0)).unwrap();
    let attach = kernel.prog_info(sock).unwrap().expected_attach_type;
    assert_eq!(attach, AttachType::CgroupInetSockCreate.to_u32());
}

#[test]
fn wide_loads_of_maps() {
    let mut kernel = kernel();
    let array = value_map(&mut kernel, 8);
    let many = kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 2)).unwrap();
    let hash = kernel.map_create(&MapSpec::new(MapType::Hash, 4, 8, 2)).unwrap();
    let prog = kernel.prog_load(raw_tp(asm("r0 = 0\nexit"))).unwrap();
    let mut of = |value: &str, expected: Expect| {
        check(&mut kernel, raw_tp(asm(&format!("r0 = 0\nr1 = {value} ll\nexit"))), expected);
    };
    of(&format!("map[fd:{array}]"), expect!["loaded"]);
    of(&format!("map[fd:{array}][0]+7"), expect!["loaded"]);
    of(
        "map[fd:99]",
        expect![[r#"
            rejected: fd 99 is not pointing to valid bpf_map (EBADF)
              at instruction 1"#]],
    );
    of(
        &format!("map[fd:{prog}]"),
        expect![[r#"
            rejected: fd 6 is not pointing to valid bpf_map (EINVAL)
              at instruction 1"#]],
    );
    of(
        &format!("map[fd:{array}][0]+8"),
        expect![[r#"
            rejected: invalid access to map value pointer, value_size=8 off=8 (EINVAL)
              at instruction 1"#]],
    );
    of(
        &format!("map[fd:{many}][0]+0"),
        expect![[r#"
            rejected: invalid access to map value pointer, value_size=8 off=0 (ENOTSUPP)
              at instruction 1"#]],
    );
    of(
        &format!("map[fd:{hash}][0]+0"),
        expect![[r#"
            rejected: no direct value access support for this map type (EINVAL)
              at instruction 1"#]],
    );
    of(
        &format!("map[fd:{array}][0]+{}", 1 << 29),
        expect![[r#"
            rejected: direct value offset of 536870912 is not allowed (EINVAL)
              at instruction 1"#]],
    );
    of(
        "map[idx:0]",
        expect![[r#"
            rejected: fd_idx without fd_array is invalid (EPROTO)
              at instruction 1"#]],
    );
    of(
        "btf[id:5,fd:0]",
        expect![[r#"
            rejected: kernel is missing BTF, make sure CONFIG_DEBUG_INFO_BTF=y is specified in Kconfig. (EINVAL)
              at instruction 1"#]],
    );
}

#[test]
fn maps_by_index() {
    let mut kernel = kernel();
    let array = value_map(&mut kernel, 8);
    let with = |text: &str| ProgLoad { fd_array: vec![0, array.0], ..raw_tp(asm(text)) };
    let prog = kernel.prog_load(with("r1 = map[idx:1][0]+4 ll\n*(u32 *)(r1 + 0) = 9\nr0 = 0\nexit")).unwrap();
    kernel.run(prog, Run::default()).unwrap();
    assert_eq!(crate::support::value(&kernel, array), [0, 0, 0, 0, 9, 0, 0, 0]);
    check(
        &mut kernel,
        with("r0 = 0\nr1 = map[idx:2] ll\nexit"),
        expect![[r#"
            rejected: fd_array has no index 2 (EFAULT)
              at instruction 1"#]],
    );
}

#[test]
fn the_sixty_fifth_map() {
    let mut kernel = kernel();
    let maps: Vec<_> = (0..65).map(|_| value_map(&mut kernel, 8)).collect();
    let text = |count: usize| {
        let loads: String = maps[..count].iter().map(|fd| format!("r1 = map[fd:{fd}] ll\n")).collect();
        // The same maps once more count once.
        format!("r0 = 0\n{loads}{loads}exit")
    };
    check(&mut kernel, raw_tp(asm(&text(64))), expect!["loaded"]);
    check(
        &mut kernel,
        raw_tp(asm(&text(65))),
        expect![[r#"
            rejected: The total number of maps per program has reached the limit of 64 (E2BIG)
              at instruction 129"#]],
    );
}

#[test]
fn maps_that_a_program_type_may_not_use() {
    let mut kernel = kernel();
    let mut locked = MapSpec::new(MapType::Array, 4, 8, 1);
    locked.special.push(SpecialField { kind: SpecialKind::SpinLock, offset: 0 });
    let locked = kernel.map_create(&locked).unwrap();
    let events = kernel.map_create(&MapSpec::new(MapType::PerfEventArray, 4, 4, 1)).unwrap();
    let mut of = |prog_type, flags, map, expected: Expect| {
        let load = ProgLoad::new("test", prog_type, asm(&format!("r0 = 0\nr1 = map[fd:{map}] ll\nexit")));
        let attach = match prog_type {
            ProgType::Tracing => AttachType::TraceFentry.to_u32(),
            _ => 0,
        };
        check(&mut kernel, ProgLoad { flags, expected_attach_type: attach, ..load }, expected);
    };
    of(ProgType::Xdp, 0, locked, expect!["loaded"]);
    of(
        ProgType::SocketFilter,
        0,
        locked,
        expect![[r#"
            rejected: socket filter progs cannot use bpf_spin_lock yet (EINVAL)
              at instruction 1"#]],
    );
    of(
        ProgType::Kprobe,
        0,
        locked,
        expect![[r#"
            rejected: tracing progs cannot use bpf_spin_lock yet (EINVAL)
              at instruction 1"#]],
    );
    of(
        ProgType::Lsm,
        BPF_F_SLEEPABLE,
        events,
        expect![[r#"
            rejected: Sleepable programs can only use array, hash, ringbuf and local storage maps (EINVAL)
              at instruction 1"#]],
    );
}

#[test]
fn instructions_that_are_none() {
    refused(
        raw_tp(vec![Insn::new(0x18, 0, 0, 0, 0)]),
        expect![[r#"
            rejected: invalid bpf_ld_imm64 insn (EINVAL)
              at instruction 0"#]],
    );
    refused(
        raw_tp(asm("r0 = 0\n.hex ff 00 00 00 00 00 00 00\nexit")),
        expect![[r#"
            rejected: unknown opcode ff (EINVAL)
              at instruction 1"#]],
    );
    refused(
        raw_tp(asm("r0 = 0\ngoto +5\nexit")),
        expect![[r#"
            rejected: insn 1: jump to slot 7, where no instruction of the program starts (EINVAL)
              at instruction 1"#]],
    );
}

#[test]
fn a_refusal_names_the_line_of_c() {
    let line = |slot, line, text: &str| LineInfo {
        slot,
        file: "a.bpf.c".into(),
        line,
        column: 5,
        text: text.into(),
    };
    let load = ProgLoad {
        lines: vec![line(0, 3, "int x = 0;"), line(1, 4, "    lookup(&map);")],
        ..raw_tp(asm("r0 = 0\nr1 = map[fd:9] ll\nexit"))
    };
    refused(
        load,
        expect![[r#"
            rejected: fd 9 is not pointing to valid bpf_map (EBADF)
              at instruction 1
              at a.bpf.c:4:5: lookup(&map);"#]],
    );
}

#[test]
fn licenses() {
    let mut kernel = kernel();
    for (license, gpl) in
        [("GPL", true), ("Dual BSD/GPL", true), ("GPL v2", true), ("MIT", false), ("gpl", false), ("", false)]
    {
        let load = ProgLoad { license: license.to_owned(), ..raw_tp(asm("r0 = 0\nexit")) };
        let prog = kernel.prog_load(load).unwrap();
        assert_eq!(kernel.prog_info(prog).unwrap().gpl_compatible, gpl, "{license:?}");
    }
}

#[test]
fn what_is_not_emulated_is_a_warning() {
    let mut kernel = kernel();
    let insns = asm("r0 = 0\nif r0 == 0 goto out\ncall 999\n.hex 85 20 00 00 07 00 00 00\nout:\nexit");
    let prog = kernel.prog_load(raw_tp(insns)).unwrap();
    expect![[r#"
        instruction 2: there is no helper 999
        instruction 3: the kernel function with BTF id 7 is not emulated"#]]
    .assert_eq(&kernel.prog_info(prog).unwrap().warnings.join("\n"));
    assert_eq!(kernel.run(prog, Run::default()).unwrap().r0, 0, "it is not executed");
}

/// The helpers that the first issue asks for.
#[test]
fn helpers_that_there_are() {
    assert_eq!(emulated_helpers().count(), skep_abi::helpers::HELPERS.len());
    let names: Vec<_> = emulated_helpers().map(|it| it.name).collect();
    for name in [
        "map_lookup_elem",
        "map_update_elem",
        "map_delete_elem",
        "probe_read",
        "probe_read_kernel",
        "probe_read_user",
        "probe_read_kernel_str",
        "probe_read_user_str",
        "ktime_get_ns",
        "get_prandom_u32",
        "get_smp_processor_id",
        "get_current_pid_tgid",
        "get_current_uid_gid",
        "get_current_comm",
        "trace_printk",
        "tail_call",
        "loop",
        "perf_event_output",
        "ringbuf_reserve",
        "ringbuf_submit",
        "ringbuf_discard",
        "ringbuf_output",
        "ringbuf_query",
        "xdp_adjust_head",
        "redirect",
    ] {
        assert!(names.contains(&name), "{name}");
    }
}

/// Says what it sees of a program's maps and modules in its log.
struct Viewer;

impl Verify for Viewer {
    fn verify(&self, prog: &ProgView<'_>) -> Verdict {
        let uses: Vec<_> = prog.map_uses.iter().map(|it| (it.0, prog.map_at(it.0).unwrap().id)).collect();
        let ids: Vec<_> = prog.maps.iter().map(|it| (it.slot, it.id, it.constant.clone())).collect();
        assert_eq!((prog.map_at(1).is_none(), prog.func_at(0).is_none()), (true, true));
        let module = prog.kfunc_types(1).map(|it| it.end_id());
        Verdict::Accepted {
            log: format!("{uses:?} {ids:?} {module:?} {:?}", prog.kfunc_types(2).is_none()),
            facts: Default::default(),
        }
    }
}

#[test]
fn a_verifier_sees_maps_and_modules() {
    let mut btf = BtfBuilder::new();
    btf.int("int", 4, IntEncoding::Signed);
    let base = Arc::new(btf.build().unwrap());
    let mut module = BtfBuilder::on(Arc::clone(&base));
    module.int("long", 8, IntEncoding::Signed);
    let mut target = TargetBtf::new("test", base);
    target.modules.push(("mod".into(), Arc::new(module.build().unwrap())));
    let mut kernel = Kernel::new(Config { btf: Some(target), ..Config::default() }).unwrap();
    kernel.set_verifier(Box::new(Viewer));
    let flags = skep_abi::flags::BPF_F_RDONLY_PROG;
    let constant = kernel.map_create(&MapSpec::new(MapType::Array, 4, 4, 1).with_flags(flags)).unwrap();
    kernel.map_update_elem(constant, &[0; 4], &[1, 2, 3, 4], 0).unwrap();
    kernel.map_freeze(constant).unwrap();
    let plain = kernel.map_create(&MapSpec::new(MapType::Array, 4, 4, 1)).unwrap();
    let module = kernel.module_fd("mod").unwrap();
    assert_eq!(kernel.module_fd("other"), Err(Errno::ENOENT));
    let wide = |fd: i32| [Insn::new(0x18, 1, 1, 0, fd), Insn::default()];
    let code = [wide(plain.0), wide(constant.0), wide(plain.0)].concat();
    let insns = [code, asm("r0 = 0\nexit")].concat();
    let load = ProgLoad { fd_array: vec![plain.0, module.0], ..raw_tp(insns) };
    let prog = kernel.prog_load(load).unwrap();
    let Verdict::Accepted { log, .. } = &kernel.prog_info(prog).unwrap().verdict else {
        panic!("not accepted")
    };
    assert_eq!(log, "[(0, 2), (2, 1), (4, 2)] [(0, 2, None), (2, 1, Some([1, 2, 3, 4]))] Some(3) true");
    kernel.close(module).unwrap();
}

/// Says how many functions and lines of C it is told of.
struct Counter;

impl Verify for Counter {
    fn verify(&self, prog: &ProgView<'_>) -> Verdict {
        Verdict::Accepted {
            log: format!("{} {}", prog.funcs.len(), prog.lines.len()),
            facts: Default::default(),
        }
    }
}

#[test]
fn functions_and_lines_are_of_types() {
    let mut kernel = kernel();
    kernel.set_verifier(Box::new(Counter));
    let line = LineInfo { slot: 0, file: "a.c".into(), line: 1, column: 0, text: "".into() };
    let mut said = |btf| {
        let funcs = vec![skep_kernel::FuncInfo { slot: 0, name: "f".into(), type_id: 1 }];
        let load = ProgLoad { btf, funcs, lines: vec![line.clone()], ..raw_tp(asm("r0 = 0\nexit")) };
        let fd = kernel.prog_load(load).unwrap();
        let info = kernel.prog_info(fd).unwrap();
        // Reports have them all the same.
        assert_eq!((info.funcs.len(), info.lines.len()), (1, 1));
        match &info.verdict {
            Verdict::Accepted { log, .. } => log.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(said(None), "0 0");
    assert_eq!(said(Some(Arc::new(BtfBuilder::new().build().unwrap()))), "1 1");
}

struct NoLoops;

impl Verify for NoLoops {
    fn verify(&self, prog: &ProgView<'_>) -> Verdict {
        let back = prog.insns.iter().position(|it| it.code == 0x05 && it.off < 0);
        match back {
            None => Verdict::Accepted { log: "processed".to_owned(), facts: Default::default() },
            Some(slot) => Verdict::Rejected(Rejection {
                errno: Errno::EINVAL,
                slot: Some(slot),
                message: format!("back-edge from insn {slot}"),
                log: format!("the log\nback-edge from insn {slot}\n"),
            }),
        }
    }
}

#[test]
fn a_verifier_decides() {
    let mut kernel = kernel();
    kernel.set_verifier(Box::new(NoLoops));
    let good = kernel.prog_load(raw_tp(asm("r0 = 0\nexit"))).unwrap();
    assert_eq!(kernel.prog_info(good).unwrap().verdict.name(), "accept");
    let looping = || raw_tp(asm("r0 = 0\ngoto -1\nexit"));
    let error = kernel.prog_load(looping()).unwrap_err();
    assert_eq!((error.class, error.errno, error.slot), (Class::Rejected, Errno::EINVAL, Some(1)));
    assert_eq!((error.message.as_str(), error.log.lines().count()), ("back-edge from insn 1", 2));
    let unverified = kernel.prog_load(ProgLoad { verify: false, ..looping() }).unwrap();
    assert_eq!(kernel.prog_info(unverified).unwrap().verdict.name(), "not-verified");
}
