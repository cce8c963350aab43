//! `cargo fuzz run verify_sound`; without libFuzzer it runs the files that are named on the command line.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| skep_testkit::fuzz::verify_sound(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    skep_fuzz::run_files(skep_testkit::fuzz::verify_sound)
}
