//! The user side of maps: what `bpf(2)` does with a map's fd.

use crate::files::Fd;
use crate::kernel::Kernel;
use crate::object::{MapObject, Object, Owner};
use crate::prog::Prog;
use crate::report::over_limit;
use skep_abi::{Errno, MapType, ProgType};
use skep_maps::{Access, CreateError, Cx, Displaced, Map, MapSpec, ObjRef, Side};

impl Kernel {
    /// Makes a map (`BPF_MAP_CREATE`).
    ///
    /// # Errors
    /// What the kernel refuses, with its errno and a sentence; map types that are not emulated; no room.
    pub fn map_create(&mut self, spec: &MapSpec) -> Result<Fd, CreateError> {
        if self.core.objects.room().is_err() {
            return Err(CreateError::no_room("no room for the handles of more objects"));
        }
        self.memory.take_refused();
        let map = Map::new(spec.clone(), &self.core.cx(&self.memory)).map_err(|error| {
            let refused = self.memory.take_refused();
            refused.map_or(error, |refused| CreateError::no_room(over_limit(&refused)))
        })?;
        let ring = map.ring().map(|it| it.pages());
        let access = Access::of_flags(spec.flags);
        let object = MapObject { map, access, fds: 1, owner: None, poll: false };
        let id = self.core.objects.insert(Object::Map(Box::new(object)));
        if let Some(base) = ring {
            self.core.rings.insert(base, id);
        }
        Ok(self.core.files.open(id))
    }

    /// What a map was made from, as the kernel has it: sizes rounded, flags of the fd gone.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no map.
    pub fn map_info(&self, fd: Fd) -> Result<&MapSpec, Errno> {
        Ok(self.map(fd)?.spec())
    }

    /// The map that an fd stands for: for readers of ring buffers.
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no map.
    pub fn map(&self, fd: Fd) -> Result<&Map, Errno> {
        let id = self.core.map_of(fd)?;
        self.core.objects.map(id).map(|it| &it.map).ok_or(Errno::EINVAL)
    }

    /// The map that an fd stands for, if the fd may read it.
    fn readable(&self, fd: Fd) -> Result<&Map, Errno> {
        let object = self.core.objects.map(self.core.map_of(fd)?).ok_or(Errno::EINVAL)?;
        if object.map.user_access(object.access).read { Ok(&object.map) } else { Err(Errno::EPERM) }
    }

    /// The map that an fd stands for, if the fd may change it, and it is not frozen.
    fn writable(&mut self, fd: Fd) -> Result<(ObjRef, &mut Map), Errno> {
        let id = self.core.map_of(fd)?;
        let object = self.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
        if object.map.user_access(object.access).write {
            Ok((id, &mut object.map))
        } else {
            Err(Errno::EPERM)
        }
    }

    /// The value of a key (`BPF_MAP_LOOKUP_ELEM`). Per-CPU maps answer the values of all CPUs, each padded to 8 bytes; a
    /// PROG_ARRAY answers the program's id ([`Kernel::prog_id`]).
    ///
    /// # Errors
    /// `EBADF`, `EINVAL`: no map. `EPERM`: the fd is write-only. `ENOENT`: no such key; see [`Map::lookup_user`].
    pub fn map_lookup_elem(&self, fd: Fd, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let map = self.readable(fd)?;
        if map.spec().kind == MapType::ProgArray {
            // The map checks the key; its answer is a number of ours.
            map.lookup_user(&self.core.cx(&self.memory), key)?;
            let id = key.try_into().ok().and_then(|key| map.object(u32::from_le_bytes(key)));
            return id.map(|id| prog_id(id).to_le_bytes().to_vec()).ok_or(Errno::ENOENT);
        }
        map.lookup_user(&self.core.cx(&self.memory), key)
    }

    /// Creates or replaces the value of a key (`BPF_MAP_UPDATE_ELEM`). Values have the same shape as in
    /// [`Kernel::map_lookup_elem`]; those of a PROG_ARRAY or PERF_EVENT_ARRAY are fds, as 4 little-endian bytes.
    ///
    /// # Errors
    /// `EPERM`: the fd is read-only, or the map is frozen; see [`Map::update`]. For fds: `EBADF` if it is none or of
    /// another kind, `EINVAL` for a program that the PROG_ARRAY does not take, `EBUSY` for one that an EXT program
    /// extends, `EOPNOTSUPP` for an inherited event. The slot is then as it was. `ENOMEM`: no room, or
    /// [`Kernel::refused`] says why.
    pub fn map_update_elem(&mut self, fd: Fd, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        let (id, map) = self.writable(fd)?;
        if matches!(map.spec().kind, MapType::ProgArray | MapType::PerfEventArray) {
            return self.store_fd(id, key, value, flags);
        }
        let displaced = self.change(id, |map, cx| map.update(cx, key, value, flags, Side::User))?;
        self.drop_displaced(displaced);
        Ok(())
    }

