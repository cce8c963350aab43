//! Open files, descriptors and processes.

use crate::support::kernel;
use skep_abi::flags::{BPF_F_RDONLY, BPF_F_WRONLY};
use skep_abi::{Errno, MapType};
use skep_kernel::{Caps, Credentials, Fd, Kernel, MapSpec, Noun, PerfEventAttr, Process};

fn array(kernel: &mut Kernel) -> Fd {
    kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 1)).unwrap()
}

fn hash(kernel: &mut Kernel, flags: u32) -> Fd {
    kernel.map_create(&MapSpec::new(MapType::Hash, 4, 4, 1).with_flags(flags)).unwrap()
}

#[test]
fn several_descriptors_of_one_file() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    let id = kernel.map_id(map).unwrap();
    let second = kernel.dup(map).unwrap();
    let high = kernel.dup_from(map, 100, true).unwrap();
    assert_eq!((second, high), (Fd(4), Fd(100)));
    assert_eq!(kernel.dup_to(map, Fd(50), true), Ok(Fd(50)));
    assert_eq!(kernel.open_files(), 1);
    let flags = [map, second, high, Fd(50)].map(|fd| kernel.cloexec(fd).unwrap());
    assert_eq!(flags, [true, false, true, true], "dup clears it");
    for fd in [map, second, high] {
        kernel.close(fd).unwrap();
        assert_eq!(kernel.map_id(fd), Err(Errno::EBADF));
    }
    assert_eq!(kernel.map_id(Fd(50)), Ok(id));
    kernel.close(Fd(50)).unwrap();
    assert_eq!((kernel.open_files(), kernel.next_id(Noun::Map, 0)), (0, Err(Errno::ENOENT)));
}

#[test]
fn numbers_of_descriptors() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    assert_eq!(kernel.dup(Fd(99)), Err(Errno::EBADF));
    assert_eq!(kernel.dup_from(Fd(99), -1, false), Err(Errno::EBADF));
    assert_eq!(kernel.dup_from(map, -1, false), Err(Errno::EINVAL));
    assert_eq!(kernel.dup_from(map, i32::MAX, false), Err(Errno::EINVAL));
    assert_eq!(kernel.dup_to(map, map, false), Err(Errno::EINVAL));
    assert_eq!(kernel.dup_to(map, Fd(-1), false), Err(Errno::EBADF));
    assert_eq!(kernel.dup_to(map, Fd(i32::MAX), false), Err(Errno::EBADF));
    // The standard streams' numbers are not given out, but can be asked for.
    assert_eq!(kernel.dup_to(map, Fd(1), false), Ok(Fd(1)));
    kernel.close(Fd(1)).unwrap();
    assert_eq!(kernel.dup(map), Ok(Fd(4)));
    // The lowest that is free, after whatever was closed.
    let more: Vec<Fd> = (0..5).map(|_| kernel.dup(map).unwrap()).collect();
    assert_eq!(more, [5, 6, 7, 8, 9].map(Fd));
    kernel.close(Fd(7)).unwrap();
    kernel.close(Fd(5)).unwrap();
    assert_eq!([kernel.dup(map), kernel.dup(map), kernel.dup(map)], [5, 7, 10].map(|it| Ok(Fd(it))));
    kernel.set_fd_limit(12);
    assert_eq!(kernel.dup(map), Ok(Fd(11)));
    assert_eq!(kernel.dup(map), Err(Errno::EMFILE));
    assert_eq!(kernel.dup_from(map, 12, false), Err(Errno::EINVAL));
    assert_eq!(kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0), Err(Errno::EMFILE));
    assert_eq!(kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 1)).unwrap_err().errno(), Errno::EMFILE);
    assert_eq!(kernel.fds().count(), 9);
}

