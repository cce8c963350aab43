//! What `skep verify` shows to people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use skep_runner::ProgramVerdict;

const BOLD: Style = Style::new().bold();
const DIM: Style = AnsiColor::BrightBlack.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

pub(crate) fn print(
    out: &mut impl Write,
    rows: &[ProgramVerdict],
    types: &str,
    log: bool,
    matrix: bool,
) -> io::Result<()> {
    for object in rows.chunk_by(|a, b| a.object == b.object) {
        let Some(first) = object.first() else { continue };
        writeln!(out, "{BOLD}{}{BOLD:#}  {DIM}types: {types}{DIM:#}", first.object)?;
        for warning in &first.warnings {
            writeln!(out, "  {DIM}note: {warning}{DIM:#}")?;
        }
        if matrix {
            print_matrix(out, object)?;
        } else {
            object.iter().try_for_each(|row| print_row(out, row, log))?;
        }
    }
    if !matrix {
        print_sum(out, rows)?;
    }
    Ok(())
}

fn style(row: &ProgramVerdict) -> Style {
    if row.verdict == "accept" { GOOD } else { BAD }
}

fn print_row(out: &mut impl Write, row: &ProgramVerdict, log: bool) -> io::Result<()> {
    let style = style(row);
    write!(out, "  {style}{:6}{style:#}  {}  {DIM}{}", row.verdict, row.program, row.section)?;
    if row.processed > 0 {
        write!(out, ", {} instructions, {} processed, {} states", row.insns, row.processed, row.states)?;
    }
    writeln!(out, "{DIM:#}")?;
    if row.verdict != "accept" {
        let errno = if row.errno == 0 { String::new() } else { format!(" (errno {})", row.errno) };
        let message = match row.message.as_str() {
            "" if row.errno == -1 => {
                "programs of this type take capabilities that the loader does not have (--caps)"
            }
            "" => "BPF_PROG_LOAD refuses it before the verifier looks at it",
            message => message,
        };
        writeln!(out, "          {message}{errno}")?;
        if let (Some(insn), Some(line)) = (row.insn, &row.line) {
            writeln!(out, "          {DIM}instruction {insn}, {line}{DIM:#}")?;
        } else if let Some(insn) = row.insn {
            writeln!(out, "          {DIM}instruction {insn}{DIM:#}")?;
        }
    }
    if let Some(value) = &row.value {
        writeln!(out, "          {value}")?;
    }
    for step in &row.origin {
        let line = step.line.as_deref().map(|it| format!("  {DIM}{it}{DIM:#}")).unwrap_or_default();
        writeln!(out, "            {:4}: {}{line}", step.insn, step.text)?;
    }
    if let Some(hint) = row.hint {
        writeln!(out, "          help: {hint}")?;
    }
    if log {
        row.log.lines().try_for_each(|line| writeln!(out, "    {line}"))?;
    }
    Ok(())
}

/// Programs by kernel.
fn print_matrix(out: &mut impl Write, rows: &[ProgramVerdict]) -> io::Result<()> {
    let programs: Vec<&[ProgramVerdict]> = rows.chunk_by(|a, b| a.program == b.program).collect();
    let width = programs.iter().map(|it| it[0].program.len()).max().unwrap_or(0);
    write!(out, "  {:width$}", "")?;
    for row in programs.first().copied().unwrap_or_default() {
        write!(out, "  {:6}", row.kernel)?;
    }
    writeln!(out)?;
    for program in &programs {
        write!(out, "  {:width$}", program[0].program)?;
        for row in *program {
            let style = style(row);
            write!(out, "  {style}{:6}{style:#}", row.verdict)?;
        }
        writeln!(out)?;
    }
    for program in &programs {
        for row in program.iter().filter(|it| it.verdict != "accept") {
            writeln!(out, "  {} on {}: {}", row.program, row.kernel, row.message)?;
        }
    }
    Ok(())
}

fn print_sum(out: &mut impl Write, rows: &[ProgramVerdict]) -> io::Result<()> {
    let count = |verdict: &str| rows.iter().filter(|it| it.verdict == verdict).count();
    let (accepted, rejected, failed) = (count("accept"), count("reject"), count("error"));
    if rows.len() < 2 {
        return Ok(());
    }
    write!(out, "{accepted} of {} programs accepted", rows.len())?;
    if rejected > 0 {
        write!(out, ", {rejected} rejected")?;
    }
    if failed > 0 {
        write!(out, ", {failed} could not be loaded")?;
    }
    writeln!(out)
}
