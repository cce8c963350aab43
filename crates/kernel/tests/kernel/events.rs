//! Events: attached programs run when something happens, in the kernel's order and by its rules.

use skep_abi::ctx::{sk_buff, xdp_md};
use skep_abi::{AttachType, MapType, ProgType};
use skep_isa::asm::assemble;
use skep_kernel::{
    Args, Config, Context, Device, Fd, Kernel, LinkCreate, MapSpec, Outcome, PacketCtx, ProgLoad, Stage,
    StructCtx, vmlinux,
};

fn kernel() -> Kernel {
    let mut kernel = Kernel::new(Config { btf: Some(vmlinux::bundled()), ..Config::default() }).unwrap();
    for ifindex in [2, 3, 4] {
        kernel.net_mut().add_device(Device::new(ifindex));
    }
    kernel
}

fn load(kernel: &mut Kernel, name: &str, prog_type: ProgType, attach: AttachType, text: &str) -> Fd {
    let mut load = ProgLoad::new(name, prog_type, assemble(text).unwrap());
    load.expected_attach_type = attach.to_u32();
    kernel.prog_load(load).unwrap()
}

fn on_device(kernel: &mut Kernel, name: &str, attach: AttachType, ifindex: u32, text: &str) -> Fd {
    let prog_type = if attach == AttachType::Xdp { ProgType::Xdp } else { ProgType::SchedCls };
    let prog = load(kernel, name, prog_type, attach, text);
    kernel.link_create(&LinkCreate::new(prog, attach).on(ifindex)).unwrap()
}

fn packet() -> PacketCtx {
    PacketCtx::new((0..64).collect())
}

/// XDP first, then tcx in the order of attachment until one decides; what one writes the next one sees.
#[test]
fn a_packet_meets_xdp_and_then_tcx() {
    let mut kernel = kernel();
    on_device(&mut kernel, "first", AttachType::Xdp, 2, "r0 = 2\nexit");
    let mark = sk_buff::mark.offset;
    let next = format!("*(u32 *)(r1 + {mark}) = 7\nr0 = -1\nexit");
    on_device(&mut kernel, "marks", AttachType::TcxIngress, 2, &next);
    let decides = format!("r1 = *(u32 *)(r1 + {mark})\nr0 = 2\nif r1 == 7 goto +1\nr0 = 0\nexit");
    on_device(&mut kernel, "drops", AttachType::TcxIngress, 2, &decides);
    on_device(&mut kernel, "never", AttachType::TcxIngress, 2, "r0 = 0\nexit");
    on_device(&mut kernel, "other", AttachType::TcxIngress, 3, "r0 = 0\nexit");

    let journey = kernel.receive(2, 0, packet()).unwrap();
    assert_eq!(journey.programs(), ["first", "marks", "drops"]);
    assert_eq!(journey.outcomes, [Outcome::Dropped { ifindex: 2, stage: Stage::TcxIngress }]);
    let journey = kernel.receive(4, 0, packet()).unwrap();
    assert_eq!(journey.outcomes, [Outcome::Delivered { ifindex: 4, packet: packet().data }]);
    let journey = kernel.receive(9, 0, packet()).unwrap();
    assert_eq!(journey.outcomes, [Outcome::NoDevice { ifindex: 9 }]);
}

#[test]
fn when_the_last_fd_of_a_link_goes_its_program_does_not_run() {
    let mut kernel = kernel();
    let link = on_device(&mut kernel, "drop", AttachType::Xdp, 2, "r0 = 1\nexit");
    assert_eq!(kernel.receive(2, 0, packet()).unwrap().programs(), ["drop"]);
    kernel.close(link).unwrap();
    assert_eq!(kernel.receive(2, 0, packet()).unwrap().programs(), [""; 0]);
}

