//! libFuzzer targets for skep, one binary each: `cargo +nightly fuzz run insns`.
//!
//! What they do is in [`skep_testkit::fuzz`], and what they found is in `regressions/`, which `cargo test` replays.
//!
//! ```
//! // Any bytes will do.
//! skep_testkit::fuzz::insns(b"r0 = 1");
//! ```

/// Runs a target on the files named on the command line.
///
/// # Errors
/// If one cannot be read.
pub fn run_files(body: fn(&[u8])) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        body(&std::fs::read(path)?);
    }
    Ok(())
}
