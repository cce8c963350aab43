//! `skep run --raw`: bare instructions on a block of memory.

use serde::Serialize;
use skep::isa::Insn;
use skep::kernel::{Config, Kernel, RawRun};
use skep::{Error, Result};

use crate::json::hex_string;
use crate::report::FaultReport;
use crate::timing;

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct RawRequest {
    /// The instructions, 8 bytes each.
    pub code: Vec<u8>,
    /// What r1 points to; r2 is its length.
    pub memory: Vec<u8>,
    /// How often, to tell the time of a run.
    pub repeat: Option<u32>,
    /// Instructions that a run may execute.
    pub budget: Option<u64>,
    /// The seed of stack bytes and clobbered registers.
    pub seed: u64,
    /// Bytes of the host's memory that simulated objects may take.
    pub limit: Option<u64>,
}

/// What it came to.
#[derive(Clone, Debug, Serialize)]
pub struct RawReport {
    /// `not-verified`.
    pub verdict: &'static str,
    /// r0, all 64 bits.
    pub retval: Option<u64>,
    /// Instructions executed in one run.
    pub insns: u64,
    /// Host time of one run, if it was repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_per_run: Option<f64>,
    /// The memory afterwards, in hex.
    pub memory_out: Option<String>,
    /// Where and how the program faulted.
    pub fault: Option<FaultReport>,
}

/// Runs bare instructions.
///
/// # Errors
/// The bytes are no program.
pub fn run_raw(request: &RawRequest) -> Result<RawReport> {
    let insns = Insn::from_slice(&request.code).map_err(|error| Error::from_input(error.to_string()))?;
    let memory = request.limit.unwrap_or(Config::DEFAULT_MEMORY);
    let mut kernel = Kernel::new(Config { seed: request.seed, memory, ..Config::default() })?;
    let run = RawRun {
        repeat: request.repeat.unwrap_or(1),
        budget: request.budget,
        ..RawRun::new(insns, request.memory.clone())
    };
    let (result, time) = timing::timed(|| kernel.raw_run(run).map_err(Error::from));
    let mut report = RawReport {
        verdict: "not-verified",
        retval: None,
        insns: 0,
        ns_per_run: None,
        memory_out: None,
        fault: None,
    };
    match result {
        Ok(ran) => {
            report.retval = Some(ran.r0);
            report.insns = ran.insns;
            report.memory_out = Some(hex_string(&ran.memory));
            report.ns_per_run = request.repeat.map(|count| timing::per_run(time, count));
        }
        Err(error) => match error.report() {
            Some(fault) => report.fault = Some(FaultReport::new(fault, None)),
            None => return Err(error),
        },
    }
    Ok(report)
}
