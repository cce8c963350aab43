//! Attaching: links and programs by themselves, at every kind of place.

use crate::support::kernel;
use skep_abi::flags::*;
use skep_abi::{AttachType, Errno, LinkType, ProgType};
use skep_isa::asm::assemble;
use skep_kernel::{
    Device, Fd, Functions, IterInfo, IterLink, Kernel, KprobeMulti, LinkCreate, LinkDetails, LinkWith,
    NetkitEnd, Noun, OutsideKind, ProgAttach, ProgLoad, ProgQuery, UprobeMulti,
};

fn load(kernel: &mut Kernel, prog_type: ProgType, attach: Option<AttachType>) -> Fd {
    let insns = assemble("r0 = 1\nexit").unwrap();
    let expected_attach_type = attach.map_or(0, AttachType::to_u32);
    let load = ProgLoad { expected_attach_type, ..ProgLoad::new("prog", prog_type, insns) };
    kernel.prog_load(load).unwrap()
}

fn with_devices() -> Kernel {
    let mut kernel = kernel();
    let net = kernel.net_mut();
    net.add_device(Device::new(2));
    net.add_device(Device::new(3).netkit(NetkitEnd::Primary { peer: 4 }));
    net.add_device(Device::new(4).netkit(NetkitEnd::Peer { primary: 3 }));
    kernel
}

fn ids(kernel: &Kernel, fds: &[Fd]) -> Vec<u32> {
    fds.iter().map(|fd| kernel.id_of(*fd).unwrap()).collect()
}

/// The programs, and their links, at a place.
fn query(kernel: &mut Kernel, attach: AttachType, target: u32) -> (Vec<u32>, Vec<u32>, u64) {
    let found = kernel.prog_query(&ProgQuery::new(attach, target)).unwrap();
    let (progs, links) = found.progs.iter().map(|it| (it.prog_id, it.link_id)).unzip();
    (progs, links, found.revision)
}

#[test]
fn xdp() {
    let mut kernel = with_devices();
    let [a, b] = [(); 2].map(|()| load(&mut kernel, ProgType::Xdp, Some(AttachType::Xdp)));
    let on = |prog, device| LinkCreate::new(prog, AttachType::Xdp).on(device);
    let link = kernel.link_create(&on(a, 2)).unwrap();
    let info = kernel.link_info(link).unwrap();
    assert_eq!((info.kind, info.prog_id), (LinkType::Xdp, kernel.id_of(a).unwrap()));
    assert_eq!(info.details, LinkDetails::Xdp { ifindex: 2 });

    assert_eq!(kernel.link_create(&on(b, 2)), Err(Errno::EBUSY));
    assert_eq!(kernel.link_create(&on(b, 2).flags(XDP_FLAGS_SKB_MODE)), Err(Errno::EEXIST));
    assert_eq!(kernel.link_create(&on(b, 2).flags(XDP_FLAGS_REPLACE)), Err(Errno::EINVAL));
    assert_eq!(kernel.link_create(&on(b, 9)), Err(Errno::EINVAL));
    // Loopback has no driver that could.
    assert_eq!(kernel.link_create(&on(b, 1).flags(XDP_FLAGS_DRV_MODE)), Err(Errno::EOPNOTSUPP));
    kernel.link_create(&on(b, 1)).unwrap();

    assert_eq!(kernel.link_update(link, b, BPF_F_REPLACE, b), Err(Errno::EPERM));
    assert_eq!(kernel.link_update(link, b, 0, a), Err(Errno::EINVAL));
    kernel.link_update(link, b, BPF_F_REPLACE, a).unwrap();
    assert_eq!(kernel.link_info(link).unwrap().prog_id, kernel.id_of(b).unwrap());

    kernel.link_detach(link).unwrap();
    assert_eq!(kernel.link_info(link).unwrap().details, LinkDetails::Xdp { ifindex: 0 });
    assert_eq!(kernel.link_update(link, a, 0, Fd(0)), Err(Errno::ENOLINK));
    kernel.link_detach(link).unwrap();
    kernel.link_create(&on(a, 2)).unwrap();
}

#[test]
fn programs_for_maps_are_not_for_devices() {
    let mut kernel = with_devices();
    for attach in [AttachType::XdpDevmap, AttachType::XdpCpumap] {
        let prog = load(&mut kernel, ProgType::Xdp, Some(attach));
        let create = LinkCreate::new(prog, AttachType::Xdp).on(2);
        assert_eq!(kernel.link_create(&create), Err(Errno::EINVAL));
    }
}

#[test]
fn a_device_that_goes_takes_its_programs_along() {
    let mut kernel = with_devices();
    let xdp = load(&mut kernel, ProgType::Xdp, None);
    let tc = load(&mut kernel, ProgType::SchedCls, None);
    let other = load(&mut kernel, ProgType::SchedCls, None);
    let link = kernel.link_create(&LinkCreate::new(xdp, AttachType::Xdp).on(2)).unwrap();
    let tcx = kernel.link_create(&LinkCreate::new(tc, AttachType::TcxEgress).on(2)).unwrap();
    kernel.prog_attach(&ProgAttach::new(AttachType::TcxEgress, 2, other)).unwrap();
    let id = kernel.id_of(other).unwrap();
    kernel.close(other).unwrap();
    assert!(kernel.fd_by_id(Noun::Prog, id, 0).is_ok_and(|fd| kernel.close(fd).is_ok()));

    kernel.remove_device(2).unwrap();
    assert_eq!(kernel.fd_by_id(Noun::Prog, id, 0), Err(Errno::ENOENT));
    assert_eq!(kernel.link_info(link).unwrap().details, LinkDetails::Xdp { ifindex: 0 });
    assert_eq!(kernel.link_update(tcx, tc, 0, Fd(0)), Err(Errno::ENOLINK));
    assert_eq!(kernel.remove_device(2), Err(Errno::ENODEV));
    let again = LinkCreate::new(tc, AttachType::TcxEgress).on(2);
    assert_eq!(kernel.link_create(&again), Err(Errno::ENODEV));
}

