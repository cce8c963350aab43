//! `BPF_*_GET_NEXT_ID`, `BPF_*_GET_FD_BY_ID`.

use super::Call;
use crate::files::{Cap, Fd, READ_ONLY};
use crate::object::Noun;
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::{Cmd, get_id};
use skep_abi::flags::BPF_F_TOKEN_FD;

fn next(sys: &mut Sys<'_>, call: &mut Call<'_>, noun: Noun) -> Result<i32, Errno> {
    let id = sys.core.next_id(noun, call.u32(&get_id::start_id))?;
    if !call.has(&get_id::next_id) {
        return Err(Errno::EFAULT);
    }
    call.put(&get_id::next_id, u64::from(id));
    Ok(0)
}

pub(super) fn next_prog(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    next(sys, call, Noun::Prog)
}

pub(super) fn next_map(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    next(sys, call, Noun::Map)
}

pub(super) fn next_btf(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    next(sys, call, Noun::Btf)
}

pub(super) fn next_link(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    next(sys, call, Noun::Link)
}

pub(super) fn prog(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    sys.core.fd_by_id(Noun::Prog, call.u32(&get_id::prog_id), 0).map(|Fd(fd)| fd)
}

pub(super) fn map(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let (id, flags) = (call.u32(&get_id::map_id), call.u32(&get_id::open_flags));
    sys.core.fd_by_id(Noun::Map, id, flags).map(|Fd(fd)| fd)
}

pub(super) fn link(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    sys.core.fd_by_id(Noun::Link, call.u32(&get_id::link_id), 0).map(|Fd(fd)| fd)
}

/// Types may be had with a token, too (`bpf_btf_get_fd_by_id`).
pub(super) fn btf(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let flags = call.u32(&get_id::open_flags);
    if flags & !BPF_F_TOKEN_FD != 0 {
        return Err(Errno::EINVAL);
    }
    let token = sys.core.token_of(flags, call.fd(&get_id::fd_by_id_token_fd))?;
    // A token that does not allow the command counts as none.
    let token = token.filter(|it| it.allows_cmd(Cmd::BtfGetFdById));
    if !sys.core.token_capable(token.as_ref(), Cap::SysAdmin) {
        return Err(Errno::EPERM);
    }
    sys.core.open_by_id(Noun::Btf, call.u32(&get_id::btf_id), READ_ONLY).map(|Fd(fd)| fd)
}
