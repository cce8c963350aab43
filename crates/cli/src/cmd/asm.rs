//! `skep asm`: text to instructions.

use std::io::Write;

use crate::args::AsmArgs;
use crate::exit::{Done, Failure};
use crate::{input, show};
use skep::isa;

pub(crate) fn main(args: &AsmArgs) -> Result<Done, Failure> {
    let text = input::text(&args.file)?;
    let name = args.file.display().to_string();
    let insns = isa::asm::assemble(&text).map_err(|error| {
        Failure::usage(show::source::point_at(&name, &text, error.line, error.column, &error.message))
    })?;
    let mut out = anstream::stdout().lock();
    match &args.output {
        Some(path) => {
            let bytes: Vec<u8> = insns.iter().flat_map(|insn| insn.to_bytes()).collect();
            std::fs::write(path, bytes)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        }
        None => {
            for insn in &insns {
                writeln!(out, "{}", show::hex(&insn.to_bytes()))?;
            }
        }
    }
    Ok(Done::Well)
}
