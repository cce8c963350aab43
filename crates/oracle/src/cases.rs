//! What the real kernel says of the conformance cases.

use std::io;

use skep_testkit::insn_cases::{Case, Expect, Opinion};

use crate::raw::{self, Failure};
use crate::sys;

/// Runs a case on the real kernel and writes into it what came of it: R0 and the memory where the kernel runs it, the
/// verifier's message where it does not. Says so if that is not what the case expected.
///
/// # Errors
/// If the kernel runs no programs for us.
pub fn record(case: &mut Case) -> io::Result<Option<String>> {
    let outcome = match &case.packet {
        Some(packet) => raw::run_packet(&case.insns, packet),
        None => raw::run(&case.insns, &case.memory),
    };
    let opinion = |refusal| Some(Opinion { version: version(), refusal });
    match outcome {
        Ok(outcome) => {
            let found = Expect::Returns { r0: outcome.r0, memory: outcome.memory };
            let remark = (case.expect != found && case.expect != Expect::Unknown)
                .then(|| format!("expected {:?}, the kernel says {found:?}", case.expect));
            case.expect = found;
            case.kernel = opinion(None);
            Ok(remark)
        }
        Err(Failure::Rejected(rejected)) if rejected.errno == libc::EPERM => {
            Err(io::Error::from_raw_os_error(rejected.errno))
        }
        Err(Failure::Rejected(rejected)) => {
            let told = opinion(Some(rejected.message().to_string()));
            let remark = (case.kernel != told).then(|| format!("the kernel refuses it: {rejected}"));
            case.kernel = told;
            Ok(remark)
        }
        Err(Failure::Io(error)) => Err(error),
    }
}

/// `major.minor` of the running kernel.
fn version() -> String {
    sys::kernel_release().split('.').take(2).collect::<Vec<_>>().join(".")
}
