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

/// `bpf_get_func_ip(ctx)` of a kprobe on the start of a function: where the probed registers are.
pub(super) fn get_func_ip(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    match env.core.now.probed {
        Some(probed) => ret(probed.ip),
        None => Err(HostFault::not_emulated("bpf_get_func_ip is emulated for probed registers alone").into()),
    }
}
