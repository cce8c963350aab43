//! The repository's files: where they are, and how the made ones are written or compared.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::Failure;

/// The root of the repository that this program was built from.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.ancestors().nth(2).unwrap_or(xtask).to_path_buf()
}

/// A file that a command makes.
#[derive(Debug)]
pub(crate) struct Made {
    /// Where it belongs.
    pub(crate) path: PathBuf,
    /// What it should hold.
    pub(crate) bytes: Vec<u8>,
}

/// What to do with made files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// Write what differs.
    Write,
    /// Write nothing; what differs is a failure.
    Check,
}

/// Compares made files with those on disk, says on stderr which differ, and writes them when told to.
///
/// `remake` is the command line that puts things right; the failure's text names it.
pub(crate) fn settle(made: &[Made], mode: Mode, remake: &str) -> Result<(), Failure> {
    let mut differing = Vec::new();
    for file in made {
        let Some(difference) = difference(file)? else { continue };
        let name = file.path.strip_prefix(root()).unwrap_or(&file.path).display().to_string();
        eprintln!("{} {name}: {difference}", if mode == Mode::Write { "wrote" } else { "differs" });
        if mode == Mode::Write {
            fs::write(&file.path, &file.bytes)?;
        }
        differing.push(name);
    }
    let same = made.len() - differing.len();
    eprintln!("{same} of {} files were as made", made.len());
    if mode == Mode::Write || differing.is_empty() {
        return Ok(());
    }
    Err(Failure::Differs(format!(
        "not as made: {}\nrun `{remake}` and commit the result",
        differing.join(", ")
    )))
}

/// How the file on disk differs from the made one, in a few words.
fn difference(file: &Made) -> Result<Option<String>, Failure> {
    let old = match fs::read(&file.path) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Some("new file".into())),
        Err(error) => return Err(error.into()),
    };
    if old == file.bytes {
        return Ok(None);
    }
    let at = old.iter().zip(&file.bytes).position(|(a, b)| a != b).unwrap_or(old.len().min(file.bytes.len()));
    Ok(Some(format!("{} bytes before, {} now, first difference at {at:#x}", old.len(), file.bytes.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(dir: &Path, name: &str, text: &str) -> Made {
        Made { path: dir.join(name), bytes: text.into() }
    }

    #[test]
    fn the_root_has_the_workspace_manifest() {
        assert!(root().join("Cargo.toml").is_file());
        assert!(root().join("crates/xtask").is_dir());
    }

    #[test]
    fn checking_writes_nothing_and_names_what_differs() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("same"), "as before").unwrap();
        fs::write(dir.path().join("other"), "as it was").unwrap();
        let files = [made(dir.path(), "same", "as before"), made(dir.path(), "other", "as it is")];
        let text = settle(&files, Mode::Check, "cargo xtask x").unwrap_err().to_string();
        assert!(text.contains("other"), "{text}");
        assert!(!text.contains("same"), "{text}");
        assert_eq!(fs::read(dir.path().join("other")).unwrap(), b"as it was");
    }

    #[test]
    fn writing_puts_things_right() {
        let dir = tempfile::tempdir().unwrap();
        let files = [made(dir.path(), "new", "text")];
        settle(&files, Mode::Write, "cargo xtask x").unwrap();
        settle(&files, Mode::Check, "cargo xtask x").unwrap();
    }

    #[test]
    fn a_difference_says_where_it_begins() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f"), "abcd").unwrap();
        let text = difference(&made(dir.path(), "f", "abXdef")).unwrap().unwrap();
        assert_eq!(text, "4 bytes before, 6 now, first difference at 0x2");
        assert_eq!(difference(&made(dir.path(), "f", "abcd")).unwrap(), None);
        let longer = difference(&made(dir.path(), "f", "abcde")).unwrap().unwrap();
        assert_eq!(longer, "4 bytes before, 5 now, first difference at 0x4");
    }
}
