//! Timers run on the simulated clock, and end with their values.

use crate::support::{asm, kernel, kernel_with, vmlinux, with_kfuncs, word};
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Config, Fd, Kernel, MapSpec, ProgLoad, Run, Task};
use skep_maps::{SpecialField, SpecialKind};

/// A map whose values are a timer and a counter behind it.
fn timers(kernel: &mut Kernel, kind: MapType) -> Fd {
    let mut spec = MapSpec::new(kind, 4, 24, 4).with_name("timers");
    spec.special = vec![SpecialField { kind: SpecialKind::Timer, offset: 0 }];
    let map = kernel.map_create(&spec).unwrap();
    kernel.map_update_elem(map, &word(2), &[0; 24], 0).unwrap();
    map
}

/// Loads a program that calls helpers on the timer of key 2, which is in r6; `callback` has the value in r3.
fn program(kernel: &mut Kernel, map: Fd, body: &str, callback: &str) -> Fd {
    let text = format!(
        "*(u32 *)(r10 - 4) = 2\nr1 = map[fd:{map}] ll\nr2 = r10\nr2 += -4\ncall 1\nif r0 == 0 goto out\nr6 = r0\n\
         r7 = map[fd:{map}] ll\n{body}out:\nexit\ncallback:\n{callback}r0 = 0\nexit"
    );
    kernel.prog_load(ProgLoad::new("timed", ProgType::SchedCls, asm(&text))).unwrap()
}

const INIT: &str = "r1 = r6\nr2 = r7\nr3 = 1\ncall 169\n";
const SET: &str = "r1 = r6\nr2 = callback ll\ncall 170\n";
const CANCEL: &str = "r1 = r6\ncall 172\n";

fn start(ns: u64, flags: u64) -> String {
    format!("r1 = r6\nr2 = {ns}\nr3 = {flags}\ncall 171\n")
}

/// Adds 1, and the key times 1000, to the counter.
const COUNT: &str = "r4 = *(u32 *)(r2 + 0)\nr4 *= 1000\nr4 += 1\nr5 = *(u64 *)(r3 + 16)\nr5 += r4\n\
                     *(u64 *)(r3 + 16) = r5\n";

fn run(kernel: &mut Kernel, prog: Fd) -> i64 {
    kernel.run(prog, Run::default()).unwrap().r0 as i64
}

fn counter(kernel: &Kernel, map: Fd) -> u64 {
    let value = kernel.map_lookup_elem(map, &word(2)).unwrap();
    assert_eq!(value[..16], [0; 16], "user space does not see the timer");
    u64::from_le_bytes(value[16..].try_into().unwrap())
}

#[test]
fn a_callback_runs_when_its_time_has_come() {
    for kind in [MapType::Array, MapType::Hash, MapType::LruHash] {
        let mut kernel = kernel();
        let map = timers(&mut kernel, kind);
        let prog = program(&mut kernel, map, &format!("{INIT}{SET}{}", start(500, 0)), COUNT);
        assert_eq!(run(&mut kernel, prog), 0);
        let began = kernel.clock().monotonic_ns;
        assert_eq!(kernel.advance(499).unwrap(), 0);
        assert_eq!(kernel.advance(1).unwrap(), 1);
        assert_eq!(counter(&kernel, map), 2001, "{kind}");
        assert_eq!(kernel.advance(10_000).unwrap(), 0, "once");
        assert_eq!(kernel.clock().monotonic_ns, began + 10_500);
    }
}

#[test]
fn a_timer_that_starts_itself_again_ticks() {
    let mut kernel = kernel();
    let map = timers(&mut kernel, MapType::Array);
    let again = format!("{COUNT}r1 = r3\nr2 = 100\nr3 = 0\ncall 171\n");
    let prog = program(&mut kernel, map, &format!("{INIT}{SET}{}", start(100, 0)), &again);
    run(&mut kernel, prog);
    assert_eq!(kernel.advance(1000).unwrap(), 10);
    // The timer keeps its program.
    kernel.close(prog).unwrap();
    assert_eq!(kernel.advance(100).unwrap(), 1);
    assert_eq!(counter(&kernel, map), 11 * 2001);
    // Without an fd of the map, nobody wants its timers.
    kernel.close(map).unwrap();
    assert_eq!(kernel.advance(1000).unwrap(), 0);
}

