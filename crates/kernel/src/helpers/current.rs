//! The current task as a kernel struct, and what hangs on it.

use super::env::{Answer, Env, Stop, ret};
use crate::fields::Fields;
use crate::probe::TASK_SIZE;
use skep_abi::Errno;
use skep_abi::helpers::func;
use skep_vm::{Continuation, HostFault, Outcome};

/// The device of the file system that namespaces are files of, as `stat(2)` of `/proc/self/ns/pid` shows it.
const NSFS_DEV: u64 = 4;
/// `PIDTYPE_PID` and `PIDTYPE_TGID`.
const TGID: usize = 1;
/// `sizeof(struct bpf_pidns_info)`.
const PIDNS_INFO: u32 = 8;

/// The address of the current `task_struct`.
fn task(env: &mut Env<'_, '_>) -> Result<u64, Stop> {
    let (memory, name) = (env.memory(), env.helper.name);
    Fields::needed(env.core, memory, name)?;
    let task = env.core.current_task(memory, env.core.now.cpu);
    Ok(task.map_err(|error| HostFault::not_emulated(format!("bpf_{name}: {error}")))?)
}

/// `bpf_get_current_task()` and `bpf_get_current_task_btf()`.
pub(super) fn get_current_task(env: &mut Env<'_, '_>) -> Answer {
    ret(task(env)?)
}

/// `bpf_task_pt_regs(task)`: the registers that the task came into the kernel with.
pub(super) fn task_pt_regs(env: &mut Env<'_, '_>) -> Answer {
    let task = env.arg(0);
    match env.core.task_regs(env.memory(), task) {
        Ok(addr) => ret(addr),
        Err(error) => Err(HostFault::host_limit(error.to_string()).into()),
    }
}

/// `bpf_get_ns_current_pid_tgid(dev, ino, nsdata, size)`: the ids in the task's own pid namespace, if that is the one of
/// this device and inode.
pub(super) fn get_ns_current_pid_tgid(env: &mut Env<'_, '_>) -> Answer {
    let (dev, ino, size) = (env.arg(0), env.arg(1), env.arg(3) as u32);
    env.check_write(2, size as usize)?;
    let ids = match size == PIDNS_INFO && u32::try_from(dev).is_ok() {
        true => ids_in_namespace(env, dev, ino),
        false => Err(Errno::EINVAL.into()),
    };
    match ids {
        Ok([pid, tgid]) => {
            env.write(2, &(u64::from(tgid) << 32 | u64::from(pid)).to_le_bytes())?;
            ret(0)
        }
        Err(stop) => {
            env.write(2, &vec![0; size as usize])?;
            Err(stop)
        }
    }
}

fn ids_in_namespace(env: &mut Env<'_, '_>, dev: u64, ino: u64) -> Result<[u32; 2], Stop> {
    let memory = env.memory();
    // A machine without types has no namespace that a test could have named.
    let Some(fields) = Fields::new(env.core, memory) else { return Err(Errno::EINVAL.into()) };
    let task = task(env)?;
    let pid = fields.word(task, "task_struct", "thread_pid").filter(|it| *it != 0).ok_or(Errno::ENOENT)?;
    let level = fields.word(pid, "pid", "level").ok_or(Errno::ENOENT)?;
    let ns = upid(&fields, pid, level, "ns").filter(|it| *it != 0).ok_or(Errno::ENOENT)?;
    if dev != NSFS_DEV || fields.word(ns, "pid_namespace", "ns.inum") != Some(ino) {
        return Err(Errno::EINVAL.into());
    }
    let group = fields.word(task, "task_struct", "signal").unwrap_or(0);
    let leader = fields.word(group, "signal_struct", &format!("pids[{TGID}]")).filter(|it| *it != 0);
    let number = |pid: Option<u64>| pid.and_then(|pid| upid(&fields, pid, level, "nr")).unwrap_or(0) as u32;
    let tgid = match leader {
        Some(_) => number(leader),
        None => env.core.task.tgid,
    };
    Ok([number(Some(pid)), tgid])
}

/// A field of `pid->numbers[level]`.
fn upid(fields: &Fields<'_>, pid: u64, level: u64, field: &str) -> Option<u64> {
    let at = fields.offset("pid", "numbers")? + level.checked_mul(fields.size("upid")?)?;
    fields.word(pid.wrapping_add(at), "upid", field)
}

/// `bpf_copy_from_user_task(dst, size, user_ptr, tsk, flags)`. There is one user memory, which all tasks that have any
/// share.
pub(super) fn copy_from_user_task(env: &mut Env<'_, '_>) -> Answer {
    let (size, from, task, flags) = (env.arg(1) as u32 as usize, env.arg(2), env.arg(3), env.arg(4));
    env.check_write(0, size)?;
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    if size == 0 {
        return ret(0);
    }
    let is_current = env.current_task() == Some(task);
    let fields = env.fields()?;
    let has_memory = is_current || fields.word(task, "task_struct", "mm").is_some_and(|mm| mm != 0);
    let mut bytes = vec![0; size];
    let in_user = from.checked_add(size as u64).is_some_and(|end| end <= TASK_SIZE);
    if has_memory && in_user && env.core.read_user(from, &mut bytes).is_ok() {
        env.write(0, &bytes)?;
        return ret(0);
    }
    env.write(0, &vec![0; size])?;
    Err(Errno::EFAULT.into())
}

/// `bpf_find_vma(task, addr, callback_fn, callback_ctx, flags)` (`kernel/bpf/task_iter.c`): calls back with the task, the
/// `vm_area_struct` and the context. A task's areas are those that say so: their `vm_mm` is its `mm`.
pub(super) fn find_vma(env: &mut Env<'_, '_>) -> Answer {
    let (task, addr, func, ctx, flags) = (env.arg(0), env.arg(1), env.arg(2), env.arg(3), env.arg(4));
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let fields = env.fields()?;
    let mm = fields.word(task, "task_struct", "mm").filter(|it| *it != 0).ok_or(Errno::ENOENT)?;
    let areas = fields.type_id("vm_area_struct").map(|id| env.core.world.all_of(id)).unwrap_or_default();
    env.call.charge(areas.len() as u64);
    let word = |area: u64, field| fields.word(area, "vm_area_struct", field).unwrap_or(0);
    let holds = |area: &u64| {
        word(*area, "vm_mm") == mm && word(*area, "vm_start") <= addr && addr < word(*area, "vm_end")
    };
    let area = areas.into_iter().find(holds).ok_or(Errno::ENOENT)?;
    Ok(Outcome::Callback {
        func,
        args: [task, area, ctx, 0, 0],
        cont: Continuation { id: func::find_vma, state: [0; 6] },
    })
}

/// What the callback returns does not matter.
pub(super) fn found_vma(_: &mut Env<'_, '_>, _: Continuation, _: u64) -> Answer {
    ret(0)
}
