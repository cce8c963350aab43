//! The user side of maps: what `bpf(2)` does with a map's fd.

mod held;

use self::held::Shape;
use crate::files::Fd;
use crate::kernel::Kernel;
use crate::object::{MapObject, Object, Owner};
use crate::prog::Prog;
use crate::report::over_limit;
use crate::state::Core;
use crate::sys::Sys;
use crate::types::MapTypes;
use skep_abi::Errno;
use skep_maps::{Access, CreateError, Cx, Displaced, Map, MapSpec, ObjRef, Side};
use skep_memory::{Memory, PageFile};

impl Kernel {
    /// Makes a map (`BPF_MAP_CREATE`).
    ///
    /// # Errors
    /// What the kernel refuses, with its errno and a sentence; map types that are not emulated; no room.
    pub fn map_create(&mut self, spec: &MapSpec) -> Result<Fd, CreateError> {
        self.map_create_typed(spec, None)
    }

    /// Makes a map whose keys and values have these types.
    ///
    /// # Errors
    /// As for [`Kernel::map_create`].
    pub fn map_create_typed(&mut self, spec: &MapSpec, types: Option<MapTypes>) -> Result<Fd, CreateError> {
        let fd = self.sys().map_create_typed(spec, types)?;
        // Whoever makes one here need not map it.
        if let Ok(arena) = self.core.arena_of(fd) {
            arena.assume();
        }
        Ok(fd)
    }

    /// Makes a map of maps whose inner maps are to be like the one of an fd (`inner_map_fd`).
    ///
    /// # Errors
    /// As for [`Kernel::map_create`]; `EBADF`, `EINVAL`: the fd is no map's.
    pub fn map_create_with_inner(&mut self, spec: &MapSpec, inner: Fd) -> Result<Fd, CreateError> {
        self.sys().map_create_with_inner(spec, inner)
    }

    /// Creates or replaces the value of a key (`BPF_MAP_UPDATE_ELEM`). Values have the same shape as in
    /// [`Kernel::map_lookup_elem`]; those of maps of programs, events and maps are fds, as 4 little-endian bytes.
    ///
    /// # Errors
    /// `EPERM`: the fd is read-only, or the map is frozen; see [`Map::update`]. For fds: `EBADF` if it is none or of
    /// another kind, `EINVAL` for a program that the PROG_ARRAY does not take, `EBUSY` for one that an EXT program
    /// extends, `EOPNOTSUPP` for an inherited event, `EINVAL` for an inner map that is not like the template. The slot
    /// is then as it was. `ENOMEM`: no room, or [`Kernel::refused`] says why.
    pub fn map_update_elem(&mut self, fd: Fd, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        self.sys().map_update_elem(fd, key, value, flags)
    }

    /// Reads an ARENA as user space does, `offset` bytes from its start; pages that are not there are made.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no arena. `EFAULT`: past its end, or `BPF_F_SEGV_ON_FAULT` and no page. `ENOMEM`: no room.
    pub fn arena_read(&mut self, fd: Fd, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        self.sys().arena_read(fd, offset, into)
    }

    /// Writes to an ARENA as user space does, `offset` bytes from its start.
    ///
    /// # Errors
    /// As for [`Kernel::arena_read`].
    pub fn arena_write(&mut self, fd: Fd, offset: u64, from: &[u8]) -> Result<(), Errno> {
        self.sys().arena_write(fd, offset, from)
    }

    /// Deletes a key (`BPF_MAP_DELETE_ELEM`).
    ///
    /// # Errors
    /// `EPERM`: the fd is read-only, or the map is frozen; see [`Map::delete`].
    pub fn map_delete_elem(&mut self, fd: Fd, key: &[u8]) -> Result<(), Errno> {
        self.sys().map_delete_elem(fd, key)
    }

    /// Looks a key up and deletes it (`BPF_MAP_LOOKUP_AND_DELETE_ELEM`).
    ///
    /// # Errors
    /// `EPERM`: the fd is read-only or write-only, or the map is frozen; see [`Map::take_user`].
    pub fn map_lookup_and_delete_elem(&mut self, fd: Fd, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.sys().map_lookup_and_delete_elem(fd, key)
    }

