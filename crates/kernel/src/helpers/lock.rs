//! `bpf_spin_lock` and `bpf_spin_unlock` (`kernel/bpf/helpers.c`). CPUs run one after the other here, so that no lock is
//! ever waited for; what is left are the rules of the verifier: one lock at a time, and none at the end.

use super::env::{Answer, Env, ret};
use crate::invocation::Held;
use crate::state::Core;
use skep_vm::HostFault;

/// `bpf_spin_lock(lock)`.
pub(super) fn lock(env: &mut Env<'_, '_>) -> Answer {
    let addr = env.arg(0);
    env.check_write(0, 4)?;
    let site = Core::site(env.call);
    if let Some(held) = env.core.now.held {
        let text = format!("bpf_spin_lock: the lock that {} took is still held", env.core.place(held.site));
        return Err(HostFault::program(text).into());
    }
    if env.memory().peek_u32(addr).is_ok_and(|it| it != 0) {
        return Err(
            env.bad_arg(0, "is a lock that nobody holds, and yet is taken: the program would wait for ever")
        );
    }
    env.core.now.held = Some(Held { addr, site });
    set(env, addr, 1)
}

/// `bpf_spin_unlock(lock)`.
pub(super) fn unlock(env: &mut Env<'_, '_>) -> Answer {
    let addr = env.arg(0);
    if env.core.now.held.take_if(|it| it.addr == addr).is_none() {
        return Err(env.bad_arg(0, "is no lock that is held"));
    }
    set(env, addr, 0)
}

fn set(env: &Env<'_, '_>, addr: u64, value: u32) -> Answer {
    let _ = env.memory().poke_u32(addr, value);
    ret(0)
}
