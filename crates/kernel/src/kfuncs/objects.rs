//! Objects of programs, in lists and trees (`kernel/bpf/helpers.c`).
//!
//! What the verifier puts into the last arguments of the `_impl` functions is found out here: the type from the program's
//! own types, the object from the address of the node that is in it.

use crate::helpers::env::{Answer, Env, Stop, ret};
use crate::owned::{End, Object};
use crate::report::over_limit;
use crate::special::special_fields;
use crate::state::Core;
use skep_abi::Errno;
use skep_btf::{Kind, TypeId};
use skep_maps::{ObjRef, SpecialField};
use skep_memory::{Arena, NoMemory, ObjectKind, Origin, Rights};
use skep_vm::{Continuation, HostFault, Outcome};
use std::sync::Arc;

/// What making an object costs, in units of one instruction, beside its bytes.
const NEW_COST: u64 = 200;
const BYTES_PER_CHARGE: u64 = 16;
/// The largest object of the allocator (`bpf_mem_alloc`), and the largest of which there is one for each CPU
/// (`BPF_GLOBAL_PERCPU_MA_MAX_SIZE`).
const LARGEST: u64 = 4096 - 8;
const LARGEST_PERCPU: u64 = 512;
/// `struct bpf_list_node` and `struct bpf_rb_node`; their heads are of 16 bytes both.
const LIST_NODE: u64 = 24;
const RB_NODE: u64 = 32;
const HEAD: usize = 16;
/// What a comparison in a tree costs, and a change of it.
const COMPARE_COST: u64 = 8;
const CHANGE_COST: u64 = 48;
/// Trees are no deeper: twice as deep as one of all addresses would be.
const DEEPEST: u64 = 128;

/// A type of the program's, by its id: name, size, what the kernel manages in it.
fn described(env: &Env<'_, '_>) -> Result<(String, u64, Arc<[SpecialField]>), Stop> {
    let prog = env.core.objects.prog(ObjRef(env.call.program().tag() as u32));
    let Some(btf) = prog.and_then(|it| it.info.btf.clone()) else {
        return Err(env.bad_arg(0, "names a type, and the program was loaded without types"));
    };
    let id = TypeId(env.arg(0) as u32);
    let is_struct = btf.resolved(id).is_some_and(|it| it.kind() == Kind::Struct);
    match btf.size_of(id) {
        Ok(size) if is_struct => {
            let name = btf.name(btf.resolve(id)).to_owned();
            Ok((name, size, special_fields(&btf, id).into()))
        }
        _ => Err(env.bad_arg(0, "is no struct of the program's types")),
    }
}

/// NULL where there is no room for an object; the limit of this machine stops the program.
fn no_room(env: &Env<'_, '_>, _: NoMemory) -> Answer {
    match env.memory().take_refused() {
        Some(refused) => Err(HostFault::host_limit(over_limit(&refused)).into()),
        None => ret(0),
    }
}

/// `bpf_obj_new_impl(local_type_id, meta)`: an object of zeroes.
pub(super) fn new(env: &mut Env<'_, '_>) -> Answer {
    let (name, size, fields) = described(env)?;
    env.call.charge(NEW_COST + size / BYTES_PER_CHARGE);
    if size > LARGEST {
        return ret(0);
    }
    let site = Core::site(env.call);
    let origin = Origin::new(ObjectKind::KernelObject, name).at(site);
    let addr = match env.memory().alloc(Arena::Kernel, size as usize, 8, Rights::RW, origin) {
        Ok(addr) => addr,
        Err(error) => return no_room(env, error),
    };
    for field in fields.iter().filter(|it| it.kind == skep_maps::SpecialKind::Refcount) {
        let _ = env.memory().poke_u32(addr + u64::from(field.offset), 1);
    }
    kept(env, addr, Object::new(size, None, fields, site))
}

/// `bpf_percpu_obj_new_impl(local_type_id, meta)`: one for each CPU, for `bpf_this_cpu_ptr` and `bpf_per_cpu_ptr`.
pub(super) fn percpu_new(env: &mut Env<'_, '_>) -> Answer {
    let (name, size, fields) = described(env)?;
    let (cpus, stride) = (u64::from(env.core.cpus), size.next_multiple_of(8).max(8));
    env.call.charge(NEW_COST * cpus + cpus * size / BYTES_PER_CHARGE);
    if size > LARGEST_PERCPU {
        return ret(0);
    }
    let (site, memory) = (Core::site(env.call), env.memory());
    let origin = Origin::new(ObjectKind::KernelObject, name.as_str()).at(site);
    // The address of all is that of none.
    let len = stride * (cpus + 1);
    let addr = match memory.alloc(Arena::Kernel, len as usize, 8, Rights::NONE, origin) {
        Ok(addr) => addr,
        Err(error) => return no_room(env, error),
    };
    for cpu in 0..cpus {
        let origin = Origin::new(ObjectKind::KernelObject, format!("{name} of CPU {cpu}")).at(site);
        memory.carve(addr + stride * (cpu + 1), size as usize, Rights::RW, origin);
    }
    kept(env, addr, Object::new(size, Some(stride), fields, site))
}

