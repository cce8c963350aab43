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
    let run = Run { cpu: request.cpu, repeat, budget: request.budget, ..Run::default() };
    let (result, time) = timing::timed(|| {
        let mut program = session.skep.program(&session.report.program)?;
        match (ctx, &request.at) {
            (Some(ctx), _) => program.run_with(Run { ctx, ..run }),
            (None, Some(what)) => program.fire_at_with(what, request.args.clone(), run),
            (None, None) => program.fire_with(request.args.clone(), run),
        }
    });
    match result {
        Ok(ran) => {
            session.note(&ran);
            session.report.ns_per_run = request.repeat.map(|count| timing::per_run(time, count));
            session.report.packet_out = ran.packet_out.as_deref().map(hex_string);
            session.report.output = ran.output.as_deref().map(|it| String::from_utf8_lossy(it).into_owned());
            session.report.ctx_out = (!ran.ctx_out.is_empty()).then(|| hex_string(&ran.ctx_out));
            session.add_context(&ran.ctx_out);
        }
        Err(error) => session.fault(error, None)?,
    }
    session.finish()
}
