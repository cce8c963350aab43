//! Maps, as programs see them.

use super::env::{Answer, Env, Stop, ret};
use crate::object::handle;
use skep_abi::helpers::func;
use skep_abi::{Errno, MapType};
use skep_maps::{Cursor, Cx, Displaced, Map, ObjRef, Side};
use skep_memory::{Arena, ObjectKind, Origin, Rights};
use skep_vm::{Continuation, HostFault, Outcome};

/// What changing a map costs, in units of one instruction: it may take new memory from the host.
const CHANGE_COST: u64 = 64;

/// How many bytes of a key that callbacks see cost as much as one instruction: they are new memory for each walk.
const KEY_BYTES_PER_CHARGE: u64 = 2;

pub(super) fn lookup_elem(env: &mut Env<'_, '_>) -> Answer {
    let map = &env.map(0)?.1.map;
    let key = env.key(1, map.spec().key_size as usize)?;
    match map.spec().kind {
        MapType::ArrayOfMaps | MapType::HashOfMaps => return ret(map.held(&key).map_or(0, handle)),
        MapType::Sockmap | MapType::Sockhash | MapType::ReuseportSockarray | MapType::Xskmap => {
            let socket = map.held(&key).and_then(|id| env.core.outside(id));
            return ret(socket.map_or(0, |it| it.addr));
        }
        _ => {}
    }
    let found = map.lookup_ptr(&env.core.cx(env.memory()), &key);
    env.charge_key(key.len());
    ret(found?.unwrap_or(0))
}

pub(super) fn lookup_percpu_elem(env: &mut Env<'_, '_>) -> Answer {
    let map = &env.map(0)?.1.map;
    let key = env.key(1, map.spec().key_size as usize)?;
    let found = map.lookup_percpu(&env.core.cx(env.memory()), &key, env.arg(2) as u32);
    env.charge_key(key.len());
    ret(found?.unwrap_or(0))
}

pub(super) fn update_elem(env: &mut Env<'_, '_>) -> Answer {
    let (id, object) = env.map(0)?;
    let (key_size, value_size) = (object.map.spec().key_size as usize, object.map.spec().value_size as usize);
    // A new element has a value for each CPU, and all of them are written.
    let copies = if object.map.spec().kind == MapType::PercpuHash { object.map.cpus() } else { 0 };
    let key = env.key(1, key_size)?;
    env.charge_key(key_size);
    env.charge_bytes(value_size as u64 * u64::from(copies));
    let value = env.read(2, value_size)?;
    let flags = env.arg(3);
    change(env, id, |map, cx| map.update(cx, &key, &value, flags, Side::Program))
}

pub(super) fn delete_elem(env: &mut Env<'_, '_>) -> Answer {
    let (id, object) = env.map(0)?;
    let key = env.key(1, object.map.spec().key_size as usize)?;
    env.charge_key(key.len());
    change(env, id, |map, cx| map.delete(cx, &key, Side::Program))
}

/// `bpf_map_push_elem(map, value, flags)`.
pub(super) fn push_elem(env: &mut Env<'_, '_>) -> Answer {
    let (id, size) = keyless(env, true)?;
    let value = env.read(1, size)?;
    let flags = env.arg(2);
    change(env, id, |map, _| map.push(&value, flags).map(|()| Displaced::NONE))
}

/// `bpf_map_pop_elem(map, value)`: the value is zeroed if there is none.
pub(super) fn pop_elem(env: &mut Env<'_, '_>) -> Answer {
    let (id, size) = keyless(env, false)?;
    env.check_write(1, size)?;
    env.call.charge(CHANGE_COST);
    let popped = env.core.objects.map_mut(id).ok_or(Errno::EINVAL)?.map.pop();
    give(env, popped, size)
}

/// `bpf_map_peek_elem(map, value)`: of a bloom filter, whether it has the value.
pub(super) fn peek_elem(env: &mut Env<'_, '_>) -> Answer {
    let (id, size) = keyless(env, true)?;
    let kind = env.map(0)?.1.map.spec().kind;
    if kind == MapType::BloomFilter {
        let value = env.read(1, size)?;
        env.core.objects.map(id).ok_or(Errno::EINVAL)?.map.contains(&value)?;
        return ret(0);
    }
    env.check_write(1, size)?;
    let cx = env.core.cx(env.memory());
    let next = env.core.objects.map(id).ok_or(Errno::EINVAL)?.map.peek(&cx);
    give(env, next, size)
}

