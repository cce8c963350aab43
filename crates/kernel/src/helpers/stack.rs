//! Call stacks (`kernel/bpf/stackmap.c`).

use super::env::{Answer, Env, Stop, ret};
use crate::stacks::{CallStack, MappedFile};
use skep_abi::Errno;
use skep_abi::flags::*;

/// `sysctl_perf_event_max_stack`: the longest stack that the kernel walks.
const MAX_DEPTH: usize = 127;
/// `PF_KTHREAD`.
const PF_KTHREAD: u64 = 0x20_0000;
/// `sizeof(struct bpf_stack_build_id)`.
const BUILD_ID: usize = 32;
/// `BPF_STACK_BUILD_ID_VALID`.
const VALID: u32 = 1;
/// `BPF_STACK_BUILD_ID_IP`.
const IP: u32 = 2;
/// What walking one entry costs, in units of one instruction.
const ENTRY_COST: u64 = 4;

/// The stacks of the task that runs: of a kernel thread, there is one alone.
fn current(env: &mut Env<'_, '_>, flags: u64) -> CallStack {
    let mut stack = env.core.current_stack();
    if flags & BPF_F_USER_STACK != 0 && env.task_flags() & PF_KTHREAD != 0 {
        stack.user.clear();
    }
    stack
}

/// How many entries are skipped.
fn skipped(flags: u64) -> usize {
    (flags & BPF_F_SKIP_FIELD_MASK) as usize
}

/// As much of a stack as is walked for `room` entries behind the skipped ones (`stack_map_calculate_max_depth`).
fn walked(stack: CallStack, flags: u64, room: usize) -> Vec<u64> {
    let mut trace = if flags & BPF_F_USER_STACK != 0 { stack.user } else { stack.kernel };
    trace.truncate(room.saturating_add(skipped(flags)).min(MAX_DEPTH));
    trace
}

/// `bpf_get_stackid(ctx, map, flags)`.
pub(super) fn get_stackid(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    let flags = env.arg(2);
    let (id, object) = env.map(1)?;
    if object.map.spec().kind != skep_abi::MapType::StackTrace {
        return Err(env.bad_arg(1, "is no STACK_TRACE map"));
    }
    let known = BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID;
    if flags & !known != 0 {
        return Err(Errno::EINVAL.into());
    }
    let stack = current(env, flags);
    let files = env.core.stacks.files.clone();
    let stacks = env.core.objects.map_mut(id).ok_or(Errno::EINVAL)?.map.stacks()?;
    let trace = walked(stack, flags, stacks.depth());
    let kept = trace.get(skipped(flags)..).unwrap_or_default();
    env.call.charge(ENTRY_COST * trace.len() as u64);
    let user = flags & BPF_F_USER_STACK != 0;
    let id =
        stacks.store(kept, flags, |ips| ips.iter().map(|ip| with_build_id(&files, *ip, user)).collect())?;
    ret(u64::from(id))
}

/// `bpf_get_stack(ctx, buf, size, flags)`: how many bytes of the buffer are entries.
pub(super) fn get_stack(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    let flags = env.arg(3);
    let stack = current(env, flags);
    copy(env, stack)
}

/// `bpf_get_task_stack(task, buf, size, flags)`. Of another task, there is only the stack in the kernel.
pub(super) fn get_task_stack(env: &mut Env<'_, '_>) -> Answer {
    let (task, flags) = (env.arg(0), env.arg(3));
    let user = flags & BPF_F_USER_STACK != 0;
    let is_current = task == env.current_task().unwrap_or(0);
    let stack = match is_current {
        true => current(env, flags),
        false => env.core.task_stack(task),
    };
    if let Some(errno) = refused(env) {
        return cleared(env, errno);
    }
    match (user, is_current) {
        // A kernel thread has no registers of user space.
        (true, true) if stack.user.is_empty() => cleared(env, Errno::EFAULT),
        (true, false) => cleared(env, Errno::EOPNOTSUPP),
        _ => copy(env, stack),
    }
}

/// What is wrong with the arguments of [`copy`].
fn refused(env: &Env<'_, '_>) -> Option<Errno> {
    let (size, flags) = (env.arg(2) as u32 as usize, env.arg(3));
    let (user, ids) = (flags & BPF_F_USER_STACK != 0, flags & BPF_F_USER_BUILD_ID != 0);
    let known = BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID;
    let bad = flags & !known != 0 || ids && !user || !size.is_multiple_of(entry_size(flags));
    bad.then_some(Errno::EINVAL)
}

fn entry_size(flags: u64) -> usize {
    if flags & BPF_F_USER_BUILD_ID != 0 { BUILD_ID } else { 8 }
}

/// Copies a stack to where the second argument points (`__bpf_get_stack`).
fn copy(env: &mut Env<'_, '_>, stack: CallStack) -> Answer {
    let (size, flags) = (env.arg(2) as u32 as usize, env.arg(3));
    if let Some(errno) = refused(env) {
        return cleared(env, errno);
    }
    env.check_write(1, size)?;
    let trace = walked(stack, flags, size / entry_size(flags));
    env.call.charge(ENTRY_COST * trace.len() as u64);
    let Some(kept) = trace.get(skipped(flags)..) else {
        return cleared(env, Errno::EFAULT);
    };
    let mut bytes: Vec<u8> = match flags & BPF_F_USER_BUILD_ID {
        0 => kept.iter().flat_map(|ip| ip.to_le_bytes()).collect(),
        _ => kept.iter().flat_map(|ip| with_build_id(&env.core.stacks.files, *ip, true)).collect(),
    };
    let len = bytes.len();
    bytes.resize(size, 0);
    env.write(1, &bytes)?;
    ret(len as u64)
}

/// Fails, and leaves zeroes in the buffer.
fn cleared(env: &mut Env<'_, '_>, errno: Errno) -> Answer {
    let size = env.arg(2) as u32 as usize;
    env.check_write(1, size)?;
    env.write(1, &vec![0; size])?;
    Err(Stop::Errno(errno))
}

/// `struct bpf_stack_build_id`: a place in a file, or an address where there is none (`stack_map_get_build_id_offset`).
fn with_build_id(files: &[MappedFile], ip: u64, user: bool) -> [u8; BUILD_ID] {
    let file = files.iter().find(|it| user && ip.wrapping_sub(it.start) < it.len);
    let mut bytes = [0; BUILD_ID];
    let (status, at) = match file {
        Some(file) => {
            bytes[4..24].copy_from_slice(&file.build_id);
            (VALID, file.offset.wrapping_add(ip - file.start))
        }
        None => (IP, ip),
    };
    bytes[..4].copy_from_slice(&status.to_le_bytes());
    bytes[24..].copy_from_slice(&at.to_le_bytes());
    bytes
}
