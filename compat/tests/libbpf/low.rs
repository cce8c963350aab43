//! The low-level calls.

use super::machine;
use skep_abi::Errno;
use skep_exec::is_placeholder;
use std::os::fd::AsRawFd;

#[test]
fn what_is_no_map_is_said_by_the_emulated_kernel() {
    let _machine = machine();
    // A real file of this process: the emulated kernel knows nothing of it.
    let file = std::fs::File::open("/dev/null").unwrap();
    let number = file.as_raw_fd();
    // SAFETY: no pointers are given.
    assert_eq!(unsafe { libbpf_sys::bpf_map_freeze(number) }, -Errno::EBADF.code());
    assert!(!is_placeholder(number));
}

#[test]
fn nothing_reaches_the_real_kernel() {
    let machine = machine();
    // SAFETY: a name, and no options.
    let fd = unsafe { libbpf_sys::bpf_map_create(2, c"seen".as_ptr(), 4, 8, 1, std::ptr::null()) };
    assert!(fd > 2 && is_placeholder(fd), "{fd}");
    machine.with(|it| {
        let info = it.kernel().map_info(skep_kernel::Fd(fd)).unwrap();
        assert_eq!((&*info.name, info.value_size), ("seen", 8));
    });
    // SAFETY: it is ours.
    assert_eq!(unsafe { libc::close(fd) }, 0);
    assert!(!is_placeholder(fd));
    machine.with(|it| assert!(it.kernel().map_info(skep_kernel::Fd(fd)).is_err()));
}
