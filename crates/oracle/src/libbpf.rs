//! Programs that ask libbpf.

use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A folder that goes when it is no longer needed.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> std::io::Result<Folder> {
        let path = std::env::temp_dir().join(format!("skep-oracle-{name}-{}", std::process::id()));
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

/// Compiles a source file against libbpf, the system's or an archive of one.
pub(crate) fn compile(
    folder: &Path,
    source: &Path,
    library: Option<&str>,
    options: &[String],
) -> Result<PathBuf> {
    let asker = folder.join("asker");
    let mut cc = Command::new("cc");
    cc.args(["-O1", "-Wall", "-Wextra", "-o"]).arg(&asker).arg(source).args(options);
    cc.args([library.unwrap_or("-lbpf"), "-lelf", "-lz"]);
    output(&mut cc)?;
    Ok(asker)
}

/// What a command prints.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{command:?}: {}: {text}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
