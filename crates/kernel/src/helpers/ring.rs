//! Ring buffers (`kernel/bpf/ringbuf.c`).

use super::env::{Answer, Env, Stop, ret};
use crate::state::Core;
use skep_abi::Errno;
use skep_maps::{ObjRef, RingBuffer};

/// What making a record costs, or handing one over, in units of one instruction.
const RECORD_COST: u64 = 100;

/// How many bytes of a record cost as much as one instruction: the program is let into them, and out again.
const RECORD_BYTES_PER_CHARGE: u64 = 4;

/// The ring that an argument is.
fn ring<'e>(env: &'e Env<'_, '_>, index: usize) -> Result<&'e RingBuffer, Stop> {
    env.map(index)?.1.map.ring().ok_or_else(|| env.bad_arg(index, "is no ring buffer"))
}

/// `bpf_ringbuf_reserve(ringbuf, size, flags)`: NULL where there is no room.
pub(super) fn reserve(env: &mut Env<'_, '_>) -> Answer {
    let (size, flags) = (env.arg(1), env.arg(2));
    if flags != 0 {
        ring(env, 0)?;
        return ret(0);
    }
    ret(reserve_record(env, 0, size)?)
}

/// Reserves a record of the ring that an argument is: its address, or NULL.
pub(super) fn reserve_record(env: &mut Env<'_, '_>, index: usize, size: u64) -> Result<u64, Stop> {
    let site = Core::site(env.call);
    env.call.charge(RECORD_COST);
    let record = ring(env, index)?.reserve(env.memory(), size, 0, Some(site));
    if record.is_ok() {
        env.call.charge(size / RECORD_BYTES_PER_CHARGE);
    }
    Ok(record.unwrap_or(0))
}

/// `bpf_ringbuf_submit(data, flags)`.
pub(super) fn submit(env: &mut Env<'_, '_>) -> Answer {
    commit(env, false)
}

/// `bpf_ringbuf_discard(data, flags)`.
pub(super) fn discard(env: &mut Env<'_, '_>) -> Answer {
    commit(env, true)
}

fn commit(env: &mut Env<'_, '_>, discard: bool) -> Answer {
    let (addr, flags) = (env.arg(0), env.arg(1));
    commit_record(env, addr, flags, discard)
}

/// Hands a record over to the reader, or back.
pub(super) fn commit_record(env: &mut Env<'_, '_>, addr: u64, flags: u64, discard: bool) -> Answer {
    let site = Core::site(env.call);
    env.call.charge(RECORD_COST);
    let id =
        ring_of(env.core, addr).ok_or_else(|| env.bad_arg(0, "is no ring buffer record that is reserved"))?;
    let memory = env.memory();
    let found = env.core.objects.map(id).and_then(|it| it.map.ring());
    let wakes = match found {
        Some(ring) => ring.commit_at(memory, addr, flags, discard, Some(site)),
        None => Err(Errno::EINVAL),
    };
    match wakes {
        Ok(wakes) => {
            wake(env.core, id, wakes);
            ret(0)
        }
        Err(_) => Err(env.bad_arg(0, "is no ring buffer record that is reserved")),
    }
}

/// The ring whose pages an address is in.
fn ring_of(core: &Core, addr: u64) -> Option<ObjRef> {
    let (_, &id) = core.rings.range(..=addr).next_back()?;
    core.objects.map(id)?.map.ring()?.is_reserved(addr).then_some(id)
}

/// Notes that a reader should be woken.
pub(super) fn wake(core: &mut Core, id: ObjRef, wakes: bool) {
    if let Some(object) = core.objects.map_mut(id).filter(|_| wakes) {
        object.poll = true;
        core.wake(crate::poll::Waiter(id));
    }
}

/// `bpf_ringbuf_output(ringbuf, data, size, flags)`.
pub(super) fn output(env: &mut Env<'_, '_>) -> Answer {
    let id = env.map_ref(0)?;
    ring(env, 0)?;
    // A size that no record has is refused before the data is looked at; that saves reading it.
    let data = env.read(1, usize::try_from(env.arg(2)).unwrap_or(usize::MAX))?;
    env.call.charge(2 * RECORD_COST);
    let wakes = ring(env, 0)?.output(env.memory(), &data, env.arg(3))?;
    wake(env.core, id, wakes);
    ret(0)
}

/// `bpf_ringbuf_query(ringbuf, flags)`.
pub(super) fn query(env: &mut Env<'_, '_>) -> Answer {
    ret(ring(env, 0)?.query(env.memory(), env.arg(1)))
}
