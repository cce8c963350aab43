//! Programs that are attached by links, to what their sections say or to what a call says.

use skep_abi::{AttachType, Errno};
use skep_kernel::{Config, Device, Kernel, LinkDetails, vmlinux};
use skep_loader::{Among, Error, Link, Loaded, OpenObject};
use skep_testkit::fixtures;

fn kernel() -> Kernel {
    let mut kernel = Kernel::new(Config { btf: Some(vmlinux::bundled()), ..Config::default() }).unwrap();
    kernel.net_mut().add_device(Device::new(2));
    kernel
}

/// Loads the programs of these sections of the fixture that has one for every form of a name.
fn load(kernel: &mut Kernel, sections: &[&str]) -> Loaded {
    let mut open = OpenObject::parse(&fixtures::object("sections")).unwrap();
    for plan in open.programs_mut() {
        plan.autoload = sections.contains(&plan.section());
    }
    open.load_all(kernel).unwrap()
}

fn errno<T: std::fmt::Debug>(result: Result<T, Error>) -> Errno {
    result.unwrap_err().errno.unwrap()
}

fn details(kernel: &Kernel, link: &Link) -> String {
    format!("{:?}", kernel.link_info(link.fd()).unwrap().details)
        .split([' ', '{', '('])
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn sections_that_name_what_they_are_attached_to() {
    for (section, kind) in [
        ("raw_tp/sched_switch", "RawTracepoint"),
        ("tp_btf/sched_switch", "RawTracepoint"),
        ("fentry/do_unlinkat", "Tracing"),
        ("fexit.s/do_unlinkat", "Tracing"),
        ("lsm/file_open", "Tracing"),
        ("iter/task", "Iter"),
        ("kprobe/do_unlinkat+0x4", "PerfEvent"),
        ("kretprobe/do_unlinkat", "PerfEvent"),
        ("ksyscall/unlinkat", "PerfEvent"),
        ("tracepoint/sched/sched_switch", "PerfEvent"),
        ("tp/sched/sched_switch", "PerfEvent"),
    ] {
        let mut kernel = kernel();
        let loaded = load(&mut kernel, &[section]);
        let program = loaded.programs().iter().find(|it| it.section == section).unwrap();
        let link = program.attach(&mut kernel).unwrap();
        assert_eq!(details(&kernel, &link), kind, "{section}");
        let fd = link.fd();
        link.destroy(&mut kernel).unwrap();
        assert!(kernel.link_info(fd).is_err(), "{section}");
    }
}

#[test]
fn sections_that_name_nothing_and_those_that_libbpf_does_not_attach() {
    let sections = [
        "kprobe",
        "uretprobe",
        "tc",
        "xdp",
        "cgroup/connect4",
        "perf_event",
        "socket",
        "raw_tp/sched_switch",
    ];
    let mut kernel = kernel();
    let loaded = load(&mut kernel, &sections);
    for section in &sections[..7] {
        let program = loaded.programs().iter().find(|it| it.section == *section && it.fd.is_ok()).unwrap();
        assert_eq!(errno(program.attach(&mut kernel)), Errno::EOPNOTSUPP, "{section}");
    }
    // When all are attached they are passed over.
    let links = loaded.attach_all(&mut kernel).unwrap();
    assert_eq!(links.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), ["on_raw_tracepoint"]);
}

#[test]
fn what_is_not_to_be_attached_by_itself_is_not() {
    let mut kernel = kernel();
    let mut open = OpenObject::parse(&fixtures::object("sections")).unwrap();
    for plan in open.programs_mut() {
        plan.autoload = plan.section() == "raw_tp/sched_switch";
        plan.autoattach = false;
    }
    let loaded = open.load_all(&mut kernel).unwrap();
    assert_eq!(loaded.attach_all(&mut kernel).unwrap(), []);
    let _ = loaded.attach(&mut kernel, "on_raw_tracepoint").unwrap();
}

#[test]
fn one_that_cannot_be_attached_undoes_the_others() {
    let mut kernel = kernel();
    let loaded = load(&mut kernel, &["raw_tp/sched_switch", "uprobe//bin/bash:readline"]);
    let before = kernel.fds().count();
    let error = loaded.attach_all(&mut kernel).unwrap_err();
    assert_eq!(error.errno, Some(Errno::EOPNOTSUPP));
    assert_eq!(kernel.fds().count(), before);
}