#[test]
fn somebody_else_gives_out_numbers() {
    let mut kernel = kernel();
    let mut next = 40;
    kernel.set_fd_numbers(Some(Box::new(move || {
        next += 2;
        if next < 46 { Ok(next) } else { Err(Errno::EMFILE) }
    })));
    assert_eq!([array(&mut kernel), array(&mut kernel)], [Fd(42), Fd(44)]);
    assert_eq!(kernel.map_create(&MapSpec::new(MapType::Array, 4, 8, 1)).unwrap_err().errno(), Errno::EMFILE);
    assert_eq!(kernel.dup(Fd(42)), Ok(Fd(3)), "dup is the table's");
    kernel.set_fd_numbers(None);
    assert_eq!(array(&mut kernel), Fd(4));
}

#[test]
fn what_may_be_done_is_the_files_not_the_maps() {
    let mut kernel = kernel();
    let full = hash(&mut kernel, 0);
    let id = kernel.map_id(full).unwrap();
    let reader = kernel.fd_by_id(Noun::Map, id, BPF_F_RDONLY).unwrap();
    let writer = kernel.fd_by_id(Noun::Map, id, BPF_F_WRONLY).unwrap();
    let also = kernel.dup(reader).unwrap();
    assert_eq!(kernel.open_files(), 3);
    for fd in [reader, also] {
        assert_eq!(kernel.map_update_elem(fd, &[0; 4], &[1; 4], 0), Err(Errno::EPERM));
    }
    kernel.map_update_elem(writer, &[0; 4], &[1; 4], 0).unwrap();
    assert_eq!(kernel.map_lookup_elem(writer, &[0; 4]), Err(Errno::EPERM));
    assert_eq!(kernel.map_lookup_elem(reader, &[0; 4]), Ok(vec![1; 4]));
    // MAP_CREATE's flags are the first file's.
    let made = hash(&mut kernel, BPF_F_RDONLY);
    let id = kernel.map_id(made).unwrap();
    assert_eq!(kernel.map_update_elem(made, &[0; 4], &[1; 4], 0), Err(Errno::EPERM));
    let full = kernel.fd_by_id(Noun::Map, id, 0).unwrap();
    kernel.map_update_elem(full, &[0; 4], &[1; 4], 0).unwrap();
}

#[test]
fn ids() {
    let mut kernel = kernel();
    let maps = [array(&mut kernel), array(&mut kernel), array(&mut kernel)];
    assert_eq!(maps.map(|it| kernel.map_id(it).unwrap()), [1, 2, 3]);
    kernel.close(maps[1]).unwrap();
    kernel.close(maps[2]).unwrap();
    let next = |kernel: &Kernel, after| kernel.next_id(Noun::Map, after);
    assert_eq!([next(&kernel, 0), next(&kernel, 1)], [Ok(1), Err(Errno::ENOENT)]);
    let later = array(&mut kernel);
    assert_eq!(kernel.id_of(later), Ok(4), "ids are not given out again soon");
    assert_eq!([next(&kernel, 1), next(&kernel, 4)], [Ok(4), Err(Errno::ENOENT)]);
    assert_eq!(next(&kernel, i32::MAX as u32), Err(Errno::EINVAL));
    assert_eq!(next(&kernel, i32::MAX as u32 - 1), Err(Errno::ENOENT));
    assert_eq!(kernel.fd_by_id(Noun::Map, 2, 0), Err(Errno::ENOENT));
    assert_eq!(kernel.fd_by_id(Noun::Map, 4, BPF_F_RDONLY | BPF_F_WRONLY), Err(Errno::EINVAL));
    assert_eq!(kernel.fd_by_id(Noun::Map, 4, 1), Err(Errno::EINVAL));
    assert_eq!(kernel.fd_by_id(Noun::Prog, 1, BPF_F_RDONLY), Err(Errno::EINVAL));
    assert_eq!(kernel.fd_by_id(Noun::Prog, 1, 0), Err(Errno::ENOENT));
    let event = kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
    assert_eq!(kernel.id_of(event), Err(Errno::EINVAL));
    kernel.set_credentials(Credentials { caps: Caps { sys_admin: false, ..Caps::ALL }, ..Credentials::ROOT });
    assert_eq!(next(&kernel, 0), Err(Errno::EPERM));
    assert_eq!(kernel.fd_by_id(Noun::Map, 4, 0), Err(Errno::EPERM));
    assert_eq!(kernel.fd_by_id(Noun::Map, 4, 1), Err(Errno::EINVAL), "flags are looked at first");
}

