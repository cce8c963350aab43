//! What fuzzing found once, and some bytes that it has not: fuzz targets without libFuzzer.

use skep_testkit::fuzz::{TARGETS, regressions_dir};

/// Files of `fuzz/regressions/TARGET/`.
#[test]
fn regressions() {
    for target in TARGETS {
        let Ok(folder) = std::fs::read_dir(regressions_dir().join(target.name)) else { continue };
        for entry in folder {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            (target.body)(&std::fs::read(&path).unwrap());
        }
    }
}

/// Every target takes nothing, and bytes that mean little.
#[test]
fn trivial_inputs() {
    for target in TARGETS {
        for input in [&b""[..], b"\0", &[0xff; 100], b"r0 = 1\nexit\n"] {
            (target.body)(input);
        }
    }
}

/// Bytes from a fixed seed: a little of what libFuzzer does, in every test run.
#[test]
fn some_bytes() {
    for name in ["insns", "maps"] {
        let body = TARGETS.iter().find(|target| target.name == name).unwrap().body;
        let mut state = 1u64;
        for length in (0..400).map(|n| n * 2) {
            let bytes: Vec<u8> = (0..length).map(|_| next(&mut state)).collect();
            body(&bytes);
        }
    }
}

/// All fixtures, whole and with a few bytes changed.
#[test]
fn objects() {
    let folder = regressions_dir().join("../../fixtures");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "o"));
    files.sort();
    assert!(files.len() > 10);
    let mut state = 1u64;
    for path in files {
        let mut bytes = std::fs::read(&path).unwrap();
        skep_testkit::fuzz::object(&bytes);
        for _ in 0..8 {
            let position = [0; 8].map(|_: u8| next(&mut state));
            let at = u64::from_le_bytes(position) as usize % bytes.len();
            bytes[at] = next(&mut state);
            skep_testkit::fuzz::object(&bytes);
        }
    }
}

/// xorshift, the high byte.
fn next(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 56) as u8
}
