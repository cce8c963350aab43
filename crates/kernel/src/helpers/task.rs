//! The current task.

use super::env::{Answer, Env, ret};

pub(super) fn pid_tgid(env: &mut Env<'_, '_>) -> Answer {
    let task = &env.core.task;
    ret(u64::from(task.tgid) << 32 | u64::from(task.pid))
}

pub(super) fn uid_gid(env: &mut Env<'_, '_>) -> Answer {
    let task = &env.core.task;
    ret(u64::from(task.gid) << 32 | u64::from(task.uid))
}

/// The name and its NUL, cut off where the buffer ends and padded with zeroes to there (`strscpy_pad`).
pub(super) fn comm(env: &mut Env<'_, '_>) -> Answer {
    let size = env.arg(1) as u32 as usize;
    env.check_write(0, size)?;
    let comm = env.core.task.comm;
    let len = comm.iter().position(|it| *it == 0).unwrap_or(comm.len()).min(size.saturating_sub(1));
    let mut bytes = vec![0; size];
    bytes[..len].copy_from_slice(&comm[..len]);
    env.write(0, &bytes)?;
    ret(0)
}

/// The cgroup's id.
pub(super) fn cgroup_id(env: &mut Env<'_, '_>) -> Answer {
    ret(env.core.task.cgroups.last().copied().unwrap_or(0))
}

/// The id of an ancestor of the cgroup, the root being level 0; 0 for a level that there is not.
pub(super) fn ancestor_cgroup_id(env: &mut Env<'_, '_>) -> Answer {
    let level = usize::try_from(env.arg(0) as i32).ok();
    ret(level.and_then(|it| env.core.task.cgroups.get(it)).copied().unwrap_or(0))
}