/// The program of the DEVMAP's element runs before the packet leaves the device that it is sent to.
#[test]
fn a_devmaps_program_runs_where_the_packet_is_sent() {
    let mut kernel = kernel();
    let map = kernel.map_create(&MapSpec::new(MapType::Devmap, 4, 8, 4).with_name("ports")).unwrap();
    let (seen, ingress) = (xdp_md::egress_ifindex.offset, xdp_md::ingress_ifindex.offset);
    let text = format!(
        "r2 = *(u32 *)(r1 + {seen})
         r3 = *(u32 *)(r1 + {ingress})
         r0 = 1
         if r2 != 3 goto +2
         if r3 != 2 goto +1
         r0 = 2
         exit"
    );
    let last = load(&mut kernel, "last", ProgType::Xdp, AttachType::XdpDevmap, &text);
    let element = |ifindex: u32, fd: i32| [ifindex.to_le_bytes(), fd.to_le_bytes()].concat();
    kernel.map_update_elem(map, &[0, 0, 0, 0], &element(3, last.0), 0).unwrap();
    kernel.map_update_elem(map, &[1, 0, 0, 0], &element(4, -1), 0).unwrap();
    let send =
        |key: u32, flags: u64| format!("r1 = map[fd:{map}] ll\nr2 = {key}\nr3 = {flags}\ncall 51\nexit");
    let link = on_device(&mut kernel, "send", AttachType::Xdp, 2, &send(0, 0));
    let journey = kernel.receive(2, 0, packet()).unwrap();
    assert_eq!(journey.programs(), ["send", "last"]);
    assert_eq!(journey.outcomes, [Outcome::Sent { ifindex: 3, packet: packet().data }]);

    // To all of them: where it says 4, no program runs.
    kernel.close(link).unwrap();
    on_device(&mut kernel, "flood", AttachType::Xdp, 2, &send(0, 8));
    let journey = kernel.receive(2, 0, packet()).unwrap();
    assert_eq!(journey.programs(), ["flood", "last"]);
    let sent: Vec<u32> = journey
        .outcomes
        .iter()
        .map(|it| match it {
            Outcome::Sent { ifindex, .. } => *ifindex,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(sent, [3, 4]);
}

/// The CPU that the map names runs the element's program, and the stack gets the packet there.
#[test]
fn a_cpumaps_program_runs_on_its_cpu() {
    let mut kernel = kernel();
    let map = kernel.map_create(&MapSpec::new(MapType::Cpumap, 4, 8, 4)).unwrap();
    let there = load(&mut kernel, "there", ProgType::Xdp, AttachType::XdpCpumap, "call 8\nr0 += 1\nexit");
    let element = [192u32.to_le_bytes(), (there.0 as u32).to_le_bytes()].concat();
    kernel.map_update_elem(map, &[1, 0, 0, 0], &element, 0).unwrap();
    let text = format!("r1 = map[fd:{map}] ll\nr2 = 1\nr3 = 0\ncall 51\nexit");
    on_device(&mut kernel, "send", AttachType::Xdp, 2, &text);
    let journey = kernel.receive(2, 0, packet()).unwrap();
    // On CPU 1 it answers 2, which is XDP_PASS.
    assert_eq!(journey.programs(), ["send", "there"]);
    assert_eq!(journey.outcomes, [Outcome::Delivered { ifindex: 2, packet: packet().data }]);
}

/// A packet that two devices send to each other for ever comes to an end.
#[test]
fn a_loop_of_redirections_ends() {
    let mut kernel = kernel();
    let to = |ifindex: u32| format!("r1 = {ifindex}\nr2 = 1\ncall 23\nexit");
    on_device(&mut kernel, "there", AttachType::TcxIngress, 2, &to(3));
    on_device(&mut kernel, "back", AttachType::TcxIngress, 3, &to(2));
    let journey = kernel.receive(2, 0, packet()).unwrap();
    assert_eq!(journey.hops.len(), 9);
    assert_eq!(journey.outcomes, [Outcome::Looped { ifindex: 3 }]);
}

#[test]
fn a_redirection_out_of_a_device_meets_its_egress() {
    let mut kernel = kernel();
    on_device(&mut kernel, "send", AttachType::TcxIngress, 2, "r1 = 3\nr2 = 0\ncall 23\nexit");
    on_device(&mut kernel, "out", AttachType::TcxEgress, 3, "r0 = -1\nexit");
    let journey = kernel.receive(2, 0, packet()).unwrap();
    assert_eq!(journey.programs(), ["send", "out"]);
    assert_eq!(journey.hops[1].stage, Stage::TcxEgress);
    assert_eq!(journey.outcomes, [Outcome::Sent { ifindex: 3, packet: packet().data }]);
    assert_eq!(kernel.transmit(3, 0, packet()).unwrap().programs(), ["out"]);
}

/// A copy is sent once, by the program that made it, wherever the packet goes behind it.
#[test]
fn a_copy_goes_its_own_way_once() {
    let mut kernel = kernel();
    let copies = "r6 = r1\nr2 = 4\nr3 = 0\ncall 13\nr0 = -1\nexit";
    on_device(&mut kernel, "copies", AttachType::TcxIngress, 2, copies);
    on_device(&mut kernel, "sends", AttachType::TcxIngress, 2, "r1 = 3\nr2 = 0\ncall 23\nexit");
    let journey = kernel.receive(2, 0, packet()).unwrap();
    assert_eq!(journey.programs(), ["copies", "sends"]);
    let sent = |ifindex| Outcome::Sent { ifindex, packet: packet().data };
    assert_eq!(journey.outcomes, [sent(4), sent(3)]);
}

/// All programs of a cgroup are asked, and one that answers 0 decides.
#[test]
fn a_connect_is_refused_by_one_of_two() {
    let mut kernel = kernel();
    let cgroup = kernel.open_new(skep_kernel::OutsideKind::Cgroup).unwrap();
    for (name, answer) in [("no", 0), ("yes", 1)] {
        let text = format!("r0 = {answer}\nexit");
        let prog = load(&mut kernel, name, ProgType::CgroupSockAddr, AttachType::CgroupInet4Connect, &text);
        let attach = LinkCreate::new(prog, AttachType::CgroupInet4Connect).on(cgroup.0 as u32);
        kernel.link_create(&attach).unwrap();
    }
    // A cgroup without content has its address for an id.
    let id = kernel.object_of(cgroup).unwrap();
    let ctx = Context::Struct(StructCtx::default());
    let answer = kernel.cgroup_event(id, AttachType::CgroupInet4Connect, ctx.clone(), 0).unwrap();
    assert_eq!((answer.errno, answer.allows()), (-1, false));
    let names: Vec<&str> = answer.ran.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(names, ["no", "yes"]);
    // Another kind of event of that cgroup, and of another cgroup, concerns nobody.
    let answer = kernel.cgroup_event(id, AttachType::CgroupInet6Connect, ctx.clone(), 0).unwrap();
    assert!(answer.allows() && answer.ran.is_empty());
    let answer = kernel.cgroup_event(1, AttachType::CgroupInet4Connect, ctx, 0).unwrap();
    assert!(answer.ran.is_empty());
}

#[test]
fn a_tracepoint_runs_who_waits_for_it() {
    let mut kernel = kernel();
    let prog = load(
        &mut kernel,
        "raw",
        ProgType::RawTracepoint,
        AttachType::CgroupInetIngress,
        "r0 = *(u64 *)(r1 + 0)\nexit",
    );
    let link = kernel.raw_tracepoint_open(prog, Some("sched_switch"), 0).unwrap();
    let raw = Args::default().with("preempt", skep_kernel::FieldValue::Int(1));
    let ran = kernel.tracepoint("sched", "sched_switch", Args::default(), raw.clone(), 0).unwrap();
    assert_eq!(ran.len(), 1);
    assert_eq!((ran[0].0.as_str(), ran[0].1.r0), ("raw", 1));
    kernel.close(link).unwrap();
    assert_eq!(kernel.tracepoint("sched", "sched_switch", Args::default(), raw, 0).unwrap(), []);
}

/// What is attached to a function, in the order in which it runs, and what it makes of the function's answer.
#[test]
fn a_function_that_is_called() {
    let mut kernel = kernel();
    let func = "vfs_unlink";
    let btf = vmlinux::bundled();
    let id = btf.vmlinux.find(skep_btf::Kind::Func, func).expect("the types know it").0;
    let ret = "r0 = 0\nexit";
    let mut trace = |name: &str, attach: AttachType| {
        let mut load = ProgLoad::new(name, ProgType::Tracing, assemble(ret).unwrap());
        load.expected_attach_type = attach.to_u32();
        load.attach_btf_id = id;
        let prog = kernel.prog_load(load).unwrap();
        kernel.link_create(&LinkCreate::new(prog, attach)).unwrap();
    };
    trace("leaves", AttachType::TraceFexit);
    trace("enters", AttachType::TraceFentry);
    // Registers: rdi is the first argument.
    let probe = load(
        &mut kernel,
        "probed",
        ProgType::Kprobe,
        AttachType::TraceKprobeMulti,
        "r0 = *(u64 *)(r1 + 112)\nexit",
    );
    let functions = skep_kernel::Functions::Names(vec![func.to_owned()]);
    let multi = skep_kernel::KprobeMulti { functions, cookies: Vec::new(), flags: 0 };
    let create =
        LinkCreate::new(probe, AttachType::TraceKprobeMulti).with(skep_kernel::LinkWith::KprobeMulti(multi));
    kernel.link_create(&create).unwrap();

    let args = Args::default().with("idmap", skep_kernel::FieldValue::Addr(0x1234));
    let called = kernel.call_function(func, args, 0, 0).unwrap();
    let names: Vec<&str> = called.ran.iter().map(|it| it.0.as_str()).collect();
    assert_eq!(names, ["probed", "enters", "leaves"]);
    assert_eq!((called.ran[0].1.r0, called.overridden), (0x1234, None));
}

/// Reading an iterator's file runs its program, once; the rest of what it wrote comes with the next read.
#[test]
fn an_iterator_is_read() {
    let mut kernel = kernel();
    kernel.map_create(&MapSpec::new(MapType::Array, 4, 4, 1).with_name("one")).unwrap();
    kernel.map_create(&MapSpec::new(MapType::Array, 4, 4, 1).with_name("two")).unwrap();
    let btf = vmlinux::bundled();
    let id = btf.vmlinux.find(skep_btf::Kind::Func, "bpf_iter_bpf_map").expect("the types know it").0;
    // A letter for each map.
    let text = "r6 = r1
         r2 = *(u64 *)(r1 + 8)
         if r2 == 0 goto out
         r1 = *(u64 *)(r1 + 0)
         r1 = *(u64 *)(r1 + 0)
         *(u8 *)(r10 - 1) = 109
         r2 = r10
         r2 += -1
         r3 = 1
         call 127
         out:
         r0 = 0
         exit";
    let mut load = ProgLoad::new("maps", ProgType::Tracing, assemble(text).unwrap());
    load.expected_attach_type = AttachType::TraceIter.to_u32();
    load.attach_btf_id = id;
    let prog = kernel.prog_load(load).unwrap();
    let link = kernel.link_create(&LinkCreate::new(prog, AttachType::TraceIter)).unwrap();
    let iter = kernel.iter_create(link).unwrap();
    assert_eq!(kernel.read_iter(iter, 1).unwrap(), b"m");
    assert_eq!(kernel.read_iter(iter, 100).unwrap(), b"m");
    assert_eq!(kernel.read_iter(iter, 100).unwrap(), b"");
    assert!(kernel.read_iter(link, 1).is_err());
}
