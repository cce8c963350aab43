//! Maps of every other type, from both sides: inner maps, values without keys, targets of packets, local storage.

use crate::support::{eval, fault, kernel, load, load_as, run, word};
use skep_abi::flags::{BPF_ANY, BPF_EXIST, BPF_F_NO_PREALLOC, BPF_NOEXIST};
use skep_abi::{Errno, MapType, ProgType};
use skep_kernel::{Context, Fd, Kernel, MapSpec, OutsideKind, PacketCtx, Ran, Run};

fn made(kernel: &mut Kernel, spec: MapSpec) -> Fd {
    kernel.map_create(&spec.with_name("subject")).unwrap()
}

/// A lookup in an inner map: key 1 in the outer one, key 0 in the inner one; the value, -1 or -2.
fn lookup_inner(kernel: &mut Kernel, outer: Fd) -> i64 {
    eval(
        kernel,
        &format!(
            "*(u32 *)(r10 - 4) = 1\n*(u32 *)(r10 - 8) = 0\nr1 = map[fd:{outer}] ll\nr2 = r10\nr2 += -4\ncall 1\n\
             if r0 != 0 goto found\nr0 = -1\nexit\nfound:\nr1 = r0\nr2 = r10\nr2 += -8\ncall 1\n\
             if r0 != 0 goto value\nr0 = -2\nexit\nvalue:\nr0 = *(u64 *)(r0 + 0)\nexit"
        ),
    )
}

#[test]
fn inner_maps_are_looked_up_and_kept_alive() {
    for kind in [MapType::ArrayOfMaps, MapType::HashOfMaps] {
        let mut kernel = kernel();
        let inner = MapSpec::new(MapType::Hash, 4, 8, 2);
        let outer = made(&mut kernel, MapSpec::new(kind, 4, 4, 3).with_inner(inner.clone()));
        assert_eq!(lookup_inner(&mut kernel, outer), -1);
        let map = made(&mut kernel, inner);
        kernel.map_update_elem(outer, &word(1), &word(map.0), BPF_ANY).unwrap();
        assert_eq!(lookup_inner(&mut kernel, outer), -2);
        kernel.map_update_elem(map, &word(0), &42u64.to_le_bytes(), BPF_ANY).unwrap();
        let id = kernel.map_id(map).unwrap();
        assert_eq!(kernel.map_lookup_elem(outer, &word(1)).unwrap(), id.to_le_bytes());
        // The outer map keeps it when its fd is closed, and lets go when it is taken out.
        kernel.close(map).unwrap();
        assert_eq!(lookup_inner(&mut kernel, outer), 42);
        let before = kernel.memory().objects().len();
        kernel.map_delete_elem(outer, &word(1)).unwrap();
        assert!(kernel.memory().objects().len() < before, "the inner map is gone");
        assert_eq!(lookup_inner(&mut kernel, outer), -1);
    }
}

#[test]
fn only_maps_like_the_template_go_in() {
    let mut kernel = kernel();
    let inner = MapSpec::new(MapType::Array, 4, 8, 2);
    let outer = made(&mut kernel, MapSpec::new(MapType::ArrayOfMaps, 4, 4, 3).with_inner(inner.clone()));
    let longer = made(&mut kernel, MapSpec { max_entries: 3, ..inner.clone() });
    let mut put = |fd: i32| kernel.map_update_elem(outer, &word(0), &word(fd), BPF_ANY);
    assert_eq!(put(longer.0), Err(Errno::EINVAL));
    assert_eq!(put(outer.0), Err(Errno::EINVAL), "a map of maps");
    assert_eq!(put(99), Err(Errno::EBADF));
    let nested = MapSpec::new(MapType::HashOfMaps, 4, 4, 1);
    let nested = nested.with_inner(kernel.map_info(outer).unwrap().clone());
    assert_eq!(kernel.map_create(&nested).unwrap_err().errno(), Errno::EINVAL);
    let by_fd = kernel.map_create_with_inner(&MapSpec::new(MapType::ArrayOfMaps, 4, 4, 3), longer).unwrap();
    kernel.map_update_elem(by_fd, &word(0), &word(longer.0), BPF_ANY).unwrap();
}