#[test]
fn errnos_of_timers() {
    let mut kernel = kernel();
    let map = timers(&mut kernel, MapType::Hash);
    let mut eval = |body: &str| {
        let prog = program(&mut kernel, map, body, COUNT);
        run(&mut kernel, prog)
    };
    assert_eq!(eval(SET), Errno::EINVAL.neg());
    assert_eq!(eval(CANCEL), Errno::EINVAL.neg());
    assert_eq!(eval(&start(1, 0)), Errno::EINVAL.neg());
    assert_eq!(eval("r1 = r6\nr2 = r7\nr3 = 2\ncall 169\n"), Errno::EINVAL.neg(), "a clock of a process");
    assert_eq!(eval("r1 = r6\nr2 = r7\nr3 = 16\ncall 169\n"), Errno::EINVAL.neg());
    assert_eq!(eval(INIT), 0);
    assert_eq!(eval(INIT), Errno::EBUSY.neg());
    assert_eq!(eval(&start(1, 0)), Errno::EINVAL.neg(), "no callback");
    assert_eq!(eval(CANCEL), 0);
    assert_eq!(eval(&format!("{SET}{}", start(1, 4))), Errno::EINVAL.neg());
    assert_eq!(eval(&start(1_000_000, 0)), 0);
    assert_eq!(eval(CANCEL), 1);
    assert_eq!(eval(&start(1, 0)), Errno::EINVAL.neg(), "the callback went with it");
}

#[test]
fn a_timer_ends_with_its_value() {
    let mut kernel = kernel();
    let map = timers(&mut kernel, MapType::Hash);
    let body = format!("{INIT}{SET}{}", start(100, 0));
    let prog = program(&mut kernel, map, &body, COUNT);
    run(&mut kernel, prog);
    kernel.map_delete_elem(map, &word(2)).unwrap();
    assert_eq!(kernel.advance(1000).unwrap(), 0);
    kernel.map_update_elem(map, &word(2), &[0; 24], 0).unwrap();
    assert_eq!(run(&mut kernel, prog), 0, "a new value has a new timer");
    kernel.map_update_elem(map, &word(2), &[1; 24], 0).unwrap();
    assert_eq!(kernel.advance(1000).unwrap(), 0, "replaced");
}

#[test]
fn a_callback_cannot_wait_for_itself_and_faults_are_reported() {
    let mut kernel = kernel();
    let map = timers(&mut kernel, MapType::Array);
    let cancel = "r6 = r3\nr1 = r3\ncall 172\n*(u64 *)(r6 + 16) = r0\n";
    let prog = program(&mut kernel, map, &format!("{INIT}{SET}{}", start(100, 0)), cancel);
    run(&mut kernel, prog);
    assert_eq!(kernel.advance(100).unwrap(), 1);
    assert_eq!(counter(&kernel, map) as i64, Errno::EDEADLK.neg());
    let bad = program(&mut kernel, map, &format!("{SET}{}", start(100, 0)), "r0 = *(u64 *)(r3 + 24)\n");
    run(&mut kernel, bad);
    let error = kernel.advance(1000).unwrap_err().to_string();
    assert!(error.contains("timers"), "{error}");
    assert_eq!(kernel.advance(1000).unwrap(), 0);
}

#[test]
fn absolute_times_are_of_the_timers_clock() {
    let mut kernel = kernel();
    let map = timers(&mut kernel, MapType::Array);
    let due = kernel.clock().monotonic_ns + 50;
    let set = format!("{INIT}{SET}r1 = r6\nr2 = {due} ll\nr3 = 1\ncall 171\n");
    let prog = program(&mut kernel, map, &set, COUNT);
    run(&mut kernel, prog);
    assert_eq!((kernel.advance(49).unwrap(), kernel.advance(1).unwrap()), (0, 1));
}

#[test]
fn a_kptr_changes_hands() {
    let mut kernel = kernel();
    let mut spec = MapSpec::new(MapType::Array, 4, 16, 1).with_name("kept");
    spec.special = vec![SpecialField { kind: SpecialKind::KptrRef, offset: 8 }];
    let map = kernel.map_create(&spec).unwrap();
    let text = format!(
        "*(u32 *)(r10 - 4) = 0\nr1 = map[fd:{map}] ll\nr2 = r10\nr2 += -4\ncall 1\nr6 = r0\nr6 += 8\n\
         r1 = r6\nr2 = 0x1234\ncall 194\nr7 = r0\nr1 = r6\nr2 = 0\ncall 194\nr0 -= r7\nexit"
    );
    let prog = kernel.prog_load(ProgLoad::new("keep", ProgType::SchedCls, asm(&text))).unwrap();
    assert_eq!(run(&mut kernel, prog), 0x1234);
}

/// Instructions in which `call` of 0x7ffff0 and up are those of kernel functions.
fn with_work(kernel: &mut Kernel, map: Fd, body: &str, callback: &str) -> Fd {
    let text = format!(
        "*(u32 *)(r10 - 4) = 2\nr1 = 0 ll\nr2 = r10\nr2 += -4\ncall 1\nif r0 == 0 goto out\nr6 = r0\n\
         r7 = 0 ll\n{body}out:\nexit\ncallback:\n{callback}r0 = 0\nexit"
    );
    let mut insns = with_kfuncs(&text);
    for insn in insns.iter_mut().filter(|it| it.code == 0x18 && it.src == 0 && [1, 7].contains(&it.dst)) {
        (insn.src, insn.imm) = (1, map.0);
    }
    kernel.prog_load(ProgLoad::new("worker", ProgType::SchedCls, insns)).unwrap()
}

