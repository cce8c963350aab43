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

/// The packets of a little-endian pcap file of `fixtures/captures`.
///
/// # Panics
/// As [`read`], and when the file ends in the middle of a packet.
///
/// ```
/// let packets = skep_testkit::fixtures::packets("few-nanos-little-endian.pcap");
/// assert_eq!(packets.len(), 5);
/// ```
pub fn packets(name: &str) -> Vec<Vec<u8>> {
    let file = capture(name);
    // The file's header has 24 bytes, a packet's 16: its captured length is the third word.
    let mut rest = file.get(24..).unwrap_or_default();
    let mut packets = Vec::new();
    while let Some((header, tail)) = rest.split_first_chunk::<16>() {
        let len = u32::from_le_bytes([header[8], header[9], header[10], header[11]]) as usize;
        assert!(len <= tail.len(), "{name} ends in the middle of packet {}", packets.len());
        packets.push(tail[..len].to_vec());
        rest = &tail[len..];
    }
    packets
}

/// What the real kernel did in the scenarios of a fixture: the JSON of `fixtures/recorded/<name>.json`.
///
/// # Panics
/// As [`read`].
pub fn recorded(name: &str) -> Vec<u8> {
    read(&format!("recorded/{name}.json"))
}

/// The number of the only line of a fixture's C source that contains `text`, counted from 1, for reports that must
/// name it.
///
/// # Panics
/// As [`source`], and when there is no such line or more than one.
///
/// ```
/// assert_eq!(skep_testkit::fixtures::line_of("fault_null", "/* FAULT */"), 27);
/// ```
pub fn line_of(name: &str, text: &str) -> u32 {
    let source = source(name);
    let mut lines = source.lines().zip(1..).filter(|(line, _)| line.contains(text)).map(|(_, number)| number);
    match (lines.next(), lines.next()) {
        (Some(number), None) => number,
        (None, _) => panic!("{name}.bpf.c has no line with `{text}`"),
        (_, Some(second)) => panic!("{name}.bpf.c has a second line with `{text}`: {second}"),
    }
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
    fn every_recording_is_of_a_fixture() {
        let names = names();
        let entries = fs::read_dir(dir().join("recorded")).unwrap();
        for file in entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
            let name = file.strip_suffix(".json").unwrap_or(&file);
            let document: serde_json::Value = serde_json::from_slice(&recorded(name)).unwrap();
            assert!(document["kernel"].is_string(), "{file}");
            assert!(name == "verdicts" || names.iter().any(|fixture| fixture == name), "{file}");
        }
    }

    #[test]
    fn the_faulting_lines_are_marked() {
        assert!(line_of("fault_null", "/* FAULT */") > 0);
        for program in ["packet_read", "past_value", "past_stack", "write_rodata"] {
            assert!(line_of("fault_oob", &format!("/* FAULT: {program} */")) > 0);
        }
        for program in ["after_submit", "after_adjust"] {
            assert!(line_of("fault_stale", &format!("/* FAULT: {program} */")) > 0);
        }
        assert!(line_of("infinite_loop", "/* BUDGET: spin */") > 0);
        assert!(line_of("infinite_loop", "/* DEPTH: recursion */") > 0);
    }

    #[test]
    #[should_panic(expected = "fault_oob.bpf.c has a second line")]
    fn a_line_must_be_the_only_one() {
        line_of("fault_oob", "/* FAULT:");
    }

    #[test]
    fn every_source_names_its_license() {
        for name in names() {
            assert!(source(&name).starts_with("// SPDX-License-Identifier: MIT OR Apache-2.0\n"), "{name}");
        }
    }
}
