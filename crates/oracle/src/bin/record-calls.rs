//! Records what the running kernel's verifier says of calls of helpers and functions:
//! `record-calls [PROGRAMS] | gzip -9n > fixtures/oracle/calls-VERSION.txt.gz`.

use std::io::{self, Write};

use skep_oracle::{calls, sys};

const PROGRAMS: u64 = 1_000;

fn main() -> io::Result<()> {
    let programs = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(PROGRAMS);
    let world = calls::World::new()?;
    let mut out = io::stdout().lock();
    writeln!(out, "# linux {}, by record-calls of skep-oracle", sys::kernel_release())?;
    out.write_all(calls::header().unwrap_or_default().as_bytes())?;
    for seed in 0..programs {
        let case = calls::program(seed);
        let (errno, log) = world.ask(&case)?;
        out.write_all(calls::entry(&case, errno, &log).as_bytes())?;
    }
    Ok(())
}