fn machine() -> Kernel {
    kernel_with(Config { btf: Some(vmlinux()), task: Task::new(42, 42, "sshd"), ..Config::default() })
}

fn works(kernel: &mut Kernel, kind: SpecialKind) -> Fd {
    let mut spec = MapSpec::new(MapType::Hash, 4, 24, 4).with_name("works");
    spec.special = vec![SpecialField { kind, offset: 0 }];
    let map = kernel.map_create(&spec).unwrap();
    kernel.map_update_elem(map, &word(2), &[0; 24], 0).unwrap();
    map
}

const WQ_INIT: &str = "r1 = r6\nr2 = r7\nr3 = 0\nkfunc bpf_wq_init\n";
const WQ_SET: &str = "r1 = r6\nr2 = callback ll\nr3 = 0\nr4 = 0\nkfunc bpf_wq_set_callback_impl\n";
const WQ_START: &str = "r1 = r6\nr2 = 0\nkfunc bpf_wq_start\n";

#[test]
fn work_runs_as_soon_as_time_passes() {
    let mut kernel = machine();
    let map = works(&mut kernel, SpecialKind::Workqueue);
    let prog = with_work(&mut kernel, map, &[WQ_INIT, WQ_SET, WQ_START].concat(), COUNT);
    assert_eq!((run(&mut kernel, prog), counter(&kernel, map)), (0, 0));
    assert_eq!((kernel.advance(0).unwrap(), counter(&kernel, map)), (1, 2001));
    assert_eq!(kernel.advance(1000).unwrap(), 0, "once");
    // Started again and again, it runs once for each time that it could.
    let start = with_work(&mut kernel, map, &[WQ_START, WQ_START].concat(), COUNT);
    assert_eq!(run(&mut kernel, start), 0);
    assert_eq!((kernel.advance(0).unwrap(), counter(&kernel, map)), (1, 4002));
    // With its value it goes.
    assert_eq!(run(&mut kernel, start), 0);
    kernel.map_delete_elem(map, &word(2)).unwrap();
    assert_eq!(kernel.advance(0).unwrap(), 0);
}

#[test]
fn what_work_queues_refuse() {
    let mut kernel = machine();
    let map = works(&mut kernel, SpecialKind::Workqueue);
    let mut answer = |body: &str| {
        let prog = with_work(&mut kernel, map, body, "");
        run(&mut kernel, prog)
    };
    assert_eq!(answer(WQ_START), -22, "not initialised");
    assert_eq!(answer(WQ_SET), -22);
    assert_eq!(answer(&WQ_INIT.replace("r3 = 0", "r3 = 1")), -22);
    assert_eq!(answer(WQ_INIT), 0);
    assert_eq!(answer(WQ_INIT), -16);
    assert_eq!(answer(&WQ_START.replace("r2 = 0", "r2 = 1")), -22);
    assert_eq!(answer(&WQ_SET.replace("r3 = 0", "r3 = 1")), -22);
    assert_eq!(answer(WQ_START), 0);
    assert_eq!(kernel.advance(0).unwrap(), 1, "without a callback there is nothing to do");
}

#[test]
fn work_for_a_task_runs_as_that_task() {
    let mut kernel = machine();
    let child = kernel.spawn(&Task::new(77, 77, "child")).unwrap().addr();
    let map = works(&mut kernel, SpecialKind::TaskWork);
    let schedule = format!(
        "r9 = {child:#x} ll\nr1 = r9\nr2 = r6\nr3 = r7\nr4 = callback ll\nr5 = 0\nkfunc bpf_task_work_schedule_signal_impl\n"
    );
    // The low half of the pid and tgid of whoever runs it.
    let note = "r6 = r3\ncall 14\n*(u32 *)(r6 + 16) = w0\n";
    let prog = with_work(&mut kernel, map, &format!("{schedule}r8 = r0\n{schedule}r0 -= r8\n"), note);
    assert_eq!(run(&mut kernel, prog), -16, "it waits already");
    assert_eq!(kernel.advance(0).unwrap(), 1);
    assert_eq!((counter(&kernel, map), kernel.task().pid), (77, 42));
    assert_eq!(kernel.advance(0).unwrap(), 0);
    let once = with_work(&mut kernel, map, &schedule, note);
    assert_eq!(run(&mut kernel, once), 0, "it may be asked for again");
    assert_eq!(kernel.advance(0).unwrap(), 1);
}
