//! `bpf_for`: open-coded iteration over numbers (`kernel/bpf/bpf_iter.c`). The iterator lies in the program's stack: the
//! number that was given last, and the end.

use crate::helpers::env::{Answer, Env, Stop, ret};
use skep_abi::Errno;
use skep_vm::HostFault;

/// The most rounds of one loop (`BPF_MAX_LOOPS`).
const MAX_LOOPS: i64 = 8 << 20;

fn parts(env: &Env<'_, '_>) -> Result<(i32, i32), HostFault> {
    let word = |at: u64| env.memory().load(env.arg(0).wrapping_add(at), 4).map(|it| it as i32);
    let fault = |fault| HostFault::access("the number iterator", fault);
    Ok((word(0).map_err(fault)?, word(4).map_err(fault)?))
}

fn put(env: &Env<'_, '_>, cur: i32, end: i32) -> Result<(), HostFault> {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&cur.to_le_bytes());
    bytes[4..].copy_from_slice(&end.to_le_bytes());
    env.memory().write(env.arg(0), &bytes).map_err(|fault| HostFault::access("the number iterator", fault))
}

pub(super) fn new(env: &mut Env<'_, '_>) -> Answer {
    let (start, end) = (env.arg(1) as i32, env.arg(2) as i32);
    let refused = |errno: Errno| match put(env, 0, 0) {
        Ok(()) => Err(Stop::Errno(errno)),
        Err(fault) => Err(fault.into()),
    };
    if start > end {
        return refused(Errno::EINVAL);
    }
    if i64::from(end) - i64::from(start) > MAX_LOOPS {
        return refused(Errno::E2BIG);
    }
    put(env, start.wrapping_sub(1), end)?;
    ret(0)
}

/// The address of the next number, or NULL; then the iterator is empty.
pub(super) fn next(env: &mut Env<'_, '_>) -> Answer {
    let (cur, end) = parts(env)?;
    // Wraps where the loop starts at the smallest number.
    let next = cur.wrapping_add(1);
    if next >= end {
        put(env, 0, 0)?;
        return ret(0);
    }
    put(env, next, end)?;
    // A loop's round, as a jump would be.
    env.call.charge(1);
    ret(env.arg(0))
}

pub(super) fn destroy(env: &mut Env<'_, '_>) -> Answer {
    put(env, 0, 0)?;
    ret(0)
}
