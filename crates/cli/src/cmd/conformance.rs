//! `skep conformance`: a plugin of bpf_conformance.

use std::io::{Read, Write};

use crate::args::ConformanceArgs;
use crate::exit::{Done, Failure};
use crate::input::MAX_INPUT;
use skep_runner::Conformance;

pub(crate) fn main(args: &ConformanceArgs) -> Result<Done, Failure> {
    let mut input = String::new();
    std::io::stdin()
        .lock()
        .take(MAX_INPUT)
        .read_to_string(&mut input)
        .map_err(|error| Failure::usage(format!("standard input: {error}")))?;
    let case = Conformance::parse(&args.args, &input).map_err(Failure::usage)?;
    let r0 = skep_runner::conformance(&case).map_err(Failure::program)?;
    writeln!(anstream::stdout(), "{r0:x}")?;
    Ok(Done::Well)
}