    /// Makes a map read-only for user space (`BPF_MAP_FREEZE`).
    ///
    /// # Errors
    /// `ENOTSUPP`: values have special fields, which is looked at first. `EPERM`: the fd is read-only, or the map is
    /// frozen already. `EBUSY`: user space has mapped its pages for writing.
    pub fn map_freeze(&mut self, fd: Fd) -> Result<(), Errno> {
        self.sys().map_freeze(fd)
    }

    /// What a map was made from, as the kernel has it: sizes rounded, flags of the fd gone.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no map.
    pub fn map_info(&self, fd: Fd) -> Result<&MapSpec, Errno> {
        self.core.map_info(fd)
    }

    /// The types of a map's keys and values, if they were told.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no map.
    pub fn map_types(&self, fd: Fd) -> Result<Option<&MapTypes>, Errno> {
        let id = self.core.map_of(fd)?;
        Ok(self.core.objects.map(id).and_then(|it| it.types.as_ref()))
    }

    /// The map that an fd stands for: for readers of ring buffers.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no map.
    pub fn map(&self, fd: Fd) -> Result<&Map, Errno> {
        self.core.map(fd)
    }

    /// The value of a key (`BPF_MAP_LOOKUP_ELEM`). Per-CPU maps answer the values of all CPUs, each padded to 8 bytes; a
    /// PROG_ARRAY answers the program's id ([`Kernel::prog_id`]), a map of maps the map's ([`Kernel::map_id`]).
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no map. `EPERM`: the fd is write-only. `ENOENT`: no such key; see [`Map::lookup_user`].
    pub fn map_lookup_elem(&self, fd: Fd, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.core.map_lookup_elem(&self.memory, fd, key)
    }

    /// Whether a BLOOM_FILTER may have a value: `BPF_MAP_LOOKUP_ELEM` with the value as input.
    ///
    /// # Errors
    /// `EPERM`: the fd is write-only. `ENOENT`: it never got it; see [`Map::contains`].
    pub fn map_contains(&self, fd: Fd, value: &[u8]) -> Result<(), Errno> {
        self.core.map_contains(fd, value)
    }

    /// The key after another; the first one for `None` and for a key that is not there (`BPF_MAP_GET_NEXT_KEY`).
    ///
    /// # Errors
    /// `EPERM`: the fd is write-only. `ENOENT`: there is none.
    pub fn map_get_next_key(&self, fd: Fd, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        self.core.map_get_next_key(fd, key)
    }

    /// The id of a map: what looking it up in a map of maps answers.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no map.
    pub fn map_id(&self, fd: Fd) -> Result<u32, Errno> {
        self.core.map_of(fd).map(|id| self.core.objects.number(id))
    }

    /// Whether `poll(2)` of a ring buffer says that there is something to read. Asking takes it away.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no map.
    pub fn ringbuf_poll(&mut self, fd: Fd) -> Result<bool, Errno> {
        let id = self.core.map_of(fd)?;
        let object = self.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
        Ok(std::mem::take(&mut object.poll))
    }
}

