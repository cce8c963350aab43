//! What libbpf makes of CO-RE relocations: which type of the target it takes, and the instructions it hands to the kernel.
//!
//! The recording has a part for each of [`skep_testkit::core_targets`], and in it one for each program of
//! `fixtures/core/kinds.bpf.o`, loaded by itself: what libbpf says of its relocations, then its instructions in hex.

use std::path::{Path, PathBuf};
use std::process::Command;

use skep_testkit::{core_targets, fixtures};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Lets libbpf load the fixture for every target. `library` is an archive of the libbpf to ask (`libbpf.a`); without one
/// it is the system's.
///
/// # Errors
/// There is no C compiler or no libbpf, or the kernel lets nobody load a program.
pub fn record(library: Option<&str>) -> Result<String> {
    let folder = Folder::new()?;
    let asker = compile(&folder.0, library)?;
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

/// A folder that goes when it is no longer needed.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Folder> {
        let path = std::env::temp_dir().join(format!("skep-oracle-core-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed stays.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn compile(folder: &Path, library: Option<&str>) -> Result<PathBuf> {
    let asker = folder.join("libbpf");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/core/libbpf.c");
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-Wall", "-Wextra", "-o"]).arg(&asker).arg(source);
    cc.args([library.unwrap_or("-lbpf"), "-lelf", "-lz"]);
    output(&mut cc)?;
    Ok(asker)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}: {text}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
