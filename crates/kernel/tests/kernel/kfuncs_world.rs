//! Kernel functions that look around in the world, and those whose effects are the machine's.

use crate::support::{kernel_with, map_named, set_value, value, value_map, with_kfuncs};
use skep_abi::{MapType, ProgType};
use skep_kernel::{
    Class, Config, Context, Kernel, MapSpec, PacketCtx, ProgLoad, Ran, Run, RunError, Task, vmlinux,
};

fn machine() -> Kernel {
    let task = Task { cgroups: vec![1, 70, 71], ..Task::new(42, 42, "sshd") };
    kernel_with(Config { btf: Some(vmlinux::bundled()), task, ..Config::default() })
}

fn try_as(kernel: &mut Kernel, kind: ProgType, ctx: Context, text: &str) -> Result<Ran, RunError> {
    let fd = kernel.prog_load(ProgLoad::new("test", kind, with_kfuncs(text))).unwrap();
    assert_eq!(kernel.prog_info(fd).unwrap().warnings, [""; 0]);
    kernel.run(fd, Run::new(ctx))
}

fn eval(kernel: &mut Kernel, text: &str) -> u64 {
    try_as(kernel, ProgType::RawTracepoint, Context::None, text).unwrap_or_else(|error| panic!("{error}")).r0
}

fn fails(kernel: &mut Kernel, text: &str, why: &str) {
    let error = try_as(kernel, ProgType::RawTracepoint, Context::None, text).unwrap_err();
    assert_eq!(error.class(), Class::ProgramFault);
    assert!(error.to_string().contains(why), "{error}");
}

/// Runs an iterator of a function family with the setup in r2 and r3, and folds what comes into `r6 = r6 * 16 + r0`,
/// where `map` makes a small number of r0.
fn iterate(kernel: &mut Kernel, name: &str, setup: &str, map: &str) -> u64 {
    let text = format!(
        "{setup}
         r1 = r10
         r1 += -64
         kfunc bpf_iter_{name}_new
         r7 = r0
         r6 = 0
         next:
         r1 = r10
         r1 += -64
         kfunc bpf_iter_{name}_next
         if r0 == 0 goto done
         {map}
         r6 <<= 8
         r6 |= r0
         goto next
         done:
         r1 = r10
         r1 += -64
         kfunc bpf_iter_{name}_destroy
         r0 = r6
         if r7 == 0 goto out
         r0 = r7
         out:
         exit"
    );
    eval(kernel, &text)
}

/// The address of a task, with the machine's current one there.
fn task(kernel: &mut Kernel, pid: u32) -> u64 {
    kernel.current().unwrap();
    kernel.task_by_pid(pid).unwrap().unwrap().addr()
}

fn offset(path: &str, of: &str) -> u64 {
    let btf = vmlinux::bundled().vmlinux;
    let id = btf.find(skep_btf::Kind::Struct, of).unwrap();
    btf.field(id, path).unwrap().bit_offset / 8
}

#[test]
fn tasks_by_their_numbers() {
    let mut kernel = machine();
    kernel.spawn(&Task::new(77, 77, "child")).unwrap();
    for function in ["bpf_task_from_pid", "bpf_task_from_vpid"] {
        for (pid, is) in [(42, true), (77, true), (1, true), (0, false), (-1, false), (78, false)] {
            let found = eval(&mut kernel, &format!("r1 = {pid}\nkfunc {function}\nexit"));
            let wanted = if is { task(&mut kernel, pid as u32) } else { 0 };
            assert_eq!(found, wanted, "{function} {pid}");
        }
    }
}

#[test]
fn numbers_of_a_pid_namespace_are_its_own() {
    let mut kernel = machine();
    let child = kernel.spawn(&Task::new(77, 77, "child")).unwrap();
    let child = child.set("thread_pid.numbers[0].nr", 5).unwrap().addr();
    assert_eq!(eval(&mut kernel, "r1 = 5\nkfunc bpf_task_from_vpid\nexit"), child);
    assert_eq!(eval(&mut kernel, "r1 = 77\nkfunc bpf_task_from_vpid\nexit"), 0);
    assert_eq!(eval(&mut kernel, "r1 = 77\nkfunc bpf_task_from_pid\nexit"), child);
}

