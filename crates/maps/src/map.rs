//! One map.

use skep_abi::flags::{BPF_F_LOCK, BPF_F_RDONLY, BPF_F_RDONLY_PROG, BPF_F_WRONLY};
use skep_abi::{Errno, MapType};
use skep_memory::{Memory, PageFile};

use crate::arena::Arena;
use crate::backing::Backing;
use crate::cursor::{Cursor, Item};
use crate::handle::{Displaced, ObjRef};
use crate::local::Local;
use crate::ringbuf::{PAGE_SIZE, RingBuffer};
use crate::rules;
use crate::spec::{CreateError, MapSpec};
use crate::stack_trace::StackTrace;
use crate::storage::{Body, Change, Cx, Side, Storage, with_storage};
use crate::user_ring::UserRing;

/// What a file descriptor of a map lets user space do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// Lookups and walks; otherwise they are -EPERM.
    pub read: bool,
    /// Updates, deletions and freezing; otherwise they are -EPERM.
    pub write: bool,
}

impl Access {
    /// The access of the descriptor that `BPF_MAP_CREATE` returns for these flags (`bpf_get_file_flag`).
    pub fn of_flags(map_flags: u32) -> Access {
        Access { read: map_flags & BPF_F_WRONLY == 0, write: map_flags & BPF_F_RDONLY == 0 }
    }
}

/// Elements of a hash map that lie together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bucket {
    /// Their keys.
    pub keys: Vec<Vec<u8>>,
    /// The bucket's number; the next one's is one more.
    pub number: u32,
}

/// A map of any emulated type.
///
/// Keys and values are byte slices of exactly `key_size` bytes and [`Map::value_len`] bytes; another length is -EINVAL,
/// which `bpf(2)` cannot run into. Value addresses never move; the value of a deleted element stays readable until a
/// new element takes its place.
///
/// What an operation takes out of a map comes back as [`Displaced`]. When an operation fails after it displaced
/// something (an LRU map evicts first), that comes with the next operation that succeeds.
#[derive(Clone, Debug)]
pub struct Map {
    spec: MapSpec,
    body: Body,
    cpus: u32,
    frozen: bool,
    owed: Displaced,
}

impl Map {
    /// Makes a map (`BPF_MAP_CREATE`, as a user with all capabilities).
    ///
    /// # Errors
    /// What the kernel answers to such a spec; a type that is not emulated; no room in the address space (-ENOMEM).
    pub fn new(spec: MapSpec, cx: &Cx<'_>) -> Result<Map, CreateError> {
        Map::create(spec, cx, Backing::default())
    }

    /// Whether such a map may be made, before any is (`map_alloc_check`, and what comes before and behind it).
    ///
    /// # Errors
    /// As for [`Map::new`], but for the room.
    pub fn check(spec: &MapSpec) -> Result<(), CreateError> {
        rules::before_type(spec)?;
        Body::check(spec)?;
        rules::special_fields(spec)
    }

    /// Makes a map over pages that other mappings see too: an ARRAY with `BPF_F_MMAPABLE`, whose values begin with the
    /// pages, or a ring buffer, which takes exactly its two position pages and its data.
    ///
    /// # Errors
    /// As for [`Map::new`]; -EINVAL for a map that user space could not `mmap`.
    #[cfg(all(unix, not(skep_portable_memory)))]
    pub fn with_pages(
        spec: MapSpec,
        cx: &Cx<'_>,
        pages: skep_memory::HostPages<'_>,
    ) -> Result<Map, CreateError> {
        if !Body::mappable(&spec) {
            return Err(rules::invalid(format!("user space cannot mmap such {} maps", spec.kind)));
        }
        Map::create(spec, cx, Backing { pages: Some(pages), file: None })
    }

