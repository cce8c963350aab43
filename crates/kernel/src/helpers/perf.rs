//! `bpf_perf_event_output` and its like (`kernel/trace/bpf_trace.c`, `net/core/filter.c`).

use super::env::{Answer, Env, Stop, ret};
use crate::context::Frame;
use crate::fields::Fields;
use crate::object::Object;
use crate::perf::Sender;
use skep_abi::flags::{BPF_F_CTXLEN_MASK, BPF_F_CURRENT_CPU, BPF_F_INDEX_MASK};
use skep_abi::uapi::PERF_SAMPLE;
use skep_abi::{Errno, MapType};
use skep_maps::ObjRef;
use skep_vm::HostFault;

/// What sending costs beside its bytes, in units of one instruction.
const SEND_COST: u64 = 100;

/// `bpf_perf_event_output(ctx, map, flags, data, size)`. Programs that see a packet may append the start of it, as
/// many bytes as bits 32 to 51 of the flags say.
pub(super) fn event_output(env: &mut Env<'_, '_>) -> Answer {
    env.check_ctx(0)?;
    let (map, flags) = (events(env)?, env.arg(2));
    let data = env.read(3, env.arg(4) as u32 as usize)?;
    let packet = match env.core.now.frame {
        Some(frame) => packet_bytes(env, &frame, flags)?,
        None if flags & !BPF_F_INDEX_MASK != 0 => return Err(Errno::EINVAL.into()),
        None => Vec::new(),
    };
    send(env, map, flags, &data, &packet)
}

/// `bpf_skb_output(ctx, map, flags, data, size)`: `ctx` is a `struct sk_buff` of the kernel, of which the start is appended.
pub(super) fn skb_output(env: &mut Env<'_, '_>) -> Answer {
    kernel_packet(env, |fields, skb| {
        let len = fields.word(skb, "sk_buff", "len")? as u32;
        Some((fields.word(skb, "sk_buff", "data")?, u64::from(len)))
    })
}

/// `bpf_xdp_output(ctx, map, flags, data, size)`: the same of a `struct xdp_buff`.
pub(super) fn xdp_output(env: &mut Env<'_, '_>) -> Answer {
    kernel_packet(env, |fields, xdp| {
        let data = fields.word(xdp, "xdp_buff", "data")?;
        Some((data, fields.word(xdp, "xdp_buff", "data_end")?.saturating_sub(data)))
    })
}

/// Sends what the program says and the start of a packet in kernel memory: `find` tells where it is, and its length.
fn kernel_packet(env: &mut Env<'_, '_>, find: impl FnOnce(&Fields<'_>, u64) -> Option<(u64, u64)>) -> Answer {
    let (map, flags) = (events(env)?, env.arg(2));
    let data = env.read(3, env.arg(4) as u32 as usize)?;
    if flags & !(BPF_F_CTXLEN_MASK | BPF_F_INDEX_MASK) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let wanted = (flags & BPF_F_CTXLEN_MASK) >> 32;
    let fields = env.fields()?;
    let (at, len) = find(&fields, env.arg(0)).ok_or(Errno::EFAULT)?;
    if wanted > len {
        return Err(Errno::EFAULT.into());
    }
    let mut packet = vec![0; wanted as usize];
    fields.read(at, &mut packet).or(if wanted == 0 { Ok(()) } else { Err(Errno::EFAULT) })?;
    send(env, map, flags, &data, &packet)
}

/// The PERF_EVENT_ARRAY that the second argument is.
fn events(env: &Env<'_, '_>) -> Result<ObjRef, Stop> {
    let (map, object) = env.map(1)?;
    match object.map.spec().kind {
        MapType::PerfEventArray => Ok(map),
        _ => Err(env.bad_arg(1, "is no PERF_EVENT_ARRAY")),
    }
}

/// Sends a sample to the event that the flags name.
fn send(env: &mut Env<'_, '_>, map: ObjRef, flags: u64, data: &[u8], packet: &[u8]) -> Answer {
    let cpu = env.core.now.cpu;
    let index = match flags & BPF_F_INDEX_MASK {
        BPF_F_CURRENT_CPU => u64::from(cpu),
        index => index,
    };
    let event = event_at(env, map, index)?;
    let sender = sender(env);
    let (memory, pid) = (env.memory(), env.core.task.pid);
    let attr = env.core.objects.perf(event).ok_or(Errno::ENOENT)?.attr;
    if !attr.is_bpf_output() {
        return Err(Errno::EINVAL.into());
    }
    if !env.core.perf_runs(event, cpu, pid) {
        return Err(Errno::EOPNOTSUPP.into());
    }
    if !attr.is_emulated() {
        let fields = PERF_SAMPLE.describe(attr.sample_type());
        return Err(HostFault::not_emulated(format!("samples of a perf event with {fields}")).into());
    }
    let sent = env.core.perf_output(memory, event, &sender, [data, packet]);
    env.call.charge(SEND_COST);
    env.charge_bytes((data.len() + packet.len()) as u64);
    sent?;
    ret(0)
}

/// The bytes of the packet that the flags ask for.
fn packet_bytes(env: &Env<'_, '_>, frame: &Frame, flags: u64) -> Result<Vec<u8>, Stop> {
    if flags & !(BPF_F_CTXLEN_MASK | BPF_F_INDEX_MASK) != 0 {
        return Err(Errno::EINVAL.into());
    }
    let len = (flags & BPF_F_CTXLEN_MASK) >> 32;
    let addr = frame.at(0, len).ok_or(Errno::EFAULT)?;
    let mut bytes = vec![0; len as usize];
    env.memory().peek(addr, &mut bytes).map_err(|_| Errno::EFAULT)?;
    Ok(bytes)
}

/// The event in a slot.
pub(super) fn event_at(env: &Env<'_, '_>, map: ObjRef, index: u64) -> Result<ObjRef, Errno> {
    let object = env.core.objects.map(map).ok_or(Errno::ENOENT)?;
    if index >= u64::from(object.map.spec().max_entries) {
        return Err(Errno::E2BIG);
    }
    let event = object.map.object(index as u32).ok_or(Errno::ENOENT)?;
    match env.core.objects.get(event) {
        Some(Object::Perf(_)) => Ok(event),
        _ => Err(Errno::ENOENT),
    }
}

/// What the fields of a sample say beside what was sent.
fn sender(env: &Env<'_, '_>) -> Sender {
    let core = &*env.core;
    let probed = core.now.probed;
    Sender {
        ip: probed.map_or(0, |it| it.ip),
        user: probed.is_some_and(|it| it.user),
        tgid: core.task.tgid,
        pid: core.task.pid,
        time_ns: core.clock.monotonic_ns,
        cpu: core.now.cpu,
        id: 0,
    }
}
