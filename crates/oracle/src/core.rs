//! What libbpf makes of CO-RE relocations: which type of the target it takes, and the instructions it hands to the kernel.
//!
//! The recording has a part for each of [`skep_testkit::core_targets`], and in it one for each program of
//! `fixtures/core/kinds.bpf.o`, loaded by itself: what libbpf says of its relocations, then its instructions in hex.

use std::path::Path;
use std::process::Command;

use skep_testkit::{core_targets, fixtures};

use crate::libbpf::{Folder, compile, output};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Lets libbpf load the fixture for every target. `library` is an archive of the libbpf to ask (`libbpf.a`); without one
/// it is the system's.
///
/// # Errors
/// There is no C compiler or no libbpf, or the kernel lets nobody load a program.
pub fn record(library: Option<&str>) -> Result<String> {
    let folder = Folder::new("core")?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core/libbpf.c");
    let asker = compile(&folder.0, &source, library, &[])?;
    let object = fixtures::dir().join("core/kinds.bpf.o");
    let mut text = String::new();
    for (name, target) in core_targets::TARGETS {
        let types = folder.0.join(format!("{name}.btf"));
        std::fs::write(&types, target().to_bytes())?;
        let said = output(Command::new(&asker).arg(&object).arg(&types))?;
        let (version, programs) = said.split_once('\n').unwrap_or((&said, ""));
        if text.is_empty() {
            text = format!("{version}\n");
        }
        text += &format!("target {name}\n{programs}");
    }
    Ok(text)
}