    /// Deletes a key (`BPF_MAP_DELETE_ELEM`).
    ///
    /// # Errors
    /// `EPERM`: the fd is read-only, or the map is frozen; see [`Map::delete`].
    pub fn map_delete_elem(&mut self, fd: Fd, key: &[u8]) -> Result<(), Errno> {
        let (id, _) = self.writable(fd)?;
        let displaced = self.change(id, |map, cx| map.delete(cx, key, Side::User))?;
        self.drop_displaced(displaced);
        Ok(())
    }

    /// Looks a key up and deletes it (`BPF_MAP_LOOKUP_AND_DELETE_ELEM`).
    ///
    /// # Errors
    /// `EPERM`: the fd is read-only or write-only, or the map is frozen; see [`Map::take_user`].
    pub fn map_lookup_and_delete_elem(&mut self, fd: Fd, key: &[u8]) -> Result<Vec<u8>, Errno> {
        self.readable(fd)?;
        let (id, _) = self.writable(fd)?;
        let (value, displaced) = self.change(id, |map, cx| map.take_user(cx, key, 0))?;
        self.drop_displaced(displaced);
        Ok(value)
    }

    /// The key after another; the first one for `None` and for a key that is not there (`BPF_MAP_GET_NEXT_KEY`).
    ///
    /// # Errors
    /// `EPERM`: the fd is write-only. `ENOENT`: there is none.
    pub fn map_get_next_key(&self, fd: Fd, key: Option<&[u8]>) -> Result<Vec<u8>, Errno> {
        self.readable(fd)?.next_key(key)
    }

    /// Makes a map read-only for user space (`BPF_MAP_FREEZE`).
    ///
    /// # Errors
    /// `ENOTSUPP`: values have special fields, which is looked at first. `EPERM`: the fd is read-only, or the map is
    /// frozen already.
    pub fn map_freeze(&mut self, fd: Fd) -> Result<(), Errno> {
        if !self.map(fd)?.spec().special.is_empty() {
            return Err(Errno::ENOTSUPP);
        }
        self.writable(fd)?.1.freeze()
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

    /// Runs an operation on a map.
    fn change<T>(
        &mut self,
        id: ObjRef,
        run: impl FnOnce(&mut Map, &Cx<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.limited(|kernel| {
            let cx = kernel.core.cx(&kernel.memory);
            let object = kernel.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
            run(&mut object.map, &cx)
        })
    }

    fn drop_displaced(&mut self, displaced: Displaced) {
        self.core.drop_displaced(displaced);
        self.core.sweep(&self.memory);
    }

    /// Stores what an fd stands for in a slot (`bpf_fd_array_map_update_elem`, `kernel/bpf/arraymap.c`).
    fn store_fd(&mut self, id: ObjRef, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        let word = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).map_err(|_| Errno::EINVAL);
        let (index, fd) = (word(key)?, Fd(word(value)? as i32));
        let object = self.core.objects.map(id).ok_or(Errno::EINVAL)?;
        object.map.check_set(index, flags)?;
        let stored = match object.map.spec().kind {
            MapType::ProgArray => self.prog_for(id, fd)?,
            _ => self.event_for(fd)?,
        };
        self.core.objects.retain(stored);
        if let Some(prog) = self.core.objects.prog_mut(stored) {
            prog.memberships += 1;
        }
        let object = self.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
        let displaced = object.map.set_object(index, stored, flags)?;
        self.drop_displaced(displaced);
        Ok(())
    }

    /// The program to put into a PROG_ARRAY (`prog_fd_array_get_ptr`).
    fn prog_for(&mut self, array: ObjRef, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.core.prog_of(fd)?;
        let prog = self.core.objects.prog(id).ok_or(Errno::EINVAL)?;
        let (owner, extended) = (owner_of(prog), prog.extended);
        if owner.prog_type == ProgType::Ext {
            return Err(Errno::EINVAL);
        }
        self.core.claim(array, owner)?;
        if extended { Err(Errno::EBUSY) } else { Ok(id) }
    }

    /// The event to put into a PERF_EVENT_ARRAY (`perf_event_fd_array_get_ptr`).
    fn event_for(&mut self, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.core.files.get(fd)?;
        let event = self.core.objects.perf_mut(id).ok_or(Errno::EBADF)?;
        if event.attr.inherit { Err(Errno::EOPNOTSUPP) } else { Ok(id) }
    }
}

/// The id of a program, as user space sees it: ids begin at 1.
pub(crate) fn prog_id(id: ObjRef) -> u32 {
    id.0 + 1
}

/// What a PROG_ARRAY asks of the programs in it, if this one is first.
pub(crate) fn owner_of(prog: &Prog) -> Owner {
    Owner {
        prog_type: prog.info.prog_type,
        expected_attach_type: prog.info.expected_attach_type,
        xdp_has_frags: prog.info.xdp_has_frags,
    }
}

impl crate::state::Core {
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
