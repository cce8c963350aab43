//! Timers in map values (`kernel/bpf/helpers.c`), and pointers to kernel objects in them.

use super::env::{Answer, Env, ret};
use crate::state::Core;
use crate::timers::{Callback, Kind, Timer};
use skep_abi::Errno;
use skep_abi::flags::{BPF_F_TIMER_ABS, BPF_F_TIMER_CPU_PIN};
use skep_maps::ObjRef;

/// `sizeof(struct bpf_timer)`.
const TIMER: usize = 16;

/// Seconds of TAI ahead of UTC.
const TAI_AHEAD_NS: u64 = 37_000_000_000;

/// `bpf_timer_init(timer, map, flags)`: the flags are a clock.
pub(super) fn init(env: &mut Env<'_, '_>) -> Answer {
    env.check_write(0, TIMER)?;
    let (map, _) = env.map(1)?;
    let clock = env.core.clock;
    let epoch = match env.arg(2) {
        // CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME
        0 => clock.tai_offset_ns.saturating_sub(TAI_AHEAD_NS),
        1 => 0,
        7 => clock.suspended_ns,
        _ => return Err(Errno::EINVAL.into()),
    };
    make(env, Timer { map, epoch, callback: None, expires: None, cpu: env.core.now.cpu, kind: Kind::Timer })
}

/// Makes what runs a callback later, of the field that is the first argument.
fn make(env: &mut Env<'_, '_>, timer: Timer) -> Answer {
    let addr = env.arg(0);
    if env.core.timers.by_addr.contains_key(&addr) {
        return Err(Errno::EBUSY.into());
    }
    if env.core.objects.map(timer.map).is_none_or(|it| it.fds == 0) {
        return Err(Errno::EPERM.into());
    }
    env.core.timers.by_addr.insert(addr, timer);
    // What stands in the field is the kernel's own; that it is not zero says that there is something to end.
    let _ = env.memory().poke_u64(addr, env.arg(1));
    ret(0)
}

/// `bpf_wq_init(wq, map, flags)`.
pub(crate) fn wq_init(env: &mut Env<'_, '_>) -> Answer {
    env.check_write(0, TIMER)?;
    let (map, _) = env.map(1)?;
    if env.arg(2) as u32 != 0 {
        return Err(Errno::EINVAL.into());
    }
    make(env, Timer { map, epoch: 0, callback: None, expires: None, cpu: env.core.now.cpu, kind: Kind::Work })
}

/// `bpf_wq_set_callback_impl(wq, callback_fn, flags, aux)`.
pub(crate) fn wq_set_callback(env: &mut Env<'_, '_>) -> Answer {
    if env.arg(2) as u32 != 0 {
        return Err(Errno::EINVAL.into());
    }
    set_callback(env)
}

/// `bpf_wq_start(wq, flags)`: the callback runs as soon as time passes.
pub(crate) fn wq_start(env: &mut Env<'_, '_>) -> Answer {
    let (addr, cpu, now) = (env.arg(0), env.core.now.cpu, env.core.clock.monotonic_ns);
    if env.arg(1) as u32 != 0 {
        return Err(Errno::EINVAL.into());
    }
    let work = env.core.timers.by_addr.get_mut(&addr).filter(|it| it.kind == Kind::Work);
    let work = work.ok_or(Errno::EINVAL)?;
    (work.expires, work.cpu) = (Some(now), cpu);
    ret(0)
}

