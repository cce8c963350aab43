//! `bpf_for`: open-coded iteration over numbers (`kernel/bpf/bpf_iter.c`). The iterator lies in the program's stack: the
//! number that was given last, and the end.

use crate::state::Core;
use skep_abi::Errno;
use skep_vm::{Call, HostFault};

/// The most rounds of one loop (`BPF_MAX_LOOPS`).
const MAX_LOOPS: i64 = 8 << 20;

fn parts(call: &Call<'_>) -> Result<(i32, i32), HostFault> {
    let word = |at: u64| call.memory.load(call.args[0] + at, 4).map(|it| it as i32);
    let fault = |fault| HostFault::access("the number iterator", fault);
    Ok((word(0).map_err(fault)?, word(4).map_err(fault)?))
}

fn put(call: &Call<'_>, cur: i32, end: i32) -> Result<(), HostFault> {
    let mut bytes = cur.to_le_bytes().to_vec();
    bytes.extend(end.to_le_bytes());
    call.memory.write(call.args[0], &bytes).map_err(|fault| HostFault::access("the number iterator", fault))
}

pub(super) fn new(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let (start, end) = (call.args[1] as i32, call.args[2] as i32);
    let refused = |errno: Errno| put(call, 0, 0).map(|()| errno.neg() as u64);
    if start > end {
        return refused(Errno::EINVAL);
    }
    if i64::from(end) - i64::from(start) > MAX_LOOPS {
        return refused(Errno::E2BIG);
    }
    put(call, start.wrapping_sub(1), end)?;
    Ok(0)
}

/// The address of the next number, or NULL; then the iterator is empty.
pub(super) fn next(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let (cur, end) = parts(call)?;
    // Wraps where the loop starts at the smallest number.
    let next = cur.wrapping_add(1);
    if next >= end {
        put(call, 0, 0)?;
        return Ok(0);
    }
    put(call, next, end)?;
    // A loop's round, as a jump would be.
    call.charge(1);
    Ok(call.args[0])
}

pub(super) fn destroy(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    put(call, 0, 0)?;
    Ok(0)
}
