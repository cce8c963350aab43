//! How results look: texts for people, JSON for programs.

pub(crate) mod inspection;
pub(crate) mod run;
pub(crate) mod source;

use serde::Serialize;

use crate::exit::Failure;

pub(crate) use skep_runner::hex_string as hex;

/// A report as one JSON document.
pub(crate) fn json(report: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(report)
        .map_err(|error| Failure::usage(format!("cannot write JSON: {error}")))
}
