//! Bodies of the fuzz targets: bytes in, a panic if something is wrong.
//!
//! libFuzzer runs them from `fuzz/fuzz_targets/`; `cargo test` replays what it found, which lies in
//! `fuzz/regressions/TARGET/`. A body is a function of its bytes. Adding a target is a file here, a row in [`TARGETS`], a
//! file in `fuzz/fuzz_targets/` and its `[[bin]]`.

mod btf;
mod capture;
mod core;
mod corpus;
mod input;
mod insns;
mod kernel;
mod link;
mod maps;
mod object;
mod rings;
mod verify_sound;

use std::path::{Path, PathBuf};

pub use btf::btf;
pub use capture::capture;
pub use core::core;
pub use input::Input;
pub use insns::insns;
pub use kernel::kernel;
pub use link::link;
pub use maps::maps;
pub use object::object;
pub use rings::rings;
pub use verify_sound::verify_sound;

/// One fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of its binary and of its folder of regressions.
    pub name: &'static str,
    /// What is tried with the bytes. Panics if something is wrong.
    pub body: fn(&[u8]),
}

/// All fuzz targets.
pub const TARGETS: &[Target] = &[
    Target { name: "btf", body: btf },
    Target { name: "capture", body: capture },
    Target { name: "core", body: core },
    Target { name: "insns", body: insns },
    Target { name: "kernel", body: kernel },
    Target { name: "link", body: link },
    Target { name: "maps", body: maps },
    Target { name: "object", body: object },
    Target { name: "rings", body: rings },
    Target { name: "verify_sound", body: verify_sound },
];

/// `fuzz/regressions` of this repository.
pub fn regressions_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions")
}