/// Pushes r10-8, or pops or peeks into it and answers it.
fn keyless(kernel: &mut Kernel, map: Fd, helper: u32, value: i32) -> (i64, i64) {
    let text = |result: &str| {
        format!(
            "*(u64 *)(r10 - 8) = {value}\nr1 = map[fd:{map}] ll\nr2 = r10\nr2 += -8\nr3 = 0\ncall {helper}\n{result}"
        )
    };
    let prog =
        load(kernel, ProgType::RawTracepoint, &text("r1 = *(u64 *)(r10 - 8)\nr0 <<= 32\nr0 |= r1\nexit"));
    let r0 = run(kernel, prog).r0 as i64;
    kernel.close(prog).unwrap();
    (r0 >> 32, r0 & 0xffff_ffff)
}

const PUSH: u32 = 87;
const POP: u32 = 88;
const PEEK: u32 = 89;

#[test]
fn queues_and_stacks_from_programs() {
    for (kind, first) in [(MapType::Queue, 1), (MapType::Stack, 3)] {
        let mut kernel = kernel();
        let map = made(&mut kernel, MapSpec::new(kind, 0, 8, 3));
        assert_eq!(keyless(&mut kernel, map, POP, -1), (Errno::ENOENT.neg(), 0), "zeroed");
        for value in 1..=3 {
            assert_eq!(keyless(&mut kernel, map, PUSH, value).0, 0);
        }
        assert_eq!(keyless(&mut kernel, map, PUSH, 4).0, Errno::E2BIG.neg());
        assert_eq!(keyless(&mut kernel, map, PEEK, -1), (0, first));
        assert_eq!(kernel.map_lookup_elem(map, &[]).unwrap(), (first as u64).to_le_bytes());
        assert_eq!(keyless(&mut kernel, map, POP, -1), (0, first));
        let order = kernel.map(map).unwrap().values_in_order().unwrap();
        assert_eq!((order.len(), order[0][0]), (2, 2));
        kernel.map_update_elem(map, &[], &[9; 8], BPF_EXIST).unwrap();
        assert_eq!(kernel.map_lookup_and_delete_elem(map, &[]).unwrap()[0], if first == 1 { 2 } else { 9 });
    }
}

#[test]
fn filters_know_what_was_pushed() {
    let mut kernel = kernel();
    let map = made(&mut kernel, MapSpec::new(MapType::BloomFilter, 0, 8, 100));
    assert_eq!(keyless(&mut kernel, map, PUSH, 7).0, 0);
    assert_eq!(keyless(&mut kernel, map, PEEK, 7).0, 0);
    assert_eq!(keyless(&mut kernel, map, PEEK, 8).0, Errno::ENOENT.neg());
    assert_eq!(kernel.map_contains(map, &7u64.to_le_bytes()), Ok(()));
    assert_eq!(kernel.map_contains(map, &8u64.to_le_bytes()), Err(Errno::ENOENT));
    let text = format!("r2 = r10\nr2 += -8\nr1 = map[fd:{map}] ll\ncall {POP}\nexit");
    assert!(fault(&mut kernel, &text).to_string().contains("of a type that this helper does not take"));
}

/// Runs an XDP program that redirects through a map, after it did so before at another key.
fn redirect(kernel: &mut Kernel, map: Fd, keys: &[i32], flags: u64) -> Ran {
    let calls: String = keys
        .iter()
        .map(|key| format!("r1 = map[fd:{map}] ll\nr2 = {key}\nr3 = {flags}\ncall 51\n"))
        .collect();
    let prog = load(kernel, ProgType::Xdp, &(calls + "exit"));
    let ctx = Context::Packet(PacketCtx::new(vec![0; 64]));
    let ran = kernel.run(prog, Run::new(ctx)).unwrap();
    kernel.close(prog).unwrap();
    ran
}

#[test]
fn packets_are_redirected_through_maps() {
    let mut kernel = kernel();
    for kind in [MapType::Devmap, MapType::DevmapHash, MapType::Cpumap] {
        let map = made(&mut kernel, MapSpec::new(kind, 4, 8, 4));
        kernel.map_update_elem(map, &word(1), &[7, 0, 0, 0, 0, 0, 0, 0], BPF_ANY).unwrap();
        let ran = redirect(&mut kernel, map, &[1], 0);
        assert_eq!(ran.retval(), 4, "{kind}: XDP_REDIRECT");
        let to = ran.redirect.unwrap();
        assert_eq!(to.ifindex, if kind == MapType::Cpumap { 0 } else { 7 });
        let through = to.through.unwrap();
        assert_eq!((through.map.as_str(), through.kind, through.key), ("subject", kind, word(1).to_vec()));
        // Nothing there: the verdict is in the flags, and the redirection before it is forgotten.
        let ran = redirect(&mut kernel, map, &[1, 2], 2);
        assert_eq!((ran.retval(), ran.redirect), (2, None), "XDP_PASS");
        let ran = redirect(&mut kernel, map, &[2], 8);
        let all = kind != MapType::Cpumap;
        assert_eq!(ran.retval(), if all { 4 } else { 0 }, "BPF_F_BROADCAST");
        assert_eq!(ran.redirect.map(|it| (it.ifindex, it.flags)), all.then_some((0, 8)));
    }
}

