//! `bpf(2)` from syscall programs, and cgroups of the current task.

use crate::support::{eval, load, set_value, value, value_map};
use crate::types::{kernel_with_types, object};
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Fd, Kernel, MapSpec, OutsideKind, Run, RunError};

/// The attributes of a command: numbers at offsets.
fn attr(fields: &[(usize, u64, usize)]) -> Vec<u8> {
    let mut bytes = vec![0; 256];
    for (at, value, size) in fields {
        bytes[*at..at + size].copy_from_slice(&value.to_le_bytes()[..*size]);
    }
    bytes
}

struct Machine {
    kernel: Kernel,
    attr: Fd,
}

impl Machine {
    fn new() -> Machine {
        let mut kernel = crate::support::kernel();
        let attr = value_map(&mut kernel, 256);
        Machine { kernel, attr }
    }

    fn call(&mut self, command: u64, bytes: &[u8], size: u32) -> Result<i64, RunError> {
        set_value(&mut self.kernel, self.attr, bytes);
        let text = format!("r1 = {command}\nr2 = map[fd:{}][0]+0 ll\nr3 = {size}\ncall 166\nexit", self.attr);
        let prog = load(&mut self.kernel, ProgType::Syscall, &text);
        let ran = self.kernel.run(prog, Run::default());
        self.kernel.close(prog).unwrap();
        ran.map(|it| it.r0 as i64)
    }

    fn bpf(&mut self, command: u64, fields: &[(usize, u64, usize)], size: u32) -> i64 {
        self.call(command, &attr(fields), size).unwrap_or_else(|error| panic!("{error}"))
    }
}

#[test]
fn a_program_makes_a_map_and_fills_it() {
    let mut machine = Machine::new();
    let hash = [(0, 1, 4), (4, 4, 4), (8, 8, 4), (12, 16, 4), (28, 0x7374_6f63, 4)];
    let fd = machine.bpf(0, &hash, 80);
    assert!(fd > 0, "{fd}");
    let spec = machine.kernel.map_info(Fd(fd as i32)).unwrap();
    assert_eq!((spec.kind, spec.max_entries, spec.name.as_str()), (MapType::Hash, 16, "cots"));
    // Key and value lie behind the attributes.
    let addr = {
        let text = format!("r0 = map[fd:{}][0]+0 ll\nexit", machine.attr);
        eval(&mut machine.kernel, &text) as u64
    };
    let put = [(0, fd as u64, 4), (8, addr + 200, 8), (16, addr + 208, 8), (200, 7, 4), (208, 99, 8)];
    assert_eq!(machine.bpf(2, &put, 32), 0);
    assert_eq!(machine.kernel.map_lookup_elem(Fd(fd as i32), &[7, 0, 0, 0]).unwrap(), 99u64.to_le_bytes());
    let exists = [&put[..], &[(24, 1, 8)]].concat();
    assert_eq!(machine.bpf(2, &exists, 32), Errno::EEXIST.neg());
    assert_eq!(machine.bpf(3, &put[..2], 16), Errno::ENOENT.neg(), "key 0");
    let with_key = [(0, fd as u64, 4), (8, addr + 200, 8), (200, 7, 4)];
    assert_eq!(machine.bpf(3, &with_key, 16), 0);
    assert_eq!(machine.bpf(22, &[(0, fd as u64, 4)], 4), 0);
    assert_eq!(machine.bpf(2, &put, 32), Errno::EPERM.neg(), "it is frozen");
}

#[test]
fn what_is_refused() {
    let mut machine = Machine::new();
    let array = [(0, 2, 4), (4, 4, 4), (8, 8, 4), (12, 1, 4)];
    for (command, fields, size, errno) in [
        (0, vec![(0, 2, 4), (4, 8, 4), (8, 8, 4), (12, 1, 4)], 80, Errno::EINVAL),
        (0, vec![(0, 99, 4)], 80, Errno::EINVAL),
        (0, [&array[..], &[(80, 1, 1)]].concat(), 168, Errno::EINVAL),
        (0, [&array[..], &[(170, 1, 1)]].concat(), 200, Errno::E2BIG),
        (2, vec![(0, 4711, 4)], 32, Errno::EBADF),
        (1, vec![], 32, Errno::EINVAL),
        (4, vec![], 32, Errno::EINVAL),
        (99, vec![], 32, Errno::EINVAL),
    ] {
        assert_eq!(machine.bpf(command, &fields, size), errno.neg(), "{command} {fields:?}");
    }
    assert_eq!(machine.bpf(5, &[], 128), Errno::E2BIG.neg(), "a program without instructions");
    assert_eq!(machine.bpf(0, &[(0, 2, 4), (48, 3, 4)], 128), Errno::EINVAL.neg());
}

