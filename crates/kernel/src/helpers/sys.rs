//! What only syscall programs have (`kernel/bpf/syscall.c`, `kernel/bpf/btf.c`).

use super::env::{Answer, Env, Stop, ret};
use crate::files::Fd;
use skep_abi::Errno;
use skep_btf::{Kind, TypeId};

/// `bpf_btf_find_by_name_kind(name, name_sz, kind, flags)`: the id of a type of the kernel.
pub(super) fn btf_find_by_name_kind(env: &mut Env<'_, '_>) -> Answer {
    let (size, kind, flags) = (env.arg(1) as u32 as usize, env.arg(2) as u32, env.arg(3));
    let bytes = env.read(0, size)?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let name = text(&bytes)?;
    let Some(btf) = env.core.btf.as_ref() else { return Err(Errno::ENOENT.into()) };
    let kind = Kind::ALL.iter().copied().find(|it| *it as u32 == kind).ok_or(Errno::ENOENT)?;
    let TypeId(id) = btf.vmlinux.find(kind, &name).ok_or(Errno::ENOENT)?;
    ret(u64::from(id))
}

/// `bpf_kallsyms_lookup_name(name, name_sz, flags, res)`. The kernel's functions are those that its types know, and those
/// that were named before.
pub(super) fn kallsyms_lookup_name(env: &mut Env<'_, '_>) -> Answer {
    let (size, flags) = (env.arg(1) as u32 as usize, env.arg(2));
    let bytes = env.read(0, size)?;
    env.write(3, &[0; 8])?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let name = text(&bytes)?;
    let known = |btf: &skep_btf::Btf| [Kind::Func, Kind::Var].iter().any(|it| btf.find(*it, &name).is_some());
    if !env.core.symbols.has(&name) && !env.core.all_types().is_some_and(known) {
        return Err(Errno::ENOENT.into());
    }
    let addr = env.core.symbols.address(&name);
    env.write(3, &addr.to_le_bytes())?;
    ret(0)
}

/// `bpf_sys_close(fd)`.
pub(super) fn close(env: &mut Env<'_, '_>) -> Answer {
    env.core.close_fd(Fd(env.arg(0) as i32))?;
    ret(0)
}

/// A name with its NUL at the end of the buffer; a NUL before that ends it sooner.
fn text(bytes: &[u8]) -> Result<String, Stop> {
    match bytes {
        [] | [_] => Err(Errno::EINVAL.into()),
        [name @ .., 0] => {
            let end = name.iter().position(|it| *it == 0).unwrap_or(name.len());
            Ok(String::from_utf8_lossy(&name[..end]).into_owned())
        }
        _ => Err(Errno::EINVAL.into()),
    }
}
