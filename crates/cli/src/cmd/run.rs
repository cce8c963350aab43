//! `skep run`: a program, once or over a capture.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use crate::args::{Engine, EngineArgs, RunArgs};
use crate::cmd::progress::progress;
use crate::exit::{Done, Failure};
use crate::{input, show};
use skep_runner::{Capture, FaultReport, Input, RawRequest, RunReport, RunRequest};

pub(crate) fn main(args: &RunArgs) -> Result<Done, Failure> {
    check_engine(&args.engine)?;
    match (&args.raw, &args.object) {
        (Some(raw), _) => run_raw(args, raw),
        (None, Some(object)) => run_object(args, object),
        (None, None) => Err(Failure::usage("an object is missing: skep run OBJECT")),
    }
}

fn check_engine(args: &EngineArgs) -> Result<(), Failure> {
    if args.engine == Engine::Jit {
        return Err(Failure::usage("there is no compiler yet: --engine interp"));
    }
    if args.unchecked {
        return Err(Failure::usage("--unchecked is for the compiler, and there is none yet"));
    }
    Ok(())
}

fn run_raw(args: &RunArgs, code: &Path) -> Result<Done, Failure> {
    let request = RawRequest {
        code: input::file(code)?,
        memory: args.mem.as_deref().map(input::bytes).transpose()?.unwrap_or_default(),
        repeat: args.engine.repeat,
        budget: args.engine.budget,
        seed: args.seed,
        limit: args.engine.memory,
    };
    let report = skep_runner::run_raw(&request)
        .map_err(|error| Failure::from(error).within(&code.display().to_string()))?;
    let mut out = anstream::stdout().lock();
    if args.engine.json {
        show::json(&mut out, &report)?;
    } else {
        show::run::print_raw(&mut out, &report)?;
    }
    done(report.fault.as_ref()).map_err(|failure| failure.within(&code.display().to_string()))
}

fn run_object(args: &RunArgs, object: &Path) -> Result<Done, Failure> {
    let bytes = input::file(object)?;
    let request = request(args)?;
    let name = object.display().to_string();
    let report = match &args.pcap {
        Some(path) => run_capture(&bytes, &request, path)?,
        None => skep_runner::run_object(&bytes, &request),
    };
    let report = report.map_err(|error| Failure::from(error).within(&name))?;
    print(args, &report)?;
    if let Some(error) = &report.input_error {
        let capture = args.pcap.as_deref().unwrap_or(object);
        return Err(Failure::usage(error).within(&capture.display().to_string()));
    }
    done(report.fault.as_ref()).map_err(|failure| failure.within(&name))
}

/// What a run came to, once its report is printed. What the host had no more of says nothing about the program.
fn done(fault: Option<&FaultReport>) -> Result<Done, Failure> {
    match fault {
        Some(fault) if fault.is_host_limit() => Err(Failure::usage(&fault.message)),
        Some(_) => Ok(Done::ProgramFailed),
        None => Ok(Done::Well),
    }
}

fn print(args: &RunArgs, report: &RunReport) -> Result<(), Failure> {
    for warning in &report.warnings {
        let style = anstyle::AnsiColor::Yellow.on_default().bold();
        writeln!(anstream::stderr(), "{style}note{style:#}: {warning}")?;
    }
    let mut out = anstream::stdout().lock();
    if args.engine.json {
        show::json(&mut out, report)?;
    } else {
        show::run::print(&mut out, report)?;
    }
    Ok(())
}

/// The outer error is one of the capture's file, the inner of the run.
fn run_capture(object: &[u8], request: &RunRequest, path: &Path) -> Result<skep::Result<RunReport>, Failure> {
    let named = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|error| named(&error))?;
    if file.metadata().is_ok_and(|it| it.is_dir()) {
        return Err(named(&"it is a directory"));
    }
    let capture = Capture::new(BufReader::new(file)).map_err(|error| named(&error))?;
    let bar = progress("{spinner} {pos} packets, {per_sec}");
    let report = skep_runner::run_capture(object, request, capture, &mut |number| bar.set_position(number));
    bar.finish_and_clear();
    Ok(report)
}

fn request(args: &RunArgs) -> Result<RunRequest, Failure> {
    let mut request = RunRequest {
        program: args.program.clone(),
        ctx: args.ctx.as_deref().map(input::bytes).transpose()?,
        cpu: args.cpu,
        cpus: args.cpus,
        seed: args.seed,
        budget: args.engine.budget,
        repeat: args.engine.repeat,
        verify: !args.engine.no_verify,
        memory: args.engine.memory,
        btf: Some(input::types(&args.btf)?),
        kconfig: input::kconfig(args.kconfig.as_deref())?,
        ..RunRequest::default()
    };
    if let Some(packet) = &args.packet {
        request.input = Input::Packet(input::bytes(packet)?);
    }
    request.at = args.at.clone();
    for text in &args.arg {
        let (name, value) = input::pair(text, '=', "NAME=VALUE")?;
        let value =
            skep_runner::argument(value).map_err(|error| Failure::usage(format!("--arg {name}: {error}")))?;
        request.args = request.args.with(name, value);
    }
    for text in &args.set {
        let (name, value) = input::pair(text, '=', "NAME=VALUE")?;
        request.globals.push((name.to_owned(), input::value(value)?));
    }
    for text in &args.map {
        let (place, value) = input::pair(text, '=', "MAP[KEY]=VALUE or MAP.max_entries=N")?;
        if let Some(name) = place.strip_suffix(".max_entries") {
            let count =
                value.parse().map_err(|_| Failure::usage(format!("--map {text}: {value:?} is no number")))?;
            request.max_entries.push((name.to_owned(), count));
        } else if let Some((name, key)) = place.strip_suffix(']').and_then(|place| place.split_once('[')) {
            request.elements.push((name.to_owned(), input::value(key)?, input::value(value)?));
        } else {
            return Err(Failure::usage(format!("--map {text}: write MAP[KEY]=VALUE or MAP.max_entries=N")));
        }
    }
    Ok(request)
}
