//! Loads through bad kernel addresses: 0 and a note where a program holds pointers to kernel structs, a fault elsewhere.

use crate::support::{asm, kernel, load, value_map};
use expect_test::expect;
use skep_abi::{AttachType, ProgType};
use skep_kernel::{Class, Context, Fd, Kernel, LineInfo, ProgLoad, Ran, Run, RunError};
use skep_memory::{Arena, ObjectKind, Origin, Rights};

fn tracing(kernel: &mut Kernel, text: &str) -> Fd {
    let load = ProgLoad {
        expected_attach_type: AttachType::TraceRawTp.to_u32(),
        ..ProgLoad::new("on_switch", ProgType::Tracing, asm(text))
    };
    kernel.prog_load(load).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn run(kernel: &mut Kernel, prog: Fd, args: &[u64]) -> Result<Ran, RunError> {
    kernel.run(prog, Run::new(Context::Raw(args.to_vec())))
}

/// Loads a word from where the first argument points, with a field's offset.
const LOAD: &str = "r1 = *(u64 *)(r1 + 0)\nr0 = *(u64 *)(r1 + 24)\nexit";

#[test]
fn bad_kernel_addresses_give_0() {
    let mut kernel = kernel();
    let prog = tracing(&mut kernel, LOAD);
    for addr in [
        0,
        1,
        0x40_0000,
        u64::MAX - 11,
        0x7fff_0000_0000,
        0xffff_8880_0000_0000,
        1 << 63,
        0xffff_ffff_f400_0000,
    ] {
        let ran = run(&mut kernel, prog, &[addr]).unwrap_or_else(|error| panic!("{addr:#x}: {error}"));
        assert_eq!((ran.r0, ran.notes.len()), (0, 1), "{addr:#x}");
        assert_eq!((ran.notes[0].count, ran.notes[0].slot), (1, 1), "{addr:#x}");
    }
}

#[test]
fn of_any_size_signed_and_not() {
    let mut kernel = kernel();
    for load in ["u8", "u16", "u32", "u64", "s8", "s16", "s32"] {
        let prog = tracing(&mut kernel, &format!("r1 = 0\nr0 = 7\nr0 = *({load} *)(r1 + 8)\nexit"));
        assert_eq!(run(&mut kernel, prog, &[]).unwrap().r0, 0, "{load}");
    }
}

#[test]
fn kernel_objects_can_be_loaded_from() {
    let mut kernel = kernel();
    let origin = Origin::new(ObjectKind::KernelObject, "struct task_struct");
    let addr = kernel.memory().alloc(Arena::Kernel, 64, 8, Rights::RO, origin).unwrap();
    kernel.memory().poke_u64(addr + 24, 77).unwrap();
    let prog = tracing(&mut kernel, LOAD);
    let ran = run(&mut kernel, prog, &[addr]).unwrap();
    assert_eq!((ran.r0, ran.notes), (77, vec![]));
    // Behind it and after its end there is nothing.
    assert_eq!(run(&mut kernel, prog, &[addr + 32]).unwrap().notes.len(), 0);
    assert_eq!(run(&mut kernel, prog, &[addr + 40]).unwrap().notes.len(), 1);
    assert!(kernel.memory().free(addr));
    let ran = run(&mut kernel, prog, &[addr]).unwrap();
    assert_eq!(ran.r0, 0);
    assert!(ran.notes[0].message.contains("use after free"), "{}", ran.notes[0]);
}

#[test]
fn stores_are_faults() {
    let mut kernel = kernel();
    let prog = tracing(&mut kernel, "r1 = 0\n*(u64 *)(r1 + 24) = 0\nr0 = 0\nexit");
    assert_eq!(run(&mut kernel, prog, &[]).unwrap_err().class(), Class::ProgramFault);
    let prog = tracing(&mut kernel, "r1 = 0\nr2 = 1\nlock *(u64 *)(r1 + 24) += r2\nr0 = 0\nexit");
    assert_eq!(run(&mut kernel, prog, &[]).unwrap_err().class(), Class::ProgramFault);
}

#[test]
fn the_programs_own_memory_stays_exact() {
    let mut kernel = kernel();
    let map = value_map(&mut kernel, 16);
    for text in [
        "r0 = *(u64 *)(r10 + 8)\nexit".to_owned(),
        "r0 = *(u64 *)(r10 - 1024)\nexit".to_owned(),
        "r2 = r10\nr2 += 4096\nr0 = *(u64 *)(r2 + 0)\nexit".to_owned(),
        "r0 = *(u64 *)(r1 + 16)\nexit".to_owned(),
        format!("r1 = map[fd:{map}][0]+0 ll\nr0 = *(u64 *)(r1 + 16)\nexit"),
        format!("r1 = map[fd:{map}][0]+0 ll\nr0 = *(u64 *)(r1 - 8)\nexit"),
        format!("r1 = map[fd:{map}][0]+0 ll\nr1 += 0x100000\nr0 = *(u64 *)(r1 + 0)\nexit"),
        "r1 = 0x1000000 ll\nr0 = *(u64 *)(r1 + 0)\nexit".to_owned(),
    ] {
        let prog = tracing(&mut kernel, &text);
        let error = run(&mut kernel, prog, &[1, 2]).expect_err(&text);
        assert_eq!(error.class(), Class::ProgramFault, "{text}");
    }
}

/// What else makes loads through kernel pointers possible: something that gives one.
#[test]
fn programs_of_other_types() {
    let load_null = "r1 = 0\nr0 = *(u64 *)(r1 + 8)\n";
    let gives_0 = |prog_type, text: &str| {
        let mut kernel = kernel();
        let prog = load(&mut kernel, prog_type, text);
        kernel.run(prog, Run::new(Context::None)).is_ok()
    };
    for prog_type in [ProgType::Kprobe, ProgType::Tracepoint, ProgType::RawTracepoint, ProgType::PerfEvent] {
        assert!(!gives_0(prog_type, &format!("{load_null}exit")), "{prog_type:?}");
        assert!(gives_0(prog_type, &format!("{load_null}exit\ncall 158\nexit")), "{prog_type:?}");
    }
    assert!(!gives_0(ProgType::SchedCls, &format!("{load_null}exit")));
    assert!(gives_0(ProgType::SchedCls, &format!("{load_null}exit\ncall 137\nexit")), "bpf_skc_to_tcp_sock");
    for prog_type in [ProgType::Lsm, ProgType::StructOps] {
        assert!(gives_0(prog_type, &format!("{load_null}exit")), "{prog_type:?}");
    }
}

#[test]
fn one_note_for_many_loads() {
    let mut kernel = kernel();
    let text = "r6 = 100\nagain:\nr1 = 0\nr0 = *(u64 *)(r1 + 16)\nr6 += -1\nif r6 != 0 goto again\nr0 = *(u32 *)(r1 + 4)\nexit";
    let line = LineInfo {
        slot: 2,
        file: "switch.bpf.c".into(),
        line: 31,
        column: 9,
        text: "\tpid = prev->pid;".into(),
    };
    let load = ProgLoad {
        lines: vec![line],
        expected_attach_type: AttachType::TraceRawTp.to_u32(),
        ..ProgLoad::new("on_switch", ProgType::Tracing, asm(text))
    };
    let prog = kernel.prog_load(load).unwrap();
    let ran = run(&mut kernel, prog, &[]).unwrap();
    let notes: Vec<_> = ran.notes.iter().map(ToString::to_string).collect();
    expect![[r#"
        note: a bad kernel address gave 0, as in the kernel: load of 8 bytes at 0x10: NULL pointer dereference (NULL plus 16) (the first of 101)
          in on_switch, instruction 2: r0 = *(u64 *)(r1 + 0x10)
          at switch.bpf.c:31:9: pid = prev->pid;"#]].assert_eq(&notes.join("\n"));
    // A run that faults later says it, too.
    let prog = tracing(&mut kernel, "r1 = 0\nr0 = *(u64 *)(r1 + 16)\nr0 = *(u64 *)(r10 + 0)\nexit");
    let error = run(&mut kernel, prog, &[]).unwrap_err();
    expect![[r#"
        program fault: load of 8 bytes at 0xfffffffff8010200: just past the end of element 0 of stack "stack" (512 bytes)
          in on_switch, instruction 2: r0 = *(u64 *)(r10 + 0x0)
        note: a bad kernel address gave 0, as in the kernel: load of 8 bytes at 0x10: NULL pointer dereference (NULL plus 16)
          in on_switch, instruction 1: r0 = *(u64 *)(r1 + 0x10)"#]].assert_eq(&error.to_string());
    // And the next one starts afresh.
    let prog = tracing(&mut kernel, "r0 = 0\nexit");
    assert_eq!(run(&mut kernel, prog, &[]).unwrap().notes, vec![]);
}
