//! Call stacks: what programs are given of the one that a test chose.

use crate::support::{asm, eval, load, set_value, value, value_map};
use crate::types::{kernel_with_types, object};
use proptest::prelude::*;
use skep_abi::{Errno, ProgType};
use skep_kernel::{CallStack, Config, Context, Fd, Kernel, MappedFile, ProgLoad, PtRegs, Run};

const USER: u64 = 1 << 8;
const FAST: u64 = 1 << 9;
const BUILD_ID: u64 = 1 << 11;
const ROOM: usize = 160;

fn get_stack(kernel: &mut Kernel, buffer: Fd, size: usize, flags: u64) -> (i64, Vec<u8>) {
    set_value(kernel, buffer, &[0xaa; ROOM]);
    let text = format!("r2 = map[fd:{buffer}][0]+0 ll\nr3 = {size}\nr4 = {flags:#x} ll\ncall 67\nexit");
    (eval(kernel, &text), value(kernel, buffer)[..size].to_vec())
}

fn bytes(ips: &[u64], size: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = ips.iter().flat_map(|ip| ip.to_le_bytes()).collect();
    bytes.resize(size, 0);
    bytes
}

#[test]
fn entries_are_names_or_addresses() {
    let mut kernel = Kernel::new(Config::default()).unwrap();
    let buffer = value_map(&mut kernel, ROOM as u32);
    kernel.set_stack(&["vfs_read", "ksys_read+0x52", "0xffffffff81234567"], &["main+8", "0x401000"]);
    let vfs_read = kernel.symbol_address("vfs_read");
    let ksys_read = kernel.symbol_address("ksys_read");
    let ips = [vfs_read, ksys_read + 0x52, 0xffff_ffff_8123_4567];
    assert_eq!(get_stack(&mut kernel, buffer, 40, 0), (24, bytes(&ips, 40)));
    let (len, user) = get_stack(&mut kernel, buffer, 16, USER);
    let main = u64::from_le_bytes(user[..8].try_into().unwrap());
    assert_eq!((len, kernel.symbol(main).as_deref()), (16, Some("main+0x8")));
    assert_eq!(kernel.symbol(ips[1]).as_deref(), Some("ksys_read+0x52"));
    assert_eq!(kernel.symbol(ips[2]), None);
}

#[test]
fn skipping_and_room() {
    let mut kernel = Kernel::new(Config::default()).unwrap();
    let buffer = value_map(&mut kernel, ROOM as u32);
    kernel.set_call_stack(Some(CallStack { kernel: vec![1, 2, 3], user: vec![] }));
    assert_eq!(get_stack(&mut kernel, buffer, 16, 0), (16, bytes(&[1, 2], 16)));
    assert_eq!(get_stack(&mut kernel, buffer, 16, 1), (16, bytes(&[2, 3], 16)));
    assert_eq!(get_stack(&mut kernel, buffer, 16, 2), (8, bytes(&[3], 16)));
    assert_eq!(
        get_stack(&mut kernel, buffer, 16, 3),
        (0, bytes(&[], 16)),
        "nothing is left, which is no error"
    );
    assert_eq!(get_stack(&mut kernel, buffer, 16, 4), (Errno::EFAULT.neg(), bytes(&[], 16)));
    assert_eq!(get_stack(&mut kernel, buffer, 16, USER), (0, bytes(&[], 16)));
}

#[test]
fn what_is_refused_leaves_zeroes() {
    let mut kernel = Kernel::new(Config::default()).unwrap();
    let buffer = value_map(&mut kernel, ROOM as u32);
    for (size, flags) in
        [(8, FAST), (8, 1 << 10), (8, 1 << 12), (12, 0), (32, BUILD_ID), (24, BUILD_ID | USER)]
    {
        let expected = (Errno::EINVAL.neg(), vec![0; size]);
        assert_eq!(get_stack(&mut kernel, buffer, size, flags), expected, "{size} {flags:#x}");
    }
}

#[test]
fn build_ids() {
    let mut kernel = Kernel::new(Config::default()).unwrap();
    let buffer = value_map(&mut kernel, ROOM as u32);
    kernel.map_file(MappedFile { start: 0x40_0000, len: 0x1000, offset: 0x2000, build_id: [7; 20] });
    kernel.set_stack(&[], &["0x400123", "0x401000"]);
    let (len, found) = get_stack(&mut kernel, buffer, 64, BUILD_ID | USER);
    let in_file = [&1u32.to_le_bytes()[..], &[7; 20], &0x2123u64.to_le_bytes()].concat();
    let address = [&2u32.to_le_bytes()[..], &[0; 20], &0x40_1000u64.to_le_bytes()].concat();
    assert_eq!((len, found), (64, [in_file, address].concat()));
}

