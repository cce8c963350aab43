//! Memory, user memory and types in one hand: making objects, and finding places in them.

use super::error::{ObjectError, Problem};
use super::route::{self, Hop, Route};
use super::types;
use super::vars::Vars;
use crate::config::Task;
use crate::probe::is_user;
use crate::state::Core;
use skep_btf::{Btf, FieldRef, TypeId};
use skep_memory::{Arena, Memory, ObjectKind, Origin, Rights, UserRanges};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Elements that the array at the end of a struct has room for.
const TAIL_ELEMENTS: u64 = 32;
/// Bytes that it takes at most for that.
const TAIL_BYTES: u64 = 4096;
/// Elements of an array that a pointer points to: `NR_OPEN_DEFAULT` of `include/linux/fdtable.h`.
const ARRAY_SMALL: u64 = 64;
/// The same for elements of more than eight bytes.
const ARRAY_LARGE: u64 = 8;
/// Objects are aligned as `struct task_struct` and `struct sock` want to be: to a line of cache.
const ALIGN: usize = 64;
/// An object is no larger, whatever its type says.
pub(crate) const MAX_OBJECT: u64 = 64 << 20;
/// Paths that are remembered; all are forgotten when there are more.
const MAX_ROUTES: usize = 4096;
/// Where the first thing that is put into user memory goes: a place for a process's mappings.
const USER_START: u64 = 0x7f12_0000_0000;
/// `void *` pointers that lead on to objects, in one path.
const MAX_UNTYPED: usize = 16;

/// What of the world was looked at or made so far. Empty, it costs nothing.
#[derive(Default)]
pub(crate) struct World {
    names: HashMap<Box<str>, TypeId>,
    routes: HashMap<TypeId, HashMap<Box<str>, Arc<Route>>>,
    known: usize,
    /// The objects by their first addresses.
    made: BTreeMap<u64, Made>,
    /// Nobody is going to read the errors.
    pub(crate) quiet: bool,
    /// What was made since somebody began to write it down.
    written: Option<Vec<Piece>>,
    /// The objects that there is one of, by name.
    pub(crate) named: BTreeMap<&'static str, u64>,
    /// Tasks by their ids.
    pub(crate) tasks: BTreeMap<u32, u64>,
    /// The task_struct of the machine's [`Task`](crate::Task).
    pub(crate) task: Option<u64>,
    /// The idle tasks of other CPUs than the first.
    pub(crate) idle: BTreeMap<u32, u64>,
    /// Tasks that were put on a CPU.
    pub(crate) on_cpu: BTreeMap<u32, u64>,
    /// Cgroups by their ids.
    pub(crate) cgroups: BTreeMap<u64, u64>,
    /// Directory entries by their paths.
    pub(crate) dentries: BTreeMap<String, u64>,
    /// Inodes that were made.
    pub(crate) inodes: u64,
    /// Sockets that were made.
    pub(crate) sockets: u64,
    /// Variables that were asked for.
    pub(crate) vars: Vars,
    /// Where the next thing in user memory goes, less [`USER_START`].
    user: u64,
}

impl World {
    /// Where the objects of a type are that were made.
    pub(crate) fn all_of(&self, id: TypeId) -> Vec<u64> {
        self.made.iter().filter(|(_, made)| made.id == id && !made.array).map(|(addr, _)| *addr).collect()
    }
}

/// An object that was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Made {
    /// Its type; of an array, that of an element.
    pub(crate) id: TypeId,
    /// Bytes that programs see.
    pub(crate) visible: u64,
    /// Bytes there are.
    pub(crate) len: u64,
    /// Bytes of an element of the array without length at its end; 0 if it has none.
    pub(crate) tail: u64,
    /// Whether it is an array that a pointer points to.
    pub(crate) array: bool,
}

/// Memory that was made: of the kernel, or of user space.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    addr: u64,
    pub(crate) len: u64,
}