#[test]
fn tcx_in_order() {
    let mut kernel = with_devices();
    let [a, b, c, d] = [(); 4].map(|()| load(&mut kernel, ProgType::SchedCls, None));
    let [ia, ib, ic, id] = [a, b, c, d].map(|fd| kernel.id_of(fd).unwrap());
    let ingress = AttachType::TcxIngress;
    let attach = |prog| ProgAttach::new(ingress, 2, prog);
    kernel.prog_attach(&attach(a)).unwrap();
    let link = kernel.link_create(&LinkCreate::new(b, ingress).on(2)).unwrap();
    let li = kernel.id_of(link).unwrap();
    assert_eq!(query(&mut kernel, ingress, 2), (vec![ia, ib], vec![0, li], 3));
    assert_eq!(query(&mut kernel, AttachType::TcxEgress, 2), (vec![], vec![], 1));

    // Before a link, by its id; before a program, by its descriptor.
    let before = LinkWith::Relative { relative: li, expected_revision: 3 };
    let create = LinkCreate::new(c, ingress).on(2).flags(BPF_F_BEFORE | BPF_F_LINK | BPF_F_ID).with(before);
    kernel.link_create(&create).unwrap();
    assert_eq!(kernel.link_create(&LinkCreate { prog: d, ..create }), Err(Errno::ESTALE));
    let before = ProgAttach { relative: a.0 as u32, ..attach(d).flags(BPF_F_BEFORE) };
    kernel.prog_attach(&before).unwrap();
    assert_eq!(query(&mut kernel, ingress, 2).0, [id, ia, ic, ib]);

    assert_eq!(kernel.prog_attach(&attach(a)), Err(Errno::EEXIST));
    assert_eq!(kernel.prog_detach(&attach(b)), Err(Errno::EBUSY));
    kernel.prog_detach(&attach(a)).unwrap();
    // Without a program: the last, which is a link's.
    assert_eq!(kernel.prog_detach(&attach(Fd(0))), Err(Errno::EBUSY));
    kernel.prog_detach(&attach(Fd(0)).flags(BPF_F_BEFORE)).unwrap();
    assert_eq!(query(&mut kernel, ingress, 2).0, [ic, ib]);

    kernel.link_update(link, a, 0, Fd(0)).unwrap();
    assert_eq!(kernel.link_update(link, c, 0, Fd(0)), Err(Errno::EEXIST));
    let info = kernel.link_info(link).unwrap();
    assert_eq!(info.details, LinkDetails::Tcx { ifindex: 2, attach_type: ingress.to_u32() });
    kernel.close(link).unwrap();
    assert_eq!(query(&mut kernel, ingress, 2).0, [ic]);
}

#[test]
fn flags_of_attach() {
    let mut kernel = with_devices();
    let tc = load(&mut kernel, ProgType::SchedCls, None);
    let skb = load(&mut kernel, ProgType::CgroupSkb, None);
    let dissector = load(&mut kernel, ProgType::FlowDissector, None);
    let rows = [
        (AttachType::TcxIngress, tc, BPF_F_ALLOW_MULTI, Errno::EINVAL),
        (AttachType::TcxIngress, skb, 0, Errno::EINVAL),
        (AttachType::TcxIngress, Fd(99), 0, Errno::EBADF),
        // Descriptor 0 is no program.
        (AttachType::TcxIngress, tc, BPF_F_REPLACE, Errno::EINVAL),
        (AttachType::CgroupInetIngress, skb, 1 << 9, Errno::EINVAL),
        (AttachType::CgroupInetIngress, skb, 0, Errno::EBADF),
        (AttachType::FlowDissector, dissector, BPF_F_BEFORE, Errno::EINVAL),
        (AttachType::Xdp, tc, 0, Errno::EINVAL),
        (AttachType::PerfEvent, tc, 0, Errno::EINVAL),
        (AttachType::LircMode2, tc, 0, Errno::EINVAL),
    ];
    for (attach, prog, flags, want) in rows {
        let call = ProgAttach::new(attach, 2, prog).flags(flags);
        assert_eq!(kernel.prog_attach(&call), Err(want), "{attach} {flags:#x}");
    }
    let bad = ProgAttach { attach_type: 99, ..ProgAttach::new(AttachType::Xdp, 2, tc) };
    assert_eq!(
        (kernel.prog_attach(&bad), kernel.prog_detach(&bad)),
        (Err(Errno::EINVAL), Err(Errno::EINVAL))
    );
}

