//! `skep link`: several objects made one.

use std::io::Write;
use std::path::Path;

use skep_runner::LinkReport;

use crate::args::LinkArgs;
use crate::exit::{Done, Failure};
use crate::{input, show};

pub(crate) fn main(args: &LinkArgs) -> Result<Done, Failure> {
    let output = args.output.display().to_string();
    let mut inputs = Vec::new();
    for path in &args.inputs {
        if is_same_file(&args.output, path) {
            let message = format!("{output}: is an input as well; it would be overwritten");
            return Err(Failure::usage(message));
        }
        inputs.push((path.display().to_string(), input::file(path)?));
    }
    let (bytes, report) = skep_runner::link(&output, &inputs).map_err(Failure::usage)?;
    std::fs::write(&args.output, bytes).map_err(|error| Failure::usage(format!("{output}: {error}")))?;
    let mut out = anstream::stdout().lock();
    match args.json {
        true => show::json(&mut out, &report)?,
        false => print(&mut out, &report)?,
    }
    Ok(Done::Well)
}

/// Whether two names are of one file, by whatever way.
fn is_same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b || is_same_inode(&a, &b),
        // What is not there yet is no input.
        _ => false,
    }
}

#[cfg(unix)]
fn is_same_inode(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_inode(_: &Path, _: &Path) -> bool {
    false
}

fn print(out: &mut impl Write, report: &LinkReport) -> Result<(), Failure> {
    let LinkReport { output, bytes, inputs, types_in, types_out, .. } = report;
    let objects = if inputs.len() == 1 { "object" } else { "objects" };
    writeln!(out, "{output}  {bytes} bytes of {} {objects}; types: {types_out} of {types_in}", inputs.len())?;
    for section in report.sections.iter().filter(|it| !it.name.starts_with(".rel")) {
        writeln!(out, "  {:<24} {:>8}", section.name, section.size)?;
    }
    if !report.externs.is_empty() {
        writeln!(out, "  extern: {}", report.externs.join(", "))?;
    }
    Ok(())
}
