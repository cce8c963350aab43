//! The current task as programs of all kinds reach it, and what hangs on it.

use crate::support::{eval, fault, kernel, load, set_value, value, value_map};
use crate::types::{kernel_with_types, object};
use skep_abi::{Errno, ProgType};
use skep_kernel::{Class, Kernel, PtRegs, Run};

const CURRENT_TASK: u32 = 35;
const CURRENT_TASK_BTF: u32 = 158;
const TASK_PT_REGS: u32 = 175;

#[test]
fn current_is_a_task_struct_with_the_tasks_ids() {
    let mut kernel = kernel_with_types();
    let task = kernel.current().unwrap().addr();
    for helper in [CURRENT_TASK, CURRENT_TASK_BTF] {
        assert_eq!(eval(&mut kernel, &format!("call {helper}\nexit")) as u64, task);
    }
    // Through bpf_probe_read_kernel, and with a load.
    let probe = format!(
        "call {CURRENT_TASK}\nr3 = r0\nr3 += 44\nr1 = r10\nr1 += -4\nr2 = 4\ncall 113\nr0 = *(u32 *)(r10 - 4)\nexit"
    );
    assert_eq!(eval(&mut kernel, &probe), 1000);
    assert_eq!(eval(&mut kernel, &format!("call {CURRENT_TASK_BTF}\nr0 = *(u32 *)(r0 + 40)\nexit")), 1000);
    let comm =
        format!("call {CURRENT_TASK}\nr3 = r0\nr3 += 96\nr1 = r10\nr1 += -16\nr2 = 16\ncall 115\nexit");
    assert_eq!(eval(&mut kernel, &comm), 5, "\"skep\" and its NUL");
}

#[test]
fn programs_do_not_write_tasks() {
    let mut kernel = kernel_with_types();
    let error = fault(&mut kernel, &format!("call {CURRENT_TASK_BTF}\n*(u32 *)(r0 + 40) = 1\nr0 = 0\nexit"));
    assert_eq!(error.class(), Class::ProgramFault);
}

#[test]
fn each_cpu_has_its_own() {
    let mut kernel = kernel_with_types();
    let task = object(&mut kernel, "task_struct", &[("pid", 7), ("tgid", 8)]);
    kernel.set_current(2, task).unwrap();
    let prog = load(
        &mut kernel,
        ProgType::Kprobe,
        &format!("call {CURRENT_TASK_BTF}\nr0 = *(u64 *)(r0 + 40)\nexit"),
    );
    assert_eq!(kernel.run(prog, Run::default().on(2)).unwrap().r0, 8 << 32 | 7);
    assert_eq!(kernel.run(prog, Run::default().on(1)).unwrap().r0, 1000 << 32 | 1000);
}

#[test]
fn without_types_there_is_none() {
    let mut kernel = kernel();
    let error = fault(&mut kernel, &format!("call {CURRENT_TASK}\nexit"));
    assert_eq!(error.class(), Class::NotEmulated);
    assert!(error.to_string().contains("has to be made with types"), "{error}");
}

/// Chains of pointers, as `BPF_CORE_READ` and typed programs walk them: the end of the chain, or 0 and a note.
#[test]
fn chains_of_pointers() {
    let mut kernel = kernel_with_types();
    let ns = object(&mut kernel, "pid_namespace", &[("ns.inum", 0xeffffffc)]);
    let pid = object(&mut kernel, "pid", &[("numbers.nr", 5), ("numbers.ns", ns)]);
    let task = object(&mut kernel, "task_struct", &[("thread_pid", pid)]);
    kernel.set_current(0, task).unwrap();
    let loads = format!(
        "call {CURRENT_TASK_BTF}\nr0 = *(u64 *)(r0 + 72)\nr0 = *(u64 *)(r0 + 24)\nr0 = *(u32 *)(r0 + 32)\nexit"
    );
    assert_eq!(eval(&mut kernel, &loads), 0xeffffffc);
    let step =
        |offset| format!("r3 += {offset}\nr1 = r10\nr1 += -8\nr2 = 8\ncall 113\nr3 = *(u64 *)(r10 - 8)\n");
    let probes = format!(
        "call {CURRENT_TASK}\nr3 = r0\n{}{}{}r0 = *(u32 *)(r10 - 8)\nexit",
        step(72),
        step(24),
        step(32)
    );
    assert_eq!(eval(&mut kernel, &probes), 0xeffffffc);
    // A task without a pid: the typed walk goes on with zeroes, the probing one with EFAULT's.
    let task = object(&mut kernel, "task_struct", &[]);
    kernel.set_current(0, task).unwrap();
    assert_eq!(eval(&mut kernel, &loads), 0);
    assert_eq!(eval(&mut kernel, &probes), 0);
    let prog = load(&mut kernel, ProgType::RawTracepoint, &loads);
    let ran = kernel.run(prog, Run::default()).unwrap();
    assert_eq!((ran.notes.len(), ran.notes[0].count, ran.notes[0].slot), (1, 2, 2));
}

