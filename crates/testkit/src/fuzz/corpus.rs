//! Files of the fixtures, for targets that change them.

use std::path::Path;
use std::sync::OnceLock;

use crate::fixtures;

/// Every `fixtures/*.bpf.o`, by name.
pub(super) fn objects() -> &'static [Vec<u8>] {
    static OBJECTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    OBJECTS.get_or_init(|| files(&fixtures::dir(), &["o"]))
}

/// Every capture of `fixtures/captures`, by name.
pub(super) fn captures() -> &'static [Vec<u8>] {
    static CAPTURES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    CAPTURES.get_or_init(|| files(&fixtures::dir().join("captures"), &["pcap", "pcapng"]))
}

fn files(folder: &Path, extensions: &[&str]) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(folder).expect("the fixtures are there");
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    });
    paths.sort();
    let files: Vec<_> = paths.into_iter().filter_map(|path| std::fs::read(path).ok()).collect();
    assert!(!files.is_empty(), "no fixtures in {}", folder.display());
    files
}
