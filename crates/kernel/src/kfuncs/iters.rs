//! Open-coded iterators over what the machine has (`kernel/bpf/task_iter.c`, `cgroup_iter.c`, `helpers.c`): tasks, the
//! areas of an address space, cgroups and the tasks in them, bits.
//!
//! What there is to go over is written down when the iterator is made: in kernel memory, whose address is all that the
//! iterator in the program's stack holds. It goes with the iterator, or when the program ends.

use super::task::scene;
use crate::helpers::env::{Answer, Env, Stop, ret};
use crate::probe::read_kernel;
use crate::report::over_limit;
use crate::state::Core;
use crate::world::Scene;
use skep_abi::Errno;
use skep_memory::{Arena, ObjectKind, Origin, Rights};
use skep_vm::HostFault;

/// Bytes before the items: how many there are, and which is next.
const HEAD: u64 = 16;

/// What making an iterator costs, in units of one instruction: a program may make many.
const START_COST: u64 = 600;

/// `BPF_TASK_ITER_*`.
const ALL_PROCS: u32 = 0;
const ALL_THREADS: u32 = 1;
const PROC_THREADS: u32 = 2;
/// `BPF_CGROUP_ITER_*`.
const DESCENDANTS_PRE: u32 = 2;
const DESCENDANTS_POST: u32 = 3;
const ANCESTORS_UP: u32 = 4;
/// `CSS_TASK_ITER_PROCS` and `CSS_TASK_ITER_THREADED`.
const PROCS: u32 = 1;
const THREADED: u32 = 2;
/// `BITS_ITER_NR_WORDS_MAX`.
const WORDS_MAX: u32 = 511;

/// Leaves an iterator that is empty from the start.
fn refuse(env: &mut Env<'_, '_>, errno: Errno) -> Answer {
    env.write(0, &[0; 8])?;
    Err(errno.into())
}

/// Makes an iterator over numbers.
fn start(env: &mut Env<'_, '_>, name: &str, items: &[u64]) -> Answer {
    env.check_write(0, 8)?;
    env.call.charge(START_COST + items.len() as u64);
    let (memory, len) = (env.memory(), HEAD as usize + 8 * items.len());
    let origin = Origin::new(ObjectKind::KernelObject, name).at(Core::site(env.call));
    let addr = memory.alloc(Arena::Kernel, len, 8, Rights::RO, origin).map_err(|error| {
        let refused = memory.take_refused();
        HostFault::host_limit(refused.map_or_else(|| error.to_string(), |refused| over_limit(&refused)))
    })?;
    let words = [items.len() as u64, 0].into_iter().chain(items.iter().copied());
    let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
    let _ = memory.poke(addr, &bytes);
    env.core.now.scratch.push(addr);
    env.write(0, &addr.to_le_bytes())?;
    ret(0)
}

/// What an iterator holds; `None`: nothing.
fn list(env: &mut Env<'_, '_>) -> Result<Option<u64>, Stop> {
    let bytes = env.read(0, 8)?;
    let addr = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    // The one that was made last is found first; a program that makes many pays for looking.
    env.call.charge(env.core.now.scratch.len() as u64 / 8);
    match addr {
        0 => Ok(None),
        addr if env.core.now.scratch.contains(&addr) => Ok(Some(addr)),
        _ => Err(env.bad_arg(0, "is no iterator that was made")),
    }
}

/// The place of the next item.
fn advance(env: &mut Env<'_, '_>) -> Result<Option<u64>, Stop> {
    let Some(addr) = list(env)? else { return Ok(None) };
    let memory = env.memory();
    let word = |at| memory.peek_u64(at).unwrap_or(0);
    let (count, next) = (word(addr), word(addr + 8));
    if next >= count {
        return Ok(None);
    }
    let _ = memory.poke_u64(addr + 8, next + 1);
    env.call.charge(1);
    Ok(Some(addr + HEAD + 8 * next))
}

/// The next item, which is an address, or NULL.
pub(super) fn next(env: &mut Env<'_, '_>) -> Answer {
    let found = advance(env)?;
    ret(found.map_or(0, |at| env.memory().peek_u64(at).unwrap_or(0)))
}

/// The address of the next item, which is a number, or NULL.
pub(super) fn next_number(env: &mut Env<'_, '_>) -> Answer {
    ret(advance(env)?.unwrap_or(0))
}

pub(super) fn destroy(env: &mut Env<'_, '_>) -> Answer {
    if let Some(addr) = list(env)? {
        env.core.now.scratch.retain(|it| *it != addr);
        env.memory().free_at(addr, Some(Core::site(env.call)));
        env.write(0, &[0; 8])?;
    }
    ret(0)
}

/// `bpf_iter_bits_new(it, unsafe_ptr, nr_words)`: the numbers of the bits that are set.
pub(super) fn bits_new(env: &mut Env<'_, '_>) -> Answer {
    let (from, words) = (env.arg(1), env.arg(2) as u32);
    if from == 0 || words == 0 {
        return refuse(env, Errno::EINVAL);
    }
    if words > WORDS_MAX {
        return refuse(env, Errno::E2BIG);
    }
    let mut bytes = vec![0; 8 * words as usize];
    if read_kernel(env.memory(), from, &mut bytes).is_err() {
        return refuse(env, Errno::EFAULT);
    }
    let is_set = |bit: &u64| bytes[(bit / 8) as usize] & 1 << (bit % 8) != 0;
    let set: Vec<u64> = (0..8 * bytes.len() as u64).filter(is_set).collect();
    env.call.charge(words.into());
    start(env, "bits of an iterator", &set)
}

