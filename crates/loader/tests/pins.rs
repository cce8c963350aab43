//! Maps and programs that are pinned, and maps that are found where they were pinned.

use std::sync::Arc;

use skep_abi::Errno;
use skep_kernel::{Config, Kernel};
use skep_loader::{Error, Loaded, OpenObject, OpenOptions};
use skep_object::{Object, Pinning};
use skep_testkit::fixtures;

const MAP: &str = "blocked_ports";

fn kernel() -> Kernel {
    Kernel::new(Config::default()).unwrap()
}

/// The firewall, whose map of ports is to be pinned by name.
fn by_name(root: Option<&str>) -> OpenObject {
    let mut object = Object::parse(&fixtures::object("xdp_firewall")).unwrap();
    object.maps.iter_mut().find(|it| it.name == MAP).unwrap().pinning = Pinning::ByName;
    let options = OpenOptions { pin_root_path: root.map(str::to_owned), ..OpenOptions::default() };
    OpenObject::with(Arc::new(object), &options).unwrap()
}

fn load(kernel: &mut Kernel) -> Loaded {
    OpenObject::parse(&fixtures::object("xdp_firewall")).unwrap().load_all(kernel).unwrap()
}

fn errno<T: std::fmt::Debug>(result: Result<T, Error>) -> Errno {
    result.unwrap_err().errno.unwrap()
}

/// Puts something into the map of ports, to know it again.
fn mark(kernel: &mut Kernel, loaded: &Loaded) {
    let (map, fd) = loaded.map(MAP).unwrap();
    let (key, value) = (vec![7; map.spec.key_size as usize], vec![9; map.spec.value_size as usize]);
    kernel.map_update_elem(fd, &key, &value, 0).unwrap();
}

fn is_marked(kernel: &Kernel, loaded: &Loaded) -> bool {
    let (map, fd) = loaded.map(MAP).unwrap();
    kernel.map_lookup_elem(fd, &vec![7; map.spec.key_size as usize]).is_ok()
}

#[test]
fn a_map_that_is_pinned_by_name_is_shared_by_who_loads_it_next() {
    for (root, path) in
        [(None, "/sys/fs/bpf/blocked_ports"), (Some("/sys/fs/bpf/mine"), "/sys/fs/bpf/mine/blocked_ports")]
    {
        let mut kernel = kernel();
        let first = by_name(root).load_all(&mut kernel).unwrap();
        let map = first.map(MAP).unwrap().0;
        assert_eq!((map.pin_path.as_deref(), map.pinned, map.reused), (Some(path), true, false));
        mark(&mut kernel, &first);
        first.close(&mut kernel);
        // The pin alone keeps it.
        let second = by_name(root).load_all(&mut kernel).unwrap();
        let map = second.map(MAP).unwrap().0;
        assert_eq!((map.pinned, map.reused), (true, true));
        assert!(is_marked(&kernel, &second));
    }
}

#[test]
fn a_pinned_map_that_is_another_is_refused() {
    let mut kernel = kernel();
    by_name(None).load_all(&mut kernel).unwrap();
    let changes: [fn(&mut skep_maps::MapSpec); 5] = [
        |it| it.max_entries += 1,
        |it| it.key_size += 1,
        |it| it.value_size += 1,
        |it| it.kind = skep_abi::MapType::LruHash,
        |it| it.flags |= skep_abi::flags::BPF_F_NO_PREALLOC,
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut open = by_name(None);
        change(&mut open.map_mut(MAP).unwrap().spec);
        let before = kernel.fds().count();
        let error = open.load_all(&mut kernel).unwrap_err();
        assert_eq!(error.errno, Some(Errno::EINVAL), "{at}");
        assert_eq!(
            error.message,
            "couldn't reuse pinned map at '/sys/fs/bpf/blocked_ports': parameter mismatch"
        );
        // What had been loaded is gone again; what was there before stays.
        assert_eq!(kernel.fds().count(), before, "{at}");
    }
    let mut kernel = self::kernel();
    let loaded = load(&mut kernel);
    loaded.programs()[0].pin(&mut kernel, "/sys/fs/bpf/blocked_ports").unwrap();
    assert_eq!(errno(by_name(None).load_all(&mut kernel)), Errno::EINVAL);
}

