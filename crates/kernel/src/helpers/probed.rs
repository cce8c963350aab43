//! What a probe found: arguments of the traced function, branches, counters; and what it changes (`bpf_trace.c`).

use super::env::{Answer, Env, Stop, ret};
use super::perf::event_at;
use crate::effects::{PerfValue, Signal};
use crate::object::Object;
use crate::prog::ProgInfo;
use skep_abi::ctx::{pt_regs_arm64, pt_regs_x86_64};
use skep_abi::flags::{BPF_F_CURRENT_CPU, BPF_F_INDEX_MASK};
use skep_abi::{AttachType, Errno, MapType, ProgType};
use skep_maps::ObjRef;
use skep_vm::HostFault;

/// `sizeof(struct perf_branch_entry)`.
const BRANCH: usize = 24;
/// `BPF_F_GET_BRANCH_RECORDS_SIZE`.
const GET_SIZE: u64 = 1;
/// `PF_EXITING` and `PF_KTHREAD`.
const PF_EXITING: u64 = 0x4;
const PF_KTHREAD: u64 = 0x20_0000;
/// `_NSIG`: the highest signal.
const MAX_SIGNAL: u32 = 64;

/// Words of arguments in the context, and whether a word with the return value follows.
fn words(env: &Env<'_, '_>) -> Result<(usize, bool), Stop> {
    env.check_ctx(0)?;
    if let Some(traced) = env.core.now.traced {
        return Ok((traced.args, traced.ret));
    }
    // A context of words as a test wrote it down: what the last one is, the attach type says.
    let words = env.core.now.ctx.len / 8;
    let returns = has_return(env);
    Ok(if returns { (words.saturating_sub(1), true) } else { (words, false) })
}

fn info<'e>(env: &'e Env<'_, '_>) -> Option<&'e ProgInfo> {
    let tag = env.call.program().tag() as u32;
    env.core.objects.prog(ObjRef(tag)).map(|it| &*it.info)
}

/// Whether the program runs with a return value at hand.
fn has_return(env: &Env<'_, '_>) -> bool {
    let attach = info(env).and_then(|it| AttachType::from_u32(it.expected_attach_type));
    matches!(attach, Some(AttachType::TraceFexit | AttachType::ModifyReturn))
}

fn word(env: &Env<'_, '_>, index: usize) -> Result<u64, Stop> {
    let mut bytes = [0; 8];
    let addr = env.core.now.ctx.addr + 8 * index as u64;
    env.memory().peek(addr, &mut bytes).map_err(|_| Errno::EINVAL)?;
    Ok(u64::from_le_bytes(bytes))
}

/// `bpf_get_func_arg(ctx, n, value)`.
pub(super) fn get_func_arg(env: &mut Env<'_, '_>) -> Answer {
    let index = env.arg(1) as u32 as usize;
    env.check_write(2, 8)?;
    if index >= words(env)?.0 {
        return Err(Errno::EINVAL.into());
    }
    let value = word(env, index)?;
    env.write(2, &value.to_le_bytes())?;
    ret(0)
}

/// `bpf_get_func_ret(ctx, value)`: of programs that run before the function there is nothing.
pub(super) fn get_func_ret(env: &mut Env<'_, '_>) -> Answer {
    env.check_write(1, 8)?;
    let (args, returned) = words(env)?;
    if !returned || !has_return(env) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    let value = word(env, args)?;
    env.write(1, &value.to_le_bytes())?;
    ret(0)
}

/// `bpf_get_func_arg_cnt(ctx)`.
pub(super) fn get_func_arg_cnt(env: &mut Env<'_, '_>) -> Answer {
    ret(words(env)?.0 as u64)
}

/// The register of arm64 that has the return address.
const LINK: u64 = 30;

/// `bpf_override_return(regs, rc)`: the function does not run and returns this. It is noted; the registers look as the
/// kernel leaves them.
pub(super) fn override_return(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    if env.core.now.probed.is_none() {
        return Err(HostFault::not_emulated("bpf_override_return is for probes with registers").into());
    }
    let (ctx, rc) = (env.core.now.ctx, env.arg(1));
    if ctx.len == pt_regs_arm64::LAYOUT.size {
        // It goes on where its caller called it (`arch/arm64/lib/error-inject.c`): at the address in the link register.
        let link = env.memory().peek_u64(ctx.addr + LINK * 8).unwrap_or(0);
        ctx.set(env.memory(), &pt_regs_arm64::regs, rc);
        ctx.set(env.memory(), &pt_regs_arm64::pc, link);
    } else {
        let skip = env.core.symbols.address("just_return_func");
        ctx.set(env.memory(), &pt_regs_x86_64::rax, rc);
        ctx.set(env.memory(), &pt_regs_x86_64::rip, skip);
    }
    env.core.now.effects.overridden = Some(rc);
    ret(0)
}

/// `bpf_send_signal(sig)`.
pub(super) fn send_signal(env: &mut Env<'_, '_>) -> Answer {
    signal(env, false)
}

/// `bpf_send_signal_thread(sig)`.
pub(super) fn send_signal_thread(env: &mut Env<'_, '_>) -> Answer {
    signal(env, true)
}

