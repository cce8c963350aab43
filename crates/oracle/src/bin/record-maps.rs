//! Records what the maps of the running kernel answer: `record-maps > fixtures/oracle/maps-VERSION.json`.

use std::io::{self, Write};

use skep_oracle::maps::{cases, record};

fn main() -> io::Result<()> {
    let recording = record(&cases())?;
    let steps: usize = recording.cases.iter().map(|case| case.steps.len()).sum();
    eprintln!("{} sequences, {steps} steps, Linux {}", recording.cases.len(), recording.kernel);
    // One line for each sequence: readable in a diff.
    let mut out = io::stdout().lock();
    writeln!(out, "{{\n\"kernel\": {:?},\n\"cpus\": {},\n\"cases\": [", recording.kernel, recording.cpus)?;
    for (at, case) in recording.cases.iter().enumerate() {
        let comma = if at + 1 < recording.cases.len() { "," } else { "" };
        writeln!(out, "{}{comma}", serde_json::to_string(case)?)?;
    }
    writeln!(out, "]\n}}")
}
