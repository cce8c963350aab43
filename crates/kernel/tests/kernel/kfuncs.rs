//! Kernel functions that programs call by BTF id.

use crate::support::{kernel_with, with_kfuncs};
use skep_abi::ProgType;
use skep_isa::Insn;
use skep_kernel::{Class, Config, Fire, Kernel, ProgLoad, Run, Target, args, vmlinux};

fn machine() -> Kernel {
    kernel_with(Config { btf: Some(vmlinux::bundled()), ..Config::default() })
}

fn run(text: &str) -> u64 {
    let mut kernel = machine();
    let fd = kernel.prog_load(ProgLoad::new("test", ProgType::RawTracepoint, with_kfuncs(text))).unwrap();
    assert_eq!(kernel.prog_info(fd).unwrap().warnings, [""; 0]);
    kernel.run(fd, Run::default()).unwrap_or_else(|error| panic!("{error}")).r0
}

#[test]
fn numbers_are_iterated_over_as_bpf_for_does() {
    let sum = |from: i32, to: i32| {
        run(&format!(
            "r6 = 0
             r1 = r10
             r1 += -8
             r2 = {from}
             r3 = {to}
             kfunc bpf_iter_num_new
             r7 = r0
             next:
             r1 = r10
             r1 += -8
             kfunc bpf_iter_num_next
             if r0 == 0 goto done
             r1 = *(s32 *)(r0 + 0)
             r6 += r1
             goto next
             done:
             r1 = r10
             r1 += -8
             kfunc bpf_iter_num_destroy
             r0 = r6
             if r7 == 0 goto out
             r0 = r7
             out:
             exit"
        )) as i64
    };
    assert_eq!((sum(0, 5), sum(-3, 2), sum(7, 7)), (10, -5, 0));
    // EINVAL and E2BIG.
    assert_eq!((sum(5, 0), sum(0, 1 << 24)), (-22, -7));
}

#[test]
fn sets_of_cpus() {
    let r0 = run("kfunc bpf_cpumask_create
         r6 = r0
         r1 = 2
         r2 = r6
         kfunc bpf_cpumask_set_cpu
         r1 = 200
         r2 = r6
         kfunc bpf_cpumask_set_cpu
         r1 = r6
         kfunc bpf_cpumask_first
         r7 = r0
         r1 = r6
         kfunc bpf_cpumask_setall
         r1 = r6
         kfunc bpf_cpumask_weight
         r7 <<= 8
         r7 |= r0
         r1 = r6
         kfunc bpf_cpumask_release
         r0 = r7
         exit");
    assert_eq!(r0, 2 << 8 | 4);
}

#[test]
fn both_sides_of_a_session_share_a_cookie() {
    let mut kernel = machine();
    // The entry leaves 5 there, the return adds one.
    let text = "kfunc bpf_session_cookie\nr6 = r0\nkfunc bpf_session_is_return\nif r0 == 0 goto entry\nr0 = *(u64 *)(r6 + 0)\nr0 += 1\nexit\nentry:\nr0 = *(u64 *)(r6 + 0)\n*(u64 *)(r6 + 0) = 5\nexit";
    let fd = kernel.prog_load(ProgLoad::new("test", ProgType::Kprobe, with_kfuncs(text))).unwrap();
    let target = Target::KprobeSession { pattern: "do_unlinkat".to_owned() };
    let mut fire = |args| kernel.fire(fd, Fire::new(&target, args)).unwrap().r0;
    assert_eq!((fire(args! { dfd: 1 }), fire(args! { ret: 0 })), (0, 6));
    assert_eq!((fire(args! { dfd: 1 }), fire(args! { ret: 0 })), (0, 6));
}

#[test]
fn what_is_not_emulated_is_said_by_name() {
    let mut kernel = machine();
    let insns = vec![Insn::new(0x85, 0, 2, 0, 1), Insn::new(0x95, 0, 0, 0, 0)];
    let fd = kernel.prog_load(ProgLoad::new("test", ProgType::RawTracepoint, insns)).unwrap();
    assert_eq!(kernel.prog_info(fd).unwrap().warnings.len(), 1);
    assert_eq!(kernel.run(fd, Run::default()).unwrap_err().class(), Class::NotEmulated);
}
