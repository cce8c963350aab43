//! Has the linker redirect libbpf's system calls to this package.

/// The functions of libc that libbpf reaches the kernel through. Each has its `__wrap_` in `src/wrap.rs`.
const WRAPPED: &[&str] = &[
    "syscall",
    "mmap",
    "mmap64",
    "munmap",
    "ioctl",
    "epoll_ctl",
    "epoll_wait",
    "poll",
    "read",
    "dup",
    "dup2",
    "dup3",
    "fcntl",
    "fcntl64",
    "close",
    "fopen64",
    "open64",
    "faccessat",
    "access",
    "statfs64",
    "gzopen64",
    "mkdir",
    "unlink",
];

#[expect(clippy::disallowed_methods, reason = "this is how cargo tells a build script")]
fn main() {
    for name in WRAPPED {
        println!("cargo:rustc-link-arg-tests=-Wl,--wrap={name}");
    }
    // Where libbpf-sys put libbpf's headers: C programs are compiled against them.
    if let Ok(include) = std::env::var("DEP_BPF_INCLUDE") {
        println!("cargo:rustc-env=LIBBPF_INCLUDE={include}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