#[test]
fn all_tasks_and_the_threads_of_one() {
    let mut kernel = machine();
    for (pid, tgid) in [(77, 77), (78, 77), (79, 77)] {
        kernel.spawn(&Task::new(pid, tgid, "child")).unwrap();
    }
    let pid = format!("r0 = *(u32 *)(r0 + {})", offset("pid", "task_struct"));
    let of = |it: &[u64]| it.iter().fold(0, |sum, pid| sum << 8 | pid);
    let mut over = |flags: i64, task: u64| {
        let setup = format!("r2 = {task:#x} ll\nr3 = {flags}");
        iterate(&mut kernel, "task", &setup, &pid)
    };
    assert_eq!(over(0, 0), of(&[0, 1, 42, 77]));
    assert_eq!(over(1, 0), of(&[0, 1, 42, 77, 78, 79]));
    assert_eq!([over(2, 0) as i64, over(3, 0) as i64], [-22, -22]);
    let thread = task(&mut kernel, 78);
    let setup = format!("r2 = {thread:#x} ll\nr3 = 2");
    assert_eq!(iterate(&mut kernel, "task", &setup, &pid), of(&[78, 77, 79]));
}

#[test]
fn cgroups_up_and_down() {
    let mut kernel = machine();
    let current = task(&mut kernel, 42);
    let by_id =
        |kernel: &mut Kernel, id: u64| eval(kernel, &format!("r1 = {id}\nkfunc bpf_cgroup_from_id\nexit"));
    let [root, middle, own] = [1, 70, 71].map(|id| by_id(&mut kernel, id));
    assert!(root != 0 && middle != 0 && own != 0);
    assert_eq!(by_id(&mut kernel, 9), 0);
    let mut ancestor = |level: i64| {
        eval(&mut kernel, &format!("r1 = {own:#x} ll\nr2 = {level}\nkfunc bpf_cgroup_ancestor\nexit"))
    };
    assert_eq!([-1, 0, 1, 2, 3].map(&mut ancestor), [0, root, middle, own, 0]);
    let mut under = |cgroup: u64| {
        let text = format!("r1 = {current:#x} ll\nr2 = {cgroup:#x} ll\nkfunc bpf_task_under_cgroup\nexit");
        eval(&mut kernel, &text)
    };
    assert_eq!([root, middle, own].map(&mut under), [1, 1, 1]);
    let level = format!(
        "r0 -= {}\nr0 = *(u32 *)(r0 + {})\nr0 += 1",
        offset("self", "cgroup"),
        offset("level", "cgroup")
    );
    let css = |cgroup: u64| cgroup + offset("self", "cgroup");
    let mut over = |from: u64, flags: u32| {
        let setup = format!("r2 = {:#x} ll\nr3 = {flags}", css(from));
        iterate(&mut kernel, "css", &setup, &level)
    };
    assert_eq!([over(root, 2), over(root, 3), over(own, 4)], [0x01_02_03, 0x03_02_01, 0x03_02_01]);
    assert_eq!([over(middle, 2), over(own, 2)], [0x02_03, 0x03]);
    assert_eq!(over(root, 1) as i64, -22);
    let pid = format!("r0 = *(u32 *)(r0 + {})", offset("pid", "task_struct"));
    let mut inside = |cgroup: u64, flags: u32| {
        let setup = format!("r2 = {:#x} ll\nr3 = {flags}", css(cgroup));
        iterate(&mut kernel, "css_task", &setup, &pid)
    };
    assert_eq!([inside(own, 0), inside(own, 1), inside(middle, 0), inside(root, 3)], [42, 42, 0, 1]);
    assert_eq!(inside(own, 2) as i64, -22);
}

