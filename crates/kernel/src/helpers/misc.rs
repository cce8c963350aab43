//! Where the program runs, and randomness.

use super::env::{Answer, Env, ret};
use skep_vm::HostFault;

pub(super) fn get_prandom_u32(env: &mut Env<'_, '_>) -> Answer {
    let cpu = env.core.now.cpu as usize;
    ret(env.core.prandom.get_mut(cpu).map_or(0, |it| u64::from(it.next_u32())))
}

pub(super) fn get_smp_processor_id(env: &mut Env<'_, '_>) -> Answer {
    ret(u64::from(env.core.now.cpu))
}

/// The machine has one node.
pub(super) fn get_numa_node_id(_: &mut Env<'_, '_>) -> Answer {
    ret(0)
}

pub(super) fn get_attach_cookie(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    ret(env.core.now.cookie)
}

/// `bpf_get_func_ip(ctx)`: where the traced function starts; of a kprobe, where it was put.
pub(super) fn get_func_ip(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    let now = &env.core.now;
    match now.probed.map(|it| it.entry).or(now.traced.map(|it| it.ip)) {
        Some(ip) => ret(ip),
        None => {
            Err(HostFault::not_emulated("bpf_get_func_ip is for programs that probe or trace a function")
                .into())
        }
    }
}
