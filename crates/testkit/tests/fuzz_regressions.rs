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
    let inputs = |name: &str| match name {
        "insns" | "maps" => 400,
        "btf" | "capture" | "rings" => 150,
        _ => 60,
    };
    for target in TARGETS {
        let mut state = 1u64;
        let count = inputs(target.name);
        for length in (0..count).map(|n| n * 800 / count) {
            let bytes: Vec<u8> = (0..length).map(|_| next(&mut state)).collect();
            (target.body)(&bytes);
        }
    }
}

/// All fixtures as they are: the target takes what begins like an object for one.
#[test]
fn objects() {
    let mut count = 0;
    for entry in std::fs::read_dir(skep_testkit::fixtures::dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "o") {
            skep_testkit::fuzz::object(&std::fs::read(&path).unwrap());
            count += 1;
        }
    }
    assert!(count > 10);
}

/// xorshift, the high byte.
fn next(state: &mut u64) -> u8 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 56) as u8
}