#[test]
fn registers_of_the_task() {
    let mut kernel = kernel_with_types();
    let ip_and_mode = format!(
        "call {CURRENT_TASK_BTF}\nr1 = r0\ncall {TASK_PT_REGS}\nr1 = *(u64 *)(r0 + 128)\nr2 = *(u64 *)(r0 + 136)\nr2 &= 3
         r0 = r1\nr0 <<= 2\nr0 |= r2\nexit"
    );
    kernel.set_stack(&[], &["0x401000"]);
    assert_eq!(eval(&mut kernel, &ip_and_mode) as u64, 0x401000 << 2 | 3, "user space, where its stack says");
    let task = kernel.current().unwrap().addr();
    kernel.set_task_regs(task, &PtRegs { rip: 0x1234, ..PtRegs::default() }).unwrap();
    assert_eq!(eval(&mut kernel, &ip_and_mode), 0x1234 << 2);
}

fn ns_ids(kernel: &mut Kernel, dev: u64, ino: u64) -> (i64, Vec<u8>) {
    let map = value_map(kernel, 8);
    set_value(kernel, map, &[0xaa; 8]);
    let text =
        format!("r1 = {dev:#x} ll\nr2 = {ino:#x} ll\nr3 = map[fd:{map}][0]+0 ll\nr4 = 8\ncall 120\nexit");
    (eval(kernel, &text), value(kernel, map))
}

#[test]
fn ids_in_a_pid_namespace() {
    const INUM: u64 = 0xf000_0123;
    let mut kernel = kernel_with_types();
    let ns = object(&mut kernel, "pid_namespace", &[("level", 1), ("ns.inum", INUM)]);
    let of = |kernel: &mut Kernel, nr: u64| {
        let pid = object(kernel, "pid", &[("level", 1), ("numbers.nr", 1000 + nr)]);
        // The second of `numbers`, which is an array in the kernel.
        kernel.memory().poke_u32(pid + 32, nr as u32).unwrap();
        kernel.memory().poke_u64(pid + 40, ns).unwrap();
        pid
    };
    let (thread, leader) = (of(&mut kernel, 7), of(&mut kernel, 5));
    let signal = object(&mut kernel, "signal_struct", &[("pids[1]", leader)]);
    let task = object(&mut kernel, "task_struct", &[("thread_pid", thread), ("signal", signal)]);
    kernel.set_current(0, task).unwrap();
    let found = [7u32.to_le_bytes(), 5u32.to_le_bytes()].concat();
    assert_eq!(ns_ids(&mut kernel, 4, INUM), (0, found));
    let none = (Errno::EINVAL.neg(), vec![0; 8]);
    for (dev, ino) in [(4, INUM + 1), (3, INUM), (4 | 1 << 32, INUM), (0, 0)] {
        assert_eq!(ns_ids(&mut kernel, dev, ino), none, "{dev:#x} {ino:#x}");
    }
    let task = object(&mut kernel, "task_struct", &[]);
    kernel.set_current(0, task).unwrap();
    assert_eq!(ns_ids(&mut kernel, 4, INUM), (Errno::ENOENT.neg(), vec![0; 8]));
}