/// Adds an object to those that there are.
fn kept(env: &mut Env<'_, '_>, addr: u64, object: Object) -> Answer {
    let memory = env.memory();
    if env.core.owned.add(memory, addr, object) {
        return ret(addr);
    }
    // The limit says so: the program ends with it.
    memory.free(addr);
    ret(0)
}

/// The object that an argument is.
fn object(env: &Env<'_, '_>, percpu: bool) -> Result<u64, Stop> {
    let addr = env.arg(0);
    match env.core.owned.at(addr) {
        Some(object) if object.stride.is_some() == percpu => Ok(addr),
        _ => Err(env.bad_arg(0, "is no object that was made and not dropped")),
    }
}

fn dropped(env: &mut Env<'_, '_>, percpu: bool) -> Answer {
    let (addr, site, memory) = (object(env, percpu)?, Core::site(env.call), env.memory());
    env.core.owned.give(addr);
    env.core.owned.drop_ref(memory, addr, Some(site));
    ret(0)
}

/// `bpf_obj_drop_impl(p, meta)`: one reference less, and the object with the last one, with all that it holds.
pub(super) fn drop(env: &mut Env<'_, '_>) -> Answer {
    dropped(env, false)
}

/// `bpf_percpu_obj_drop_impl(p, meta)`.
pub(super) fn percpu_drop(env: &mut Env<'_, '_>) -> Answer {
    dropped(env, true)
}

/// `bpf_refcount_acquire_impl(p, meta)`: the object, once more.
pub(super) fn acquire(env: &mut Env<'_, '_>) -> Answer {
    let (addr, site) = (object(env, false)?, Core::site(env.call));
    match env.core.owned.acquire(addr, site) {
        true => ret(addr),
        false => Err(env.bad_arg(0, "is an object without a struct bpf_refcount")),
    }
}

/// The head that the first argument is, and the node that another is, with the object around it.
fn node(env: &mut Env<'_, '_>, index: usize, len: u64) -> Result<(u64, u64), Stop> {
    env.check_write(0, HEAD)?;
    let node = env.arg(index);
    match env.core.owned.around(node, len) {
        Some(object) => Ok((node, object)),
        None => Err(env.bad_arg(index, "is no node of an object that was made and not dropped")),
    }
}

/// A node that is in something already is not put anywhere: the reference that was to go there is dropped.
fn refused(env: &mut Env<'_, '_>, object: u64) -> Answer {
    let (site, memory) = (Core::site(env.call), env.memory());
    env.core.owned.give(object);
    env.core.owned.drop_ref(memory, object, Some(site));
    Err(Errno::EINVAL.into())
}

fn push(env: &mut Env<'_, '_>, end: End) -> Answer {
    let head = env.arg(0);
    let (node, object) = node(env, 1, LIST_NODE)?;
    if env.core.owned.head_of(node).is_some() {
        return refused(env, object);
    }
    let memory = env.memory();
    env.core.owned.push(memory, head, node, end);
    env.core.owned.give(object);
    ret(0)
}

/// `bpf_list_push_front_impl(head, node, meta, off)`.
pub(super) fn push_front(env: &mut Env<'_, '_>) -> Answer {
    push(env, End::Front)
}

/// `bpf_list_push_back_impl(head, node, meta, off)`.
pub(super) fn push_back(env: &mut Env<'_, '_>) -> Answer {
    push(env, End::Back)
}

/// The program has the object around a node that left what it was in.
fn taken(env: &mut Env<'_, '_>, node: u64) -> Answer {
    let site = Core::site(env.call);
    if let Some(object) = env.core.owned.around(node, 1) {
        env.core.owned.take(object, site);
    }
    ret(node)
}

fn pop(env: &mut Env<'_, '_>, end: End) -> Answer {
    env.check_write(0, HEAD)?;
    let (head, memory) = (env.arg(0), env.memory());
    match env.core.owned.pop(memory, head, end) {
        Some(node) => taken(env, node),
        None => ret(0),
    }
}

/// `bpf_list_pop_front(head)`: the node, or NULL.
pub(super) fn pop_front(env: &mut Env<'_, '_>) -> Answer {
    pop(env, End::Front)
}

/// `bpf_list_pop_back(head)`.
pub(super) fn pop_back(env: &mut Env<'_, '_>) -> Answer {
    pop(env, End::Back)
}