#[test]
fn where_maps_can_be_pinned() {
    let mut kernel = kernel();
    let mut loaded = load(&mut kernel);
    // No path; not in a bpf file system; a directory that cannot be made.
    assert_eq!(errno(loaded.pin_map(&mut kernel, MAP, None)), Errno::EINVAL);
    assert_eq!(errno(loaded.pin_map(&mut kernel, MAP, Some("/tmp/ports"))), Errno::EINVAL);
    let mut loaded = load(&mut kernel);
    assert_eq!(errno(loaded.pin_map(&mut kernel, MAP, Some("/sys/fs/bpf/a/b/ports"))), Errno::ENOENT);
    let mut loaded = load(&mut kernel);
    loaded.pin_map(&mut kernel, MAP, Some("/sys/fs/bpf/a/ports")).unwrap();
    // Once more is fine, elsewhere is not.
    loaded.pin_map(&mut kernel, MAP, None).unwrap();
    loaded.pin_map(&mut kernel, MAP, Some("/sys/fs/bpf/a/ports")).unwrap();
    assert_eq!(errno(loaded.pin_map(&mut kernel, MAP, Some("/sys/fs/bpf/ports"))), Errno::EINVAL);
    assert_eq!(errno(loaded.unpin_map(&mut kernel, MAP, Some("/sys/fs/bpf/ports"))), Errno::EINVAL);
    // Somebody else's place.
    let mut other = load(&mut kernel);
    assert_eq!(errno(other.pin_map(&mut kernel, MAP, Some("/sys/fs/bpf/a/ports"))), Errno::EEXIST);
    loaded.unpin_map(&mut kernel, MAP, None).unwrap();
    assert_eq!(errno(loaded.unpin_map(&mut kernel, MAP, None)), Errno::ENOENT);
    assert_eq!(kernel.stat("/sys/fs/bpf/a/ports"), Err(Errno::ENOENT));
}

#[test]
fn an_object_is_pinned_whole_or_not_at_all() {
    let mut kernel = kernel();
    let mut loaded = load(&mut kernel);
    // Maps go to `fire_wall`, programs cannot go to `fire.wall`: then neither are there.
    assert_eq!(errno(loaded.pin(&mut kernel, "/sys/fs/bpf/fire.wall")), Errno::EPERM);
    assert_eq!(kernel.read_dir("/sys/fs/bpf/fire_wall").unwrap(), Vec::<String>::new());
    let mut loaded = load(&mut kernel);
    loaded.pin(&mut kernel, "/sys/fs/bpf/wall").unwrap();
    let mut names = kernel.read_dir("/sys/fs/bpf/wall").unwrap();
    names.sort();
    expect_test::expect!["_bss _rodata blocked_ports counters drops xdp_firewall"]
        .assert_eq(&names.join(" "));
    loaded.unpin(&mut kernel, "/sys/fs/bpf/wall").unwrap();
    assert_eq!(kernel.read_dir("/sys/fs/bpf/wall").unwrap(), Vec::<String>::new());

    // A program that is not loaded cannot be pinned, and so nothing is.
    let mut open = OpenObject::parse(&fixtures::object("xdp_firewall")).unwrap();
    open.programs_mut()[0].autoload = false;
    let mut loaded = open.load_all(&mut kernel).unwrap();
    assert_eq!(errno(loaded.pin(&mut kernel, "/sys/fs/bpf/wall")), Errno::EINVAL);
    assert_eq!(kernel.read_dir("/sys/fs/bpf/wall").unwrap(), Vec::<String>::new());
}

#[test]
fn what_was_pinned_while_loading_is_unpinned_when_it_fails() {
    let mut kernel = kernel();
    let mut open = by_name(None);
    open.programs_mut()[0].attach_target = Some("nonsense".to_owned());
    open.programs_mut()[0].set_type(skep_abi::ProgType::Tracing);
    open.load_all(&mut kernel).unwrap_err();
    assert_eq!(kernel.stat("/sys/fs/bpf/blocked_ports"), Err(Errno::ENOENT));
    assert_eq!(kernel.fds().count(), 0);
}