/// Notes a signal (`bpf_send_signal_common`). The first process of all gets none, nor do kernel threads and tasks that
/// end.
fn signal(env: &mut Env<'_, '_>, thread: bool) -> Answer {
    let number = env.arg(0) as u32;
    let (pid, tgid) = (env.core.task.pid, env.core.task.tgid);
    may_signal(tgid, env.task_flags(), number)?;
    env.core.now.effects.signals.push(Signal { number, thread, pid });
    ret(0)
}

/// Whether a task with these flags may get a signal.
pub(crate) fn may_signal(tgid: u32, flags: u64, number: u32) -> Result<(), Errno> {
    if tgid == 1 || flags & (PF_EXITING | PF_KTHREAD) != 0 {
        return Err(Errno::EPERM);
    }
    if number > MAX_SIGNAL { Err(Errno::EINVAL) } else { Ok(()) }
}

/// `bpf_get_retval()`.
pub(super) fn get_retval(env: &mut Env<'_, '_>) -> Answer {
    ret(i64::from(env.core.now.effects.retval.unwrap_or(0)) as u64)
}

/// `bpf_set_retval(retval)`.
pub(super) fn set_retval(env: &mut Env<'_, '_>) -> Answer {
    env.core.now.effects.retval = Some(env.arg(0) as i32);
    ret(0)
}

/// `bpf_read_branch_records(ctx, buf, size, flags)`: how many bytes, or with `BPF_F_GET_BRANCH_RECORDS_SIZE` how many
/// there would be.
pub(super) fn read_branch_records(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    let (buf, size, flags) = (env.arg(1), env.arg(2) as u32 as usize, env.arg(3));
    if flags & !GET_SIZE != 0 {
        return Err(Errno::EINVAL.into());
    }
    let count = env.core.measured.branches.len();
    if count == 0 {
        return Err(Errno::ENOENT.into());
    }
    if flags & GET_SIZE != 0 {
        return ret((count * BRANCH) as u64);
    }
    if buf == 0 || !size.is_multiple_of(BRANCH) {
        return Err(Errno::EINVAL.into());
    }
    env.check_write(1, size)?;
    let bytes = env.core.branch_bytes(size);
    env.write(1, &bytes)?;
    ret(bytes.len() as u64)
}

/// `bpf_get_branch_snapshot(entries, size, flags)`: the flags are looked at when the entries are there already.
pub(super) fn get_branch_snapshot(env: &mut Env<'_, '_>) -> Answer {
    let size = env.arg(1) as u32 as usize;
    env.check_write(0, size)?;
    let bytes = env.core.branch_bytes(size);
    env.write(0, &bytes)?;
    match (env.arg(2), bytes.len()) {
        (0, 0) => Err(Errno::ENOENT.into()),
        (0, len) => ret(len as u64),
        _ => Err(Errno::EINVAL.into()),
    }
}

/// The count of the event in a slot of a PERF_EVENT_ARRAY (`get_map_perf_counter`).
fn counter(env: &Env<'_, '_>) -> Result<PerfValue, Stop> {
    let (map, flags) = (env.map_ref(0)?, env.arg(1));
    if env.map(0)?.1.map.spec().kind != MapType::PerfEventArray {
        return Err(env.bad_arg(0, "is no PERF_EVENT_ARRAY"));
    }
    if flags & !BPF_F_INDEX_MASK != 0 {
        return Err(Errno::EINVAL.into());
    }
    let cpu = env.core.now.cpu;
    let index = if flags == BPF_F_CURRENT_CPU { u64::from(cpu) } else { flags };
    match env.core.objects.get(event_at(env, map, index)?) {
        Some(Object::Perf(event)) => Ok(event.read_local(cpu, env.core.task.pid)?),
        _ => Err(Errno::ENOENT.into()),
    }
}

/// `bpf_perf_event_read(map, flags)`: the count itself, so that large ones look like errors.
pub(super) fn event_read(env: &mut Env<'_, '_>) -> Answer {
    ret(counter(env)?.counter)
}

/// `bpf_perf_event_read_value(map, flags, buf, buf_size)`.
pub(super) fn event_read_value(env: &mut Env<'_, '_>) -> Answer {
    let size = env.arg(3) as u32 as usize;
    env.map_ref(0)?;
    value(env, 2, size, counter)
}

/// `bpf_perf_prog_read_value(ctx, buf, buf_size)`: of the event that the program runs for.
pub(super) fn prog_read_value(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    let size = env.arg(2) as u32 as usize;
    if env.core.now.prog_type != Some(ProgType::PerfEvent) {
        return Err(env.bad_arg(0, "is no context of a perf event"));
    }
    value(env, 1, size, |env| Ok(env.core.measured.sampled))
}

/// Writes a `struct bpf_perf_event_value`, or zeroes.
fn value(
    env: &mut Env<'_, '_>,
    index: usize,
    size: usize,
    read: impl FnOnce(&Env<'_, '_>) -> Result<PerfValue, Stop>,
) -> Answer {
    env.check_write(index, size)?;
    let whole = size == PerfValue::default().to_bytes().len();
    let found = if whole { read(env) } else { Err(Errno::EINVAL.into()) };
    match found {
        Ok(value) => {
            env.write(index, &value.to_bytes())?;
            ret(0)
        }
        Err(stop) => {
            env.write(index, &vec![0; size])?;
            Err(stop)
        }
    }
}
