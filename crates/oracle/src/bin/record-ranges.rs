//! Records what the running kernel's verifier says of numbers: `record-ranges [PROGRAMS] | gzip -9n > fixtures/oracle/ranges-VERSION.txt.gz`.

use std::io::{self, Write};

use skep_oracle::{ranges, sys};

const PROGRAMS: u64 = 2_400;

fn main() -> io::Result<()> {
    let programs = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(PROGRAMS);
    let mut out = io::stdout().lock();
    writeln!(out, "# linux {}, by record-ranges of skep-oracle", sys::kernel_release())?;
    for seed in 0..programs {
        let insns = ranges::program(seed);
        match ranges::ask(&insns) {
            Ok(None) => {}
            Ok(Some(text)) => out.write_all(text.as_bytes())?,
            Err(rejected) => eprintln!("program {seed}: {rejected}"),
        }
    }
    Ok(())
}
