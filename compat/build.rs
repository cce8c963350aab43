//! Has the linker redirect libbpf's system calls to this package.

/// The functions of libc that libbpf reaches the kernel through. Each has its `__wrap_` in `src/wrap.rs`.
const WRAPPED: &[&str] = &["syscall", "dup", "dup2", "dup3", "fcntl", "fcntl64", "close"];

fn main() {
    for name in WRAPPED {
        println!("cargo:rustc-link-arg-tests=-Wl,--wrap={name}");
    }
    println!("cargo:rerun-if-changed=build.rs");
}
