//! Records logs of the running kernel's verifier: `record-traces [COUNT] | gzip -9n > fixtures/oracle/traces-VERSION.txt.gz`,
//! with so many random programs of each kind.

use std::io::{self, Write};

use skep_oracle::sys;
use skep_oracle::traces::{Maps, cases, random};

const COUNT: u64 = 90;

fn main() -> io::Result<()> {
    let count = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(COUNT);
    let maps = Maps::new()?;
    let mut out = io::stdout().lock();
    writeln!(out, "# linux {}, by record-traces of skep-oracle", sys::kernel_release())?;
    for case in cases::all().into_iter().chain(random::cases(count)) {
        out.write_all(case.ask(&maps)?.as_bytes())?;
    }
    Ok(())
}
