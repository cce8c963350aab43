//! Records what the running kernel's verifier writes about programs:
//! `record-logs [COMPOSED] [CASES.txt...] | gzip -9n > fixtures/oracle/logs-VERSION.txt.gz`; `memory-VERSION.txt.gz` is
//! that of `0 fixtures/verifier/memory.txt`.
//! Started without `CAP_PERFMON` (`setpriv --bounding-set=-all,+bpf,+net_admin` and so on) it wrote
//! `logs-without-perfmon-VERSION.txt.gz`.
//!
//! `--raw N` adds programs of arbitrary slots (`raw-slots-VERSION.txt.gz` is that of `0 --raw 3000`); `--level N` asks for
//! another log level; `--kernel` composes programs that call functions of the running kernel, by
//! their ids in its BTF: they mean nothing to another one.

use std::io::{self, Write};

use skep_btf::Btf;
use skep_oracle::{logs, sys};

const COMPOSED: u64 = 300;
/// Composed programs with longer logs say little more.
const MAX_LINES: usize = 600;

fn main() -> io::Result<()> {
    let (mut cases, mut composed, mut level, mut kernel) = (Vec::new(), COMPOSED, logs::DEFAULT_LEVEL, None);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let number = arg.parse().ok();
        match arg.as_str() {
            "--level" => level = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(level),
            "--raw" => {
                let count = args.next().and_then(|arg| arg.parse().ok()).unwrap_or(0);
                cases.extend((0..count).map(logs::raw));
            }
            "--kernel" => {
                let btf = Btf::parse(&std::fs::read("/sys/kernel/btf/vmlinux")?);
                kernel = Some(btf.map_err(io::Error::other)?);
            }
            _ if number.is_some() => composed = number.unwrap_or(COMPOSED),
            path => cases.extend(logs::parse(&std::fs::read_to_string(path)?).map_err(io::Error::other)?),
        }
    }
    cases.extend((0..composed).map(|seed| logs::compose_with(seed, kernel.as_ref())));
    let mut out = io::stdout().lock();
    writeln!(out, "# linux {}, by record-logs of skep-oracle", sys::kernel_release())?;
    for case in cases {
        match case.record(level) {
            Ok(text) if text.starts_with("== composed") && text.lines().count() > MAX_LINES => {}
            // Without capabilities some program types are not loaded at all.
            Ok(text) if text.ends_with("errno 1\n") || text.contains("\nerrno 28\n") => {}
            Ok(text) => out.write_all(text.as_bytes())?,
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}