/// `bpf_task_work_schedule_{signal,resume}_impl(task, tw, map, callback, aux)`: the callback runs once, as the task, as
/// soon as time passes.
pub(crate) fn task_work(env: &mut Env<'_, '_>) -> Answer {
    /// `sizeof(struct bpf_task_work)`.
    const TASK_WORK: usize = 8;
    let (task, addr, func) = (env.arg(0), env.arg(1), env.arg(3));
    env.check_write(1, TASK_WORK)?;
    let (map, object) = env.map(2)?;
    if object.fds == 0 {
        return Err(Errno::EPERM.into());
    }
    if env.call.program().function_slot(func).is_none() {
        return Err(env.bad_arg(3, "is no function of the program"));
    }
    if env.core.timers.by_addr.contains_key(&addr) {
        return Err(Errno::EBUSY.into());
    }
    let prog = ObjRef(env.call.program().tag() as u32);
    env.core.objects.retain(prog);
    let (cpu, now) = (env.core.now.cpu, env.core.clock.monotonic_ns);
    let callback = Some(Callback { prog, func });
    let timer = Timer { map, epoch: 0, callback, expires: Some(now), cpu, kind: Kind::Task(task) };
    env.core.timers.by_addr.insert(addr, timer);
    let _ = env.memory().poke_u64(addr, env.arg(2));
    ret(0)
}

/// `bpf_timer_set_callback(timer, callback)`: the timer keeps the program.
pub(super) fn set_callback(env: &mut Env<'_, '_>) -> Answer {
    let (addr, func) = (env.arg(0), env.arg(1));
    if env.call.program().function_slot(func).is_none() {
        return Err(env.bad_arg(1, "is no function of the program"));
    }
    let prog = ObjRef(env.call.program().tag() as u32);
    let timer = env.core.timers.by_addr.get(&addr).copied().ok_or(Errno::EINVAL)?;
    if env.core.objects.map(timer.map).is_none_or(|it| it.fds == 0) {
        return Err(Errno::EPERM.into());
    }
    env.core.objects.retain(prog);
    if let Some(old) = timer.callback {
        env.core.objects.release(old.prog);
    }
    env.core.timers.by_addr.insert(addr, Timer { callback: Some(Callback { prog, func }), ..timer });
    ret(0)
}

/// `bpf_timer_start(timer, nsecs, flags)`.
pub(super) fn start(env: &mut Env<'_, '_>) -> Answer {
    let (addr, ns, flags) = (env.arg(0), env.arg(1), env.arg(2));
    if flags & !(BPF_F_TIMER_ABS | BPF_F_TIMER_CPU_PIN) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let (now, cpu) = (env.core.clock.monotonic_ns, env.core.now.cpu);
    let timer = env.core.timers.by_addr.get_mut(&addr).filter(|it| it.callback.is_some());
    let timer = timer.ok_or(Errno::EINVAL)?;
    let absolute = flags & BPF_F_TIMER_ABS != 0;
    timer.expires = Some(if absolute { ns.saturating_sub(timer.epoch) } else { now.saturating_add(ns) });
    timer.cpu = cpu;
    ret(0)
}

/// `bpf_timer_cancel(timer)`: 1 if it was waiting. It forgets its callback.
pub(super) fn cancel(env: &mut Env<'_, '_>) -> Answer {
    let addr = env.arg(0);
    let timer = env.core.timers.by_addr.get(&addr).copied().ok_or(Errno::EINVAL)?;
    if env.core.timers.running == Some(addr) {
        return Err(Errno::EDEADLK.into());
    }
    if let Some(callback) = timer.callback {
        env.core.objects.release(callback.prog);
    }
    env.core.timers.by_addr.insert(addr, Timer { callback: None, expires: None, ..timer });
    ret(u64::from(timer.expires.is_some()))
}

/// `bpf_kptr_xchg(dst, ptr)`: what stood in the field, which the program owns then.
pub(super) fn kptr_xchg(env: &mut Env<'_, '_>) -> Answer {
    let addr = env.arg(0);
    env.check_write(0, 8)?;
    let old = env.memory().peek_u64(addr).unwrap_or(0);
    let (new, site) = (env.arg(1), Core::site(env.call));
    let _ = env.memory().poke_u64(addr, new);
    env.core.owned.give(new);
    env.core.owned.take(old, site);
    ret(old)
}