#[test]
fn netkit() {
    let mut kernel = with_devices();
    let prog = load(&mut kernel, ProgType::SchedCls, None);
    let create = |attach, device| LinkCreate::new(prog, attach).on(device);
    for (device, want) in [(2, Errno::ENXIO), (4, Errno::EACCES), (9, Errno::ENODEV)] {
        assert_eq!(kernel.link_create(&create(AttachType::NetkitPrimary, device)), Err(want));
    }
    let [primary, peer] = [AttachType::NetkitPrimary, AttachType::NetkitPeer]
        .map(|attach| kernel.link_create(&create(attach, 3)).unwrap());
    for (attach, link) in [(AttachType::NetkitPrimary, primary), (AttachType::NetkitPeer, peer)] {
        let details = LinkDetails::Netkit { ifindex: 3, attach_type: attach.to_u32() };
        assert_eq!(kernel.link_info(link).unwrap().details, details);
        assert_eq!(query(&mut kernel, attach, 3).0, ids(&kernel, &[prog]));
    }
    kernel.remove_device(4).unwrap();
    assert_eq!(kernel.link_create(&create(AttachType::NetkitPeer, 3)), Err(Errno::ENODEV));
}

#[test]
fn cgroups() {
    let mut kernel = kernel();
    let cgroup = kernel.open_new(OutsideKind::Cgroup).unwrap();
    let attach = AttachType::CgroupInet4Connect;
    let [a, b, c] = [(); 3].map(|()| load(&mut kernel, ProgType::CgroupSockAddr, Some(attach)));
    let target = cgroup.0 as u32;
    let multi = |prog| ProgAttach::new(attach, target, prog).flags(BPF_F_ALLOW_MULTI);
    kernel.prog_attach(&multi(a)).unwrap();
    let link = kernel.link_create(&LinkCreate::new(b, attach).on(target)).unwrap();
    let found = kernel.prog_query(&ProgQuery::new(attach, target)).unwrap();
    assert_eq!((found.attach_flags, found.revision), (BPF_F_ALLOW_MULTI, 3));
    assert_eq!(query(&mut kernel, attach, target).0, ids(&kernel, &[a, b]));

    assert_eq!(kernel.prog_attach(&multi(a)), Err(Errno::EINVAL));
    assert_eq!(kernel.prog_attach(&ProgAttach::new(attach, target, c)), Err(Errno::EPERM));
    let flags = BPF_F_ALLOW_MULTI | BPF_F_REPLACE;
    kernel.prog_attach(&ProgAttach { replace: a, ..multi(c).flags(flags) }).unwrap();
    assert_eq!(query(&mut kernel, attach, target).0, ids(&kernel, &[c, b]));
    let other = load(&mut kernel, ProgType::CgroupSockAddr, Some(AttachType::CgroupInet6Connect));
    assert_eq!(kernel.prog_attach(&multi(other)), Err(Errno::EINVAL));
    let create = LinkCreate::new(other, attach).on(target);
    assert_eq!(kernel.link_create(&create), Err(Errno::EINVAL));

    kernel.link_update(link, a, BPF_F_REPLACE, b).unwrap();
    assert_eq!(query(&mut kernel, attach, target).0, ids(&kernel, &[c, a]));
    let effective = ProgQuery { flags: BPF_F_QUERY_EFFECTIVE, ..ProgQuery::new(attach, target) };
    let found = kernel.prog_query(&effective).unwrap();
    assert_eq!((found.attach_flags, found.revision, found.progs.len()), (0, 0, 2));

    assert_eq!(kernel.prog_detach(&ProgAttach::new(attach, target, Fd(0))), Err(Errno::EINVAL));
    kernel.prog_detach(&ProgAttach::new(attach, target, c)).unwrap();
    kernel.link_detach(link).unwrap();
    assert_eq!(query(&mut kernel, attach, target), (vec![], vec![], 7));
    let LinkDetails::Cgroup { cgroup_id: 0, .. } = kernel.link_info(link).unwrap().details else {
        panic!("it is at a cgroup")
    };
    assert_eq!(kernel.link_update(link, b, 0, Fd(0)), Err(Errno::ENOLINK));
}

#[test]
fn network_namespaces() {
    let mut kernel = kernel();
    let netns = kernel.open_new(OutsideKind::Netns).unwrap();
    let target = netns.0 as u32;
    let [a, b] = [(); 2].map(|()| load(&mut kernel, ProgType::SkLookup, Some(AttachType::SkLookup)));
    let create = |prog| LinkCreate::new(prog, AttachType::SkLookup).on(target);
    let links = [a, b].map(|prog| kernel.link_create(&create(prog)).unwrap());
    assert_eq!(query(&mut kernel, AttachType::SkLookup, target).0, ids(&kernel, &[a, b]));
    assert_eq!(kernel.link_create(&create(a).flags(1)), Err(Errno::EINVAL));
    assert_eq!(kernel.link_create(&create(a).on(a.0 as u32)), Err(Errno::EINVAL));
    assert_eq!(kernel.link_create(&create(a).on(99)), Err(Errno::EBADF));
    kernel.link_update(links[0], b, 0, Fd(0)).unwrap();
    kernel.link_detach(links[1]).unwrap();
    assert_eq!(query(&mut kernel, AttachType::SkLookup, target).0, ids(&kernel, &[b]));

    let flow = AttachType::FlowDissector;
    let [c, d] = [(); 2].map(|()| load(&mut kernel, ProgType::FlowDissector, Some(flow)));
    kernel.prog_attach(&ProgAttach::new(flow, 0, c)).unwrap();
    assert_eq!(kernel.prog_attach(&ProgAttach::new(flow, 0, c)), Err(Errno::EINVAL));
    assert_eq!(kernel.link_create(&LinkCreate::new(d, flow).on(target)), Err(Errno::EEXIST));
    kernel.prog_attach(&ProgAttach::new(flow, 0, d)).unwrap();
    assert_eq!(kernel.prog_detach(&ProgAttach::new(flow, 0, c)), Err(Errno::ENOENT));
    kernel.prog_detach(&ProgAttach::new(flow, 0, d)).unwrap();
    let link = kernel.link_create(&LinkCreate::new(d, flow).on(target)).unwrap();
    assert_eq!(kernel.link_create(&LinkCreate::new(c, flow).on(target)), Err(Errno::E2BIG));
    assert_eq!(kernel.prog_attach(&ProgAttach::new(flow, 0, c)), Err(Errno::EEXIST));
    assert_eq!(kernel.prog_detach(&ProgAttach::new(flow, 0, d)), Err(Errno::EINVAL));
    let details = LinkDetails::Netns { ino: 0xf000_0000, attach_type: flow.to_u32() };
    assert_eq!(kernel.link_info(link).unwrap().details, details);
}