#[test]
fn areas_of_an_address_space_in_order() {
    let mut kernel = machine();
    let current = task(&mut kernel, 42);
    let mm = kernel.current().unwrap().get_u64("mm").unwrap();
    for start in [0x9000, 0x1000, 0x4000] {
        let area = kernel.object("vm_area_struct").unwrap();
        let area = area.set("vm_start", start).unwrap().set("vm_end", start + 0x1000).unwrap();
        area.set("vm_mm", mm).unwrap();
    }
    let start = format!("r0 = *(u64 *)(r0 + {})\nr0 >>= 12", offset("vm_start", "vm_area_struct"));
    let mut over = |task: u64, from: u64| {
        iterate(&mut kernel, "task_vma", &format!("r2 = {task:#x} ll\nr3 = {from}"), &start)
    };
    assert_eq!([over(current, 0), over(current, 0x2000), over(current, 0xa000)], [0x01_04_09, 0x04_09, 0]);
    let idle = kernel.idle_task(0).unwrap().addr();
    let setup = format!("r2 = {idle:#x} ll\nr3 = 0");
    assert_eq!(iterate(&mut kernel, "task_vma", &setup, "") as i64, -2);
}

#[test]
fn an_iterator_is_none_unless_it_was_made() {
    let mut kernel = machine();
    let text = "r1 = 64\n*(u64 *)(r10 - 8) = r1\nr1 = r10\nr1 += -8\nkfunc bpf_iter_task_next\nexit";
    fails(&mut kernel, text, "is no iterator that was made");
    // One that was not destroyed goes with the program.
    let text = "r2 = 0\nr3 = 0\nr1 = r10\nr1 += -24\nkfunc bpf_iter_task_new\nr0 = *(u64 *)(r10 - 24)\nexit";
    let addr = eval(&mut kernel, text);
    assert!(kernel.memory().object_at(addr).is_none());
}

#[test]
fn the_file_that_a_task_runs_and_its_path() {
    let mut kernel = machine();
    let (current, idle) = (task(&mut kernel, 42), kernel.idle_task(0).unwrap().addr());
    let exe = kernel.current().unwrap().get_u64("mm.exe_file").unwrap();
    let text = |task: u64| format!("r1 = {task:#x} ll\nkfunc bpf_get_task_exe_file\nexit");
    assert_eq!([eval(&mut kernel, &text(current)), eval(&mut kernel, &text(idle))], [exe, 0]);
    let path = exe + offset("f_path", "file");
    let out = value_map(&mut kernel, 64);
    let mut ask = |size: i64| {
        set_value(&mut kernel, out, &[0xaa; 64]);
        let text = format!(
            "r1 = {path:#x} ll\nr2 = map_value[{}][0] ll\nr3 = {size} ll\nkfunc bpf_path_d_path\nexit",
            out.0
        );
        let text = text.replace(&format!("map_value[{}][0] ll", out.0), "0 ll");
        let mut insns = with_kfuncs(&text);
        // BPF_PSEUDO_MAP_VALUE.
        (insns[2].src, insns[2].imm) = (2, out.0);
        let fd = kernel.prog_load(ProgLoad::new("test", ProgType::RawTracepoint, insns)).unwrap();
        let ran = kernel.run(fd, Run::default()).map_err(|error| error.to_string());
        (ran.map(|it| it.r0 as i64), value(&kernel, out))
    };
    let (len, text) = ask(64);
    assert_eq!(len, Ok(14));
    assert_eq!(&text[..14], b"/usr/bin/sshd\0");
    assert_eq!(ask(0).0, Ok(-22));
    assert_eq!(ask(5).0, Ok(-36));
    assert!(ask(65).0.is_err());
}

#[test]
fn a_lock_that_is_held_is_not_waited_for() {
    let mut kernel = machine();
    let lock = "r1 = r10\nr1 += -8\nkfunc bpf_res_spin_lock\n";
    let unlock = "r1 = r10\nr1 += -8\nkfunc bpf_res_spin_unlock\n";
    let zero = "r1 = 0\n*(u64 *)(r10 - 8) = r1\n";
    let twice = format!("{zero}{lock}r6 = r0\n{lock}r7 = r0\n{unlock}r0 = r7\nexit");
    assert_eq!(eval(&mut kernel, &twice) as i64, -35);
    assert_eq!(eval(&mut kernel, &format!("{zero}{lock}{unlock}{lock}r6 = r0\n{unlock}r0 = r6\nexit")), 0);
    fails(&mut kernel, &format!("{zero}{lock}r0 = 0\nexit"), "bpf_res_spin_unlock is missing");
    fails(&mut kernel, &format!("{zero}{unlock}r0 = 0\nexit"), "is no lock that is held");
    let taken = format!("r1 = 1\n*(u64 *)(r10 - 8) = r1\n{lock}exit");
    assert_eq!(eval(&mut kernel, &taken) as i64, -110);
    let two = format!(
        "{zero}r1 = 0\n*(u64 *)(r10 - 16) = r1\n{lock}r1 = r10\nr1 += -16\nkfunc bpf_res_spin_lock\n{unlock}exit"
    );
    fails(&mut kernel, &two, "is not the lock that was taken last");
}

