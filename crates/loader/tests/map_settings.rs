//! What can be set of maps before they are created, with libbpf's rules and errors.

use skep_abi::{Errno, MapType, flags};
use skep_kernel::{Config, Kernel, MapTypes};
use skep_loader::{Error, OpenObject};
use skep_testkit::fixtures;

fn open(fixture: &str) -> OpenObject {
    OpenObject::parse(&fixtures::object(fixture)).unwrap()
}

fn kernel() -> Kernel {
    Kernel::new(Config::default()).unwrap()
}

fn errno<T: std::fmt::Debug>(result: Result<T, Error>) -> Errno {
    result.unwrap_err().errno.unwrap()
}

#[test]
fn everything_that_is_created_can_be_set() {
    let mut open = open("xdp_firewall");
    let map = open.map_mut("blocked_ports").unwrap();
    map.set_type(MapType::LruHash).unwrap();
    map.set_key_size(8).unwrap();
    map.set_map_flags(flags::BPF_F_NO_COMMON_LRU).unwrap();
    map.set_numa_node(0).unwrap();
    map.set_map_extra(0).unwrap();
    map.set_max_entries(100);
    open.set_value_size("blocked_ports", 24).unwrap();
    let mut kernel = kernel();
    let loaded = open.load(&mut kernel);
    let (_, fd) = loaded.map("blocked_ports").unwrap();
    let info = kernel.map_info(fd).unwrap();
    assert_eq!((info.kind, info.key_size, info.value_size), (MapType::LruHash, 8, 24));
    assert_eq!(info.max_entries, 100);
}

#[test]
fn ring_buffers_have_a_power_of_two_of_pages() {
    let mut open = open("xdp_firewall");
    let ring = open.maps_mut().iter_mut().find(|it| it.spec.kind == MapType::Ringbuf).unwrap();
    for (asked, got) in [
        (0, 0),
        (1, 4096),
        (4096, 4096),
        (4097, 8192),
        (12_288, 16_384),
        (1 << 31, 1 << 31),
        ((1 << 31) + 1, (1 << 31) + 1),
    ] {
        ring.set_max_entries(asked);
        assert_eq!(ring.spec.max_entries, got, "{asked}");
    }
}

#[test]
fn perf_event_arrays_have_a_slot_for_each_cpu() {
    let open = open("opensnoop");
    let mut kernel = Kernel::new(Config { cpus: 6, ..Config::default() }).unwrap();
    let loaded = open.load(&mut kernel);
    let map = loaded.maps().iter().find(|it| it.spec.kind == MapType::PerfEventArray).unwrap();
    assert_eq!(kernel.map_info(map.fd.clone().unwrap()).unwrap().max_entries, 6);
}

#[test]
fn a_map_that_is_there_is_taken_as_it_is() {
    let mut kernel = kernel();
    let first = open("xdp_firewall").load(&mut kernel);
    let (_, fd) = first.map("blocked_ports").unwrap();
    let info = kernel.map_info(fd).unwrap();
    let (key, value) = (vec![7; info.key_size as usize], vec![9; info.value_size as usize]);
    kernel.map_update_elem(fd, &key, &value, 0).unwrap();

    let mut second = open("xdp_firewall");
    let map = second.map_mut("blocked_ports").unwrap();
    map.set_max_entries(7);
    map.reuse_fd(&mut kernel, fd).unwrap();
    assert_eq!(map.spec.max_entries, first.map("blocked_ports").unwrap().0.spec.max_entries);
    for result in [
        map.set_type(MapType::Hash),
        map.set_key_size(2),
        map.set_map_flags(0),
        map.set_map_extra(0),
        map.set_numa_node(0),
    ] {
        assert_eq!(errno(result), Errno::EBUSY);
    }
    assert_eq!(errno(second.set_value_size("blocked_ports", 4)), Errno::EBUSY);
    let second = second.load(&mut kernel);
    let (_, own) = second.map("blocked_ports").unwrap();
    assert_ne!(own, fd);
    // It is the same map.
    assert!(kernel.map_lookup_elem(own, &key).is_ok());
    kernel.close(fd).unwrap();
    assert!(kernel.map_lookup_elem(own, &key).is_ok());
}

#[test]
fn what_is_no_map_cannot_be_reused() {
    let mut kernel = kernel();
    let loaded = open("xdp_firewall").load(&mut kernel);
    let program = loaded.program("xdp_firewall").unwrap();
    let mut again = open("xdp_firewall");
    let map = again.map_mut("blocked_ports").unwrap();
    assert_eq!(errno(map.reuse_fd(&mut kernel, program)), Errno::EINVAL);
    assert_eq!(errno(map.reuse_fd(&mut kernel, skep_kernel::Fd(99))), Errno::EBADF);
    // Nothing was changed.
    map.set_key_size(4).unwrap();
}