/// The map of values without keys that the first argument is, and the size of its values.
fn keyless(env: &Env<'_, '_>, or_filter: bool) -> Result<(ObjRef, usize), Stop> {
    let (id, object) = env.map(0)?;
    let spec = object.map.spec();
    match spec.kind {
        MapType::Queue | MapType::Stack => {}
        MapType::BloomFilter if or_filter => {}
        _ => return Err(env.bad_arg(0, "is a map of a type that this helper does not take")),
    }
    Ok((id, spec.value_size as usize))
}

/// Writes a value that was found, or zeroes.
fn give(env: &mut Env<'_, '_>, found: Result<Vec<u8>, Errno>, size: usize) -> Answer {
    match found {
        Ok(value) => {
            env.write(1, &value)?;
            ret(0)
        }
        Err(errno) => {
            env.write(1, &vec![0; size])?;
            Err(errno.into())
        }
    }
}

/// Runs an operation that may take something out of a map.
fn change(
    env: &mut Env<'_, '_>,
    id: ObjRef,
    run: impl FnOnce(&mut Map, &Cx<'_>) -> Result<Displaced, Errno>,
) -> Answer {
    env.call.charge(CHANGE_COST);
    let cx = env.core.cx(env.memory());
    let object = env.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
    let displaced = run(&mut object.map, &cx)?;
    if !displaced.is_empty() {
        env.core.drop_displaced(displaced);
    }
    ret(0)
}

/// `bpf_for_each_map_elem` (`kernel/bpf/arraymap.c`, `hashtab.c`): calls back with map, key, value and context, until
/// the elements end or the callback returns something else than 0. Answers how many it was called for.
pub(super) fn for_each_elem(env: &mut Env<'_, '_>) -> Answer {
    let (id, object) = env.map(0)?;
    let (func, ctx, flags) = (env.arg(1), env.arg(2), env.arg(3));
    if flags != 0 {
        return Err(Errno::EINVAL.into());
    }
    let cursor =
        object.map.cursor().map_err(|_| env.bad_arg(0, "is a map of a type that cannot be walked"))?;
    let key_size = object.map.spec().key_size as usize;
    env.call.charge(CHANGE_COST + key_size as u64 / KEY_BYTES_PER_CHARGE);
    // The callback's key lies in memory of its own: the element may go while the callback looks at it.
    let origin = Origin::new(ObjectKind::KernelObject, "key of bpf_for_each_map_elem")
        .at(crate::state::Core::site(env.call));
    let key = env
        .memory()
        .alloc(Arena::Kernel, key_size, 8, Rights::RO, origin)
        .map_err(|error| Stop::Fault(HostFault::host_limit(error.to_string())))?;
    env.core.now.scratch.push(key);
    advance(env, Walk { map: id, func, ctx, cursor, key, count: 0 })
}

pub(super) fn for_each_next(env: &mut Env<'_, '_>, cont: Continuation, r0: u64) -> Answer {
    let walk = Walk::from_words(cont.state);
    if r0 != 0 { end(env, walk) } else { advance(env, walk) }
}

/// A walk under way.
struct Walk {
    map: ObjRef,
    func: u64,
    ctx: u64,
    cursor: Cursor,
    /// Where the callback finds its key.
    key: u64,
    /// Callbacks so far.
    count: u32,
}

impl Walk {
    fn to_words(&self) -> [u64; 6] {
        let [next, end] = self.cursor.to_words();
        [u64::from(self.map.0) | u64::from(self.count) << 32, self.func, self.ctx, next, end, self.key]
    }

    fn from_words([map_count, func, ctx, next, end, key]: [u64; 6]) -> Walk {
        let cursor = Cursor::from_words([next, end]);
        Walk { map: ObjRef(map_count as u32), func, ctx, cursor, key, count: (map_count >> 32) as u32 }
    }
}

fn advance(env: &mut Env<'_, '_>, mut walk: Walk) -> Answer {
    let memory = env.memory();
    let cx = env.core.cx(memory);
    let item = env.core.objects.map(walk.map).and_then(|it| it.map.advance(&cx, &mut walk.cursor));
    let Some(item) = item else { return end(env, walk) };
    let (value, key_size) = (item.value, item.key().len());
    let _ = memory.poke(walk.key, item.key());
    env.charge_key(key_size);
    walk.count += 1;
    Ok(Outcome::Callback {
        func: walk.func,
        args: [handle(walk.map), walk.key, value, walk.ctx, 0],
        cont: Continuation { id: func::for_each_map_elem, state: walk.to_words() },
    })
}

fn end(env: &mut Env<'_, '_>, walk: Walk) -> Answer {
    env.core.now.scratch.retain(|it| *it != walk.key);
    env.memory().free(walk.key);
    ret(u64::from(walk.count))
}
