//! `BPF_RAW_TRACEPOINT_OPEN`.

use super::Call;
use crate::sys::Sys;
use skep_abi::attr::raw_tracepoint as field;
use skep_abi::{Errno, ProgType};

/// The longest name that is read, without a NUL.
const MAX_NAME: usize = 127;

/// `BPF_RAW_TRACEPOINT_OPEN`.
pub(super) fn open(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let fd = call.fd(&field::prog_fd);
    let addr = call.u64(&field::name);
    let prog = sys.core.prog_of(fd)?;
    let prog_type = sys.core.objects.prog(prog).map(|it| it.info.prog_type);
    let reads = matches!(prog_type, Some(ProgType::RawTracepoint | ProgType::RawTracepointWritable));
    // Who names the tracepoint by its type only must not name one here; what it is called does not matter.
    let name = if reads { call.text(addr, MAX_NAME)? } else { Vec::new() };
    let name = String::from_utf8_lossy(&name);
    let name = (reads || addr != 0).then_some(&*name);
    sys.raw_tracepoint_open(fd, name, call.u64(&field::cookie)).map(|fd| fd.0)
}