/// A place in kernel or user memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spot {
    /// Its first byte.
    pub(crate) addr: u64,
    /// The bits from there, and the type.
    pub(crate) field: FieldRef,
}

impl Spot {
    /// How many bytes it touches.
    pub(crate) fn len(&self) -> u64 {
        self.field.bit_offset.saturating_add(self.field.bit_size).div_ceil(8)
    }

    /// The place of a field, from the start of what it is in.
    fn new(base: u64, field: FieldRef) -> Spot {
        let addr = base.wrapping_add(field.bit_offset / 8);
        Spot { addr, field: FieldRef { bit_offset: field.bit_offset % 8, ..field } }
    }
}

/// What objects are made with.
pub(crate) struct Scene<'a> {
    pub(crate) memory: &'a Memory,
    pub(crate) user: &'a mut UserRanges,
    pub(crate) world: &'a mut World,
    pub(crate) btf: Arc<Btf>,
    pub(crate) cpus: u32,
    /// What the machine says of its task.
    pub(crate) task: &'a Task,
}

impl Core {
    /// What objects are made with, if there are types.
    pub(crate) fn scene<'a>(&'a mut self, memory: &'a Memory) -> Result<Scene<'a>, ObjectError> {
        let Some(btf) = self.types() else {
            return Err(ObjectError::bare(Problem::NoTypes));
        };
        let Core { user, world, cpus, task, .. } = self;
        Ok(Scene { memory, user, world, btf, cpus: *cpus, task })
    }
}

impl World {
    /// Ends memory that was made.
    pub(crate) fn end(&mut self, piece: Piece, memory: &Memory, user: &mut UserRanges) {
        if is_user(piece.addr) {
            if user.remove(piece.addr).is_some() {
                memory.give_outside(piece.len);
            }
        } else if self.made.remove(&piece.addr).is_some() || memory.object_at(piece.addr).is_some() {
            memory.free(piece.addr);
        }
    }
}

