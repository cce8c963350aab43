//! Objects by path, by id, and in links.

use super::{Object, machine};
use libbpf_sys::*;
use skep_abi::Errno;
use std::ffi::CStr;

#[test]
fn maps_are_pinned_and_found_again() {
    let _machine = machine();
    let object = Object::open("user_rules").unwrap();
    object.load().unwrap();
    let map = object.map("rules");
    let path = c"/sys/fs/bpf/skep/rules";
    // SAFETY: a map of an open object, and a path.
    unsafe {
        assert_eq!(bpf_map__pin(map, path.as_ptr()), 0);
        assert_eq!(bpf_obj_pin(bpf_map__fd(map), path.as_ptr()), -Errno::EEXIST.code());
        let fd = bpf_obj_get(path.as_ptr());
        assert!(fd > 2, "{fd}");
        assert_ne!(fd, bpf_map__fd(map));
        let (key, value) = (8080_u32, 1_u32);
        assert_eq!(bpf_map_update_elem(fd, (&raw const key).cast(), (&raw const value).cast(), 0), 0);
        let mut found = 0_u32;
        let size = size_of::<u32>() as u64;
        let into = (&raw mut found).cast();
        assert_eq!(bpf_map__lookup_elem(map, (&raw const key).cast(), size, into, size, 0), 0);
        assert_eq!(found, 1);
        assert_eq!(libc::close(fd), 0);
        assert_eq!(bpf_map__unpin(map, path.as_ptr()), 0);
        assert_eq!(bpf_obj_get(path.as_ptr()), -Errno::ENOENT.code());
    }
}

#[test]
fn objects_are_walked_by_id() {
    let _machine = machine();
    let object = Object::open("user_rules").unwrap();
    object.load().unwrap();
    let mut names = Vec::new();
    let mut id = 0;
    // SAFETY: numbers that may be written, and a structure as long as it says.
    unsafe {
        while bpf_map_get_next_id(id, &mut id) == 0 {
            let fd = bpf_map_get_fd_by_id(id);
            assert!(fd > 2, "{fd}");
            let mut info = bpf_map_info::default();
            let mut len = size_of_val(&info) as u32;
            assert_eq!(bpf_map_get_info_by_fd(fd, &mut info, &mut len), 0);
            assert_eq!(info.id, id);
            names.push(CStr::from_ptr(info.name.as_ptr()).to_str().unwrap().to_owned());
            assert_eq!(libc::close(fd), 0);
        }
        let mut info = bpf_prog_info::default();
        let mut len = size_of_val(&info) as u32;
        assert_eq!(
            bpf_prog_get_info_by_fd(bpf_program__fd(object.program("update")), &mut info, &mut len),
            0
        );
        assert_eq!(CStr::from_ptr(info.name.as_ptr()), c"update");
        assert!(info.nr_map_ids >= 3 && info.btf_id > 0, "{info:?}");
    }
    for name in ["updates", "rules", "journal"] {
        assert!(names.iter().any(|it| it == name), "{name} in {names:?}");
    }
}

/// How many links there are.
fn links() -> usize {
    let mut id = 0;
    let mut count = 0;
    // SAFETY: a number that may be written.
    while unsafe { bpf_link_get_next_id(id, &mut id) } == 0 {
        count += 1;
    }
    count
}

/// Programs that attach themselves by their section's name.
const ATTACHED: &[(&str, &str)] = &[
    ("ringlog", "log_reserve"),
    ("user_rules", "update"),
    ("opensnoop", "openat2_enter"),
    ("opensnoop", "openat2_exit"),
    ("runqlat", "sched_switch"),
];

#[test]
fn programs_attach_and_let_go() {
    let _machine = machine();
    for (object, program) in ATTACHED {
        let object = Object::open(object).unwrap();
        object.load().unwrap();
        // SAFETY: an open object and its program; a link that is destroyed once.
        unsafe {
            let found = object.program(program);
            let link = bpf_program__attach(found);
            assert!(!link.is_null(), "{program}: {}", super::object::message());
            assert_eq!(links(), 1, "{program}");
            assert_eq!(bpf_link__destroy(link), 0);
        }
        assert_eq!(links(), 0, "{program}");
    }
}