    /// The same over the pages of a file that stays open as long as the map. An ARENA may be larger than what there is
    /// memory for: its file is as long as [`Map::shared_len`] says, and may be sparse.
    ///
    /// # Errors
    /// As for [`Map::new`]; -EINVAL for a map that user space could not `mmap`.
    pub fn over(spec: MapSpec, cx: &Cx<'_>, file: &PageFile) -> Result<Map, CreateError> {
        match Map::shared_len(&spec)? {
            Some(len) => Map::create(spec, cx, Backing::of_file(file, len)),
            None => Err(rules::invalid(format!("user space cannot mmap such {} maps", spec.kind))),
        }
    }

    /// How many bytes, in whole pages, there are of a map that is made from this for user space to `mmap`: what
    /// [`Map::over`] takes. Of ring buffers user space sees the data twice, which is there once.
    /// `None`: none.
    ///
    /// # Errors
    /// As for [`Map::new`].
    pub fn shared_len(spec: &MapSpec) -> Result<Option<u64>, CreateError> {
        rules::before_type(spec)?;
        Body::check(spec)?;
        rules::special_fields(spec)?;
        let shared = Body::mappable(spec) && spec.special.is_empty();
        Ok(shared.then(|| Body::shared_len(spec).next_multiple_of(PAGE_SIZE)))
    }

    /// The address of the first of the bytes that user space can `mmap`, at offset 0 of the map's descriptor: of a ring
    /// buffer, the consumer's page. `None`: there are none.
    pub fn pages(&self) -> Option<u64> {
        let shared = Body::mappable(&self.spec) && self.spec.special.is_empty();
        shared.then(|| with_storage!(&self.body, it => Storage::pages(it))).flatten()
    }

    fn create(mut spec: MapSpec, cx: &Cx<'_>, backing: Backing<'_>) -> Result<Map, CreateError> {
        Map::check(&spec)?;
        let cpus = cx.cpus.max(1);
        let cx = Cx { cpu: cx.cpu.min(cpus - 1), cpus, ..*cx };
        let body = Body::create(&mut spec, &cx, backing)?;
        spec.flags &= !(BPF_F_RDONLY | BPF_F_WRONLY);
        Ok(Map { spec, body, cpus, frozen: false, owed: Displaced::NONE })
    }

    /// What the map was made from, as the kernel reports it.
    pub fn spec(&self) -> &MapSpec {
        &self.spec
    }

    /// The possible CPUs that the map was made for.
    pub fn cpus(&self) -> u32 {
        self.cpus
    }

    /// Bytes of a value on one side: for user space, per-CPU values are those of all CPUs, each rounded up to 8.
    pub fn value_len(&self, side: Side) -> usize {
        match side {
            Side::User if self.body.percpu() => self.spec.stride() as usize * self.cpus as usize,
            _ => self.spec.value_size as usize,
        }
    }

    /// Bytes of a value that `bpf(2)` copies.
    pub fn user_value_size(&self) -> usize {
        self.value_len(Side::User)
    }

