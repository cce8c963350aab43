//! Sysctls (`kernel/bpf/cgroup.c`): the one that [`Kernel::set_sysctl`](crate::Kernel::set_sysctl) says is read or
//! written.

use super::env::{Answer, Env, ret};
use skep_abi::Errno;
use skep_abi::ctx::bpf_sysctl;
use skep_abi::flags::BPF_F_SYSCTL_BASE_NAME;

/// The longest value with its NUL.
const PAGE: usize = 4096;

/// Copies as much of some bytes as fits, with zeroes behind and one at the end (`copy_sysctl_value`, `strscpy`).
fn copy(env: &mut Env<'_, '_>, len: usize, from: &[u8]) -> Answer {
    let mut bytes = from[..from.len().min(len)].to_vec();
    bytes.resize(len, 0);
    if let (true, Some(last)) = (from.len() >= len, bytes.last_mut()) {
        *last = 0;
    }
    env.write(1, &bytes)?;
    if len > from.len() { ret(from.len() as u64) } else { Err(Errno::E2BIG.into()) }
}

fn copy_value(env: &mut Env<'_, '_>, value: Option<Vec<u8>>) -> Answer {
    let len = env.arg(2) as usize;
    env.check_ctx(0)?;
    env.check_write(1, len)?;
    match value.filter(|it| !it.is_empty()) {
        Some(value) => copy(env, len, &value),
        None => {
            env.write(1, &vec![0; len])?;
            Err(Errno::EINVAL.into())
        }
    }
}

/// Whether it is written.
fn is_write(env: &Env<'_, '_>) -> bool {
    env.core.now.ctx.get(env.memory(), &bpf_sysctl::write) != 0
}

/// `bpf_sysctl_get_name(ctx, buf, buf_len, flags)`: the path below `/proc/sys`, or its last part. What is behind the NUL
/// is left alone.
pub(super) fn get_name(env: &mut Env<'_, '_>) -> Answer {
    let (len, flags) = (env.arg(2) as usize, env.arg(3));
    env.check_ctx(0)?;
    env.check_write(1, len)?;
    let Some(sysctl) = &env.core.sysctl else { return Err(Errno::EINVAL.into()) };
    let base = flags & BPF_F_SYSCTL_BASE_NAME != 0;
    let name = if base { sysctl.name.rsplit('/').next().unwrap_or_default() } else { &sysctl.name };
    let mut bytes = name.as_bytes().to_vec();
    let cut = bytes.len() >= len;
    bytes.truncate(len.saturating_sub(1));
    bytes.push(0);
    env.write(1, &bytes[..bytes.len().min(len)])?;
    if cut { Err(Errno::E2BIG.into()) } else { ret(bytes.len() as u64 - 1) }
}

/// `bpf_sysctl_get_current_value(ctx, buf, buf_len)`.
pub(super) fn get_current_value(env: &mut Env<'_, '_>) -> Answer {
    let value = env.core.sysctl.as_ref().map(|it| it.value.clone());
    copy_value(env, value)
}

/// `bpf_sysctl_get_new_value(ctx, buf, buf_len)`: what is being written, or what the program said.
pub(super) fn get_new_value(env: &mut Env<'_, '_>) -> Answer {
    let said = env.core.now.net.sysctl.clone();
    let value = said.or_else(|| env.core.sysctl.as_ref().and_then(|it| it.new_value.clone()));
    let value = value.filter(|_| is_write(env));
    copy_value(env, value)
}

/// `bpf_sysctl_set_new_value(ctx, buf, buf_len)`.
pub(super) fn set_new_value(env: &mut Env<'_, '_>) -> Answer {
    let len = env.arg(2) as usize;
    env.check_ctx(0)?;
    let value = env.read(1, len)?;
    let written =
        env.core.sysctl.as_ref().and_then(|it| it.new_value.as_ref()).is_some_and(|it| !it.is_empty());
    if !is_write(env) || !written || len == 0 {
        return Err(Errno::EINVAL.into());
    }
    if len > PAGE - 1 {
        return Err(Errno::E2BIG.into());
    }
    env.core.now.net.sysctl = Some(value.to_vec());
    ret(0)
}
