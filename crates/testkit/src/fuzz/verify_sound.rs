//! Programs near the frontier: what the verifier accepts runs without a fault and holds what was claimed.

use super::input::Input;
use crate::frontier::{Bench, check, sample};

/// Makes a program of the bytes, verifies it and runs it if it is accepted.
pub fn verify_sound(bytes: &[u8]) {
    let sample = sample(&mut Input::new(bytes));
    if let Err(found) = check(&mut Bench::default(), &sample) {
        panic!("{found}\n{}", sample.text());
    }
}
