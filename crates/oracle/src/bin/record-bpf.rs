//! Records what the running kernel answers to scripts of `bpf(2)`:
//! `record-bpf fixtures/bpf/SUBJECT.txt | gzip -9n > fixtures/oracle/bpf-SUBJECT-VERSION.txt.gz`. In place of a file,
//! `elements` and `creations` are scripts from seeds.
//!
//! Every case runs twice; what differs the second time is said on stderr.

use std::io::{self, Write};

use skep_oracle::{bpf, sys};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "# linux {}, by record-bpf of skep-oracle", sys::kernel_release())?;
    for path in std::env::args().skip(1) {
        let text = match path.as_str() {
            "elements" => bpf::generate::elements(4, 24),
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
