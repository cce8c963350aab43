//! `skep inspect`: what an object contains, what it needs, and on which kernels it would load.

use std::path::Path;
use std::sync::Arc;

use skep::btf::Btf;
use skep::kernel::{TargetBtf, vmlinux};
use skep::object::btf_section;

use crate::args::InspectArgs;
use crate::exit::{Done, Failure};
use crate::{input, show};

pub(crate) fn main(args: &InspectArgs) -> Result<Done, Failure> {
    let bytes = input::file(&args.object)?;
    let targets = args.btf.iter().map(|name| types(name)).collect::<Result<Vec<_>, _>>()?;
    let inspection = skep_runner::inspect(&bytes, &targets)
        .map_err(|error| Failure::usage(format!("{}: {error}", args.object.display())))?;
    let mut out = anstream::stdout().lock();
    if args.json {
        show::json(&mut out, &inspection)?;
    } else {
        show::inspection::print(&mut out, &args.object.display().to_string(), &inspection)?;
    }
    Ok(Done::Well)
}

/// The types that a name stands for.
fn types(name: &str) -> Result<TargetBtf, Failure> {
    let path = match name {
        "bundled" => return Ok(vmlinux::bundled()),
        "host" => "/sys/kernel/btf/vmlinux",
        file => file,
    };
    let bytes = input::file(Path::new(path))?;
    let wrong = |error: &dyn std::fmt::Display| Failure::usage(format!("{path}: {error}"));
    let section = btf_section(&bytes).map_err(|error| wrong(&error))?;
    let section = section.ok_or_else(|| wrong(&"it has no section .BTF"))?;
    let btf = Btf::parse(section).map_err(|error| wrong(&error))?;
    Ok(TargetBtf::new(name, Arc::new(btf)))
}