/// What is probed comes first; a probe in user space has interrupted no function of the kernel.
#[test]
fn without_a_choice() {
    let mut kernel = Kernel::new(Config::default()).unwrap();
    let buffer = value_map(&mut kernel, ROOM as u32);
    let probed = kernel.symbol_address("do_unlinkat");
    let text = |flags| format!("r2 = map[fd:{buffer}][0]+0 ll\nr3 = 80\nr4 = {flags}\ncall 67\nexit");
    let mut names = |regs: PtRegs, flags: u64| {
        let prog = load(&mut kernel, ProgType::Kprobe, &text(flags));
        let len = kernel.run(prog, Run::new(Context::Regs(regs))).unwrap().r0 as usize;
        let bytes = value(&kernel, buffer)[..len].to_vec();
        let ips = bytes.chunks(8).map(|it| u64::from_le_bytes(it.try_into().unwrap()));
        ips.map(|ip| kernel.symbol(ip).unwrap_or_else(|| format!("{ip:#x}"))).collect::<Vec<_>>()
    };
    let in_kernel = PtRegs { rip: probed, ..PtRegs::call(&[]) };
    assert_eq!(names(in_kernel, 0), ["do_unlinkat", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"]);
    assert_eq!(names(in_kernel, USER), ["main", "__libc_start_main", "_start"]);
    let in_user = PtRegs { rip: 0x1234, cs: 0x33, ..PtRegs::default() };
    assert_eq!(names(in_user, 0), [""; 0]);
    assert_eq!(names(in_user, USER), ["0x1234", "main", "__libc_start_main", "_start"]);
}

#[test]
fn of_tasks() {
    let mut kernel = kernel_with_types();
    let buffer = value_map(&mut kernel, ROOM as u32);
    let [other, asleep] = [1, 2].map(|pid| object(&mut kernel, "task_struct", &[("pid", pid)]));
    let current = kernel.current().unwrap().addr();
    kernel.set_call_stack(Some(CallStack { kernel: vec![1, 2], user: vec![3] }));
    kernel.set_task_stack(other, &["0xffffffff81000001"]);
    let mut of = |task: u64, flags: u64| {
        set_value(&mut kernel, buffer, &[0xaa; ROOM]);
        let text = format!(
            "r1 = {task:#x} ll\nr2 = map[fd:{buffer}][0]+0 ll\nr3 = 32\nr4 = {flags:#x} ll\ncall 141\nexit"
        );
        (eval(&mut kernel, &text), value(&kernel, buffer)[..32].to_vec())
    };
    assert_eq!(of(current, 0), (16, bytes(&[1, 2], 32)));
    assert_eq!(of(current, USER), (8, bytes(&[3], 32)));
    assert_eq!(of(other, 0), (8, bytes(&[0xffff_ffff_8100_0001], 32)));
    assert_eq!(of(other, USER), (Errno::EOPNOTSUPP.neg(), vec![0; 32]));
    assert_eq!(of(other, FAST), (Errno::EINVAL.neg(), vec![0; 32]));
    assert_eq!(of(asleep, 0).0, 16, "a task that sleeps is in the scheduler");
    kernel.set_stack(&["0x1"], &[]);
    let text =
        format!("r1 = {current:#x} ll\nr2 = map[fd:{buffer}][0]+0 ll\nr3 = 32\nr4 = 256\ncall 141\nexit");
    assert_eq!(eval(&mut kernel, &text), Errno::EFAULT.neg(), "a kernel thread");
}

proptest! {
    /// Against the kernel's rule in one line: as many entries behind the skipped ones as there is room for, of the first
    /// 127.
    #[test]
    fn as_the_model(depth in 0usize..160, skip in 0u64..256, slots in 0usize..20) {
        let mut kernel = Kernel::new(Config::default()).unwrap();
        let buffer = value_map(&mut kernel, ROOM as u32);
        let ips: Vec<u64> = (1..=depth as u64).collect();
        kernel.set_call_stack(Some(CallStack { kernel: ips.clone(), user: vec![] }));
        let walked = depth.min(127).min(slots + skip as usize);
        let expected = match walked.checked_sub(skip as usize) {
            Some(count) => (8 * count as i64, bytes(&ips[skip as usize..walked], 8 * slots)),
            None => (Errno::EFAULT.neg(), vec![0; 8 * slots]),
        };
        prop_assert_eq!(get_stack(&mut kernel, buffer, 8 * slots, skip), expected);
    }
}

#[test]
fn a_long_stack_costs_more_than_a_short_one() {
    let mut kernel = Kernel::new(Config::default()).unwrap();
    let buffer = value_map(&mut kernel, ROOM as u32);
    let text = format!("r2 = map[fd:{buffer}][0]+0 ll\nr3 = 160\nr4 = 0\ncall 67\nexit");
    let prog = kernel.prog_load(ProgLoad::new("walk", ProgType::RawTracepoint, asm(&text))).unwrap();
    let mut charges = |depth: u64| {
        kernel.set_call_stack(Some(CallStack { kernel: (0..depth).collect(), user: vec![] }));
        kernel.run(prog, Run::default()).unwrap().charges
    };
    assert!(charges(1) < charges(20));
}
