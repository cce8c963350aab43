//! How results look: texts for people, JSON for programs.

pub(crate) mod inspection;
pub(crate) mod run;
pub(crate) mod source;
pub(crate) mod verify;

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::exit::Failure;

pub(crate) use skep_runner::hex_string as hex;

/// Writes a report as one JSON document, piece by piece: it may be long.
pub(crate) fn json(out: &mut impl Write, report: &impl Serialize) -> Result<(), Failure> {
    let mut out = BufWriter::new(out);
    serde_json::to_writer_pretty(&mut out, report).map_err(io::Error::from)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}
