//! Sets of CPUs (`kernel/bpf/cpumask.c`): bits in kernel memory. Programs get pointers to them and do not write to them.

use crate::helpers::env::{Answer, Env, Stop, ret};
use crate::report::over_limit;
use crate::state::Core;
use skep_abi::Errno;
use skep_memory::{Arena, ObjectKind, Origin, Rights};
use skep_vm::HostFault;

/// Bytes of a set: as many CPUs as a machine can have, and room for what counts its users.
const BYTES: usize = 32;
const SIZE: usize = BYTES + 8;

/// What making a set costs, in units of one instruction: a program may keep many.
const CREATE_COST: u64 = 600;

type Set = [u8; BYTES];

fn get(env: &Env<'_, '_>, index: usize) -> Result<Set, Stop> {
    let mut set = [0; BYTES];
    env.memory().peek(env.arg(index), &mut set).map_err(|fault| HostFault::access("a cpumask", fault))?;
    Ok(set)
}

fn put(env: &Env<'_, '_>, index: usize, set: &Set) -> Answer {
    env.memory().poke(env.arg(index), set).map_err(|fault| HostFault::access("a cpumask", fault))?;
    ret(0)
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

/// The first CPU that is in the set, or the number of CPUs.
fn first_of(core: &Core, set: &Set) -> Answer {
    let found = (0..core.cpus as usize).find(|cpu| is_in(set, *cpu));
    ret(found.unwrap_or(core.cpus as usize) as u64)
}

pub(super) fn create(env: &mut Env<'_, '_>) -> Answer {
    env.call.charge(CREATE_COST);
    let origin = Origin::new(ObjectKind::KernelObject, "bpf_cpumask").at(Core::site(env.call));
    match env.memory().alloc(Arena::Kernel, SIZE, 8, Rights::RO, origin) {
        Ok(addr) => {
            let _ = env.memory().poke_u64(addr + BYTES as u64, 1);
            ret(addr)
        }
        Err(error) => {
            let refused = env.memory().take_refused();
            let text = refused.map_or_else(|| error.to_string(), |refused| over_limit(&refused));
            Err(HostFault::host_limit(text).into())
        }
    }
}

/// How many hold the set that an argument is, and where that is written.
fn users(env: &Env<'_, '_>) -> Result<(u64, u64), Stop> {
    let at = env.arg(0).wrapping_add(BYTES as u64);
    let users = env.memory().peek_u64(at).map_err(|fault| HostFault::access("a cpumask", fault))?;
    Ok((at, users))
}

pub(super) fn acquire(env: &mut Env<'_, '_>) -> Answer {
    let (at, users) = users(env)?;
    let _ = env.memory().poke_u64(at, users.wrapping_add(1));
    ret(env.arg(0))
}

pub(super) fn release(env: &mut Env<'_, '_>) -> Answer {
    let (at, users) = users(env)?;
    match users {
        0 | 1 => {
            env.memory().free_at(env.arg(0), Some(Core::site(env.call)));
        }
        more => {
            let _ = env.memory().poke_u64(at, more - 1);
        }
    }
    ret(0)
}

/// Sets or clears a CPU, and says whether it was set.
fn change(env: &Env<'_, '_>, set_it: bool) -> Result<u64, Stop> {
    let Some((at, bit)) = bit(env.core, env.arg(0)) else { return Ok(0) };
    let mut set = get(env, 1)?;
    let before = set[at] & bit != 0;
    set[at] = if set_it { set[at] | bit } else { set[at] & !bit };
    put(env, 1, &set)?;
    Ok(before.into())
}

pub(super) fn set_cpu(env: &mut Env<'_, '_>) -> Answer {
    change(env, true)?;
    ret(0)
}

pub(super) fn clear_cpu(env: &mut Env<'_, '_>) -> Answer {
    change(env, false)?;
    ret(0)
}

pub(super) fn test_and_set_cpu(env: &mut Env<'_, '_>) -> Answer {
    ret(change(env, true)?)
}

pub(super) fn test_and_clear_cpu(env: &mut Env<'_, '_>) -> Answer {
    ret(change(env, false)?)
}

pub(super) fn test_cpu(env: &mut Env<'_, '_>) -> Answer {
    let Some((at, bit)) = bit(env.core, env.arg(0)) else { return ret(0) };
    ret((get(env, 1)?[at] & bit != 0).into())
}

pub(super) fn setall(env: &mut Env<'_, '_>) -> Answer {
    put(env, 0, &all(env.core))
}

pub(super) fn clear(env: &mut Env<'_, '_>) -> Answer {
    put(env, 0, &[0; BYTES])
}

pub(super) fn first(env: &mut Env<'_, '_>) -> Answer {
    first_of(env.core, &get(env, 0)?)
}

pub(super) fn first_zero(env: &mut Env<'_, '_>) -> Answer {
    first_of(env.core, &get(env, 0)?.map(|byte| !byte))
}

pub(super) fn first_and(env: &mut Env<'_, '_>) -> Answer {
    let (a, b) = (get(env, 0)?, get(env, 1)?);
    first_of(env.core, &merged(&a, &b, |a, b| a & b))
}

pub(super) fn empty(env: &mut Env<'_, '_>) -> Answer {
    ret((get(env, 0)? == [0; BYTES]).into())
}

pub(super) fn full(env: &mut Env<'_, '_>) -> Answer {
    ret((get(env, 0)? == all(env.core)).into())
}

pub(super) fn weight(env: &mut Env<'_, '_>) -> Answer {
    ret(get(env, 0)?.iter().map(|it| u64::from(it.count_ones())).sum())
}

fn merged(a: &Set, b: &Set, with: impl Fn(u8, u8) -> u8) -> Set {
    let mut set = [0; BYTES];
    set.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = with(*a, *b));
    set
}