#[test]
fn a_program_loads_types_and_a_program() {
    let mut machine = Machine::new();
    let addr = {
        let text = format!("r0 = map[fd:{}][0]+0 ll\nexit", machine.attr);
        eval(&mut machine.kernel, &text) as u64
    };
    // `r0 = 2; exit` and the license lie behind the attributes, and so do types: an int.
    let prog = [(200, 0x2_0000_00b7, 8), (208, 0x95, 8), (216, 0x4c_5047, 4)];
    let load = [(0, 6, 4), (4, 2, 4), (8, addr + 200, 8), (16, addr + 216, 8)];
    let fd = machine.bpf(5, &[&load[..], &prog].concat(), 168);
    assert!(fd > 0, "{fd}");
    let info = machine.kernel.prog_info(Fd(fd as i32)).unwrap();
    assert!(matches!(info.verdict, skep_kernel::Verdict::Accepted { .. }), "it is verified");
    let types = [
        (200, 0x18_0001_eb9f, 8),
        (208, 0x10_0000_0000, 8),
        (216, 0x5_0000_0010, 8),
        (224, 0x0100_0000_0000_0001, 8),
        (232, 0x0100_0020_0000_0004, 8),
        (240, 0x746e_6900, 4),
    ];
    let fd = machine.bpf(18, &[&[(0, addr + 200, 8), (16, 45, 4)][..], &types].concat(), 40);
    assert!(fd > 0, "{fd}");
    assert!(machine.kernel.btf_info(Fd(fd as i32)).is_ok());
}

#[test]
fn a_program_closes_an_fd() {
    let mut machine = Machine::new();
    let map = value_map(&mut machine.kernel, 8);
    let text = format!("r1 = {map}\ncall 168\nexit");
    let prog = load(&mut machine.kernel, ProgType::Syscall, &text);
    let mut close = || machine.kernel.run(prog, Run::default()).unwrap().r0 as i64;
    assert_eq!([close(), close()], [0, Errno::EBADF.neg()]);
    assert_eq!(machine.kernel.map_info(map).unwrap_err(), Errno::EBADF);
    let attr = machine.attr;
    assert_eq!(value(&machine.kernel, attr).len(), 256);
}

#[test]
fn the_cgroup_of_the_current_task() {
    let mut kernel = kernel_with_types();
    let cgroup = |kernel: &mut Kernel, level: u64, ancestors: &[u64]| {
        let addr = object(kernel, "cgroup", &[("level", level)]);
        for (i, ancestor) in ancestors.iter().chain([&addr]).enumerate() {
            kernel.object_at(addr, "cgroup").unwrap().set(&format!("ancestors[{i}]"), *ancestor).unwrap();
        }
        addr
    };
    let root = cgroup(&mut kernel, 0, &[]);
    let [own, other] = [0, 1].map(|_| cgroup(&mut kernel, 1, &[root]));
    let below = cgroup(&mut kernel, 2, &[root, own]);
    let array = kernel.map_create(&MapSpec::new(MapType::CgroupArray, 4, 4, 8)).unwrap();
    for (slot, addr) in [root, own, other, below].into_iter().enumerate() {
        let fd = kernel.open_object(OutsideKind::Cgroup, addr).unwrap();
        kernel.map_update_elem(array, &(slot as u32).to_le_bytes(), &fd.0.to_le_bytes(), 0).unwrap();
    }
    let set = object(&mut kernel, "css_set", &[("dfl_cgrp", own)]);
    let task = object(&mut kernel, "task_struct", &[("cgroups", set)]);
    kernel.set_current(0, task).unwrap();
    let mut under =
        |slot: u64| eval(&mut kernel, &format!("r1 = map[fd:{array}] ll\nr2 = {slot:#x} ll\ncall 37\nexit"));
    assert_eq!([under(0), under(1), under(2), under(3)], [1, 1, 0, 0]);
    assert_eq!([under(4), under(8)], [Errno::EAGAIN.neg(), Errno::E2BIG.neg()]);
    assert_eq!(under(1 << 32), 1, "32 bits of the index count");
}
