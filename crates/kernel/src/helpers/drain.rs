//! `bpf_user_ringbuf_drain` (`kernel/bpf/ringbuf.c`): calls back with a dynptr to each record that user space pushed.

use super::env::{Answer, Env, Stop, ret};
use crate::state::Core;
use skep_abi::Errno;
use skep_abi::flags::{BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use skep_abi::helpers::func;
use skep_maps::{ObjRef, Sample, UserRing};
use skep_memory::{Arena, ObjectKind, Origin, Rights};
use skep_vm::{Continuation, HostFault, Outcome};

/// `BPF_MAX_USER_RINGBUF_SAMPLES`.
const SAMPLES_MAX: u32 = 128 * 1024;
/// `sizeof(struct bpf_dynptr_kern)`, and `BPF_DYNPTR_TYPE_LOCAL` in its word of size and type.
const DYNPTR: usize = 16;
const LOCAL: u32 = 1 << 28;

/// A drain under way.
struct Drain {
    map: ObjRef,
    func: u64,
    ctx: u64,
    flags: u32,
    /// Records that were looked at.
    samples: u32,
    /// Those among them that were given up.
    discarded: u32,
    /// The record that the callback has.
    sample: u64,
    size: u32,
    /// Where the callback finds its dynptr.
    dynptr: u64,
}

impl Drain {
    fn to_words(&self) -> [u64; 6] {
        let pair = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        // The flags are two bits, and there are no more than 2^17 records.
        let counts = pair(self.samples | self.flags << 24, self.discarded);
        // Addresses are sign-extended: half of one is enough.
        let places = pair(self.sample as u32, self.dynptr as u32);
        [pair(self.map.0, self.size), self.func, self.ctx, counts, places, 0]
    }

    fn from_words([map, func, ctx, counts, places, _]: [u64; 6]) -> Drain {
        let addr = |half: u32| i64::from(half as i32) as u64;
        Drain {
            map: ObjRef(map as u32),
            size: (map >> 32) as u32,
            func,
            ctx,
            flags: counts as u32 >> 24,
            samples: counts as u32 & 0xff_ffff,
            discarded: (counts >> 32) as u32,
            sample: addr(places as u32),
            dynptr: addr((places >> 32) as u32),
        }
    }
}

/// `bpf_user_ringbuf_drain(map, callback, ctx, flags)`: how many records the callback saw.
pub(super) fn start(env: &mut Env<'_, '_>) -> Answer {
    let (id, object) = env.map(0)?;
    if object.map.user_ring().is_none() {
        return Err(env.bad_arg(0, "is a map of a type that this helper does not take"));
    }
    let flags = env.arg(3);
    if flags & !(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP) != 0 {
        return Err(Errno::EINVAL.into());
    }
    if env.core.now.draining.contains(&id) {
        return Err(Errno::EBUSY.into());
    }
    let origin =
        Origin::new(ObjectKind::KernelObject, "dynptr of bpf_user_ringbuf_drain").at(Core::site(env.call));
    let dynptr = env
        .memory()
        .alloc(Arena::Kernel, DYNPTR, 8, Rights::RO, origin)
        .map_err(|error| Stop::Fault(HostFault::host_limit(error.to_string())))?;
    env.core.now.scratch.push(dynptr);
    env.core.now.draining.push(id);
    let (func, ctx, flags) = (env.arg(1), env.arg(2), flags as u32);
    let drain = Drain { map: id, func, ctx, flags, samples: 0, discarded: 0, sample: 0, size: 0, dynptr };
    advance(env, drain)
}

pub(super) fn next(env: &mut Env<'_, '_>, cont: Continuation, r0: u64) -> Answer {
    let mut drain = Drain::from_words(cont.state);
    let site = Some(Core::site(env.call));
    let released = ring(env, drain.map)?.release(env.memory(), drain.sample, drain.size, site);
    drain.samples += 1;
    // A record that something else released is no record of this ring any more.
    if released.is_err() || r0 != 0 {
        return end(env, &drain, Ok(()));
    }
    advance(env, drain)
}

fn ring<'e>(env: &'e Env<'_, '_>, id: ObjRef) -> Result<&'e UserRing, Stop> {
    let ring = env.core.objects.map(id).and_then(|it| it.map.user_ring());
    ring.ok_or(Stop::Errno(Errno::EINVAL))
}

/// Calls back with the next record, or ends.
fn advance(env: &mut Env<'_, '_>, mut drain: Drain) -> Answer {
    let (memory, site) = (env.memory(), Some(Core::site(env.call)));
    while drain.samples < SAMPLES_MAX {
        match ring(env, drain.map)?.peek(memory, site) {
            Ok(Some(Sample::Ready(addr, size))) => {
                (drain.sample, drain.size) = (addr, size);
                let mut bytes = [0; DYNPTR];
                bytes[..8].copy_from_slice(&addr.to_le_bytes());
                bytes[8..12].copy_from_slice(&(size | LOCAL).to_le_bytes());
                let _ = memory.poke(drain.dynptr, &bytes);
                return Ok(Outcome::Callback {
                    func: drain.func,
                    args: [drain.dynptr, drain.ctx, 0, 0, 0],
                    cont: Continuation { id: func::user_ringbuf_drain, state: drain.to_words() },
                });
            }
            Ok(Some(Sample::Discarded)) => {
                env.call.charge(1);
                drain.samples += 1;
                drain.discarded += 1;
            }
            Ok(None) => break,
            Err(errno) => return end(env, &drain, Err(errno)),
        }
    }
    end(env, &drain, Ok(()))
}

/// Wakes the producer up, unless it is not to be, and answers.
fn end(env: &mut Env<'_, '_>, drain: &Drain, done: Result<(), Errno>) -> Answer {
    env.core.now.draining.retain(|it| *it != drain.map);
    env.core.now.scratch.retain(|it| *it != drain.dynptr);
    env.memory().free(drain.dynptr);
    let flags = u64::from(drain.flags);
    let wakes = flags & BPF_RB_FORCE_WAKEUP != 0 || (flags & BPF_RB_NO_WAKEUP == 0 && drain.samples > 0);
    super::ring::wake(env.core, drain.map, wakes);
    done?;
    ret(u64::from(drain.samples - drain.discarded))
}