#[test]
fn many_functions_by_a_pattern() {
    let mut kernel = kernel();
    let loaded = OpenObject::parse(&fixtures::object("funccount")).unwrap().load_all(&mut kernel).unwrap();
    let links = loaded.attach_all(&mut kernel).unwrap();
    assert!(!links.is_empty());
    for (_, link) in &links {
        let LinkDetails::KprobeMulti { .. } = kernel.link_info(link.fd()).unwrap().details else {
            panic!("{link:?}")
        };
    }
}

#[test]
fn places_that_a_call_says() {
    let mut kernel = kernel();
    let loaded = load(&mut kernel, &["xdp", "tc"]);
    let xdp: Vec<_> = loaded.programs().iter().filter(|it| it.section == "xdp" && it.fd.is_ok()).collect();
    let link = xdp[0].attach_xdp(&mut kernel, 2).unwrap();
    assert_eq!(details(&kernel, &link), "Xdp");
    assert_eq!(errno(xdp[0].attach_xdp(&mut kernel, 2)), Errno::EBUSY);
    assert_eq!(errno(xdp[0].attach_xdp(&mut kernel, 99)), Errno::EINVAL);
    // Another program in its place; after that it is detached, and the link defunct.
    link.update_program(&mut kernel, xdp[1]).unwrap();
    let info = kernel.link_info(link.fd()).unwrap();
    assert_eq!(info.prog_id, kernel.id_of(xdp[1].fd.clone().unwrap()).unwrap());
    link.detach(&mut kernel).unwrap();
    assert_eq!(errno(link.update_program(&mut kernel, xdp[0])), Errno::ENOLINK);
    link.destroy(&mut kernel).unwrap();

    let tc = loaded.programs().iter().find(|it| it.section == "tc").unwrap();
    assert_eq!(errno(tc.attach_tcx(&mut kernel, 0, Among::default())), Errno::EINVAL);
}

#[test]
fn a_pinned_link_holds_the_program() {
    let mut kernel = kernel();
    let loaded = load(&mut kernel, &["raw_tp/sched_switch"]);
    let mut link = loaded.attach(&mut kernel, "on_raw_tracepoint").unwrap();
    assert_eq!(link.unpin(&mut kernel), Err(Errno::EINVAL));
    assert_eq!(link.pin(&mut kernel, "/tmp/link"), Err(Errno::EINVAL));
    link.pin(&mut kernel, "/sys/fs/bpf/link").unwrap();
    assert_eq!(link.pin(&mut kernel, "/sys/fs/bpf/link2"), Err(Errno::EBUSY));
    let id = kernel.link_info(link.fd()).unwrap().id;
    link.destroy(&mut kernel).unwrap();
    loaded.close(&mut kernel);
    let mut again = Link::open(&mut kernel, "/sys/fs/bpf/link").unwrap();
    assert_eq!(kernel.link_info(again.fd()).unwrap().id, id);
    again.unpin(&mut kernel).unwrap();
    again.destroy(&mut kernel).unwrap();
    assert_eq!(Link::open(&mut kernel, "/sys/fs/bpf/link"), Err(Errno::ENOENT));
    assert_eq!(kernel.fds().count(), 0);
}

#[test]
fn a_type_that_was_changed_is_not_attached_by_its_section() {
    let mut kernel = kernel();
    let mut open = OpenObject::parse(&fixtures::object("sections")).unwrap();
    for plan in open.programs_mut() {
        plan.autoload = plan.section() == "raw_tp/sched_switch";
    }
    let plan = open.program_mut("on_raw_tracepoint").unwrap();
    plan.set_type(skep_abi::ProgType::Xdp);
    plan.attach_type = Some(AttachType::Xdp);
    let loaded = open.load_all(&mut kernel).unwrap();
    assert_eq!(errno(loaded.attach(&mut kernel, "on_raw_tracepoint")), Errno::EOPNOTSUPP);
    let program = loaded.programs().iter().find(|it| it.fd.is_ok()).unwrap();
    let _ = program.attach_xdp(&mut kernel, 2).unwrap();
}

#[test]
fn a_place_in_a_file_by_its_offset() {
    let mut kernel = kernel();
    let loaded = load(&mut kernel, &["uretprobe"]);
    let program = loaded.programs().iter().find(|it| it.section == "uretprobe").unwrap();
    let fds = kernel.fds().count();
    let link = program.attach_uprobe(&mut kernel, "/bin/bash", 0x1234, true, -1, 7).unwrap();
    assert_eq!(details(&kernel, &link), "PerfEvent");
    link.destroy(&mut kernel).unwrap();
    // The event is gone with the link.
    assert_eq!(kernel.fds().count(), fds);
    assert_eq!(errno(program.attach_uprobe(&mut kernel, "", 0x1234, true, -1, 7)), Errno::EINVAL);
}
