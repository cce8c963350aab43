//! `skep verify`: every program alone, as the kernel would see it.

use std::path::Path;

use skep::abi::KernelVersion;
use skep::kernel::{Caps, Verifier, VerifyOptions};
use skep_runner::{KERNELS, ProgramVerdict, VerifyRequest};

use crate::args::VerifyArgs;
use crate::cmd::progress::progress;
use crate::exit::{Done, Failure};
use crate::{input, show};

pub(crate) fn main(args: &VerifyArgs) -> Result<Done, Failure> {
    let request = VerifyRequest {
        program: args.prog.clone(),
        prog_flags: args.prog_flags,
        types: input::types(&args.btf)?,
        verifiers: kernels(args.kernel.as_deref())?
            .into_iter()
            .map(|kernel| Verifier { kernel, options: options(args) })
            .collect(),
    };
    let mut rows = Vec::new();
    for path in &args.objects {
        rows.extend(verify(path, &request)?);
    }
    let mut out = anstream::stdout().lock();
    if args.json {
        show::json(&mut out, &rows)?;
    } else {
        let matrix = request.verifiers.len() > 1;
        show::verify::print(&mut out, &rows, &request.types.origin, args.log.is_some(), matrix)?;
    }
    let all_well = rows.iter().all(|row| row.verdict == "accept");
    Ok(if all_well { Done::Well } else { Done::ProgramFailed })
}

fn verify(path: &Path, request: &VerifyRequest) -> Result<Vec<ProgramVerdict>, Failure> {
    let name = path.display().to_string();
    let bytes = input::file(path)?;
    let bar = progress("{bar:30} {pos}/{len} programs");
    let result = skep_runner::verify(&bytes, request, &mut |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let mut rows = result.map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    for row in &mut rows {
        row.object.clone_from(&name);
    }
    Ok(rows)
}

fn options(args: &VerifyArgs) -> VerifyOptions {
    let caps = match (args.unpriv, &args.caps) {
        (true, _) => Caps::NONE,
        (false, Some(caps)) => caps.0,
        (false, None) => Caps::DEFAULT,
    };
    VerifyOptions { log_level: args.log.unwrap_or(1), caps, ..VerifyOptions::default() }
}

fn kernels(text: Option<&str>) -> Result<Vec<KernelVersion>, Failure> {
    match text {
        None => Ok(vec![KernelVersion::new(6, 18)]),
        Some("all") => Ok(KERNELS.to_vec()),
        Some(text) => {
            let known = text.parse().ok().filter(|it| KERNELS.contains(it));
            known.map(|it| vec![it]).ok_or_else(|| {
                let all: Vec<String> = KERNELS.iter().map(ToString::to_string).collect();
                Failure::usage(format!("--kernel {text}: known are {}, and all", all.join(", ")))
            })
        }
    }
}
