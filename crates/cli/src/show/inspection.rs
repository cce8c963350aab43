//! What `skep inspect` shows to people.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use skep_runner::{Inspection, MapInspection, ProgramInspection, TargetInspection};

const BOLD: Style = Style::new().bold();
const DIM: Style = AnsiColor::BrightBlack.on_default();

pub(crate) fn print(out: &mut impl Write, name: &str, it: &Inspection) -> io::Result<()> {
    let btf = it.btf_types.map_or_else(|| "no BTF".to_owned(), |count| format!("{count} BTF types"));
    let license = if it.license.is_empty() { "none" } else { &it.license };
    writeln!(out, "{BOLD}{name}{BOLD:#}  {DIM}license {license}, {btf}{DIM:#}")?;
    let because = it.minimum_kernel_because.join(", ");
    let because = if because.is_empty() { because } else { format!(" for {because}") };
    writeln!(out, "needs Linux {}{because}", it.minimum_kernel)?;

    for need in &it.guarded {
        writeln!(out, "  {DIM}where the kernel has it: {}, since Linux {}{DIM:#}", need.what, need.since)?;
    }

    heading(out, "programs", it.programs.len())?;
    it.programs.iter().try_for_each(|program| print_program(out, program))?;
    heading(out, "maps", it.maps.len())?;
    it.maps.iter().try_for_each(|map| print_map(out, map))?;
    heading(out, "globals", it.globals.len())?;
    for global in &it.globals {
        let what =
            global.declaration.clone().unwrap_or_else(|| format!("{} ({} bytes)", global.name, global.size));
        writeln!(out, "  {:10} {what}", global.section)?;
    }
    heading(out, "externs", it.externs.len())?;
    for external in &it.externs {
        let weak = if external.weak { ", weak" } else { "" };
        writeln!(out, "  {}  {DIM}{}{weak}{DIM:#}", external.name, external.kind)?;
    }
    heading(out, "helpers", it.helpers.len())?;
    for helper in &it.helpers {
        let calls = if helper.calls == 1 { "call" } else { "calls" };
        writeln!(out, "  {}  {DIM}{} {calls}, since {}{DIM:#}", helper.name, helper.calls, helper.since)?;
    }
    heading(out, "types of the kernel", it.types.len())?;
    for used in &it.types {
        writeln!(out, "  {}  {DIM}{}{DIM:#}", used.name, used.uses.join(", "))?;
    }
    it.targets.iter().try_for_each(|target| print_target(out, target))?;
    it.warnings.iter().try_for_each(|warning| writeln!(out, "note: {warning}"))
}

fn print_target(out: &mut impl Write, it: &TargetInspection) -> io::Result<()> {
    let verdict = if it.loads { "would load" } else { "would not load" };
    writeln!(out, "\n{BOLD}with the types of {}: {verdict}{BOLD:#}", it.btf)?;
    for problem in &it.problems {
        writeln!(out, "  {}: {}", problem.place, problem.message)?;
        if let Some(source) = &problem.source {
            writeln!(out, "    {DIM}at {source}{DIM:#}")?;
        }
    }
    for config in &it.configuration {
        let value = config.value.as_deref().unwrap_or("not set");
        let source = config.source.as_ref().map_or_else(|| it.kconfig.clone(), Clone::clone);
        writeln!(out, "  {} = {value}  {DIM}{source}{DIM:#}", config.name)?;
    }
    for relo in &it.relocations {
        let number =
            |value: Option<u64>| value.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
        let (from, to) = (number(relo.original), number(relo.value));
        let what = match (relo.outcome, &relo.error, relo.reached) {
            (_, Some(error), _) => error.clone(),
            ("relocated", ..) => format!("{}: {from} -> {to}", relo.asks),
            (outcome, _, true) => format!("{}: {outcome}", relo.asks),
            (outcome, _, false) => format!("{}: {outcome}, but never executed", relo.asks),
        };
        writeln!(out, "  {DIM}{} {}: {what}{DIM:#}", relo.program, relo.insn)?;
    }
    match it.relocations_left_out {
        0 => Ok(()),
        more => writeln!(out, "  {DIM}and {more} more{DIM:#}"),
    }
}

fn heading(out: &mut impl Write, what: &str, count: usize) -> io::Result<()> {
    if count == 0 { Ok(()) } else { writeln!(out, "\n{BOLD}{what}{BOLD:#}") }
}

fn print_program(out: &mut impl Write, it: &ProgramInspection) -> io::Result<()> {
    let what = match (it.subprogram, it.prog_type) {
        (true, _) => "subprogram".to_owned(),
        (false, Some(prog_type)) => prog_type.to_owned(),
        (false, None) => "of no known type".to_owned(),
    };
    let (name, section, insns) = (&it.name, &it.section, it.insns);
    writeln!(out, "  {name}  {DIM}SEC(\"{section}\"), {what}, {insns} instructions{DIM:#}")?;
    let relocations = it
        .relocations
        .iter()
        .map(|(target, count)| if *count == 1 { target.clone() } else { format!("{target} x{count}") })
        .collect::<Vec<_>>();
    if !relocations.is_empty() {
        writeln!(out, "    {DIM}uses {}{DIM:#}", relocations.join(", "))?;
    }
    if it.core_relocations > 0 {
        writeln!(out, "    {DIM}{} CO-RE relocations{DIM:#}", it.core_relocations)?;
    }
    Ok(())
}

fn print_map(out: &mut impl Write, it: &MapInspection) -> io::Result<()> {
    let size = |size: u32, c_type: &Option<String>| {
        c_type.as_ref().map_or_else(|| format!("{size} bytes"), |c_type| c_type.replace('\n', " "))
    };
    let max_entries =
        if it.max_entries == 0 { "set by its loader".to_owned() } else { it.max_entries.to_string() };
    let key = size(it.key_size, &it.key);
    let value = size(it.value_size, &it.value);
    let flags = if it.flags == 0 { String::new() } else { format!(", flags {:#x}", it.flags) };
    let legacy = if it.legacy { ", legacy definition" } else { "" };
    writeln!(
        out,
        "  {}  {DIM}{}, {key} -> {value}, max_entries {max_entries}{flags}{legacy}{DIM:#}",
        it.name, it.map_type
    )
}
