//! `skep inspect`: what an object contains, what it needs, and on which kernels it would load.

use crate::args::InspectArgs;
use crate::exit::{Done, Failure};
use crate::{input, show};

pub(crate) fn main(args: &InspectArgs) -> Result<Done, Failure> {
    let bytes = input::file(&args.object)?;
    let targets = args.btf.iter().map(|name| input::types(name)).collect::<Result<Vec<_>, _>>()?;
    let kconfig = input::kconfig(args.kconfig.as_deref())?;
    let inspection = skep_runner::inspect(&bytes, &targets, kconfig.as_ref())
        .map_err(|error| Failure::usage(format!("{}: {error}", args.object.display())))?;
    let mut out = anstream::stdout().lock();
    if args.json {
        show::json(&mut out, &inspection)?;
    } else {
        show::inspection::print(&mut out, &args.object.display().to_string(), &inspection)?;
    }
    Ok(Done::Well)
}