#[test]
fn types_of_the_kernel_are_objects() {
    let kernel = kernel();
    let count = kernel.btf().map_or(0, |it| 1 + it.modules.len());
    let mut ids = Vec::new();
    while let Ok(id) = kernel.next_id(Noun::Btf, ids.last().copied().unwrap_or(0)) {
        ids.push(id);
    }
    assert_eq!(ids.len(), count);
}

#[test]
fn events_go_with_the_file_that_they_were_put_in_through() {
    let mut kernel = kernel();
    let spec = MapSpec::new(MapType::PerfEventArray, 4, 4, 2);
    let first = kernel.map_create(&spec).unwrap();
    let id = kernel.map_id(first).unwrap();
    let second = kernel.fd_by_id(Noun::Map, id, 0).unwrap();
    let also_second = kernel.dup(second).unwrap();
    let event = |kernel: &mut Kernel| kernel.perf_event_open(&PerfEventAttr::bpf_output(), -1, 0).unwrap();
    for (index, map) in [(0u32, first), (1, second)] {
        let event = event(&mut kernel);
        kernel.map_update_elem(map, &index.to_le_bytes(), &event.0.to_le_bytes(), 0).unwrap();
        kernel.close(event).unwrap();
    }
    let held = |kernel: &Kernel, map| {
        let map = kernel.map(map).unwrap();
        [0u32, 1].map(|index| map.held(&index.to_le_bytes()).is_some())
    };
    assert_eq!(held(&kernel, first), [true, true]);
    kernel.close(second).unwrap();
    assert_eq!(held(&kernel, first), [true, true], "the file has another descriptor");
    kernel.close(also_second).unwrap();
    assert_eq!(held(&kernel, first), [true, false]);
}

#[test]
fn processes_have_descriptors_of_their_own() {
    let mut kernel = kernel();
    let map = array(&mut kernel);
    let kept = kernel.dup(map).unwrap();
    let child = kernel.fork().unwrap();
    assert_eq!(kernel.current_process(), Process::FIRST);
    kernel.switch_process(child).unwrap();
    assert_eq!(kernel.fds().collect::<Vec<_>>(), [map, kept]);
    kernel.exec();
    assert_eq!(kernel.fds().collect::<Vec<_>>(), [kept], "what is closed on exec is");
    let own = array(&mut kernel);
    assert_eq!(own, Fd(3));
    // Sent to the parent, it is another number of the same file there.
    let sent = kernel.send_fd(own, Process::FIRST).unwrap();
    assert_eq!(sent, Fd(5));
    assert_eq!(kernel.send_fd(own, Process(99)), Err(Errno::ESRCH));
    let id = kernel.map_id(own).unwrap();
    kernel.exit_process(child).unwrap();
    assert_eq!(kernel.current_process(), Process::FIRST);
    assert_eq!(kernel.map_id(sent), Ok(id));
    assert_eq!(kernel.fds().collect::<Vec<_>>(), [map, kept, sent]);
    assert_eq!(kernel.open_files(), 2);
    assert_eq!(kernel.switch_process(child), Err(Errno::ESRCH));
    assert_eq!(kernel.exit_process(Process::FIRST), Err(Errno::EINVAL));
    assert_eq!(kernel.exit_process(child), Err(Errno::ESRCH));
}

#[test]
fn after_the_current_process_its_parent_is() {
    let mut kernel = kernel();
    let child = kernel.fork().unwrap();
    kernel.switch_process(child).unwrap();
    let grandchild = kernel.fork().unwrap();
    kernel.switch_process(grandchild).unwrap();
    kernel.exit_process(child).unwrap();
    assert_eq!(kernel.current_process(), grandchild);
    kernel.exit_process(grandchild).unwrap();
    assert_eq!(kernel.current_process(), Process::FIRST);
}