/// The threads of a task's process, its first one at the start; where the task is no process, it alone.
fn threads(scene: &mut Scene<'_>, task: u64) -> Vec<u64> {
    let mut tgid = |task| scene.get_if(task, "task_struct", "tgid");
    let own = tgid(task);
    let all: Vec<u64> = scene.world.tasks.values().copied().collect();
    let mut tgid = |task| scene.get_if(task, "task_struct", "tgid");
    let mut found: Vec<u64> = all.into_iter().filter(|it| *it != task && tgid(*it) == own).collect();
    found.insert(0, task);
    found
}

/// All tasks: the idle task of the first CPU, then processes by their numbers, or all threads.
fn all_tasks(scene: &mut Scene<'_>, threads: bool) -> Vec<u64> {
    let idle = scene.task_of(0).ok().flatten();
    // The first process is there even if nobody looked for it.
    let first = scene.task_of(1).ok().flatten();
    let others: Vec<u64> = scene.world.tasks.values().copied().filter(|it| Some(*it) != first).collect();
    let mut tasks: Vec<u64> = idle.into_iter().chain(first).chain(others).collect();
    if !threads {
        let mut word = |task, field| scene.get_if(task, "task_struct", field);
        tasks.retain(|task| word(*task, "pid") == word(*task, "tgid"));
    }
    tasks
}

/// `bpf_iter_task_new(it, task, flags)`.
pub(super) fn task_new(env: &mut Env<'_, '_>) -> Answer {
    let (task, flags) = (env.arg(1), env.arg(2) as u32);
    if flags > PROC_THREADS || (flags == PROC_THREADS && task == 0) {
        return refuse(env, Errno::EINVAL);
    }
    let mut scene = scene(env)?;
    let tasks = match flags {
        ALL_PROCS => all_tasks(&mut scene, false),
        ALL_THREADS => all_tasks(&mut scene, true),
        _ => threads(&mut scene, task),
    };
    start(env, "tasks of an iterator", &tasks)
}

/// `bpf_iter_task_vma_new(it, task, addr)`: the areas from an address on.
pub(super) fn vma_new(env: &mut Env<'_, '_>) -> Answer {
    let (task, addr) = (env.arg(1), env.arg(2));
    let fields = env.fields()?;
    let Some(mm) = fields.word(task, "task_struct", "mm").filter(|it| *it != 0) else {
        return refuse(env, Errno::ENOENT);
    };
    let areas = fields.type_id("vm_area_struct").map(|id| env.core.world.all_of(id)).unwrap_or_default();
    let word = |area: u64, field| fields.word(area, "vm_area_struct", field).unwrap_or(0);
    let mut areas: Vec<u64> =
        areas.into_iter().filter(|it| word(*it, "vm_mm") == mm && word(*it, "vm_end") > addr).collect();
    areas.sort_by_key(|it| word(*it, "vm_start"));
    start(env, "areas of an iterator", &areas)
}

/// The state of a cgroup for the controllers, which is all that there is of them here.
fn css_of(scene: &mut Scene<'_>, cgroup: u64) -> u64 {
    scene.spot_if(cgroup, "cgroup", "self").ok().flatten().unwrap_or(0)
}

/// What is below a state, itself included; `post`: what is below comes first.
fn descend(css: u64, links: &[(u64, u64)], post: bool, depth: usize, out: &mut Vec<u64>) {
    /// A hierarchy is no deeper.
    const MAX_DEPTH: usize = 256;
    if !post {
        out.push(css);
    }
    for (child, _) in links.iter().filter(|it| it.1 == css && depth < MAX_DEPTH) {
        descend(*child, links, post, depth + 1, out);
    }
    if post {
        out.push(css);
    }
}

/// `bpf_iter_css_new(it, start, flags)`.
pub(super) fn css_new(env: &mut Env<'_, '_>) -> Answer {
    let (from, flags) = (env.arg(1), env.arg(2) as u32);
    if !(DESCENDANTS_PRE..=ANCESTORS_UP).contains(&flags) {
        return refuse(env, Errno::EINVAL);
    }
    let mut scene = scene(env)?;
    let cgroups = scene.all_cgroups();
    let mut links = Vec::new();
    for cgroup in cgroups {
        let parent = scene.get_if(cgroup, "cgroup", "self.parent").unwrap_or(0);
        links.push((css_of(&mut scene, cgroup), parent));
    }
    let mut found = Vec::new();
    if flags == ANCESTORS_UP {
        let mut at = from;
        while at != 0 && found.len() <= links.len() {
            found.push(at);
            at = links.iter().find(|it| it.0 == at).map_or(0, |it| it.1);
        }
    } else {
        descend(from, &links, flags == DESCENDANTS_POST, 0, &mut found);
    }
    start(env, "cgroups of an iterator", &found)
}

/// `bpf_iter_css_task_new(it, css, flags)`: the tasks of a cgroup, all threads or processes alone.
pub(super) fn css_task_new(env: &mut Env<'_, '_>) -> Answer {
    let (css, flags) = (env.arg(1), env.arg(2) as u32);
    if !matches!(flags, 0 | PROCS) && flags != (PROCS | THREADED) {
        return refuse(env, Errno::EINVAL);
    }
    let mut scene = scene(env)?;
    let mut found = Vec::new();
    for task in all_tasks(&mut scene, flags & PROCS == 0) {
        let cgroup = scene.get_if(task, "task_struct", "cgroups.dfl_cgrp").unwrap_or(0);
        // The idle tasks are in no cgroup's list.
        let idle = scene.get_if(task, "task_struct", "pid") == Some(0);
        if cgroup != 0 && !idle && css_of(&mut scene, cgroup) == css {
            found.push(task);
        }
    }
    start(env, "tasks of an iterator", &found)
}
