//! `skep link`: several objects made one.

use serde::Serialize;
use skep::loader::linker::{self, LinkError};

/// What came out.
#[derive(Clone, Debug, Serialize)]
pub struct LinkReport {
    /// The file that was written.
    pub output: String,
    /// Its length.
    pub bytes: usize,
    /// The files that it was made of, in their order.
    pub inputs: Vec<String>,
    /// Its sections in file order.
    pub sections: Vec<LinkedSection>,
    /// What no input defines.
    pub externs: Vec<String>,
    /// BTF types of all inputs together.
    pub types_in: usize,
    /// BTF types of the output.
    pub types_out: usize,
}

/// A section of the output.
#[derive(Clone, Debug, Serialize)]
pub struct LinkedSection {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
}

/// Why nothing came out.
#[derive(Clone, Debug, Serialize)]
pub struct LinkFailure {
    /// The input, as it was named; empty if it is about all of them.
    pub file: String,
    /// The section; empty if it is about none.
    pub section: String,
    /// The symbol; empty if it is about none.
    pub symbol: String,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for LinkFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let LinkFailure { file, section, symbol, message } = self.clone();
        LinkError { file, section, symbol, message }.fmt(f)
    }
}

/// Links objects, each with the name that it is reported by, for an output of that name: what to write, and the report.
///
/// # Errors
/// The first input that is no object, or does not fit those before it.
pub fn link(output: &str, inputs: &[(String, Vec<u8>)]) -> Result<(Vec<u8>, LinkReport), LinkFailure> {
    let files: Vec<(&str, &[u8])> = inputs.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let linked = linker::link(&files).map_err(|error| {
        let LinkError { file, section, symbol, message } = error;
        LinkFailure { file, section, symbol, message }
    })?;
    let report = LinkReport {
        output: output.to_owned(),
        bytes: linked.bytes.len(),
        inputs: inputs.iter().map(|(name, _)| name.clone()).collect(),
        sections: linked.sections.into_iter().map(|(name, size)| LinkedSection { name, size }).collect(),
        externs: linked.externs,
        types_in: linked.types.0,
        types_out: linked.types.1,
    };
    Ok((linked.bytes, report))
}
