//! `BPF_ITER_CREATE`.

use super::Call;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::iter_create as field;

/// `BPF_ITER_CREATE`.
pub(super) fn create(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    sys.iter_create(call.fd(&field::link_fd), call.u32(&field::flags)).map(|fd| fd.0)
}
