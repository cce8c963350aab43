//! What libbpf's static linker makes of the fixtures.
//!
//! A line for each of [`linking::cases`]: the fixtures, and the fingerprints of the object that libbpf makes of them and
//! of that one linked once more; or `refused` and its first words, or `crashed`.

use std::path::{Path, PathBuf};
use std::process::Command;

use skep_testkit::{fixtures, linking};

use crate::libbpf::{Folder, compile};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Lets libbpf link. `library` is an archive of the libbpf to ask (`libbpf.a`); without one it is the system's.
///
/// # Errors
/// There is no C compiler or no libbpf.
pub fn record(library: Option<&str>) -> Result<String> {
    let folder = Folder::new("link")?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/link/libbpf.c");
    let linker = Linker { program: compile(&folder.0, &source, library, &[])?, folder: &folder.0 };
    let mut text = String::new();
    for case in linking::cases() {
        let inputs: Vec<PathBuf> =
            case.iter().map(|name| fixtures::dir().join(format!("{name}.bpf.o"))).collect();
        let answer = match linker.link("once.o", &inputs)? {
            Ok(once) => match linker.link("twice.o", &[folder.0.join("once.o")])? {
                Ok(twice) => {
                    format!("{:016x} {:016x}", linking::fingerprint(&once), linking::fingerprint(&twice))
                }
                Err(why) => return Err(format!("{case:?}: what libbpf made is refused: {why}").into()),
            },
            Err(why) => why,
        };
        text += &format!("{}: {answer}\n", case.join(" "));
    }
    Ok(text)
}

struct Linker<'f> {
    program: PathBuf,
    folder: &'f Path,
}

impl Linker<'_> {
    fn link(&self, name: &str, inputs: &[PathBuf]) -> Result<std::result::Result<Vec<u8>, String>> {
        let path = self.folder.join(name);
        let output = Command::new(&self.program).arg(&path).args(inputs).output()?;
        match output.status.code() {
            Some(0) => Ok(Ok(std::fs::read(path)?)),
            Some(_) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                let first = said.lines().next().unwrap_or("");
                let first = first.strip_prefix("libbpf: ").unwrap_or(first);
                let path = format!("{}/", fixtures::dir().display());
                Ok(Err(format!("refused: {}", first.replace(&path, ""))))
            }
            None => Ok(Err("crashed".to_owned())),
        }
    }
}