#[test]
fn netfilter() {
    let mut kernel = kernel();
    let prog = load(&mut kernel, ProgType::Netfilter, Some(AttachType::Netfilter));
    let at = |priority| {
        let with = LinkWith::Netfilter { pf: 2, hooknum: 0, priority, flags: 0 };
        LinkCreate::new(prog, AttachType::Netfilter).with(with)
    };
    let link = kernel.link_create(&at(-5)).unwrap();
    assert_eq!(kernel.link_create(&at(-5)), Err(Errno::EBUSY));
    kernel.link_create(&at(7)).unwrap();
    assert_eq!(kernel.link_update(link, prog, 0, Fd(0)), Err(Errno::EOPNOTSUPP));
    assert_eq!(kernel.link_show(link).unwrap().lines().last(), Some("pf:\t2\thooknum:\t0\tprio:\t-5"));
    kernel.link_detach(link).unwrap();
    kernel.link_create(&at(-5)).unwrap();
}

#[test]
fn tracepoints() {
    let mut kernel = kernel();
    let prog = load(&mut kernel, ProgType::RawTracepoint, None);
    let link = kernel.raw_tracepoint_open(prog, Some("sys_enter"), 7).unwrap();
    let again = kernel.raw_tracepoint_open(prog, Some("sys_enter"), 8).unwrap();
    let details = LinkDetails::RawTracepoint { name: "sys_enter".to_owned(), cookie: 7 };
    assert_eq!(kernel.link_info(link).unwrap().details, details);
    assert_eq!(kernel.raw_tracepoint_open(prog, None, 0), Err(Errno::EFAULT));
    assert_eq!(kernel.link_detach(link), Err(Errno::EOPNOTSUPP));
    assert_eq!(kernel.link_update(link, prog, 0, Fd(0)), Err(Errno::EINVAL));
    let at = kernel.task_fd_query(kernel.task().pid, again).unwrap();
    assert_eq!(
        (at.name.as_deref(), at.kind as u32, at.prog_id),
        (Some("sys_enter"), 0, kernel.id_of(prog).unwrap())
    );
    assert_eq!(kernel.task_fd_query(kernel.task().pid, prog), Err(Errno::ENOTSUPP));
    assert_eq!(kernel.task_fd_query(4_000_000, prog), Err(Errno::ENOENT));
    assert_eq!(kernel.task_fd_query(kernel.task().pid, Fd(99)), Err(Errno::EBADF));
    let xdp = load(&mut kernel, ProgType::Xdp, None);
    assert_eq!(kernel.raw_tracepoint_open(xdp, Some("sys_enter"), 0), Err(Errno::EINVAL));
}

#[test]
fn many_functions() {
    let mut kernel = kernel();
    let attach = AttachType::TraceKprobeMulti;
    let prog = load(&mut kernel, ProgType::Kprobe, Some(attach));
    let plain = load(&mut kernel, ProgType::Kprobe, None);
    let names = |names: &[&str]| Functions::Names(names.iter().map(|it| (*it).to_owned()).collect());
    let create = |prog, functions, cookies: &[u64]| {
        let with = LinkWith::KprobeMulti(KprobeMulti { flags: 0, functions, cookies: cookies.to_vec() });
        LinkCreate::new(prog, attach).with(with)
    };
    let link = kernel.link_create(&create(prog, names(&["vfs_read", "vfs_write"]), &[5, 6])).unwrap();
    let LinkDetails::KprobeMulti { functions, .. } = kernel.link_info(link).unwrap().details else {
        panic!("it is at functions")
    };
    let of: Vec<_> = functions.iter().map(|it| (it.0.as_str(), it.2)).collect();
    assert_eq!(of, [("vfs_read", 5), ("vfs_write", 6)]);
    let addrs = functions.iter().map(|it| it.1).collect();
    kernel.link_create(&create(prog, Functions::Addresses(addrs), &[])).unwrap();
    assert_eq!(kernel.link_create(&create(prog, Functions::Addresses(vec![1]), &[])), Err(Errno::EINVAL));
    assert_eq!(kernel.link_create(&create(prog, names(&["vfs_read"; 2]), &[])), Err(Errno::ESRCH));
    assert_eq!(kernel.link_create(&create(prog, names(&[]), &[])), Err(Errno::EINVAL));
    assert_eq!(kernel.link_create(&create(plain, names(&["vfs_read"]), &[])), Err(Errno::EINVAL));
    // One that was loaded for many is attached to many.
    assert_eq!(kernel.link_create(&LinkCreate::new(prog, AttachType::PerfEvent)), Err(Errno::EINVAL));
}