#[test]
fn interrupts_are_turned_on_as_often_as_off() {
    let mut kernel = machine();
    let save = |at: i32| format!("r1 = r10\nr1 += {at}\nkfunc bpf_local_irq_save\n");
    let restore = |at: i32| format!("r1 = r10\nr1 += {at}\nkfunc bpf_local_irq_restore\n");
    let text = [save(-8), save(-16), restore(-16), restore(-8)].concat();
    let both = format!("{text}r0 = *(u64 *)(r10 - 8)\nr1 = *(u64 *)(r10 - 16)\nr0 ^= r1\nexit");
    // The interrupt flag of x86 is what differs.
    assert_eq!(eval(&mut kernel, &both), 1 << 9);
    let once = format!("r1 = 0\n*(u64 *)(r10 - 8) = r1\n{}r0 = 0\nexit", restore(-8));
    fails(&mut kernel, &once, "is no state of interrupts that was saved");
}

#[test]
fn signals_to_other_tasks() {
    let mut kernel = machine();
    kernel.spawn(&Task::new(77, 77, "child")).unwrap();
    let (child, first) = (task(&mut kernel, 77), task(&mut kernel, 1));
    let mut send = |task: u64, number: u32, kind: u32| {
        let text = format!(
            "r1 = {task:#x} ll\nr2 = {number}\nr3 = {kind}\nr4 = 0\nkfunc bpf_send_signal_task\nexit"
        );
        let ran = try_as(&mut kernel, ProgType::RawTracepoint, Context::None, &text).unwrap();
        (ran.r0 as i64, ran.effects.signals.first().map(|it| (it.number, it.thread, it.pid)))
    };
    assert_eq!(send(child, 9, 1), (0, Some((9, false, 77))));
    assert_eq!(send(child, 9, 0), (0, Some((9, true, 77))));
    assert_eq!(send(child, 9, 2), (-22, None));
    assert_eq!(send(child, 99, 1), (-22, None));
    assert_eq!(send(first, 9, 1), (-1, None));
}

#[test]
fn the_kernels_view_of_a_packet() {
    let mut kernel = machine();
    let mut packet = vec![0; 64];
    packet[12] = 0x08;
    packet[14] = 0x45;
    let of = |field, of| offset(field, of);
    let text = format!(
        "kfunc bpf_cast_to_kern_ctx
         r1 = *(u64 *)(r0 + {})
         r2 = *(u32 *)(r0 + {})
         r3 = *(u8 *)(r1 + 14)
         r2 <<= 8
         r2 |= r3
         r3 = *(u64 *)(r0 + {})
         r3 = *(u32 *)(r3 + {})
         r2 <<= 8
         r2 |= r3
         r0 = r2
         exit",
        of("data", "sk_buff"),
        of("len", "sk_buff"),
        of("dev", "sk_buff"),
        of("ifindex", "net_device"),
    );
    let ctx = Context::Packet(PacketCtx::new(packet.clone()));
    let before = kernel.memory().objects().len();
    let ran = try_as(&mut kernel, ProgType::SchedCls, ctx.clone(), &text).unwrap();
    assert_eq!(ran.r0, 64 << 16 | 0x45 << 8 | 2);
    let ran = try_as(&mut kernel, ProgType::SchedCls, ctx, &text).unwrap();
    assert_eq!(ran.r0, 64 << 16 | 0x45 << 8 | 2);
    let made = kernel.memory().objects().iter().filter(|it| &*it.name == "sk_buff").count();
    assert_eq!(made, 0, "{before}");
    let text = format!(
        "r6 = r1\nkfunc bpf_cast_to_kern_ctx\nr1 = *(u64 *)(r0 + {})\nr2 = *(u64 *)(r0 + {})\nr0 = r2\nr0 -= r1\nexit",
        of("data", "xdp_buff"),
        of("data_end", "xdp_buff")
    );
    let ctx = Context::Packet(PacketCtx::new(packet));
    assert_eq!(try_as(&mut kernel, ProgType::Xdp, ctx, &text).unwrap().r0, 64);
    // Other contexts are the kernel's own.
    let same = "r6 = r1\nkfunc bpf_cast_to_kern_ctx\nr0 -= r6\nexit";
    let ran = try_as(&mut kernel, ProgType::RawTracepoint, Context::Raw(vec![1, 2]), same).unwrap();
    assert_eq!(ran.r0, 0);
    let text = "r1 = 7\nr2 = 9\nkfunc bpf_rdonly_cast\nexit";
    assert_eq!(eval(&mut kernel, text), 7);
}

