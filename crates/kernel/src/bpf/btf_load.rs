//! `BPF_BTF_LOAD` (`bpf_btf_load`, `kernel/bpf/syscall.c`; `btf_parse`, `kernel/bpf/btf.c`).

use super::Call;
use crate::files::Cap;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::{Cmd, btf_load as field};
use skep_abi::flags::BPF_F_TOKEN_FD;
use skep_verifier::{LogExtent, check_log_request};

/// The largest section that the kernel takes (`BTF_MAX_SIZE`).
const MAX_SIZE: u32 = 16 << 20;

/// `BPF_BTF_LOAD`.
pub(super) fn btf_load(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let flags = call.u32(&field::btf_flags);
    if flags & !BPF_F_TOKEN_FD != 0 {
        return Err(Errno::EINVAL);
    }
    let token = sys.core.token_of(flags, call.fd(&field::btf_token_fd))?;
    let token = token.filter(|it| it.allows_cmd(Cmd::BtfLoad));
    if !sys.core.token_capable(token.as_ref(), Cap::Bpf) {
        return Err(Errno::EPERM);
    }
    let size = call.u32(&field::btf_size);
    if size > MAX_SIZE {
        return Err(Errno::E2BIG);
    }
    let (level, log_size) = (call.u32(&field::btf_log_level), call.u32(&field::btf_log_size));
    let buffer = call.u64(&field::btf_log_buf);
    check_log_request(level, buffer != 0, log_size)?;
    let bytes = call.read(call.u64(&field::btf), size as usize);
    let mut log = String::new();
    let result = bytes.and_then(|bytes| sys.btf_load(&bytes, level, &mut log));
    // A log that nothing was written to has no end either.
    let extent = if log.is_empty() { LogExtent::default() } else { LogExtent::of(&log) };
    let told = extent.buffer(&log, level, log_size);
    let written = if log.is_empty() { Ok(()) } else { call.write(buffer, &told.bytes) };
    call.put(&field::btf_log_true_size, told.true_size.into());
    if written.is_err() || told.truncated {
        if let Ok(fd) = result {
            sys.core.close_fd(fd)?;
        }
        return Err(if written.is_err() { Errno::EFAULT } else { Errno::ENOSPC });
    }
    result.map(|fd| fd.0)
}