#[test]
fn many_places() {
    let mut kernel = kernel();
    let attach = AttachType::TraceUprobeMulti;
    let prog = load(&mut kernel, ProgType::Kprobe, Some(attach));
    let multi = UprobeMulti { path: "/bin/true".to_owned(), offsets: vec![64, 80], ..UprobeMulti::default() };
    let create = |multi: UprobeMulti| LinkCreate::new(prog, attach).with(LinkWith::UprobeMulti(multi));
    let link = kernel.link_create(&create(multi.clone())).unwrap();
    let details = LinkDetails::UprobeMulti {
        path: "/bin/true".to_owned(),
        probes: vec![(64, 0, 0), (80, 0, 0)],
        flags: 0,
        pid: 0,
    };
    assert_eq!(kernel.link_info(link).unwrap().details, details);
    for (bad, want) in [
        (UprobeMulti { offsets: vec![], ..multi.clone() }, Errno::EINVAL),
        (UprobeMulti { flags: 2, ..multi.clone() }, Errno::EINVAL),
        (UprobeMulti { pid: 4_000_000, ..multi.clone() }, Errno::ESRCH),
        (UprobeMulti { offsets: vec![u64::MAX], ..multi.clone() }, Errno::EINVAL),
    ] {
        assert_eq!(kernel.link_create(&create(bad)), Err(want));
    }
}

#[test]
fn what_cannot_be_linked() {
    let mut kernel = kernel();
    let rows = [
        (ProgType::SocketFilter, AttachType::SkLookup, Errno::EINVAL),
        (ProgType::RawTracepoint, AttachType::TraceRawTp, Errno::EINVAL),
        (ProgType::Xdp, AttachType::TcxIngress, Errno::EINVAL),
        (ProgType::SchedCls, AttachType::Xdp, Errno::EINVAL),
        (ProgType::LircMode2, AttachType::LircMode2, Errno::EINVAL),
        (ProgType::PerfEvent, AttachType::PerfEvent, Errno::EBADF),
        (ProgType::Tracepoint, AttachType::TraceKprobeMulti, Errno::EINVAL),
    ];
    for (prog_type, attach, want) in rows {
        let prog = load(&mut kernel, prog_type, None);
        let create = LinkCreate::new(prog, attach).on(99);
        assert_eq!(kernel.link_create(&create), Err(want), "{prog_type} {attach}");
    }
    let create = LinkCreate::new(Fd(99), AttachType::Xdp);
    assert_eq!(kernel.link_create(&create), Err(Errno::EBADF));
    let create = LinkCreate::new(Fd(99), AttachType::StructOps);
    assert_eq!(kernel.link_create(&create), Err(Errno::EBADF));
    assert_eq!(kernel.link_detach(Fd(99)), Err(Errno::EBADF));
}

/// Ids go on even where nothing could be attached, as the kernel takes them before it tries.
#[test]
fn ids_of_links() {
    let mut kernel = with_devices();
    let prog = load(&mut kernel, ProgType::Xdp, None);
    let create = LinkCreate::new(prog, AttachType::Xdp).on(2);
    let first = kernel.link_create(&create).unwrap();
    assert_eq!(kernel.link_create(&create), Err(Errno::EBUSY));
    kernel.close(first).unwrap();
    let third = kernel.link_create(&create).unwrap();
    assert_eq!((kernel.id_of(third), kernel.next_id(Noun::Link, 0)), (Ok(3), Ok(3)));
    let again = kernel.fd_by_id(Noun::Link, 3, 0).unwrap();
    kernel.close(third).unwrap();
    assert_eq!(kernel.link_info(again).unwrap().details, LinkDetails::Xdp { ifindex: 2 });
    kernel.close(again).unwrap();
    assert_eq!(kernel.next_id(Noun::Link, 0), Err(Errno::ENOENT));
    kernel.link_create(&create).unwrap();
}

