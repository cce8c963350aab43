//! What a probe finds beside memory, and what it does to the machine: arguments, counters, branches, signals.

use crate::support::{asm, eval, kernel, load, set_value, value, value_map, word};
use skep_abi::{AttachType, Errno, MapType, ProgType};
use skep_kernel::{
    Branch, Context, Effects, Fd, Kernel, MapSpec, PerfEventAttr, PerfValue, ProgLoad, PtRegs, Ran, Run,
    Signal,
};

fn traced(kernel: &mut Kernel, attach: AttachType, text: &str, words: &[u64]) -> Ran {
    let load = ProgLoad {
        expected_attach_type: attach.to_u32(),
        ..ProgLoad::new("traced", ProgType::Tracing, asm(text))
    };
    let prog = kernel.prog_load(load).unwrap_or_else(|error| panic!("{error}"));
    kernel.run(prog, Run::new(Context::Raw(words.to_vec()))).unwrap_or_else(|error| panic!("{error}"))
}

const GET_ARG: &str = "r3 = r10\nr3 += -8\n*(u64 *)(r10 - 8) = 99\ncall 183\nr1 = *(u64 *)(r10 - 8)";

#[test]
fn arguments_of_the_traced_function() {
    use AttachType::{ModifyReturn, TraceFentry, TraceFexit};
    let mut kernel = kernel();
    let mut arg = |attach, index: i32| {
        let value = format!("r2 = {index}\n{GET_ARG}\nif r0 == 0 goto +1\nr1 = 99\nr0 = r1\nexit");
        traced(&mut kernel, attach, &value, &[10, 11, 12]).r0
    };
    assert_eq!([arg(TraceFentry, 0), arg(TraceFentry, 2), arg(TraceFentry, 3)], [10, 12, 99]);
    assert_eq!([arg(TraceFexit, 1), arg(TraceFexit, 2), arg(TraceFexit, -1)], [11, 99, 99]);
    let mut count = |attach| traced(&mut kernel, attach, "call 185\nexit", &[10, 11, 12]).r0;
    assert_eq!([count(TraceFentry), count(TraceFexit), count(ModifyReturn)], [3, 2, 2]);
    let mut returned = |attach| {
        let text = "r2 = r10\nr2 += -8\n*(u64 *)(r10 - 8) = 99\ncall 184\nif r0 != 0 goto +1\nr0 = *(u64 *)(r10 - 8)\nexit";
        traced(&mut kernel, attach, text, &[10, 11, 12]).r0 as i64
    };
    assert_eq!([returned(TraceFexit), returned(ModifyReturn)], [12, 12]);
    assert_eq!(returned(TraceFentry), Errno::EOPNOTSUPP.neg());
    let refused = format!("r2 = 7\n{GET_ARG}\nexit");
    assert_eq!(traced(&mut kernel, TraceFentry, &refused, &[1]).r0 as i64, Errno::EINVAL.neg());
}

#[test]
fn a_return_value_is_overridden() {
    let mut kernel = kernel();
    let text = "r6 = r1\nr2 = -12\ncall 58\nr0 = *(u64 *)(r6 + 80)\nexit";
    let prog = load(&mut kernel, ProgType::Kprobe, text);
    let ran = kernel.run(prog, Run::new(Context::Regs(PtRegs::call(&[1])))).unwrap();
    assert_eq!((ran.r0 as i64, ran.effects.overridden), (-12, Some(-12i64 as u64)));
    let prog = load(&mut kernel, ProgType::Kprobe, "r0 = 0\nexit");
    let ran = kernel.run(prog, Run::new(Context::Regs(PtRegs::call(&[1])))).unwrap();
    assert_eq!(ran.effects, Effects::default());
}

#[test]
fn on_arm64_the_caller_goes_on_at_the_link_register() {
    let mut kernel = kernel();
    let prog = load(&mut kernel, ProgType::Kprobe, "r2 = -12\ncall 58\nexit");
    let mut regs = skep_kernel::Arm64Regs { pc: 0x1000, pstate: 5, ..Default::default() };
    regs.regs[30] = 0x2000;
    let ran = kernel.run(prog, Run::new(Context::Arm64(Box::new(regs)))).unwrap();
    (regs.regs[0], regs.pc) = (-12i64 as u64, 0x2000);
    assert_eq!((ran.ctx_out, ran.effects.overridden), (regs.to_bytes(), Some(-12i64 as u64)));
}

#[test]
fn signals_are_noted() {
    let mut kernel = kernel();
    let prog =
        load(&mut kernel, ProgType::Kprobe, "r1 = 9\ncall 109\nr6 = r0\nr1 = 10\ncall 117\nr0 |= r6\nexit");
    let ran = kernel.run(prog, Run::default()).unwrap();
    let [all, one] = [(9, false), (10, true)].map(|(number, thread)| Signal { number, thread, pid: 1000 });
    assert_eq!((ran.r0, ran.effects.signals), (0, vec![all, one]));
    let mut send = |signal: i64| eval(&mut kernel, &format!("r1 = {signal}\ncall 109\nexit"));
    assert_eq!([send(0), send(64), send(65), send(-1)], [0, 0, Errno::EINVAL.neg(), Errno::EINVAL.neg()]);
    kernel.set_task(skep_kernel::Task::new(1, 1, "init"));
    assert_eq!(eval(&mut kernel, "r1 = 9\ncall 109\nexit"), Errno::EPERM.neg());
}

#[test]
fn a_hooks_return_value() {
    let mut kernel = kernel();
    let prog = load(&mut kernel, ProgType::CgroupDevice, "r1 = -13\ncall 187\ncall 186\nexit");
    let ran = kernel.run(prog, Run::default()).unwrap();
    assert_eq!((ran.r0 as i64, ran.effects.retval), (-13, Some(-13)));
}

