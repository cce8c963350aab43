//! `bpf_res_spin_lock` (`kernel/bpf/rqspinlock.c`): locks that fail instead of waiting for ever. Nothing runs beside a
//! program, so that the one way to fail is to take a lock again that the program holds.

use super::sections;
use crate::helpers::env::{Answer, Env, ret};
use crate::invocation::Held;
use crate::state::Core;
use skep_abi::Errno;

/// How many the kernel keeps account of (`RES_NR_HELD`).
const MOST_HELD: usize = 31;

/// `bpf_res_spin_lock(lock)`.
pub(super) fn lock(env: &mut Env<'_, '_>) -> Answer {
    let addr = env.arg(0);
    env.check_write(0, 4)?;
    let site = Core::site(env.call);
    if env.core.now.res_held.iter().any(|it| it.addr == addr) {
        return Err(Errno::EDEADLK.into());
    }
    // Nobody holds it, and nobody is going to let it go.
    if env.memory().peek_u32(addr).is_ok_and(|it| it != 0) || env.core.now.res_held.len() == MOST_HELD {
        return Err(Errno::ETIMEDOUT.into());
    }
    env.core.now.res_held.push(Held { addr, site });
    let _ = env.memory().poke_u32(addr, 1);
    ret(0)
}

/// `bpf_res_spin_unlock(lock)`: the last one that was taken.
pub(super) fn unlock(env: &mut Env<'_, '_>) -> Answer {
    let addr = env.arg(0);
    match env.core.now.res_held.last() {
        Some(held) if held.addr == addr => {
            env.core.now.res_held.pop();
            let _ = env.memory().poke_u32(addr, 0);
            ret(0)
        }
        Some(held) => {
            let last = env.core.place(held.site);
            Err(env.bad_arg(0, &format!("is not the lock that was taken last, by {last}")))
        }
        None => Err(env.bad_arg(0, "is no lock that is held")),
    }
}

/// `bpf_res_spin_lock_irqsave(lock, flags)`.
pub(super) fn lock_irqsave(env: &mut Env<'_, '_>) -> Answer {
    env.check_write(1, 8)?;
    let locked = lock(env)?;
    sections::save(env, 1)?;
    Ok(locked)
}

/// `bpf_res_spin_unlock_irqrestore(lock, flags)`.
pub(super) fn unlock_irqrestore(env: &mut Env<'_, '_>) -> Answer {
    unlock(env)?;
    sections::restore(env, 1)
}
