//! What a fault says: whose it is, where, and what was touched.

use crate::support::{asm, fault, kernel, value_map};
use expect_test::expect;
use skep_abi::ProgType;
use skep_isa::Reg;
use skep_kernel::{Class, Context, FuncInfo, Kernel, LineInfo, PacketCtx, ProgLoad, RawRun, Run};
use skep_memory::Memory;
use skep_vm::{Hook, Machine};

fn line(slot: usize, line: u32, text: &str) -> LineInfo {
    LineInfo { slot, file: "parse.bpf.c".into(), line, column: 14, text: text.into() }
}

#[test]
fn the_line_of_c() {
    let mut kernel = kernel();
    let load = ProgLoad {
        lines: vec![
            line(0, 10, "int xdp_prog(struct xdp_md *ctx) {"),
            line(2, 21, "        return eth->h_proto;"),
            line(3, 22, "}"),
        ],
        funcs: vec![
            FuncInfo { slot: 0, name: "xdp_prog".into(), type_id: 0 },
            FuncInfo { slot: 2, name: "parse".into(), type_id: 0 },
        ],
        ..ProgLoad::new(
            "xdp_prog",
            ProgType::Xdp,
            asm("r2 = *(u32 *)(r1 + 0)\nr3 = 0\nr0 = *(u16 *)(r2 + 64)\nexit"),
        )
    };
    let prog = kernel.prog_load(load).unwrap();
    let run = Run::new(Context::Packet(PacketCtx::new(vec![0; 64])));
    let error = kernel.run(prog, run).unwrap_err();
    let report = error.report().unwrap();
    assert_eq!((report.class, report.slot, report.depth), (Class::ProgramFault, 2, 1));
    assert_eq!(report.line.as_ref().map(|it| it.line), Some(21));
    assert_eq!(report.regs[Reg::R3.index()], 0);
    assert_eq!(report.object.as_ref().map(|it| it.len), Some(64));
    let text = error.to_string().replace(&format!("{:#x}", report.regs[2] + 64), "ADDRESS");
    expect![[r#"
        program fault: load of 2 bytes at ADDRESS: just past the end of packet "packet" (64 bytes)
          in xdp_prog, function parse, instruction 2: w0 = *(u16 *)(r2 + 0x40)
          at parse.bpf.c:21:14: return eth->h_proto;"#]]
    .assert_eq(&text);
}

#[test]
fn a_function_that_is_not_emulated() {
    let error = fault(&mut kernel(), "call 212\nexit");
    expect![[r#"
        program fault: there is no helper 212
          in test, instruction 0: call 0xd4"#]]
    .assert_eq(&error.to_string());
    let error = fault(&mut kernel(), ".hex 85 20 00 00 07 00 00 00\nexit");
    assert_eq!(error.class(), Class::NotEmulated);
    expect![[r#"
        not emulated: the kernel function with BTF id 7 is not emulated
          in test, instruction 0: call kernel-function#7"#]]
    .assert_eq(&error.to_string());
}

/// After a tail call, the report is about the program that was running.
#[test]
fn the_program_that_was_running() {
    let mut kernel = kernel();
    let jumps = kernel.map_create(&skep_kernel::MapSpec::new(skep_abi::MapType::ProgArray, 4, 4, 1)).unwrap();
    let of = |name: &str, text: &str| ProgLoad::new(name, ProgType::RawTracepoint, asm(text));
    let callee = kernel.prog_load(of("callee", "r0 = *(u64 *)(r10 + 8)\nexit")).unwrap();
    kernel.map_update_elem(jumps, &[0; 4], &callee.0.to_le_bytes(), 0).unwrap();
    let text = format!("r2 = map[fd:{jumps}] ll\nr3 = 0\ncall 12\nr0 = 0\nexit");
    let caller = kernel.prog_load(of("caller", &text)).unwrap();
    let error = kernel.run(caller, Run::default()).unwrap_err();
    assert_eq!(error.report().map(|it| (it.program.as_str(), it.slot)), Some(("callee", 0)));
}

#[test]
fn every_program_ends() {
    let mut kernel = kernel();
    let prog = ProgLoad::new("spin", ProgType::RawTracepoint, asm("goto -1\nexit"));
    let prog = kernel.prog_load(prog).unwrap();
    let run = Run { budget: Some(1000), ..Run::default() };
    let error = kernel.run(prog, run).unwrap_err();
    expect![[r#"
        program fault: the instruction budget is used up
          in spin, instruction 0: goto -0x1"#]]
    .assert_eq(&error.to_string());
    // Callbacks and long copies cost, too.
    let loops = "r1 = 8388608\nr2 = body ll\nr3 = 0\nr4 = 0\ncall 181\nexit\nbody:\nr0 = 0\nexit";
    let prog = kernel.prog_load(ProgLoad::new("loops", ProgType::RawTracepoint, asm(loops))).unwrap();
    let run = Run { budget: Some(1000), ..Run::default() };
    assert_eq!(kernel.run(prog, run).unwrap_err().class(), Class::ProgramFault);
    let ran = kernel.run(prog, Run::default()).unwrap();
    assert_eq!(ran.r0, 8_388_608);
    let big = value_map(&mut kernel, 1 << 20);
    let copy = format!(
        "r6 = 0\nagain:\nr1 = map[fd:{big}][0]+0 ll\nr2 = 1048576\nr3 = r1\ncall 113\nr6 += 1
         if r6 != 1000 goto again\nr0 = 0\nexit"
    );
    let prog = kernel.prog_load(ProgLoad::new("copy", ProgType::RawTracepoint, asm(&copy))).unwrap();
    let run = Run { budget: Some(100_000), ..Run::default() };
    assert_eq!(kernel.run(prog, run).unwrap_err().class(), Class::ProgramFault);
    let ran = kernel.run(prog, Run::default()).unwrap();
    assert!(ran.charges > 1_000_000, "{}", ran.charges);
}

#[test]
fn hooks_see_every_instruction() {
    #[derive(Default)]
    struct Count(usize);
    impl Hook for Count {
        fn before(&mut self, _machine: &Machine, _memory: &Memory) {
            self.0 += 1;
        }
    }
    let mut kernel = kernel();
    let prog = ProgLoad::new("three", ProgType::RawTracepoint, asm("r0 = 1\ncall 5\nexit"));
    let prog = kernel.prog_load(prog).unwrap();
    let mut count = Count::default();
    let ran = kernel.run(prog, Run { hook: Some(&mut count), repeat: 2, ..Run::default() }).unwrap();
    assert_eq!((ran.insns, count.0), (3, 6));
}

#[test]
fn bare_instructions() {
    let mut kernel: Kernel = kernel();
    let mut raw = |text: &str, memory: &[u8]| kernel.raw_run(RawRun::new(asm(text), memory.to_vec()));
    assert_eq!(raw("r0 = r2\nexit", &[0; 5]).unwrap().r0, 5);
    assert_eq!(raw("r0 = r1\nr0 |= r2\nexit", &[]).unwrap().r0, 0);
    assert_eq!(raw("r1 = 9\ncall 5\nexit", &[]).unwrap().r0, 9);
    let error = raw("r0 = *(u8 *)(r1 + 5)\nexit", &[0; 5]).unwrap_err();
    assert_eq!(error.class(), Class::ProgramFault);
    assert_eq!(raw("call 1\nexit", &[]).unwrap_err().class(), Class::NotEmulated);
    assert_eq!(raw("r0 = 0", &[]).unwrap_err().class(), Class::BadInput);
    let run = RawRun {
        repeat: 3,
        ..RawRun::new(asm("r0 = *(u8 *)(r1 + 0)\nr0 += 1\n*(u8 *)(r1 + 0) = r0\nexit"), vec![1])
    };
    let ran = kernel.raw_run(run).unwrap();
    assert_eq!((ran.r0, ran.memory, ran.insns), (2, vec![2], 4));
}
