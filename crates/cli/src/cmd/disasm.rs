//! `skep disasm`: instructions as text.

use std::io::Write;

use crate::args::DisasmArgs;
use crate::exit::{Done, Failure};
use crate::{input, show};
use anstyle::{AnsiColor, Style};
use skep_runner::{Listing, ListingLine};

pub(crate) fn main(args: &DisasmArgs) -> Result<Done, Failure> {
    let bytes = input::file(&args.file)?;
    let named = |error: skep::Error| Failure::usage(format!("{}: {error}", args.file.display()));
    let listings = if args.raw {
        vec![skep_runner::list_raw(&bytes).map_err(named)?]
    } else {
        skep_runner::list_object(&bytes, args.program.as_deref()).map_err(named)?
    };
    let mut out = anstream::stdout().lock();
    for (index, listing) in listings.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        print(&mut out, listing, args.plain)?;
    }
    Ok(Done::Well)
}

fn print(out: &mut impl Write, listing: &Listing, plain: bool) -> std::io::Result<()> {
    let bold = Style::new().bold();
    let dim = AnsiColor::BrightBlack.on_default();
    if !listing.name.is_empty() {
        let Listing { name, section, .. } = listing;
        // Both forms are what the assembler takes back: a label, a comment.
        if plain {
            writeln!(out, "{name}:")?
        } else {
            writeln!(out, "{bold}{name}:{bold:#}  ; SEC(\"{section}\")")?
        }
    }
    for ListingLine { slot, bytes, text, source, note } in &listing.lines {
        if plain {
            writeln!(out, "    {text}")?;
            continue;
        }
        if let Some(source) = source {
            writeln!(out, "{dim}; {source}{dim:#}")?;
        }
        let note = note.as_ref().map(|note| format!("  {dim}; {note}{dim:#}")).unwrap_or_default();
        writeln!(out, "{slot:6}:  {dim}{:32}{dim:#}  {text}{note}", show::hex(bytes))?;
    }
    Ok(())
}
