//! Sets of CPUs (`kernel/bpf/cpumask.c`): bits in kernel memory. Programs get pointers to them and do not write to them.

use crate::state::Core;
use skep_memory::{Arena, ObjectKind, Origin, Rights};
use skep_vm::{Call, HostFault};

/// Bytes of a set: as many CPUs as a machine can have, and room for what counts its users.
const BYTES: usize = 32;
const SIZE: usize = BYTES + 8;

type Set = [u8; BYTES];

fn get(call: &Call<'_>, index: usize) -> Result<Set, HostFault> {
    let mut set = [0; BYTES];
    call.memory.peek(call.args[index], &mut set).map_err(|fault| HostFault::access("a cpumask", fault))?;
    Ok(set)
}

fn put(call: &Call<'_>, index: usize, set: &Set) -> Result<(), HostFault> {
    call.memory.poke(call.args[index], set).map_err(|fault| HostFault::access("a cpumask", fault))
}

/// Place and bit of a CPU, if there is one of this number.
fn bit(core: &Core, cpu: u64) -> Option<(usize, u8)> {
    let cpu = cpu as u32;
    (cpu < core.cpus).then_some(((cpu / 8) as usize, 1 << (cpu % 8)))
}

/// The set of all CPUs of the machine.
fn all(core: &Core) -> Set {
    let mut set = [0; BYTES];
    for cpu in 0..core.cpus as usize {
        set[cpu / 8] |= 1 << (cpu % 8);
    }
    set
}

fn is_in(set: &Set, cpu: usize) -> bool {
    set[cpu / 8] & 1 << (cpu % 8) != 0
}

pub(super) fn create(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let origin = Origin::new(ObjectKind::KernelObject, "bpf_cpumask").at(Core::site(call));
    let made = call.memory.alloc(Arena::Kernel, SIZE, 8, Rights::RO, origin);
    let addr = made.map_err(|error| HostFault::host_limit(error.to_string()))?;
    let _ = call.memory.poke_u64(addr + BYTES as u64, 1);
    let _ = core;
    Ok(addr)
}

pub(super) fn acquire(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let at = call.args[0] + BYTES as u64;
    let users = call.memory.peek_u64(at).map_err(|fault| HostFault::access("a cpumask", fault))?;
    let _ = call.memory.poke_u64(at, users + 1);
    Ok(call.args[0])
}

pub(super) fn release(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let at = call.args[0] + BYTES as u64;
    let users = call.memory.peek_u64(at).map_err(|fault| HostFault::access("a cpumask", fault))?;
    match users {
        0 | 1 => {
            call.memory.free_at(call.args[0], Some(Core::site(call)));
        }
        more => {
            let _ = call.memory.poke_u64(at, more - 1);
        }
    }
    Ok(0)
}

/// Sets or clears a CPU, and says whether it was set.
fn change(core: &Core, call: &Call<'_>, set_it: bool) -> Result<u64, HostFault> {
    let Some((at, bit)) = bit(core, call.args[0]) else { return Ok(0) };
    let mut set = get(call, 1)?;
    let before = set[at] & bit != 0;
    set[at] = if set_it { set[at] | bit } else { set[at] & !bit };
    put(call, 1, &set)?;
    Ok(before.into())
}

pub(super) fn set_cpu(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    change(core, call, true).map(|_| 0)
}

pub(super) fn clear_cpu(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    change(core, call, false).map(|_| 0)
}

pub(super) fn test_and_set_cpu(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    change(core, call, true)
}

pub(super) fn test_and_clear_cpu(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    change(core, call, false)
}

pub(super) fn test_cpu(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let Some((at, bit)) = bit(core, call.args[0]) else { return Ok(0) };
    Ok((get(call, 1)?[at] & bit != 0).into())
}

pub(super) fn setall(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    put(call, 0, &all(core))?;
    Ok(0)
}

pub(super) fn clear(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    put(call, 0, &[0; BYTES])?;
    Ok(0)
}

/// The first CPU that is in the set, or the number of CPUs.
pub(super) fn first(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let set = get(call, 0)?;
    let found = (0..core.cpus as usize).find(|cpu| is_in(&set, *cpu));
    Ok(found.unwrap_or(core.cpus as usize) as u64)
}

pub(super) fn first_zero(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let set = get(call, 0)?;
    let found = (0..core.cpus as usize).find(|cpu| !is_in(&set, *cpu));
    Ok(found.unwrap_or(core.cpus as usize) as u64)
}

pub(super) fn empty(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    Ok((get(call, 0)? == [0; BYTES]).into())
}

pub(super) fn full(core: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    Ok((get(call, 0)? == all(core)).into())
}

pub(super) fn weight(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    Ok(get(call, 0)?.iter().map(|it| u64::from(it.count_ones())).sum())
}

/// Combines two sets into a third, and says whether anything is in it.
fn combine(call: &Call<'_>, with: impl Fn(u8, u8) -> u8) -> Result<u64, HostFault> {
    let (a, b) = (get(call, 1)?, get(call, 2)?);
    let mut set = [0; BYTES];
    set.iter_mut().zip(a.iter().zip(&b)).for_each(|(out, (a, b))| *out = with(*a, *b));
    put(call, 0, &set)?;
    Ok((set != [0; BYTES]).into())
}

pub(super) fn and(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    combine(call, |a, b| a & b)
}

pub(super) fn or(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    combine(call, |a, b| a | b).map(|_| 0)
}

pub(super) fn xor(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    combine(call, |a, b| a ^ b).map(|_| 0)
}

pub(super) fn copy(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let set = get(call, 1)?;
    put(call, 0, &set)?;
    Ok(0)
}

pub(super) fn equal(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    Ok((get(call, 0)? == get(call, 1)?).into())
}

pub(super) fn intersects(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let (a, b) = (get(call, 0)?, get(call, 1)?);
    Ok(a.iter().zip(&b).any(|(a, b)| a & b != 0).into())
}

pub(super) fn subset(_: &mut Core, call: &mut Call<'_>) -> Result<u64, HostFault> {
    let (a, b) = (get(call, 0)?, get(call, 1)?);
    Ok(a.iter().zip(&b).all(|(a, b)| a & !b == 0).into())
}