/// Types and paths.
impl Scene<'_> {
    pub(crate) fn type_of(&mut self, name: &str) -> Result<TypeId, Problem> {
        if let Some(id) = self.world.names.get(name) {
            return Ok(*id);
        }
        let id = types::find(&self.btf, name)?;
        self.world.names.insert(name.into(), id);
        Ok(id)
    }

    pub(crate) fn route(&mut self, id: TypeId, path: &str) -> Result<Arc<Route>, Problem> {
        if let Some(route) = self.world.routes.get(&id).and_then(|it| it.get(path)) {
            return Ok(route.clone());
        }
        let route = Arc::new(route::find(&self.btf, id, path, !self.world.quiet)?);
        if self.world.known >= MAX_ROUTES {
            (self.world.routes, self.world.known) = (HashMap::new(), 0);
        }
        self.world.known += 1;
        self.world.routes.entry(id).or_default().insert(path.into(), route.clone());
        Ok(route)
    }

    /// The place that a path leads to from an object. `make`: what pointers on the way point to is made if there is
    /// nothing.
    pub(crate) fn find(&mut self, base: u64, id: TypeId, path: &str, make: bool) -> Result<Spot, Problem> {
        let (mut base, mut id, mut done) = (base, id, 0);
        for _ in 0..MAX_UNTYPED {
            let rest = path.get(done..).unwrap_or("");
            let route = self.route(id, rest).map_err(|problem| problem.behind(path, done))?;
            let spot = self.follow(base, rest, &route, make).map_err(|problem| problem.behind(path, done))?;
            let Some(end) = route.untyped else { return Ok(spot) };
            done += end;
            (base, id) = self.typed(spot, &path[..done])?;
            // The dot behind the pointer.
            done += match path[done..].strip_prefix("->") {
                Some(_) => 2,
                None => 1,
            };
        }
        Err(Problem::Untyped { part: path.to_owned() })
    }

    /// The object that a `void *` points to.
    fn typed(&self, spot: Spot, part: &str) -> Result<(u64, TypeId), Problem> {
        let to = self.pointer(spot)?;
        match self.world.made.get(&to) {
            Some(made) => Ok((to, made.id)),
            None => Err(Problem::Untyped { part: part.to_owned() }),
        }
    }

    fn follow(&mut self, base: u64, path: &str, route: &Route, make: bool) -> Result<Spot, Problem> {
        let mut base = base;
        for hop in &route.hops {
            let at = Spot::new(base, hop.at);
            let user = hop.user || is_user(base);
            let to = if hop.address_of { at.addr } else { self.pointer(at)? };
            base = match to {
                0 if make => self.make_pointee(at, hop, user)?,
                0 => return Err(Problem::Null { part: path.get(..hop.end).unwrap_or(path).to_owned() }),
                to => self.array_with(at, to, hop, path, make)?,
            };
            let before = hop.index.unwrap_or(0).wrapping_mul(self.size(hop.target)?);
            base = base.wrapping_sub(hop.inner).wrapping_add(before);
        }
        Ok(Spot::new(base, route.last))
    }

    /// Makes what the pointer at a place is to point to.
    fn make_pointee(&mut self, at: Spot, hop: &Hop, user: bool) -> Result<u64, Problem> {
        let to = match hop.index {
            None => self.alloc(hop.target, user)?.wrapping_add(hop.inner),
            Some(index) => {
                let array = self.alloc_array(hop.target, index.saturating_add(1), user)?;
                array.wrapping_add(hop.inner)
            }
        };
        self.point(at, to)?;
        Ok(to)
    }

    /// The array that a pointer points to, which has the element that is wanted: if it was made here, it moves to get
    /// more.
    fn array_with(&mut self, at: Spot, to: u64, hop: &Hop, path: &str, make: bool) -> Result<u64, Problem> {
        let Some(index) = hop.index else { return Ok(to) };
        let start = to.wrapping_sub(hop.inner);
        let Some(made) = self.world.made.get(&start).copied() else { return Ok(to) };
        let (size, count) = (self.size(hop.target)?, index.saturating_add(1));
        if size.saturating_mul(count) <= made.len {
            return Ok(to);
        }
        if !made.array || !make {
            let (part, len) = (path.get(..hop.end).unwrap_or(path), made.len.checked_div(size).unwrap_or(0));
            return Err(Problem::NoElement { part: format!("{part}[{index}]"), len });
        }
        let old = self.read(start, made.len)?;
        let new = self.alloc_array(hop.target, count, false)?;
        self.write(new, &old)?;
        self.point(at, new.wrapping_add(hop.inner))?;
        self.free(start);
        Ok(new.wrapping_add(hop.inner))
    }

    /// The address that is at a place.
    pub(crate) fn pointer(&self, at: Spot) -> Result<u64, Problem> {
        let bytes = self.read(at.addr, at.len())?;
        Ok(at.field.read(&bytes).map_or(0, |it| it as u64))
    }

    /// Puts an address at a place.
    pub(crate) fn point(&mut self, at: Spot, to: u64) -> Result<(), Problem> {
        let mut bytes = self.read(at.addr, at.len())?;
        at.field.write(&mut bytes, to.into());
        self.write(at.addr, &bytes)
    }

    pub(crate) fn size(&self, id: TypeId) -> Result<u64, Problem> {
        self.btf.size_of(id).map_err(|_| Problem::NoLayout(types::called(&self.btf, id)))
    }
}

