//! `BPF_PROG_ATTACH` and `BPF_PROG_DETACH` (`kernel/bpf/syscall.c`).

use super::Call;
use crate::links::ProgAttach;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::attach as field;

fn given(call: &Call<'_>) -> ProgAttach {
    ProgAttach {
        target: call.u32(&field::target_fd),
        prog: call.fd(&field::attach_bpf_fd),
        attach_type: call.u32(&field::attach_type),
        flags: call.u32(&field::attach_flags),
        replace: call.fd(&field::replace_bpf_fd),
        relative: call.u32(&field::relative_fd),
        expected_revision: call.u64(&field::expected_revision),
    }
}

/// `BPF_PROG_ATTACH`.
pub(super) fn attach(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    sys.prog_attach(&given(call))?;
    Ok(0)
}

/// `BPF_PROG_DETACH`.
pub(super) fn detach(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    sys.prog_detach(&given(call))?;
    Ok(0)
}