    /// The address of the value of `key` on this CPU (`bpf_map_lookup_elem` in a program).
    ///
    /// # Errors
    /// -EOPNOTSUPP or -ENOTSUPP: programs cannot look this type up. -ENOMEM, which the kernel does not know: the
    /// memory's limit refuses the element ([`Memory::set_limit`]).
    #[inline]
    pub fn lookup_ptr(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Option<u64>, Errno> {
        self.check_key(key)?;
        let cpu = cx.cpu.min(self.cpus - 1);
        with_storage!(&self.body, it => it.lookup(cx, key, cpu))
    }

    /// The address of the value of `key` on another CPU (`bpf_map_lookup_percpu_elem`); `None` for a CPU that there is
    /// not.
    ///
    /// # Errors
    /// -EINVAL: not a per-CPU map.
    pub fn lookup_percpu(&self, cx: &Cx<'_>, key: &[u8], cpu: u32) -> Result<Option<u64>, Errno> {
        self.check_key(key)?;
        if !self.body.percpu() {
            return Err(Errno::EINVAL);
        }
        if cpu >= self.cpus {
            return Ok(None);
        }
        with_storage!(&self.body, it => it.lookup(cx, key, cpu))
    }

    /// The value of `key` as user space sees it (`BPF_MAP_LOOKUP_ELEM` without flags).
    ///
    /// For a PROG_ARRAY, the [`ObjRef`] as 4 little-endian bytes, which the caller translates to an id.
    ///
    /// # Errors
    /// -ENOENT: no such key. -ENOTSUPP: the type cannot be looked up.
    pub fn lookup_user(&self, cx: &Cx<'_>, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.lookup_with(cx, key, 0)
    }

    /// The same with flags: `BPF_F_LOCK` alone is known, and needs a spin lock in the value. `bpf(2)` looks for unknown
    /// flags before it looks at the descriptor's access, and for the lock after it.
    ///
    /// # Errors
    /// As for [`Map::lookup_user`]; -EINVAL for the flags.
    pub fn lookup_with(&self, cx: &Cx<'_>, key: &[u8], flags: u64) -> Result<Vec<u8>, Errno> {
        if flags & !BPF_F_LOCK != 0 {
            return Err(Errno::EINVAL);
        }
        self.spec.check_lock(flags)?;
        self.check_key(key)?;
        let cx = self.clamp(cx);
        with_storage!(&self.body, it => it.read(&cx, key))
    }

    /// Looks `key` up and deletes it (`BPF_MAP_LOOKUP_AND_DELETE_ELEM`).
    ///
    /// # Errors
    /// -EINVAL for the flags, -ENOTSUPP for a type without it, -ENOENT.
    pub fn take_user(&mut self, cx: &Cx<'_>, key: &[u8], flags: u64) -> Result<(Vec<u8>, Displaced), Errno> {
        if flags & !BPF_F_LOCK != 0 {
            return Err(Errno::EINVAL);
        }
        self.spec.check_lock(flags)?;
        self.check_key(key)?;
        if !self.body.takes() {
            return Err(Errno::ENOTSUPP);
        }
        let mut value = Vec::new();
        let displaced = self.displacing(cx, |body, cx, out| {
            value = with_storage!(body, it => Storage::take(it, cx, key, out))?;
            Ok(())
        })?;
        Ok((value, displaced))
    }

    /// Adds a value to a QUEUE, STACK or BLOOM_FILTER (`bpf_map_push_elem`).
    ///
    /// # Errors
    /// -EINVAL: flags, or a wrong length. -E2BIG: it is full, and `BPF_EXIST` is not given. -EOPNOTSUPP: the type has
    /// keys. -EACCES: it is read-only for programs.
    pub fn push(&mut self, value: &[u8], flags: u64) -> Result<(), Errno> {
        self.check_writer(Side::Program)?;
        self.check_value(value)?;
        with_storage!(&mut self.body, it => it.push(value, flags))
    }

    /// Takes the next value out of a QUEUE or STACK (`bpf_map_pop_elem`).
    ///
    /// # Errors
    /// -ENOENT: it is empty. -EOPNOTSUPP: the type has nothing to take. -EACCES: it is read-only for programs.
    pub fn pop(&mut self) -> Result<Vec<u8>, Errno> {
        self.check_writer(Side::Program)?;
        with_storage!(&mut self.body, it => it.pop())
    }

    /// The next value of a QUEUE or STACK (`bpf_map_peek_elem`).
    ///
    /// # Errors
    /// -ENOENT: it is empty. -EOPNOTSUPP: the type has none.
    pub fn peek(&self, cx: &Cx<'_>) -> Result<Vec<u8>, Errno> {
        match self.spec.kind {
            MapType::Queue | MapType::Stack => self.lookup_user(cx, &[]),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    /// Whether a BLOOM_FILTER may have a value (`bpf_map_peek_elem`, and `BPF_MAP_LOOKUP_ELEM` with the value as input).
    ///
    /// # Errors
    /// -ENOENT: it never got it. -EINVAL: a wrong length. -EOPNOTSUPP: another type.
    pub fn contains(&self, value: &[u8]) -> Result<(), Errno> {
        self.check_value(value)?;
        with_storage!(&self.body, it => it.contains(value))
    }

    /// All values of a QUEUE or STACK, the next one first; `None` for other types.
    pub fn values_in_order(&self) -> Option<Vec<Vec<u8>>> {
        with_storage!(&self.body, it => it.keyless())
    }

    /// The handle that an element holds: that of an inner map.
    #[inline]
    pub fn held(&self, key: &[u8]) -> Option<ObjRef> {
        self.check_key(key).ok()?;
        with_storage!(&self.body, it => it.held(key))
    }

    /// The checks of [`Map::hold`] that come before the file descriptor is looked at.
    ///
    /// # Errors
    /// As for [`Map::hold`].
    pub fn check_hold(&self, key: &[u8], flags: u64) -> Result<(), Errno> {
        self.check_key(key)?;
        with_storage!(&self.body, it => it.check_hold(key, flags))
    }

    /// Has an element of a map of handles, indexed or hashed, hold a handle; the one that it held comes back.
    ///
    /// # Errors
    /// -EINVAL: flags, or a wrong length. -E2BIG, -EEXIST, -ENOENT as for [`Map::update`]. -EOPNOTSUPP: the type holds none.
    pub fn hold(&mut self, key: &[u8], object: ObjRef, flags: u64) -> Result<Displaced, Errno> {
        self.check_key(key)?;
        with_storage!(&mut self.body, it => it.hold(key, object, flags)).map(Displaced::of)
    }

    /// The checks of [`Map::place`] that come before devices and descriptors are looked at.
    ///
    /// # Errors
    /// As for [`Map::place`]; the rest of an update with these arguments.
    pub fn admits(&self, cx: &Cx<'_>, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        self.check_key(key)?;
        self.check_value(value)?;
        let cx = self.clamp(cx);
        with_storage!(&self.body, it => it.admits(&cx, key, value, flags))
    }

    /// Puts a target into a DEVMAP, DEVMAP_HASH or CPUMAP, which [`Map::admits`] agreed to: the value has the id of the
    /// program where user space had its descriptor.
    ///
    /// # Errors
    /// -E2BIG: it is full. -ENOMEM: no room. -EOPNOTSUPP: another type.
    pub fn place(
        &mut self,
        cx: &Cx<'_>,
        key: &[u8],
        value: &[u8],
        program: Option<ObjRef>,
    ) -> Result<Displaced, Errno> {
        self.check_key(key)?;
        self.check_value(value)?;
        self.displacing(cx, |body, cx, out| with_storage!(body, it => it.place(cx, key, value, program, out)))
    }

    /// The values of a map of local storage.
    ///
    /// # Errors
    /// -EINVAL: another type.
    pub fn local(&self) -> Result<&Local, Errno> {
        with_storage!(&self.body, it => it.local()).ok_or(Errno::EINVAL)
    }

    /// The value of an owner in a map of local storage as user space sees it.
    ///
    /// # Errors
    /// -ENOENT: it has none. -EINVAL: another type.
    pub fn owned(&self, cx: &Cx<'_>, owner: u64) -> Result<Vec<u8>, Errno> {
        self.local()?.read_of(cx.memory, owner)
    }

    /// Gives an owner a value in a map of local storage, zero without one, and answers its address.
    ///
    /// # Errors
    /// -EINVAL: flags, another type. -EEXIST and -ENOENT by the flags. -ENOMEM: no room.
    pub fn own(
        &mut self,
        cx: &Cx<'_>,
        owner: u64,
        value: Option<&[u8]>,
        flags: u64,
    ) -> Result<(u64, Displaced), Errno> {
        value.map_or(Ok(()), |value| self.check_value(value))?;
        let mut addr = 0;
        let displaced = self.displacing(cx, |body, cx, out| {
            let local = with_storage!(body, it => it.local_mut()).ok_or(Errno::EINVAL)?;
            addr = local.set(cx, owner, value, flags, out)?;
            Ok(())
        })?;
        Ok((addr, displaced))
    }

    /// Takes an owner's value away.
    ///
    /// # Errors
    /// -ENOENT: it has none. -EINVAL: another type.
    pub fn disown(&mut self, cx: &Cx<'_>, owner: u64) -> Result<Displaced, Errno> {
        self.displacing(cx, |body, cx, out| {
            let local = with_storage!(body, it => it.local_mut()).ok_or(Errno::EINVAL)?;
            local.remove(cx.memory, owner, out)
        })
    }

    /// The address of a cgroup's value on this CPU in a CGROUP_STORAGE map, made if there is none.
    ///
    /// # Errors
    /// -EINVAL: another type. -ENOMEM: no room.
    pub fn attach_cgroup(&mut self, cx: &Cx<'_>, cgroup: u64, attach_type: u32) -> Result<u64, Errno> {
        let cx = self.clamp(cx);
        with_storage!(&mut self.body, it => it.attach(&cx, cgroup, attach_type))
    }

    /// All handles that elements hold.
    pub fn all_held(&self) -> Vec<ObjRef> {
        with_storage!(&self.body, it => it.all_held())
    }

    /// The stacks of a STACK_TRACE map, to add to them.
    ///
    /// # Errors
    /// -EINVAL: another type.
    pub fn stacks(&mut self) -> Result<&mut StackTrace, Errno> {
        with_storage!(&mut self.body, it => it.stacks()).ok_or(Errno::EINVAL)
    }

    /// Creates or replaces an element (`BPF_MAP_UPDATE_ELEM`, and the helper).
    ///
    /// # Errors
    /// -EINVAL: unknown flags, `BPF_F_LOCK` without a spin lock, or a wrong length. -EEXIST and -ENOENT by the flags.
    /// -E2BIG: the map is full, or the index past its end. -ENOMEM: no room in the address space. -EACCES: a program
    /// changes a map that is read-only for programs. -EOPNOTSUPP or -ENOTSUPP: the type has no updates by value.
    pub fn update(
        &mut self,
        cx: &Cx<'_>,
        key: &[u8],
        value: &[u8],
        flags: u64,
        side: Side,
    ) -> Result<Displaced, Errno> {
        self.check_writer(side)?;
        if side == Side::User {
            self.spec.check_lock(flags)?;
        }
        self.check_key(key)?;
        if value.len() != self.value_len(side) {
            return Err(Errno::EINVAL);
        }
        let change = Change { key, value, flags, side };
        self.displacing(cx, |body, cx, out| with_storage!(body, it => it.update(cx, change, out)))
    }

    /// Deletes an element.
    ///
    /// # Errors
    /// -ENOENT: no such key. -EINVAL: an array, or a wrong length. -E2BIG: a slot index past the end. -EACCES as for
    /// [`Map::update`]. -ENOTSUPP: the type has no deletion.
    pub fn delete(&mut self, cx: &Cx<'_>, key: &[u8], side: Side) -> Result<Displaced, Errno> {
        self.check_writer(side)?;
        self.check_key(key)?;
        self.displacing(cx, |body, cx, out| with_storage!(body, it => it.delete(cx, key, out)))
    }

    /// The key behind `key`; the first one for `None` and for a key that is not there (`BPF_MAP_GET_NEXT_KEY`).
    ///
    /// # Errors
    /// -ENOENT: there is none. -ENOTSUPP: the type has no keys.
    pub fn next_key(&self, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        key.map_or(Ok(()), |key| self.check_key(key))?;
        with_storage!(&self.body, it => it.next_key(key))
    }

    /// The first bucket with any elements, from bucket `from` on; `None` behind the last one, which [`Map::end_of_buckets`] numbers. What the batch commands of hash maps take at a time.
    ///
    /// # Errors
    /// -ENOENT: there is no bucket of that number. -ENOTSUPP: another type.
    pub fn bucket(&self, from: u32) -> Result<Option<Bucket>, Errno> {
        let index = with_storage!(&self.body, it => it.index()).ok_or(Errno::ENOTSUPP)?;
        let found = index.bucket(from)?;
        let keys = |slots: Vec<u32>| slots.into_iter().map(|slot| index.key(slot).to_vec()).collect();
        Ok(found.map(|(slots, number)| Bucket { keys: keys(slots), number }))
    }

    /// The number behind a hash map's last bucket; 0 for other types.
    pub fn end_of_buckets(&self) -> u32 {
        let index = with_storage!(&self.body, it => it.index());
        index.map_or(0, |it| it.end_of_buckets(self.spec.max_entries))
    }

    /// A walk over the elements (`bpf_for_each_map_elem`).
    ///
    /// # Errors
    /// -EINVAL: programs cannot walk the type.
    pub fn cursor(&self) -> Result<Cursor, Errno> {
        with_storage!(&self.body, it => it.cursor()).ok_or(Errno::EINVAL)
    }

    /// The next element of a walk. Between two calls the map may change in any way. A walk also ends where the memory's
    /// limit refuses an element ([`Memory::take_refused`]).
    pub fn advance(&self, cx: &Cx<'_>, cursor: &mut Cursor) -> Option<Item<'_>> {
        let cx = self.clamp(cx);
        with_storage!(&self.body, it => Storage::advance(it, &cx, cursor))
    }

    /// The key and the address of the value that an address is in: for callbacks of fields of ARRAY, HASH and LRU_HASH.
    pub fn key_of(&self, addr: u64) -> Option<(Vec<u8>, u64)> {
        with_storage!(&self.body, it => it.key_of(addr))
    }

    /// The address of byte `off` of the only value of an ARRAY (`BPF_PSEUDO_MAP_VALUE`); of an ARENA, the user address.
    ///
    /// # Errors
    /// -EINVAL: another type, or `off` past the value. -ENOTSUPP: an array of several elements. -ENOMEM as for
    /// [`Map::lookup_ptr`].
    pub fn value_addr(&self, cx: &Cx<'_>, off: u32) -> Result<u64, Errno> {
        with_storage!(&self.body, it => it.value_addr(cx, off))
    }

    /// The checks of [`Map::set_object`]: they come before the file descriptor is looked at.
    ///
    /// # Errors
    /// -EINVAL: flags. -E2BIG: index past the end. -EOPNOTSUPP: no map of handles.
    pub fn check_set(&self, index: u32, flags: u64) -> Result<(), Errno> {
        with_storage!(&self.body, it => it.slots()).ok_or(Errno::EOPNOTSUPP)?.check_set(index, flags)
    }

    /// Puts a handle into a slot of a PROG_ARRAY or PERF_EVENT_ARRAY; the one that was there comes back.
    ///
    /// # Errors
    /// As for [`Map::check_set`].
    pub fn set_object(&mut self, index: u32, object: ObjRef, flags: u64) -> Result<Displaced, Errno> {
        let slots = with_storage!(&mut self.body, it => it.slots_mut()).ok_or(Errno::EOPNOTSUPP)?;
        slots.set(index, object, flags).map(Displaced::of)
    }

    /// Empties a slot.
    ///
    /// # Errors
    /// -ENOENT: it is empty. -E2BIG: index past the end. -EOPNOTSUPP: no map of handles.
    pub fn take_object(&mut self, index: u32) -> Result<ObjRef, Errno> {
        with_storage!(&mut self.body, it => it.slots_mut()).ok_or(Errno::EOPNOTSUPP)?.take(index)
    }

    /// The handle in a slot.
    #[inline]
    pub fn object(&self, index: u32) -> Option<ObjRef> {
        with_storage!(&self.body, it => it.slots())?.get(index)
    }

    /// All slots that hold a handle, by index.
    pub fn objects(&self) -> impl Iterator<Item = (u32, ObjRef)> + '_ {
        with_storage!(&self.body, it => it.slots()).into_iter().flat_map(|slots| slots.iter())
    }

    /// The ring, if this is a ring buffer.
    #[inline]
    pub fn ring(&self) -> Option<&RingBuffer> {
        with_storage!(&self.body, it => it.ring())
    }

    /// The pages, if this is an ARENA.
    pub fn arena(&self) -> Option<&Arena> {
        with_storage!(&self.body, it => it.arena())
    }

    /// The same, to take pages and to give them back.
    pub fn arena_mut(&mut self) -> Option<&mut Arena> {
        with_storage!(&mut self.body, it => it.arena_mut())
    }

    /// The ring, if this is one that user space writes.
    pub fn user_ring(&self) -> Option<&UserRing> {
        with_storage!(&self.body, it => it.user_ring())
    }

    /// Makes the map read-only for user space (`BPF_MAP_FREEZE`). Not checked here: the descriptor's [`Access`]
    /// (-EPERM), and writable mappings of the map's pages (-EBUSY).
    ///
    /// # Errors
    /// -ENOTSUPP: values have special fields. -EPERM: it is frozen, so no descriptor has write access any more.
    pub fn freeze(&mut self) -> Result<(), Errno> {
        if !self.spec.special.is_empty() {
            return Err(Errno::ENOTSUPP);
        }
        if std::mem::replace(&mut self.frozen, true) { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// Whether the map was frozen.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Whether values cannot change any more: read-only for programs, and frozen (`bpf_map_is_rdonly`).
    pub fn is_constant(&self) -> bool {
        self.frozen && self.spec.has(BPF_F_RDONLY_PROG)
    }

    /// What a descriptor opened with `access` may do now (`map_get_sys_perms`).
    pub fn user_access(&self, access: Access) -> Access {
        Access { write: access.write && !self.frozen, ..access }
    }

    /// Ends the map: its memory is freed, and everything that it held comes back.
    pub fn destroy(mut self, memory: &Memory) -> Displaced {
        let mut out = std::mem::take(&mut self.owed);
        with_storage!(&mut self.body, it => it.release(memory, &mut out));
        out
    }

    /// Runs an operation that may displace something.
    fn displacing(
        &mut self,
        cx: &Cx<'_>,
        run: impl FnOnce(&mut Body, &Cx<'_>, &mut Displaced) -> Result<(), Errno>,
    ) -> Result<Displaced, Errno> {
        let cx = self.clamp(cx);
        run(&mut self.body, &cx, &mut self.owed)?;
        Ok(if self.owed.is_empty() { Displaced::NONE } else { std::mem::take(&mut self.owed) })
    }

    /// A context that cannot name a CPU which this map does not have.
    fn clamp<'a>(&self, cx: &Cx<'a>) -> Cx<'a> {
        Cx { cpu: cx.cpu.min(self.cpus - 1), cpus: self.cpus, ..*cx }
    }

    #[inline]
    fn check_key(&self, key: &[u8]) -> Result<(), Errno> {
        if key.len() == self.spec.key_size as usize { Ok(()) } else { Err(Errno::EINVAL) }
    }

    fn check_value(&self, value: &[u8]) -> Result<(), Errno> {
        if value.len() == self.spec.value_size as usize { Ok(()) } else { Err(Errno::EINVAL) }
    }

    /// The verifier refuses programs that change a map which is read-only for them; so does the map itself.
    fn check_writer(&self, side: Side) -> Result<(), Errno> {
        if side == Side::Program && self.spec.has(BPF_F_RDONLY_PROG) { Err(Errno::EACCES) } else { Ok(()) }
    }
}
