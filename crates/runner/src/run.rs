//! `skep run` once, or as often as asked.

use skep::{Result, Run};

use crate::json::hex_string;
use crate::report::RunReport;
use crate::request::RunRequest;
use crate::session::Session;
use crate::timing;

/// Runs a program once, or as often as asked.
///
/// # Errors
/// The object, the program or the input make no sense. A fault is none: it is in the report.
pub fn run_object(object: &[u8], request: &RunRequest) -> Result<RunReport> {
    let mut session = Session::open(object, request)?;
    let ctx = session.context(request)?;
    let repeat = request.repeat.unwrap_or(1);
    let run = Run { cpu: request.cpu, repeat, budget: request.budget, ..Run::new(ctx) };
    let (result, time) = timing::timed(|| session.skep.program(&session.report.program)?.run_with(run));
    match result {
        Ok(ran) => {
            session.note(&ran);
            session.report.ns_per_run = request.repeat.map(|count| timing::per_run(time, count));
            session.report.packet_out = ran.packet_out.as_deref().map(hex_string);
            session.report.ctx_out = (!ran.ctx_out.is_empty()).then(|| hex_string(&ran.ctx_out));
        }
        Err(error) => session.fault(error, None)?,
    }
    session.finish()
}