/// Memory.
impl Scene<'_> {
    /// A zeroed object of a type, or of what the kernel has around it; the address of what was asked for.
    pub(crate) fn alloc(&mut self, id: TypeId, user: bool) -> Result<u64, Problem> {
        self.alloc_with(id, 0, user)
    }

    /// The same with so many bytes behind it.
    pub(crate) fn alloc_with(&mut self, id: TypeId, behind: u64, user: bool) -> Result<u64, Problem> {
        let (outer, inner) = if user { (id, 0) } else { types::made_inside(&self.btf, id) };
        let size = self.size(outer)?;
        if user {
            return self.put_user(&zeroes(size.saturating_add(behind))?);
        }
        let tail = types::tail(&self.btf, outer).unwrap_or(0);
        let room = tail.saturating_mul(TAIL_ELEMENTS).min(TAIL_BYTES);
        let len = size.saturating_add(room.max(behind));
        let visible = size.saturating_add(behind);
        let addr = self.alloc_bytes(&self.called(outer), visible, len)?;
        self.world.made.insert(addr, Made { id: self.btf.resolve(outer), visible, len, tail, array: false });
        Ok(addr.wrapping_add(inner))
    }

    /// A zeroed array of at least `count` elements.
    pub(crate) fn alloc_array(&mut self, id: TypeId, count: u64, user: bool) -> Result<u64, Problem> {
        let size = self.size(id)?;
        let least = if size <= 8 { ARRAY_SMALL } else { ARRAY_LARGE };
        let count = count.max(least).checked_next_multiple_of(least).unwrap_or(count);
        let len = size.saturating_mul(count);
        if user {
            return self.put_user(&zeroes(len)?);
        }
        let addr = self.alloc_bytes(&format!("{}[]", self.called(id)), len, len)?;
        self.world
            .made
            .insert(addr, Made { id: self.btf.resolve(id), visible: len, len, tail: 0, array: true });
        Ok(addr)
    }

    /// What reports call an object of a type: the name without `struct`.
    fn called(&self, id: TypeId) -> String {
        match self.btf.name(self.btf.resolve(id)) {
            "" => types::called(&self.btf, id),
            name => name.to_owned(),
        }
    }

    /// Zeroed memory of which programs see a part.
    fn alloc_bytes(&mut self, name: &str, visible: u64, len: u64) -> Result<u64, Problem> {
        check_size(len)?;
        let (visible, len) = (visible as usize, len as usize);
        let origin = Origin::new(ObjectKind::KernelObject, name);
        let addr = self.memory.alloc(Arena::Kernel, len.max(1), ALIGN, Rights::NONE, origin)?;
        if self.memory.set_extent(addr, addr, visible) && self.memory.set_rights(addr, Rights::RO) {
            self.write_down(addr, len as u64);
            return Ok(addr);
        }
        self.memory.free(addr);
        Err(self.refused())
    }

    /// Why memory did not do as it was told.
    fn refused(&self) -> Problem {
        match self.memory.take_refused() {
            Some(refused) => Problem::NoRoom(crate::report::over_limit(&refused)),
            None => Problem::NoRoom("there is no memory for this object".to_owned()),
        }
    }

    /// Bytes in kernel memory that are no object of a type.
    pub(crate) fn put_kernel(&mut self, name: &str, bytes: &[u8]) -> Result<u64, Problem> {
        let addr = self.alloc_bytes(name, bytes.len() as u64, bytes.len() as u64)?;
        self.write(addr, bytes)?;
        Ok(addr)
    }

    /// Bytes in user memory, a page or more before all others, so that reading on behind them faults.
    pub(crate) fn put_user(&mut self, bytes: &[u8]) -> Result<u64, Problem> {
        // A range has at least a byte.
        let bytes = if bytes.is_empty() { &[0] } else { bytes };
        check_size(bytes.len() as u64)?;
        if !self.memory.take_outside(bytes.len() as u64) {
            return Err(self.refused());
        }
        loop {
            let addr = USER_START + self.world.user;
            self.world.user += (bytes.len() as u64).next_multiple_of(4096) + 4096;
            if addr >= crate::probe::TASK_SIZE {
                return Err(Problem::NoRoom("user memory is full".to_owned()));
            }
            // A test may have put something there.
            if self.user.insert(addr, bytes).is_ok() {
                self.write_down(addr, bytes.len() as u64);
                return Ok(addr);
            }
        }
    }

    fn write_down(&mut self, addr: u64, len: u64) {
        if let Some(written) = &mut self.world.written {
            written.push(Piece { addr, len });
        }
    }

    /// Runs something, and answers what memory it made for the caller to [`end`](World::end) some day. What belongs to
    /// the world itself is not among that.
    pub(crate) fn writing_down<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> (T, Vec<Piece>) {
        let before = self.world.written.replace(Vec::new());
        let result = run(self);
        let written = std::mem::replace(&mut self.world.written, before);
        (result, written.unwrap_or_default())
    }

    /// Runs something that makes what belongs to the world.
    pub(crate) fn for_good<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.world.written.take();
        let result = run(self);
        self.world.written = before;
        result
    }

    pub(crate) fn free(&mut self, addr: u64) -> bool {
        self.world.made.remove(&addr);
        self.memory.free(addr)
    }

    pub(crate) fn read(&self, addr: u64, len: u64) -> Result<Vec<u8>, Problem> {
        let missing = Problem::NoMemoryAt { addr, len };
        if is_user(addr) {
            let mut bytes = zeroes(len).map_err(|_| missing.clone())?;
            return self.user.read(addr, &mut bytes).map(|()| bytes).map_err(|_| missing);
        }
        let there = self.memory.object_at(addr).map_or(0, |it| it.len.saturating_sub(it.offset as u64));
        if there < len {
            return Err(missing);
        }
        let mut bytes = vec![0; len as usize];
        self.memory.peek(addr, &mut bytes).map(|()| bytes).map_err(|_| missing)
    }

    /// Writes bytes of an object; what is written of its tail, programs see from then on.
    pub(crate) fn write(&mut self, addr: u64, bytes: &[u8]) -> Result<(), Problem> {
        let len = bytes.len() as u64;
        let missing = Problem::NoMemoryAt { addr, len };
        if is_user(addr) {
            return self.user.write(addr, bytes).map_err(|_| missing);
        }
        if self.memory.object_at(addr).is_none_or(|it| it.len.saturating_sub(it.offset as u64) < len) {
            return Err(missing);
        }
        self.memory.poke(addr, bytes).map_err(|_| self.refused())?;
        self.show(addr.wrapping_add(len))
    }

    /// Has programs see an object up to an address inside of it.
    fn show(&mut self, end: u64) -> Result<(), Problem> {
        let Some((&start, made)) = self.world.made.range_mut(..end).next_back() else { return Ok(()) };
        let visible = end - start;
        if visible <= made.visible || visible > made.len {
            return Ok(());
        }
        // Whole elements, as far as there is room for them.
        let grown = (visible - made.visible).next_multiple_of(made.tail.max(1));
        made.visible = made.visible.saturating_add(grown).min(made.len);
        match self.memory.set_extent(start, start, made.visible as usize) {
            true => Ok(()),
            false => Err(self.refused()),
        }
    }

    /// The object that starts at an address.
    pub(crate) fn made(&self, addr: u64) -> Option<Made> {
        self.world.made.get(&addr).copied()
    }
}

pub(crate) fn check_size(len: u64) -> Result<(), Problem> {
    match len {
        0..=MAX_OBJECT => Ok(()),
        _ => Err(Problem::NoRoom(format!("an object of {len} bytes is too large: {MAX_OBJECT} is the most"))),
    }
}

fn zeroes(len: u64) -> Result<Vec<u8>, Problem> {
    check_size(len)?;
    Ok(vec![0; len as usize])
}

impl Problem {
    /// The same about a path that goes on behind one of `done` bytes.
    fn behind(mut self, path: &str, done: usize) -> Problem {
        let before = path.get(..done).unwrap_or("");
        match &mut self {
            Problem::Syntax(at) => *at += done,
            Problem::NoMember { part, .. }
            | Problem::NoElement { part, .. }
            | Problem::NotInside { part, .. }
            | Problem::NotA { part, .. }
            | Problem::Untyped { part }
            | Problem::Null { part }
            | Problem::Takes { part, .. } => *part = format!("{before}{part}"),
            _ => {}
        }
        self
    }
}