#[test]
fn af_xdp_sockets_are_targets() {
    let mut kernel = kernel();
    let map = made(&mut kernel, MapSpec::new(MapType::Xskmap, 4, 4, 2));
    let (xdp, other) = (kernel.open_new(OutsideKind::XdpSocket), kernel.open_new(OutsideKind::Socket));
    let (xdp, other) = (xdp.unwrap(), other.unwrap());
    let mut put = |fd: Fd, flags| kernel.map_update_elem(map, &word(0), &word(fd.0), flags);
    assert_eq!(put(other, BPF_ANY), Err(Errno::EOPNOTSUPP));
    assert_eq!(put(map, BPF_ANY), Err(Errno::ENOTSOCK));
    assert_eq!(put(xdp, BPF_EXIST), Err(Errno::ENOENT));
    assert_eq!(put(xdp, BPF_ANY), Ok(()));
    assert_eq!(put(xdp, BPF_NOEXIST), Ok(()), "in its own place already");
    assert_eq!(redirect(&mut kernel, map, &[0], 2).retval(), 4);
    assert_eq!(redirect(&mut kernel, map, &[1], 2).retval(), 2);
    assert_eq!(kernel.map_lookup_elem(map, &word(0)), Err(Errno::EOPNOTSUPP));
}

#[test]
fn programs_of_a_devmap_have_their_type() {
    let mut kernel = kernel();
    let map = made(&mut kernel, MapSpec::new(MapType::Devmap, 4, 8, 4));
    let plain = load_as(&mut kernel, "plain", ProgType::Xdp, "r0 = 2\nexit");
    let value = |fd: i32| [word(1), word(fd)].concat();
    assert_eq!(kernel.map_update_elem(map, &word(0), &value(plain.0), 0), Err(Errno::EINVAL));
    let mut load = skep_kernel::ProgLoad::new("behind", ProgType::Xdp, crate::support::asm("r0 = 2\nexit"));
    load.expected_attach_type = skep_abi::AttachType::XdpDevmap.to_u32();
    let behind = kernel.prog_load(load).unwrap();
    kernel.map_update_elem(map, &word(0), &value(behind.0), 0).unwrap();
    let id = kernel.prog_id(behind).unwrap();
    assert_eq!(kernel.map_lookup_elem(map, &word(0)).unwrap(), value(id as i32));
}

/// Looks an owner's value up or makes it, adds 1 to it and answers it; -1 without one.
fn count(kernel: &mut Kernel, map: Fd, helper: u32, owner: u64, flags: u64) -> i64 {
    let text = format!(
        "*(u64 *)(r10 - 8) = 41\nr1 = map[fd:{map}] ll\nr2 = {owner:#x} ll\nr3 = r10\nr3 += -8\nr4 = {flags}\n\
         call {helper}\nif r0 != 0 goto found\nr0 = -1\nexit\nfound:\nr1 = *(u64 *)(r0 + 0)\nr1 += 1\n\
         *(u64 *)(r0 + 0) = r1\nr0 = r1\nexit"
    );
    eval(kernel, &text)
}