#[test]
fn elements_of_maps_are_counted() {
    let mut kernel = machine();
    let hash = map_named(&mut kernel, "hash", MapSpec::new(MapType::Hash, 4, 4, 8));
    let array = map_named(&mut kernel, "array", MapSpec::new(MapType::Array, 4, 4, 8));
    for key in 0..3u32 {
        kernel.map_update_elem(hash, &key.to_le_bytes(), &[0; 4], 0).unwrap();
    }
    let mut count = |map: skep_kernel::Fd| {
        let mut insns = with_kfuncs("r1 = 0 ll\nkfunc bpf_map_sum_elem_count\nexit");
        (insns[0].src, insns[0].imm) = (1, map.0);
        let fd = kernel.prog_load(ProgLoad::new("test", ProgType::RawTracepoint, insns)).unwrap();
        kernel.run(fd, Run::default()).unwrap().r0
    };
    assert_eq!((count(hash), count(array)), (3, 0));
}

#[test]
fn strings_of_user_space() {
    let mut kernel = machine();
    kernel.user_memory_mut().insert(0x10_0000, b"hello\0world".to_vec()).unwrap();
    let ask = |kernel: &mut Kernel, size: u32, from: u64, flags: u64| {
        let text = format!(
            "r1 = -1\n*(u64 *)(r10 - 8) = r1\nr1 = r10\nr1 += -8\nr2 = {size}\nr3 = {from}\nr4 = {flags}\n
             kfunc bpf_copy_from_user_str\nr6 = r0\nr0 = *(u64 *)(r10 - 8)\nr0 = be64 r0\nif r6 s< 0 goto out\nr0 >>= 8\nr6 <<= 56\nr0 |= r6\nout:\nexit"
        );
        eval(kernel, &text)
    };
    assert_eq!(ask(&mut kernel, 8, 0x10_0000, 1), u64::from_be_bytes(*b"\x06hello\0\0"));
    assert_eq!(ask(&mut kernel, 8, 0x10_0000, 0), u64::from_be_bytes(*b"\x06hello\0\xff"));
    assert_eq!(ask(&mut kernel, 4, 0x10_0000, 0), u64::from_be_bytes(*b"\x04hel\0\xff\xff\xff"));
    assert_eq!(ask(&mut kernel, 8, 0x5000, 0), 0);
    assert_eq!(ask(&mut kernel, 8, 0x10_0000, 2), u64::MAX);
    let text =
        "r1 = r10\nr1 += -8\nr2 = 8\nr3 = 0x100000\nr4 = 0\nr5 = 0\nkfunc bpf_copy_from_user_task_str\nexit";
    assert_eq!(eval(&mut kernel, text) as i64, -14);
    assert_eq!(eval(&mut kernel, "r1 = 5\nkfunc bpf_get_kmem_cache\nexit"), 0);
}

#[test]
fn every_kernel_function_is_in_the_types() {
    let btf = vmlinux::bundled().vmlinux;
    let missing: Vec<_> = skep_kernel::emulated_kfuncs()
        .filter(|name| btf.find(skep_btf::Kind::Func, name).is_none())
        .collect();
    assert_eq!(missing, [""; 0]);
}
