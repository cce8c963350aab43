//! Where the fixtures are, and their bytes.
//!
//! `fixtures/README.md` lists what each program does and what it must answer.

use std::fs;
use std::path::{Path, PathBuf};

/// The `fixtures` directory of the repository.
pub fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

/// The bytes of `fixtures/<path>`.
///
/// # Panics
/// When the file cannot be read: the test is then about nothing. The message names the file.
pub fn read(path: &str) -> Vec<u8> {
    let full = dir().join(path);
    match fs::read(&full) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{}: {error}", full.display()),
    }
}

/// The object that clang made of `fixtures/<name>.bpf.c`.
///
/// # Panics
/// As [`read`].
///
/// ```
/// let elf = skep_testkit::fixtures::object("xdp_firewall");
/// assert_eq!(&elf[..4], b"\x7fELF");
/// ```
pub fn object(name: &str) -> Vec<u8> {
    read(&format!("{name}.bpf.o"))
}

/// The C source of a fixture, for tests that compare a report's line with it.
///
/// # Panics
/// As [`read`], and when the file is not UTF-8.
pub fn source(name: &str) -> String {
    match String::from_utf8(read(&format!("{name}.bpf.c"))) {
        Ok(text) => text,
        Err(error) => panic!("{name}.bpf.c: {error}"),
    }
}

/// A file of `fixtures/captures`, by its whole name (`web.pcap`, `web.expect.json`).
///
/// # Panics
/// As [`read`].
pub fn capture(name: &str) -> Vec<u8> {
    read(&format!("captures/{name}"))
}

/// The names of all fixture programs (`xdp_firewall`, ...), sorted.
///
/// # Panics
/// When the directory cannot be read.
pub fn names() -> Vec<String> {
    let entries = match fs::read_dir(dir()) {
        Ok(entries) => entries,
        Err(error) => panic!("{}: {error}", dir().display()),
    };
    let files = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        files.filter_map(|file| file.strip_suffix(".bpf.o").map(str::to_string)).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_is_an_elf_file_for_bpf() {
        for name in names() {
            let elf = object(&name);
            // e_ident's class and byte order, then e_machine: 64-bit, little-endian, EM_BPF (247).
            assert_eq!(&elf[..6], b"\x7fELF\x02\x01", "{name}");
            assert_eq!(elf[18..20], 247u16.to_le_bytes(), "{name}");
        }
    }

    #[test]
    fn every_source_names_its_license() {
        for name in names() {
            assert!(source(&name).starts_with("// SPDX-License-Identifier: MIT OR Apache-2.0\n"), "{name}");
        }
    }
}