#[test]
fn local_storage_belongs_to_its_owner() {
    let rows = [
        (MapType::SkStorage, OutsideKind::Socket, 107),
        (MapType::InodeStorage, OutsideKind::Inode, 145),
        (MapType::TaskStorage, OutsideKind::Task, 156),
        (MapType::CgrpStorage, OutsideKind::Cgroup, 210),
    ];
    for (kind, owner_kind, get) in rows {
        let mut kernel = kernel();
        let spec = MapSpec { typed: true, ..MapSpec::new(kind, 4, 8, 0).with_flags(BPF_F_NO_PREALLOC) };
        let map = made(&mut kernel, spec);
        let fds = [kernel.open_new(owner_kind).unwrap(), kernel.open_new(owner_kind).unwrap()];
        let owners = fds.map(|fd| kernel.object_of(fd).unwrap());
        assert_eq!(count(&mut kernel, map, get, owners[0], 0), -1, "{kind}");
        assert_eq!(count(&mut kernel, map, get, owners[0], 1), 42);
        assert_eq!(count(&mut kernel, map, get, owners[0], 0), 43);
        assert_eq!(count(&mut kernel, map, get, owners[1], 1), 42);
        assert_eq!(count(&mut kernel, map, get, owners[1], 2), -1, "flags");
        assert_eq!(count(&mut kernel, map, get, 0, 1), -1, "no owner");
        // User space names owners by descriptors.
        let key = |fd: Fd| word(fd.0);
        assert_eq!(kernel.map_lookup_elem(map, &key(fds[0])).unwrap(), 43u64.to_le_bytes());
        kernel.map_update_elem(map, &key(fds[0]), &[0; 8], BPF_EXIST).unwrap();
        assert_eq!(count(&mut kernel, map, get, owners[0], 0), 1);
        assert_eq!(kernel.map_update_elem(map, &key(fds[0]), &[0; 8], BPF_NOEXIST), Err(Errno::EEXIST));
        let delete = format!("r1 = map[fd:{map}] ll\nr2 = {:#x} ll\ncall {}\nexit", owners[0], get + 1);
        assert_eq!(eval(&mut kernel, &delete), 0);
        assert_eq!(eval(&mut kernel, &delete), Errno::ENOENT.neg());
        assert_eq!(kernel.map_lookup_elem(map, &key(fds[0])), Err(Errno::ENOENT));
        kernel.map_delete_elem(map, &key(fds[1])).unwrap();
        let wrong = if kind == MapType::SkStorage { Errno::ENOTSOCK } else { Errno::EBADF };
        assert_eq!(kernel.map_lookup_elem(map, &key(map)), Err(wrong));
        assert_eq!(kernel.map_get_next_key(map, None), Err(Errno::ENOTSUPP));
    }
}

#[test]
fn a_cgroup_has_a_value_of_its_own() {
    let mut kernel = kernel();
    let map = made(&mut kernel, MapSpec::new(MapType::CgroupStorage, 8, 8, 0));
    let text = format!(
        "r1 = map[fd:{map}] ll\nr2 = 0\ncall 81\nr1 = *(u64 *)(r0 + 0)\nr1 += 1\n*(u64 *)(r0 + 0) = r1\nr0 = r1\nexit"
    );
    assert_eq!((eval(&mut kernel, &text), eval(&mut kernel, &text)), (1, 2));
    let mut task = kernel.task().clone();
    task.cgroups = vec![1, 77];
    kernel.set_task(task);
    assert_eq!(eval(&mut kernel, &text), 1);
    let keys = [1u64, 77].map(u64::to_le_bytes);
    assert_eq!(kernel.map_get_next_key(map, None).unwrap(), keys[0]);
    assert_eq!(kernel.map_get_next_key(map, Some(&keys[0])).unwrap(), keys[1]);
    assert_eq!(kernel.map_lookup_elem(map, &keys[0]).unwrap(), 2u64.to_le_bytes());
    assert_eq!(kernel.map_delete_elem(map, &keys[0]), Err(Errno::EINVAL));
}

#[test]
fn sockets_in_maps_are_handles() {
    let mut kernel = kernel();
    let map = made(&mut kernel, MapSpec::new(MapType::Sockhash, 4, 8, 2));
    let socket = kernel.open_new(OutsideKind::Socket).unwrap();
    let value = u64::from(socket.0 as u32).to_le_bytes();
    kernel.map_update_elem(map, &word(5), &value, BPF_ANY).unwrap();
    let cookie = kernel.map_lookup_elem(map, &word(5)).unwrap();
    assert!(cookie.iter().any(|byte| *byte != 0));
    let lookup = format!("*(u32 *)(r10 - 4) = 5\nr1 = map[fd:{map}] ll\nr2 = r10\nr2 += -4\ncall 1\nexit");
    assert_eq!(eval(&mut kernel, &lookup) as u64, kernel.object_of(socket).unwrap());
    kernel.close(socket).unwrap();
    assert_eq!(kernel.map_lookup_elem(map, &word(5)).unwrap(), cookie, "the map keeps it");
    kernel.map_delete_elem(map, &word(5)).unwrap();
    assert_eq!(kernel.map_lookup_elem(map, &word(5)), Err(Errno::ENOENT));
}