#[test]
fn iterators() {
    let btf = Some(skep_kernel::vmlinux::bundled());
    let mut kernel = crate::support::kernel_with(skep_kernel::Config { btf, ..Default::default() });
    let load = |kernel: &mut Kernel, name: &str| {
        let btf = skep_kernel::vmlinux::bundled().vmlinux;
        let id = btf.find(skep_btf::Kind::Func, &format!("bpf_iter_{name}")).unwrap().0;
        let insns = assemble("r0 = 0\nexit").unwrap();
        let load = ProgLoad {
            expected_attach_type: AttachType::TraceIter.to_u32(),
            attach_btf_id: id,
            ..ProgLoad::new(name, ProgType::Tracing, insns)
        };
        kernel.prog_load(load).unwrap()
    };
    let over = |link: IterLink| LinkWith::Iter(link);
    let tasks = load(&mut kernel, "task");
    let create = LinkCreate::new(tasks, AttachType::TraceIter);
    for (with, want) in [
        (IterLink::default(), Ok(IterInfo::Tasks)),
        (IterLink::tid(7), Ok(IterInfo::Tid(7))),
        (IterLink::pid(8), Ok(IterInfo::Pid(8))),
        (IterLink { first: 1, second: 1, third: 0 }, Err(Errno::EINVAL)),
    ] {
        let link = kernel.link_create(&create.clone().with(over(with)));
        let info = link.map(|link| kernel.link_info(link).unwrap().details);
        assert_eq!(info, want.map(|over| LinkDetails::Iter { target: "task".to_owned(), over }));
    }
    let link = kernel.link_create(&create).unwrap();
    let file = kernel.iter_create(link).unwrap();
    assert_eq!(kernel.iter_create(file), Err(Errno::EINVAL));
    assert_eq!(kernel.link_update(link, tasks, 0, Fd(0)), Ok(()));
    let maps = load(&mut kernel, "bpf_map");
    assert_eq!(kernel.link_update(link, maps, 0, Fd(0)), Err(Errno::EINVAL));
    assert_eq!(kernel.link_create(&create.clone().on(3)), Err(Errno::EINVAL));

    let elements = load(&mut kernel, "bpf_map_elem");
    let create = LinkCreate::new(elements, AttachType::TraceIter);
    let map = kernel.map_create(&skep_kernel::MapSpec::new(skep_abi::MapType::Hash, 4, 4, 1)).unwrap();
    assert_eq!(kernel.link_create(&create), Err(Errno::EBADF));
    let link = kernel.link_create(&create.with(over(IterLink::map(map)))).unwrap();
    let map_id = kernel.id_of(map).unwrap();
    kernel.close(map).unwrap();
    let details = LinkDetails::Iter { target: "bpf_map_elem".to_owned(), over: IterInfo::Map { map_id } };
    assert_eq!(kernel.link_info(link).unwrap().details, details);
    // The link keeps the map.
    assert!(kernel.fd_by_id(Noun::Map, map_id, 0).is_ok_and(|fd| kernel.close(fd).is_ok()));
    kernel.close(link).unwrap();
    assert_eq!(kernel.fd_by_id(Noun::Map, map_id, 0), Err(Errno::ENOENT));
}

/// A program whose main function calls another, and programs for its functions.
fn with_functions(kernel: &mut Kernel) -> Fd {
    let insns = assemble(
        "call helper\nr6 = r0\ncall other\nr0 += r6\nexit\nhelper:\nr0 = 1\nexit\nother:\nr0 = 10\nexit",
    );
    let mut load = ProgLoad::new("main", ProgType::SocketFilter, insns.unwrap());
    let func = |(slot, name, type_id): (usize, &str, u32)| skep_kernel::FuncInfo {
        slot,
        name: name.into(),
        type_id,
    };
    load.funcs = [(0, "main", 5), (5, "helper", 6), (7, "other", 7)].map(func).into();
    kernel.prog_load(load).unwrap()
}

fn for_function(
    kernel: &mut Kernel,
    prog_type: ProgType,
    attach: u32,
    target: Fd,
    func: &str,
    text: &str,
) -> Fd {
    let mut load = ProgLoad::new("of", prog_type, assemble(text).unwrap());
    load.expected_attach_type = attach;
    (load.attach_prog, load.attach_func) = (Some(target), Some(func.to_owned()));
    kernel.prog_load(load).unwrap()
}

#[test]
fn functions_are_replaced() {
    let mut kernel = kernel();
    let target = with_functions(&mut kernel);
    let run = |kernel: &mut Kernel| kernel.run(target, skep_kernel::Run::default()).unwrap().r0;
    let replace = |kernel: &mut Kernel, func: &str, value: u64| {
        for_function(kernel, ProgType::Ext, 0, target, func, &format!("r0 = {value}\nexit"))
    };
    let [helper, other, again] = [("helper", 2), ("other", 30), ("helper", 400)]
        .map(|(func, value)| replace(&mut kernel, func, value));
    let create = |prog| LinkCreate { attach_type: 0, ..LinkCreate::new(prog, AttachType::TraceFentry) };
    assert_eq!(run(&mut kernel), 11);
    let first = kernel.link_create(&create(helper)).unwrap();
    assert_eq!(run(&mut kernel), 12);
    let second = kernel.link_create(&create(other)).unwrap();
    assert_eq!(run(&mut kernel), 32);
    assert_eq!(kernel.link_create(&create(again)), Err(Errno::EBUSY));
    let info = kernel.link_info(first).unwrap();
    let target_obj_id = kernel.id_of(target).unwrap();
    let tracing =
        |target_btf_id| LinkDetails::Tracing { attach_type: 0, target_obj_id, target_btf_id, cookie: 0 };
    assert_eq!((info.kind, info.details), (LinkType::Tracing, tracing(6)));
    assert_eq!(kernel.link_detach(first), Err(Errno::EOPNOTSUPP));
    kernel.close(first).unwrap();
    assert_eq!(run(&mut kernel), 31);
    kernel.close(second).unwrap();
    assert_eq!(run(&mut kernel), 11);

    // Where it was loaded for is not known any longer; whoever says it can attach it again, and elsewhere.
    assert_eq!(kernel.link_create(&create(helper)), Err(Errno::EINVAL));
    let at = |target_btf_id| LinkWith::Tracing { target_btf_id, cookie: 0 };
    assert_eq!(kernel.link_create(&create(helper).with(at(7))), Err(Errno::EINVAL));
    assert_eq!(kernel.link_create(&create(helper).on(target.0 as u32).with(at(9))), Err(Errno::EINVAL));
    let link = kernel.link_create(&create(helper).on(target.0 as u32).with(at(7))).unwrap();
    assert_eq!((run(&mut kernel), kernel.link_info(link).unwrap().details), (3, tracing(7)));
    // A function that is replaced is not traced, and the link keeps the target.
    kernel.close(target).unwrap();
    let target = kernel.fd_by_id(Noun::Prog, target_obj_id, 0).unwrap();
    kernel.close(link).unwrap();
    kernel.close(target).unwrap();
    kernel.close(helper).unwrap();
}