impl Sys<'_> {
    /// See [`Kernel::map_create`].
    pub(crate) fn map_create(&mut self, spec: &MapSpec) -> Result<Fd, CreateError> {
        self.map_create_typed(spec, None)
    }

    /// See [`Kernel::map_create_typed`].
    pub(crate) fn map_create_typed(
        &mut self,
        spec: &MapSpec,
        types: Option<MapTypes>,
    ) -> Result<Fd, CreateError> {
        if self.core.objects.room().is_err() {
            return Err(CreateError::no_room("no room for the handles of more objects"));
        }
        self.memory.take_refused();
        let mut spec = spec.clone();
        if let Some(inner) = spec.inner.take() {
            spec.inner = Some(Box::new(self.template(*inner)?));
        }
        let access = Access::of_flags(spec.flags);
        let file = self.core.pages_for_map(&spec);
        let map = self.new_map(spec, file.as_ref())?;
        if let Err(errno) = self.core.files.room() {
            let nothing = map.destroy(self.memory);
            debug_assert!(nothing.is_empty());
            return Err(CreateError::no_descriptor(errno));
        }
        let ring = map.ring().map(|it| it.pages());
        let shared_arena = map.arena().is_some() && file.is_some();
        let object = MapObject { file, ..MapObject::new(map, types) };
        let id = self.core.objects.insert(Object::Map(Box::new(object)));
        if shared_arena {
            self.core.mmaps.arenas.insert(id);
        }
        if let Some(base) = ring {
            self.core.rings.insert(base, id);
        }
        Ok(self.core.files.open_with(id, access))
    }

    /// See [`Kernel::map_create_with_inner`].
    pub(crate) fn map_create_with_inner(&mut self, spec: &MapSpec, inner: Fd) -> Result<Fd, CreateError> {
        let inner = self.core.map_info(inner).map_err(|errno| CreateError::no_inner(errno, inner.0))?.clone();
        self.map_create(&spec.clone().with_inner(inner))
    }

    /// See [`Kernel::map_update_elem`].
    pub(crate) fn map_update_elem(
        &mut self,
        fd: Fd,
        key: &[u8],
        value: &[u8],
        flags: u64,
    ) -> Result<(), Errno> {
        let (id, map) = self.writable(fd)?;
        match held::shape(map.spec().kind) {
            Shape::Fds => return self.store_fd(fd, key, value, flags),
            Shape::Targets => return self.store_target(id, key, value, flags),
            Shape::Owned => {
                let owner = self.core.owner_for(id, key)?;
                let (_, displaced) = self.change(id, |map, cx| map.own(cx, owner, Some(value), flags))?;
                self.drop_displaced(displaced);
                return Ok(());
            }
            Shape::Plain => {}
        }
        let displaced = self.change(id, |map, cx| map.update(cx, key, value, flags, Side::User))?;
        self.drop_displaced(displaced);
        Ok(())
    }

    /// See [`Kernel::arena_read`].
    pub(crate) fn arena_read(&mut self, fd: Fd, offset: u64, into: &mut [u8]) -> Result<(), Errno> {
        self.limited(|sys| {
            let memory = sys.memory;
            sys.core.arena_of(fd)?.read_user(memory, offset, into)
        })
    }

    /// See [`Kernel::arena_write`].
    pub(crate) fn arena_write(&mut self, fd: Fd, offset: u64, from: &[u8]) -> Result<(), Errno> {
        self.limited(|sys| {
            let memory = sys.memory;
            sys.core.arena_of(fd)?.write_user(memory, offset, from)
        })
    }

    /// See [`Kernel::map_delete_elem`].
    pub(crate) fn map_delete_elem(&mut self, fd: Fd, key: &[u8]) -> Result<(), Errno> {
        let (id, map) = self.writable(fd)?;
        let displaced = match held::shape(map.spec().kind) {
            Shape::Owned => {
                let owner = self.core.owner_for(id, key)?;
                self.change(id, |map, cx| map.disown(cx, owner))?
            }
            _ => self.change(id, |map, cx| map.delete(cx, key, Side::User))?,
        };
        self.drop_displaced(displaced);
        Ok(())
    }

    /// See [`Kernel::map_lookup_and_delete_elem`].
    pub(crate) fn map_lookup_and_delete_elem(&mut self, fd: Fd, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.core.readable(fd)?;
        let (id, _) = self.writable(fd)?;
        let (value, displaced) = self.change(id, |map, cx| map.take_user(cx, key, 0))?;
        self.drop_displaced(displaced);
        Ok(value)
    }

    /// See [`Kernel::map_freeze`].
    pub(crate) fn map_freeze(&mut self, fd: Fd) -> Result<(), Errno> {
        if !self.core.map(fd)?.spec().special.is_empty() {
            return Err(Errno::ENOTSUPP);
        }
        let (id, _) = self.writable(fd)?;
        let object = self.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
        if object.writers > 0 { Err(Errno::EBUSY) } else { object.map.freeze() }
    }

    /// A map, or why there is none: a limit of this machine too.
    fn new_map(&self, spec: MapSpec, file: Option<&PageFile>) -> Result<Map, CreateError> {
        let cx = self.core.cx(self.memory);
        let map = match file {
            Some(file) => Map::over(spec, &cx, file),
            None => Map::new(spec, &cx),
        };
        map.map_err(|error| {
            let refused = self.memory.take_refused();
            refused.map_or(error, |refused| CreateError::no_room(over_limit(&refused)))
        })
    }

    /// A template for inner maps as a map of it would have it, which libbpf makes to pass its fd.
    fn template(&self, inner: MapSpec) -> Result<MapSpec, CreateError> {
        if inner.inner.is_some() {
            return Ok(inner);
        }
        let map = self.new_map(inner, None)?;
        let spec = map.spec().clone();
        let nothing = map.destroy(self.memory);
        debug_assert!(nothing.is_empty());
        Ok(spec)
    }

    /// The map that an fd stands for, if the fd may change it, and it is not frozen.
    pub(crate) fn writable(&mut self, fd: Fd) -> Result<(ObjRef, &mut Map), Errno> {
        let access = self.core.files.file(fd)?.access;
        let id = self.core.map_of(fd)?;
        let object = self.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
        if object.map.user_access(access).write { Ok((id, &mut object.map)) } else { Err(Errno::EPERM) }
    }

    /// Runs an operation on a map.
    pub(crate) fn change<T>(
        &mut self,
        id: ObjRef,
        run: impl FnOnce(&mut Map, &Cx<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.limited(|sys| {
            let cx = sys.core.cx(sys.memory);
            let object = sys.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
            run(&mut object.map, &cx)
        })
    }

    pub(crate) fn drop_displaced(&mut self, displaced: Displaced) {
        self.core.drop_displaced(displaced);
        self.core.sweep(self.memory);
    }
}