/// Combines two sets into a third, and says whether anything is in it.
fn combine(env: &Env<'_, '_>, with: impl Fn(u8, u8) -> u8) -> Result<bool, Stop> {
    let set = merged(&get(env, 1)?, &get(env, 2)?, with);
    put(env, 0, &set)?;
    Ok(set != [0; BYTES])
}

pub(super) fn and(env: &mut Env<'_, '_>) -> Answer {
    ret(combine(env, |a, b| a & b)?.into())
}

pub(super) fn or(env: &mut Env<'_, '_>) -> Answer {
    combine(env, |a, b| a | b)?;
    ret(0)
}

pub(super) fn xor(env: &mut Env<'_, '_>) -> Answer {
    combine(env, |a, b| a ^ b)?;
    ret(0)
}

pub(super) fn copy(env: &mut Env<'_, '_>) -> Answer {
    let set = get(env, 1)?;
    put(env, 0, &set)
}

pub(super) fn equal(env: &mut Env<'_, '_>) -> Answer {
    ret((get(env, 0)? == get(env, 1)?).into())
}

pub(super) fn intersects(env: &mut Env<'_, '_>) -> Answer {
    let (a, b) = (get(env, 0)?, get(env, 1)?);
    ret(a.iter().zip(&b).any(|(a, b)| a & b != 0).into())
}

pub(super) fn subset(env: &mut Env<'_, '_>) -> Answer {
    let (a, b) = (get(env, 0)?, get(env, 1)?);
    ret(a.iter().zip(&b).all(|(a, b)| a & !b == 0).into())
}

/// The next CPU of a set after the last one that was given so, round and round (`cpumask_any_distribute`).
fn distribute(env: &mut Env<'_, '_>, set: &Set) -> Answer {
    let cpus = env.core.cpus as usize;
    let last = env.core.last_distributed;
    let found = (1..=cpus).map(|step| (last + step) % cpus).find(|cpu| is_in(set, *cpu));
    env.core.last_distributed = found.unwrap_or(last);
    ret(found.unwrap_or(cpus) as u64)
}

pub(super) fn any_distribute(env: &mut Env<'_, '_>) -> Answer {
    let set = get(env, 0)?;
    distribute(env, &set)
}

pub(super) fn any_and_distribute(env: &mut Env<'_, '_>) -> Answer {
    let set = merged(&get(env, 0)?, &get(env, 1)?, |a, b| a & b);
    distribute(env, &set)
}

/// `bpf_cpumask_populate(cpumask, src, src__sz)`: bits of the program's own, as many as there are CPUs at least.
pub(super) fn populate(env: &mut Env<'_, '_>) -> Answer {
    let (src, size) = (env.arg(1), env.arg(2) as usize);
    let needed = (env.core.cpus as usize).div_ceil(64) * 8;
    if size < needed {
        return Err(Errno::EACCES.into());
    }
    if !src.is_multiple_of(8) {
        return Err(Errno::EINVAL.into());
    }
    let bytes = env.read(1, size)?;
    let mut set = [0; BYTES];
    let len = needed.min(BYTES);
    set[..len].copy_from_slice(&bytes[..len]);
    put(env, 0, &merged(&set, &all(env.core), |a, b| a & b))
}
