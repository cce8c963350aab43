//! Helpers that run other code: tail calls and loops.

use super::env::{Answer, Env, ret};
use skep_abi::Errno;
use skep_abi::helpers::func;
use skep_abi::uapi::BPF_MAX_LOOPS;
use skep_vm::{Continuation, Outcome, TAIL_CALL_FAILED};

/// Jumps to another program, or fails without a trace. The order of the checks is the JIT's
/// (`emit_bpf_tail_call_indirect`, `arch/x86/net/bpf_jit_comp.c`): the index, the length of the chain, the slot; the
/// chain grows only if there is a program.
pub(super) fn tail_call(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    let (_, object) = env.map(1)?;
    if object.map.spec().kind != skep_abi::MapType::ProgArray {
        return Err(env.bad_arg(1, "is no PROG_ARRAY"));
    }
    let index = env.arg(2) as u32;
    if index >= object.map.spec().max_entries || env.call.tail_calls_left() == 0 {
        return ret(TAIL_CALL_FAILED);
    }
    match object.map.object(index).and_then(|id| env.core.objects.prog(id)) {
        Some(prog) => Ok(Outcome::TailCall(prog.program.clone())),
        None => ret(TAIL_CALL_FAILED),
    }
}

/// `bpf_loop`: runs a callback a number of times, or until it returns something else than 0.
///
/// Where flags are 0 and the callback is always the same, which is how compilers call it, the verifier puts instructions
/// in the place of the call (`inline_bpf_loop`, `kernel/bpf/verifier.c`). They compare all 64 bits of the count, where the
/// function itself (`kernel/bpf/bpf_iter.c`) sees 32, and put their -E2BIG into the lower half of r0 alone.
pub(super) fn loop_start(env: &mut Env<'_, '_>) -> Answer {
    let (count, func, ctx, flags) = (env.arg(0), env.arg(1), env.arg(2), env.arg(3));
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    match u32::try_from(count) {
        Ok(count) if count <= BPF_MAX_LOOPS => turn(0, count, func, ctx),
        _ => ret(u64::from(Errno::E2BIG.neg() as u32)),
    }
}

pub(super) fn loop_next(_: &mut Env<'_, '_>, cont: Continuation, r0: u64) -> Answer {
    let [index, count, func, ctx, ..] = cont.state;
    if r0 != 0 { ret(index + 1) } else { turn(index as u32 + 1, count as u32, func, ctx) }
}

fn turn(index: u32, count: u32, func: u64, ctx: u64) -> Answer {
    if index >= count {
        return ret(u64::from(index));
    }
    let state = [u64::from(index), u64::from(count), func, ctx, 0, 0];
    Ok(Outcome::Callback {
        func,
        args: [u64::from(index), ctx, 0, 0, 0],
        cont: Continuation { id: func::r#loop, state },
    })
}