#[test]
fn inner_maps_are_like_the_one_that_is_said() {
    let mut kernel = kernel();
    let mut open = open("map_in_map");
    let (outer, plain) = {
        let outer = open.maps().iter().find(|it| it.spec.kind == MapType::ArrayOfMaps);
        let outer =
            outer.or_else(|| open.maps().iter().find(|it| it.spec.kind == MapType::HashOfMaps)).unwrap();
        let plain = open.maps().iter().find(|it| it.spec.kind == MapType::Array && !it.is_section());
        (outer.name.clone(), plain.map(|it| it.name.clone()))
    };
    let spec = skep_maps::MapSpec::new(MapType::Array, 4, 16, 3);
    let inner = kernel.map_create(&spec).unwrap();
    if let Some(plain) = plain {
        assert_eq!(errno(open.map_mut(&plain).unwrap().set_inner_map_fd(inner)), Errno::EINVAL);
    }
    let map = open.map_mut(&outer).unwrap();
    map.set_inner_map_fd(inner).unwrap();
    assert_eq!(errno(map.set_inner_map_fd(inner)), Errno::EINVAL);
    let loaded = open.load(&mut kernel);
    let (map, _) = loaded.maps().iter().find(|it| it.name == outer).map(|it| (it, ())).unwrap();
    assert_eq!(map.spec.inner.as_ref().unwrap().value_size, 16);
}

#[test]
fn a_map_on_a_network_card_is_refused() {
    let mut open = open("xdp_firewall");
    open.map_mut("blocked_ports").unwrap().ifindex = 2;
    let loaded = open.load(&mut kernel());
    assert_eq!(errno(loaded.map("blocked_ports")), Errno::EOPNOTSUPP);
}

#[test]
fn only_struct_ops_maps_are_attached() {
    let mut open = open("xdp_firewall");
    assert_eq!(errno(open.map_mut("blocked_ports").unwrap().set_autoattach(false)), Errno::EINVAL);
    let mut open = self::open("tcp_steady");
    let ops = open.maps_mut().iter_mut().find(|it| it.is_struct_ops()).unwrap();
    ops.set_autoattach(false).unwrap();
    assert!(!ops.autoattach && ops.initial_value().is_some());
}

#[test]
fn initial_values_are_of_data_sections() {
    let mut open = open("globals");
    let size = open.map(".data").unwrap().spec.value_size as usize;
    let data = open.map_mut(".data").unwrap();
    assert_eq!(errno(data.set_initial_value(&vec![1; size + 1])), Errno::EINVAL);
    data.set_initial_value(&vec![0x5a; size]).unwrap();
    assert_eq!(data.initial_value().unwrap(), vec![0x5a; size]);
    let mut kernel = kernel();
    let loaded = open.load(&mut kernel);
    let (_, fd) = loaded.map(".data").unwrap();
    assert_eq!(kernel.map_lookup_elem(fd, &[0; 4]).unwrap(), vec![0x5a; size]);

    let mut open = self::open("xdp_firewall");
    let map = open.map_mut("blocked_ports").unwrap();
    assert_eq!(map.initial_value(), None);
    assert_eq!(errno(map.set_initial_value(&[0])), Errno::EINVAL);
}

/// The types that a kernel was told of a map.
fn types(kernel: &Kernel, fd: skep_kernel::Fd) -> Option<MapTypes> {
    kernel.map_types(fd).unwrap().cloned()
}

#[test]
fn data_sections_are_resized_with_their_last_array() {
    let mut kernel = kernel();
    let mut open = open("globals");
    // The last variable of `.bss.scratch` is an array of bytes; that of `.data.hot` is none.
    let before = open.map(".bss.scratch").unwrap().spec.value_size;
    let last =
        open.object().data.iter().find(|it| it.name == ".bss.scratch").unwrap().vars.last().unwrap().clone();
    open.set_value_size(".bss.scratch", before + 100).unwrap();
    assert_eq!(open.global(&last.name).unwrap().1.size, last.size + 100);
    assert_eq!(open.global_bytes(&last.name).unwrap().len() as u64, last.size + 100);
    open.set_value_size(".data.hot", 5).unwrap();
    let loaded = open.load(&mut kernel);
    loaded.complete().unwrap();
    let (map, fd) = loaded.map(".bss.scratch").unwrap();
    assert_eq!(map.spec.value_size, before + 100);
    let told = types(&kernel, fd).unwrap();
    assert_eq!(told.btf.size_of(told.value), Ok(u64::from(before) + 100));
    assert_eq!(types(&kernel, loaded.map(".data.hot").unwrap().1), None);
    // What was cut off cannot be read, and says so.
    let object = loaded.object();
    let hot = object.data.iter().find(|it| it.name == ".data.hot").unwrap().vars.last().unwrap();
    let error = loaded.global_bytes(&kernel, &hot.name).unwrap_err();
    assert_eq!(error.to_string(), format!("variable {}: its section was made too short for it", hot.name));
}

#[test]
fn a_data_section_that_is_no_array_any_more_cannot_be_resized() {
    let mut open = open("globals");
    open.map_mut(".data").unwrap().set_type(MapType::Hash).unwrap();
    assert_eq!(errno(open.set_value_size(".data", 64)), Errno::EOPNOTSUPP);
}

#[test]
fn data_sections_are_called_as_libbpf_calls_them() {
    let options = skep_loader::OpenOptions {
        object_name: Some("my-object_name".to_owned()),
        ..skep_loader::OpenOptions::default()
    };
    let open = OpenObject::parse_with(&fixtures::object("globals"), &options).unwrap();
    let names: Vec<_> = open.maps().iter().map(|it| (it.name.as_str(), it.spec.name.as_str())).collect();
    assert_eq!(
        names,
        [
            (".rodata", "my_objec.rodata"),
            (".rodata.limits", ".rodata.limits"),
            (".data", "my_objec.data"),
            (".data.hot", ".data.hot"),
            (".bss", "my_objec.bss"),
            (".bss.scratch", ".bss.scratch"),
            (".rodata.str1.1", ".rodata.str1.1"),
        ]
    );
}
