//! Cgroups of tasks (`kernel/trace/bpf_trace.c`, `include/linux/cgroup.h`).

use super::env::{Answer, Env, ret};
use crate::fields::Fields;
use skep_abi::{Errno, MapType};

/// `bpf_current_task_under_cgroup(map, index)`: 1 if the current task is in the cgroup of that slot, or below it.
pub(super) fn current_task_under_cgroup(env: &mut Env<'_, '_>) -> Answer {
    let (_, object) = env.map(0)?;
    let (spec, index) = (object.map.spec(), env.arg(1) as u32);
    if spec.kind != MapType::CgroupArray {
        return Err(env.bad_arg(0, "is no CGROUP_ARRAY"));
    }
    if index >= spec.max_entries {
        return Err(Errno::E2BIG.into());
    }
    let held = object.map.held(&index.to_le_bytes()).and_then(|id| env.core.outside(id));
    let cgroup = held.ok_or(Errno::EAGAIN)?.addr;
    let fields = env.fields()?;
    let task = env.current_task().unwrap_or(0);
    ret(u64::from(is_under(&fields, task, cgroup)))
}

/// `bpf_skb_under_cgroup(skb, map, index)`: the same of the packet's socket, which knows its cgroups by their ids.
pub(super) fn skb_under_cgroup(env: &mut Env<'_, '_>) -> Answer {
    super::skb::frame(env)?;
    let Some(ids) = super::sock::cgroups_of_ctx(env) else { return Err(Errno::ENOENT.into()) };
    let (_, object) = env.map(1)?;
    let (spec, index) = (object.map.spec(), env.arg(2) as u32);
    if spec.kind != MapType::CgroupArray {
        return Err(env.bad_arg(1, "is no CGROUP_ARRAY"));
    }
    if index >= spec.max_entries {
        return Err(Errno::E2BIG.into());
    }
    let held = object.map.held(&index.to_le_bytes()).and_then(|id| env.core.outside(id));
    let cgroup = held.ok_or(Errno::EAGAIN)?.addr;
    let fields = env.fields()?;
    let id = fields.word(cgroup, "cgroup", "kn").and_then(|kn| fields.word(kn, "kernfs_node", "id"));
    ret(id.is_some_and(|id| ids.contains(&id)).into())
}

/// `task_under_cgroup_hierarchy`: in the cgroup's own depth, the task's cgroup has it as an ancestor.
pub(crate) fn is_under(fields: &Fields<'_>, task: u64, ancestor: u64) -> bool {
    let word = |addr: u64, name: &str, field: &str| fields.word(addr, name, field).unwrap_or(0);
    let css_set = word(task, "task_struct", "cgroups");
    let own = word(css_set, "css_set", "dfl_cgrp");
    if own == ancestor {
        return own != 0;
    }
    let [own_level, level] = [own, ancestor].map(|it| word(it, "cgroup", "level"));
    let Some(at) = fields.offset("cgroup", "ancestors") else { return false };
    let mut there = [0; 8];
    let slot = own.wrapping_add(at).wrapping_add(8 * (level & 0xff));
    level < own_level && fields.read(slot, &mut there).is_ok() && u64::from_le_bytes(there) == ancestor
}