#[test]
fn branches() {
    let mut kernel = kernel();
    let out = value_map(&mut kernel, 72);
    let read = |kernel: &mut Kernel, size: u32, flags: u32, null: bool| {
        set_value(kernel, out, &[0xaa; 72]);
        let buf = if null { "r2 = 0".to_owned() } else { format!("r2 = map[fd:{out}][0]+0 ll") };
        let text = format!("{buf}\nr3 = {size}\nr4 = {flags}\ncall 119\nexit");
        let prog = load(kernel, ProgType::PerfEvent, &text);
        kernel.run(prog, Run::default()).unwrap().r0 as i64
    };
    assert_eq!(read(&mut kernel, 48, 0, false), Errno::ENOENT.neg());
    let branches: Vec<Branch> = (1..4).map(|it| Branch { from: it, to: 10 * it, flags: it & 1 }).collect();
    kernel.set_branches(branches);
    assert_eq!(read(&mut kernel, 48, 0, false), 48);
    let words = |it: &[u64]| it.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
    let mut expected = words(&[1, 10, 1, 2, 20, 0]);
    expected.resize(72, 0xaa);
    assert_eq!(value(&kernel, out), expected);
    assert_eq!(read(&mut kernel, 72, 0, false), 72);
    assert_eq!(read(&mut kernel, 0, 1, true), 72, "BPF_F_GET_BRANCH_RECORDS_SIZE");
    for (size, flags, null) in [(48, 2, false), (24, 0, true), (25, 0, false)] {
        assert_eq!(read(&mut kernel, size, flags, null), Errno::EINVAL.neg(), "{size} {flags} {null}");
    }
    let snapshot = |kernel: &mut Kernel, size: u32, flags: u32| {
        eval(kernel, &format!("r1 = map[fd:{out}][0]+0 ll\nr2 = {size}\nr3 = {flags}\ncall 176\nexit"))
    };
    assert_eq!([snapshot(&mut kernel, 72, 0), snapshot(&mut kernel, 50, 0)], [72, 48]);
    assert_eq!(snapshot(&mut kernel, 72, 1), Errno::EINVAL.neg());
    assert_eq!(snapshot(&mut kernel, 23, 0), Errno::ENOENT.neg());
}

#[test]
fn what_events_counted() {
    let mut kernel = kernel();
    let events = kernel.map_create(&MapSpec::new(MapType::PerfEventArray, 4, 4, 4)).unwrap();
    let out = value_map(&mut kernel, 24);
    let counts = PerfEventAttr { config: 9, sample_type: 0, ..PerfEventAttr::bpf_output() };
    let value_of = PerfValue { counter: 1234, enabled: 50, running: 40 };
    let open = |kernel: &mut Kernel, pid, cpu: i32, slot: i32| {
        let event = kernel.perf_event_open(&counts, pid, cpu).unwrap();
        kernel.set_perf_value(event, value_of).unwrap();
        kernel.map_update_elem(events, &word(slot), &word(event.0), 0).unwrap();
    };
    open(&mut kernel, -1, 1, 1);
    open(&mut kernel, 0, -1, 2);
    let read = |kernel: &mut Kernel, cpu: u32, flags: u64| {
        let text = format!("r1 = map[fd:{events}] ll\nr2 = {flags:#x} ll\ncall 22\nexit");
        let prog = load(kernel, ProgType::Kprobe, &text);
        kernel.run(prog, Run::default().on(cpu)).unwrap().r0 as i64
    };
    assert_eq!([read(&mut kernel, 1, 1), read(&mut kernel, 1, 0xffff_ffff)], [1234, 1234]);
    assert_eq!(read(&mut kernel, 0, 1), Errno::EINVAL.neg(), "an event of another CPU");
    assert_eq!(
        [read(&mut kernel, 0, 2), read(&mut kernel, 3, 2)],
        [1234, 1234],
        "a thread's, wherever it runs"
    );
    assert_eq!(read(&mut kernel, 0, 0), Errno::ENOENT.neg());
    let text =
        format!("r1 = map[fd:{events}] ll\nr2 = 2\nr3 = map[fd:{out}][0]+0 ll\nr4 = 24\ncall 55\nexit");
    assert_eq!(eval(&mut kernel, &text), 0);
    let words = |it: &[u64]| it.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
    assert_eq!(value(&kernel, out), words(&[1234, 50, 40]));
    // Once the task is another one, the event is not its.
    kernel.set_task(skep_kernel::Task::new(7, 7, "other"));
    assert_eq!(eval(&mut kernel, &text), Errno::EINVAL.neg());
    assert_eq!(value(&kernel, out), [0; 24]);
}

#[test]
fn the_event_that_a_program_runs_for() {
    let mut kernel = kernel();
    let out: Fd = value_map(&mut kernel, 24);
    kernel.set_sampled_value(PerfValue { counter: 5, enabled: 6, running: 7 });
    let mut read = |size: u32| {
        set_value(&mut kernel, out, &[0xaa; 24]);
        let text = format!("r2 = map[fd:{out}][0]+0 ll\nr3 = {size}\ncall 56\nexit");
        let prog = load(&mut kernel, ProgType::PerfEvent, &text);
        let r0 = kernel.run(prog, Run::default()).unwrap().r0 as i64;
        (r0, value(&kernel, out)[..16].to_vec())
    };
    assert_eq!(read(24), (0, [5u64, 6].iter().flat_map(|it| it.to_le_bytes()).collect()));
    assert_eq!(read(16), (Errno::EINVAL.neg(), vec![0; 16]));
}
