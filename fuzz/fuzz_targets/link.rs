//! `cargo fuzz run link`; without libFuzzer it runs the files that are named on the command line.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| skep_testkit::fuzz::link(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    skep_fuzz::run_files(skep_testkit::fuzz::link)
}
