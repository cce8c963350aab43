//! Records what the running kernel answers to scripts of `bpf(2)`:
//! `record-bpf fixtures/bpf/SUBJECT.txt | gzip -9n > fixtures/oracle/bpf-SUBJECT-VERSION.txt.gz`. In place of a file,
//! `elements` and `creations` are scripts from seeds; `elements=100..120` are longer ones from other seeds, to look for
//! differences: `BPF_RECORDING=FILE cargo test -p skep-kernel --test bpf given` compares a recording that is not committed.
//!
//! Every case runs twice; what differs the second time is said on stderr.

use std::io::{self, Write};

use skep_oracle::{bpf, sys};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "# linux {}, by record-bpf of skep-oracle", sys::kernel_release())?;
    for path in std::env::args().skip(1) {
        let text = match path.as_str() {
            "elements" => bpf::generate::elements(0..4, 24),
            seeds if seeds.starts_with("elements=") => {
                let bounds = seeds["elements=".len()..].split_once("..");
                let bounds = bounds.and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
                bpf::generate::elements(bounds.ok_or_else(|| io::Error::other("elements=FIRST..END"))?, 40)
            }
            "creations" => bpf::generate::creations(),
            path => std::fs::read_to_string(path)?,
        };
        let cases = bpf::parse(&text).map_err(|error| io::Error::other(format!("{path}: {error}")))?;
        for case in &cases {
            let (recorded, again) = (bpf::record(case)?, bpf::record(case)?);
            if let Some((one, other)) = recorded.lines().zip(again.lines()).find(|(one, other)| one != other)
            {
                eprintln!("{path}: `{}` answers differently each time:\n{one}\n{other}", case.name);
            }
            out.write_all(recorded.as_bytes())?;
        }
        eprintln!("{path}: {} cases", cases.len());
    }
    Ok(())
}
