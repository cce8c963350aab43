//! What `skep run` shows to people.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use skep_runner::{FaultReport, MapReport, RawReport, RunReport};

/// Elements of a map, events and lines that are shown; `--json` has them all.
const SHOWN: usize = 32;
/// Cells of the longest bar.
const BAR: u64 = 32;

const BOLD: Style = Style::new().bold();
const DIM: Style = AnsiColor::BrightBlack.on_default();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

pub(crate) fn print(out: &mut impl Write, report: &RunReport) -> io::Result<()> {
    let RunReport { program, section, prog_type, verdict, btf, .. } = report;
    writeln!(
        out,
        "{BOLD}{program}{BOLD:#}  {DIM}SEC(\"{section}\"), {prog_type}, {verdict}, types: {btf}{DIM:#}"
    )?;
    // Where the section does not say it all.
    if let Some(target) = report.target.as_ref().filter(|target| *target != section) {
        writeln!(out, "  {DIM}fired at {target}{DIM:#}")?;
    }
    match &report.by_retval {
        Some(_) => print_capture(out, report)?,
        None => print_once(out, report)?,
    }
    if let Some(context) = &report.context {
        writeln!(out, "  {DIM}{} {}{DIM:#}", context.type_name, context.text)?;
    }
    if let Some(output) = &report.output {
        writeln!(out, "\n{BOLD}output{BOLD:#}")?;
        let lines: Vec<&str> = output.lines().collect();
        print_some(out, lines.iter().copied(), lines.len())?;
    }
    // Constants are in --json; here they would only be what the source says.
    for map in report.maps.iter().filter(|map| !map.elements.is_empty() && !map.constant) {
        print_map(out, map)?;
    }
    print_events(out, report)?;
    if !report.printk.is_empty() {
        writeln!(out, "\n{BOLD}trace_pipe{BOLD:#}")?;
        print_some(out, report.printk.iter().map(String::as_str), report.printk.len())?;
        print_omitted(out, report.printk_lost, "lines")?;
    }
    report.notes.iter().try_for_each(|note| writeln!(out, "\n{note}"))?;
    if let Some(fault) = &report.fault {
        print_fault(out, fault)?;
    }
    Ok(())
}