/// What a PROG_ARRAY asks of the programs in it, if this one is first.
pub(crate) fn owner_of(prog: &Prog) -> Owner {
    Owner {
        prog_type: prog.info.prog_type,
        expected_attach_type: prog.info.expected_attach_type,
        xdp_has_frags: prog.info.xdp_has_frags,
    }
}

impl Core {
    /// See [`Kernel::map_info`].
    pub(crate) fn map_info(&self, fd: Fd) -> Result<&MapSpec, Errno> {
        Ok(self.map(fd)?.spec())
    }

    /// See [`Kernel::map`].
    pub(crate) fn map(&self, fd: Fd) -> Result<&Map, Errno> {
        let id = self.map_of(fd)?;
        self.objects.map(id).map(|it| &it.map).ok_or(Errno::EINVAL)
    }

    /// The map that an fd stands for, if the fd may read it.
    pub(crate) fn readable(&self, fd: Fd) -> Result<&Map, Errno> {
        let object = self.objects.map(self.map_of(fd)?).ok_or(Errno::EINVAL)?;
        if object.map.user_access(self.files.file(fd)?.access).read {
            Ok(&object.map)
        } else {
            Err(Errno::EPERM)
        }
    }

    /// See [`Kernel::map_lookup_elem`].
    pub(crate) fn map_lookup_elem(&self, memory: &Memory, fd: Fd, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let map = self.readable(fd)?;
        match held::shape(map.spec().kind) {
            Shape::Fds => {
                // The map checks the key; its answer is a number of ours.
                map.lookup_user(&self.cx(memory), key)?;
                return map.held(key).map(|id| self.show_held(map.spec(), id)).ok_or(Errno::ENOENT);
            }
            Shape::Owned => {
                let owner = self.owner_for(self.map_of(fd)?, key)?;
                return map.owned(&self.cx(memory), owner);
            }
            Shape::Plain | Shape::Targets => {}
        }
        map.lookup_user(&self.cx(memory), key)
    }

    /// See [`Kernel::map_contains`].
    pub(crate) fn map_contains(&self, fd: Fd, value: &[u8]) -> Result<(), Errno> {
        self.readable(fd)?.contains(value)
    }

    /// See [`Kernel::map_get_next_key`].
    pub(crate) fn map_get_next_key(&self, fd: Fd, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        self.readable(fd)?.next_key(key)
    }

    /// The arena that an fd stands for.
    fn arena_of(&mut self, fd: Fd) -> Result<&mut skep_maps::Arena, Errno> {
        let id = self.map_of(fd)?;
        self.objects.map_mut(id).and_then(|it| it.map.arena_mut()).ok_or(Errno::EINVAL)
    }

    /// Has a program go with a PROG_ARRAY, in it or through it; the first one decides which others can
    /// (`bpf_prog_map_compatible`, `kernel/bpf/core.c`).
    ///
    /// # Errors
    /// `EINVAL`: it does not go with those before.
    pub(crate) fn claim(&mut self, array: ObjRef, owner: Owner) -> Result<(), Errno> {
        let object = self.objects.map_mut(array).ok_or(Errno::EINVAL)?;
        if *object.owner.get_or_insert(owner) == owner { Ok(()) } else { Err(Errno::EINVAL) }
    }
}
