//! libbpf's low-level calls on the emulated kernel.
#![expect(unsafe_code, reason = "libbpf is C")]

use skep_abi::Errno;
use skep_exec::is_placeholder;
use skep_kernel::{Config, Kernel, vmlinux};

#[test]
fn what_is_no_map_is_said_by_the_emulated_kernel() {
    skep_compat::start(Kernel::new(Config { btf: Some(vmlinux::bundled()), ..Config::default() }).unwrap());
    // A real file of this process: the real kernel would say EINVAL, or EPERM to everybody but root.
    // SAFETY: no pointers are given.
    let result = unsafe { libbpf_sys::bpf_map_freeze(1) };
    assert_eq!(result, -Errno::EBADF.code());
    assert!(!is_placeholder(1));
}
