//! Pages of arenas (`kernel/bpf/arena.c`). Pointers to them are those of user space.

use crate::helpers::env::{Answer, Env, Stop, ret};
use skep_maps::Arena;

/// What a page costs, in units of one instruction: it is zeroed.
const PAGE_COST: u64 = 256;

/// What keeping pages from being taken costs.
const RESERVE_COST: u64 = 64;

/// The arena that the first argument is.
fn arena<'e>(env: &'e mut Env<'_, '_>) -> Result<&'e mut Arena, Stop> {
    let id = env.map_ref(0)?;
    let refused = env.bad_arg(0, "is no ARENA map");
    let found = env.core.objects.map_mut(id).and_then(|it| it.map.arena_mut());
    found.ok_or(refused)
}

/// `bpf_arena_alloc_pages(map, addr, page_cnt, node_id, flags)`: the user address, or NULL.
pub(super) fn alloc_pages(env: &mut Env<'_, '_>) -> Answer {
    let (at, count, flags) = (env.arg(1), env.arg(2) as u32, env.arg(4));
    let memory = env.memory();
    let arena = arena(env)?;
    if flags != 0 || count == 0 {
        return ret(0);
    }
    let ranges = arena.ranges() as u64;
    let made = arena.alloc(memory, at, count);
    env.call.charge(ranges / 4);
    if made.is_some() {
        env.call.charge(PAGE_COST.saturating_mul(count.into()));
    }
    ret(made.unwrap_or(0))
}

/// `bpf_arena_free_pages(map, ptr, page_cnt)`.
pub(super) fn free_pages(env: &mut Env<'_, '_>) -> Answer {
    let (at, count) = (env.arg(1), env.arg(2) as u32);
    let memory = env.memory();
    let arena = arena(env)?;
    if count != 0 && at != 0 {
        let before = arena.present();
        arena.free(memory, at, count);
        let gone = before - arena.present();
        env.call.charge(PAGE_COST / 4 * gone as u64);
    }
    ret(0)
}

/// `bpf_arena_reserve_pages(map, ptr, page_cnt)`.
pub(super) fn reserve_pages(env: &mut Env<'_, '_>) -> Answer {
    let (at, count) = (env.arg(1), env.arg(2) as u32);
    env.call.charge(RESERVE_COST);
    arena(env)?.reserve(at, count)?;
    ret(0)
}