#[test]
fn programs_trace_a_program() {
    let mut kernel = kernel();
    let insns = assemble("r0 = 3\nexit").unwrap();
    let mut load = ProgLoad::new("main", ProgType::SocketFilter, insns);
    load.funcs = vec![skep_kernel::FuncInfo { slot: 0, name: "main".into(), type_id: 5 }];
    let target = kernel.prog_load(load).unwrap();
    let map = crate::support::value_map(&mut kernel, 8);
    // Ten times what is there so far, and a digit: a number, or what the program returned.
    let log = |kernel: &mut Kernel, attach: AttachType, digit: &str| {
        let text = format!(
            "r6 = r1
             *(u32 *)(r10 - 4) = 0
             r1 = map[fd:{map}] ll
             r2 = r10
             r2 += -4
             call 1
             if r0 == 0 goto out
             r7 = *(u64 *)(r0 + 0)
             r7 *= 10
             {digit}
             r7 += r8
             *(u64 *)(r0 + 0) = r7
             out:
             r0 = 0
             exit"
        );
        for_function(kernel, ProgType::Tracing, attach.to_u32(), target, "main", &text)
    };
    let entry = log(&mut kernel, AttachType::TraceFentry, "r8 = 1");
    let later = log(&mut kernel, AttachType::TraceFentry, "r8 = 2");
    let exit = log(&mut kernel, AttachType::TraceFexit, "r8 = *(u64 *)(r6 + 8)");
    let create = |prog, attach| LinkCreate::new(prog, attach);
    let links = [
        kernel.link_create(&create(entry, AttachType::TraceFentry)).unwrap(),
        kernel.link_create(&create(later, AttachType::TraceFentry)).unwrap(),
        kernel.link_create(&create(exit, AttachType::TraceFexit)).unwrap(),
    ];
    let run = |kernel: &mut Kernel| {
        crate::support::set_value(kernel, map, &[0; 8]);
        let r0 = kernel.run(target, skep_kernel::Run::default()).unwrap().r0;
        (r0, u64::from_le_bytes(crate::support::value(kernel, map).try_into().unwrap()))
    };
    // The newest first.
    assert_eq!(run(&mut kernel), (3, 213));
    assert_eq!(kernel.link_create(&create(entry, AttachType::TraceFentry)), Err(Errno::EINVAL));
    kernel.close(links[1]).unwrap();
    assert_eq!(run(&mut kernel), (3, 13));
    kernel.close(links[0]).unwrap();
    kernel.close(links[2]).unwrap();
    assert_eq!(run(&mut kernel), (3, 0));
}

#[test]
fn xdp_through_netlink() {
    let mut kernel = with_devices();
    let [a, b] = [(); 2].map(|()| load(&mut kernel, ProgType::Xdp, None));
    let ids = [a, b].map(|fd| kernel.id_of(fd).unwrap());
    kernel.xdp_attach(2, Some(a), 0, None).unwrap();
    assert_eq!(kernel.xdp_attach(2, Some(b), XDP_FLAGS_SKB_MODE, None), Err(Errno::EEXIST));
    assert_eq!(kernel.xdp_attach(2, Some(b), XDP_FLAGS_REPLACE, Some(b)), Err(Errno::EEXIST));
    kernel.xdp_attach(2, Some(b), XDP_FLAGS_REPLACE, Some(a)).unwrap();
    let found = kernel.xdp_query(2).unwrap();
    assert_eq!((found.driver, found.skb), (ids[1], 0));
    // The device keeps the program; a link cannot take its place.
    kernel.close(b).unwrap();
    assert!(kernel.fd_by_id(Noun::Prog, ids[1], 0).is_ok());
    let create = LinkCreate::new(a, AttachType::Xdp).on(2);
    assert_eq!(kernel.link_create(&create), Err(Errno::EBUSY));
    kernel.xdp_attach(2, None, 0, None).unwrap();
    let link = kernel.link_create(&create).unwrap();
    assert_eq!(kernel.xdp_attach(2, None, 0, None), Err(Errno::EBUSY));
    assert_eq!(kernel.xdp_query(2).unwrap().driver, ids[0]);
    kernel.close(link).unwrap();
    assert_eq!(kernel.xdp_query(2).unwrap().driver, 0);
    assert_eq!(kernel.xdp_attach(9, None, 0, None), Err(Errno::ENODEV));
    let tc = load(&mut kernel, ProgType::SchedCls, None);
    assert_eq!(kernel.xdp_attach(2, Some(tc), 0, None), Err(Errno::EINVAL));
}

