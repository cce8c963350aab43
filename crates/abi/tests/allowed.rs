//! Which programs may call which helpers: the table against what a real kernel answered.

use skep_abi::helpers::{HELPERS, Need, func, helper};
use skep_abi::{AttachType, KernelVersion, ProgType};

const LINUX_6_12: KernelVersion = KernelVersion::new(6, 12);
const LINUX_6_18: KernelVersion = KernelVersion::new(6, 18);

/// What the kernel that was asked had not built in or had switched off.
const MISSING_THERE: &[u32] = &[func::override_return, func::probe_write_user];

#[test]
fn as_recorded_on_linux_6_18() {
    let mut rows = 0;
    for line in include_str!("data/helpers-6.18.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let prog = ProgType::from_name(words.next().unwrap()).unwrap();
        let attach = AttachType::from_name(words.next().unwrap());
        let recorded: Vec<u32> = words.map(|word| word.parse().unwrap()).collect();
        for it in HELPERS.iter().filter(|it| !MISSING_THERE.contains(&it.id)) {
            let ours = it.allowed(prog, attach, LINUX_6_18).is_some();
            assert_eq!(ours, recorded.contains(&it.id), "{prog} {attach:?} bpf_{}", it.name);
        }
        rows += 1;
    }
    assert_eq!(rows, 60);
}

fn allowed(id: u32, prog: ProgType, attach: Option<AttachType>, kernel: KernelVersion) -> Option<Need> {
    helper(id).unwrap().allowed(prog, attach, kernel)
}

#[test]
fn every_type_can_look_up_in_maps() {
    for &prog in ProgType::ALL {
        let expected = (prog != ProgType::Ext).then_some(Need::Nothing);
        assert_eq!(allowed(func::map_lookup_elem, prog, None, LINUX_6_12), expected, "{prog}");
    }
}

#[test]
fn every_helper_is_there_for_somebody() {
    let nobody: Vec<&str> = HELPERS
        .iter()
        .filter(|it| {
            let anywhere = AttachType::ALL.iter().map(|&it| Some(it)).chain([None]);
            let mut places =
                anywhere.flat_map(|attach| ProgType::ALL.iter().map(move |&prog| (prog, attach)));
            places.all(|(prog, attach)| it.allowed(prog, attach, LINUX_6_12).is_none())
        })
        .map(|it| it.name)
        .collect();
    // A member of struct tcp_congestion_ops, of which the table does not know.
    assert_eq!(nobody, ["tcp_send_ack"]);
}

#[test]
fn a_newer_kernel_takes_nothing_away() {
    for it in HELPERS {
        for &prog in ProgType::ALL {
            for attach in AttachType::ALL.iter().map(|&it| Some(it)).chain([None]) {
                let (old, new) = (it.allowed(prog, attach, LINUX_6_12), it.allowed(prog, attach, LINUX_6_18));
                assert!(old.is_none() || new.is_some(), "{prog} {attach:?} bpf_{}", it.name);
            }
        }
    }
}

#[test]
fn what_differs_between_the_kernels() {
    let (xdp, cgroup) = (ProgType::Xdp, ProgType::CgroupDevice);
    assert_eq!(allowed(func::get_current_comm, xdp, None, LINUX_6_12), None);
    assert_eq!(allowed(func::get_current_comm, xdp, None, LINUX_6_18), Some(Need::Perfmon));
    assert_eq!(allowed(func::get_current_comm, cgroup, None, LINUX_6_12), Some(Need::Nothing));
    assert_eq!(allowed(func::get_current_comm, cgroup, None, LINUX_6_18), Some(Need::Perfmon));
    let seg6 = ProgType::LwtSeg6local;
    assert_eq!(allowed(func::skb_pull_data, seg6, None, LINUX_6_12), None);
    assert_eq!(allowed(func::skb_pull_data, seg6, None, LINUX_6_18), Some(Need::Nothing));
}

#[test]
fn capabilities() {
    let need = |id| allowed(id, ProgType::SchedCls, None, LINUX_6_12);
    assert_eq!(need(func::ktime_get_ns), Some(Need::Nothing));
    assert_eq!(need(func::r#loop), Some(Need::Bpf));
    assert_eq!(need(func::trace_printk), Some(Need::Perfmon));
    assert_eq!(need(func::skc_to_tcp_sock), Some(Need::Perfmon));
}

#[test]
fn attach_types() {
    use AttachType::*;
    let cases = [
        (func::bind, ProgType::CgroupSockAddr, CgroupInet4Connect, true),
        (func::bind, ProgType::CgroupSockAddr, CgroupInet4Bind, false),
        (func::set_retval, ProgType::CgroupSockopt, CgroupGetsockopt, true),
        (func::set_retval, ProgType::CgroupSkb, CgroupInetEgress, false),
        (func::getsockopt, ProgType::CgroupSockopt, CgroupGetsockopt, false),
        (func::setsockopt, ProgType::CgroupSockAddr, CgroupUnixGetsockname, false),
        (func::seq_printf, ProgType::Tracing, TraceIter, true),
        (func::seq_printf, ProgType::Tracing, TraceFentry, false),
        (func::get_func_ret, ProgType::Tracing, TraceFexit, true),
        (func::get_func_ret, ProgType::Tracing, TraceRawTp, false),
        (func::get_attach_cookie, ProgType::Tracing, TraceRawTp, true),
        (func::get_attach_cookie, ProgType::Tracing, TraceIter, false),
        (func::get_attach_cookie, ProgType::Lsm, LsmMac, true),
        (func::get_attach_cookie, ProgType::Lsm, LsmCgroup, false),
        (func::setsockopt, ProgType::Lsm, LsmMac, false),
    ];
    for (id, prog, attach, expected) in cases {
        let name = helper(id).unwrap().name;
        assert_eq!(allowed(id, prog, Some(attach), LINUX_6_12).is_some(), expected, "{prog} {attach} {name}");
    }
}

#[test]
fn helpers_that_were_not_there_yet() {
    assert_eq!(allowed(func::r#loop, ProgType::Xdp, None, KernelVersion::new(5, 15)), None);
    assert_eq!(allowed(func::r#loop, ProgType::Xdp, None, KernelVersion::new(5, 17)), Some(Need::Bpf));
}