#[test]
fn user_memory_of_a_task() {
    const USER: u64 = 0x7fff_0000_0000;
    let mut kernel = kernel_with_types();
    kernel.user_memory_mut().insert(USER, b"argv0\0").unwrap();
    let mm = object(&mut kernel, "mm_struct", &[]);
    let [user, thread] = [mm, 0].map(|mm| object(&mut kernel, "task_struct", &[("mm", mm)]));
    let current = kernel.current().unwrap().addr();
    let map = value_map(&mut kernel, 8);
    let mut copy = |from: u64, size: u32, task: u64, flags: u64| {
        set_value(&mut kernel, map, &[0xaa; 8]);
        let text = format!(
            "r1 = map[fd:{map}][0]+0 ll\nr2 = {size}\nr3 = {from:#x} ll\nr4 = {task:#x} ll\nr5 = {flags}\ncall 191\nexit"
        );
        (eval(&mut kernel, &text), value(&kernel, map))
    };
    let (ok, zeroed, kept) =
        (b"argv0\0\xaa\xaa".to_vec(), [vec![0; 6], vec![0xaa; 2]].concat(), vec![0xaa; 8]);
    assert_eq!(copy(USER, 6, user, 0), (0, ok.clone()));
    assert_eq!(copy(USER, 6, current, 0), (0, ok));
    assert_eq!(copy(USER, 6, thread, 0), (Errno::EFAULT.neg(), zeroed.clone()), "a kernel thread");
    assert_eq!(copy(USER + 1, 6, user, 0), (Errno::EFAULT.neg(), zeroed.clone()), "only some of it is there");
    assert_eq!(copy(mm, 6, user, 0), (Errno::EFAULT.neg(), zeroed));
    assert_eq!(copy(USER, 6, user, 1), (Errno::EINVAL.neg(), kept.clone()));
    assert_eq!(copy(USER, 0, user, 0), (0, kept));
}

#[test]
fn the_area_of_an_address() {
    let mut kernel = kernel_with_types();
    let mm = object(&mut kernel, "mm_struct", &[]);
    let task = object(&mut kernel, "task_struct", &[("mm", mm)]);
    let other = object(&mut kernel, "task_struct", &[]);
    object(&mut kernel, "vm_area_struct", &[("vm_start", 0x1000), ("vm_end", 0x3000), ("vm_mm", mm + 64)]);
    object(&mut kernel, "vm_area_struct", &[("vm_start", 0x1000), ("vm_end", 0x2000), ("vm_mm", mm)]);
    let map = value_map(&mut kernel, 24);
    let mut find = |task: u64, addr: u64, flags: u64| {
        set_value(&mut kernel, map, &[0; 24]);
        let text = format!(
            "r1 = {task:#x} ll\nr2 = {addr:#x}\nr3 = seen ll\nr4 = map[fd:{map}][0]+0 ll\nr5 = {flags}\ncall 180\nexit
             seen:\n*(u64 *)(r3 + 0) = r1\nr2 = *(u64 *)(r2 + 8)\n*(u64 *)(r3 + 8) = r2\nr0 = 1\nexit"
        );
        let r0 = eval(&mut kernel, &text);
        let word = |from: usize| u64::from_le_bytes(value(&kernel, map)[from..from + 8].try_into().unwrap());
        (r0, word(0), word(8))
    };
    assert_eq!(find(task, 0x1000, 0), (0, task, 0x2000));
    assert_eq!(find(task, 0x1fff, 0), (0, task, 0x2000));
    for (task, addr, flags, errno) in [
        (task, 0xfff, 0, Errno::ENOENT),
        (task, 0x2000, 0, Errno::ENOENT),
        (other, 0x1000, 0, Errno::ENOENT),
        (0, 0x1000, 0, Errno::ENOENT),
        (task, 0x1000, 1, Errno::EINVAL),
    ] {
        assert_eq!(find(task, addr, flags), (errno.neg(), 0, 0), "{task:#x} {addr:#x} {flags}");
    }
}