/// `bpf_list_front(head)`: the node, which stays where it is, or NULL.
pub(super) fn front(env: &mut Env<'_, '_>) -> Answer {
    env.check_write(0, HEAD)?;
    ret(env.core.owned.end(env.arg(0), End::Front).unwrap_or(0))
}

/// `bpf_list_back(head)`.
pub(super) fn back(env: &mut Env<'_, '_>) -> Answer {
    env.check_write(0, HEAD)?;
    ret(env.core.owned.end(env.arg(0), End::Back).unwrap_or(0))
}

/// The way down a tree to where a node belongs: asks the program whether it comes before the next one.
///
/// The state of the continuation: the head, the node, the parent that was compared with last, how deep that is, and the
/// program's function.
fn compare(head: u64, node: u64, with: u64, depth: u64, less: u64) -> Answer {
    let state = [head, node, with, depth, less, 0];
    let args = [node, with, 0, 0, 0];
    Ok(Outcome::Callback { func: less, args, cont: Continuation { id: 0, state } })
}

/// `bpf_rbtree_add_impl(root, node, less, meta, off)`.
pub(super) fn rbtree_add(env: &mut Env<'_, '_>) -> Answer {
    let (head, less) = (env.arg(0), env.arg(2));
    let (node, object) = node(env, 1, RB_NODE)?;
    if env.core.owned.head_of(node).is_some() {
        return refused(env, object);
    }
    match env.core.owned.root(head) {
        Some((root, _)) => compare(head, node, root, 0, less),
        None => insert(env, head, node, None),
    }
}

/// Goes on when the program's function said whether the node is less.
pub(super) fn rbtree_added(env: &mut Env<'_, '_>, cont: Continuation, r0: u64) -> Answer {
    let [head, node, parent, depth, less, _] = cont.state;
    env.call.charge(COMPARE_COST);
    // `bool`, as the kernel calls it.
    let left = r0 as u8 != 0;
    // The function may have done anything to the tree, though no verified one does.
    let gone = env.core.owned.head_of(parent) != Some(head) || env.core.owned.head_of(node).is_some();
    if gone || depth > DEEPEST || env.core.owned.around(node, RB_NODE).is_none() {
        let text = "bpf_rbtree_add: the less function changed the tree or the node that it was asked about";
        return Err(HostFault::program(text).into());
    }
    match env.core.owned.below(parent, left) {
        Some(next) => compare(head, node, next, depth + 1, less),
        None => insert(env, head, node, Some((parent, left))),
    }
}

fn insert(env: &mut Env<'_, '_>, head: u64, node: u64, parent: Option<(u64, bool)>) -> Answer {
    let memory = env.memory();
    env.call.charge(CHANGE_COST);
    env.core.owned.insert(memory, head, node, parent);
    if let Some(object) = env.core.owned.around(node, RB_NODE) {
        env.core.owned.give(object);
    }
    ret(0)
}

/// `bpf_rbtree_remove(root, node)`: the node, or NULL if it is not in this tree.
pub(super) fn rbtree_remove(env: &mut Env<'_, '_>) -> Answer {
    let (head, memory) = (env.arg(0), env.memory());
    let (node, _) = node(env, 1, RB_NODE)?;
    if env.core.owned.head_of(node) != Some(head) || env.core.owned.root(head).is_none() {
        return ret(0);
    }
    env.call.charge(CHANGE_COST);
    env.core.owned.remove(memory, head, node);
    taken(env, node)
}

/// `bpf_rbtree_first(root)`: the node that is less than all others, or NULL.
pub(super) fn rbtree_first(env: &mut Env<'_, '_>) -> Answer {
    env.check_write(0, HEAD)?;
    ret(env.core.owned.root(env.arg(0)).map_or(0, |it| it.1))
}

/// `bpf_rbtree_root(root)`: the node at the top, or NULL.
pub(super) fn rbtree_root(env: &mut Env<'_, '_>) -> Answer {
    env.check_write(0, HEAD)?;
    ret(env.core.owned.root(env.arg(0)).map_or(0, |it| it.0))
}

fn child(env: &mut Env<'_, '_>, left: bool) -> Answer {
    let head = env.arg(0);
    let (node, _) = node(env, 1, RB_NODE)?;
    if env.core.owned.head_of(node) != Some(head) {
        return ret(0);
    }
    ret(env.core.owned.below(node, left).unwrap_or(0))
}

/// `bpf_rbtree_left(root, node)`.
pub(super) fn rbtree_left(env: &mut Env<'_, '_>) -> Answer {
    child(env, true)
}

/// `bpf_rbtree_right(root, node)`.
pub(super) fn rbtree_right(env: &mut Env<'_, '_>) -> Answer {
    child(env, false)
}
