//! `BPF_OBJ_PIN`, `BPF_OBJ_GET`, `BPF_TOKEN_CREATE`.

use super::Call;
use crate::bpffs::Place;
use crate::files::{Fd, access_of};
use crate::sys::Sys;
use skep_abi::Errno;
use skep_abi::attr::{obj, token_create};
use skep_abi::flags::{BPF_F_PATH_FD, BPF_F_RDONLY, BPF_F_WRONLY};

/// The longest path, with its NUL.
const PATH_MAX: usize = 4096;
/// `AT_FDCWD`: paths begin where the process is.
const AT_FDCWD: i32 = -100;

/// The directory that a path begins in. Its descriptor comes with a flag that says so.
fn dir(call: &Call<'_>) -> Result<Option<Fd>, Errno> {
    let fd = call.fd(&obj::path_fd);
    match call.u32(&obj::file_flags) & BPF_F_PATH_FD {
        0 if fd.0 != 0 => Err(Errno::EINVAL),
        0 => Ok(None),
        _ => Ok(Some(fd).filter(|it| it.0 != AT_FDCWD)),
    }
}

pub(super) fn pin(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    if call.u32(&obj::file_flags) & !BPF_F_PATH_FD != 0 {
        return Err(Errno::EINVAL);
    }
    let dir = dir(call)?;
    let id = sys.core.pinnable(call.fd(&obj::bpf_fd))?;
    let path = call.text(call.u64(&obj::pathname), PATH_MAX)?;
    sys.core.obj_pin(id, Place { dir, path: &path })?;
    Ok(0)
}

pub(super) fn get(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    let flags = call.u32(&obj::file_flags);
    let known = BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_PATH_FD;
    if call.u32(&obj::bpf_fd) != 0 || flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let dir = dir(call)?;
    let access = access_of(flags & !BPF_F_PATH_FD)?;
    let path = call.text(call.u64(&obj::pathname), PATH_MAX)?;
    sys.core.obj_get(Place { dir, path: &path }, access).map(|Fd(fd)| fd)
}

pub(super) fn token(sys: &mut Sys<'_>, call: &mut Call<'_>) -> Result<i32, Errno> {
    if call.u32(&token_create::flags) != 0 {
        return Err(Errno::EINVAL);
    }
    sys.core.token_create(call.fd(&token_create::bpffs_fd)).map(|Fd(fd)| fd)
}
