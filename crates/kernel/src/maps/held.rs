//! Maps that hold what file descriptors stand for.

use super::owner_of;
use crate::files::Fd;
use crate::kernel::Kernel;
use skep_abi::{Errno, MapType, ProgType};
use skep_maps::ObjRef;

/// The types whose values user space gives as fds.
pub(super) fn takes_fds(kind: MapType) -> bool {
    use MapType::*;
    matches!(kind, ProgArray | PerfEventArray | ArrayOfMaps | HashOfMaps)
}

impl Kernel {
    /// Has an element hold what an fd stands for (`bpf_fd_array_map_update_elem`, `bpf_fd_htab_map_update_elem`).
    pub(super) fn store_fd(&mut self, id: ObjRef, key: &[u8], value: &[u8], flags: u64) -> Result<(), Errno> {
        let fd = Fd(value.try_into().map(i32::from_le_bytes).map_err(|_| Errno::EINVAL)?);
        let object = self.core.objects.map(id).ok_or(Errno::EINVAL)?;
        object.map.check_hold(key, flags)?;
        let stored = match object.map.spec().kind {
            MapType::ProgArray => self.prog_for(id, fd)?,
            MapType::PerfEventArray => self.event_for(fd)?,
            _ => self.inner_for(id, fd)?,
        };
        let object = self.core.objects.map_mut(id).ok_or(Errno::EINVAL)?;
        let displaced = object.map.hold(key, stored, flags)?;
        self.core.objects.retain(stored);
        if let Some(prog) = self.core.objects.prog_mut(stored) {
            prog.memberships += 1;
        }
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

    /// The map to put into a map of maps (`bpf_map_fd_get_ptr`).
    fn inner_for(&self, outer: ObjRef, fd: Fd) -> Result<ObjRef, Errno> {
        let id = self.core.map_of(fd)?;
        let spec = |id| self.core.objects.map(id).map(|it| it.map.spec()).ok_or(Errno::EINVAL);
        if spec(outer)?.takes_inner(spec(id)?) { Ok(id) } else { Err(Errno::EINVAL) }
    }
}
