//! Tells the interpreter whether the compiler turns calls in tail position into jumps.

use std::env;

#[expect(clippy::disallowed_methods, reason = "cargo hands build scripts their facts in the environment")]
fn main() {
    println!("cargo::rustc-check-cfg=cfg(skep_threaded)");
    println!("cargo::rerun-if-changed=build.rs");
    let fact = |name| env::var(name).unwrap_or_default();
    // LLVM marks calls as tail calls from -O2 up, and does it with six arguments in registers on these.
    let optimised = matches!(fact("OPT_LEVEL").as_str(), "2" | "3" | "s" | "z");
    let six_registers = match fact("CARGO_CFG_TARGET_ARCH").as_str() {
        "x86_64" => fact("CARGO_CFG_TARGET_OS") != "windows",
        "aarch64" => true,
        _ => false,
    };
    if optimised && six_registers {
        println!("cargo::rustc-cfg=skep_threaded");
    }
}
