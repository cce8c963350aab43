//! Local storage: a value for a socket, task, inode or cgroup (`kernel/bpf/bpf_*_storage.c`, `net/core/bpf_sk_storage.c`),
//! and for the cgroup that a program is attached to (`bpf_get_local_storage`).

use super::env::{Answer, Env, Stop, ret};
use skep_abi::flags::{BPF_LOCAL_STORAGE_GET_F_CREATE, BPF_NOEXIST};
use skep_abi::{Errno, MapType};
use skep_maps::ObjRef;

pub(super) fn sk_get(env: &mut Env<'_, '_>) -> Answer {
    get(env, MapType::SkStorage)
}

pub(super) fn sk_delete(env: &mut Env<'_, '_>) -> Answer {
    delete(env, MapType::SkStorage)
}

pub(super) fn inode_get(env: &mut Env<'_, '_>) -> Answer {
    get(env, MapType::InodeStorage)
}

pub(super) fn inode_delete(env: &mut Env<'_, '_>) -> Answer {
    delete(env, MapType::InodeStorage)
}

pub(super) fn task_get(env: &mut Env<'_, '_>) -> Answer {
    get(env, MapType::TaskStorage)
}

pub(super) fn task_delete(env: &mut Env<'_, '_>) -> Answer {
    delete(env, MapType::TaskStorage)
}

pub(super) fn cgrp_get(env: &mut Env<'_, '_>) -> Answer {
    get(env, MapType::CgrpStorage)
}

pub(super) fn cgrp_delete(env: &mut Env<'_, '_>) -> Answer {
    delete(env, MapType::CgrpStorage)
}

/// The map that the first argument is, if it is of the type that the helper works on.
fn storage(env: &Env<'_, '_>, kinds: &[MapType]) -> Result<ObjRef, Stop> {
    let (id, object) = env.map(0)?;
    if kinds.contains(&object.map.spec().kind) {
        Ok(id)
    } else {
        Err(env.bad_arg(0, "is a map of a type that this helper does not take"))
    }
}

/// The owner's value; with `BPF_LOCAL_STORAGE_GET_F_CREATE`, made if there is none, from the third argument if it is not
/// NULL. NULL for unknown flags, for a NULL owner, and where there is no room.
fn get(env: &mut Env<'_, '_>, kind: MapType) -> Answer {
    let id = storage(env, &[kind])?;
    let (owner, value, flags) = (env.arg(1), env.arg(2), env.arg(3));
    if owner == 0 || flags & !BPF_LOCAL_STORAGE_GET_F_CREATE != 0 {
        return ret(0);
    }
    let map = &env.core.objects.map(id).ok_or(Errno::EINVAL)?.map;
    if let Some(addr) = map.local()?.get(owner) {
        return ret(addr);
    }
    if flags & BPF_LOCAL_STORAGE_GET_F_CREATE == 0 {
        return ret(0);
    }
    let size = map.spec().value_size as usize;
    let first = if value == 0 { None } else { Some(env.read(2, size)?) };
    let cx = env.core.cx(env.memory());
    let object = env.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
    match object.map.own(&cx, owner, first.as_deref(), BPF_NOEXIST) {
        Ok((addr, displaced)) => {
            env.core.drop_displaced(displaced);
            ret(addr)
        }
        Err(_) => ret(0),
    }
}

/// Takes the owner's value away: `EINVAL` for a NULL owner, `ENOENT` if it has none.
fn delete(env: &mut Env<'_, '_>, kind: MapType) -> Answer {
    let id = storage(env, &[kind])?;
    let owner = env.arg(1);
    if owner == 0 {
        return Err(Errno::EINVAL.into());
    }
    let cx = env.core.cx(env.memory());
    let displaced = env.core.objects.map_mut(id).ok_or(Errno::EINVAL)?.map.disown(&cx, owner)?;
    env.core.drop_displaced(displaced);
    ret(0)
}

/// `bpf_get_local_storage(map, flags)`: the value of the cgroup that the program is attached to, here that of the
/// current task.
pub(super) fn local(env: &mut Env<'_, '_>) -> Answer {
    let id = storage(env, &[MapType::CgroupStorage, MapType::PercpuCgroupStorage])?;
    if env.arg(1) != 0 {
        return Err(env.bad_arg(1, "are flags, of which there are none"));
    }
    let cgroup = env.core.task.cgroups.last().copied().unwrap_or(1);
    let prog = ObjRef(env.call.program().tag() as u32);
    let attach_type = env.core.objects.prog(prog).map_or(0, |it| it.info.expected_attach_type);
    let cx = env.core.cx(env.memory());
    let object = env.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
    ret(object.map.attach_cgroup(&cx, cgroup, attach_type)?)
}
