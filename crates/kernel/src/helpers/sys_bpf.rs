//! `bpf_sys_bpf`: `bpf(2)` from a syscall program (`kernel/bpf/syscall.c`). What light skeletons do with maps is emulated.

use super::env::{Answer, Env, Stop, ret};
use crate::files::Fd;
use crate::object::{MapObject, Object};
use skep_abi::{Errno, MapType};
use skep_maps::{Access, Map, MapSpec, Side};
use skep_vm::HostFault;

const MAP_CREATE: u64 = 0;
const MAP_UPDATE_ELEM: u64 = 2;
const MAP_DELETE_ELEM: u64 = 3;
const MAP_FREEZE: u64 = 22;
/// PROG_LOAD, MAP_GET_FD_BY_ID, RAW_TRACEPOINT_OPEN, BTF_LOAD, LINK_CREATE: allowed, and not emulated.
const OTHERS: [u64; 5] = [5, 14, 17, 18, 28];

/// The most that an attribute union may be given as.
const MAX_SIZE: usize = 4096;
/// `sizeof(union bpf_attr)`.
const ATTR: usize = 168;
/// What changing a map costs, in units of one instruction.
const CHANGE_COST: u64 = 64;

/// The attributes of a command.
struct Attr([u8; ATTR]);

impl Attr {
    /// `bpf_check_uarg_tail_zero` and `CHECK_ATTR`: bytes that this kernel does not know are zero, and so are those behind
    /// the command's last field.
    fn read(env: &mut Env<'_, '_>, used: usize) -> Result<Attr, Stop> {
        let size = env.arg(2) as u32 as usize;
        if size > MAX_SIZE {
            return Err(Errno::E2BIG.into());
        }
        let given = env.read(1, size)?;
        let mut bytes = [0; ATTR];
        let known = size.min(ATTR);
        bytes[..known].copy_from_slice(&given[..known]);
        if given[known..].iter().any(|it| *it != 0) {
            return Err(Errno::E2BIG.into());
        }
        if bytes[used..].iter().any(|it| *it != 0) {
            return Err(Errno::EINVAL.into());
        }
        Ok(Attr(bytes))
    }

    fn word(&self, at: usize) -> u32 {
        self.0[at..at + 4].iter().rev().fold(0, |it, byte| it << 8 | u32::from(*byte))
    }

    fn long(&self, at: usize) -> u64 {
        u64::from(self.word(at)) | u64::from(self.word(at + 4)) << 32
    }
}

/// `bpf_sys_bpf(cmd, attr, attr_size)`.
pub(super) fn sys_bpf(env: &mut Env<'_, '_>) -> Answer {
    let command = env.arg(0) as u32 as u64;
    env.call.charge(CHANGE_COST);
    match command {
        MAP_CREATE => create(env),
        MAP_UPDATE_ELEM => update(env),
        MAP_DELETE_ELEM => delete(env),
        MAP_FREEZE => freeze(env),
        _ if OTHERS.contains(&command) => {
            Err(HostFault::not_emulated(format!("bpf_sys_bpf with command {command} is not emulated")).into())
        }
        _ => Err(Errno::EINVAL.into()),
    }
}

fn create(env: &mut Env<'_, '_>) -> Answer {
    let attr = Attr::read(env, 80)?;
    // Types of keys and values, devices and tokens.
    if [44, 48, 52, 56, 60, 72, 76].iter().any(|at| attr.word(*at) != 0) || attr.word(20) != 0 {
        let text = "bpf_sys_bpf: maps with types, inner maps or devices are not emulated";
        return Err(HostFault::not_emulated(text).into());
    }
    let kind = MapType::from_u32(attr.word(0)).ok_or(Errno::EINVAL)?;
    let name = &attr.0[28..44];
    let end = name.iter().position(|it| *it == 0).ok_or(Errno::EINVAL)?;
    let spec = MapSpec {
        flags: attr.word(16),
        numa_node: attr.word(24),
        name: String::from_utf8_lossy(&name[..end]).into_owned(),
        map_extra: attr.long(64),
        ..MapSpec::new(kind, attr.word(4), attr.word(8), attr.word(12))
    };
    env.core.room()?;
    let access = Access::of_flags(spec.flags);
    let map = Map::new(spec, &env.core.cx(env.memory())).map_err(|error| error.errno())?;
    let ring = map.ring().map(|it| it.pages());
    let id = env.core.objects.insert(Object::Map(Box::new(MapObject::new(map, None))));
    if let Some(base) = ring {
        env.core.rings.insert(base, id);
    }
    let Fd(fd) = env.core.files.open_with(id, access);
    ret(fd as u64)
}

/// The map that a command is about, if user space may change it and its elements are bytes.
fn writable(env: &Env<'_, '_>, attr: &Attr) -> Result<skep_maps::ObjRef, Stop> {
    use MapType::*;
    let id = env.core.map_of(Fd(attr.word(0) as i32))?;
    let object = env.core.objects.map(id).ok_or(Errno::EINVAL)?;
    let kind = object.map.spec().kind;
    let plain = [Array, PercpuArray, Hash, PercpuHash, LruHash, LruPercpuHash, LpmTrie, Queue, Stack];
    if !plain.contains(&kind) {
        let text = format!("bpf_sys_bpf: changing elements of {kind} maps is not emulated");
        return Err(HostFault::not_emulated(text).into());
    }
    let access = env.core.files.file(Fd(attr.word(0) as i32))?.access;
    if object.map.user_access(access).write { Ok(id) } else { Err(Errno::EPERM.into()) }
}

fn update(env: &mut Env<'_, '_>) -> Answer {
    let attr = Attr::read(env, 32)?;
    let id = writable(env, &attr)?;
    let object = env.core.objects.map(id).ok_or(Errno::EINVAL)?;
    let (key_len, value_len) = (object.map.spec().key_size as usize, object.map.user_value_size());
    let key = env.read_at(1, attr.long(8), key_len)?;
    let value = env.read_at(1, attr.long(16), value_len)?;
    change(env, id, |map, cx| map.update(cx, &key, &value, attr.long(24), Side::User))
}

fn delete(env: &mut Env<'_, '_>) -> Answer {
    let attr = Attr::read(env, 16)?;
    let id = writable(env, &attr)?;
    let key_len = env.core.objects.map(id).ok_or(Errno::EINVAL)?.map.spec().key_size as usize;
    let key = env.read_at(1, attr.long(8), key_len)?;
    change(env, id, |map, cx| map.delete(cx, &key, Side::User))
}

fn change(
    env: &mut Env<'_, '_>,
    id: skep_maps::ObjRef,
    run: impl FnOnce(&mut Map, &skep_maps::Cx<'_>) -> Result<skep_maps::Displaced, Errno>,
) -> Answer {
    let cx = env.core.cx(env.memory());
    let object = env.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
    let displaced = run(&mut object.map, &cx)?;
    if !displaced.is_empty() {
        env.core.drop_displaced(displaced);
    }
    ret(0)
}

fn freeze(env: &mut Env<'_, '_>) -> Answer {
    let attr = Attr::read(env, 4)?;
    let id = env.core.map_of(Fd(attr.word(0) as i32))?;
    let access = env.core.files.file(Fd(attr.word(0) as i32))?.access;
    let object = env.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
    if !object.map.spec().special.is_empty() {
        return Err(Errno::ENOTSUPP.into());
    }
    if !object.map.user_access(access).write {
        return Err(Errno::EPERM.into());
    }
    object.map.freeze()?;
    ret(0)
}