#[test]
fn filters_of_traffic_control() {
    let mut kernel = with_devices();
    let [a, b] = [(); 2].map(|()| load(&mut kernel, ProgType::SchedCls, None));
    let ids = [a, b].map(|fd| kernel.id_of(fd).unwrap());
    assert_eq!(kernel.tc_attach(2, true, a, (0, 0), false), Err(Errno::EINVAL));
    kernel.tc_hook_create(2).unwrap();
    assert_eq!(kernel.tc_hook_create(2), Err(Errno::EEXIST));
    let first = kernel.tc_attach(2, true, a, (1, 10), false).unwrap();
    assert_eq!((first.handle, first.priority, first.prog_id), (1, 10, ids[0]));
    assert_eq!(kernel.tc_attach(2, true, b, (1, 10), false), Err(Errno::EEXIST));
    kernel.tc_attach(2, true, b, (1, 10), true).unwrap();
    assert_eq!(kernel.tc_query(2, true, 1, 10).unwrap().prog_id, ids[1]);
    let free = kernel.tc_attach(2, true, a, (0, 0), false).unwrap();
    assert_eq!((free.handle, free.priority), (1, 9));
    assert_eq!(kernel.tc_query(2, false, 1, 10), Err(Errno::ENOENT));
    kernel.tc_detach(2, true, 1, 10).unwrap();
    assert_eq!(kernel.tc_detach(2, true, 1, 10), Err(Errno::ENOENT));
    kernel.tc_hook_destroy(2).unwrap();
    assert_eq!(kernel.tc_hook_destroy(2), Err(Errno::EINVAL));
    for fd in [a, b] {
        kernel.close(fd).unwrap();
    }
    assert_eq!(kernel.next_id(Noun::Prog, 0), Err(Errno::ENOENT));
}

#[test]
fn a_hierarchy_of_cgroups() {
    for btf in [None, Some(skep_kernel::vmlinux::bundled())] {
        let mut kernel = crate::support::kernel_with(skep_kernel::Config { btf, ..Default::default() });
        let [root, above, below] =
            [&[1][..], &[1, 10], &[1, 10, 20]].map(|path| kernel.open_cgroup(path).unwrap());
        let attach = AttachType::CgroupInetEgress;
        let progs = [(); 3].map(|()| load(&mut kernel, ProgType::CgroupSkb, Some(attach)));
        for (cgroup, prog) in [root, above, below].into_iter().zip(progs) {
            kernel.link_create(&LinkCreate::new(prog, attach).on(cgroup.0 as u32)).unwrap();
        }
        let again = kernel.open_cgroup(&[1, 10, 20]).unwrap();
        let effective = ProgQuery { flags: BPF_F_QUERY_EFFECTIVE, ..ProgQuery::new(attach, again.0 as u32) };
        let found = kernel.prog_query(&effective).unwrap();
        let mut want = ids(&kernel, &progs);
        want.reverse();
        assert_eq!(found.progs.iter().map(|it| it.prog_id).collect::<Vec<_>>(), want);
        kernel.remove_cgroup(10);
        assert_eq!(kernel.prog_query(&effective).unwrap().progs.len(), 2);
        assert_eq!(kernel.open_cgroup(&[]), Err(Errno::ENOENT));
        assert_eq!(kernel.open_cgroup(&[5, 6]), Err(Errno::ENOENT));
    }
}

#[test]
fn perf_events() {
    use skep_abi::uapi::{PERF_TYPE_TRACEPOINT, perf_event_attr};
    let mut kernel = kernel();
    let open = |kernel: &mut Kernel| {
        let mut attr = vec![0; 136];
        let id = kernel.tracepoint_id("sched/sched_switch").unwrap();
        for (field, value) in [
            (&perf_event_attr::r#type, u64::from(PERF_TYPE_TRACEPOINT)),
            (&perf_event_attr::size, 136),
            (&perf_event_attr::config, u64::from(id)),
        ] {
            attr[field.range()].copy_from_slice(&value.to_le_bytes()[..field.size()]);
        }
        kernel.perf_event_open_raw(&mut attr, -1, 0, -1, 0, &mut skep_memory::UserRanges::new()).unwrap()
    };
    let [event, other] = [(); 2].map(|()| open(&mut kernel));
    let prog = load(&mut kernel, ProgType::Tracepoint, None);
    let create = |event: Fd| {
        LinkCreate::new(prog, AttachType::PerfEvent)
            .on(event.0 as u32)
            .with(LinkWith::PerfEvent { cookie: 5 })
    };
    let link = kernel.link_create(&create(event)).unwrap();
    assert_eq!(kernel.link_create(&create(other)), Err(Errno::EEXIST));
    assert_eq!(kernel.link_create(&create(prog)), Err(Errno::EBADF));
    assert_eq!(kernel.link_create(&create(event).flags(1)), Err(Errno::EINVAL));
    let perf = skep_kernel::PerfLinkInfo::Tracepoint { name: "sched_switch".to_owned(), cookie: 5 };
    assert_eq!(kernel.link_info(link).unwrap().details, LinkDetails::PerfEvent(perf));
    let at = kernel.task_fd_query(kernel.task().pid, event).unwrap();
    assert_eq!((at.kind as u32, at.name.as_deref()), (1, Some("sched_switch")));
    assert_eq!(kernel.task_fd_query(kernel.task().pid, other), Err(Errno::ENOENT));
    assert_eq!(kernel.link_detach(link), Err(Errno::EOPNOTSUPP));
    // The link keeps the event, and its end gives the place back.
    kernel.close(event).unwrap();
    kernel.close(link).unwrap();
    kernel.link_create(&create(other)).unwrap();
}