fn print_once(out: &mut impl Write, report: &RunReport) -> io::Result<()> {
    if let Some(retval) = report.retval {
        let name = report.retval_name.map(|name| format!(" ({name})")).unwrap_or_default();
        write!(out, "  returned {GOOD}{retval}{name}{GOOD:#}, {} instructions", report.insns)?;
        if let Some(ifindex) = report.redirect_ifindex {
            write!(out, ", redirected to interface {ifindex}")?;
        }
        if let Some(through) = &report.redirect_map {
            let all = if through.broadcast { "all of " } else { "" };
            write!(
                out,
                ", redirected through {all}{} ({}), key {}",
                through.map, through.map_type, through.key
            )?;
        }
        if let Some(ns) = report.ns_per_run {
            write!(out, ", {ns:.1} ns per run")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn print_capture(out: &mut impl Write, report: &RunReport) -> io::Result<()> {
    let counts = report.by_retval.iter().flatten();
    let total: u64 = counts.clone().map(|(_, count)| count).sum();
    writeln!(out, "  {total} packets, {} instructions", report.insns)?;
    let known: BTreeMap<u32, &str> =
        report.runs.iter().flatten().filter_map(|run| Some((run.retval?, run.retval_name?))).collect();
    let name_of =
        |retval: u32| known.get(&retval).map_or_else(|| retval.to_string(), |name| (*name).to_owned());
    let others = counts.clone().count().saturating_sub(SHOWN);
    let names: Vec<(String, u64)> =
        counts.take(SHOWN).map(|(retval, count)| (name_of(*retval), *count)).collect();
    let width = names.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let most = names.iter().map(|(_, count)| *count).max().unwrap_or(1);
    for (name, count) in &names {
        let bar = "█".repeat((count * BAR).div_ceil(most) as usize);
        writeln!(out, "  {name:width$}  {count:>7}  {GOOD}{bar}{GOOD:#}")?;
    }
    if others > 0 {
        writeln!(out, "  {DIM}... and {others} more return values (--json has them all){DIM:#}")?;
    }
    Ok(())
}

fn print_map(out: &mut impl Write, map: &MapReport) -> io::Result<()> {
    let MapReport { name, map_type, max_entries, elements, omitted, .. } = map;
    let zero = if *omitted > 0 { format!(", {omitted} not shown") } else { String::new() };
    writeln!(
        out,
        "\n{BOLD}map {name}{BOLD:#}  {DIM}{map_type}, {} of {max_entries}{zero}{DIM:#}",
        elements.len()
    )?;
    print_some(out, elements.iter().map(|element| element.text.as_str()), elements.len())
}

fn print_events(out: &mut impl Write, report: &RunReport) -> io::Result<()> {
    let mut maps: Vec<&str> = report.events.iter().map(|event| event.map.as_str()).collect();
    maps.extend(report.lost.iter().map(|lost| lost.map.as_str()));
    maps.sort_unstable();
    maps.dedup();
    for map in maps {
        let events: Vec<_> = report.events.iter().filter(|event| event.map == map).collect();
        writeln!(out, "\n{BOLD}events of {map}{BOLD:#}  {DIM}{}{DIM:#}", events.len())?;
        let lines: Vec<String> = events
            .iter()
            .map(|event| match event.cpu {
                Some(cpu) => format!("cpu {cpu}: {}", event.text),
                None => event.text.clone(),
            })
            .collect();
        print_some(out, lines.iter().map(String::as_str), lines.len())?;
        for lost in report.lost.iter().filter(|lost| lost.map == map) {
            writeln!(out, "  {BAD}cpu {}: {} lost, the ring was full{BAD:#}", lost.cpu, lost.count)?;
        }
    }
    print_omitted(out, report.events_omitted, "events")
}

/// What no output has.
fn print_omitted(out: &mut impl Write, count: u64, what: &str) -> io::Result<()> {
    if count > 0 {
        writeln!(out, "  {DIM}{count} more {what} were not kept{DIM:#}")?;
    }
    Ok(())
}

fn print_some<'a>(
    out: &mut impl Write,
    lines: impl Iterator<Item = &'a str>,
    count: usize,
) -> io::Result<()> {
    for line in lines.take(SHOWN) {
        writeln!(out, "  {line}")?;
    }
    if count > SHOWN {
        writeln!(out, "  {DIM}... and {} more (--json has them all){DIM:#}", count - SHOWN)?;
    }
    Ok(())
}

fn print_fault(out: &mut impl Write, fault: &FaultReport) -> io::Result<()> {
    let packet = fault.packet.map(|number| format!(" on packet {number}")).unwrap_or_default();
    writeln!(out, "\n{BAD}{}{BAD:#}{packet}: {}", fault.class, fault.message)?;
    if let (Some(file), Some(line)) = (&fault.file, fault.line) {
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(out, "{margin}{DIM}-->{DIM:#} {file}:{line}:{}", fault.column.unwrap_or(0))?;
        if let Some(source) = fault.source.as_ref().filter(|source| !source.is_empty()) {
            writeln!(out, "{margin} {DIM}|{DIM:#}")?;
            writeln!(out, "{DIM}{number} |{DIM:#} {}", source.replace('\t', "    "))?;
            writeln!(out, "{margin} {DIM}|{DIM:#}")?;
        }
    }
    let function = fault.function.as_ref().filter(|name| **name != fault.program);
    let function = function.map(|name| format!(" in {name}")).unwrap_or_default();
    writeln!(out, "  {}{function}, instruction {}: {}", fault.program, fault.insn, fault.text)?;
    let registers = fault.registers.iter().enumerate().map(|(index, value)| format!("r{index}={value}"));
    writeln!(out, "  {DIM}{}{DIM:#}", registers.collect::<Vec<_>>().join(" "))
}

pub(crate) fn print_raw(out: &mut impl Write, report: &RawReport) -> io::Result<()> {
    if let Some(retval) = report.retval {
        write!(out, "returned {GOOD}{retval:#x}{GOOD:#} ({retval}), {} instructions", report.insns)?;
        if let Some(ns) = report.ns_per_run {
            write!(out, ", {ns:.1} ns per run")?;
        }
        writeln!(out)?;
    }
    if let Some(memory) = report.memory_out.as_ref().filter(|memory| !memory.is_empty()) {
        writeln!(out, "memory {memory}")?;
    }
    report.fault.as_ref().map_or(Ok(()), |fault| print_fault(out, fault))
}
