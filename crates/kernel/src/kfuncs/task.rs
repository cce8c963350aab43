//! Tasks and cgroups of the world (`kernel/bpf/helpers.c`). Nothing ends one while a program runs, so that references
//! are not counted.

use crate::effects::Signal;
use crate::helpers::env::{Answer, Env, Stop, ret};
use crate::world::{ObjectError, Scene};
use skep_abi::Errno;
use skep_vm::HostFault;

/// What looking for something in the world costs, in units of one instruction.
const LOOK_COST: u64 = 100;

/// What a program gets is what it gave.
pub(super) fn same(env: &mut Env<'_, '_>) -> Answer {
    ret(env.arg(0))
}

pub(super) fn release(_: &mut Env<'_, '_>) -> Answer {
    ret(0)
}

/// The world, with the current task in it.
pub(super) fn scene<'e>(env: &'e mut Env<'_, '_>) -> Result<Scene<'e>, Stop> {
    env.call.charge(LOOK_COST);
    let (memory, cpu) = (env.memory(), env.core.now.cpu);
    let limit = |error: ObjectError| Stop::Fault(HostFault::host_limit(error.to_string()));
    env.core.current_task(memory, cpu).map_err(limit)?;
    env.core.scene(memory).map_err(limit)
}

/// `bpf_task_from_pid(pid)`: the task of this number in the first pid namespace, or NULL.
pub(super) fn from_pid(env: &mut Env<'_, '_>) -> Answer {
    let pid = env.arg(0) as i32;
    if pid <= 0 {
        return ret(0);
    }
    ret(scene(env)?.task_of(pid as u32).ok().flatten().unwrap_or(0))
}

/// `bpf_task_from_vpid(vpid)`: the same in the pid namespace of the current task.
pub(super) fn from_vpid(env: &mut Env<'_, '_>) -> Answer {
    let vpid = env.arg(0) as i32;
    if vpid <= 0 {
        return ret(0);
    }
    let cpu = env.core.now.cpu;
    let mut scene = scene(env)?;
    let current = scene.current(cpu).unwrap_or(0);
    let Some(level) = scene.get_if(current, "task_struct", "thread_pid.level") else { return from_pid(env) };
    let [number, namespace] = ["nr", "ns"].map(|it| format!("thread_pid.numbers[{}].{it}", level & 0xff));
    let own = scene.get_if(current, "task_struct", &namespace);
    let tasks: Vec<u64> = scene.world.tasks.values().copied().collect();
    let cost = tasks.len() as u64;
    let found = tasks.into_iter().find(|task| {
        scene.get_if(*task, "task_struct", &number) == Some(vpid as u64)
            && scene.get_if(*task, "task_struct", &namespace) == own
    });
    env.call.charge(cost);
    ret(found.unwrap_or(0))
}

/// `bpf_task_under_cgroup(task, ancestor)`.
pub(super) fn under_cgroup(env: &mut Env<'_, '_>) -> Answer {
    let fields = env.fields()?;
    ret(crate::helpers::is_under_cgroup(&fields, env.arg(0), env.arg(1)).into())
}

/// `bpf_task_get_cgroup1(task, hierarchy_id)`: there are no hierarchies of the first version here.
pub(super) fn cgroup1(_: &mut Env<'_, '_>) -> Answer {
    ret(0)
}

/// `bpf_cgroup_from_id(cgid)`: NULL for an id that no cgroup of a task has.
pub(super) fn cgroup_from_id(env: &mut Env<'_, '_>) -> Answer {
    let id = env.arg(0);
    let mut scene = scene(env)?;
    ret(scene.cgroup_of(id).unwrap_or(0))
}

/// `bpf_cgroup_ancestor(cgrp, level)`: NULL below itself.
pub(super) fn cgroup_ancestor(env: &mut Env<'_, '_>) -> Answer {
    let (cgroup, level) = (env.arg(0), env.arg(1) as i32);
    let mut scene = scene(env)?;
    let own = scene.get_if(cgroup, "cgroup", "level").unwrap_or(0) as i32;
    if level < 0 || level > own {
        return ret(0);
    }
    if level == own {
        return ret(cgroup);
    }
    ret(scene.get_if(cgroup, "cgroup", &format!("ancestors[{level}]")).unwrap_or(0))
}

/// `bpf_get_task_exe_file(task)`: NULL for kernel threads.
pub(super) fn exe_file(env: &mut Env<'_, '_>) -> Answer {
    const PF_KTHREAD: u64 = 0x0020_0000;
    let fields = env.fields()?;
    let word = |addr, of: &str, field: &str| fields.word(addr, of, field).unwrap_or(0);
    let task = env.arg(0);
    if word(task, "task_struct", "flags") & PF_KTHREAD != 0 {
        return ret(0);
    }
    let mm = word(task, "task_struct", "mm");
    ret(if mm == 0 { 0 } else { word(mm, "mm_struct", "exe_file") })
}

/// `bpf_send_signal_task(task, sig, type, value)`: to the thread (`PIDTYPE_PID`) or its process (`PIDTYPE_TGID`).
pub(super) fn send_signal(env: &mut Env<'_, '_>) -> Answer {
    let (task, number, kind) = (env.arg(0), env.arg(1) as u32, env.arg(2) as u32);
    if kind > 1 {
        return Err(Errno::EINVAL.into());
    }
    let fields = env.fields()?;
    let word = |field| fields.word(task, "task_struct", field).unwrap_or(0) as u32;
    crate::helpers::may_signal(word("tgid"), word("flags").into(), number)?;
    let pid = word("pid");
    env.core.now.effects.signals.push(Signal { number, thread: kind == 0, pid });
    ret(0)
}
