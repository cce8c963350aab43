//! `BPF_TASK_FD_QUERY` (`bpf_task_fd_query_copy`, `kernel/bpf/syscall.c`).

use super::Call;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::task_fd_query as field;

/// `BPF_TASK_FD_QUERY`.
pub(super) fn query(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let found = sys.task_fd_query(call.u32(&field::pid), call.u32(&field::fd), call.u32(&field::flags))?;
    let room = call.u32(&field::buf_len);
    let buf = call.u64(&field::buf);
    let name = found.name.unwrap_or_default();
    call.put(&field::buf_len, name.len() as u64);
    let mut result = Ok(0);
    if room != 0 && buf != 0 {
        result = call.put_text(buf, room, name.as_bytes());
        if result == Err(Errno::EFAULT) {
            return result;
        }
    }
    call.put(&field::prog_id, u64::from(found.prog_id));
    call.put(&field::fd_type, found.kind as u64);
    call.put(&field::probe_offset, found.offset);
    call.put(&field::probe_addr, found.addr);
    result
}
